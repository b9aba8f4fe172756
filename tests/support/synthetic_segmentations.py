"""Segmentations that together contain everything that their mapping reads."""

from support.builders import (
    CT_SERIES,
    LABEL_MAP_SEGMENTATION_STORAGE,
    algorithm,
    code,
    image_uid,
    make_seg,
    reference,
    segment,
    segment_frame,
)

_LEFT = code("7771000", "SCT", "Left")
_ALTERED = code("49755003", "SCT", "Morphologically Altered Structure")
_NEOPLASM = code("108369006", "SCT", "Neoplasm")
_LUNG = code("39607008", "SCT", "Lung", AnatomicRegionModifierSequence=_LEFT)


def one_segment():
    return make_seg(segment(), frames=[segment_frame(1, image_uid(1))])


def no_segment():
    return make_seg(SegmentSequence=None)


def everything_about_a_segment():
    return make_seg(
        segment(
            1,
            "Tumor",
            SegmentDescription="seen on two slices",
            SegmentAlgorithmType="AUTOMATIC",
            SegmentAlgorithmName="net",
            SegmentedPropertyCategoryCodeSequence=_ALTERED,
            SegmentedPropertyTypeCodeSequence=_NEOPLASM,
            AnatomicRegionSequence=_LUNG,
            SegmentationAlgorithmIdentificationSequence=algorithm("net", "2.1"),
            TrackingID="lesion 1",
            TrackingUID="2.25.113047900",
        ),
        segment(2, "Organ of the left", SegmentedPropertyTypeCodeSequence=_kidney()),
        frames=[
            segment_frame(1, image_uid(1)),
            segment_frame(1, image_uid(2)),
            segment_frame(2, reference(image_uid(3), ReferencedFrameNumber=[4, 5])),
        ],
        TimezoneOffsetFromUTC="+0200",
        ContentDescription="two <segments>",
        ContentCreatorName="Contourist^Carl",
        AccessionNumber="accession-113047",
        Manufacturer="maker-113047",
    )


def _kidney():
    return code(
        "64033007",
        "SCT",
        "Kidney",
        SegmentedPropertyTypeModifierCodeSequence=_LEFT,
    )


def a_label_map():
    return make_seg(
        segment(0, "Background"),
        segment(32, "Liver"),
        frames=[segment_frame(None, image_uid(1))],
        SOPClassUID=LABEL_MAP_SEGMENTATION_STORAGE,
        SegmentationType="LABELMAP",
    )


def segments_that_repeat_and_frames_of_none():
    return make_seg(
        segment(1, "first"),
        segment(1, "second"),
        segment(3, "", SegmentNumber=None, SegmentedPropertyTypeCodeSequence=None),
        frames=[segment_frame(1), segment_frame(9)],
        SeriesNumber="-1",
    )


def codes_of_a_private_scheme():
    own = code("113047", "99OWN", "own")
    return make_seg(
        segment(SegmentedPropertyTypeCodeSequence=own),
        ReferencedSeriesSequence={
            "SeriesInstanceUID": CT_SERIES,
            "ReferencedInstanceSequence": [],
        },
    )


CASES = {
    case.__name__: case
    for case in (
        one_segment,
        no_segment,
        everything_about_a_segment,
        a_label_map,
        segments_that_repeat_and_frames_of_none,
        codes_of_a_private_scheme,
    )
}
