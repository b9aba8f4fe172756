"""Decimal strings as JSON numbers: the fast judgement and the exact one agree."""

import re
from itertools import product

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from imaging_selection.mapping.rtstruct.decimal_strings import (
    NotDecimalError,
    json_numbers,
)

JSON_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")  # RFC 8259
DECIMAL_STRING = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")


def written(text):
    """What a value becomes, and how many numbers; None where it is refused."""
    value = text.encode("latin-1")
    try:
        pieces, count = json_numbers(b"head" + value, 4, 4 + len(value))
    except NotDecimalError:
        return None
    return b",".join(pieces).decode(), count


def expected_of(text):
    tokens = text.rstrip(" \0").split("\\")
    if tokens == [""]:
        return "", 0
    if not all(DECIMAL_STRING.fullmatch(token.strip(" ")) for token in tokens):
        return None
    return tokens


def check(text):
    tokens = expected_of(text)
    if not isinstance(tokens, list):
        assert written(text) == tokens
        return
    numbers, count = written(text)
    assert count == len(tokens)
    for number, token in zip(numbers.split(","), tokens, strict=True):
        assert JSON_NUMBER.fullmatch(number)
        if JSON_NUMBER.fullmatch(token):
            assert number == token  # as it stands, to the last digit


@pytest.mark.parametrize("length", range(1, 5))
def test_every_short_text_of_the_letters_of_numbers_is_judged_by_the_grammar(length):
    for letters in product("01.-e\\", repeat=length):
        check("".join(letters))


@given(st.text(st.sampled_from("0019.-e\\"), max_size=30))
@example("1.5e-05\\-0.50\\0")
@example("1.5.5\\2")
@example("1e5e5")
@example("1e5.5")
@example("1-2")
@example("1e5-3")
@example("-00.5")
@example("e5\\1")
@example("1\\")
def test_usual_letters_in_any_order_are_judged_by_the_grammar(text):
    check(text)


@given(st.text(st.sampled_from("0123456789+-.eE\\ ,xX\0"), max_size=30))
def test_any_letters_are_judged_by_the_grammar(text):
    check(text)


@given(
    st.lists(st.from_regex(DECIMAL_STRING, fullmatch=True), min_size=1, max_size=9),
    st.sampled_from("0123456789+-.eE\\ ,x\0"),
    st.data(),
)
def test_one_letter_in_the_wrong_place_is_noticed(tokens, letter, data):
    text = "\\".join(tokens)
    place = data.draw(st.integers(0, len(text)))
    check(text[:place] + letter + text[place:])
