"""Compares the contours of two ROIs: volumes, overlap and distances, slice by slice.

Both must lie in one frame of reference, on parallel planes: that is for the caller to
know, and for this module to check.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import shapely

from imaging_selection.geometry.measure import measure_contours, thicknesses_of
from imaging_selection.geometry.planes import TOLERANCE
from imaging_selection.geometry.points import read_contours

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imaging_selection.dicom.rtstruct.structure_set import Roi
    from imaging_selection.geometry.measure import Measurement
    from imaging_selection.geometry.points import Numbers
    from imaging_selection.geometry.solid import Solid

# Outlines are compared at points that are no farther apart than this share of a side.
_DENSITY: Final = 0.25


@dataclass(frozen=True, slots=True)
class SliceComparison:
    """One plane.

    Attributes
    ----------
    position
        Along the normal of the planes, in mm.
    areas
        Before and after, in mm²; 0 where there are no contours.
    dice
        Twice the common area by the sum of the areas, 0 to 1; None without any area.
    distance
        The largest distance of a point of one outline from the other one, in mm; None
        if only one has contours here.
    """

    position: float
    areas: tuple[float, float]
    dice: float | None
    distance: float | None


@dataclass(frozen=True, slots=True)
class RoiComparison:
    """Two ROIs.

    Attributes
    ----------
    volumes
        Before and after, in cm³; None where it could not be measured.
    dice
        Of the volumes, each plane standing for a slab; None where it is refused.
    slices
        Ascending by position; none where it is refused.
    refused
        Why overlap and distances are not given.
    """

    volumes: tuple[float | None, float | None]
    dice: float | None = None
    slices: tuple[SliceComparison, ...] = ()
    refused: str | None = None


@dataclass(frozen=True, slots=True)
class Read:
    """What is to be compared: the bytes of a ROI's contours, and what they enclose."""

    texts: tuple[bytes, ...]
    measurement: Measurement | None
    solid: Solid | None


def read_roi(data: bytes, roi: Roi) -> Read:
    """Read the contours of a ROI.

    Parameters
    ----------
    data
        `Dataset.data`, in which the places of Contour Data count.
    """
    texts = tuple(
        data[slice(*(contour.data or (0, 0)))]
        for drawn in roi.contours
        for contour in drawn.contours
    )
    reading = read_contours(data, roi)
    if reading.faults or not reading.drawn:
        return Read(texts, None, None)
    return Read(texts, *measure_contours(reading.drawn, roi.number))


def compare(before: Read, after: Read) -> RoiComparison:
    """Compare two ROIs of one frame of reference."""
    volumes = _volume_of(before), _volume_of(after)
    if before.solid is None or after.solid is None:
        return RoiComparison(
            volumes,
            refused="one of them has no closed contours that"
            " could be arranged in planes",
        )
    if not np.allclose(before.solid.axes, after.solid.axes, atol=1e-6):
        return RoiComparison(volumes, refused="their planes are not parallel")
    slices = tuple(_slices(before.solid, after.solid))
    return RoiComparison(volumes, _dice(before.solid, after.solid), slices)


def _volume_of(read: Read) -> float | None:
    return read.measurement.volume if read.measurement else None


def _pairs(before: Solid, after: Solid) -> Iterator[tuple[int | None, int | None]]:
    """Yield the planes of both, ascending; together if they have one position."""
    one, other = 0, 0
    while one < len(before.positions) or other < len(after.positions):
        here = before.positions[one] if one < len(before.positions) else np.inf
        there = after.positions[other] if other < len(after.positions) else np.inf
        is_first = here - there <= TOLERANCE
        is_second = there - here <= TOLERANCE
        yield one if is_first else None, other if is_second else None
        one += is_first
        other += is_second


def _slices(before: Solid, after: Solid) -> Iterator[SliceComparison]:
    nothing = shapely.Polygon()
    for one, other in _pairs(before, after):
        shape = nothing if one is None else before.regions[one].shape
        there = nothing if other is None else after.regions[other].shape
        total = shape.area + there.area
        solid, place = (before, one) if one is not None else (after, other)
        yield SliceComparison(
            float(solid.positions[place or 0]),
            (shape.area, there.area),
            2 * shape.intersection(there).area / total if total else None,
            _distance(shape, there),
        )


def _distance(one: shapely.Geometry, other: shapely.Geometry) -> float | None:
    if one.is_empty or other.is_empty:
        return None
    distance = shapely.hausdorff_distance(one.boundary, other.boundary, _DENSITY)
    return float(distance)


def _dice(before: Solid, after: Solid) -> float | None:
    one, other = _thicknesses(before), _thicknesses(after)
    if one is None or other is None:
        return None
    total = sum(
        region.shape.area * thickness
        for solid, thicknesses in ((before, one), (after, other))
        for region, thickness in zip(solid.regions, thicknesses, strict=True)
    )
    common = sum(
        before.regions[here].shape.intersection(after.regions[there].shape).area
        * min(one[here], other[there])
        for here, there in _pairs(before, after)
        if here is not None and there is not None
    )
    return float(2 * common / total) if total else None


def _thicknesses(solid: Solid) -> Numbers | None:
    return thicknesses_of(np.diff(solid.positions), solid.is_gap)
