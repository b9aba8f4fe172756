"""Split a query into its shape and its values.

To build an SQL statement takes longer than to run it. So the statement of each shape is
built once (`store.statements`), with a parameter for each value, and the values go with
each execution.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, NamedTuple

from imaging_selection.search.criteria import (
    ChainMatch,
    Comparison,
    DateMatch,
    Order,
    RangeMatch,
    ReverseMatch,
    TextMatch,
    TokenMatch,
)
from imaging_selection.search.normalize import MAXIMUM_LENGTH, after_prefix, fold_entry

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from imaging_selection.search.criteria import Criterion, Match, Query
    from imaging_selection.search.ranges import Bound

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


class BoundShape(NamedTuple):
    """The shape of a `Bound`, with the name of its value."""

    column: str
    operator: str
    value: str


@dataclass(frozen=True, slots=True)
class RangeShape:
    """The shape of a `RangeMatch`."""

    number: int
    alternatives: tuple[tuple[BoundShape, ...], ...]


@dataclass(frozen=True, slots=True)
class ChainShape:
    """The shape of a `ChainMatch`."""

    target: str
    criterion: CriterionShape


@dataclass(frozen=True, slots=True)
class ReverseShape:
    """The shape of a `ReverseMatch`."""

    source: str
    reference: str
    criterion: CriterionShape


MatchShape = TokenShape | DateShape | TextShape | RangeShape | ChainShape | ReverseShape


@dataclass(frozen=True, slots=True)
class CriterionShape:
    """The shape of a `Criterion`, with what follows from it."""

    name: str
    matches: tuple[MatchShape, ...]
    negated: bool
    is_ordered: bool
    narrows: bool
    leads: bool


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
        values |= {f"after_value{n}": e for n, e in enumerate(after.further, 1)}
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
    shapes = tuple(_criterion_shape(each, numbers, values) for each in criteria)
    return shapes, values


def _criterion_shape(
    criterion: Criterion, numbers: Iterator[int], values: Values
) -> CriterionShape:
    return CriterionShape(
        criterion.name,
        tuple(_match_shape(match, numbers, values) for match in criterion.matches),
        criterion.negated,
        criterion.is_ordered,
        criterion.narrows,
        criterion.leads,
    )


def _match_shape(match: Match, numbers: Iterator[int], values: Values) -> MatchShape:
    """Return the shape of a match, and add its values."""
    if isinstance(match, ChainMatch):
        inner = _criterion_shape(match.criterion, numbers, values)
        return ChainShape(match.target, inner)
    if isinstance(match, ReverseMatch):
        inner = _criterion_shape(match.criterion, numbers, values)
        return ReverseShape(match.source, match.reference, inner)
    return _shape_of(match, next(numbers), values)


def _shape_of(
    match: TokenMatch | DateMatch | TextMatch | RangeMatch, number: int, values: Values
) -> MatchShape:
    if isinstance(match, TokenMatch):
        values[f"code{number}"] = match.code
        if match.system is not None:
            values[f"system{number}"] = match.system
        return TokenShape(number, match.system is not None)
    if isinstance(match, DateMatch):
        values[f"start{number}"], values[f"end{number}"] = match.start, match.end
        return DateShape(number, match.prefix)
    if isinstance(match, RangeMatch):
        return _range_shape(match, number, values)
    values |= _texts_of(match, number)
    return TextShape(number, match.comparison)


def _range_shape(match: RangeMatch, number: int, values: Values) -> RangeShape:
    places = count()

    def shape_of(bound: Bound) -> BoundShape:
        name = f"bound{number}_{next(places)}"
        is_pattern = bound.operator == "like"
        values[name] = _pattern_of(bound.value) if is_pattern else bound.value
        return BoundShape(bound.column, bound.operator, name)

    alternatives = (tuple(map(shape_of, bounds)) for bounds in match.alternatives)
    return RangeShape(number, tuple(alternatives))


def _pattern_of(text: str) -> str:
    """Return the pattern of LIKE for the texts that contain one."""
    for letter in (ESCAPE, "%", "_"):
        text = text.replace(letter, ESCAPE + letter)
    return f"%{text}%"


def _texts_of(match: TextMatch, number: int) -> Values:
    text = match.text
    if match.comparison is Comparison.EXACT:
        return {f"folded{number}": fold_entry(text), f"exact{number}": text}
    if match.comparison is Comparison.CONTAINS:
        return {f"pattern{number}": _pattern_of(text)}
    # No entry is longer, so the second text is after all that begin with the first.
    after = after_prefix(text) or text + "\U0010ffff" * MAXIMUM_LENGTH
    return {f"first{number}": text, f"after{number}": after}
