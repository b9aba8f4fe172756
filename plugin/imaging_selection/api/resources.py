"""Read and search of the few resources that are not in the store.

They have few search parameters and no index: a search reads all of a type, and keeps
those that meet every criterion. FHIR R5 http.html, search.html.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from imaging_selection.api.accept import require_form, searchset_response
from imaging_selection.api.responses import fhir_response, not_found
from imaging_selection.api.urls import with_cursor
from imaging_selection.fhir.bundles import searchset_bundle
from imaging_selection.search.criteria import Position, meets
from imaging_selection.search.cursor import format_cursor
from imaging_selection.search.extract import tokens_of
from imaging_selection.search.parameters import TYPES
from imaging_selection.search.parse_request import parse_search, warnings_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

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

    def ids(self, resource_type: str) -> list[str]:
        """Return the ids of a type, in order."""


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
        require_form(request)
        search = parse_search(request.parameters, self._context_of(request, self._type))
        query = search.query
        after = str(query.after.value) if query.after else ""
        every = list(self._matches(request, query.criteria))
        rest = [each for each in every if each["id"] > after]
        page = rest[: query.count]
        is_whole = len(page) == len(every) and search.totals
        total = len(every) if not query.count or query.total or is_whole else None
        base = self._urls.base_url(request)
        self_link = self._urls.search_url(request, self._type, search.applied)
        following = None
        if page and len(rest) > len(page):
            cursor = format_cursor(Position(query.applied_order, page[-1]["id"], 0))
            following = with_cursor(self_link, cursor)
        bundle = searchset_bundle(
            ((f"{base}/{self._type}/{each['id']}", each) for each in page),
            self_link=self_link,
            next_link=following,
            total=total,
            outcomes=warnings_of(search),
        )
        return searchset_response(request, bundle)

    def _matches(
        self, request: Request, criteria: tuple[Criterion, ...]
    ) -> Iterator[Resource]:
        origin = self._urls.origin(request)
        for resource_id in self._reader.ids(self._type):
            resource = self._reader.read(self._type, resource_id, origin)
            if resource is None:
                continue
            tokens = tokens_of(resource, TYPES[self._type])
            if all(meets(tokens, each) for each in criteria):
                yield resource
