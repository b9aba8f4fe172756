"""A query in two parts: its shape, for which SQL is made once, and its values.

Making SQL takes longer than running it. In a shape, numbers stand where the values
were; they name the values (`v0`, `v1`, ...) that go with each execution.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from imaging_selection.search.criteria import (
    Comparison,
    Criterion,
    DateMatch,
    Place,
    Query,
    TextMatch,
    TokenMatch,
)
from imaging_selection.search.normalize import LONGEST, after_prefix, fold

if TYPE_CHECKING:
    from collections.abc import Iterable

    from imaging_selection.search.criteria import Match

Values = dict[str, str | int | None]

ESCAPE = "/"


def shape_of(query: Query) -> tuple[Query, Values]:
    """Take a query apart; its size goes by the name `limit`, its place by `after_...`.

    Returns
    -------
    shape, values
        The limit is one more than a page, to know whether another follows.
    """
    criteria, values = shapes_of(query.criteria)
    values["limit"] = query.count + 1
    after = query.after
    if after is not None:
        values["after_value"], values["after_key"] = after.value, after.key
        after = Place(after.order, None, 0)
    return Query(criteria, 0, query.order, after), values


def shapes_of(criteria: Iterable[Criterion]) -> tuple[tuple[Criterion, ...], Values]:
    """Take criteria apart."""
    values: Values = {}
    shapes = [
        replace(each, matches=tuple(_blank(match, values) for match in each.matches))
        for each in criteria
    ]
    return tuple(shapes), values


def _blank(match: Match, values: Values) -> Match:
    def keep(value: str | int) -> int:
        number = len(values)
        values[f"v{number}"] = value
        return number

    if isinstance(match, DateMatch):
        return DateMatch(match.prefix, keep(match.low), keep(match.high))
    if isinstance(match, TokenMatch):
        system = None if match.system is None else str(keep(match.system))
        return TokenMatch(system, str(keep(match.code)))
    first = str(len(values))
    for value in _bounds(match):
        keep(value)
    return TextMatch(match.comparison, first)


def _bounds(match: TextMatch) -> tuple[str, ...]:
    """Give what a text is compared with: the values of one match, in a row."""
    text = match.text
    if match.comparison is Comparison.EXACT:
        return fold(text)[:LONGEST], text
    if match.comparison is Comparison.CONTAINS:
        for letter in (ESCAPE, "%", "_"):
            text = text.replace(letter, ESCAPE + letter)
        return (f"%{text}%",)
    # Nothing that is indexed is longer: this is above all that starts with the text.
    return text, after_prefix(text) or text + "\U0010ffff" * LONGEST
