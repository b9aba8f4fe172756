"""What the selections of one DICOM object have in common."""

import pytest
from imaging_selection.dicom.entities import Accession, Instance, Patient
from imaging_selection.errors import MappingError
from imaging_selection.ids import OrthancIds
from imaging_selection.mapping.choices import Choices
from imaging_selection.mapping.object_selections import (
    ObjectSelections,
    checked,
    with_structure,
)
from imaging_selection.mapping.performer import Performers
from imaging_selection.mapping.source_images import SourceImages

IDS = OrthancIds("patient", "study", "series", "instance")
OBJECT = Instance(
    "2.25.1", "2.25.2", "2.25.3", Patient("p"), Accession("a"), series_number=7
)
IMAGES = SourceImages("instance-images-1", None, "2.25.2", "2.25.8", ())


def selections(**choices):
    return ObjectSelections(OBJECT, IDS, Choices(**choices), "APPROVED")


def test_a_selection_has_what_follows_from_its_object():
    made = selections(endpoint="Endpoint/e").build(
        identity="x",
        level="roi",
        profile=None,
        findings=(),
        elements={"code": {"text": "c"}},
    )
    assert (made["studyUid"], made["seriesUid"], made["seriesNumber"]) == (
        "2.25.2",
        "2.25.3",
        7,
    )
    assert made["subject"]["reference"] == "Patient/patient"
    assert made["derivedFrom"][0]["reference"] == "ImagingStudy/study"
    assert made["basedOn"][0]["identifier"]["value"] == "a"
    assert made["endpoint"] == [{"reference": "Endpoint/e", "type": "Endpoint"}]
    assert [tag["code"] for tag in made["meta"]["tag"]] == ["roi", "APPROVED"]


@pytest.mark.parametrize("level", ["StructureSet", "Roi", "SourceImages"])
def test_only_what_is_chosen_is_built(level):
    built = []
    made = selections(levels=(level,)).of_levels(
        lambda: built.append("StructureSet"),
        map(built.append, ["Roi"]),
        map(built.append, ["SourceImages"]),
    )
    assert len([*made]) == 1
    assert built == [level]


def test_source_images_are_referred_to_if_they_have_selections():
    assert selections().focus([IMAGES]) == [IMAGES.reference]
    assert selections(levels=("Roi",)).focus([IMAGES]) == []


def test_a_series_without_images_does_not_claim_the_profile():
    made = selections().of_images(IMAGES, {"status": "generated", "div": "<div/>"})
    assert "profile" not in made["meta"]
    assert "endpoint" not in made


def test_a_body_structure_is_contained_and_referred_to():
    structure = {"resourceType": "BodyStructure", "id": "structure"}
    assert with_structure(Performers(), structure, {})["contained"] == [structure]
    assert with_structure(Performers(), {}, {})["bodySite"]["reference"] is None


def test_a_defect_is_not_served():
    with pytest.raises(MappingError):
        checked([{"resourceType": "ImagingSelection", "id": "x"}], ())
