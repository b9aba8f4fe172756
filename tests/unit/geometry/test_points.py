import numpy as np
import pytest
from imaging_selection import objects
from imaging_selection.dicom.file import open_dataset
from imaging_selection.geometry.points import read_contours
from support.builders import contour, make_rtstruct, roi

SQUARE = rb"0\0\5\10\0\5\10\10\5\0\10\5"


def read(*contours):
    file = make_rtstruct(roi(1, contours=contours))
    return read_contours(open_dataset(file).data, objects.read(file)[1].rois[0])


def test_every_spelling_of_a_decimal_string_is_read():
    reading = read(contour(rb"+.5\1.\-2e1 \ 3\4\5\007\8\-0"))
    assert reading.drawn[0].points.tolist() == [[0.5, 1, -20], [3, 4, 5], [7, 8, 0]]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty-contour-data"),
        (rb"nan\0\0\1\0\0\1\1\0", "contour-data-not-a-number"),
        (rb"1_0\0\0\1\0\0\1\1\0", "contour-data-not-a-number"),
        (rb"1-2\0\0\1\0\0\1\1\0", "contour-data-not-a-number"),
        (rb"1e999\0\0\1\0\0\1\1\0", "coordinate-too-large"),
        (rb"-1000001\0\0\1\0\0\1\1\0", "coordinate-too-large"),
        (rb"0\0\0\\0\0\1\1\0", "contour-data-not-a-number"),
        (rb"0\0\0\1\0\0\1\1", "coordinate-count-not-multiple-of-3"),
    ],
)
def test_a_contour_that_cannot_be_read_is_named(data, code):
    reading = read(contour(SQUARE), contour(data))
    assert [each.number for each in reading.drawn] == [1]
    assert reading.faults == {2: code}


@pytest.mark.parametrize("data", [rb"1\2\3", rb"0\0\0\1\0\0\1\0\0\0\0\0"])
def test_fewer_than_three_distinct_points_enclose_nothing(data):
    reading = read(contour(SQUARE), contour(data))
    assert reading.degenerate == (2,)
    assert reading.faults == {}


def test_a_slab_beside_its_points_is_no_contour_to_measure():
    reading = read(contour(SQUARE, ContourSlabThickness="3"))
    assert reading.faults == {1: "contour-offset"}


def test_points_and_lines_enclose_nothing():
    reading = read(
        contour(rb"1\2\3", "POINT"), contour(SQUARE, "OPEN_PLANAR"), contour(SQUARE)
    )
    assert reading.open_contours == 2
    assert [each.number for each in reading.drawn] == [3]


def test_an_unknown_type_is_a_fault():
    assert read(contour(SQUARE, "CIRCLE")).faults == {1: "unknown-geometric-type"}


def test_a_repeated_first_point_changes_nothing():
    closed = read(contour(SQUARE + rb"\0\0\5")).drawn[0]
    assert np.array_equal(
        sorted(closed.points.tolist()),
        sorted(read(contour(SQUARE)).drawn[0].points.tolist()),
    )
