"""A selection with every kind of element that the mapping makes."""

from imaging_selection.fhir import canonicals
from imaging_selection.fhir import datatypes as fhir

XHTML = "http://www.w3.org/1999/xhtml"


def selection(**overrides):
    """Return a selection with every kind of element that the mapping makes."""
    return {
        "resourceType": "ImagingSelection",
        "id": "selection-113047",
        "text": {"status": "generated", "div": f'<div xmlns="{XHTML}">Larynx</div>'},
        "contained": [
            {
                "resourceType": "BodyStructure",
                "id": "body",
                "includedStructure": [{"structure": {"text": "Larynx"}}],
                "patient": {"reference": "Patient/patient-113047"},
            },
            {"resourceType": "Device", "id": "device"},
        ],
        "status": "available",
        "subject": {"reference": "Patient/patient-113047"},
        "performer": [{"actor": {"reference": "#device"}}],
        "basedOn": [{"identifier": {"value": "accession-113047"}}],
        "code": fhir.concept(fhir.coding(canonicals.DCM, "130488", "Region In Space")),
        "studyUid": "2.25.1",
        "derivedFrom": [{"reference": "ImagingStudy/study-113047"}],
        "seriesUid": "2.25.2",
        "seriesNumber": 0,
        "frameOfReferenceUid": "2.25.3",
        "bodySite": {"reference": {"reference": "#body"}},
        "focus": [{"reference": "ImagingSelection/images-113047"}],
        "instance": [
            {
                "uid": "2.25.4",
                "number": 0,
                "subset": ["1"],
                "imageRegion3D": [
                    {"regionType": "point", "coordinate": [1, 2.5, 0]},
                    {"regionType": "polygon", "coordinate": [0] * 9},
                ],
            }
        ],
    } | overrides
