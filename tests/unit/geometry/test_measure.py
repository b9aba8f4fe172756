import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from imaging_selection.geometry.measure import measure_contours, thicknesses_of
from imaging_selection.geometry.points import Drawn
from support.builders import contour
from support.solids import disc, drawn, measured, moved, rectangle, rotation

BOX = [rectangle(z) for z in (0, 3, 6, 9)]  # 20 by 10 by 4 slices of 3 mm

angles = st.tuples(*[st.floats(-3, 3)] * 3)
offsets = st.tuples(*[st.floats(-500, 500)] * 3)
HOLE = [
    [rectangle(z), rectangle(z, 8, 4), rectangle(z, 2, 2, center=(1, 0))]
    for z in (0.0, 2.5, 5.0, 9.0)
]


def codes(measurement):
    return [each.code for each in measurement.findings]


def measured_alone(contours):
    return measure_contours(contours)[0]


def volume_of(contours):
    return measured_alone(contours).volume


def test_a_box_is_as_long_as_its_slices_with_half_of_one_at_each_end():
    found = measured(*BOX)
    assert found.volume == pytest.approx(20 * 10 * 12 / 1000)
    assert (found.slices, found.spacing, found.parts) == (4, 3, 1)
    assert found.centroid == pytest.approx((0, 0, 4.5))
    assert found.extent == pytest.approx((20, 10, 9))
    assert codes(found) == []


def test_a_sphere_is_measured_within_a_thousandth():
    heights = np.arange(-29.5, 30, 1)
    sphere = [disc(z, math.sqrt(900 - z * z)) for z in heights]
    assert volume_of(drawn(*sphere)) == pytest.approx(
        4 / 3 * math.pi * 27_000 / 1000, rel=1e-3
    )


def test_slices_of_uneven_distance_each_stand_for_what_is_nearest_to_them():
    found = measured(*[rectangle(z) for z in (0, 3, 6, 10, 14)])
    assert found.volume == pytest.approx(200 * (3 + 3 + 3.5 + 4 + 4) / 1000)


def test_nothing_is_filled_in_where_slices_are_missing():
    found = measured(*[rectangle(z) for z in (0, 3, 6, 15, 18, 21)])
    assert found.volume == pytest.approx(200 * 18 / 1000)
    assert found.alternatives["with gaps filled in"] == pytest.approx(200 * 24 / 1000)
    assert (found.parts, found.spacing) == (2, 3)


def test_a_slice_between_two_gaps_is_as_thick_as_the_others():
    found = measured(*[rectangle(z) for z in (0, 3, 6, 20, 40, 43, 46)])
    assert found.volume == pytest.approx(200 * 21 / 1000)


def test_a_single_slice_has_no_volume():
    found = measured(rectangle(5))
    assert (found.volume, found.slices, found.spacing) == (None, 1, None)
    assert found.centroid == pytest.approx((0, 0, 5))
    assert codes(found) == ["no-slice-spacing"]


def test_contours_beside_each_other_are_parts():
    right = [rectangle(z, center=(40, 0)) for z in (0, 3, 6, 9)]
    assert measured(*BOX, *right).parts == 2


def test_parts_that_meet_on_one_slice_are_one():
    right = [rectangle(z, center=(40, 0)) for z in (0, 3, 6, 9)]
    assert measured(*BOX, *right, rectangle(12, 80, 10, center=(20, 0))).parts == 1


def test_other_methods_are_told_apart():
    found = measured(*BOX, *BOX)
    assert found.volume == pytest.approx(2.4)
    assert found.alternatives == pytest.approx(
        {
            "without the half-slices at the ends": 1.8,
            "with gaps filled in": 2.4,
            "with all contours of a plane added up": 4.8,
        }
    )


def test_a_roi_of_points_alone_is_not_measured():
    assert measured(contour([(1, 2, 3)], "POINT")) is None


