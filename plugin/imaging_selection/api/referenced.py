"""What selections refer to: Patient, ImagingStudy and Endpoint, from Orthanc's data.

Only patients and studies that a selection refers to are served. FHIR 5.0.0; the DICOM
attributes are those that Orthanc indexes by default.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import orjson

from imaging_selection.fhir import canonicals
from imaging_selection.fhir import datatypes as fhir
from imaging_selection.fhir.xhtml import narrative_of
from imaging_selection.mapping.person_name import human_name_of
from imaging_selection.mapping.selection import unsigned_of
from imaging_selection.search.criteria import Criterion, Query, TokenMatch
from imaging_selection.search.normalize import interval_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from imaging_selection.api.ports import Archive, SelectionReader
    from imaging_selection.fhir.datatypes import Resource

# Type -> the search parameter of ImagingSelection that refers to it.
REFERENCES = {"Patient": "patient", "ImagingStudy": "derived-from"}
ENDPOINT = "dicom-web"
# Search parameter of a type -> that of the selections which refer to what it finds.
_SAME = {
    "Patient": {"identifier": "patient:identifier"},
    "ImagingStudy": {
        "identifier": "derived-from:identifier",
        **{
            name: name
            for base in ("patient", "subject")
            for name in (base, f"{base}:identifier")
        },
    },
}

_UID = re.compile(r"[A-Za-z0-9\-.]{1,64}")  # R5 id
_SEXES = {"M": "male", "F": "female", "O": "other"}  # PS3.3 C.7.1.1
_CONNECTION = "http://terminology.hl7.org/CodeSystem/endpoint-connection-type"


class ReferencedResources:
    """Reads the resources that selections refer to."""

    def __init__(self, reader: SelectionReader, archive: Archive) -> None:
        self._reader = reader
        self._archive = archive
        self._readers: dict[str, Callable[[str, str], Resource | None]] = {
            "Patient": self._patient,
            "ImagingStudy": self._study,
            "Endpoint": self._endpoint,
        }

    def read(
        self, resource_type: str, resource_id: str, origin: str
    ) -> Resource | None:
        """Build a resource; None if no selection refers to it, or Orthanc lacks it.

        Parameters
        ----------
        origin
            The URL of Orthanc as the client sees it.
        """
        return self._readers[resource_type](resource_id, origin)

    def ids(
        self,
        resource_type: str,
        criteria: tuple[Criterion, ...],
        after: str,
        limit: int,
    ) -> list[str]:
        """Return ids in order, those after `after`; the criteria may exclude some."""
        if resource_type in REFERENCES:
            names = _SAME[resource_type]
            within = (
                replace(each, name=names[each.name])
                for each in criteria
                if each.name in names and not each.negated
            )
            return self._reader.referenced(
                REFERENCES[resource_type],
                resource_type,
                next(within, None),
                after,
                limit,
            )
        present = self._archive.dicom_web_root() is not None
        return [ENDPOINT] if present and after < ENDPOINT else []

    def _referring(self, resource_type: str, resource_id: str) -> Resource | None:
        """Return a selection that refers to a resource."""
        match = TokenMatch(resource_type, resource_id)
        criterion = Criterion(REFERENCES[resource_type], (match,))
        page = self._reader.search(Query((criterion,), count=1))
        return orjson.loads(page.matches[0].resource) if page.matches else None

    def _patient(self, resource_id: str, _origin: str) -> Resource | None:
        selection = self._referring("Patient", resource_id)
        patient = self._archive.patient(resource_id) if selection else None
        if selection is None or patient is None:
            return None
        tags = patient["MainDicomTags"]
        identifier = selection["subject"].get("identifier")
        name = human_name_of(tags.get("PatientName", ""))
        return fhir.without_absent(
            {
                "resourceType": "Patient",
                "id": resource_id,
                "text": narrative_of(
                    "Patient", [("Patient ID", (identifier or {}).get("value"))]
                ),
                "identifier": [identifier] if identifier else [],
                "name": [name] if name else [],
                "gender": _SEXES.get(tags.get("PatientSex", "").strip().upper()),
                "birthDate": _date(tags.get("PatientBirthDate")),
            }
        )

    def _study(self, resource_id: str, _origin: str) -> Resource | None:
        selection = self._referring("ImagingStudy", resource_id)
        study = self._archive.study(resource_id) if selection else None
        if selection is None or study is None:
            return None
        tags = study["MainDicomTags"]
        series = [
            _series(each)
            for each in self._archive.series_of_study(resource_id)
            if _UID.fullmatch(each["MainDicomTags"].get("SeriesInstanceUID", ""))
        ]
        instances = [each["numberOfInstances"] for each in series]
        own = selection["studyUid"]
        web = self._archive.dicom_web_root() is not None
        return fhir.without_absent(
            {
                "resourceType": "ImagingStudy",
                "id": resource_id,
                "text": narrative_of(
                    "Study", [("Study Instance UID", own), ("Series", len(series))]
                ),
                "identifier": [fhir.uid_identifier(own)],
                "status": "available",
                "modality": _modalities(series),
                "subject": selection["subject"],
                "started": _date(tags.get("StudyDate")),
                "basedOn": selection.get("basedOn"),
                "endpoint": [{"reference": f"Endpoint/{ENDPOINT}"}] if web else [],
                "numberOfSeries": len(series),
                "numberOfInstances": sum(instances),
                "description": tags.get("StudyDescription", "").strip(),
                "series": [fhir.without_absent(each) for each in series],
            }
        )

    def _endpoint(self, resource_id: str, origin: str) -> Resource | None:
        root = self._archive.dicom_web_root()
        if root is None or resource_id != ENDPOINT:
            return None
        return {
            "resourceType": "Endpoint",
            "id": ENDPOINT,
            "text": narrative_of("DICOMweb of this Orthanc", []),
            "status": "active",
            "connectionType": [
                fhir.concept(fhir.coding(_CONNECTION, f"dicom-{each}-rs"))
                for each in ("wado", "qido", "stow")
            ],
            "payload": [{"mimeType": ["application/dicom"]}],
            "address": f"{origin}/{root.strip('/')}",
        }


def _series(series: dict[str, Any]) -> Resource:
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
    date = "-".join(found.groups()) if found else ""
    return date if interval_of(date) else None
