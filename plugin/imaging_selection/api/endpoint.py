"""The Endpoint that selections refer to: DICOMweb of this Orthanc (R5 Endpoint)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imaging_selection.fhir import datatypes as fhir
from imaging_selection.fhir.xhtml import narrative_of

if TYPE_CHECKING:
    from imaging_selection.api.ports import Archive
    from imaging_selection.fhir.datatypes import Resource

ENDPOINT = "dicom-web"
_CONNECTION = "http://terminology.hl7.org/CodeSystem/endpoint-connection-type"


class Endpoints:
    """Reads the one endpoint, if Orthanc has loaded DICOMweb."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive

    def ids(self, _resource_type: str) -> list[str]:
        """Return its id, if there is one."""
        return [ENDPOINT] if self._archive.dicom_web_root() is not None else []

    def read(
        self, _resource_type: str, resource_id: str, origin: str
    ) -> Resource | None:
        """Return the endpoint; None if there is none of this id.

        Parameters
        ----------
        origin
            The URL of Orthanc as the client sees it.
        """
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
