"""ROIs as mCODE's RadiotherapyVolume."""

import pytest
from imaging_selection import objects
from imaging_selection.fhir.r4 import radiotherapy_volume
from imaging_selection.mapping.choices import Choices
from support.builders import code, make_rtstruct, observation, roi
from support.synthetic import CASES

PROFILE = "http://hl7.org/fhir/us/mcode/StructureDefinition/mcode-radiotherapy-volume"
HEART = code("80891009", "SCT", "Heart")
OF_ANOTHER_SCHEME = code("heart", "99LOCAL", "Heart of ours")


def selections_of(*rois):
    return objects.convert(make_rtstruct(*rois), Choices()).resources


def volume_of(**parts):
    name = parts.pop("name", "CTV_113047")
    overrides = parts.pop("overrides", {})
    seen = observation("CTV", **parts)
    selection = selections_of(roi(7, name, observations=[seen], **overrides))[1]
    return selection, radiotherapy_volume(selection)


def test_a_roi_becomes_a_volume_with_its_name_type_and_location():
    selection, volume = volume_of(RTROIIdentificationCodeSequence=HEART)

    assert volume["resourceType"] == "BodyStructure"
    assert volume["id"] == selection["id"]
    assert volume["meta"] == {"profile": [PROFILE]}
    [name] = volume["identifier"]
    assert (name["use"], name["value"]) == ("usual", "CTV_113047")
    assert volume["morphology"]["text"] == "CTV"
    assert volume["location"]["coding"][0]["code"] == "80891009"
    assert volume["patient"] == selection["subject"]
    [link] = volume["extension"]
    assert link["valueReference"]["reference"] == f"Basic/{selection['id']}"


def test_the_conceptual_volume_uid_is_the_official_identifier():
    uid = {"ConceptualVolumeIdentificationSequence": {"ConceptualVolumeUID": "2.25.7"}}
    _, volume = volume_of(overrides=uid)
    official = volume["identifier"][1]
    assert official["use"] == "official"
    assert official["system"] == "urn:dicom:uid"
    assert official["value"] == "urn:oid:2.25.7"


def test_a_site_that_mcode_does_not_list_is_no_location():
    _, volume = volume_of(RTROIIdentificationCodeSequence=OF_ANOTHER_SCHEME)
    assert "location" not in volume
    assert "locationQualifier" not in volume


def test_a_roi_that_is_only_coded_is_described_by_its_code():
    _, volume = volume_of(name="", RTROIIdentificationCodeSequence=OF_ANOTHER_SCHEME)
    assert "identifier" not in volume
    assert volume["description"] == "Heart of ours"


def test_a_roi_without_name_and_code_becomes_no_volume():
    assert volume_of(name="")[1] is None


def test_nothing_but_a_roi_becomes_a_volume():
    structure_set, _, images = selections_of(roi(7))
    observation_of_it = {"resourceType": "Observation", "id": "o"}
    for each in (structure_set, images, observation_of_it):
        assert radiotherapy_volume(each) is None


@pytest.mark.slow
def test_each_roi_of_every_synthetic_structure_set_is_named_or_described():
    for make in CASES.values():
        for each in objects.convert(make(), Choices()).resources:
            volume = radiotherapy_volume(each)
            assert volume is None or {"identifier", "description"} & volume.keys()
