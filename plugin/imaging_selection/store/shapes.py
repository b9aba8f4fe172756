"""Split a query into its shape and its values.

To build an SQL statement takes longer than to run it. So the statement of each shape is
built once (`store.statements`), with a parameter for each value, and the values go with
each execution.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING

from imaging_selection.search.criteria import (
    Comparison,
    DateMatch,
    Order,
    TextMatch,
    TokenMatch,
)
from imaging_selection.search.normalize import MAXIMUM_LENGTH, after_prefix, fold_entry

if TYPE_CHECKING:
    from collections.abc import Iterable

    from imaging_selection.search.criteria import Criterion, Match, Query

# Name of a parameter of the statement -> its value.
Values = dict[str, str | int | None]

ESCAPE = "/"  # in LIKE


@dataclass(frozen=True, slots=True)
class TokenShape:
    """The shape of a `TokenMatch`.

    Attributes
    ----------
    number
        Of the match in the query. The names of its values end with it, as `code0`.
    """

    number: int
    has_system: bool


@dataclass(frozen=True, slots=True)
class DateShape:
    """The shape of a `DateMatch`."""

    number: int
    prefix: str


@dataclass(frozen=True, slots=True)
class TextShape:
    """The shape of a `TextMatch`."""

    number: int
    comparison: Comparison


MatchShape = TokenShape | DateShape | TextShape


@dataclass(frozen=True, slots=True)
class CriterionShape:
    """The shape of a `Criterion`, with what follows from it."""

    name: str
    matches: tuple[MatchShape, ...]
    negated: bool
    is_ordered: bool
    narrows: bool


@dataclass(frozen=True, slots=True)
class QueryShape:
    """The shape of a `Query`.

    Attributes
    ----------
    order
        The order that the page has.
    continues
        Whether the page begins after a position: `after_value`, `after_key`.
    """

    resource_type: str
    criteria: tuple[CriterionShape, ...]
    order: Order
    continues: bool = False


def split_query(query: Query) -> tuple[QueryShape, Values]:
    """Split a query; its values include `limit`, one more than the size of a page."""
    criteria, values = split_criteria(query.criteria)
    values["limit"] = query.count + 1
    after = query.after
    if after is not None:
        values["after_value"], values["after_key"] = after.value, after.key
    shape = QueryShape(
        query.resource_type, criteria, query.applied_order, after is not None
    )
    return shape, values


def split_criteria(
    criteria: Iterable[Criterion],
) -> tuple[tuple[CriterionShape, ...], Values]:
    """Split criteria."""
    values: Values = {}
    numbers = count()
    shapes = tuple(
        CriterionShape(
            each.name,
            tuple(_shape_of(match, next(numbers), values) for match in each.matches),
            each.negated,
            each.is_ordered,
            each.narrows,
        )
        for each in criteria
    )
    return shapes, values


def _shape_of(match: Match, number: int, values: Values) -> MatchShape:
    """Return the shape of a match, and add its values."""
    if isinstance(match, TokenMatch):
        values[f"code{number}"] = match.code
        if match.system is not None:
            values[f"system{number}"] = match.system
        return TokenShape(number, match.system is not None)
    if isinstance(match, DateMatch):
        values[f"start{number}"], values[f"end{number}"] = match.start, match.end
        return DateShape(number, match.prefix)
    values |= _texts_of(match, number)
    return TextShape(number, match.comparison)


def _texts_of(match: TextMatch, number: int) -> Values:
    text = match.text
    if match.comparison is Comparison.EXACT:
        return {f"folded{number}": fold_entry(text), f"exact{number}": text}
    if match.comparison is Comparison.CONTAINS:
        for letter in (ESCAPE, "%", "_"):
            text = text.replace(letter, ESCAPE + letter)
        return {f"pattern{number}": f"%{text}%"}
    # No entry is longer, so the second text is after all that begin with the first.
    after = after_prefix(text) or text + "\U0010ffff" * MAXIMUM_LENGTH
    return {f"first{number}": text, f"after{number}": after}
