"""StructureSet -> ImagingSelection resources. Pure: the same input, the same bytes.

Three levels (one selection for the structure set, one a ROI, one a series of source
images), all of the guide "DICOM SR to FHIR Resource Mapping" 1.0.0. One rule is one
small function that cites its clause; DICOM words come in, FHIR words go out.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from imaging_selection import fhir

if TYPE_CHECKING:
    from collections.abc import Sequence
    from zoneinfo import ZoneInfo

    from imaging_selection.fhir import Resource
    from imaging_selection.identity import OrthancIds
    from imaging_selection.model import Roi, StructureSet

# Raised when the same structure set would become other resources.
MAPPING_VERSION = 1

OWN = "urn:orthanc-imaging-selection"
LEVEL_SYSTEM = f"{OWN}:level"

# The published profile's code has one `1` too many; a resource with the true UID does
# not conform to it. The true one goes beside it as an alternate code.
PUBLISHED_SOP_CLASS = "11.2.840.10008.5.1.4.1.1.481.3"
TRUE_SOP_CLASS = "1.2.840.10008.5.1.4.1.1.481.3"
SOP_CLASS_SYSTEM = (
    "https://dicom.nema.org/medical/dicom/current/output/chtml/part04/sect_B.5"
)
ALTERNATE_CODES = "http://hl7.org/fhir/StructureDefinition/alternate-codes"


@dataclass(frozen=True, slots=True)
class Choices:
    """The settings that shape a resource; `config.Settings` says what each means."""

    levels: tuple[str, ...] = ("StructureSet", "Roi", "SourceImages")
    sop_class_coding: str = "Profile"
    timezone: ZoneInfo | None = None
    patient_identifier_system: str | None = None
    accession_number_system: str | None = None


def version_of(choices: Choices) -> str:
    """Name what makes the resources: this module's version and the choices.

    Resources of another name are to be made again.
    """
    text = repr(choices).encode()
    return f"{MAPPING_VERSION}-{hashlib.sha256(text).hexdigest()[:8]}"


def build_selections(
    structure_set: StructureSet, ids: OrthancIds, choices: Choices
) -> list[Resource]:
    """Build every selection of a structure set: the set first, then ROIs in file order.

    Raises
    ------
    MappingError
        A resource fails the R5 model or our own checks: a defect of this module.
    """
    selections = []
    if "StructureSet" in choices.levels:
        selections.append(_of_structure_set(structure_set, ids, choices))
    if "Roi" in choices.levels:
        selections += [
            _of_roi(structure_set, roi, ids, choices) for roi in structure_set.rois
        ]
    for selection in selections:
        fhir.check(selection)
    return selections


def _of_structure_set(
    structure_set: StructureSet, ids: OrthancIds, choices: Choices
) -> Resource:
    numbers = list(
        dict.fromkeys(
            str(roi.number) for roi in structure_set.rois if roi.number is not None
        )
    )
    frames = {roi.frame_of_reference_uid for roi in structure_set.rois}
    return _selection(
        structure_set,
        ids,
        choices,
        identity=ids.instance,
        level="structure-set",
        numbers=numbers,
        frame_of_reference_uid=frames.pop() if len(frames) == 1 else None,
        identifier=[fhir.uid_identifier(structure_set.sop_instance_uid)],
    )


def _of_roi(
    structure_set: StructureSet, roi: Roi, ids: OrthancIds, choices: Choices
) -> Resource:
    identity = f"{ids.instance}-{'none' if roi.number is None else roi.number}"
    if roi.ordinal > 1:
        identity += f".{roi.ordinal}"
    uid = roi.conceptual_volume_uid
    return _selection(
        structure_set,
        ids,
        choices,
        identity=identity,
        level="roi",
        numbers=[] if roi.number is None else [str(roi.number)],
        frame_of_reference_uid=roi.frame_of_reference_uid,
        identifier=[fhir.uid_identifier(uid)] if uid else [],
    )


def _selection(
    structure_set: StructureSet,
    ids: OrthancIds,
    choices: Choices,
    *,
    identity: str,
    level: str,
    numbers: Sequence[str],
    frame_of_reference_uid: str | None,
    identifier: list[Resource],
) -> Resource:
    elements: Resource = {
        "resourceType": "ImagingSelection",
        "id": identity,
        "meta": {
            "profile": _profile(numbers, choices),
            "tag": [fhir.coding(LEVEL_SYSTEM, level)],
        },
        "identifier": identifier,
        "status": "available",
        "subject": _subject(structure_set, ids, choices),
        "code": fhir.concept(fhir.coding(fhir.DCM, "130488", "Region In Space")),
        "studyUid": structure_set.study_instance_uid,
        "derivedFrom": [_derived_from(structure_set, ids)],
        "seriesUid": structure_set.series_instance_uid,
        "seriesNumber": _unsigned(structure_set.series_number),
        "frameOfReferenceUid": frame_of_reference_uid,
        "instance": [_instance(structure_set, numbers, choices)],
    }
    return _without_absent(elements)


def _without_absent(elements: Resource) -> Resource:
    """Leave out what is None or empty: absent is absent, FHIR has no empty array."""
    kept = {
        key: _without_absent(value) if isinstance(value, dict) else value
        for key, value in elements.items()
    }
    return {key: value for key, value in kept.items() if value not in (None, [], {})}


def _unsigned(number: int | None) -> int | None:
    """IS may be negative; FHIR's unsignedInt may not."""
    return number if number is not None and number >= 0 else None


