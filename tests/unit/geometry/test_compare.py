import pytest
from imaging_selection import objects
from imaging_selection.dicom.file import open_dataset
from imaging_selection.geometry.compare import compare, read_roi
from support.builders import contour, make_rtstruct, roi
from support.solids import rectangle

BOX = [rectangle(z) for z in (0, 3, 6, 9)]


def read(*contours):
    items = [each if isinstance(each, dict) else contour(each) for each in contours]
    file = make_rtstruct(roi(1, contours=items))
    return read_roi(open_dataset(file).data, objects.read(file)[1].rois[0])


def compared(before, after):
    return compare(read(*before), read(*after))


def test_equal_rois_overlap_wholly():
    found = compared(BOX, BOX)
    assert found.dice == pytest.approx(1)
    assert found.volumes == pytest.approx((2.4, 2.4))
    assert [each.distance for each in found.slices] == pytest.approx([0] * 4)


def test_a_shift_is_the_largest_distance_of_each_slice():
    found = compared(BOX, [rectangle(z, center=(5, 0)) for z in (0, 3, 6, 9)])
    assert found.dice == pytest.approx(0.75)
    assert [each.distance for each in found.slices] == pytest.approx([5] * 4)
    assert [each.dice for each in found.slices] == pytest.approx([0.75] * 4)


def test_a_slice_of_one_of_them_has_no_overlap_and_no_distance():
    found = compared(BOX, BOX[:3])
    last = found.slices[-1]
    assert (last.position, last.areas) == (9, pytest.approx((200, 0)))
    assert (last.dice, last.distance) == (0, None)
    assert found.dice == pytest.approx(2 * 1.8 / (2.4 + 1.8))


def test_slices_of_another_spacing_keep_their_places():
    found = compared(BOX, [rectangle(z) for z in (0, 4.5, 9)])
    assert [each.position for each in found.slices] == [0, 3, 4.5, 6, 9]


def test_planes_that_are_not_parallel_are_not_compared():
    sagittal = [[(x, 0, 0), (x, 5, 0), (x, 5, 5)] for x in (0, 3)]
    found = compared(BOX, sagittal)
    assert found.refused == "their planes are not parallel"
    assert found.dice is None
    assert None not in found.volumes


def test_contours_that_cannot_be_read_are_not_compared():
    found = compared(BOX, [contour(b"1\\2\\x")])
    assert "no closed contours" in found.refused
    assert found.volumes == (pytest.approx(2.4), None)


def test_one_slice_each_has_areas_but_no_dice_of_volumes():
    found = compared(BOX[:1], BOX[:1])
    assert found.dice is None
    assert found.slices[0].dice == pytest.approx(1)
