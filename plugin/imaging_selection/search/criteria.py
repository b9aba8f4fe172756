"""A search as it will be applied: what the parser makes and the store understands."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from imaging_selection.search.parameters import PARAMETERS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from imaging_selection.search.extract import Token

DEFAULT_PAGE_SIZE = 50

# Column of the store -> the one in whose order it sorts.
COLUMNS = {each.column: each.sort_column for each in PARAMETERS.values() if each.column}


@dataclass(frozen=True, slots=True)
class TokenMatch:
    """A token to be found, of any system with None, of any code with an empty one."""

    system: str | None
    code: str


class Comparison(StrEnum):
    """How text is compared."""

    PREFIX = "prefix"
    EXACT = "exact"
    CONTAINS = "contains"


@dataclass(frozen=True, slots=True)
class TextMatch:
    """Text to be found: folded, or as it was written for an exact comparison."""

    comparison: Comparison
    text: str


@dataclass(frozen=True, slots=True)
class DateMatch:
    """A prefix of R5 and the interval that follows it."""

    prefix: str
    low: int
    high: int


Match = TokenMatch | TextMatch | DateMatch


@dataclass(frozen=True, slots=True)
class Criterion:
    """One parameter of a search: it is met when any of the matches is met.

    Attributes
    ----------
    name
        Under which the index has the values: `patient`, `patient:identifier`, or a
        column.
    negated
        It is met when none of the matches is.
    """

    name: str
    matches: tuple[Match, ...]
    negated: bool = False

    @property
    def is_of_column(self) -> bool:
        """Whether it is about a sorted column."""
        return self.name in COLUMNS

    @property
    def narrows(self) -> bool:
        """Whether an index leads to what meets it."""
        return not self.negated and all(map(self._is_indexed, self.matches))

    def _is_indexed(self, match: Match) -> bool:
        if isinstance(match, TextMatch):
            return self.is_of_column and match.comparison is not Comparison.CONTAINS
        return isinstance(match, TokenMatch) or match.prefix != "ne"


def meets(tokens: Iterable[Token], criterion: Criterion) -> bool:
    """Tell whether a resource with these tokens meets a criterion about tokens."""
    met = any(
        token.parameter == criterion.name
        and isinstance(match, TokenMatch)
        and match.system in {None, token.system}
        and match.code == token.code
        for token in tokens
        for match in criterion.matches
    )
    return met is not criterion.negated


@dataclass(frozen=True, slots=True)
class Order:
    """The order of the matches; without a column, that of their keys."""

    column: str = ""
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page ended: the last match's place in an order."""

    order: Order
    value: str | int | None
    key: int


@dataclass(frozen=True, slots=True)
class Query:
    """A search as it will be applied.

    Attributes
    ----------
    criteria
        All must be met.
    count
        The most matches on a page; 0 asks for the total alone.
    order
        As asked for; None: as the index has them.
    after
        Where the page starts: the place of the last match of the page before.
    total
        The total is asked for, whatever it costs.
    """

    criteria: tuple[Criterion, ...] = ()
    count: int = DEFAULT_PAGE_SIZE
    order: Order | None = None
    after: Place | None = None
    total: bool = False

    @property
    def applied_order(self) -> Order:
        """The order of the matches: as asked for, or as the index gives it for free.

        It follows from the parameters alone, never from the data: the next page has the
        order of the first.
        """
        if self.order is not None:
            return self.order
        leading = [each for each in self.criteria if each.narrows]
        if leading and all(each.is_of_column for each in leading):
            return Order(COLUMNS[leading[0].name])
        return Order()
