"""Two structure sets compared, as JSON for programs and for the page.

DICOM PS3.3 2025a, C.8.8.5, C.8.8.6.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, NamedTuple

from imaging_selection.errors import UnusableError
from imaging_selection.geometry.compare import compare, read_roi
from imaging_selection.ids import roi_selection_id
from imaging_selection.mapping.body_site import name_of

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator

    from imaging_selection.dicom.rtstruct.structure_set import Roi, StructureSet

    Pair = tuple[Roi | None, Roi | None]

_DIGITS = 6


class Side(NamedTuple):
    """One of the two structure sets that are compared.

    Attributes
    ----------
    data
        `Dataset.data` of it, in which the places of Contour Data count.
    orthanc_id
        Orthanc's id of it.
    """

    structure_set: StructureSet
    data: bytes
    orthanc_id: str


def build_comparison_json(before: Side, after: Side) -> dict[str, Any]:
    """Compare two structure sets of one patient.

    Raises
    ------
    UnusableError
        They are of two patients.
    """
    one, other = before.structure_set, after.structure_set
    if one.patient.hashed_id != other.patient.hashed_id:
        raise UnusableError("the structure sets are of two patients: not compared")
    return {
        "from": _described(before),
        "to": _described(after),
        "isPredecessor": one.sop_instance_uid
        in {each.sop_instance_uid for each in other.predecessors},
        "rois": [
            _compared(before, after, *pair) for pair in pairs_of(one.rois, other.rois)
        ],
    }


def _described(side: Side) -> dict[str, Any]:
    structure_set = side.structure_set
    return {
        "instance": side.orthanc_id,
        "sopInstanceUid": structure_set.sop_instance_uid,
        "label": structure_set.label,
        "rois": len(structure_set.rois),
    }


def pairs_of(before: Iterable[Roi], after: Iterable[Roi]) -> Iterator[Pair]:
    """Pair the ROIs of two structure sets; None where one has no partner.

    By Conceptual Volume UID; then by number and name, by name, by number: each only
    where it is that of one ROI on both sides.
    """
    olds, news = dict(enumerate(before)), dict(enumerate(after))
    partners: dict[int, Roi] = {}  # by the place of the old one
    keys: tuple[Callable[[Roi], Hashable], ...] = (
        lambda roi: roi.conceptual_volume_uid,
        lambda roi: (roi.number, roi.name) if roi.name else None,
        lambda roi: roi.name,
        lambda roi: roi.number,
    )
    every = {**olds}
    for key in keys:
        places = _single(key, news)
        for one, old in _single(key, olds).items():
            if one in places:
                partners[old] = news.pop(places[one])
                del olds[old]
    for place, roi in every.items():
        yield roi, partners.get(place)
    for roi in news.values():
        yield None, roi


def _single(
    key: Callable[[Roi], Hashable], rois: dict[int, Roi]
) -> dict[Hashable, int]:
    """Return key -> place, of the ROIs that no other one has the key of."""
    counts = Counter(key(roi) for roi in rois.values())
    return {
        one: place
        for place, roi in rois.items()
        if (one := key(roi)) is not None and counts[one] == 1
    }


def _compared(
    one_side: Side, other_side: Side, before: Roi | None, after: Roi | None
) -> dict[str, Any]:
    """Describe what became of a ROI."""
    described: dict[str, Any] = {
        "from": _roi(one_side, before),
        "to": _roi(other_side, after),
        "changes": [],
    }
    if before is None or after is None:
        return described | {"changes": ["added" if before is None else "removed"]}
    one, other = read_roi(one_side.data, before), read_roi(other_side.data, after)
    changes = {
        "renumbered": before.number != after.number,
        "renamed": name_of(before) != name_of(after),
        "recolored": _colors(before) != _colors(after),
        "contours": one.texts != other.texts,
    }
    described["changes"] = [name for name, is_changed in changes.items() if is_changed]
    frames = before.frame_of_reference_uid, after.frame_of_reference_uid
    if None in frames or len({*frames}) > 1:
        return described | {"refused": "they are not in one frame of reference"}
    return described | {
        key: _rounded(value) for key, value in asdict(compare(one, other)).items()
    }


def _roi(side: Side, roi: Roi | None) -> dict[str, Any] | None:
    if roi is None:
        return None
    return {
        "selection": roi_selection_id(side.orthanc_id, roi.number, roi.ordinal),
        "number": roi.number,
        "name": name_of(roi),
        "colors": _colors(roi),
    }


def _colors(roi: Roi) -> list[str]:
    colors = [item.display_color for item in roi.contours if item.display_color]
    return ["#{:02X}{:02X}{:02X}".format(*color) for color in dict.fromkeys(colors)]


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.{_DIGITS}g}")
    if isinstance(value, dict):
        return {key: _rounded(each) for key, each in value.items()}
    return [*map(_rounded, value)] if isinstance(value, list | tuple) else value
