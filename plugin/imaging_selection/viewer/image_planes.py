"""The positions of the slices of an image series: Orthanc's tags -> plain JSON values.

From the Image Plane module, and the functional groups of multi-frame images. What is
absent or invalid is None: the page then says that it cannot draw on the image. DICOM
PS3.3 2025a, C.7.6.2, C.7.6.16, C.11.2 (windows).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from imaging_selection.dicom.values import parse_decimal, parse_integer

if TYPE_CHECKING:
    from collections.abc import Mapping

_Json = dict[str, Any]


def slices_of(orthanc_id: str, tags: Mapping[str, Any]) -> list[_Json]:
    r"""List the slices of an image: one per frame.

    Parameters
    ----------
    tags
        The data set as Orthanc writes it, by keyword: values as text, items as dicts.

    Examples
    --------
    >>> [one] = slices_of("a", {"ImagePositionPatient": r"1\2\3", "Rows": "16"})
    >>> one["position"], one["rows"], one["orientation"], one["frame"]
    ([1.0, 2.0, 3.0], 16, None, None)
    """
    frames = _integer(tags.get("NumberOfFrames")) or 1
    per_frame = _items(tags.get("PerFrameFunctionalGroupsSequence"))
    if frames == 1 and not per_frame:
        return [_slice(orthanc_id, tags, tags, None)]
    shared = _items(tags.get("SharedFunctionalGroupsSequence")) or [{}]
    if len(per_frame) != frames:  # the positions of its frames are unknown
        return [_slice(orthanc_id, tags, {}, None) | {"frames": frames}]
    return [
        _slice(orthanc_id, tags, _flat(shared[0]) | _flat(groups), number)
        for number, groups in enumerate(per_frame)
    ]


def _flat(groups: Mapping[str, Any]) -> _Json:
    """Merge the functional groups of a frame into one dict."""
    merged: _Json = {}
    for value in groups.values():
        for item in _items(value)[:1]:
            merged |= item
    return merged


def _items(value: Any) -> list[_Json]:
    items = value if isinstance(value, list) else []
    return [item for item in items if isinstance(item, dict)]


def _slice(
    orthanc_id: str, tags: Mapping[str, Any], plane: Mapping[str, Any], frame: Any
) -> _Json:
    """Describe one slice.

    Parameters
    ----------
    plane
        The attributes of its plane and its windows.
    frame
        Its number, from 0; None if the image has one frame only.
    """
    thickness = _numbers(plane.get("SliceThickness"), 1)
    return {
        "instance": orthanc_id,
        "frame": frame,
        "frames": 1,
        "sopInstanceUid": tags.get("SOPInstanceUID"),
        "instanceNumber": _integer(tags.get("InstanceNumber")),
        "frameOfReferenceUid": tags.get("FrameOfReferenceUID") or None,
        "rows": _integer(tags.get("Rows")),
        "columns": _integer(tags.get("Columns")),
        "position": _numbers(plane.get("ImagePositionPatient"), 3),
        "orientation": _numbers(plane.get("ImageOrientationPatient"), 6),
        "spacing": _numbers(plane.get("PixelSpacing"), 2),
        "thickness": thickness[0] if thickness else None,
        "windows": _windows(plane),
    }


def _windows(plane: Mapping[str, Any]) -> list[list[float]]:
    """Pair Window Center and Width (C.11.2.1.2); a width below 1 is no window."""
    centers = _numbers(plane.get("WindowCenter")) or []
    widths = _numbers(plane.get("WindowWidth")) or []
    pairs = zip(centers, widths, strict=False)
    return [[center, width] for center, width in pairs if width >= 1]


def _numbers(value: Any, count: int | None = None) -> list[float] | None:
    """Parse numbers; None unless all are finite and their count is right."""
    parts = value.split("\\") if isinstance(value, str) else [""]
    try:  # Python's float alone accepts more than a DS may be
        numbers = [float(parse_decimal(part.encode())) for part in parts]
    except ValueError:
        return None
    if count not in (None, len(numbers)) or not all(map(math.isfinite, numbers)):
        return None
    return numbers


def _integer(value: Any) -> int | None:
    try:
        number = parse_integer(value.encode() if isinstance(value, str) else b"")
    except ValueError:
        return None
    return number if number >= 0 else None
