"""What the page of a structure set shows that its resources do not carry.

Colours, volumes, the types of contours and the images they name, findings with their
sentences: StructureSet -> plain JSON values. Pure; what Orthanc has of the images is
added by whoever asks it. DICOM PS3.3 2025a, C.8.8.5, C.8.8.6, C.8.8.8.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

from imaging_selection.dicom.findings import FINDING_KINDS
from imaging_selection.ids import roi_selection_id
from imaging_selection.mapping.body_site import name_of, sites_of
from imaging_selection.mapping.issued import format_moment
from imaging_selection.mapping.rtstruct.findings import findings_of
from imaging_selection.mapping.rtstruct.source_images import ImageIndex

if TYPE_CHECKING:
    from collections.abc import Iterable

    from imaging_selection.dicom.entities import Equipment
    from imaging_selection.dicom.findings import Finding
    from imaging_selection.dicom.rtstruct.structure_set import (
        Approval,
        Contour,
        Roi,
        StructureSet,
    )

_Json = dict[str, Any]


def build_presentation(structure_set: StructureSet, orthanc_id: str) -> _Json:
    """Describe a structure set for the page.

    Parameters
    ----------
    orthanc_id
        Orthanc's id of it: its selections are named after that.

    Returns
    -------
    dict
        `rois` in file order. `images` are SOP Instance UIDs; contours name them by
        their place in that list. `series` are those that the structure set lists, and
        images whose series it does not tell.
    """
    findings = findings_of(structure_set)
    about: defaultdict[int | None, list[Finding]] = defaultdict(list)
    for each in findings:
        if each.roi_number is not None:
            about[each.roi_number].append(each)
    images: dict[str, int] = {}
    rois = [
        _roi(roi, orthanc_id, about[roi.number], images) for roi in structure_set.rois
    ]  # fills `images`
    return {
        "instance": orthanc_id,
        "sopInstanceUid": structure_set.sop_instance_uid,
        "seriesInstanceUid": structure_set.series_instance_uid,
        "studyInstanceUid": structure_set.study_instance_uid,
        "patientId": structure_set.patient.patient_id,
        "patientIdIssuer": structure_set.patient.issuer,
        "accessionNumber": _number_of_accession(structure_set),
        "label": structure_set.label,
        "name": structure_set.name,
        "description": structure_set.description,
        "moment": format_moment(structure_set.moment),
        "approval": _approval(structure_set.approval),
        "equipment": _equipment(structure_set.equipment),
        "rois": rois,
        "images": list(images),
        "series": _series(structure_set, orthanc_id),
        "findings": [_finding(each) for each in findings],
    }


def _number_of_accession(structure_set: StructureSet) -> str | None:
    accession = structure_set.accession
    return None if accession is None else accession.number


def _roi(
    roi: Roi, orthanc_id: str, findings: Iterable[Finding], images: dict[str, int]
) -> _Json:
    contours = [contour for item in roi.contours for contour in item.contours]
    colors = (item.display_color for item in roi.contours)
    terms = (seen.interpreted_type for seen in roi.observations)
    return {
        "number": roi.number,
        "selection": roi_selection_id(orthanc_id, roi.number, roi.ordinal),
        "name": name_of(roi),
        "description": roi.description,
        "color": next(filter(None, colors), None),
        "types": list(dict.fromkeys(filter(None, terms))),
        "codes": [
            {"value": code.value, "scheme": code.designator, "meaning": code.meaning}
            for code in sites_of(roi.observations)
        ],
        "volume": roi.volume,
        "algorithm": roi.generation_algorithm,
        "frameOfReferenceUid": roi.frame_of_reference_uid,
        "geometricTypes": Counter(
            "none" if each.geometric_type is None else each.geometric_type.value
            for each in contours
        ),
        "declaredPoints": sum(each.declared_points or 0 for each in contours),
        "contours": [_contour(each, images) for each in contours],
        "findings": [_finding(each) for each in findings],
    }


def _contour(contour: Contour, images: dict[str, int]) -> list[list[int]]:
    """List the images of a contour, each by its place, with its frame if one is named.

    A contour names one image as a rule (C.8.8.6).
    """
    return [
        [images.setdefault(each.sop_instance_uid, len(images)), *each.frames]
        for each in contour.images
    ]


def _finding(finding: Finding) -> _Json:
    return {
        "code": finding.code,
        "display": FINDING_KINDS[finding.code].display,
        "severity": finding.severity.value,
        "text": finding.text,
        "roiNumber": finding.roi_number,
    }


def _series(structure_set: StructureSet, orthanc_id: str) -> list[_Json]:
    return [
        {
            "seriesInstanceUid": each.series_uid,
            "studyInstanceUid": each.study_uid,
            "frameOfReferenceUid": each.frame_of_reference_uid,
            "images": [image.sop_instance_uid for image in each.images],
        }
        for each in ImageIndex(structure_set, orthanc_id).all
    ]


def _approval(approval: Approval | None) -> _Json | None:
    if approval is None:
        return None
    reviewer = approval.reviewer
    return {
        "status": approval.status,
        "moment": format_moment(approval.moment),
        "reviewer": None if reviewer is None else reviewer.name,
    }


def _equipment(equipment: Equipment) -> _Json:
    return {
        "manufacturer": equipment.manufacturer,
        "modelName": equipment.model_name,
        "softwareVersions": list(equipment.software_versions),
        "stationName": equipment.station_name,
        "institutionName": equipment.institution_name,
    }