def _profile(numbers: Sequence[str], choices: Choices) -> list[str]:
    """Claim the profile only when the resource keeps it (subset 1..*, sopClass)."""
    conforms = bool(numbers) and choices.sop_class_coding == "Profile"
    return [fhir.REGION_IN_SPACE] if conforms else []


def _subject(
    structure_set: StructureSet, ids: OrthancIds, choices: Choices
) -> Resource:
    """Name the patient by identifier only (region-in-space: subject 1..1, Patient)."""
    patient = structure_set.patient
    identifier = None
    if patient.patient_id:
        mr = fhir.concept(fhir.coding(fhir.V2_0203, "MR", "Medical record number"))
        identifier = {
            "type": mr,
            "system": patient.issuer_uid or choices.patient_identifier_system,
            "value": patient.patient_id,
        }
    return {
        "reference": f"Patient/{ids.patient}",
        "type": "Patient",
        "identifier": identifier,
    }


def _derived_from(structure_set: StructureSet, ids: OrthancIds) -> Resource:
    """Point at the study (parent profile: one literal reference, DCM 110180)."""
    kind = fhir.concept(fhir.coding(fhir.DCM, "110180", "Study Instance UID"))
    return {
        "reference": f"ImagingStudy/{ids.study}",
        "type": "ImagingStudy",
        "identifier": fhir.uid_identifier(structure_set.study_instance_uid, kind),
    }


def _instance(
    structure_set: StructureSet, numbers: Sequence[str], choices: Choices
) -> Resource:
    """Build the slice rtStructureInstance: uid, sopClass, the ROI Numbers as subset."""
    sop_class = fhir.coding(
        SOP_CLASS_SYSTEM, PUBLISHED_SOP_CLASS, "RT Structure Set Storage"
    )
    if choices.sop_class_coding == "Dicom":
        sop_class["code"] = TRUE_SOP_CLASS
    else:
        true = fhir.coding(fhir.URI, fhir.urn_oid(TRUE_SOP_CLASS))
        sop_class["_code"] = {
            "extension": [
                {"url": ALTERNATE_CODES, "valueCodeableConcept": fhir.concept(true)}
            ]
        }
    return _without_absent(
        {
            "uid": structure_set.sop_instance_uid,
            "number": _unsigned(structure_set.instance_number),
            "sopClass": sop_class,
            "subset": list(numbers),
        }
    )
