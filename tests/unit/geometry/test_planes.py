import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from imaging_selection.geometry.planes import (
    NotParallelError,
    area_vector,
    axes_of,
    planes_of,
)
from support.solids import drawn, moved, rectangle, rotation

angles = st.tuples(*[st.floats(-3, 3)] * 3)
BOX = drawn(rectangle(0), rectangle(3), rectangle(6))


@given(angles)
def test_planes_of_any_orientation_are_found(turn):
    contours = moved(BOX, rotation(turn))
    axes = axes_of(contours)
    assert abs(axes.normal @ rotation(turn)[:, 2]) == pytest.approx(1)
    positions = [plane.position for plane in planes_of(contours, axes)]
    assert np.diff(positions) == pytest.approx([3, 3])


def test_axial_contours_have_exactly_the_axis_of_the_patient():
    assert axes_of(BOX).normal.tolist() == [0, 0, 1]


def test_rounded_coordinates_are_still_planar():
    turned = moved(BOX, rotation((0.3, 0.2, 0.1)))
    rounded = [each._replace(points=each.points.round(1)) for each in turned]
    assert len(planes_of(rounded, axes_of(rounded))) == 3


def test_contours_in_reverse_do_not_cancel_each_other():
    turned = moved(BOX, rotation((0.3, 0.2, 0.1)))
    mixed = [turned[0], turned[1]._replace(points=turned[1].points[::-1]), turned[2]]
    assert axes_of(mixed).normal == pytest.approx(axes_of(turned).normal)


def test_a_warped_contour_is_refused_by_its_number():
    warped = [(0, 0, 0), (10, 0, 3), (10, 10, 0), (0, 10, 3)]
    with pytest.raises(NotParallelError) as refused:
        axes_of(drawn(rectangle(0), warped))
    assert (refused.value.code, refused.value.numbers) == ("contour-not-planar", [2])


def test_planes_that_cross_are_refused():
    sagittal = [(0, 0, 0), (0, 5, 0), (0, 5, 5)]
    with pytest.raises(NotParallelError) as refused:
        axes_of(drawn(rectangle(0), sagittal, rectangle(3)))
    assert (refused.value.code, refused.value.numbers) == ("mixed-planes", [2])


def test_contours_of_one_plane_are_together_in_file_order():
    contours = drawn(rectangle(3), rectangle(0), rectangle(3.04), rectangle(6))
    planes = planes_of(contours, axes_of(contours))
    numbers = [[each.number for each, _ in plane.contours] for plane in planes]
    assert numbers == [[2], [1, 3], [4]]


def test_an_area_far_from_the_origin_loses_no_digits():
    square = np.array(rectangle(0, 2, 2)) + 1e6
    assert np.linalg.norm(area_vector(square)) == pytest.approx(4, rel=1e-12)