def test_one_unreadable_contour_refuses_the_volume_by_its_number():
    found = measured(rectangle(0), rectangle(3), contour(b"1\\2\\x"))
    assert found.volume is None
    assert codes(found) == ["contour-data-not-a-number"]
    assert "contours 3" in found.findings[0].text
    assert found.findings[0].roi_number == 7


def test_planes_that_cross_refuse_the_volume():
    found = measured(*BOX, [(0, 0, 0), (0, 5, 0), (0, 5, 5)])
    assert (found.volume, codes(found)) == (None, ["mixed-planes"])


@given(angles, offsets)
def test_turning_and_moving_leaves_the_volume(turn, offset):
    contours = drawn(*[each for plane in HOLE for each in plane])
    turned = moved(contours, rotation(turn), offset)
    before, after = measured_alone(contours), measured_alone(turned)
    assert after.volume == pytest.approx(
        before.volume, rel=1e-7
    )  # a tilt of 0.001 mm is none
    assert (after.slices, after.parts) == (before.slices, before.parts)
    expected = rotation(turn) @ np.array(before.centroid) + offset
    assert after.centroid == pytest.approx(tuple(expected), abs=1e-3)


@given(st.floats(0.5, 20))
def test_scaling_scales_the_volume(factor):
    contours = drawn(*BOX)
    scaled = moved(contours, np.eye(3) * factor)
    assert volume_of(scaled) == pytest.approx(volume_of(contours) * factor**3)


@given(st.floats(-7, 7), st.floats(0.5, 2))
def test_a_hole_is_the_same_by_xor_by_nesting_and_by_keyhole(x, half):
    planes = [
        (rectangle(z), rectangle(z, 2 * half, 2 * half, (x, 0))) for z in (0, 3, 6)
    ]
    flat = [each for plane in planes for each in plane]
    keyholes = [[*o, o[0], h[0], *reversed(h)] for o, h in planes]
    volume = volume_of(drawn(*flat))
    assert volume == pytest.approx((200 - 4 * half * half) * 9 / 1000)
    assert volume_of(drawn(*flat, xor=True)) == pytest.approx(volume)
    assert volume_of(drawn(*keyholes)) == pytest.approx(volume)


@given(st.permutations(range(4)), st.integers(0, 3), st.booleans())
def test_order_start_and_direction_of_contours_do_not_matter(order, start, backwards):
    def other(points):
        points = points[start:] + points[:start]
        return points[::-1] if backwards else points

    shuffled = [other(BOX[place]) for place in order]
    assert volume_of(drawn(*shuffled)) == pytest.approx(volume_of(drawn(*BOX)))


def test_one_plane_has_no_thickness():
    assert thicknesses_of(np.array([]), []) is None


coordinates = st.one_of(st.integers(-9, 9), st.floats(-1e6, 1e6))
scribble = st.lists(st.tuples(coordinates, coordinates), min_size=3, max_size=12)


@given(st.lists(st.tuples(scribble, st.integers(0, 5), st.booleans()), min_size=1))
def test_whatever_is_drawn_is_measured_or_refused(lines):
    contours = [
        Drawn(number, np.array([(x, y, z) for x, y in points], float), xor)
        for number, (points, z, xor) in enumerate(lines, 1)
    ]
    found = measured_alone(contours)
    assert found.volume is None or math.isfinite(found.volume)
    assert found.volume is not None or found.findings


def test_a_tangle_is_refused_before_it_takes_minutes():
    random = np.random.default_rng(113047)
    tangle = np.column_stack([random.uniform(-100, 100, (20_000, 2)), np.zeros(20_000)])
    found = measured_alone([*drawn(rectangle(0), rectangle(3)), Drawn(3, tangle)])
    assert codes(found) == ["too-intricate"]
    assert found.findings[0].text.endswith("contours 3")


def test_too_many_contours_on_a_plane_are_refused():
    dots = [rectangle(0, 1, 1, center=(2 * k, 0)) for k in range(1001)]
    assert codes(measured_alone(drawn(*dots))) == ["too-intricate"]
