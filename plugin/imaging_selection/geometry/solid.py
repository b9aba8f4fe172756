"""The contours of a ROI, arranged in parallel planes.

DICOM PS3.3 2025a, C.8.8.6 (ROI Contour Module).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import shapely

from imaging_selection.geometry.planes import axes_of, planes_of
from imaging_selection.geometry.regions import region_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shapely import Polygon

    from imaging_selection.geometry.planes import Axes, Plane
    from imaging_selection.geometry.points import Drawn, Numbers
    from imaging_selection.geometry.regions import Region

#: A distance between planes is a gap if it is more than so many times the median of the
#: three distances before it, and of the three after it; the lower one of two medians.
GAP: Final = 1.5
_NEIGHBOURS: Final = 3


@dataclass(frozen=True, slots=True)
class Solid:
    """The contours of a ROI, plane by plane.

    Attributes
    ----------
    positions
        Of the planes along the normal, in mm, ascending.
    is_gap
        Of the distance between each plane and the next: planes are missing there.
    """

    axes: Axes
    planes: Sequence[Plane]
    regions: Sequence[Region]
    positions: Numbers
    is_gap: Sequence[bool]


def solid_of(contours: Sequence[Drawn]) -> Solid:
    """Arrange contours in planes.

    Raises
    ------
    NotParallelError
        They lie on no parallel planes.
    TooIntricateError
        They would take too long.
    """
    axes = axes_of(contours)
    planes = planes_of(contours, axes)
    positions = np.array([plane.position for plane in planes])
    return Solid(
        axes,
        planes,
        [region_of(plane.contours) for plane in planes],
        positions,
        gaps_of(np.diff(positions)),
    )


def gaps_of(distances: Numbers) -> list[bool]:
    """Tell which distances between planes are gaps.

    Where the spacing of slices changes along a ROI, there is none.

    Examples
    --------
    >>> gaps_of(np.array([3, 3, 9, 3]))
    [False, False, True, False]
    >>> gaps_of(np.array([3, 3, 3, 5, 5, 5]))
    [False, False, False, False, False, False]
    """
    gaps = []
    for place, distance in enumerate(distances):
        before = distances[max(0, place - _NEIGHBOURS) : place]
        after = distances[place + 1 : place + 1 + _NEIGHBOURS]
        usual = [
            np.sort(side)[(len(side) - 1) // 2] for side in (before, after) if side.size
        ]
        gaps.append(bool(usual) and bool(distance > GAP * max(usual)))
    return gaps


def parts_of(solid: Solid) -> list[list[tuple[int, Polygon]]]:
    """Find the disjoint parts: each its regions, with the place of their plane.

    Regions of neighbouring planes are one part if they overlap, seen at right angles to
    the planes; across a gap they never are.
    """
    regions = [
        (place, shape)
        for place, region in enumerate(solid.regions)
        for shape in shapely.get_parts(region.shape)
    ]
    belongs = [*range(len(regions))]  # to which other region, up to the first of a part

    def root(number: int) -> int:
        while belongs[number] != number:
            number = belongs[number]
        return number

    for one, other in _links(solid, regions):
        belongs[root(one)] = root(other)
    parts: dict[int, list[tuple[int, Polygon]]] = {}
    for number, region in enumerate(regions):
        parts.setdefault(root(number), []).append(region)
    return [*parts.values()]


def _links(
    solid: Solid, regions: Sequence[tuple[int, Polygon]]
) -> Iterator[tuple[int, int]]:
    """Yield the pairs of regions on neighbouring planes that overlap."""
    on: dict[int, list[int]] = {}
    for number, (place, _) in enumerate(regions):
        on.setdefault(place, []).append(number)
    for number, (place, shape) in enumerate(regions):
        if place and not solid.is_gap[place - 1]:
            for other in on.get(place - 1, ()):
                if _overlap(shape, regions[other][1]):
                    yield number, other


def _overlap(one: Polygon, other: Polygon) -> bool:
    """Return whether two regions have more in common than their edges."""
    center = one.centroid  # of most neighbours it lies in both: that is quick to see
    if one.contains(center) and other.contains(center):
        return True
    return bool(one.intersects(other)) and not one.touches(other)
