"""Contour Data becomes numbers: the points of one ROI's closed contours.

DICOM PS3.3 2025a, C.8.8.6 (ROI Contour Module); PS3.5 2025a, 6.2 (VR DS).
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import orjson

from imaging_selection.dicom.rtstruct.structure_set import GeometricType
from imaging_selection.dicom.values import PADDING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TypeAlias

    from numpy.typing import NDArray

    from imaging_selection.dicom.rtstruct.structure_set import Contour, Roi

    Numbers: TypeAlias = NDArray[np.float64]

CLOSED: Final = frozenset({GeometricType.CLOSED_PLANAR, GeometricType.CLOSEDPLANAR_XOR})
_OF_NUMBERS = b"0123456789+-.eE\\ "  # float() also reads nan, inf and 1_000
_MINIMUM_POINTS = 3
_LARGEST = 1e6  # mm; beyond it, areas lose the digits of the file


class Drawn(NamedTuple):
    """A closed contour with its coordinates.

    Attributes
    ----------
    number
        Its place among all contours of the ROI, from 1, in file order.
    points
        One row a point: x, y and z in mm. No point follows an equal one, and the last
        is not the first again.
    is_xor
        CLOSEDPLANAR_XOR (PS3.3 C.8.8.6.3).
    """

    number: int
    points: Numbers
    is_xor: bool = False


class Reading(NamedTuple):
    """The closed contours of a ROI.

    Attributes
    ----------
    degenerate
        The numbers of those with fewer than three distinct points: they enclose nothing
        and are not in `drawn`.
    faults
        Why another contour is not in `drawn`: its number -> the code of a finding.
    open_contours
        Number of contours that enclose nothing: points and lines.
    """

    drawn: tuple[Drawn, ...]
    degenerate: tuple[int, ...]
    faults: dict[int, str]
    open_contours: int


def read_contours(data: bytes, roi: Roi) -> Reading:
    """Read the closed contours of a ROI.

    Parameters
    ----------
    data
        `Dataset.data`, in which the places of Contour Data count.
    """
    drawn: list[Drawn] = []
    degenerate: list[int] = []
    faults: dict[int, str] = {}
    open_contours = 0
    for number, contour in _contours_of(roi):
        if contour.geometric_type is None:
            faults[number] = "unknown-geometric-type"
        elif contour.geometric_type not in CLOSED:
            open_contours += 1
        else:
            points = _points_of(data, contour)
            if isinstance(points, str):
                faults[number] = points
            elif len(points) < _MINIMUM_POINTS:
                degenerate.append(number)
            else:
                is_xor = contour.geometric_type is GeometricType.CLOSEDPLANAR_XOR
                drawn.append(Drawn(number, points, is_xor))
    return Reading(tuple(drawn), tuple(degenerate), faults, open_contours)


def _contours_of(roi: Roi) -> Iterator[tuple[int, Contour]]:
    return enumerate((each for item in roi.contours for each in item.contours), 1)


def _points_of(data: bytes, contour: Contour) -> Numbers | str:
    """Read the points of a contour; or return the code of what is wrong with it."""
    start, end = contour.data or (0, 0)
    text = data[start:end].rstrip(PADDING)
    if not text:
        return "empty-contour-data"
    if contour.is_slab:
        return "contour-offset"
    numbers = _numbers_of(text)
    if numbers is None:
        return "contour-data-not-a-number"
    if len(numbers) % 3:
        return "coordinate-count-not-multiple-of-3"
    if np.abs(numbers).max() > _LARGEST:
        return "coordinate-too-large"
    return _without_repeats(numbers.reshape(-1, 3))


def _numbers_of(text: bytes) -> Numbers | None:
    """Read decimal strings; None if one of them is none."""
    if text.translate(None, _OF_NUMBERS):
        return None
    with suppress(orjson.JSONDecodeError):  # of +1, .5 or 01, which JSON does not know
        numbers = orjson.loads(b"[%b]" % text.replace(b"\\", b","))
        return np.array(numbers, np.float64)  # exactly those of float()
    try:
        return np.array([*map(float, text.split(b"\\"))])
    except ValueError:
        return None


def _without_repeats(points: Numbers) -> Numbers:
    """Leave out points that equal the one before; the first follows the last."""
    is_new = np.empty(len(points), bool)
    is_new[0] = (points[0] != points[-1]).any()
    (points[1:] != points[:-1]).any(axis=1, out=is_new[1:])
    return points if is_new.all() else points[is_new]
