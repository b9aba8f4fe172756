"""Resources of the store over HTTP: read, vread, history, search, compartment.

FHIR R5 http.html, search.html.
"""

from __future__ import annotations

from datetime import datetime
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

import orjson

from imaging_selection.api.accept import require_form, searchset_response
from imaging_selection.api.changes import NOT_KEPT, AskedHistory, history_entry
from imaging_selection.api.conditional import not_modified_or
from imaging_selection.api.instances import with_studies
from imaging_selection.api.responses import bad_request, fhir_response, not_found
from imaging_selection.api.selection_lookup import find_stored
from imaging_selection.api.urls import with_cursor
from imaging_selection.fhir import bundles
from imaging_selection.fhir.datatypes import dumps, loads
from imaging_selection.fhir.summary import reduce_resource
from imaging_selection.mapping.related import with_images
from imaging_selection.search.criteria import within_patient
from imaging_selection.search.cursor import format_cursor
from imaging_selection.search.parameters import IMAGING_STUDY
from imaging_selection.search.parse_request import Search, parse_search, warnings_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from imaging_selection.api.http import Request, Response
    from imaging_selection.api.included import Included
    from imaging_selection.api.ports import (
        Archive,
        Catalogue,
        SearchPage,
        SelectionReader,
        StoredSelection,
    )
    from imaging_selection.api.urls import Urls
    from imaging_selection.search.criteria import Criterion
    from imaging_selection.search.parse_criterion import Context


# Of a study, in one answer: Orthanc is asked for the SOP Class of each.
MAXIMUM_IMAGES = 2000


class StoredHandlers:
    """Handles the requests for the resources of one type that the store has.

    Parameters
    ----------
    context_of
        Returns what the search of a request for a type depends on.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - everything that a request needs
        self,
        resource_type: str,
        reader: SelectionReader,
        catalogue: Catalogue,
        archive: Archive,
        included: Included,
        urls: Urls,
        context_of: Callable[[Request, str], Context],
    ) -> None:
        self._type = resource_type
        self._reader = reader
        self._catalogue = catalogue
        self._archive = archive
        self._includes = included
        self._urls = urls
        self._context_of = context_of

    def read(self, request: Request, resource_id: str) -> Response:
        """Return a resource."""
        return self._response(request, self._find(resource_id))

    def vread(self, request: Request, resource_id: str, version: str) -> Response:
        """Return a version of a resource: the current one, others are not kept."""
        stored = self._find(resource_id)
        if version != str(stored.version_id):
            raise not_found(
                f"only the current version is kept: {stored.version_id}",
                f"{self._type}.meta.versionId",
            )
        return self._response(request, stored)

    def history(self, request: Request, resource_id: str) -> Response:
        """Return the history of a resource: its current version."""
        asked = AskedHistory(request, self._context_of(request, self._type))
        url = f"{self._urls.base_url(request)}/{self._type}/{resource_id}"
        stored = self._reader.read(resource_id, self._type)
        if stored is None or not stored.deleted:
            stored = self._find(resource_id)
        entry = history_entry(url, f"{self._type}/{resource_id}", stored)
        has_entry = asked.has(stored)
        path = f"{self._type}/{resource_id}/_history"
        bundle = bundles.history_bundle(
            self._urls.search_url(request, path, asked.applied),
            [entry] if has_entry and asked.count else [],
            total=int(has_entry),
            issues=NOT_KEPT if asked.is_past and not has_entry else None,
        )
        return fhir_response(bundle)

    def _find(self, resource_id: str) -> StoredSelection:
        return find_stored(self._reader, self._catalogue, resource_id, self._type)

    def _response(self, request: Request, stored: StoredSelection) -> Response:
        pairs = [
            pair for pair in request.parameters if pair[0] in {"_summary", "_elements"}
        ]
        body = self._part(request, pairs, stored) if pairs else stored.resource
        modified = datetime.fromisoformat(stored.last_updated)
        headers = {
            "ETag": f'W/"{stored.version_id}"',
            "Last-Modified": format_datetime(modified, usegmt=True),
        }
        return not_modified_or(request, fhir_response(body, headers=headers))

    def _part(
        self,
        request: Request,
        pairs: Iterable[tuple[str, str]],
        stored: StoredSelection,
    ) -> bytes:
        wanted = parse_search(pairs, self._context_of(request, self._type))
        if wanted.summary == "count":
            raise bad_request(
                "not-supported", "_summary=count is for searches", "http._summary"
            )
        content = stored.resource
        if self._type == IMAGING_STUDY and "series" in wanted.elements:
            images = self._archive.images_of_study(stored.id, MAXIMUM_IMAGES)
            content = dumps(with_images(loads(content), images))
        return reduce_resource(content, wanted.summary, wanted.elements)

    def search(self, request: Request) -> Response:
        """Return the result of a search, by GET or as a form."""
        return self._search(request, self._type, ())

    def search_patient(self, request: Request, patient_id: str) -> Response:
        """Return the result of a search in the compartment of a patient."""
        path = f"Patient/{patient_id}/{self._type}"
        return self._search(request, path, [within_patient(patient_id)])

    def _search(
        self, request: Request, path: str, within: Iterable[Criterion]
    ) -> Response:
        require_form(request)
        search = parse_search(
            request.parameters, self._context_of(request, self._type), within
        )
        query = search.query = with_studies(search.query, self._archive)
        page = self._reader.search(query) if query.count else None
        matches = page.matches if page else ()
        self_link = self._urls.search_url(request, path, search.applied)
        next_link = None
        if page and page.next_after is not None:
            cursor = format_cursor(page.next_after)
            next_link = with_cursor(self_link, cursor)
        bundle = bundles.searchset_bundle(
            self._entries(request, matches, search),
            self_link=self_link,
            next_link=next_link,
            total=self._total(search, page),
            included=self._includes.of(request, matches, search),
            outcomes=warnings_of(search),
        )
        return searchset_response(request, bundle)

    def _total(self, search: Search, page: SearchPage | None) -> int | None:
        """Return the total if the client asked for it, or if it costs no query."""
        query = search.query
        if page is None or query.total:
            return self._reader.count(query)
        if page.next_after is None and query.after is None and search.totals:
            return len(page.matches)
        return None

    def _entries(
        self, request: Request, matches: Iterable[StoredSelection], search: Search
    ) -> Iterator[tuple[str, Any]]:
        base = self._urls.base_url(request)
        for each in matches:
            content = reduce_resource(each.resource, search.summary, search.elements)
            yield f"{base}/{self._type}/{each.id}", orjson.Fragment(content)
