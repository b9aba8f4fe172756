"""A parsed search: the parser makes it, the store runs it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from imaging_selection.search.parameters import IMAGING_SELECTION, ORDERED

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from imaging_selection.search.extract import Token
    from imaging_selection.search.ranges import Bounds

DEFAULT_PAGE_SIZE = 50


@dataclass(frozen=True, slots=True)
class TokenMatch:
    """A token to find.

    Attributes
    ----------
    system
        None: any system, or none.
    code
        Empty: any code of the system.
    """

    system: str | None
    code: str


class Comparison(StrEnum):
    """How texts are compared."""

    PREFIX = "prefix"
    EXACT = "exact"
    CONTAINS = "contains"


@dataclass(frozen=True, slots=True)
class TextMatch:
    """A text to find: folded, or as the client wrote it for an exact comparison."""

    comparison: Comparison
    text: str


@dataclass(frozen=True, slots=True)
class DateMatch:
    """A date to find: a prefix of R5, and an interval.

    Attributes
    ----------
    start, end
        Microseconds since 1970; `end` is the first that does not belong to the
        interval.
    """

    prefix: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class RangeMatch:
    """Values to find that the index keeps in order, among the tokens.

    Attributes
    ----------
    alternatives
        A token matches when it meets every bound of one of them.
    """

    alternatives: tuple[Bounds, ...]

    @property
    def narrows(self) -> bool:
        """Whether the index of the codes leads to the tokens that match."""
        return all(
            any(each.column == "code" and each.operator != "like" for each in bounds)
            for bounds in self.alternatives
        )


@dataclass(frozen=True, slots=True)
class ChainMatch:
    """A reference to find whose target meets a criterion.

    Attributes
    ----------
    target
        The type of the target.
    """

    target: str
    criterion: Criterion

    @property
    def narrows(self) -> bool:
        """Whether an index leads to the targets."""
        return self.criterion.narrows


@dataclass(frozen=True, slots=True)
class ReverseMatch:
    """A resource to find that another one refers to, which meets a criterion.

    Attributes
    ----------
    source
        The type of the other resource.
    reference
        The parameter by which it refers.
    """

    source: str
    reference: str
    criterion: Criterion

    @property
    def narrows(self) -> bool:
        """Whether an index leads to the other resources."""
        return self.criterion.narrows


Match = TokenMatch | TextMatch | DateMatch | RangeMatch | ChainMatch | ReverseMatch
_BY_OTHERS = (ChainMatch, ReverseMatch)


@dataclass(frozen=True, slots=True)
class Criterion:
    """One parameter of a search: a resource meets it when it meets any of the matches.

    Attributes
    ----------
    name
        The name in the index: of a parameter, or as `patient:identifier`.
    negated
        A resource meets it when it meets none of the matches.
    """

    name: str
    matches: tuple[Match, ...]
    negated: bool = False

    @property
    def is_ordered(self) -> bool:
        """Whether a column of the store has the value of the parameter."""
        return self.name in ORDERED

    @property
    def narrows(self) -> bool:
        """Whether an index leads to the resources that meet the criterion."""
        return not self.negated and all(map(self._is_indexed, self.matches))

    @property
    def leads(self) -> bool:
        """Whether an index has the resources that meet it in the order of a page."""
        without = (RangeMatch, *_BY_OTHERS)
        return self.narrows and not any(isinstance(e, without) for e in self.matches)

    @property
    def size(self) -> int:
        """The number of values."""
        first = self.matches[0]
        if isinstance(first, _BY_OTHERS):
            return first.criterion.size
        return len(self.matches)

    def _is_indexed(self, match: Match) -> bool:
        if isinstance(match, (RangeMatch, *_BY_OTHERS)):
            return match.narrows
        if isinstance(match, TextMatch):
            return self.is_ordered and match.comparison is not Comparison.CONTAINS
        return isinstance(match, TokenMatch) or match.prefix != "ne"


def within_patient(patient_id: str) -> Criterion:
    """Return the criterion of the compartment of a patient."""
    return Criterion("patient", (TokenMatch("Patient", patient_id),))


def meets(tokens: Iterable[Token], criterion: Criterion) -> bool:
    """Return whether a resource with these tokens meets a criterion about tokens."""
    met = any(
        token.parameter == criterion.name
        and isinstance(match, TokenMatch)
        and match.system in {None, token.system}
        and match.code == token.code
        for token in tokens
        for match in criterion.matches
    )
    return met is not criterion.negated


def merge_negated(criteria: Iterable[Criterion]) -> Iterator[Criterion]:
    """Merge what must not be met: a repeated `:not` is one with all of the values."""
    excluded: dict[str, tuple[Match, ...]] = {}
    for each in criteria:
        if each.negated:
            excluded[each.name] = (*excluded.get(each.name, ()), *each.matches)
        else:
            yield each
    for name, matches in excluded.items():
        yield Criterion(name, tuple(dict.fromkeys(matches)), negated=True)


@dataclass(frozen=True, slots=True)
class Order:
    """The order of the matches.

    Attributes
    ----------
    parameter
        One of `SORTABLE` for the type; empty: the order in which the resources were
        first saved.
    further
        The keys that decide between equal values of the first, in their order.
    """

    parameter: str = ""
    descending: bool = False
    further: tuple[Order, ...] = ()

    @property
    def keys(self) -> tuple[Order, ...]:
        """All keys, the first among them."""
        return (self, *self.further)


# The order of a history (R5 http.html 3.2.0.13).
LAST_FIRST = Order("_lastUpdated", descending=True)


@dataclass(frozen=True, slots=True)
class Position:
    """The position of a resource in an order.

    Attributes
    ----------
    value
        What the order sorts by; None without a parameter.
    key
        Decides between equal values.
    further
        The values of the further keys of the order.
    """

    order: Order
    value: str | int | None
    key: int
    further: tuple[str | int, ...] = ()


@dataclass(frozen=True, slots=True)
class Query:
    """A search for resources of one type.

    Attributes
    ----------
    criteria
        A match meets all of them.
    count
        The maximum number of matches on a page; 0 asks for the total alone.
    order
        As the client asked for it; None: any.
    after
        The position of the last match of the previous page.
    total
        Whether to count all matches, whatever it costs.
    """

    criteria: tuple[Criterion, ...] = ()
    count: int = DEFAULT_PAGE_SIZE
    order: Order | None = None
    after: Position | None = None
    total: bool = False
    resource_type: str = IMAGING_SELECTION

    @property
    def applied_order(self) -> Order:
        """The order of the matches: as asked for, or that of the index that finds them.

        It follows from the parameters alone, never from the data, so that each page
        has the order of the first.
        """
        if self.order is not None:
            return self.order
        leading = [each for each in self.criteria if each.leads]
        if leading and all(each.is_ordered for each in leading):
            return Order(leading[0].name)
        return Order()
