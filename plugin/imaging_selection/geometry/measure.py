"""Measures a ROI by its closed contours: volume, centroid, extent, slices and parts.

The method, which `docs/mapping.md` explains:

1. The area of a plane is that of `regions.region_of`, on the coordinates of the file.
2. Each plane stands for a slab from halfway to the plane before it to halfway to the
   next. At both ends the slab is as thick outwards as inwards (half-slices).
3. Where planes are missing, nothing is filled in: both sides are ends.

What cannot be measured so is refused with a finding; no number is ever estimated.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import shapely

from imaging_selection.dicom.findings import finding, listed
from imaging_selection.geometry.planes import NotParallelError, axes_of, planes_of
from imaging_selection.geometry.points import read_contours
from imaging_selection.geometry.regions import TooIntricateError, region_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from imaging_selection.dicom.findings import Finding
    from imaging_selection.dicom.rtstruct.structure_set import Roi
    from imaging_selection.geometry.planes import Axes, Plane
    from imaging_selection.geometry.points import Drawn, Numbers, Reading
    from imaging_selection.geometry.regions import Region

#: A distance between planes is a gap if it is more than so many times the median of the
#: three distances before it and the three after it.
GAP: Final = 1.5
_NEIGHBOURS: Final = 3
_MM3_PER_CM3: Final = 1000

Vector = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Measurement:
    """What was measured of a ROI; None where that is impossible.

    Attributes
    ----------
    volume
        In cm³.
    alternatives
        The volume in cm³ by other methods, by a few words for each.
    centroid
        Of the volume: x, y and z in mm; of the area, if there is one plane only.
    extent
        Of the points along x, y and z, in mm: largest minus smallest coordinate.
    slices
        Number of planes with contours.
    spacing
        Median distance of neighbouring planes in mm, gaps left out.
    parts
        Number of disjoint parts. Regions of neighbouring planes are one part if they
        overlap, seen at right angles to the planes.
    findings
        Why there is no volume, and what is peculiar about the contours.
    """

    volume: float | None = None
    alternatives: Mapping[str, float] | None = None
    centroid: Vector | None = None
    extent: Vector | None = None
    slices: int | None = None
    spacing: float | None = None
    parts: int | None = None
    findings: tuple[Finding, ...] = ()


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


def measure(data: bytes, roi: Roi) -> Measurement | None:
    """Measure a ROI; None if it has no closed contour.

    Parameters
    ----------
    data
        `Dataset.data`, in which the places of Contour Data count.
    """
    reading = read_contours(data, roi)
    if not (reading.drawn or reading.faults):
        return None
    if reading.faults:
        return Measurement(findings=(_refused_for_faults(roi, reading),))
    return measure_contours(reading.drawn, roi.number)


def measure_contours(
    contours: Sequence[Drawn], roi_number: int | None = None
) -> Measurement:
    """Measure what closed contours, at least one, enclose together."""
    try:
        solid = solid_of(contours)
    except (NotParallelError, TooIntricateError) as error:
        code = getattr(error, "code", "too-intricate")
        return Measurement(
            extent=_extent_of(contours),
            findings=(finding(code, _refused(error.numbers), roi_number),),
        )
    return _measured(roi_number, contours, solid)


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

    Only neighbours count, so that the spacing of slices may change along a ROI.

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
        around = np.concatenate([before, after])
        gaps.append(bool(around.size and distance > GAP * np.median(around)))
    return gaps


def thicknesses_of(distances: Numbers, is_gap: Sequence[bool]) -> Numbers | None:
    """Return the thickness of the slab that each plane stands for, in mm.

    Returns
    -------
    numbers or None
        None if there is one plane, or no two neighbours without a gap between them.

    Examples
    --------
    >>> thicknesses_of(np.array([2, 4]), [False, False]).tolist()
    [2.0, 3.0, 4.0]
    """
    kept = np.where(is_gap, np.nan, distances) if len(distances) else np.array([np.nan])
    if np.isnan(kept).all():
        return None
    before = np.concatenate([[np.nan], kept])
    after = np.concatenate([kept, [np.nan]])
    # Half of each side; where a side has no neighbour, as much as on the other side.
    thickness: Numbers = (
        np.where(np.isnan(before), after, before)
        + np.where(np.isnan(after), before, after)
    ) / 2
    # A plane between two gaps is as thick as the others.
    return np.where(np.isnan(thickness), np.nanmedian(kept), thickness)


def _measured(
    roi_number: int | None, contours: Sequence[Drawn], solid: Solid
) -> Measurement:
    distances = np.diff(solid.positions)
    thicknesses = thicknesses_of(distances, solid.is_gap)
    areas = shapely.area([region.shape for region in solid.regions])
    if thicknesses is None:
        spacing, volume = None, None
        text = "Volume not measured: contours lie on one plane only"
        findings = [finding("no-slice-spacing", text, roi_number)]
        weights = areas
    else:
        spacing = float(np.median(distances[~np.array(solid.is_gap)]))
        weights = areas * thicknesses
        volume = float(weights.sum()) / _MM3_PER_CM3
        findings = []
    return Measurement(
        volume=volume,
        alternatives=None
        if thicknesses is None
        else _alternatives(solid, areas, thicknesses),
        centroid=_centroid_of(solid, weights),
        extent=_extent_of(contours),
        slices=len(solid.planes),
        spacing=spacing,
        parts=_parts_of(solid),
        findings=tuple(findings),
    )


def _alternatives(
    solid: Solid, areas: Numbers, thicknesses: Numbers
) -> dict[str, float]:
    """Compute the volume by what other programs do."""
    distances = np.diff(solid.positions)
    between = distances * (areas[1:] + areas[:-1]) / 2
    summed = np.array([region.summed_area for region in solid.regions])
    volumes = {
        "without the half-slices at the ends": between[~np.array(solid.is_gap)].sum(),
        "with gaps filled in": between.sum()
        + (areas[0] * thicknesses[0] + areas[-1] * thicknesses[-1]) / 2,
        "with all contours of a plane added up": (summed * thicknesses).sum(),
    }
    return {words: float(mm3) / _MM3_PER_CM3 for words, mm3 in volumes.items()}


def _centroid_of(solid: Solid, weights: Numbers) -> Vector | None:
    if not weights.sum() > 0:
        return None
    inside = weights > 0
    centers = shapely.centroid([region.shape for region in solid.regions])
    across, along = shapely.get_coordinates(centers[inside]).T
    in_axes = np.stack([across, along, solid.positions[inside]], axis=1)
    mean = np.average(in_axes, axis=0, weights=weights[inside])
    return _vector(mean @ np.stack(solid.axes))


def _extent_of(contours: Sequence[Drawn]) -> Vector:
    return _vector(np.ptp(np.concatenate([each.points for each in contours]), axis=0))


def _vector(numbers: Numbers) -> Vector:
    x, y, z = map(float, numbers)
    return x, y, z


def _parts_of(solid: Solid) -> int:
    """Count the parts: those of each plane, less the links to the plane before."""
    label = 0
    merged: dict[int, int] = {}

    def root(part: int) -> int:
        while merged[part] != part:
            part = merged[part]
        return part

    before: list[tuple[shapely.Geometry, int]] = []
    for region, is_gap in zip(solid.regions, [True, *solid.is_gap], strict=True):
        here = []
        for shape in shapely.get_parts(region.shape):
            label += 1
            merged[label] = label
            here.append((shape, label))
            for other, part in () if is_gap else before:
                if shape.intersects(other) and not shape.touches(other):
                    merged[root(part)] = root(label)
        before = here
    return sum(part == parent for part, parent in merged.items())


def _refused_for_faults(roi: Roi, reading: Reading) -> Finding:
    # The first code that occurs: each has its own sentence where contours are read.
    code = next(iter(reading.faults.values()))
    numbers = [each for each, other in reading.faults.items() if other == code]
    return finding(code, _refused(numbers), roi.number)


def _refused(numbers: Sequence[int]) -> str:
    return f"Not measured, because of contours {listed(numbers)}"
