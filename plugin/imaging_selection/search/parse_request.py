"""The pairs of a request become a search: criteria, and how the result is to look.

What cannot be read is refused with the parameter's name; what is not known is left out
and told (`Search.ignored`), or refused when the client asked for strictness. FHIR R5
search.html.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import orjson

from imaging_selection.errors import SearchError
from imaging_selection.fhir.bundles import warning
from imaging_selection.search.criteria import (
    DEFAULT_PAGE_SIZE,
    Criterion,
    Order,
    Place,
    Query,
)
from imaging_selection.search.normalize import fits
from imaging_selection.search.parameters import ELEMENTS, PARAMETERS, SORTABLE
from imaging_selection.search.parse_criterion import (
    CHAINS,
    Context,
    one_of,
    parse_criterion,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from imaging_selection.fhir.datatypes import Resource

# The most values that one search may ask for: databases bound a statement's size.
MOST_VALUES = 400
SUMMARIES = ("true", "text", "data", "count", "false")
TOTALS = ("none", "estimate", "accurate")


@dataclass(slots=True)
class Search:
    """A search as the API handles it.

    Attributes
    ----------
    summary
        A value of `_summary`; empty when not asked for.
    elements
        Of `_elements`.
    includes
        Names of the reference parameters whose targets are included, each with the
        beginnings of the references that are followed.
    applied
        The pairs that took effect, for the self link.
    ignored
        The names of the parameters that had no effect.
    totals
        A total may be given: false for `_total=none`.
    """

    query: Query = field(default_factory=Query)
    summary: str = ""
    elements: tuple[str, ...] = ()
    includes: tuple[tuple[str, tuple[str, ...]], ...] = ()
    applied: list[tuple[str, str]] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)
    totals: bool = True


def parse_search(
    pairs: Iterable[tuple[str, str]],
    context: Context,
    within: Iterable[Criterion] = (),
) -> Search:
    """Read the parameters of a search.

    Parameters
    ----------
    within
        Criteria that stand in the path, not among the parameters.

    Raises
    ------
    SearchError
        A value that cannot be read, a modifier that the parameter does not have, or, in
        strict handling, a parameter that is not supported.
    """
    reader = _Reader(context, within)
    for name, value in pairs:
        reader.read(name, value)
    return reader.finish()


class _Reader:
    """Reads pair after pair; each result parameter has a method of its own."""

    def __init__(self, context: Context, within: Iterable[Criterion]) -> None:
        self._context = context
        self._search = Search()
        self._criteria = list(within)
        self._seen: set[str] = set()
        self._count = min(DEFAULT_PAGE_SIZE, context.maximum)
        is_selection = context.parameters is PARAMETERS
        self._order = None if is_selection else Order("id")
        self._after: Place | None = None
        self._total = ""
        self._results: dict[str, Callable[[str], str | None]] = {
            "_count": self._read_count,
            "_total": self._read_total,
            "_cursor": self._read_cursor,
            "_format": str,  # negotiated before the search
            "_pretty": str,
        }
        if is_selection:
            self._results |= {
                "_sort": self._read_sort,
                "_summary": self._read_summary,
                "_elements": self._read_elements,
                "_include": self._read_include,
            }

    def read(self, name: str, value: str) -> None:
        if not value:
            return  # R5 search.html: an empty parameter is ignored, no error
        if not fits(name) or not fits(value):
            where = name if name and fits(name) else "query"
            raise SearchError("a character that no text can hold", where, "value")
        base = name.partition(":")[0]
        if name in self._results:
            self._read_result(name, value)
        elif base in self._context.parameters or self._is_chained(name):
            self._read_criterion(name, value)
        elif base.partition(".")[0] in self._context.parameters or base in {
            "_query",
            *self._results,
        }:
            what = "chaining" if "." in base else "this"
            raise SearchError(f"{what} is not supported", name, "not-supported")
        else:
            self._ignore(name, f"the parameter {name} is not supported")

    def _is_chained(self, name: str) -> bool:
        return name in CHAINS and self._context.parameters is PARAMETERS

    def _read_criterion(self, name: str, value: str) -> None:
        self._criteria.append(parse_criterion(name, value, self._context))
        self._search.applied.append((name, value))
        if sum(len(each.matches) for each in self._criteria) > MOST_VALUES:
            raise SearchError(
                f"more than {MOST_VALUES} values: ask in several searches",
                name,
                "too-costly",
            )

    def finish(self) -> Search:
        search = self._search
        if search.elements and search.summary not in {"", "false"}:
            raise SearchError(
                "_summary and _elements exclude each other", "_elements", "conflict"
            )
        search.query = Query(
            tuple(self._criteria),
            0 if search.summary == "count" else self._count,
            self._order,
            self._after,
            self._total in {"accurate", "estimate"},
        )
        after = self._after
        if after is not None and after.order != search.query.applied_order:
            raise _bad_cursor()
        return search

    def _ignore(self, name: str, reason: str) -> None:
        if self._context.strict:
            raise SearchError(
                f"{reason} (GET metadata lists what is)", name, "not-supported"
            )
        self._search.ignored.append(name)

    def _read_result(self, name: str, value: str) -> None:
        if name in self._seen and name != "_include":
            raise SearchError(f"{name} is given twice", name)
        self._seen.add(name)
        applied = self._results[name](value)
        if applied:
            self._search.applied.append((name, applied))

    def _read_count(self, value: str) -> str:
        if not re.fullmatch("[0-9]{1,18}", value):
            raise SearchError("_count must be a whole number", "_count", "value")
        self._count = min(int(value), self._context.maximum)
        return str(self._count)

    def _read_sort(self, value: str) -> str | None:
        """Take the first key that an index can give; the rest has no effect."""
        first, *others = value.split(",")
        for key in [first, *others]:
            name = key.removeprefix("-")
            if name in SORTABLE:
                if key != first or others:
                    self._ignore("_sort", "sorting by more than one key")
                self._order = Order(SORTABLE[name], key != name)
                return key
        self._ignore("_sort", f"sorting by other than {', '.join(SORTABLE)}")
        return None

    def _read_summary(self, value: str) -> str:
        self._search.summary = one_of(SUMMARIES, value, "_summary")
        return value

    def _read_elements(self, value: str) -> str:
        names = [each.removeprefix("ImagingSelection.") for each in value.split(",")]
        if not all(re.fullmatch(r"[a-zA-Z][a-zA-Z0-9.]*", each) for each in names):
            raise SearchError("_elements is a list of names", "_elements", "value")
        known = dict.fromkeys(each.partition(".")[0] for each in names)
        if unknown := [each for each in known if each not in ELEMENTS]:
            self._ignore("_elements", f"ImagingSelection has no {', '.join(unknown)}")
        self._search.elements = tuple(each for each in known if each in ELEMENTS)
        return ",".join(self._search.elements)

    def _read_total(self, value: str) -> str:
        self._total = one_of(TOTALS, value, "_total")
        self._search.totals = value != "none"
        return value

    def _read_include(self, value: str) -> str:
        target = ""
        if value in {"*", "ImagingSelection:*"}:
            names: tuple[str, ...] = INCLUDES
        else:
            kind, _, rest = value.partition(":")
            name, _, target = rest.partition(":")
            names = (name,)
            known = kind == "ImagingSelection" and name in INCLUDES
            if not known or (target and target not in PARAMETERS[name].targets):
                every = ", ".join(f"ImagingSelection:{each}" for each in INCLUDES)
                raise SearchError(
                    f"only these can be included: {every}", "_include", "not-supported"
                )
        followed = {
            (name, tuple(f"{kind}/" for kind in kinds))
            for name in names
            for kinds in [[target] if target else PARAMETERS[name].targets]
        }
        self._search.includes = (*self._search.includes, *sorted(followed))
        return value

    def _read_cursor(self, value: str) -> None:
        self._after = _parse_cursor(value)  # no part of the self link: a place only


INCLUDES = ("derived-from", "endpoint", "patient", "subject")


def cursor_of(place: Place) -> str:
    """Spell the place after a match, for the next link."""
    order = place.order
    parts = [order.column, order.descending, place.value, place.key]
    return base64.urlsafe_b64encode(orjson.dumps(parts)).decode().rstrip("=")


def _parse_cursor(value: str) -> Place:
    try:
        text = base64.b64decode(value + "=" * (-len(value) % 4), b"-_", validate=True)
        column, descending, last, key = orjson.loads(text)
        is_number = column.endswith("_low")
    except (AttributeError, binascii.Error, ValueError, TypeError):
        raise _bad_cursor() from None
    numbers = [key, last] if is_number else [key]
    texts = [last] if column and not is_number else []
    if (
        all(isinstance(each, int) and abs(each) < 2**63 for each in numbers)
        and all(isinstance(each, str) and fits(each) for each in texts)
        and isinstance(descending, bool)
    ):
        return Place(Order(column, descending), last, key)
    raise _bad_cursor()


def _bad_cursor() -> SearchError:
    return SearchError(
        "_cursor is not of this search: follow the next link as it is",
        "_cursor",
        "value",
    )


def warnings_of(search: Search) -> list[Resource]:
    """Tell what had no effect, as an outcome beside the matches."""
    if not search.ignored:
        return []
    names = ", ".join(dict.fromkeys(search.ignored))
    return [warning("not-supported", f"had no effect: {names}")]
