from datetime import UTC, datetime

import pytest
from fhir.resources.observation import Observation
from imaging_selection import objects
from imaging_selection.fhir.canonicals import GUIDE, MEASUREMENT_SYSTEM
from imaging_selection.mapping.choices import Choices
from imaging_selection.mapping.tags import CODE_SYSTEMS
from support.builders import SQUARE, code, contour, make_rtstruct, observation, roi
from support.solids import rectangle

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
BOX = [contour(rectangle(z)) for z in (0, 3, 6, 9)]


def measure(*rois, choices=None, **overrides):
    file = make_rtstruct(*rois, **overrides)
    return objects.measure(file, choices or Choices(), None, NOW)


def components(resource):
    return {
        each["code"]["coding"][0]["code"]: each["valueQuantity"]["value"]
        for each in resource["component"]
    }


def test_a_roi_becomes_one_observation_of_the_profile():
    file = make_rtstruct(roi(7, "Larynx", contours=BOX))
    selection = objects.convert(file).resources[1]
    (resource,) = objects.measure(file, Choices(), None, NOW).resources
    Observation.model_validate(resource)
    assert resource["id"] == f"{selection['id']}-v"
    assert resource["meta"] == {"profile": [f"{GUIDE}/imaging-measurement"]}
    assert resource["code"]["coding"][0]["code"] == "118565006"
    assert resource["valueQuantity"] == {
        "value": 2.4,
        "unit": "cm3",
        "system": "http://unitsofmeasure.org",
        "code": "cm3",
    }
    assert (
        resource["derivedFrom"][0]["reference"] == f"ImagingSelection/{selection['id']}"
    )
    assert resource["subject"] == selection["subject"]
    assert resource["partOf"] == selection["derivedFrom"]
    assert resource["bodySite"] == selection["bodySite"]["concept"]
    assert resource["issued"] == "2026-01-02T03:04:05+00:00"
    assert components(resource) == {
        "centroid-x": 0,
        "centroid-y": 0,
        "centroid-z": 4.5,
        "extent-x": 20,
        "extent-y": 10,
        "extent-z": 9,
        "slices": 4,
        "slice-spacing": 3,
        "parts": 1,
    }


def test_the_plugin_and_its_version_are_the_device():
    (resource,) = measure(roi(7, contours=BOX)).resources
    (device,) = resource["contained"]
    assert resource["device"]["reference"] == f"#{device['id']}"
    assert device["version"][0]["value"]


def test_the_code_of_the_file_says_what_was_measured():
    seen = observation(RTROIIdentificationCodeSequence=code("4596009", "SCT", "Larynx"))
    (resource,) = measure(roi(7, contours=BOX, observations=[seen])).resources
    assert resource["bodySite"]["coding"][0]["code"] == "4596009"


def test_other_methods_are_noted_where_they_differ():
    (resource,) = measure(roi(7, contours=BOX)).resources
    assert [each["text"] for each in resource["note"]] == [
        "The volume without the half-slices at the ends: 1.8 cm3"
    ]


def test_without_a_volume_the_reason_is_a_finding():
    mapped = measure(roi(7, contours=[*BOX, contour(b"1\\2\\x")]))
    (resource,) = mapped.resources
    Observation.model_validate(resource)
    assert "valueQuantity" not in resource
    assert "profile" not in resource["meta"]
    assert resource["dataAbsentReason"]["coding"][0]["code"] == "not-performed"
    assert [each["code"] for each in resource["meta"]["tag"]] == [
        "contour-data-not-a-number"
    ]
    assert [(each.code, each.roi_number) for each in mapped.findings] == [
        ("contour-data-not-a-number", 7)
    ]
    assert resource["extension"][0]["extension"][0]["valueCode"]


def test_rois_with_one_number_are_not_measured_as_their_contours_are_not_told_apart():
    mapped = measure(roi(7, contours=BOX), roi(7, "other", contours=BOX))
    assert len({each["id"] for each in mapped.resources}) == 2
    assert all("valueQuantity" not in each for each in mapped.resources)
    assert {each.code for each in mapped.findings} == {"duplicate-roi-number"}


def test_rois_without_closed_contours_have_no_observation():
    points = [contour([(1, 2, 3)], "POINT")]
    assert measure(roi(1, contours=points), roi(2, contours=None)).resources == ()


def test_there_is_no_observation_without_the_selection_it_derives_from():
    choices = Choices(levels=("StructureSet",))
    assert measure(roi(7, contours=BOX), choices=choices).resources == ()


def test_each_code_is_in_the_served_code_system():
    (resource,) = measure(roi(7, contours=BOX)).resources
    served = CODE_SYSTEMS[MEASUREMENT_SYSTEM].codes
    assert components(resource).keys() | {"slabs"} == served.keys()


def test_the_longest_numbers_give_an_id_that_fhir_allows():
    number = "-2147483648"
    (resource,) = measure(roi(number, contours=BOX)).resources
    assert len(resource["id"]) <= 64 - len(".10000")


@pytest.mark.parametrize("measurements", [True, False])
def test_measuring_is_a_choice(measurements):
    file = make_rtstruct(roi(7, contours=BOX))
    choices = Choices(measurements=measurements)
    mapped = objects.convert_and_measure(file, choices, None, NOW)
    types = [each["resourceType"] for each in mapped.resources]
    assert types.count("Observation") == measurements


def test_sentences_hold_no_text_of_the_file():
    mapped = measure(roi(7, "name-113047", contours=[contour(SQUARE)]))
    assert mapped.findings
    assert all("113047" not in each.text for each in mapped.findings)


def test_a_name_of_the_other_side_is_a_hint():
    body = [contour(rectangle(z, 400, 200)) for z in (0, 3, 6)]
    right = [contour(rectangle(z, center=(-90, 0))) for z in (0, 3, 6)]
    mapped = measure(
        roi(1, "Body", contours=body, observations=[observation("EXTERNAL")]),
        roi(2, "Kidney_L", contours=right),
        roi(3, "Kidney_R", contours=right),
    )
    assert [(each.code, each.roi_number) for each in mapped.findings] == [
        ("name-on-other-side", 2)
    ]
