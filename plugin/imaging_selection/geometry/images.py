"""Contours against the images that they were drawn on, where these are known.

A contour is judged only if nothing is missing for it: its own images, or those of its
series. An image of another frame of reference never counts.

DICOM PS3.3 2025a, C.7.6.2.1.1 (Image Position and Image Orientation), C.8.8.6 (Contour
Image Sequence).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from imaging_selection.dicom.findings import finding, listed
from imaging_selection.geometry.planes import TOLERANCE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from imaging_selection.dicom.findings import Finding
    from imaging_selection.dicom.rtstruct.structure_set import Contour, Roi
    from imaging_selection.geometry.points import Drawn, Numbers

#: In mm: how far beyond the outer edge of the pixels a point may lie. Contours along
#: the edge are often drawn through the corners of the next pixels.
MARGIN: Final = 1.0

_GIVEN = (
    *("sopInstanceUid", "frameOfReferenceUid", "position", "orientation", "spacing"),
    *("rows", "columns"),
)
_UNIT: Final = 0.01  # so much may the area of the two directions differ from 1


@dataclass(frozen=True, slots=True)
class Slice:
    """One image, or frame of an image.

    Attributes
    ----------
    axes
        Two rows: the directions in which the number of the column grows, and that of
        the row.
    spacing
        In mm, between columns and between rows.
    size
        The numbers of columns and rows.
    """

    sop_instance_uid: str
    frame_of_reference_uid: str
    origin: Numbers
    axes: Numbers
    spacing: Numbers
    size: Numbers

    @property
    def normal(self) -> Numbers:
        """The direction at right angles to the image."""
        normal: Numbers = np.cross(*self.axes)
        return normal

    def contains(self, points: Numbers) -> bool:
        """Return whether points lie within the image, seen at right angles to it."""
        places = (points - self.origin) @ self.axes.T / self.spacing
        beyond = np.maximum(-0.5 - places, places - (self.size - 0.5)) * self.spacing
        return bool((beyond <= MARGIN).all())


@dataclass(frozen=True, slots=True)
class _Stack:
    """Parallel slices of one series, in the direction of their normal."""

    normal: Numbers
    positions: Numbers
    slices: Sequence[Slice]

    def at(self, points: Numbers) -> list[Slice]:
        """List the slices that points lie on: within half the distance to the next."""
        places = points @ self.normal
        if np.ptp(places) > TOLERANCE:
            return []
        place = float(places.mean())
        distances = np.abs(self.positions - place)
        nearest = distances.min()
        if nearest > self._reach(place) + TOLERANCE:
            return []
        is_near = distances <= nearest + TOLERANCE
        return [each for each, is_on in zip(self.slices, is_near, strict=True) if is_on]

    def _reach(self, place: float) -> float:
        """Return half the distance of the slices around a place, or at the end."""
        distinct = self.positions[
            np.concatenate([[True], np.diff(self.positions) > TOLERANCE])
        ]
        if len(distinct) == 1:
            return 0.0
        after = int(np.clip(np.searchsorted(distinct, place), 1, len(distinct) - 1))
        return float(distinct[after] - distinct[after - 1]) / 2


class Images:
    """The images of a structure set that are known.

    Parameters
    ----------
    slices
        As `viewer.image_planes.slices_of` describes them, each with the `series` that
        it belongs to. One without a place in space counts as missing.
    series
        The SOP Instance UIDs of each series, as the structure set lists them.
    """

    def __init__(
        self, slices: Iterable[Mapping[str, Any]], series: Iterable[Iterable[str]]
    ) -> None:
        stacks: dict[tuple[Any, ...], list[Slice]] = {}
        self._frame_of: dict[str, str] = {}
        for each in slices:
            made = _slice(each)
            if made is not None:
                self._frame_of[made.sop_instance_uid] = made.frame_of_reference_uid
                direction = tuple(made.normal.round(4) + 0)
                key = (each["series"], made.frame_of_reference_uid, direction)
                stacks.setdefault(key, []).append(made)
        self._stacks: dict[str, list[_Stack]] = {}
        for (_, frame, _), members in stacks.items():
            self._stacks.setdefault(frame, []).append(_stack(members))
        listed_series = [frozenset(uids) for uids in series]
        complete = [
            uids for uids in listed_series if uids and uids <= self._frame_of.keys()
        ]
        self._complete = frozenset(chain.from_iterable(complete))
        self._is_complete = len(complete) == len(listed_series)

    def check(self, roi: Roi, drawn: Iterable[Drawn]) -> Iterator[Finding]:
        """Yield which contours do not fit the images."""
        stacks = self._stacks.get(roi.frame_of_reference_uid or "", [])
        contours = [*chain.from_iterable(item.contours for item in roi.contours)]
        found: dict[str, list[int]] = {code: [] for code in _SENTENCES}
        for each in drawn:
            named = _images_of(contours[each.number - 1])
            code = self._judge(roi, named, each.points, stacks)
            if code is not None:
                found[code].append(each.number)
        for code, numbers in found.items():
            if numbers:
                text = f"{_SENTENCES[code]}: contours {listed(numbers)}"
                yield finding(code, text, roi.number, numbers)

    def _judge(
        self, roi: Roi, named: set[str], points: Numbers, stacks: Iterable[_Stack]
    ) -> str | None:
        frames = {self._frame_of.get(uid) for uid in named} - {None}
        if frames and roi.frame_of_reference_uid not in {*frames, None}:
            return "image-of-other-frame"
        here = [each for stack in stacks for each in stack.at(points)]
        if any(each.contains(points) for each in here):
            return None
        if here:
            has_all = named <= self._frame_of.keys() if named else self._is_complete
            return "outside-images" if has_all else None
        has_all = named <= self._complete if named else self._is_complete
        return "plane-on-no-image" if has_all and [*stacks] else None


_SENTENCES = {
    "outside-images": "Outside the extent of the images",
    "plane-on-no-image": "On the plane of no image",
    "image-of-other-frame": "Drawn on an image of another frame of reference",
}


def _images_of(contour: Contour) -> set[str]:
    return {image.sop_instance_uid for image in contour.images}


def _slice(described: Mapping[str, Any]) -> Slice | None:
    """Read a slice; None if it has no place in space."""
    if not all(described[name] for name in _GIVEN):
        return None
    between_rows, between_columns = described["spacing"]
    made = Slice(
        described["sopInstanceUid"],
        described["frameOfReferenceUid"],
        np.array(described["position"]),
        np.array(described["orientation"]).reshape(2, 3),
        np.array([between_columns, between_rows]),
        np.array([described["columns"], described["rows"]]),
    )
    is_upright = abs(float(np.linalg.norm(made.normal)) - 1) < _UNIT
    return made if is_upright and (made.spacing > 0).all() else None


def _stack(members: list[Slice]) -> _Stack:
    normal = members[0].normal
    ordered = sorted(members, key=lambda each: float(each.origin @ normal))
    positions = np.array([float(each.origin @ normal) for each in ordered])
    return _Stack(normal, positions, ordered)
