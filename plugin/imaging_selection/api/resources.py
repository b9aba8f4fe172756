"""Read and search of what is not a selection: related resources, and definitions.

They have few parameters, and no index of their own: candidates are read one by one, and
kept when they meet every criterion. FHIR R5 http.html, search.html.
"""

from __future__ import annotations

from http import HTTPStatus
from itertools import islice
from typing import TYPE_CHECKING, Protocol

from imaging_selection.api.accept import require_form
from imaging_selection.api.responses import HttpError, fhir_response, not_found
from imaging_selection.fhir import datatypes as fhir
from imaging_selection.search.criteria import Position, TokenMatch, meets
from imaging_selection.search.cursor import format_cursor
from imaging_selection.search.extract import tokens_of
from imaging_selection.search.parse_request import parse_search, warnings_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from imaging_selection.api.http import Request, Response
    from imaging_selection.api.urls import Links
    from imaging_selection.fhir.datatypes import Resource
    from imaging_selection.search.criteria import Criterion
    from imaging_selection.search.parameters import Parameter
    from imaging_selection.search.parse_criterion import Context


class Directory(Protocol):
    """Resources of a few types, by id."""

    def read(self, kind: str, identity: str, origin: str) -> Resource | None:
        """Give a resource; None if there is none."""

    def ids(
        self,
        kind: str,
        identifiers: tuple[TokenMatch, ...],
        after: str,
        limit: int,
    ) -> list[str]:
        """List ids in order, from one on; the identifiers may leave some out."""


class DirectoryRoutes:
    """Answers what is asked of a directory.

    Parameters
    ----------
    kind, parameters
        The type of the resources, and its search parameters.
    context_of
        Says what the search of a request depends on.
    """

    def __init__(
        self,
        directory: Directory,
        kind: str,
        parameters: Mapping[str, Parameter],
        links: Links,
        context_of: Callable[[Request, Mapping[str, Parameter]], Context],
    ) -> None:
        self._directory = directory
        self._kind = kind
        self._parameters = parameters
        self._links = links
        self._context_of = context_of

    def read(self, request: Request, identity: str) -> Response:
        """Answer a resource."""
        origin = self._links.origin(request)
        found = self._directory.read(self._kind, identity, origin)
        if found is None:
            raise not_found(f"no {self._kind} has this id", f"{self._kind}.id")
        return fhir_response(found)

    def search(self, request: Request) -> Response:
        """Answer a search, by GET or as a form."""
        require_form(request)
        context = self._context_of(request, self._parameters)
        search = parse_search(request.parameters, context)
        query = search.query
        after = str(query.after.value) if query.after else ""
        most = max(MOST_READ, query.count + 1)
        found = self._matches(request, query.criteria, after, most)
        page = list(islice(found, query.count))
        rest = next(found, None) if query.count else None
        total = None
        if not query.count or query.total:
            every = self._matches(request, query.criteria, "", MOST_READ)
            total = sum(1 for _ in every)
        elif rest is None and not after and search.totals:
            total = len(page)
        following = None
        if rest is not None:
            cursor = format_cursor(Position(query.applied_order, page[-1]["id"], 0))
            following = self._links.search_url(
                request, self._kind, [*search.applied, ("_cursor", cursor)]
            )
        base = self._links.base_url(request)
        bundle = fhir.searchset_bundle(
            ((f"{base}/{self._kind}/{each['id']}", each) for each in page),
            self_link=self._links.search_url(request, self._kind, search.applied),
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
        most: int,
    ) -> Iterator[Resource]:
        origin = self._links.origin(request)
        for number, identity in enumerate(self._candidates(criteria, after)):
            if number == most:
                raise _too_costly()
            resource = self._directory.read(self._kind, identity, origin)
            if resource is None:
                continue
            tokens = tokens_of(resource, self._parameters)
            if all(meets(tokens, each) for each in criteria):
                yield resource

    def _candidates(self, criteria: tuple[Criterion, ...], after: str) -> Iterator[str]:
        """List the ids among which the matches are, in order."""
        if named := _asked(criteria, "_id"):
            ids = sorted({match.code for match in named})
            yield from (each for each in ids if each > after)
            return
        identifiers = _asked(criteria, "identifier")
        while True:
            ids = self._directory.ids(self._kind, identifiers, after, _BATCH)
            yield from ids
            if len(ids) < _BATCH:
                return
            after = ids[-1]


_BATCH = 100
MOST_READ = 1000  # resources, each of which Orthanc is asked for, in one search


def _too_costly() -> HttpError:
    return HttpError(
        HTTPStatus.BAD_REQUEST,
        "too-costly",
        f"more than {MOST_READ} resources would have to be looked at: search by _id or"
        " identifier, and ask for no total",
        expression="http",
    )


def _asked(criteria: tuple[Criterion, ...], name: str) -> tuple[TokenMatch, ...]:
    for criterion in criteria:
        if criterion.name == name and not criterion.negated:
            return tuple(
                each for each in criterion.matches if isinstance(each, TokenMatch)
            )
    return ()
