"""What is broken in a structure set costs itself, and is told; all else converts."""

import struct

import pytest
from imaging_selection.dicom.rtstruct.iod import STRUCTURE_SET
from imaging_selection.dicom.values import TAGS
from pydicom.datadict import keyword_for_tag
from support.builders import (
    CT_SERIES,
    code,
    contour,
    image_uid,
    make_rtstruct,
    observation,
    reference,
    roi,
)
from support.reading import found, parse, parse_structure_set, texts


# Every sequence that is read, by the way to it; ROI Contour Sequence has its own.
def sequences(wanted, path=()):
    for tag, item in wanted.items():
        if item is not None:
            here = (*path, keyword_for_tag(tag))
            yield here
            yield from sequences(item.wanted, here)


def broken_at(path, value):
    *outer, keyword = path
    item = {keyword: value}
    for each in reversed(outer[1:]):
        item = {each: [code("113047", "99TEST") | item]}
    if outer == []:
        return make_rtstruct(roi(7, "Larynx"), AccessionNumber="1", **item)
    if outer[0] == "StructureSetROISequence":
        return make_rtstruct(roi(7, "Larynx", **item))
    if outer[0] == "RTROIObservationsSequence":
        return make_rtstruct(roi(7, "Larynx", observations=[observation(**item)]))
    return make_rtstruct(
        roi(7, "Larynx"), **{outer[0]: [code("113047", "99TEST") | item]}
    )


@pytest.mark.parametrize(
    "path",
    [pytest.param(path, id=".".join(path)) for path in sequences(STRUCTURE_SET)],
)
def test_a_broken_sequence_costs_itself_alone(path):
    structure_set = parse_structure_set(broken_at(path, b"damage-113047---"))

    told = [each for each in structure_set.findings if path[-1] in each.text]
    assert "unreadable-attribute" in {each.code for each in told}
    rois = [(each.number, each.name) for each in structure_set.rois]
    assert rois == ([] if path == ("StructureSetROISequence",) else [(7, "Larynx")])
    assert structure_set.label == "label-113047"


def test_a_broken_roi_leaves_the_others():
    rois = make_rtstruct(roi(1), roi(2), roi(3), header="none")
    length = b"\x06\x30\x26\x00\x0a\x00"  # of the first ROI Name (3006,0026)
    structure_set = parse_structure_set(rois.replace(length, length[:4] + b"\xff\0", 1))

    assert [each.number for each in structure_set.rois] == [2, 3]
    assert found(structure_set) == {
        ("unreadable-attribute", None),
        ("orphan-contours", None),
        ("orphan-observation", None),
        ("duplicate-roi-name", 2),
        ("duplicate-roi-name", 3),
    }


@pytest.mark.parametrize(
    ("tag", "keyword"),
    [
        (b"\x06\x30\x40\x00", "ContourSequence"),
        (b"\x06\x30\x4b\x00", "SourceSeriesSequence"),
        (b"\x06\x30\x16\x00", "ContourImageSequence"),
    ],
)
def test_broken_contours_cost_their_own_roi_alone(tag, keyword):
    drawn = [contour(images=[image_uid(1)])]
    series = {"SourceSeriesSequence": [{"SeriesInstanceUID": CT_SERIES}]}
    file = make_rtstruct(
        roi(7, contours=drawn, contour_item=series),
        roi(8, contours=drawn),
        ReferencedFrameOfReferenceSequence=None,
    )
    at = file.index(tag) + 8  # behind its length: the first item
    structure_set = parse_structure_set(file[:at] + b"xxxx" + file[at + 4 :])

    told = [each for each in structure_set.findings if keyword in each.text]
    assert ("unreadable-attribute", 7) in [(t.code, t.roi_number) for t in told]
    (drawn,) = structure_set.rois[1].contours
    assert len(drawn.contours) == 1


def test_a_broken_roi_contour_sequence_leaves_the_rois():
    structure_set = parse(roi(7), ROIContourSequence=b"damage-113047---")
    assert [each.number for each in structure_set.rois] == [7]
    assert ("unreadable-attribute", None) in found(structure_set)


def test_a_color_that_is_none_is_told():
    structure_set = parse(roi(7, contour_item={"ROIDisplayColor": "red"}))
    assert found(structure_set) == {("invalid-number", 7)}


def test_frames_that_are_no_numbers_are_told():
    image = reference(image_uid(1), ReferencedFrameNumber="all")
    structure_set = parse(
        roi(7, contours=[contour(images=[image])]),
        ReferencedFrameOfReferenceSequence=None,
    )
    assert ("unreadable-attribute", 7) in found(structure_set)


@pytest.mark.parametrize("keyword", ["StructureSetLabel", "ApprovalStatus"])
def test_an_attribute_that_is_there_twice_is_not_read_and_told(keyword):
    file = make_rtstruct(roi(7, "Larynx"), ApprovalStatus="APPROVED", header="none")
    tag = TAGS[keyword]  # the first stands before ROI Contour Sequence, or behind it
    again = struct.pack("<HHI2s", tag >> 16, tag & 0xFFFF, 2, b"X ")
    structure_set = parse_structure_set(file + again)

    assert (structure_set.label is None) == (keyword == "StructureSetLabel")
    assert (structure_set.approval is None) == (keyword == "ApprovalStatus")
    (told,) = texts(structure_set, "unreadable-attribute")
    assert keyword in told
