"""Read and search of the other resources: those referred to, and the definitions.

They have few search parameters and no index: a search reads the candidates one by one
and keeps those that meet every criterion. FHIR R5 http.html, search.html.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Protocol

from imaging_selection.api.accept import require_form
from imaging_selection.api.responses import bad_request, fhir_response, not_found
from imaging_selection.api.urls import with_cursor
from imaging_selection.fhir.bundles import searchset_bundle
from imaging_selection.search.criteria import (
    Position,
    TokenMatch,
    meets,
    within_patient,
)
from imaging_selection.search.cursor import format_cursor
from imaging_selection.search.extract import tokens_of
from imaging_selection.search.parameters import TYPES
from imaging_selection.search.parse_request import parse_search, warnings_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from imaging_selection.api.http import Request, Response
    from imaging_selection.api.urls import Urls
    from imaging_selection.fhir.datatypes import Resource
    from imaging_selection.search.criteria import Criterion
    from imaging_selection.search.parse_criterion import Context


class ResourceReader(Protocol):
    """Reads resources of a few types, by id."""

    def read(
        self, resource_type: str, resource_id: str, origin: str
    ) -> Resource | None:
        """Return a resource; None if there is none."""

    def ids(
        self,
        resource_type: str,
        criteria: tuple[Criterion, ...],
        after: str,
        limit: int,
    ) -> list[str]:
        """Return ids in order, those after `after`; the criteria may exclude some."""


class ResourceHandlers:
    """Handles the requests for resources of one type.

    Parameters
    ----------
    context_of
        Returns what the search of a request for a type depends on.
    """

    def __init__(
        self,
        reader: ResourceReader,
        resource_type: str,
        urls: Urls,
        context_of: Callable[[Request, str], Context],
    ) -> None:
        self._reader = reader
        self._type = resource_type
        self._urls = urls
        self._context_of = context_of

    def read(self, request: Request, resource_id: str) -> Response:
        """Return a resource."""
        origin = self._urls.origin(request)
        found = self._reader.read(self._type, resource_id, origin)
        if found is None:
            raise not_found(f"no {self._type} has this id", f"{self._type}.id")
        return fhir_response(found)

    def search(self, request: Request) -> Response:
        """Return the result of a search, by GET or as a form."""
        return self._search(request, self._type, ())

    def search_patient(self, request: Request, patient_id: str) -> Response:
        """Return the result of a search in the compartment of a patient."""
        return self._search(
            request, f"Patient/{patient_id}/{self._type}", [within_patient(patient_id)]
        )

    def _search(
        self, request: Request, path: str, within: Iterable[Criterion]
    ) -> Response:
        require_form(request)
        context = self._context_of(request, self._type)
        search = parse_search(request.parameters, context, within)
        query = search.query
        after = str(query.after.value) if query.after else ""
        maximum = max(MAXIMUM_READ, query.count + 1)
        found = self._matches(request, query.criteria, after, maximum)
        page = list(islice(found, query.count))
        rest = next(found, None) if query.count else None
        total = None
        if not query.count or query.total:
            every = self._matches(request, query.criteria, "", MAXIMUM_READ)
            total = sum(1 for _ in every)
        elif rest is None and not after and search.totals:
            total = len(page)
        base = self._urls.base_url(request)
        self_link = self._urls.search_url(request, path, search.applied)
        following = None
        if rest is not None:
            cursor = format_cursor(Position(query.applied_order, page[-1]["id"], 0))
            following = with_cursor(self_link, cursor)
        bundle = searchset_bundle(
            ((f"{base}/{self._type}/{each['id']}", each) for each in page),
            self_link=self_link,
            next_link=following,
            total=total,
            outcomes=warnings_of(search),
        )
        return fhir_response(bundle)

    def _matches(
        self,
        request: Request,
        criteria: tuple[Criterion, ...],
        after: str,
        maximum: int,
    ) -> Iterator[Resource]:
        origin = self._urls.origin(request)
        for number, resource_id in enumerate(self._candidates(criteria, after)):
            if number == maximum:
                raise bad_request(
                    "too-costly",
                    f"the search would have to read more than {MAXIMUM_READ} resources:"
                    " search by _id or identifier, and do not ask for the total",
                    "http",
                )
            resource = self._reader.read(self._type, resource_id, origin)
            if resource is None:
                continue
            tokens = tokens_of(resource, TYPES[self._type])
            if all(meets(tokens, each) for each in criteria):
                yield resource

    def _candidates(self, criteria: tuple[Criterion, ...], after: str) -> Iterator[str]:
        """Yield the ids of the resources that may match, in order."""
        if wanted := _ids_of(criteria):
            yield from (each for each in sorted(wanted) if each > after)
            return
        while True:
            ids = self._reader.ids(self._type, criteria, after, _BATCH)
            yield from ids
            if len(ids) < _BATCH:
                return
            after = ids[-1]


_BATCH = 100
MAXIMUM_READ = 1000  # resources in one search: Orthanc is asked for each


def _ids_of(criteria: tuple[Criterion, ...]) -> set[str]:
    """Return the ids that a search names; empty if it names none."""
    for criterion in criteria:
        if criterion.name == "_id" and not criterion.negated:
            return {
                each.code for each in criterion.matches if isinstance(each, TokenMatch)
            }
    return set()
