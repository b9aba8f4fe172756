"""The routes of the pages: their files, and JSON for them alone."""

from __future__ import annotations

import re
from dataclasses import replace
from http import HTTPStatus
from itertools import islice
from typing import TYPE_CHECKING, Any

from imaging_selection import __version__
from imaging_selection.api.accept import prefers_page
from imaging_selection.api.conditional import not_modified_or
from imaging_selection.api.http import Response, Route
from imaging_selection.api.responses import (
    HttpError,
    bad_request,
    json_response,
    not_found,
)
from imaging_selection.api.selection_lookup import find_selection
from imaging_selection.dicom.findings import FINDING_KINDS
from imaging_selection.fhir import canonicals
from imaging_selection.mapping.choices import Choices
from imaging_selection.viewer.assets import page_response
from imaging_selection.viewer.image_planes import slices_of
from imaging_selection.viewer.image_series import add_image_series

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from imaging_selection.api.http import Request
    from imaging_selection.api.ports import Catalogue, Entry, SelectionReader
    from imaging_selection.ids import OrthancIds
    from imaging_selection.viewer.ports import ImageArchive

#: Images whose tags are read for one response: a few milliseconds each.
SLICES_AT_ONCE = 100

_STRUCTURE_SETS = "structureSets"  # what the catalogue counts them as

# Not cached: Orthanc may have received other images, or another file.
_FRESH = {"Cache-Control": "no-store"}


