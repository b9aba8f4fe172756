"""Measures a ROI by its closed contours: volume, centroid, extent, slices and parts.

The method, which `docs/mapping.md` explains:

1. The area of a plane is that of `regions.region_of`, on the coordinates of the file.
2. Each plane stands for a slab from halfway to the plane before it to halfway to the
   next. At both ends the slab is as thick outwards as inwards (half-slices).
3. Where planes are missing, nothing is filled in: both sides are ends.

What cannot be measured so is refused with a finding; no number is ever estimated.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
import shapely

from imaging_selection.dicom.findings import finding, listed
from imaging_selection.geometry.checks import (
    check_outside,
    check_points,
    check_solid,
    check_volume,
    externals_of,
)
from imaging_selection.geometry.planes import NotParallelError
from imaging_selection.geometry.points import read_contours
from imaging_selection.geometry.regions import TooIntricateError
from imaging_selection.geometry.solid import parts_of, solid_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from imaging_selection.dicom.findings import Finding
    from imaging_selection.dicom.rtstruct.structure_set import Roi
    from imaging_selection.geometry.images import Images
    from imaging_selection.geometry.points import Drawn, Numbers, Reading
    from imaging_selection.geometry.solid import Solid

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


def measure(
    data: bytes, rois: Iterable[Roi], images: Images | None = None
) -> list[Measurement | None]:
    """Measure and check ROIs; None for one that has no closed contour.

    Parameters
    ----------
    data
        `Dataset.data`, in which the places of Contour Data count.
    images
        The images that contours are checked against, if any are known.
    """
    rois = [*rois]
    externals = externals_of(rois)
    around = _drawn_solid(data, externals[0]) if len(externals) == 1 else None
    return [
        _measure_roi(data, roi, None if roi in externals else around, images)
        for roi in rois
    ]


def _drawn_solid(data: bytes, roi: Roi) -> Solid | None:
    reading = read_contours(data, roi)
    try:
        return solid_of(reading.drawn) if reading.drawn else None
    except (NotParallelError, TooIntricateError):
        return None


def _measure_roi(
    data: bytes, roi: Roi, around: Solid | None, images: Images | None
) -> Measurement | None:
    reading = read_contours(data, roi)
    contour_findings = (
        *check_points(reading, roi.number),
        *(images.check(roi, reading.drawn) if images else ()),
    )
    if reading.faults:
        return Measurement(
            findings=(_refused_for_faults(roi, reading), *contour_findings)
        )
    if not reading.drawn:
        return Measurement(findings=contour_findings) if contour_findings else None
    measurement, solid = measure_contours(reading.drawn, roi.number)
    return replace(
        measurement,
        findings=(
            *measurement.findings,
            *contour_findings,
            *(check_outside(roi, solid, around) if solid and around else ()),
            *check_volume(roi, measurement.volume),
        ),
    )


def measure_contours(
    contours: Sequence[Drawn], roi_number: int | None = None
) -> tuple[Measurement, Solid | None]:
    """Measure and check what closed contours, at least one, enclose together.

    Returns
    -------
    Measurement
    Solid or None
        None if they cannot be arranged in planes.
    """
    try:
        solid = solid_of(contours)
    except (NotParallelError, TooIntricateError) as error:
        code = getattr(error, "code", "too-intricate")
        found = finding(code, _refused(error.numbers), roi_number, error.numbers)
        return Measurement(extent=_extent_of(contours), findings=(found,)), None
    return _measured(roi_number, contours, solid), solid


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
    parts = parts_of(solid)
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
        parts=len(parts),
        findings=(*findings, *check_solid(solid, parts, roi_number)),
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


def _refused_for_faults(roi: Roi, reading: Reading) -> Finding:
    # The first code that occurs: each has its own sentence where contours are read.
    code = next(iter(reading.faults.values()))
    numbers = [each for each, other in reading.faults.items() if other == code]
    return finding(code, _refused(numbers), roi.number, numbers)


def _refused(numbers: Sequence[int]) -> str:
    return f"Not measured, because of contours {listed(numbers)}"
