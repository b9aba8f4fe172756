import pytest
from imaging_selection.dicom.entities import Code, SopReference
from support.builders import (
    code,
    contour,
    image_uid,
    observation,
    reference,
    roi,
)
from support.reading import found, parse, texts

CT = "1.2.840.10008.5.1.4.1.1.2"


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (code("7203", "FMA", "kidney"), Code("7203", "FMA", "kidney")),
        (code("x" * 17, "99A", "m"), Code("x" * 17, "99A", "m")),
        (code("urn:oid:1.2", None, "m"), Code("urn:oid:1.2", None, "m", is_urn=True)),
        (
            code("1", "99A", "m", CodingSchemeVersion="2", CodingSchemeUID="2.25.1"),
            Code("1", "99A", "m", "2", "2.25.1"),
        ),
        (code("1", "99LISTED", "m"), Code("1", "99LISTED", "m", None, "2.25.2")),
    ],
    ids=["short", "long", "urn", "own-scheme-uid", "listed-scheme-uid"],
)
def test_a_code_has_its_value_wherever_it_stands(item, expected):
    structure_set = parse(
        roi(observations=[observation(RTROIIdentificationCodeSequence=item)]),
        CodingSchemeIdentificationSequence={
            "CodingSchemeDesignator": "99LISTED",
            "CodingSchemeUID": "2.25.2",
        },
    )
    assert structure_set.observations[0].identification == (expected,)
    assert structure_set.findings == ()


def test_a_coding_scheme_without_a_uid_or_a_designator_says_nothing():
    structure_set = parse(
        roi(observations=[observation(RTROIIdentificationCodeSequence=code("1", "A"))]),
        CodingSchemeIdentificationSequence=[
            {"CodingSchemeDesignator": "A"},
            {"CodingSchemeUID": "2.25.2"},
        ],
    )
    assert structure_set.observations[0].identification[0].scheme_uid is None


def test_a_code_item_without_a_value_is_no_code():
    item = code("", "99A", "m")
    structure_set = parse(
        roi(7, observations=[observation(RTROIIdentificationCodeSequence=item)])
    )
    assert structure_set.observations[0].identification == ()
    assert found(structure_set) == {("missing-mandatory-attribute", 7)}


def test_a_code_without_its_scheme_is_kept_and_told():
    item = code("1", None, "m")
    structure_set = parse(
        roi(7, observations=[observation(RTROIIdentificationCodeSequence=item)])
    )
    assert structure_set.observations[0].identification == (Code("1", None, "m"),)
    assert texts(structure_set, "missing-mandatory-attribute") == [
        "Mandatory attribute missing or empty: CodingSchemeDesignator"
    ]


def test_an_illegal_uid_of_a_contour_image_is_left_out_and_told():
    images = [
        reference(image_uid(1), "b_d"),
        reference("b_d"),
        reference("1.2.03", "1.2"),
    ]
    structure_set = parse(
        roi(7, contours=[contour(images=images), contour(images=[image_uid(1)])]),
        ReferencedFrameOfReferenceSequence=None,
    )
    first, second = structure_set.rois[0].contours[0].contours
    assert first.images == (
        SopReference(None, image_uid(1)),
        SopReference("1.2", "1.2.03"),
    )
    assert second.images == (SopReference(CT, image_uid(1)),)
    assert texts(structure_set, "invalid-uid") == [
        "Invalid UID: ROIContourSequence (2 times)"
    ]


def test_an_image_of_a_contour_may_be_of_no_known_class():
    drawn = contour(images=[reference(image_uid(1), None)])
    (only,) = parse(roi(contours=[drawn])).contours[0].contours
    assert only.images == (SopReference(None, image_uid(1)),)


def test_an_illegal_uid_of_a_source_series_is_left_out():
    source = [{"SeriesInstanceUID": "b_d"}, {"SeriesInstanceUID": "2.25.5"}]
    structure_set = parse(roi(7, contour_item={"SourceSeriesSequence": source}))
    assert structure_set.contours[0].source_series_uids == ("2.25.5",)
    assert found(structure_set) == {("invalid-uid", 7)}


def test_an_illegal_uid_is_told_of_its_own_roi_only():
    bad = contour(images=[reference("b_d")])
    structure_set = parse(
        roi(7, "a", contours=[bad]),
        roi(8, "b"),
        ReferencedFrameOfReferenceSequence=None,
    )
    assert found(structure_set) == {("invalid-uid", 7)}
