"""What selections and observations refer to: Patient and ImagingStudy.

They are made from Orthanc's own JSON: the DICOM attributes that Orthanc indexes by
default. FHIR 5.0.0.
"""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING, Any, NamedTuple

from imaging_selection.fhir import canonicals
from imaging_selection.fhir import datatypes as fhir
from imaging_selection.fhir.xhtml import narrative_of
from imaging_selection.mapping.person_name import human_name_of
from imaging_selection.mapping.selection import unsigned_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from imaging_selection.fhir.datatypes import Resource


class StudyImage(NamedTuple):
    """An instance of a study, as Orthanc describes it; what is absent is empty."""

    sop_instance_uid: str
    sop_class_uid: str
    instance_number: str


_UID = re.compile(r"[A-Za-z0-9\-.]{1,64}")  # R5 id
_SEXES = {"M": "male", "F": "female", "O": "other"}  # PS3.3 C.7.1.1


def map_patient(patient: Mapping[str, Any], referring: Resource) -> Resource:
    """Build a Patient.

    Parameters
    ----------
    patient
        As Orthanc describes it.
    referring
        A resource that refers to it, with the identifier of the Patient ID.
    """
    tags = patient["MainDicomTags"]
    identifier = referring["subject"].get("identifier")
    name = human_name_of(tags.get("PatientName", ""))
    return fhir.without_absent(
        {
            "resourceType": "Patient",
            "id": patient["ID"],
            "text": narrative_of(
                "Patient", [("Patient ID", (identifier or {}).get("value"))]
            ),
            "identifier": [identifier] if identifier else [],
            "name": [name] if name else [],
            "gender": _SEXES.get(tags.get("PatientSex", "").strip().upper()),
            "birthDate": _date(tags.get("PatientBirthDate")),
        }
    )


def map_study(
    study: Mapping[str, Any],
    series_of_study: Iterable[Mapping[str, Any]],
    referring: Resource,
    endpoint: str | None,
) -> Resource:
    """Build an ImagingStudy.

    Parameters
    ----------
    study, series_of_study
        As Orthanc describes them.
    referring
        A resource that refers to it, with its patient and its request.
    endpoint
        The reference to the Endpoint, if there is one.
    """
    tags = study["MainDicomTags"]
    series = [
        _series(each)
        for each in series_of_study
        if _UID.fullmatch(each["MainDicomTags"].get("SeriesInstanceUID", ""))
    ]
    uid = referring.get("studyUid") or tags.get("StudyInstanceUID", "")
    return fhir.without_absent(
        {
            "resourceType": "ImagingStudy",
            "id": study["ID"],
            "text": narrative_of(
                "Study", [("Study Instance UID", uid), ("Series", len(series))]
            ),
            "identifier": [fhir.uid_identifier(uid)] if uid else [],
            "status": "available",
            "modality": _modalities(series),
            "subject": referring["subject"],
            "started": _date(tags.get("StudyDate")),
            "basedOn": referring.get("basedOn"),
            "endpoint": [{"reference": endpoint}] if endpoint else [],
            "numberOfSeries": len(series),
            "numberOfInstances": sum(each["numberOfInstances"] for each in series),
            "description": tags.get("StudyDescription", "").strip(),
            "series": [fhir.without_absent(each) for each in series],
        }
    )


def with_images(
    study: Resource, images: Mapping[str, Iterable[StudyImage]]
) -> Resource:
    """Add the instances of each series to an ImagingStudy.

    One without a legal UID, or whose SOP Class is not known, is left out: R5 requires
    both. `numberOfInstances` counts them all.

    Parameters
    ----------
    images
        By Series Instance UID.
    """
    series = [
        each | ({"instance": found} if found else {})
        for each in study.get("series", ())
        for found in [_instances(images.get(each["uid"], ()))]
    ]
    return study | {"series": series}


def _instances(images: Iterable[StudyImage]) -> list[Resource]:
    made = [
        fhir.without_absent(
            {
                "uid": each.sop_instance_uid,
                "sopClass": fhir.coding(
                    canonicals.URI, fhir.urn_oid(each.sop_class_uid)
                ),
                "number": unsigned_of(each.instance_number),
            }
        )
        for each in images
        if _UID.fullmatch(each.sop_instance_uid) and _UID.fullmatch(each.sop_class_uid)
    ]
    return sorted(made, key=lambda each: (each.get("number", -1), each["uid"]))


def _series(series: Mapping[str, Any]) -> Resource:
    tags = series["MainDicomTags"]
    modality = tags.get("Modality", "").strip()
    if not fhir.is_code(modality):
        modality = "OT"  # PS3.3 C.7.3.1.1.1: Other
    return {
        "uid": tags["SeriesInstanceUID"],
        "number": unsigned_of(tags.get("SeriesNumber", "")),
        "modality": fhir.concept(fhir.coding(canonicals.DCM, modality)),
        "description": tags.get("SeriesDescription", "").strip(),
        "numberOfInstances": len(series["Instances"]),
    }


def _modalities(series: list[Resource]) -> list[Resource]:
    codes = {each["modality"]["coding"][0]["code"]: each["modality"] for each in series}
    return list(codes.values())


def _date(text: str | None) -> str | None:
    """Format a DICOM date (PS3.5 6.2, DA) as a FHIR date; None if it is none."""
    digits = (text or "").strip().replace(".", "")
    found = re.fullmatch("([0-9]{4})([0-9]{2})([0-9]{2})", digits)
    if found is None:
        return None
    try:
        return date(*map(int, found.groups())).isoformat()
    except ValueError:  # the 30th of February
        return None
