"""The CapabilityStatement, generated from `search.PARAMETERS`."""

from __future__ import annotations

from imaging_selection import __version__
from imaging_selection.fhir import FHIR_VERSION, REGION_IN_SPACE, Resource
from imaging_selection.search import PARAMETERS

# The day on which what the server can do last changed.
DATE = "2026-11-23"

_DOCUMENTATION = (
    "Read-only. RT Structure Sets stored in Orthanc, as ImagingSelection resources. "
    "Orthanc hands only the last of a repeated GET parameter to a plugin: where a "
    "parameter must be repeated, use POST [base]/ImagingSelection/_search; the self "
    "link always shows what was applied."
)


def capability_statement(base_url: str) -> Resource:
    """Say what the server can do (`GET [base]/metadata`)."""
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": DATE,
        "kind": "instance",
        "software": {"name": "Orthanc ImagingSelection", "version": __version__},
        "implementation": {"description": "Orthanc", "url": base_url},
        "fhirVersion": FHIR_VERSION,
        "format": ["application/fhir+json", "json"],
        "implementationGuide": [
            "http://hl7.org/fhir/uv/dicom-sr/ImplementationGuide/hl7.fhir.uv.dicom-sr"
        ],
        "rest": [
            {
                "mode": "server",
                "documentation": _DOCUMENTATION,
                "resource": [
                    {
                        "type": "ImagingSelection",
                        "supportedProfile": [REGION_IN_SPACE],
                        "interaction": [{"code": "read"}, {"code": "search-type"}],
                        "versioning": "versioned",
                        "readHistory": False,
                        "searchParam": [
                            {
                                "name": parameter.name,
                                "definition": parameter.definition,
                                "type": parameter.type.value,
                                "documentation": parameter.documentation,
                            }
                            for parameter in PARAMETERS.values()
                        ],
                    }
                ],
            }
        ],
    }
