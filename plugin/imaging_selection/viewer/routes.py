"""The routes of the pages: the pages themselves, and the JSON that they alone ask for.

Everything else they show comes through the FHIR API and the status route, as anybody
else would ask for it.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from itertools import islice
from typing import TYPE_CHECKING, Any

import orjson

from imaging_selection import __version__
from imaging_selection.api.accept import if_changed, prefers_page
from imaging_selection.api.http import Response
from imaging_selection.api.responses import HttpError, json_response, not_found
from imaging_selection.dicom.findings import FINDING_KINDS
from imaging_selection.dicom.rtstruct.reader import parse_structure_set
from imaging_selection.fhir import canonicals
from imaging_selection.viewer.assets import page_response
from imaging_selection.viewer.image_planes import slices_of
from imaging_selection.viewer.structure_set_json import build_presentation

if TYPE_CHECKING:
    from collections.abc import Iterable

    from imaging_selection.api.http import Request
    from imaging_selection.api.ports import (
        Archive,
        Catalogue,
        SelectionReader,
        StoredSelection,
    )

#: Images whose tags are read in one answer: a few milliseconds each.
SLICES_AT_ONCE = 100
MOST_SERIES = 100  # that are looked for in Orthanc

_PAGES = "imaging-selection/structure-sets"
# Asked for again each time: Orthanc may have got other images, or another file.
_FRESH = {"Cache-Control": "no-store"}


class PageRoutes:
    """Answers what browsers ask for.

    Parameters
    ----------
    fhir_root
        The path of the FHIR API, which the pages search.
    """

    def __init__(
        self,
        reader: SelectionReader,
        catalogue: Catalogue,
        archive: Archive,
        fhir_root: str,
    ) -> None:
        self._reader = reader
        self._catalogue = catalogue
        self._archive = archive
        self._fhir_root = fhir_root

    def overview(self, request: Request) -> Response:
        """Answer with the page of completeness and search."""
        return self.asset(request, "overview.html")

    def structure_set(self, request: Request, _instance_id: str) -> Response:
        """Answer with the page of a structure set; its JSON tells whether there is."""
        return self.asset(request, "structure-set.html")

    def asset(self, request: Request, name: str) -> Response:
        """Answer with what a page is made of."""
        response = page_response(name)
        if response is None:
            raise not_found("no page has a part of this name")
        return if_changed(request, response)

    def site(self, _request: Request) -> Response:
        """Answer with what the pages must know of this server."""
        kinds = FINDING_KINDS.items()
        return _fresh(
            {
                "version": __version__,
                "fhirRoot": self._fhir_root,
                "levelSystem": canonicals.LEVEL_SYSTEM,
                "findingSystem": canonicals.FINDING_SYSTEM,
                "findings": {code: kind.display for code, kind in kinds},
            }
        )

    def data(self, _request: Request, orthanc_id: str) -> Response:
        """Answer with what the page of a structure set shows."""
        entry = self._catalogue.entry(orthanc_id)
        if entry is None:
            raise not_found("Orthanc holds no RT Structure Set of this id")
        if entry.reason is not None:
            raise HttpError(HTTPStatus.UNPROCESSABLE_ENTITY, "processing", entry.reason)
        structure_set = parse_structure_set(self._catalogue.file(orthanc_id))
        shown = build_presentation(structure_set, orthanc_id)
        # Which selections there are depends on the setting `Levels`.
        stored = self._reader.below([orthanc_id])
        shown["selections"] = [each.id for each in stored]
        shown["study"] = self._study(stored)
        for number, series in enumerate(shown["series"]):
            images, uid = series.pop("images"), series["seriesInstanceUid"]
            series["listed"] = len(images)
            series["found"] = self._found(uid, images) if number < MOST_SERIES else []
        return _fresh(shown)

    def _study(self, stored: Iterable[StoredSelection]) -> dict[str, Any] | None:
        """Describe the study of a structure set as Orthanc knows it."""
        # Images may be of another study.
        own = next((each for each in stored if "-images-" not in each.id), None)
        if own is None:
            return None
        [reference] = orjson.loads(own.resource)["derivedFrom"]
        study_id = reference["reference"].removeprefix("ImagingStudy/")
        study = self._archive.study(study_id)
        if study is None:
            return None
        tags = study["MainDicomTags"]
        return {
            "id": study_id,
            "description": tags.get("StudyDescription"),
            "date": tags.get("StudyDate"),
        }

    def _found(self, series_uid: str | None, images: list[str]) -> list[dict[str, Any]]:
        """Find a series in Orthanc: by its UID, else by that of its first image."""
        uids = [uid for uid in (series_uid, *images[:1]) if uid is not None]
        for uid in uids:
            if found := self._archive.image_series(uid):
                return [_series(each) for each in found]
        return []

    def slices(self, request: Request, series_id: str) -> Response:
        """Answer with the slices of a series, so many images at a time."""
        start = dict(request.parameters).get("from", "0")
        if not re.fullmatch("[0-9]{1,9}", start):
            raise HttpError(
                HTTPStatus.BAD_REQUEST,
                "value",
                "from is a number of images",
                expression="http.from",
            )
        orthanc_ids = self._archive.instances_of_series(series_id)
        if orthanc_ids is None:
            raise not_found("Orthanc has no such series")
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
    """Give people the overview, which tells what is wrong, where nothing is served.

    None when something else is asked for, or by a program.
    """
    path = request.path.removeprefix("/imaging-selection").strip("/")
    if not path:
        return page_response("overview.html") if prefers_page(request) else None
    is_asset = request.method == "GET" and path.startswith("assets/")
    return page_response(path.removeprefix("assets/")) if is_asset else None


def redirect_to_page(path: str, orthanc_id: str, selection_id: str) -> Response:
    """Lead a browser from a selection to the page of its structure set.

    By a relative address: a proxy may show Orthanc under any path. Not a permanent one:
    the same address answers with JSON to whoever asks for that.
    """
    upwards = "../" * (path.count("/") - 1)
    part = "" if selection_id == orthanc_id else f"#{selection_id}"
    location = f"{upwards}{_PAGES}/{orthanc_id}{part}"
    headers = _FRESH | {"Location": location, "Vary": "Accept"}
    return Response(HTTPStatus.SEE_OTHER, b"", "text/plain", headers)


def _fresh(value: object) -> Response:
    answer = json_response(value)
    return Response(answer.status, answer.body, answer.content_type, _FRESH)


def _series(series: dict[str, Any]) -> dict[str, Any]:
    """Take what the page shows of a series as Orthanc describes it."""
    tags = series["MainDicomTags"]
    return {
        "series": series["ID"],
        "modality": tags.get("Modality"),
        "description": tags.get("SeriesDescription"),
        "number": tags.get("SeriesNumber"),
        "instances": len(series["Instances"]),
    }
