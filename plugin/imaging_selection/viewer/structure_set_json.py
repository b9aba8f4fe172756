"""The JSON that the page of a structure set shows.

Made from the selections of the structure set: names, codes, colors, volumes, findings,
equipment, approval, source images. The file gives the contours, without coordinates,
and what no element of a selection holds: Structure Set Name, the date and time of the
structure set, and those of its review.

FHIR 5.0.0 ImagingSelection; DICOM PS3.3 2025a, C.8.8.5, C.8.8.6, C.8.8.16.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from imaging_selection.fhir import canonicals
from imaging_selection.ids import roi_selection_id
from imaging_selection.mapping import extensions
from imaging_selection.mapping.body_site import TRACKING_IDENTIFIER
from imaging_selection.mapping.issued import format_moment
from imaging_selection.mapping.performer import REVIEWER

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from imaging_selection.dicom.rtstruct.structure_set import (
        Contour,
        Roi,
        StructureSet,
    )
    from imaging_selection.fhir.datatypes import Resource

_Json = dict[str, Any]


def build_page_json(
    resources: Sequence[Resource], structure_set: StructureSet, orthanc_id: str
) -> _Json:
    """Describe a structure set for its page.

    Parameters
    ----------
    resources
        The selections of all levels, and what was measured of the ROIs, if anything.
    structure_set
        The values of its file.
    orthanc_id
        Orthanc's id of the structure set.

    Returns
    -------
    dict
        `rois` in file order. `images` are SOP Instance UIDs; contours name them by
        their place in that list. `series` are the source images; `focus` of a ROI are
        those that its selection refers to. `frames` and `studies` are the UIDs of all
        frames of reference, and of the studies of images, that the file names.
    """
    selections = [each for each in resources if _is_selection(each)]
    measured = {
        reference["reference"].rpartition("/")[2]: each
        for each in resources
        if not _is_selection(each)
        for reference in each.get("derivedFrom", ())
    }
    [whole] = [each for each in selections if _tag(each) == "structure-set"]
    by_id = {each["id"]: each for each in selections}
    images: dict[str, int] = {}
    contours = {
        roi_selection_id(orthanc_id, roi.number, roi.ordinal): _contours(roi, images)
        for roi in structure_set.rois
    }  # fills `images`
    subject = whole["subject"].get("identifier", {})
    accessions = [each["identifier"]["value"] for each in whole.get("basedOn", ())]
    return {
        "instance": orthanc_id,
        "sopInstanceUid": whole["instance"][0]["uid"],
        "seriesInstanceUid": whole["seriesUid"],
        "studyInstanceUid": whole["studyUid"],
        "patient": whole["subject"]["reference"],
        "patientId": subject.get("value"),
        "patientIdIssuer": subject.get("assigner", {}).get("display"),
        "accessionNumber": _first(accessions),
        "label": _value(whole, extensions.ARTIFACT_TITLE),
        "name": structure_set.name,
        "description": _value(whole, extensions.ARTIFACT_DESCRIPTION),
        "moment": format_moment(structure_set.moment),
        "predecessors": [each.sop_instance_uid for each in structure_set.predecessors],
        "approval": _approval(whole, structure_set),
        "equipment": _equipment(whole),
        "rois": [
            _roi(by_id[selection_id], measured.get(selection_id, {})) | drawn
            for selection_id, drawn in contours.items()
            if selection_id in by_id
        ],
        "images": list(images),
        "series": [
            _series(each) for each in selections if _tag(each) == "source-images"
        ],
        "findings": _findings(whole),
        "frames": [*_frames_of(structure_set)],
        "studies": [
            study.study_instance_uid
            for frame in structure_set.frames_of_reference
            for study in frame.studies
        ],
    }


def _frames_of(structure_set: StructureSet) -> set[str]:
    frames = {each.frame_of_reference_uid for each in structure_set.rois}
    frames.update(each.uid for each in structure_set.frames_of_reference)
    return {each for each in frames if each is not None}


def _is_selection(resource: Resource) -> bool:
    return bool(resource["resourceType"] == "ImagingSelection")


def _roi(selection: Resource, measured: Resource) -> _Json:
    structure: Resource = _contained(selection, "structure")
    numbers = selection["instance"][0].get("subset", ())
    colors = _values(selection, extensions.ROI_DISPLAY_COLOR)
    kinds = (each["text"] for each in selection.get("category", ()))
    return {
        "number": int(numbers[0]) if numbers else None,
        "selection": selection["id"],
        "name": _first(
            each["value"]
            for each in structure.get("identifier", ())
            if TRACKING_IDENTIFIER in each["type"]["coding"]
        ),
        "description": structure.get("description"),
        "color": [*bytes.fromhex(colors[0][1:])] if colors else None,
        "types": list(dict.fromkeys(kinds)),
        "codes": [
            {
                "value": coding["code"],
                "scheme": coding.get("system"),
                "meaning": coding.get("display"),
            }
            for each in structure.get("includedStructure", ())
            for coding in each["structure"].get("coding", ())
        ],
        "volume": _value(selection, extensions.ROI_VOLUME),
        "measured": measured.get("valueQuantity", {}).get("value"),
        "algorithm": _value(selection, extensions.ROI_GENERATION_ALGORITHM),
        "frameOfReferenceUid": selection.get("frameOfReferenceUid"),
        "focus": [
            each["reference"].removeprefix("ImagingSelection/")
            for each in selection.get("focus", ())
            if "reference" in each
        ],
        "findings": _findings(selection) + _findings(measured),
    }


def _contours(roi: Roi, images: dict[str, int]) -> _Json:
    """Describe the contours of a ROI, without coordinates."""
    contours = [contour for item in roi.contours for contour in item.contours]
    return {
        "geometricTypes": Counter(
            "none" if each.geometric_type is None else each.geometric_type.value
            for each in contours
        ),
        "declaredPoints": sum(each.declared_points or 0 for each in contours),
        "contours": [_images_of(each, images) for each in contours],
    }


def _images_of(contour: Contour, images: dict[str, int]) -> list[list[int]]:
    """List the images of a contour: the place of each, then the frames that are named.

    A contour usually names one image (C.8.8.6).
    """
    return [
        [images.setdefault(each.sop_instance_uid, len(images)), *each.frames]
        for each in contour.images
    ]


def _findings(selection: Resource) -> list[_Json]:
    tags = selection.get("meta", {}).get("tag", ())
    displays = {each["code"]: each.get("display") for each in tags}
    found = []
    for each in selection.get("extension", ()):
        if each["url"] == extensions.FINDING:
            code = _value(each, "code")
            found.append(
                {
                    "code": code,
                    "display": displays[code],
                    "severity": _value(each, "severity"),
                    "text": _value(each, "text"),
                    "roiNumber": _value(each, "roiNumber"),
                    "contours": _values(each, "contour"),
                }
            )
    return found


def _series(selection: Resource) -> _Json:
    return {
        "selection": selection["id"],
        "seriesInstanceUid": selection.get("seriesUid"),
        "studyInstanceUid": selection.get("studyUid"),
        "frameOfReferenceUid": selection.get("frameOfReferenceUid"),
        "images": [each["uid"] for each in selection.get("instance", ())],
    }


def _approval(selection: Resource, structure_set: StructureSet) -> _Json | None:
    """Describe the approval; None without one of the standard's terms."""
    status = _tag(selection, canonicals.APPROVAL_SYSTEM)
    if status is None or structure_set.approval is None:
        return None
    names = (
        _contained(selection, each["actor"]["reference"][1:]).get("name", ())
        for each in selection.get("performer", ())
        if REVIEWER in each.get("function", {}).get("coding", ())
    )
    return {
        "status": status,
        "moment": format_moment(structure_set.approval.moment),
        "reviewer": _first(each["text"] for every in names for each in every),
    }


def _equipment(selection: Resource) -> _Json:
    device = _contained(selection, "equipment")
    return {
        "manufacturer": device.get("manufacturer"),
        "modelName": device.get("modelNumber"),
        "softwareVersions": [each["value"] for each in device.get("version", ())],
        "stationName": _first(each["value"] for each in device.get("name", ())),
        "institutionName": device.get("owner", {}).get("display"),
    }


def _first(values: Iterable[Any]) -> Any:
    return next(iter(values), None)


def _contained(selection: Resource, identity: str) -> Resource:
    """Return a contained resource by its id; empty if there is none."""
    contained = selection.get("contained", ())
    return next((each for each in contained if each["id"] == identity), {})


def _tag(selection: Resource, system: str = canonicals.LEVEL_SYSTEM) -> Any:
    """Return the code of a tag: the level, unless another system is named."""
    tags = selection["meta"]["tag"]
    return _first(each["code"] for each in tags if each["system"] == system)


def _values(element: Resource, url: str) -> list[Any]:
    """List the values of the extensions with one URL."""
    return [
        value
        for each in element.get("extension", ())
        if each["url"] == url
        for key, value in each.items()
        if key.startswith("value")
    ]


def _value(element: Resource, url: str) -> Any:
    return _first(_values(element, url))
