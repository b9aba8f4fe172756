"""The guide's example report becomes the guide's example resources.

Each element of an example resource is compared with the one made of the report. What
differs is named, with the reason: most of it contradicts the report itself.
"""

import json

import pytest
from imaging_selection import objects
from imaging_selection.fhir.datatypes import dumps
from pydicom.datadict import keyword_for_tag
from support.dicom_writer import EXPLICIT, write_file
from support.paths import GUIDE

REPORT = GUIDE / "dicom" / "Example-MeasurementReport.json"
pytestmark = pytest.mark.skipif(not REPORT.exists(), reason="the guide is not here")

TIMES = "the report has 2019-03-23 08:24:28 without a zone, the example another time"
DEVICE = "the device is contained; the example has resources of their own"

# Example -> the content item that it is of.
OBSERVATIONS = {
    "imaging-measurement-group": "1.4.1",
    "imaging-measurement-001": "1.4.1.9",
    "imaging-measurement-002": "1.4.1.10",
    "imaging-measurement-003": "1.4.1.11",
    "qualitative-evaluation-001": "1.4.1.12",
    "qualitative-evaluation-002": "1.4.1.13",
}
SELECTIONS = {
    "measurement-report-referenced-segment": "1.4.1.6",
}
# Elements of all Observations, and why they differ.
ALWAYS = {
    "issued": TIMES,
    "effectiveDateTime": TIMES,
    "subject": "ids are those of Orthanc",
    "basedOn": "the order is known by its Accession Number alone",
    "partOf": "ids are those of Orthanc",
    "performer": "the person is contained",
    "device": DEVICE,
    "bodyStructure": "the site is contained",
    "derivedFrom": "ids; and each Observation refers to its report",
    "hasMember": "ids are those of Orthanc",
}
DEVIATIONS = {
    ("imaging-measurement-001", "valueQuantity"): "the report has 31112.2 mm3",
    ("imaging-measurement-002", "valueQuantity"): "the report has 49.94462 mm",
    ("qualitative-evaluation-001", "valueCodeableConcept"): (
        "no system: nothing in the report identifies the scheme 99LIDCQIICR"
    ),
    ("qualitative-evaluation-002", "valueCodeableConcept"): (
        "no system: nothing in the report identifies the scheme 99LIDCQIICR"
    ),
    ("qualitative-evaluation-002", "code"): (
        "the report has the designator RadLex, not RADLEX, and the display Malignancy"
    ),
    ("measurement-report-referenced-segment", "seriesUid"): (
        "the report does not list the segmentation"
    ),
    ("measurement-report-referenced-segment", "instance"): (
        "the report refers to another SOP Instance UID"
    ),
    ("measurement-report-referenced-segment", "bodySite"): (
        "the site is that of the measurements"
    ),
}


def item_of(content):
    """Return an item of DICOM JSON as the writer takes it."""
    return {
        keyword_for_tag(int(tag, 16)): values_of(element)
        for tag, element in content.items()
    }


def values_of(element):
    values = element.get("Value", [])
    if isinstance(values, str):  # (0008,0050): no legal DICOM JSON
        return values
    if element["vr"] == "SQ":
        return [*map(item_of, values)]
    if element["vr"] == "PN":
        return [each["Alphabetic"] for each in values]
    return [repr(each) if isinstance(each, float) else each for each in values]


@pytest.fixture(scope="module")
def made():
    content = json.loads(REPORT.read_text("utf-8"))
    resources = objects.convert(write_file(item_of(content), EXPLICIT)).resources
    return {
        each["id"][len(resources[0]["id"]) + 1 :]: json.loads(dumps(each))
        for each in resources
    }


def example(kind, name):
    return json.loads((GUIDE / f"{kind}-{name}.json").read_text("utf-8"))


def without_text(value):
    """Leave out texts of concepts, which the examples do not have."""
    if isinstance(value, dict):
        is_concept = "coding" in value
        return {
            key: without_text(each)
            for key, each in value.items()
            if not (is_concept and key == "text")
        }
    return [*map(without_text, value)] if isinstance(value, list) else value


def differences(expected, actual):
    keys = expected.keys() - {"id", "text", "resourceType", "meta"}
    return {
        key
        for key in keys
        if without_text(actual.get(key)) != without_text(expected[key])
    }


@pytest.mark.parametrize("name", OBSERVATIONS)
def test_an_observation_is_that_of_the_guide_but_for_named_deviations(made, name):
    expected = example("Observation", name)
    actual = made[OBSERVATIONS[name]]
    assert actual["meta"]["profile"] == expected["meta"]["profile"]
    named = {key for example_name, key in DEVIATIONS if example_name == name}
    present = expected.keys() & ALWAYS.keys()
    assert differences(expected, actual) - present == named


@pytest.mark.parametrize("name", SELECTIONS)
def test_a_selection_is_that_of_the_guide_but_for_named_deviations(made, name):
    expected = example("ImagingSelection", name)
    actual = made[SELECTIONS[name]]
    assert actual["meta"]["profile"] == expected["meta"]["profile"]
    named = {key for example_name, key in DEVIATIONS if example_name == name}
    ids = {"subject", "derivedFrom", "focus"}
    assert differences(expected, actual) - ids == named


def test_references_lead_where_those_of_the_guide_lead(made):
    group = made["1.4.1"]
    members = [each["reference"].rpartition("-")[2] for each in group["hasMember"]]
    assert members == [
        OBSERVATIONS[name]
        for name in OBSERVATIONS
        if name != "imaging-measurement-group"
    ]
    for name, position in OBSERVATIONS.items():
        first = made[position]["derivedFrom"][0]["reference"]
        assert first.endswith("-1.4.1.6"), name


def test_the_site_is_that_of_the_report_with_its_tracking(made):
    expected = example("BodyStructure", "measurement-report-finding-site")
    structure = made["1.4.1.9"]["contained"][-1]
    assert without_text(structure["identifier"]) == expected["identifier"]
    # The report has "Lung", the example the left one, which it does not say.
    (included,) = structure["includedStructure"]
    assert included["structure"]["coding"][0]["code"] == "39607008"
