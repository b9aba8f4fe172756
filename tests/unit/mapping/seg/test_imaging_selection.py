"""Segmentations become selections: of the whole, of each segment, of the images."""

import pytest
from imaging_selection import objects
from imaging_selection.mapping.choices import Choices
from imaging_selection.mapping.seg import source_images
from support.builders import (
    LABEL_MAP_SEGMENTATION_STORAGE,
    code,
    image_uid,
    make_seg,
    reference,
    segment,
    segment_frame,
)
from support.paths import SEGMENTATIONS

FILES = [path.name for path in sorted(SEGMENTATIONS.glob("*.dcm"))]
PROFILE = "http://hl7.org/fhir/uv/dicom-sr/StructureDefinition/referenced-segment"


def resources(*segments, choices=None, **overrides):
    return objects.convert(make_seg(*segments, **overrides), choices).resources


@pytest.mark.parametrize("name", FILES)
def test_every_segment_of_a_real_file_has_its_selection(name):
    file = (SEGMENTATIONS / name).read_bytes()
    _, segmentation = objects.read(file)
    whole, *others = objects.convert(file).resources
    numbers = [str(each.number) for each in segmentation.segments]
    assert whole["instance"][0]["subset"] == numbers
    assert [each["id"] for each in others][: len(numbers)] == [
        f"{whole['id']}-{number}" for number in numbers
    ]


def test_ids_are_those_of_orthanc_and_the_segment_number():
    whole, first, repeat, images = resources(segment(3), segment(3))
    instance = whole["id"]
    assert [first["id"], repeat["id"]] == [f"{instance}-3", f"{instance}-3.2"]
    assert images["id"] == f"{instance}-images-1"


def test_a_segment_claims_the_profile_and_several_do_not():
    whole, first, *_ = resources(segment(1), segment(2))
    assert "profile" not in whole["meta"]
    assert first["meta"]["profile"] == [PROFILE]


def test_a_label_map_claims_no_profile_as_its_sop_class_is_another():
    whole, first, *_ = resources(segment(1), SOPClassUID=LABEL_MAP_SEGMENTATION_STORAGE)
    assert first["instance"][0]["sopClass"]["code"] == LABEL_MAP_SEGMENTATION_STORAGE
    assert not any("profile" in each["meta"] for each in (whole, first))


def test_a_lesion_is_what_was_found_and_its_region_is_the_site():
    lesion = segment(
        SegmentedPropertyCategoryCodeSequence=code("49755003", "SCT", "Altered"),
        SegmentedPropertyTypeCodeSequence=code("108369006", "SCT", "Neoplasm"),
        AnatomicRegionSequence=code("39607008", "SCT", "Lung"),
    )
    _, first, *_ = resources(lesion)
    structure = first["contained"][-1]
    assert structure["morphology"]["coding"][0]["code"] == "108369006"
    assert first["bodySite"]["concept"]["coding"][0]["code"] == "39607008"


def test_a_segment_points_at_the_series_that_its_frames_name():
    elsewhere = "2.25.113047666"
    _, first, second, *images = resources(
        segment(1),
        segment(2),
        frames=[
            segment_frame(1, image_uid(1)),
            segment_frame(2, reference(elsewhere, ReferencedFrameNumber=2)),
        ],
    )
    assert [each["id"][-8:] for each in images] == ["images-1", "images-2"]
    focus = [[f["reference"][-8:] for f in s["focus"]] for s in (first, second)]
    assert focus == [["images-1"], ["images-2"]]
    assert images[1]["instance"][0]["subset"] == ["2"]
    assert "studyUid" not in images[1]


def test_very_many_segments_do_not_repeat_very_many_series(monkeypatch):
    monkeypatch.setattr(source_images, "MAXIMUM_REPETITIONS", 1)
    mapped = objects.convert(make_seg(segment(1), segment(2)))
    whole, *segments, _ = mapped.resources
    assert "focus" in whole
    assert not any("focus" in each for each in segments)
    assert "repetition-left-out" in {each.code for each in mapped.findings}


def test_levels_choose_what_is_made():
    (only,) = resources(segment(1), choices=Choices(("Roi",)))
    assert only["id"].endswith("-1")
    assert "focus" not in only
