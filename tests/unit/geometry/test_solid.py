import numpy as np
import pytest
from imaging_selection.geometry.solid import gaps_of, parts_of, solid_of
from support.solids import drawn, rectangle


@pytest.mark.parametrize(
    ("distances", "gaps"),
    [
        ([], []),
        ([3], []),
        ([3, 3, 4.4, 3], []),
        ([3, 3, 4.6, 3], [2]),
        ([3, 9, 9, 3, 3], [1, 2]),
        ([3, 3, 3, 5, 5, 5], []),
        ([5, 5, 5, 3, 3, 3], []),
        ([1, 1, 1, 3, 1], [3]),
    ],
)
def test_gaps_are_seen_from_both_sides(distances, gaps):
    found = gaps_of(np.array(distances, float))
    assert [place for place, is_gap in enumerate(found) if is_gap] == gaps


def test_each_region_is_in_one_part():
    left = [rectangle(z) for z in (0, 3, 6)]
    right = [rectangle(z, center=(40, 0)) for z in (0, 3, 6)]
    both = rectangle(9, 80, 10, center=(20, 0))
    far = [rectangle(z) for z in (60, 63)]
    parts = parts_of(solid_of(drawn(*left, *right, both, *far)))
    assert sorted(len(part) for part in parts) == [2, 7]


def test_regions_that_only_touch_are_two_parts():
    contours = drawn(rectangle(0), rectangle(3, center=(20, 0)))
    assert len(parts_of(solid_of(contours))) == 2
