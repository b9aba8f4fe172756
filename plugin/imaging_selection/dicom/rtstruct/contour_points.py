r"""What the number of points of a contour contradicts; known without its coordinates.

Number of Contour Points and the length of Contour Data nearly always agree: then there
is nothing to look at. Only otherwise, and in the short data of a POINT, the backslashes
are counted. What is wrong with the numbers themselves, `mapping.rtstruct` finds.

References
----------
DICOM PS3.3 2025a, C.8.8.6 (ROI Contour Module), C.8.8.6.1 (Contour Geometric Type).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from imaging_selection.dicom.rtstruct.structure_set import GeometricType
from imaging_selection.dicom.values import PADDING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from imaging_selection.dicom.rtstruct.structure_set import Contour

_MINIMUM_POINTS: Final[Mapping[GeometricType | None, int]] = {
    GeometricType.POINT: 1,
    GeometricType.OPEN_PLANAR: 2,
    GeometricType.OPEN_NONPLANAR: 2,
    GeometricType.CLOSED_PLANAR: 3,
    GeometricType.CLOSEDPLANAR_XOR: 3,
}
# Bytes of a point, each of its three values with the backslash after it. Real writers
# exceed the 16 characters of a DS, by the 17 digits of a double and its exponent.
_SHORTEST_POINT: Final = 3 * 2
_LONGEST_POINT: Final = 3 * 25


def doubts_about(contour: Contour, points: int) -> list[str]:
    """Return the codes of the findings about a contour that has so many points."""
    doubts = []
    if contour.geometric_type is GeometricType.POINT and points > 1:
        doubts.append("point-contour-with-several-points")
    if points < _MINIMUM_POINTS.get(contour.geometric_type, 0):
        doubts.append("too-few-points")
    if contour.declared_points != points and contour.declared_points is not None:
        doubts.append("declared-point-count-wrong")
    if contour.is_slab:
        doubts.append("contour-offset")
    if contour.geometric_type is GeometricType.CLOSEDPLANAR_XOR:
        doubts.append("xor-contours")
    return doubts


def doubts_without_coordinates(data: bytes, contour: Contour) -> list[str]:
    """Return the codes of the findings that need no coordinates.

    Parameters
    ----------
    data
        `Dataset.data`, in which the place of Contour Data counts.
    """
    minimum = _MINIMUM_POINTS.get(contour.geometric_type)
    if minimum is None:
        return ["unknown-geometric-type"]
    start, end = contour.data or (0, 0)
    points = contour.declared_points
    size = end - start + 1
    if (
        points is not None
        and minimum <= points
        and _SHORTEST_POINT * points <= size <= _LONGEST_POINT * points
        and contour.geometric_type is not GeometricType.POINT
    ):
        return doubts_about(contour, points)
    if points is None and size > _LONGEST_POINT * minimum:  # surely enough
        return doubts_about(contour, minimum)
    values = data.count(b"\\", start, end) + 1
    if values == 1 and not data[start:end].strip(PADDING):
        return ["empty-contour-data"]
    if values % 3:
        return ["coordinate-count-not-multiple-of-3"]
    return doubts_about(contour, values // 3)
