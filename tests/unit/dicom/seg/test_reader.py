"""Segmentations: what their files say."""

import io

import pydicom
import pytest
from imaging_selection import objects
from imaging_selection.dicom.entities import SopReference
from imaging_selection.dicom.seg import reader
from imaging_selection.errors import UnusableError
from support.builders import image_uid, make_seg, segment, segment_frame
from support.paths import SEGMENTATIONS
from support.reading import found, parse_structure_set

FILES = [path.name for path in sorted(SEGMENTATIONS.glob("*.dcm"))]


def read(*segments, **overrides):
    return parse_structure_set(make_seg(*segments, **overrides))


@pytest.mark.parametrize("name", FILES)
def test_segments_are_those_that_pydicom_reads(name):
    file = (SEGMENTATIONS / name).read_bytes()
    expected = pydicom.dcmread(io.BytesIO(file), stop_before_pixels=True)
    actual = parse_structure_set(file)
    assert [(each.number, each.label) for each in actual.segments] == [
        (each.SegmentNumber, each.SegmentLabel) for each in expected.SegmentSequence
    ]
    types = [
        each.SegmentedPropertyTypeCodeSequence for each in expected.SegmentSequence
    ]
    assert [each.property_types[0].value for each in actual.segments] == [
        each[0].CodeValue for each in types
    ]


def test_a_segment_has_the_images_that_its_frames_were_derived_from():
    made = read(
        segment(1),
        segment(2),
        frames=[
            segment_frame(1, image_uid(1)),
            segment_frame(2, image_uid(2)),
            segment_frame(1, image_uid(1)),
        ],
    )
    images = [[each.sop_instance_uid for each in s.images] for s in made.segments]
    assert images == [[image_uid(1)], [image_uid(2)]]
    assert [each.frame_count for each in made.segments] == [2, 1]


def test_frames_that_name_no_segment_are_derived_from_images_of_all():
    made = read(segment(1), frames=[segment_frame(None, image_uid(1))])
    ct = "1.2.840.10008.5.1.4.1.1.2"
    assert made.images == (SopReference(ct, image_uid(1)),)
    assert [(each.images, each.frame_count) for each in made.segments] == [((), None)]


def test_what_all_frames_share_counts_for_each():
    shared = segment_frame(7, image_uid(1))
    frames = [segment_frame(None), segment_frame(None)]
    made = read(segment(7), frames=frames, SharedFunctionalGroupsSequence=shared)
    assert made.segments[0].frame_count == 2
    assert [each.sop_instance_uid for each in made.segments[0].images] == [image_uid(1)]


@pytest.mark.parametrize("number", [0, 0x20, 0x2000, 0x2020])
def test_a_segment_number_whose_bytes_are_those_of_padding_is_read(number):
    made = read(segment(number))
    assert made.segments[0].number == number
    assert not found(made)


def test_a_repeated_and_a_missing_number_lose_no_segment():
    made = read(segment(1), segment(1), segment(SegmentNumber=None))
    assert [(s.number, s.ordinal) for s in made.segments] == [(1, 1), (1, 2), (None, 1)]
    assert found(made) == {
        ("duplicate-segment-number", 1),
        ("missing-mandatory-attribute", None),
    }


def test_frames_of_an_undeclared_segment_are_a_finding():
    assert found(read(segment(1), frames=[segment_frame(9)])) == {
        ("orphan-frames", None)
    }


def test_a_segmentation_without_segments_is_read():
    assert ("no-segment", None) in found(read(SegmentSequence=None))


def test_too_many_segments_are_refused(monkeypatch):
    monkeypatch.setattr(reader, "MAXIMUM_SEGMENTS", 1)
    with pytest.raises(UnusableError, match="2 segments, which is more than 1"):
        read(segment(1), segment(2))


def test_pixel_data_is_not_read():
    # Its length is that of 16 bytes more than there are: only the walk looks at it.
    file = make_seg(segment(1))
    encapsulated = make_seg(segment(1), PixelData=("OB", b"\xff" * 64))
    one, other = (objects.convert(each).resources for each in (file, encapsulated))
    assert one == other
