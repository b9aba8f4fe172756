"""What only ImagingSelections have: contours, and selections by Orthanc's resources."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from imaging_selection.api.accept import require_parameters
from imaging_selection.api.responses import bad_request, fhir_response, not_found
from imaging_selection.api.selection_lookup import find_all, require_orthanc_id
from imaging_selection.api.stored import StoredHandlers
from imaging_selection.fhir import bundles
from imaging_selection.search.parse_request import Search

if TYPE_CHECKING:
    from imaging_selection.api.http import Request, Response


def wants_contours(request: Request) -> bool:
    """Return whether a request is for coordinates: the response may be of any size."""
    contours = ("contours", "true") in request.parameters
    return contours or request.path.endswith("/$contours")


class SelectionHandlers(StoredHandlers):
    """Handles the requests for selections."""

    def of_instance(self, request: Request, orthanc_id: str) -> Response:
        """Return the selection of a whole structure set, by the Orthanc id of that."""
        if dict(request.parameters).get("contours") not in {None, "true", "false"}:
            raise bad_request("value", "contours is true or false", "http.contours")
        require_orthanc_id(orthanc_id)
        if wants_contours(request):
            return self.contours(request, orthanc_id)
        return self.read(request, orthanc_id)

    def collection(self, request: Request, orthanc_id: str) -> Response:
        """Return all resources that an instance became, by its Orthanc id."""
        base = self._urls.base_url(request)
        found = find_all(self._reader, self._catalogue, orthanc_id)
        entries: list[tuple[str, Any]] = [
            (f"{base}/{kind}/{each.id}", orjson.Fragment(each.resource))
            for kind, each in found
        ]
        return fhir_response(bundles.collection_of(entries))

    def contours(self, request: Request, selection_id: str) -> Response:
        """Return a selection with its contours.

        Without an ETag: a file that is overwritten may change the coordinates alone,
        and the version of the selection stays.
        """
        require_parameters(request)
        stored = self._find(selection_id)
        return fhir_response(self._catalogue.contours(stored))

    def below(self, resource_type: str, request: Request, orthanc_id: str) -> Response:
        """Return the selections of a series, study or patient of Orthanc."""
        orthanc_ids = self._catalogue.below(resource_type, orthanc_id)
        if orthanc_ids is None:
            raise not_found(f"Orthanc has no such resource in /{resource_type}")
        reasons = []
        for each in orthanc_ids:
            entry = self._catalogue.entry(each)
            if entry is not None and entry.reason is not None:
                reasons.append(f"{each}: {entry.reason}")
        with self._reader.limited():
            matches = self._reader.below(orthanc_ids)
        bundle = bundles.searchset_bundle(
            self._entries(request, matches, Search()),
            self_link=f"{self._urls.origin(request)}{request.path}",
            total=len(matches),
            # The client must see that some are missing.
            outcomes=[bundles.warning("processing", "; ".join(reasons))]
            if reasons
            else (),
        )
        return fhir_response(bundle)
