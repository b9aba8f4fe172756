"""What is peculiar about contours: findings, each with the numbers of the contours.

Nothing is refused for them, and nothing is repaired. The limits are named constants.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import shapely

from imaging_selection.dicom.findings import finding, listed
from imaging_selection.geometry.planes import TOLERANCE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import TypeAlias

    from shapely import Polygon

    from imaging_selection.dicom.findings import Finding
    from imaging_selection.dicom.rtstruct.structure_set import Roi
    from imaging_selection.geometry.planes import Plane
    from imaging_selection.geometry.points import Reading
    from imaging_selection.geometry.solid import Solid

    Part: TypeAlias = list[tuple[int, Polygon]]

#: A part on a single plane is stray if it is smaller than this, in mm², and than a
#: twentieth of the largest region of its ROI,
TINY: Final = 5.0
TINY_SHARE: Final = 1 / 20
#: or if it is farther than this, in mm, from every other part.
FAR: Final = 50.0
#: What of a contour lies outside the EXTERNAL before it is a finding, in mm and mm².
OUTSIDE_MARGIN: Final = 2.0
OUTSIDE_AREA: Final = 10.0
#: Relative difference of a stated ROI Volume and the measured one.
VOLUME_SHARE: Final = 0.05
#: In cm³; stated volumes have often one decimal.
VOLUME_LEAST: Final = 0.1
#: In mm: how far beyond the middle of the EXTERNAL a ROI lies on the other side.
MIDDLE_MARGIN: Final = 10.0

# RT ROI Interpreted Types (PS3.3 C.8.8.8.1) of what lies inside the patient.
_INSIDE = frozenset({"ORGAN", "GTV", "CTV", "PTV", "CAVITY", "AVOIDANCE", "OAR"})


def types_of(roi: Roi) -> set[str]:
    """Return the RT ROI Interpreted Types of a ROI."""
    return {each.interpreted_type for each in roi.observations} - {None}  # type: ignore[return-value]


def check_points(reading: Reading, roi_number: int | None) -> Iterator[Finding]:
    """Yield that contours have too few points to enclose anything."""
    if reading.degenerate:
        text = (
            f"Fewer than three distinct points: contours {listed(reading.degenerate)}"
        )
        yield finding("too-few-points", text, roi_number, reading.degenerate)


def check_solid(
    solid: Solid, parts: Sequence[Part], roi_number: int | None
) -> Iterator[Finding]:
    """Yield gaps, and contours that are repeated, cross themselves or are stray.

    Parameters
    ----------
    parts
        As of `parts_of`.
    """
    yield from _gaps(solid, roi_number)
    for code, sentence, numbers in (
        (
            "duplicate-contour",
            "Encloses the same as a contour before it on its plane",
            [number for region in solid.regions for number in region.duplicates],
        ),
        (
            "self-intersecting-contour",
            "Crosses itself; what an odd number of turns encloses counts",
            [number for region in solid.regions for number in region.crossing],
        ),
        ("stray-contour", *_strays(solid, parts)),
    ):
        if numbers:
            text = f"{sentence}: contours {listed(sorted(numbers))}"
            yield finding(code, text, roi_number, sorted(numbers))


def _gaps(solid: Solid, roi_number: int | None) -> Iterator[Finding]:
    distances = np.diff(solid.positions)
    gaps = [
        (distance, _last(before), _last(after))
        for distance, is_gap, before, after in zip(
            distances, solid.is_gap, solid.planes, solid.planes[1:], strict=False
        )
        if is_gap
    ]
    if gaps:
        places = (
            f"{mm:.4g} mm between contours {one} and {two}" for mm, one, two in gaps
        )
        text = f"Slices are missing: {listed(places)}"
        contours = dict.fromkeys(each for _, *both in gaps for each in both)
        yield finding("gap-between-slices", text, roi_number, contours)


def _last(plane: Plane) -> int:
    return plane.contours[-1][0].number


def _strays(solid: Solid, parts: Sequence[Part]) -> tuple[str, list[int]]:
    """Find parts on a single plane, beside others, that are tiny or far from them."""
    largest = max((shape.area for part in parts for _, shape in part), default=0)
    stray = []
    for part in parts if len(parts) > 1 else ():
        (place, shape), *more = part
        is_tiny = shape.area < min(TINY, largest * TINY_SHARE)
        if not more and (is_tiny or _is_far(solid, part, parts)):
            stray += _contours_of(solid.planes[place], shape)
    return f"Smaller than {TINY:g} mm2, or {FAR:g} mm from all others", stray


def _is_far(solid: Solid, part: Part, parts: Iterable[Part]) -> bool:
    (place, shape), *_ = part
    return all(
        np.hypot(shape.distance(near), solid.positions[place] - solid.positions[other])
        > FAR
        for each in parts
        if each is not part
        for other, near in each
    )


def _contours_of(plane: Plane, shape: Polygon) -> list[int]:
    return [
        drawn.number
        for drawn, points in plane.contours
        if shape.distance(shapely.Point(points[0])) < TOLERANCE
    ]


def check_outside(roi: Roi, solid: Solid, external: Solid) -> Iterator[Finding]:
    """Yield that contours of what belongs inside the patient lie outside the EXTERNAL.

    Contours on a plane where the EXTERNAL has none are not judged.
    """
    if not types_of(roi) & _INSIDE or not _are_parallel(solid, external):
        return
    numbers = []
    for plane, region in zip(solid.planes, solid.regions, strict=True):
        place = int(np.abs(external.positions - plane.position).argmin())
        if abs(external.positions[place] - plane.position) > TOLERANCE:
            continue
        body = external.regions[place].shape
        if body.covers(region.shape):  # most are: this takes no time
            continue
        around = body.buffer(OUTSIDE_MARGIN)
        if region.shape.difference(around).area > OUTSIDE_AREA:
            numbers += [drawn.number for drawn, _ in plane.contours]
    if numbers:
        text = f"Outside the EXTERNAL: contours {listed(sorted(numbers))}"
        yield finding("outside-external", text, roi.number, sorted(numbers))


def _are_parallel(one: Solid, other: Solid) -> bool:
    return bool(np.allclose(one.axes, other.axes, atol=1e-6))


def check_volume(roi: Roi, volume: float | None) -> Iterator[Finding]:
    """Yield that the measured volume differs from the stated one."""
    stated = abs(float(roi.volume)) if roi.volume else 0.0
    if not (stated and volume):  # several systems state 0 for: not computed
        return
    difference = abs(volume - stated)
    if difference > max(VOLUME_SHARE * stated, VOLUME_LEAST):
        text = f"ROIVolume is {stated:.6g}, measured are {volume:.6g} cm3"
        yield finding("stated-volume-differs", text, roi.number)


def is_other_side(side: str, x: float, middle: float) -> bool:
    """Return whether a ROI lies on the other side of the body than its name says.

    A hint: x grows towards the patient's left (PS3.3 C.7.6.2.1.1), and the middle of
    the EXTERNAL stands for that of the body.

    Parameters
    ----------
    side
        Left or Right.
    x, middle
        Of the centroids of the ROI and of the EXTERNAL, in mm.

    Examples
    --------
    >>> is_other_side("Left", 40, 0), is_other_side("Right", 40, 0)
    (False, True)
    """
    beyond = middle - x if side == "Left" else x - middle
    return beyond > MIDDLE_MARGIN


def externals_of(rois: Iterable[Roi]) -> list[Roi]:
    """List the ROIs of type EXTERNAL."""
    return [roi for roi in rois if "EXTERNAL" in types_of(roi)]
