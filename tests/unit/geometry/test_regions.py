import numpy as np
import pytest
from imaging_selection.geometry.regions import region_of
from support.solids import drawn, rectangle

# An outer square of 100 mm², a hole of 36, an island of 4.
OUTER, HOLE, ISLAND = rectangle(0, 10, 10), rectangle(0, 6, 6), rectangle(0, 2, 2)
BESIDE = rectangle(0, 10, 10, center=(20, 0))


def region(*contours, xor=False):
    flat = [(each, each.points[:, :2]) for each in drawn(*contours, xor=xor)]
    return region_of(flat)


@pytest.mark.parametrize("xor", [False, True])
@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_holes_and_islands_in_any_order(xor, order):
    contours = [(OUTER, HOLE, ISLAND)[place] for place in order]
    assert region(*contours, xor=xor).shape.area == pytest.approx(100 - 36 + 4)


def test_a_keyhole_leaves_its_hole_out():
    a, b = OUTER[0], HOLE[0]
    path = [*OUTER, a, b, *reversed(HOLE)]
    found = region(path)
    assert found.shape.area == pytest.approx(100 - 36)
    assert found.crossing == ()


def test_contours_that_cross_are_united():
    crossing = rectangle(0, 10, 10, center=(5, 0))
    assert region(OUTER, crossing).shape.area == pytest.approx(150)


def test_contours_that_cross_exclude_each_other_by_xor():
    crossing = rectangle(0, 10, 10, center=(5, 0))
    assert region(OUTER, crossing, xor=True).shape.area == pytest.approx(100)


def test_a_repeated_contour_counts_once_and_is_named():
    found = region(OUTER, BESIDE, OUTER[::-1])
    assert found.shape.area == pytest.approx(200)
    assert found.duplicates == (3,)
    assert found.summed_area == pytest.approx(300)


def test_a_repeated_contour_is_nothing_by_xor():
    found = region(OUTER, OUTER, xor=True)
    assert found.shape.area == 0


def test_a_contour_that_crosses_itself_is_named():
    bow = [(0, 0, 0), (10, 10, 0), (10, 0, 0), (0, 10, 0)]
    found = region(OUTER, bow)
    assert found.crossing == (2,)
    assert region(bow).shape.area == pytest.approx(50)


def test_a_contour_that_is_walked_around_twice_counts_once_and_is_named():
    twice = [*OUTER, *OUTER]
    found = region(twice)
    assert found.shape.area == pytest.approx(100)
    assert found.crossing == (1,)


def test_of_a_star_drawn_in_one_line_the_middle_is_outside():
    angles = [2 * np.pi * 2 * k / 5 for k in range(5)]
    star = [(10 * np.cos(a), 10 * np.sin(a), 0) for a in angles]
    found = region(star)
    assert found.shape.geom_type == "MultiPolygon"
    assert len(found.shape.geoms) == 5


def test_points_on_a_line_enclose_nothing():
    found = region([(0, 0, 0), (5, 0, 0), (9, 0, 0)], OUTER)
    assert found.shape.area == pytest.approx(100)
    assert np.isfinite(found.summed_area)
