"""What the contours of one plane enclose together.

shapely (GEOS) does what the shoelace formula cannot: contours that cross themselves or
each other, and which of two lies in the other. Its predicates are exact for the
coordinates that it is given, and its areas are shoelace areas.

DICOM PS3.3 2025a, C.8.8.6.3 (Representing Inner and Outer Contours).
"""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import shapely

from imaging_selection.geometry.planes import doubled_area

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shapely import Geometry

    from imaging_selection.geometry.points import Drawn, Numbers

_NEGLIGIBLE: Final = 0.01  # mm²; less than rounded coordinates can say


# Limits of work. In real files a plane has fifty contours at most, and each piece of a
# contour is near four others.
_MAXIMUM_CONTOURS: Final = 1000
_MAXIMUM_NEAR: Final = 50
_SAMPLE: Final = 200


class TooIntricateError(Exception):
    """There are too many contours on a plane, or one is a tangle of crossings.

    Attributes
    ----------
    numbers
        The contours at fault, by their place in the ROI.
    """

    def __init__(self, numbers: list[int]) -> None:
        super().__init__(numbers)
        self.numbers = numbers


class Region(NamedTuple):
    """What is enclosed on one plane.

    Attributes
    ----------
    shape
        In the coordinates of the plane.
    summed_area
        The areas of all contours added up, in mm²: what programs find that know no
        holes.
    duplicates
        The numbers of contours that enclose the same as one before them. They are
        counted once, except by exclusive or.
    crossing
        The numbers of contours that cross themselves.
    """

    shape: Geometry
    summed_area: float
    duplicates: tuple[int, ...]
    crossing: tuple[int, ...]


def region_of(contours: Sequence[tuple[Drawn, Numbers]]) -> Region:
    """Combine the contours of a plane.

    CLOSEDPLANAR_XOR: all together by exclusive or. CLOSED_PLANAR: a contour inside
    another one is a hole in it, one inside the hole an island, and so on; contours that
    cross each other are united. What of both kinds lies on a plane is united too.

    Raises
    ------
    TooIntricateError
        It would take too long.
    """
    if len(contours) > _MAXIMUM_CONTOURS:
        raise TooIntricateError([drawn.number for drawn, _ in contours])
    outlines = [(drawn, _outline(drawn.number, points)) for drawn, points in contours]
    areas = [abs(shoelace_area(points)) for _, points in contours]
    plain, duplicates = _distinct([each for each in outlines if not each[0].is_xor])
    exclusive = [shape for drawn, shape in outlines if drawn.is_xor]
    return Region(
        shapely.union(_nested(plain), reduce(shapely.symmetric_difference, exclusive))
        if exclusive
        else _nested(plain),
        sum(areas),
        tuple(duplicates),
        tuple(
            drawn.number
            for (drawn, shape), area in zip(outlines, areas, strict=True)
            if abs(shape.area - area) > _NEGLIGIBLE
        ),
    )


def shoelace_area(points: Numbers) -> float:
    """Return the area inside a contour, negative if it is walked around clockwise.

    Examples
    --------
    >>> shoelace_area(np.array([[0, 0], [2, 0], [2, 2], [0, 2]]))
    4.0
    """
    return doubled_area(*(points - points[0]).T) / 2


def _outline(number: int, points: Numbers) -> Geometry:
    """Return what one contour encloses.

    A contour with a keyhole is no valid polygon, as its channel is walked twice; nor is
    one that crosses itself. Of these, what an odd number of turns encloses.
    """
    polygon = shapely.Polygon(points)
    if polygon.is_valid:
        return polygon
    if _is_tangled(points):
        raise TooIntricateError([number])
    parts = shapely.get_parts(
        shapely.get_parts([shapely.make_valid(polygon, method="linework")])
    )
    return shapely.multipolygons(parts[shapely.area(parts) > 0])


def _is_tangled(points: Numbers) -> bool:
    """Return whether the pieces of a contour are near many others, by a sample."""
    pieces = shapely.linestrings(np.stack([points, np.roll(points, -1, 0)], axis=1))
    sample = pieces[:: len(pieces) // _SAMPLE + 1]
    near = shapely.STRtree(pieces).query(sample)
    return bool(near.shape[1] > _MAXIMUM_NEAR * len(sample))


def _distinct(
    outlines: Sequence[tuple[Drawn, Geometry]],
) -> tuple[list[Geometry], list[int]]:
    kept: list[Geometry] = []
    duplicates = []
    for drawn, shape in outlines:
        if any(shape.area == other.area and shape.equals(other) for other in kept):
            duplicates.append(drawn.number)
        else:
            kept.append(shape)
    return kept, duplicates


def _nested(shapes: list[Geometry]) -> Geometry:
    """Combine contours by how many others each lies in, the largest first."""
    if len(shapes) == 1:
        return shapes[0]
    ordered = sorted(shapes, key=lambda shape: -shape.area)
    result: Geometry = shapely.Polygon()
    for position, shape in enumerate(ordered):
        around = sum(other.covers(shape) for other in ordered[:position])
        result = (shapely.difference if around % 2 else shapely.union)(result, shape)
    return result
