"""A patient, and all that the store has of the patient.

`Patient/[id]/$everything` (R5 Patient, operation `everything`), and the search over all
types in the compartment, `Patient/[id]/*` (R5 http.html 3.2.0.9.2).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from imaging_selection.api.accept import require_form, searchset_response
from imaging_selection.api.selection_lookup import find_stored
from imaging_selection.api.urls import with_cursor
from imaging_selection.errors import SearchError
from imaging_selection.fhir.bundles import searchset_bundle
from imaging_selection.search.criteria import (
    DEFAULT_PAGE_SIZE,
    Criterion,
    DateMatch,
    Order,
    Position,
    Query,
    TokenMatch,
    within_patient,
)
from imaging_selection.search.cursor import format_cursor, parse_cursor
from imaging_selection.search.normalize import interval_of
from imaging_selection.search.parameters import (
    IMAGING_SELECTION,
    IMAGING_STUDY,
    OBSERVATION,
    PATIENT,
)
from imaging_selection.search.parse_criterion import Context, parse_criterion
from imaging_selection.search.parse_request import MAXIMUM_VALUES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from imaging_selection.api.http import Request, Response
    from imaging_selection.api.ports import Catalogue, SelectionReader, StoredSelection
    from imaging_selection.api.urls import Urls

_TYPES = (PATIENT, IMAGING_STUDY, IMAGING_SELECTION, OBSERVATION)


@dataclass(slots=True)
class _Asked:
    """The parameters, and where the page begins: in which type, and after what."""

    count: int
    types: tuple[str, ...] = _TYPES
    criteria: list[Criterion] = field(default_factory=list)
    first: int = 0
    after: Position | None = None
    applied: list[tuple[str, str]] = field(default_factory=list)


class Everything:
    """Handles the requests for everything about a patient."""

    def __init__(
        self,
        reader: SelectionReader,
        catalogue: Catalogue,
        urls: Urls,
        context_of: Callable[[Request, str], Context],
    ) -> None:
        self._reader = reader
        self._catalogue = catalogue
        self._urls = urls
        self._context_of = context_of

    def of_patient(self, request: Request, patient_id: str) -> Response:
        """Return a page of everything about a patient."""
        asked = _parse(request, self._context_of(request, PATIENT), _PARAMETERS)
        find_stored(self._reader, self._catalogue, patient_id, PATIENT)
        path = f"Patient/{patient_id}/$everything"
        return self._response(request, path, asked, patient_id)

    def compartment(self, request: Request, patient_id: str) -> Response:
        """Return a page of a search over all types in the compartment of a patient."""
        require_form(request)
        asked = _parse(request, self._context_of(request, PATIENT), _OF_ALL_TYPES)
        return self._response(request, f"Patient/{patient_id}/*", asked, patient_id)

    def _response(
        self, request: Request, path: str, asked: _Asked, patient_id: str
    ) -> Response:
        found, cursor = self._page(asked, patient_id)
        base = self._urls.base_url(request)
        self_link = self._urls.search_url(request, path, asked.applied)
        bundle = searchset_bundle(
            _entries(base, found),
            self_link=self_link,
            next_link=with_cursor(self_link, cursor) if cursor else None,
        )
        return searchset_response(request, bundle)

    def _page(
        self, asked: _Asked, patient_id: str
    ) -> tuple[list[tuple[str, StoredSelection]], str | None]:
        """Read a page, and the cursor of the next one."""
        found: list[tuple[str, StoredSelection]] = []
        after = asked.after
        for number, kind in list(enumerate(_TYPES))[asked.first :]:
            if kind not in asked.types:
                continue
            left = asked.count - len(found)
            if left == 0:
                return found, f"{number}."
            criteria = _is_of(kind, patient_id), *asked.criteria
            query = Query(criteria, left, None, after, resource_type=kind)
            page = self._reader.search(query)
            found += ((kind, each) for each in page.matches)
            if page.next_after is not None:
                return found, f"{number}.{format_cursor(page.next_after)}"
            after = None
        return found, None


def _entries(
    base: str, found: list[tuple[str, StoredSelection]]
) -> Iterator[tuple[str, Any]]:
    for kind, each in found:
        yield f"{base}/{kind}/{each.id}", orjson.Fragment(each.resource)


def _is_of(kind: str, patient_id: str) -> Criterion:
    if kind == PATIENT:
        return Criterion("_id", (TokenMatch(None, patient_id),))
    return within_patient(patient_id)


def _parse(
    request: Request, context: Context, parameters: Mapping[str, _Parser]
) -> _Asked:
    """Parse the parameters; one that is not supported would widen the answer.

    Raises
    ------
    SearchError
        One is malformed, or not supported.
    """
    asked = _Asked(min(DEFAULT_PAGE_SIZE, context.maximum))
    for name, value in request.parameters:
        if name in {"_format", "_pretty"}:
            continue
        if name == "_cursor":
            _begin_at(asked, value)
            continue
        parse = parameters.get(name.partition(":")[0])
        if parse is None or not value:
            raise SearchError(f"{name} is not supported here", name, "not-supported")
        parse(asked, name, value, context)
        asked.applied.append((name, value))
    return asked


def _parse_criterion(asked: _Asked, name: str, value: str, context: Context) -> None:
    asked.criteria.append(parse_criterion(name, value, context))
    if sum(each.size for each in asked.criteria) > MAXIMUM_VALUES:
        raise SearchError(f"more than {MAXIMUM_VALUES} values", name, "too-costly")


def _parse_count(asked: _Asked, name: str, value: str, context: Context) -> None:
    _refuse_modifier(name)
    if not value.isdecimal() or not int(value[:9]) > 0:
        raise SearchError("_count must be a whole number from 1", "_count", "value")
    asked.count = min(int(value[:9]), context.maximum)


def _refuse_modifier(name: str) -> None:
    if ":" in name:
        raise SearchError(f"{name} is not supported here", name, "not-supported")


def _parse_since(asked: _Asked, name: str, value: str, context: Context) -> None:
    _refuse_modifier(name)
    interval = interval_of(value, context.zone)
    if interval is None:
        raise SearchError("_since is an instant", "_since", "value")
    asked.criteria.append(Criterion("_lastUpdated", (DateMatch("ge", *interval),)))


def _parse_type(asked: _Asked, name: str, value: str, _context: Context) -> None:
    _refuse_modifier(name)
    asked.types = tuple(each for each in _TYPES if each in value.split(","))
    if len(asked.types) < len({*value.split(",")}):
        listed = ", ".join(_TYPES)
        raise SearchError(f"_type is some of {listed}", "_type", "not-supported")


def _begin_at(asked: _Asked, cursor: str) -> None:
    number, _, position = cursor.partition(".")
    if not number.isdecimal() or int(number[:3]) >= len(_TYPES):
        raise SearchError("follow the next link as it is", "_cursor", "value")
    asked.first = int(number[:3])
    asked.after = parse_cursor(position, Order()) if position else None


_Parser = Callable[[_Asked, str, str, Context], None]
_PARAMETERS: dict[str, _Parser] = {
    "_count": _parse_count,
    "_since": _parse_since,
    "_type": _parse_type,
}
# Of a search in all types: the parameters that all of them have.
_OF_ALL_TYPES: dict[str, _Parser] = {
    "_count": _parse_count,
    "_type": _parse_type,
    "_id": _parse_criterion,
    "_lastUpdated": _parse_criterion,
}
