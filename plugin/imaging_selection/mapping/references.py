"""What a selection refers to: the patient, the study, the order.

References also have the identifier of their target, so that a search by identifier need
not resolve them. The rules are those of the common parent of the guide's profiles.

HL7 "DICOM SR to FHIR Resource Mapping" 1.0.0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imaging_selection.dicom.rtstruct.structure_set import STRUCTURE_SETS
from imaging_selection.dicom.seg.segmentation import SEGMENTATIONS
from imaging_selection.fhir import canonicals
from imaging_selection.fhir import datatypes as fhir

if TYPE_CHECKING:
    from imaging_selection.dicom.entities import (
        Accession,
        Instance,
        Patient,
        SopReference,
    )
    from imaging_selection.dicom.rtstruct.structure_set import DefinitionSource
    from imaging_selection.fhir.datatypes import Resource
    from imaging_selection.ids import OrthancIds
    from imaging_selection.mapping.places import Places

_MEDICAL_RECORD = fhir.coding(canonicals.V2_0203, "MR", "Medical record number")
_ACCESSION = fhir.coding(canonicals.V2_0203, "ACSN", "Accession ID")
_STUDY_UID = fhir.coding(canonicals.DCM, "110180", "Study Instance UID")


def subject_of(patient: Patient, ids: OrthancIds, system: str | None) -> Resource:
    """Build the reference to the patient; it has the identifier and no name.

    Parameters
    ----------
    system
        Of the identifier, if the file names no issuer.
    """
    identifier = _issued_identifier(
        _MEDICAL_RECORD, patient.patient_id, patient, system
    )
    return fhir.without_absent(
        {
            "reference": f"Patient/{ids.patient}",
            "type": "Patient",
            "identifier": identifier,
        }
    )


def based_on_of(accession: Accession | None, system: str | None) -> list[Resource]:
    """Build the reference to the order by its Accession Number (v2-0203 ACSN)."""
    if accession is None:
        return []
    identifier = _issued_identifier(_ACCESSION, accession.number, accession, system)
    return [{"type": "ServiceRequest", "identifier": identifier}]


def _issued_identifier(
    kind: Resource, value: str | None, issued: Patient | Accession, system: str | None
) -> Resource:
    if not value:
        return {}
    if issued.issuer or issued.issuer_uid:  # then the site's system would be wrong
        system = fhir.identifier_system(issued.issuer_uid)
    return fhir.without_absent(
        {
            "type": fhir.concept(kind),
            "system": system,
            "value": value,
            "assigner": {"display": issued.issuer},
        }
    )


def derived_from_of(
    study_uid: str | None, instance: Instance, ids: OrthancIds
) -> list[Resource]:
    """Build the reference to a study (DCM 110180).

    Orthanc's id is known of the instance's own study. Another study, which may have
    another Patient ID, is identified by its UID alone.
    """
    if study_uid is None:
        return []
    own = study_uid == instance.study_instance_uid
    reference = {
        "reference": f"ImagingStudy/{ids.study}" if own else None,
        "type": "ImagingStudy",
        "identifier": fhir.uid_identifier(study_uid, fhir.concept(_STUDY_UID)),
    }
    return [fhir.without_absent(reference)]


def sources_of(source: DefinitionSource, places: Places) -> list[Resource]:
    """Build the references to what a ROI was made from (0008,1156).

    To the selection of the segment (PS3.3 C.8.8.5), or of the whole instance if no
    segment is named.
    """
    reference = source.reference
    return [
        _selection_of(
            reference,
            places.selection_id_of(reference, SEGMENTATIONS, segment),
            f"Segment {segment}",
        )
        for segment in source.segments
    ] or [whole_of(reference, places)]


def whole_of(reference: SopReference, places: Places) -> Resource:
    """Build the reference to the selection of another structure set or segmentation.

    Such as that of a predecessor (3006,0018) (0040,A360).
    """
    identity = places.selection_id_of(reference, {*SEGMENTATIONS, *STRUCTURE_SETS})
    return _selection_of(reference, identity)


def _selection_of(
    reference: SopReference, identity: str | None, display: str | None = None
) -> Resource:
    """Refer to a selection by its id, if that is known, and by the UID of the file."""
    return fhir.without_absent(
        {
            "reference": f"ImagingSelection/{identity}" if identity else None,
            "type": "ImagingSelection",
            "identifier": fhir.uid_identifier(reference.sop_instance_uid),
            "display": display,
        }
    )
