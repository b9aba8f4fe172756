"""Lists of instances outside the modules of the structure set."""

import pytest
from imaging_selection.dicom.entities import ReferencedInstances, SopReference
from imaging_selection.dicom.referenced_instances import is_image
from support.builders import (
    BIG_ENDIAN,
    CT_IMAGE_STORAGE,
    EXPLICIT,
    RT_STRUCTURE_SET_STORAGE,
    STUDY,
    contour,
    image_uid,
    reference,
    roi,
)
from support.corpus import case
from support.reading import found, parse, parse_structure_set

OTHER_STUDY = "2.25.113047101"
DRAWN = roi(1, contours=[contour(images=[image_uid(1)])])


def series(uid, *images, sequence="ReferencedInstanceSequence"):
    return {"SeriesInstanceUID": uid, sequence: [reference(each) for each in images]}


def study(uid, *all_series):
    return {"StudyInstanceUID": uid, "ReferencedSeriesSequence": list(all_series)}


def listed(study_uid, series_uid, *images):
    references = tuple(SopReference(CT_IMAGE_STORAGE, each) for each in images)
    return ReferencedInstances(study_uid, series_uid, references)


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        pytest.param(
            {"ReferencedSeriesSequence": [series("2.25.5", image_uid(1))]},
            listed(STUDY, "2.25.5", image_uid(1)),
            id="common-instance-reference",
        ),
        pytest.param(
            {
                "ReferencedSeriesSequence": [
                    series("2.25.5", image_uid(1), sequence="ReferencedSOPSequence")
                ]
            },
            listed(STUDY, "2.25.5", image_uid(1)),
            id="with-the-sequence-of-the-macro",
        ),
        *(
            pytest.param(
                {keyword: [study(OTHER_STUDY, series("2.25.5", image_uid(1)))]},
                listed(OTHER_STUDY, "2.25.5", image_uid(1)),
                id=keyword,
            )
            for keyword in (
                "StudiesContainingOtherReferencedInstancesSequence",
                "SourceImageEvidenceSequence",
                "ReferencedImageEvidenceSequence",
                "CurrentRequestedProcedureEvidenceSequence",
                "PertinentOtherEvidenceSequence",
            )
        ),
        *(
            pytest.param(
                {keyword: [reference(image_uid(1))]},
                listed(None, None, image_uid(1)),
                id=keyword,
            )
            for keyword in (
                "SourceInstanceSequence",
                "SourceImageSequence",
                "ReferencedImageSequence",
                "ReferencedInstanceSequence",
            )
        ),
    ],
)
@pytest.mark.parametrize("syntax", [EXPLICIT, BIG_ENDIAN])
def test_an_image_is_listed_wherever_the_file_names_it(overrides, expected, syntax):
    structure_set = parse(
        DRAWN,
        ReferencedFrameOfReferenceSequence=None,
        transfer_syntax=syntax,
        **overrides,
    )
    assert structure_set.referenced_instances == (expected,)
    assert ("unreferenced-image", 1) not in found(structure_set)


def test_an_image_that_no_list_names_is_told():
    structure_set = parse(
        DRAWN,
        ReferencedFrameOfReferenceSequence=None,
        ReferencedSeriesSequence=[series("2.25.5", image_uid(2))],
    )
    assert ("unreferenced-image", 1) in found(structure_set)


def test_a_list_without_its_series_is_told_and_keeps_its_images():
    structure_set = parse(
        DRAWN,
        PertinentOtherEvidenceSequence=[study(None, series(None, image_uid(1)))],
    )
    assert structure_set.referenced_instances == (listed(None, None, image_uid(1)),)
    assert ("missing-mandatory-attribute", None) in found(structure_set)


def test_a_related_series_is_no_list_of_images():
    related = {"StudyInstanceUID": OTHER_STUDY, "SeriesInstanceUID": "2.25.5"}
    structure_set = parse(DRAWN, RelatedSeriesSequence=[related])
    assert structure_set.referenced_instances == ()
    assert structure_set.related_series == (listed(OTHER_STUDY, "2.25.5"),)


def test_a_predecessor_is_read_from_either_sequence_and_once():
    first, second = "2.25.113047901", "2.25.113047902"
    documents = {
        "SeriesInstanceUID": "2.25.5",
        "ReferencedSOPSequence": [
            reference(each, RT_STRUCTURE_SET_STORAGE) for each in (first, second)
        ],
    }
    structure_set = parse(
        DRAWN,
        PredecessorStructureSetSequence=[reference(first, RT_STRUCTURE_SET_STORAGE)],
        PredecessorDocumentsSequence=[study(STUDY, documents)],
    )
    assert structure_set.predecessors == tuple(
        SopReference(RT_STRUCTURE_SET_STORAGE, each) for each in (first, second)
    )
    assert structure_set.referenced_instances == ()


@pytest.mark.parametrize(
    ("sop_class", "expected"),
    [
        pytest.param("1.2.840.10008.5.1.4.1.1.128", True, id="pet"),
        pytest.param("1.2.840.10008.5.1.4.1.1.4.1", True, id="enhanced-mr"),
        pytest.param("1.2.840.10008.5.1.4.1.1.1.1", True, id="for-presentation"),
        pytest.param(RT_STRUCTURE_SET_STORAGE, False, id="structure-set"),
        pytest.param("1.2.840.10008.5.1.4.1.1.66.4", False, id="segmentation"),
        pytest.param("1.2.3.02", False, id="unknown"),
        pytest.param(None, False, id="none"),
    ],
)
def test_images_are_known_by_their_sop_class(sop_class, expected):
    assert is_image(SopReference(sop_class, "2.25.1")) is expected


def test_the_lists_of_a_file_by_ohif_are_read():
    structure_set = parse_structure_set(case("04-rtstruct-as-ohif-writes-it.dcm"))
    (listed_series,) = structure_set.referenced_instances
    assert listed_series.study_instance_uid == structure_set.study_instance_uid
    assert len(listed_series.instances) == 4
    assert len(structure_set.predecessors) == 1
    assert "unreferenced-image" not in {code for code, _ in found(structure_set)}
