"""Observations as a DICOM SR becomes them, saved beside the selections."""

import orjson
from imaging_selection.search.extract import index_of
from imaging_selection.store.draft import Draft
from imaging_selection.store.ledger import CONVERTED, LedgerEntry

SCT = "http://snomed.info/sct"
UCUM = "http://unitsofmeasure.org"
PROFILE = "http://hl7.org/fhir/uv/dicom-sr/StructureDefinition/imaging-measurement"
REPORT = "c0ffee00-c0ffee00-c0ffee00-c0ffee00-c0ffee00"  # Orthanc's id of a document


def observation(number, ids, **overrides):
    """Return a measurement of a patient, on a selection of a structure set."""
    return {
        "resourceType": "Observation",
        "id": f"{REPORT}-{number}",
        "meta": {"profile": [PROFILE]},
        "identifier": [{"system": "urn:dicom:uid", "value": f"urn:oid:2.25.9{number}"}],
        "basedOn": [{"identifier": {"value": "accession-113047"}}],
        "partOf": [{"reference": f"ImagingStudy/{ids.study}"}],
        "status": "final",
        "category": [{"coding": [{"code": "imaging"}]}],
        "code": {"coding": [{"system": SCT, "code": "118565006", "display": "Volume"}]},
        "subject": {
            "reference": f"Patient/{ids.patient}",
            "identifier": {"value": "patient-1"},
        },
        "effectiveDateTime": "2024-07-24T08:23:42+00:00",
        "performer": [{"display": "reader-113047"}],
        "valueQuantity": {
            "value": 6.5,
            "unit": "cubic centimeter",
            "system": UCUM,
            "code": "cm3",
        },
        "method": {"text": "method-113047"},
        "derivedFrom": [{"reference": f"ImagingSelection/{ids.instance}-1"}],
    } | overrides


def save_observations(selections, resources, moment, instance=REPORT):
    """Save what a document became, in place of what it became before."""
    drafts = [
        Draft("Observation", each["id"], orjson.dumps(each), index_of(each))
        for each in resources
    ]
    entry = LedgerEntry(instance, CONVERTED, "mark", "version", moment)
    selections.save_all([(entry, drafts)], moment)
    return entry
