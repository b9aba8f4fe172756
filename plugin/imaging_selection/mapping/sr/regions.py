"""Coordinates of a report as `imageRegion2D` and `imageRegion3D`.

Both standards count pixels from the corner of the first one, columns before rows, and
both have x, y, z in mm, with the same order of points for each type of region.

DICOM PS3.3 2025a, C.10.5.1.2, C.18.6.1.2, C.18.9.1.2. FHIR 5.0.0 ImagingSelection.
"""

from __future__ import annotations

import math
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from imaging_selection.dicom.sr.content import Region
    from imaging_selection.fhir.datatypes import Resource

# Graphic Type -> region type, and how many points it has at least and at most.
_PLANE: Final[dict[str, tuple[str, int, float]]] = {
    "POINT": ("point", 1, 1),
    "MULTIPOINT": ("point", 1, math.inf),
    "POLYLINE": ("polyline", 2, math.inf),
    "CIRCLE": ("circle", 2, 2),
    "ELLIPSE": ("ellipse", 4, 4),
}
_SPACE: Final[dict[str, tuple[str, int, float]]] = {
    "POINT": ("point", 1, 1),
    "MULTIPOINT": ("multipoint", 1, math.inf),
    "POLYLINE": ("polyline", 2, math.inf),
    "POLYGON": ("polygon", 3, math.inf),
    "ELLIPSE": ("ellipse", 4, 4),
    "ELLIPSOID": ("ellipsoid", 6, 6),
}


def plane_regions_of(region: Region) -> list[Resource]:
    """Build `imageRegion2D`; a MULTIPOINT is one region a point, as R5 has no other.

    Empty if the coordinates form no region of their type.
    """
    known = _PLANE.get(region.graphic_type or "")
    if known is None or not _fits(region, 2, *known[1:]):
        return []
    kind, values = known[0], region.coordinates
    if region.graphic_type == "MULTIPOINT":
        pairs = zip(values[::2], values[1::2], strict=True)
        return [_region(kind, pair) for pair in pairs]
    return [_region(kind, values)]


def space_regions_of(region: Region) -> list[Resource]:
    """Build `imageRegion3D`; empty if the coordinates form no region of their type."""
    known = _SPACE.get(region.graphic_type or "")
    if known is None or not _fits(region, 3, *known[1:]):
        return []
    return [_region(known[0], region.coordinates)]


def _fits(region: Region, dimensions: int, least: int, most: float) -> bool:
    points, rest = divmod(len(region.coordinates), dimensions)
    finite = all(map(math.isfinite, region.coordinates))
    return not rest and least <= points <= most and finite


def _region(kind: str, values: tuple[Any, ...]) -> Resource:
    # A float of 32 bits is exactly a float of 64: its shortest text is that number.
    coordinates = [Decimal(repr(value)) for value in values]
    return {"regionType": kind, "coordinate": coordinates}
