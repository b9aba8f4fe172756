"""ImagingSelection over HTTP: read, vread, history, search, and Orthanc's own levels.

FHIR R5 http.html, search.html.
"""

from __future__ import annotations

import re
from datetime import datetime
from email.utils import format_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import orjson

from imaging_selection.api.accept import (
    if_changed,
    is_strict,
    require_form,
    require_parameters,
)
from imaging_selection.api.http import Response
from imaging_selection.api.responses import HttpError, fhir_response, not_found
from imaging_selection.errors import SearchError
from imaging_selection.fhir import datatypes as fhir
from imaging_selection.fhir.summary import subset_of
from imaging_selection.mapping.rtstruct.contours_operation import with_contours
from imaging_selection.search.criteria import Criterion, TokenMatch
from imaging_selection.search.cursor import format_cursor
from imaging_selection.search.parameters import PARAMETERS
from imaging_selection.search.parse_request import (
    Search,
    parse_search,
    warnings_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from imaging_selection.api.http import Request
    from imaging_selection.api.ports import (
        Catalogue,
        Page,
        SelectionReader,
        StoredSelection,
    )
    from imaging_selection.api.referenced import Related
    from imaging_selection.api.urls import Links
    from imaging_selection.fhir.datatypes import Resource
    from imaging_selection.search.parse_criterion import Context

_ORTHANC_ID = r"[0-9a-f]{8}(?:-[0-9a-f]{8}){4}"
_ID = "ImagingSelection.id"
_INSTANCE_PART = re.compile(rf"({_ORTHANC_ID})(?:-.*)?")


def wants_contours(request: Request) -> bool:
    """Tell whether a request is for coordinates: the answer may be of any size."""
    contours = ("contours", "true") in request.parameters
    return contours or request.path.endswith("/$contours")


class SelectionRoutes:
    """Answers what is asked of selections.

    Parameters
    ----------
    context_of
        Says what the search of a request depends on.
    """

    def __init__(
        self,
        reader: SelectionReader,
        catalogue: Catalogue,
        related: Related,
        links: Links,
        context_of: Callable[[Request], Context],
    ) -> None:
        self._reader = reader
        self._catalogue = catalogue
        self._related = related
        self._links = links
        self._context_of = context_of

    def read(self, request: Request, selection_id: str) -> Response:
        """Answer a selection."""
        return self._answer(request, self.find(selection_id))

    def vread(self, request: Request, selection_id: str, version: str) -> Response:
        """Answer a version of a selection: the current one, others are not kept."""
        stored = self.find(selection_id)
        if version != str(stored.version_id):
            raise not_found(
                f"only the current version is kept: {stored.version_id}",
                "ImagingSelection.meta.versionId",
            )
        return self._answer(request, stored)

    def history(self, request: Request, selection_id: str) -> Response:
        """Answer the history of a selection: its current version."""
        for name, value in request.parameters:
            if value and is_strict(request) and name not in {"_format", "_pretty"}:
                raise SearchError(
                    "a history has its one entry whatever is asked for",
                    name,
                    "not-supported",
                )
        url = f"{self._links.base_url(request)}/ImagingSelection/{selection_id}"
        stored = self._reader.read(selection_id)
        if stored is None or not stored.deleted:
            stored = self.find(selection_id)
        entry: Resource = {"fullUrl": url}
        verb, status = "PUT", "200"
        if stored.deleted:
            verb, status = "DELETE", "204"
        else:
            entry["resource"] = orjson.Fragment(stored.resource)
        entry["request"] = {"method": verb, "url": f"ImagingSelection/{selection_id}"}
        entry["response"] = {
            "status": status,
            "etag": f'W/"{stored.version_id}"',
            "lastModified": stored.last_updated,
        }
        return fhir_response(
            {
                "resourceType": "Bundle",
                "type": "history",
                "total": 1,
                "link": [{"relation": "self", "url": f"{url}/_history"}],
                "entry": [entry],
            }
        )

    def of_instance(self, request: Request, orthanc_id: str) -> Response:
        """Answer the selection of a whole structure set, by its Orthanc id."""
        if dict(request.parameters).get("contours") not in {None, "true", "false"}:
            raise HttpError(
                HTTPStatus.BAD_REQUEST,
                "value",
                "contours is true or false",
                expression="http.contours",
            )
        if not re.fullmatch(_ORTHANC_ID, orthanc_id):
            raise not_found("Orthanc holds no RT Structure Set of this id", _ID)
        if wants_contours(request):
            return self.contours(request, orthanc_id)
        return self._answer(request, self.find(orthanc_id))

    def contours(self, request: Request, selection_id: str) -> Response:
        """Answer a selection with its contours.

        No ETag: the version of a selection says nothing of the coordinates, which an
        overwritten file may change alone.
        """
        require_parameters(request)
        stored = self.find(selection_id)
        file = self._catalogue.file(stored.orthanc_id)
        body = with_contours(orjson.loads(stored.resource), file)
        return Response(HTTPStatus.OK, body, fhir.FHIR_JSON)

    def find(self, selection_id: str) -> StoredSelection:
        """Find a selection, converted on the spot if the store is behind Orthanc.

        Raises
        ------
        HttpError
            404, 410, or 422 where its structure set cannot be converted.
        """
        found = _INSTANCE_PART.fullmatch(selection_id)
        if found is None:
            raise not_found("no ImagingSelection has this id", _ID)
        orthanc_id = found[1]
        stored, entry = None, None
        if not self._catalogue.is_waiting(orthanc_id):
            stored = self._reader.read(selection_id)
        if stored is None:
            entry = self._catalogue.entry(orthanc_id)
            stored = self._reader.read(selection_id)
        if stored is not None and not stored.deleted:
            return stored
        if entry is not None and entry.reason is not None:
            raise HttpError(
                HTTPStatus.UNPROCESSABLE_ENTITY,
                "processing",
                entry.reason,
                expression="ImagingSelection.instance",
            )
        if stored is not None:
            raise HttpError(
                HTTPStatus.GONE, "deleted", "it was deleted", expression=_ID
            )
        if entry is not None:
            raise not_found("the structure set has no ImagingSelection of this id", _ID)
        raise not_found("Orthanc holds no RT Structure Set of this id", _ID)

    def _answer(self, request: Request, stored: StoredSelection) -> Response:
        pairs = [
            pair for pair in request.parameters if pair[0] in {"_summary", "_elements"}
        ]
        wanted = parse_search(pairs, self._context_of(request))
        if wanted.summary == "count":
            raise HttpError(
                HTTPStatus.BAD_REQUEST,
                "not-supported",
                "_summary=count is for searches",
                expression="http._summary",
            )
        body = subset_of(stored.resource, wanted.summary, wanted.elements)
        modified = datetime.fromisoformat(stored.last_updated)
        headers = {
            "ETag": f'W/"{stored.version_id}"',
            "Last-Modified": format_datetime(modified, usegmt=True),
        }
        return if_changed(request, fhir_response(body, headers=headers))

    def search(self, request: Request) -> Response:
        """Answer a search, by GET or as a form."""
        return self._search(request, "ImagingSelection", ())

    def search_patient(self, request: Request, patient_id: str) -> Response:
        """Answer a search in the compartment of a patient (R5 compartments)."""
        within = Criterion("patient", (TokenMatch("Patient", patient_id),))
        return self._search(request, f"Patient/{patient_id}/ImagingSelection", [within])

    def _search(
        self, request: Request, path: str, within: Iterable[Criterion]
    ) -> Response:
        require_form(request)
        search = parse_search(request.parameters, self._context_of(request), within)
        query = search.query
        page = self._reader.search(query) if query.count else None
        matches = page.matches if page else ()
        self_link = self._links.search_url(request, path, search.applied)
        next_link = None
        if page and page.next_after is not None:
            mark = "&" if search.applied else "?"
            next_link = f"{self_link}{mark}_cursor={format_cursor(page.next_after)}"
        bundle = fhir.searchset_bundle(
            self._entries(request, matches, search),
            self_link=self_link,
            next_link=next_link,
            total=self._total(search, page),
            included=self._included(request, matches, search),
            outcomes=warnings_of(search),
        )
        return fhir_response(bundle)

    def _total(self, search: Search, page: Page | None) -> int | None:
        """Give the total when it was asked for, or when it is known for free."""
        query = search.query
        if page is None or query.total:
            return self._reader.count(query)
        if page.next_after is None and query.after is None and search.totals:
            return len(page.matches)
        return None

    def _entries(
        self, request: Request, matches: Iterable[StoredSelection], search: Search
    ) -> Iterator[tuple[str, Any]]:
        base = self._links.base_url(request)
        for each in matches:
            content = subset_of(each.resource, search.summary, search.elements)
            yield f"{base}/ImagingSelection/{each.id}", orjson.Fragment(content)

    def _included(
        self, request: Request, matches: Iterable[StoredSelection], search: Search
    ) -> Iterator[tuple[str, Any]]:
        if not search.includes:
            return
        base = self._links.base_url(request)
        references = {
            element["reference"]: None
            for each in matches
            for resource in [orjson.loads(each.resource)]
            for name, kinds in search.includes
            for element in PARAMETERS[name].elements(resource)
            if element.get("reference", "").startswith(kinds)
        }
        origin = self._links.origin(request)
        for reference in references:
            kind, _, identity = reference.partition("/")
            resource = self._related.read(kind, identity, origin)
            if resource is not None:
                yield f"{base}/{reference}", resource

    def below(self, request: Request, level: str, orthanc_id: str) -> Response:
        """Answer the selections of a series, study or patient of Orthanc."""
        orthanc_ids = self._catalogue.below(level, orthanc_id)
        if orthanc_ids is None:
            raise not_found(f"Orthanc has no such resource in /{level}")
        reasons = []
        for orthanc_id in orthanc_ids:
            entry = self._catalogue.entry(orthanc_id)
            if entry is not None and entry.reason is not None:
                reasons.append(f"{orthanc_id}: {entry.reason}")
        matches = self._reader.below(orthanc_ids)
        bundle = fhir.searchset_bundle(
            self._entries(request, matches, Search()),
            self_link=f"{self._links.origin(request)}{request.path}",
            total=len(matches),
            # What is missing is said, not hidden.
            outcomes=[fhir.warning("processing", "; ".join(reasons))]
            if reasons
            else (),
        )
        return fhir_response(bundle)
