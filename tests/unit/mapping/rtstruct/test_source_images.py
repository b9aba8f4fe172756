"""Which source images a structure set has, by all lists in which it names them."""

import pytest
from imaging_selection import objects
from support.builders import (
    CT_SERIES,
    FRAME,
    RT_STRUCTURE_SET_STORAGE,
    STUDY,
    contour,
    image_uid,
    make_rtstruct,
    reference,
    referenced_frame,
    roi,
)
from support.corpus import case

OTHER_STUDY = "2.25.113047101"
MR_SERIES = "2.25.113047599"


def series(uid, *images):
    return {
        "SeriesInstanceUID": uid,
        "ReferencedInstanceSequence": [reference(each) for each in images],
    }


def study(uid, *all_series):
    return {"StudyInstanceUID": uid, "ReferencedSeriesSequence": list(all_series)}


def drawn(*images, number=1, **overrides):
    contours = [contour(images=[each]) for each in images]
    return roi(number, contours=contours, **overrides)


def resources_of(*rois, **overrides):
    return objects.convert(make_rtstruct(*rois, **overrides)).resources


def source_images(resources):
    """Return (frame of reference, study, series, images) of each."""
    return [
        (
            each.get("frameOfReferenceUid"),
            each.get("studyUid"),
            each.get("seriesUid"),
            [instance["uid"] for instance in each.get("instance", ())],
        )
        for each in resources
        if each["meta"]["tag"][0]["code"] == "source-images"
    ]


@pytest.mark.parametrize(
    ("overrides", "study_uid"),
    [
        pytest.param(
            {"ReferencedSeriesSequence": [series(CT_SERIES, image_uid(1))]},
            STUDY,
            id="of-the-same-study",
        ),
        *(
            pytest.param(
                {keyword: [study(OTHER_STUDY, series(CT_SERIES, image_uid(1)))]},
                OTHER_STUDY,
                id=keyword,
            )
            for keyword in (
                "StudiesContainingOtherReferencedInstancesSequence",
                "SourceImageEvidenceSequence",
            )
        ),
    ],
)
def test_images_that_contours_name_are_of_the_series_that_a_list_names(
    overrides, study_uid
):
    resources = resources_of(
        drawn(image_uid(1)), ReferencedFrameOfReferenceSequence=None, **overrides
    )
    assert source_images(resources) == [(FRAME, study_uid, CT_SERIES, [image_uid(1)])]
    focus = [each["reference"] for each in resources[1]["focus"]]
    assert focus == [f"ImagingSelection/{resources[2]['id']}"]


def test_images_of_a_series_that_no_contour_names_join_those_that_one_names():
    resources = resources_of(
        drawn(image_uid(2)),
        ReferencedFrameOfReferenceSequence=None,
        ReferencedSeriesSequence=[series(CT_SERIES, image_uid(1), image_uid(2))],
    )
    images = [image_uid(2), image_uid(1)]
    assert source_images(resources) == [(FRAME, STUDY, CT_SERIES, images)]


def test_what_the_structure_set_lists_itself_is_not_repeated_and_not_changed():
    frame = referenced_frame(FRAME, {STUDY: {CT_SERIES: [image_uid(1)]}})
    overrides = {"ReferencedFrameOfReferenceSequence": frame}
    contradicting = [study(OTHER_STUDY, series(MR_SERIES, image_uid(1)))]
    assert source_images(
        resources_of(
            drawn(image_uid(1)),
            PertinentOtherEvidenceSequence=contradicting,
            **overrides,
        )
    ) == source_images(resources_of(drawn(image_uid(1)), **overrides))


def test_images_of_two_series_are_two_selections_and_each_roi_has_its_own():
    resources = resources_of(
        drawn(image_uid(1), number=1),
        drawn(image_uid(2), number=2, ReferencedFrameOfReferenceUID="2.25.99"),
        ReferencedFrameOfReferenceSequence=None,
        ReferencedSeriesSequence=[
            series(CT_SERIES, image_uid(1)),
            series(MR_SERIES, image_uid(2)),
        ],
    )
    assert source_images(resources) == [
        (FRAME, STUDY, CT_SERIES, [image_uid(1)]),
        ("2.25.99", STUDY, MR_SERIES, [image_uid(2)]),
    ]
    assert [len(each["focus"]) for each in resources[1:3]] == [1, 1]
    assert resources[1]["focus"] != resources[2]["focus"]


def test_images_that_a_list_alone_names_are_source_images_without_a_frame():
    resources = resources_of(
        roi(1),
        ReferencedFrameOfReferenceSequence=None,
        SourceInstanceSequence=[reference(image_uid(1))],
        ReferencedSeriesSequence=[series(CT_SERIES, image_uid(1), image_uid(2))],
    )
    images = [image_uid(1), image_uid(2)]
    assert source_images(resources) == [(None, STUDY, CT_SERIES, images)]


def test_instances_that_are_no_images_are_no_source_images():
    other = reference("2.25.7", RT_STRUCTURE_SET_STORAGE)
    resources = resources_of(
        roi(1),
        ReferencedFrameOfReferenceSequence=None,
        ReferencedSeriesSequence=[
            {"SeriesInstanceUID": "2.25.6", "ReferencedInstanceSequence": [other]}
        ],
    )
    assert source_images(resources) == []


def test_the_study_of_a_source_series_may_be_in_another_list():
    item = {"SourceSeriesSequence": [{"SeriesInstanceUID": MR_SERIES}]}
    resources = resources_of(
        roi(1, contour_item=item),
        ReferencedFrameOfReferenceSequence=None,
        RelatedSeriesSequence=[
            {"StudyInstanceUID": OTHER_STUDY, "SeriesInstanceUID": MR_SERIES}
        ],
    )
    assert source_images(resources) == [(FRAME, OTHER_STUDY, MR_SERIES, [])]


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        pytest.param(
            {"ReferencedFrameOfReferenceSequence": None},
            [(None, OTHER_STUDY, MR_SERIES, [])],
            id="alone",
        ),
        pytest.param(
            {}, [(FRAME, STUDY, CT_SERIES, [image_uid(1)])], id="beside-a-source"
        ),
    ],
)
def test_a_related_series_is_a_source_only_if_nothing_else_is(overrides, expected):
    related = {"StudyInstanceUID": OTHER_STUDY, "SeriesInstanceUID": MR_SERIES}
    resources = resources_of(roi(1), RelatedSeriesSequence=[related], **overrides)
    assert source_images(resources) == expected


def test_the_source_series_and_the_predecessor_of_a_file_by_ohif_are_told():
    resources = objects.convert(case("04-rtstruct-as-ohif-writes-it.dcm")).resources
    ((_, study_uid, series_uid, images),) = source_images(resources)
    assert study_uid == resources[0]["studyUid"]
    assert series_uid == "2.25.4208377383292000422334601006271206"
    assert len(images) == 4
    related = [
        each["valueRelatedArtifact"]
        for each in resources[0]["extension"]
        if each["url"].endswith("/artifact-relatedArtifact")
    ]
    assert [(each["type"], each["resourceReference"]) for each in related] == [
        ("predecessor", resources[0]["focus"][-1])
    ]
    tags = {tag["code"] for each in resources for tag in each["meta"]["tag"]}
    assert "unreferenced-image" not in tags
