"""Decimal strings as JSON numbers that FHIR allows, with the value of the file."""

import re
from decimal import Decimal
from itertools import product

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from imaging_selection.mapping.decimal_strings import (
    BeyondDecimalError,
    NotDecimalError,
    decimal_text,
    fhir_decimal,
    is_same_number,
    json_numbers,
)

# FHIR 5.0.0, datatypes.html#decimal
FHIR_DECIMAL = re.compile(
    r"-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,17})?([eE][+-]?[0-9]{1,9})?"
)
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
    try:
        made = written(text)
    except BeyondDecimalError:
        assert re.search(r"[eE][+-]?[0-9]{9}|[0-9.]{36}", text)
        return
    if not isinstance(tokens, list):
        assert made == tokens
        return
    numbers, count = made
    assert count == len(tokens)
    for number, token in zip(numbers.split(","), tokens, strict=True):
        assert FHIR_DECIMAL.fullmatch(number)
        if FHIR_DECIMAL.fullmatch(token):
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


@pytest.mark.parametrize(
    ("text", "number"),
    [
        # What rt-utils writes: a DS that is too long
        ("-0.019999146461486816", "-1.9999146461486816e-2"),
        ("0.00012345678901234567", "1.2345678901234567e-4"),
        ("0.12345678901234567", "0.12345678901234567"),  # 17 digits: as it stands
        ("123456789012345678", "123456789012345678"),  # 18 digits: as it stands
        ("1234567890123456789", "12.34567890123456789e17"),
        ("-100000000000000000000000", "-1000000.00000000000000000e17"),
        ("1" + "0" * 60, "1e60"),  # trailing zeros go where there are too many
        ("0." + "0" * 60 + "1200" + "0" * 40, "1.2e-61"),
        ("0." + "0" * 30, "0"),
        ("-0." + "0" * 30, "-0"),
        ("1e0000000000005", "1e5"),
        ("1.5E-0000000000005", "1.5e-5"),
        ("0e99999999999", "0"),
        ("1234567890123456789e-18", "12.34567890123456789e-1"),
        ("0.000000000000000001e999999999", "1e999999981"),
        ("1e" + "0" * 5000 + "7", "1e7"),
    ],
)
def test_the_point_moves_where_a_decimal_has_no_room(text, number):
    assert fhir_decimal(text.encode()) == number.encode()
    assert Decimal(number) == Decimal(text)


@pytest.mark.parametrize(
    "text",
    [
        "1e1000000000",
        "1e-1000000000",
        "1." + "1" * 35,
        "123456789012345678.123456789012345678",
        "1e" + "9" * 5000,
        "-1e-" + "9" * 19,
        "10.00000000000000000e999999999999",
    ],
)
def test_what_no_decimal_can_represent_is_refused(text):
    with pytest.raises(BeyondDecimalError):
        fhir_decimal(text.encode())
    assert decimal_text(text) is None


@given(
    st.sampled_from(["", "-", "+"]),
    st.text("0123456789", max_size=40),
    st.text("0123456789", max_size=40),
    st.sampled_from(["", "e", "E-", "e+"]),
    st.integers(0, 10**10).map(str)
    | st.from_regex("0{0,12}[0-9]{1,3}", fullmatch=True),
)
@example("-", "0", "019999146461486816", "", "")
@example("", "0" * 20 + "7", "0" * 40, "e", "000000000000")
def test_a_decimal_has_the_datatypes_own_form_and_the_same_value(
    sign, whole, fraction, mark, exponent
):
    text = sign + (whole or "0") + "." + fraction + (mark + exponent if mark else "")
    try:
        number = fhir_decimal(text.encode()).decode()
    except BeyondDecimalError:
        digits = (whole + fraction).strip("0")
        adjusted = Decimal(text).adjusted()
        assert len(digits) > 35 or abs(adjusted) > 999_999_999 - 35
        return
    assert FHIR_DECIMAL.fullmatch(number)
    assert Decimal(number) == Decimal(text)
    assert is_same_number(number.encode(), number.encode())


@pytest.mark.parametrize("place", [0, 1, 5000])
def test_one_long_number_among_thousands_is_written_anew_and_the_others_stay(place):
    tokens = [f"{number}.50" for number in range(9000)]
    tokens[place] = "0.019999146461486816"
    numbers, count = written("\\".join(tokens))
    tokens[place] = "1.9999146461486816e-2"
    assert (numbers.split(","), count) == (tokens, 9000)