class PageHandlers:
    """Handles the requests of browsers.

    Parameters
    ----------
    describe
        Describes a structure set by its file, its selections of all levels, if there
        are any, and what was measured of it: see `build_page_json`.
    fhir_root
        The path of the FHIR API, which the pages search.
    levels
        The levels of the selections in the store (setting `Levels`).
    """

    def __init__(  # noqa: PLR0913 - everything that the pages need of the outside
        self,
        reader: SelectionReader,
        catalogue: Catalogue,
        archive: ImageArchive,
        *,
        describe: Callable[[OrthancIds, list[bytes], list[bytes]], dict[str, Any]],
        fhir_root: str,
        levels: Iterable[str],
    ) -> None:
        self._reader = reader
        self._catalogue = catalogue
        self._archive = archive
        self._describe = describe
        self._fhir_root = fhir_root
        self._levels = {*levels}

    def routes(self) -> tuple[Route, ...]:
        """Return the routes of the pages, for the table of the API."""
        pages = "/imaging-selection"
        one = f"{pages}/structure-sets/{{id}}"
        other = f"{pages}/instances/{{id}}"
        selection = f"{self._fhir_root}/ImagingSelection/{{id}}"
        instance = "/instances/{id}/imaging-selection"
        series = f"{one}/series/{{series}}/slices"
        return (
            Route("GET", f"{pages}/", self.overview, "overview", "page"),
            Route("GET", f"{pages}/site", self.site, "site", "json"),
            Route("GET", f"{pages}/assets/{{name}}", self.asset, "asset", "page"),
            Route("GET", one, self.structure_set, "structure-set", "page"),
            Route("GET", other, self.instance, "structure-set", "page"),
            Route("GET", f"{one}/data", self.data, "structure-set-data", "json"),
            Route("GET", series, self.slices, "slices", "json"),
            # On these paths, programs get the resource.
            Route("GET", selection, self.redirect, "page", "page"),
            Route("GET", instance, self.redirect, "page", "page"),
        )

    def redirect(self, request: Request, selection_id: str) -> Response:
        """Redirect a browser from a selection to the page of its DICOM object.

        To a relative URL, as a proxy may serve Orthanc under any path. Not permanently:
        the same URL answers programs with JSON.
        """
        stored = find_selection(self._reader, self._catalogue, selection_id)
        upwards = "../" * (request.path.count("/") - 1)
        part = "" if stored.id == stored.orthanc_id else f"#{stored.id}"
        entry = self._catalogue.entry(stored.orthanc_id)
        path = f"imaging-selection/{_page_of(stored.orthanc_id, entry)}"
        location = f"{upwards}{path}{part}"
        headers = _FRESH | {"Location": location, "Vary": "Accept"}
        return Response(HTTPStatus.SEE_OTHER, b"", "text/plain", headers)

    def overview(self, request: Request) -> Response:
        """Return the page of completeness and search."""
        return self.asset(request, "overview.html")

    def structure_set(self, request: Request, _instance_id: str) -> Response:
        """Return the page of a structure set; whether there is one, its JSON says."""
        return self.asset(request, "structure-set.html")

    def instance(self, request: Request, _instance_id: str) -> Response:
        """Return the page of a report or a segmentation; its data is a Bundle."""
        return self.asset(request, "instance.html")

    def asset(self, request: Request, name: str) -> Response:
        """Return a file that a page consists of."""
        response = page_response(name)
        if response is None:
            raise not_found("no page has a file of this name")
        return not_modified_or(request, response)

    def site(self, _request: Request) -> Response:
        """Return what the pages need to know of this server."""
        return _fresh(
            {
                "version": __version__,
                "fhirRoot": self._fhir_root,
                "levelSystem": canonicals.LEVEL_SYSTEM,
                "findingSystem": canonicals.FINDING_SYSTEM,
                "findings": {
                    code: kind.display for code, kind in FINDING_KINDS.items()
                },
            }
        )

    def data(self, _request: Request, orthanc_id: str) -> Response:
        """Return what the page of a structure set shows; of other objects, the page."""
        entry = self._catalogue.entry(orthanc_id)
        if entry is None:
            raise not_found("Orthanc has no RT Structure Set of this id")
        if entry.reason is not None:
            raise HttpError(HTTPStatus.UNPROCESSABLE_ENTITY, "processing", entry.reason)
        if entry.kind != _STRUCTURE_SETS:
            return _fresh({"page": _page_of(orthanc_id, entry)})
        ids = self._ids(orthanc_id)
        stored = self._reader.below([orthanc_id])
        measured = self._reader.below([orthanc_id], "Observation")
        # The page needs all levels, whatever the setting says.
        has_all = {*Choices().levels} <= self._levels
        shown = self._describe(
            ids,
            [each.resource for each in stored if has_all],
            [each.resource for each in measured],
        )
        shown["selections"] = [each.id for each in stored]
        shown["study"] = self._study(ids)
        add_image_series(shown, ids, self._archive)
        return _fresh(shown)

    def _ids(self, orthanc_id: str) -> OrthancIds:
        """Return Orthanc's ids of a structure set and of what it is part of."""
        instance = self._archive.instance(orthanc_id)
        if instance is None:
            raise not_found("Orthanc has no RT Structure Set of this id")
        return instance.ids

    def _study(self, ids: OrthancIds) -> dict[str, Any] | None:
        """Describe the study of a structure set as Orthanc knows it."""
        study = self._archive.study(ids.study)
        if study is None:
            return None
        tags = study["MainDicomTags"]
        return {
            "id": ids.study,
            "description": tags.get("StudyDescription"),
            "date": tags.get("StudyDate"),
        }

    def slices(self, request: Request, orthanc_id: str, series_id: str) -> Response:
        """Return the slices of a series, a limited number of images at a time.

        The series must be of the patient of the structure set.
        """
        start = dict(request.parameters).get("from", "0")
        if not re.fullmatch("[0-9]{1,9}", start):
            raise bad_request("value", "from is a number of images", "http.from")
        patient_id = self._ids(orthanc_id).patient
        series = self._archive.image_series(series_id)
        study = series and self._archive.study(series["ParentStudy"])
        if not series or not study or study["ParentPatient"] != patient_id:
            raise not_found("the patient of the structure set has no such series")
        orthanc_ids = series["Instances"]
        first = int(start)
        end = first + SLICES_AT_ONCE
        described = (
            (orthanc_id, self._archive.tags(orthanc_id))
            for orthanc_id in islice(orthanc_ids, first, end)
        )
        return _fresh(
            {
                "slices": [
                    each
                    for orthanc_id, tags in described
                    if tags is not None  # else deleted between the calls
                    for each in slices_of(orthanc_id, tags)
                ],
                "next": end if end < len(orthanc_ids) else None,
                "total": len(orthanc_ids),
            }
        )


def degraded_page(request: Request) -> Response | None:
    """Return the overview, which shows why the plugin serves nothing else.

    None for other paths, and for programs.
    """
    path = request.path.removeprefix("/imaging-selection").strip("/")
    if not path:
        return page_response("overview.html") if prefers_page(request) else None
    is_asset = request.method == "GET" and path.startswith("assets/")
    return page_response(path.removeprefix("assets/")) if is_asset else None


def _page_of(orthanc_id: str, entry: Entry | None) -> str:
    """Return the path of the page of a DICOM object, below that of all pages."""
    is_structure_set = entry is None or entry.kind == _STRUCTURE_SETS
    return f"{'structure-sets' if is_structure_set else 'instances'}/{orthanc_id}"


def _fresh(value: object) -> Response:
    return replace(json_response(value), headers=_FRESH)
