"""Parse the parameters of a search request: its criteria, and the form of its result.

A malformed value is an error that names the parameter. An unknown parameter is ignored
and listed in `Search.ignored`, or an error: in strict handling, and always if it may
name a patient. FHIR R5 search.html.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from imaging_selection.errors import SearchError
from imaging_selection.fhir.bundles import warning
from imaging_selection.search.criteria import (
    DEFAULT_PAGE_SIZE,
    Criterion,
    Order,
    Query,
    merge_negated,
)
from imaging_selection.search.cursor import parse_cursor
from imaging_selection.search.elements import ELEMENTS
from imaging_selection.search.normalize import is_storable
from imaging_selection.search.parameters import (
    SORTABLE,
    STORED,
)
from imaging_selection.search.parse_chain import is_chain, parse_chain
from imaging_selection.search.parse_criterion import (
    Context,
    chains_of,
    parse_criterion,
    require_one_of,
)
from imaging_selection.search.parse_include import (
    Include,
    parse_include,
    parse_reverse_include,
)
from imaging_selection.search.patient_parameters import names_patient, refuse_if_patient

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from imaging_selection.fhir.datatypes import Resource

# The maximum number of values in one search: databases limit the size of a statement.
MAXIMUM_VALUES = 400
# A value without an index counts as so many: each resource is compared with it.
PRICE_WITHOUT_INDEX = 20
MAXIMUM_CHARACTERS = 100_000  # of all names and values in one search
SUMMARIES = ("true", "text", "data", "count", "false")
TOTALS = ("none", "estimate", "accurate")


@dataclass(slots=True)
class Search:
    """A parsed search request.

    Attributes
    ----------
    summary
        The value of `_summary`; empty without one.
    elements
        The names in `_elements`.
    includes, reverse_includes
        The references to follow, and those to follow back.
    applied
        The pairs that had an effect, for the self link.
    ignored
        The names of the parameters without an effect.
    totals
        Whether the answer may contain a total: false for `_total=none`.
    """

    query: Query = field(default_factory=Query)
    summary: str = ""
    elements: tuple[str, ...] = ()
    includes: tuple[Include, ...] = ()
    reverse_includes: tuple[Include, ...] = ()
    applied: list[tuple[str, str]] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)
    totals: bool = True


def parse_search(
    pairs: Iterable[tuple[str, str]],
    context: Context,
    within: Iterable[Criterion] = (),
) -> Search:
    """Parse the parameters of a search.

    Parameters
    ----------
    within
        Criteria from the path of the request.

    Raises
    ------
    SearchError
        A value is malformed, a parameter does not support its modifier, or one that may
        not be ignored is not supported.
    """
    pairs = list(pairs)
    if sum(len(name) + len(value) for name, value in pairs) > MAXIMUM_CHARACTERS:
        raise SearchError(
            f"more than {MAXIMUM_CHARACTERS} characters: ask in several searches",
            "query",
            "too-costly",
        )
    parser = _Parser(context, within)
    for name, value in dict.fromkeys(pairs):  # a repetition has no further meaning
        parser.add(name, value)
    return parser.finish()


class _Parser:
    """Parses pair after pair; each result parameter has a method of its own."""

    def __init__(self, context: Context, within: Iterable[Criterion]) -> None:
        self._context = context
        self._search = Search()
        self._criteria = list(within)
        self._price = 0
        self._seen: set[str] = set()
        self._count = min(DEFAULT_PAGE_SIZE, context.maximum)
        self._type = context.resource_type
        is_stored = self._type in STORED
        self._order = None if is_stored else Order("_id")
        self._cursor = ""
        self._total = ""
        self._results: dict[str, Callable[[str], str | None]] = {
            "_count": self._parse_count,
            "_total": self._parse_total,
            "_cursor": self._parse_cursor,
            "_format": str,  # the API negotiates it before the search
            "_pretty": str,
        }
        if is_stored:
            self._results |= {
                "_sort": self._parse_sort,
                "_summary": self._parse_summary,
                "_elements": self._parse_elements,
            }
            for each in ("_include", "_include:iterate"):
                self._results[each] = partial(self._parse_include, each)
            for each in ("_revinclude", "_revinclude:iterate"):
                self._results[each] = partial(self._parse_reverse_include, each)

    def add(self, name: str, value: str) -> None:
        where = name if name and is_storable(name) else "query"
        if not value:
            # R5 search.html: an empty parameter is not an error. But see `must_apply`.
            counts = self._context.must_apply and name not in self._results
            if counts or names_patient(where, ""):
                raise SearchError("there is no value", where, "value")
            return
        if not is_storable(name) or not is_storable(value):
            raise SearchError("a character that no text can hold", where, "value")
        base = name.partition(":")[0]
        if name in self._results:
            self._parse_result(name, value)
        elif self._base_of(name) in self._context.parameters:
            self._parse_criterion(name, value)
        elif is_chain(name, self._context) and (
            criterion := parse_chain(name, value, self._context)
        ):
            self._add_criterion(criterion, name, value)
        elif base.partition(".")[0] in self._context.parameters or base in {
            "_query",
            *self._results,
        }:
            what = "chaining" if "." in base else "this"
            raise SearchError(f"{what} is not supported", name, "not-supported")
        else:
            refuse_if_patient(name, value)
            self._ignore(name, f"the parameter {name} is not supported")

    def _base_of(self, name: str) -> str:
        same = chains_of(self._type).get(name, name)
        return same if "." in same else same.partition(":")[0]

    def _parse_criterion(self, name: str, value: str) -> None:
        self._add_criterion(parse_criterion(name, value, self._context), name, value)

    def _add_criterion(self, criterion: Criterion, name: str, value: str) -> None:
        self._criteria.append(criterion)
        self._search.applied.append((name, value))
        is_indexed = criterion.narrows or criterion.negated
        each = 1 if is_indexed else PRICE_WITHOUT_INDEX
        self._price += each * criterion.size
        if self._price > MAXIMUM_VALUES:
            raise SearchError(
                f"more than {MAXIMUM_VALUES} values, where one without an index counts"
                f" as {PRICE_WITHOUT_INDEX}: ask in several searches",
                name,
                "too-costly",
            )

    def finish(self) -> Search:
        search = self._search
        if search.elements and search.summary not in {"", "false"}:
            raise SearchError(
                "_summary and _elements exclude each other", "_elements", "conflict"
            )
        query = Query(
            tuple(merge_negated(self._criteria)),
            0 if search.summary == "count" else self._count,
            self._order,
            total=self._total in {"accurate", "estimate"},
            resource_type=self._type,
        )
        if self._cursor:
            after = parse_cursor(self._cursor, query.applied_order)
            query = replace(query, after=after)
        search.query = query
        return search

    def _ignore(self, name: str, reason: str) -> None:
        if self._context.strict or self._context.must_apply:
            raise SearchError(
                f"{reason} (GET metadata lists what is)",
                name or "query",
                "not-supported",
            )
        self._search.ignored.append(name)

    def _parse_result(self, name: str, value: str) -> None:
        if name in self._seen and "include" not in name:
            raise SearchError(f"{name} is given twice", name)
        self._seen.add(name)
        applied = self._results[name](value)
        if applied:
            self._search.applied.append((name, applied))

    def _parse_count(self, value: str) -> str:
        if not re.fullmatch("[0-9]{1,18}", value):
            raise SearchError("_count must be a whole number", "_count", "value")
        self._count = min(int(value), self._context.maximum)
        return str(self._count)

    def _parse_sort(self, value: str) -> str | None:
        """Apply the keys that have a column in the store; others have no effect."""
        sortable = SORTABLE[self._type]
        keys: dict[str, Order] = {}
        for each in value.split(","):
            name = each.removeprefix("-")
            if name not in sortable:
                self._ignore("_sort", f"sorting by other than {', '.join(sortable)}")
            else:
                keys.setdefault(name, Order(name, descending=each != name))
        if not keys:
            return None
        first, *further = keys.values()
        self._order = replace(first, further=tuple(further))
        return ",".join("-" * e.descending + e.parameter for e in keys.values())

    def _parse_summary(self, value: str) -> str:
        self._search.summary = require_one_of(SUMMARIES, value, "_summary")
        return value

    def _parse_elements(self, value: str) -> str:
        names = [each.removeprefix(f"{self._type}.") for each in value.split(",")]
        if not all(re.fullmatch(r"[a-zA-Z][a-zA-Z0-9.]*", each) for each in names):
            raise SearchError("_elements is a list of names", "_elements", "value")
        known = dict.fromkeys(each.partition(".")[0] for each in names)
        elements = ELEMENTS[self._type]
        if unknown := [each for each in known if each not in elements]:
            self._ignore("_elements", f"{self._type} has no {', '.join(unknown)}")
        self._search.elements = tuple(each for each in known if each in elements)
        return ",".join(self._search.elements)

    def _parse_total(self, value: str) -> str:
        self._total = require_one_of(TOTALS, value, "_total")
        self._search.totals = value != "none"
        return value

    def _parse_include(self, name: str, value: str) -> str:
        search = self._search
        found = parse_include(name, value, self._type)
        search.includes = tuple(dict.fromkeys((*search.includes, *found)))
        return value

    def _parse_reverse_include(self, name: str, value: str) -> str:
        search = self._search
        found = parse_reverse_include(name, value, self._type)
        every = (*search.reverse_includes, *found)
        search.reverse_includes = tuple(dict.fromkeys(every))
        return value

    def _parse_cursor(self, value: str) -> None:
        self._cursor = value  # the self link is without it


def warnings_of(search: Search) -> list[Resource]:
    """Return an outcome with the names of the parameters without an effect, if any."""
    if not search.ignored:
        return []
    names = ", ".join(dict.fromkeys(search.ignored))
    return [warning("not-supported", f"had no effect: {names}")]
