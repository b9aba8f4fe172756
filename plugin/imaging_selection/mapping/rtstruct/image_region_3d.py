"""The coordinates of contours as FHIR regions: JSON made of the text of the file.

`Regions` turns the Contour Data of one ROI into the items of `imageRegion3D`, and
returns the findings about it.

References
----------
DICOM PS3.3 2025a, C.8.8.6 (ROI Contour Module).
FHIR 5.0.0, ImagingSelection.instance.imageRegion3D; imagingselection-3dgraphictype.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from imaging_selection.dicom.findings import finding
from imaging_selection.dicom.rtstruct.contour_points import doubts_about
from imaging_selection.dicom.rtstruct.structure_set import Contour, GeometricType, Span
from imaging_selection.mapping.decimal_strings import (
    BeyondDecimalError,
    NotDecimalError,
    is_same_number,
    json_numbers,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from imaging_selection.dicom.elements import Dataset
    from imaging_selection.dicom.findings import Finding
    from imaging_selection.dicom.rtstruct.structure_set import RoiContours


class Regions:
    r"""The regions of one ROI: iterate for their JSON, then ask for the findings.

    Each contour becomes one JSON object with `regionType` and `coordinate`. One that
    cannot be understood is left out with a finding, never repaired: an invented
    coordinate could be irradiated.

    Parameters
    ----------
    dataset
        The data set of the structure set.
    roi
        An item of what `contours.parse_contours` returned for it.

    Notes
    -----
    A CLOSED_PLANAR contour does not repeat its first point (PS3.3 C.8.8.6.1), and a
    FHIR polygon does. So the text of the point is repeated, unless the file has already
    done so, in any notation of the same numbers. A single point is repeated too: a
    polygon without its last point is always the contour of the file.

    References
    ----------
    DICOM PS3.3 C.8.8.6.1, C.8.8.6.3. FHIR 5.0.0, imagingselection-3dgraphictype.

    Examples
    --------
    >>> from imaging_selection.dicom.elements import Encoding, Dataset
    >>> from imaging_selection.dicom.rtstruct.structure_set import RoiContours
    >>> data = rb"+0.50\1\2.0\3\4\2.0 "
    >>> dataset = Dataset(data, 0, len(data), Encoding(False, False), None)
    >>> line = Contour(GeometricType.OPEN_PLANAR, 3, (), Span(0, len(data)))
    >>> regions = Regions(dataset, RoiContours(7, None, (), (line,)))
    >>> list(regions)
    [b'{"regionType":"polyline","coordinate":[0.50,1,2.0,3,4,2.0]}']
    >>> [finding.code for finding in regions.findings()]
    ['declared-point-count-wrong']
    """

    def __init__(self, dataset: Dataset, roi: RoiContours) -> None:
        self._data = dataset.data
        self._roi = roi
        self._faults: defaultdict[str, list[int]] = defaultdict(list)

    def __iter__(self) -> Iterator[bytes]:
        """Yield the JSON of each contour that can be understood, in file order."""
        self._faults.clear()
        for number, contour in enumerate(self._roi.contours, 1):
            try:
                region, doubts = _read_region(self._data, contour)
            except _BrokenContourError as broken:
                self._faults[broken.code].append(number)
                continue
            for code in doubts:
                self._faults[code].append(number)
            yield region

    def findings(self) -> tuple[Finding, ...]:
        """Return one finding for each code; complete once all contours are read."""
        total = len(self._roi.contours)
        return tuple(
            finding(
                code,
                f"{_numbered(self._faults[code])} of {total}: {text}",
                self._roi.roi_number,
            )
            for code, text in _SENTENCES.items()
            if code in self._faults
        )


_SENTENCES = {
    "unknown-geometric-type": (
        "Contour Geometric Type is absent or none of PS3.3 C.8.8.6.1; left out"
    ),
    "empty-contour-data": "Contour Data is absent or empty; left out",
    "contour-data-not-a-number": (
        "Contour Data has a value that is no decimal string; left out"
    ),
    "number-not-representable": (
        "Contour Data has a number that FHIR's decimal cannot represent; left out"
    ),
    "coordinate-count-not-multiple-of-3": (
        "Contour Data does not divide into x, y and z; left out"
    ),
    "point-contour-with-several-points": (
        "Contour Geometric Type is POINT, but there are several points: kept as"
        " multipoint"
    ),
    "too-few-points": "fewer points than the Contour Geometric Type takes",
    "declared-point-count-wrong": (
        "Number of Contour Points differs from the points in Contour Data"
    ),
    "contour-offset": (
        "ContourOffsetVector or ContourSlabThickness: the region is a slab, which FHIR"
        " cannot say; it may lie beside these points"
    ),
    "xor-contours": (
        "CLOSEDPLANAR_XOR, the ROI is their exclusive or, which FHIR cannot say"
    ),
}
_MAXIMUM_NUMBERS = 5


def _numbered(numbers: list[int]) -> str:
    """List contours by their place in the ROI, from 1; at most five of them."""
    shown = ", ".join(map(str, numbers[:_MAXIMUM_NUMBERS]))
    more = len(numbers) - _MAXIMUM_NUMBERS
    return f"contours {shown} and {more} more" if more > 0 else f"contours {shown}"


class _Shape(NamedTuple):
    """The region of a geometric type."""

    region_type: bytes
    is_closed: bool = False


_SHAPES: Mapping[GeometricType | None, _Shape] = {
    GeometricType.POINT: _Shape(b"point"),
    GeometricType.OPEN_PLANAR: _Shape(b"polyline"),
    GeometricType.OPEN_NONPLANAR: _Shape(b"polyline"),
    GeometricType.CLOSED_PLANAR: _Shape(b"polygon", is_closed=True),
    GeometricType.CLOSEDPLANAR_XOR: _Shape(b"polygon", is_closed=True),
}
# POINT is a single point (PS3.3 C.8.8.6.1); of several, none may be lost.
_POINTS = _Shape(b"multipoint")
_REGION = b'{"regionType":"%b","coordinate":[%b%b]}'
_NOWHERE = Span(0, 0)


class _BrokenContourError(Exception):
    """Carries the code of the finding for a contour that is left out."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def _read_region(data: bytes, contour: Contour) -> tuple[bytes, list[str]]:
    """Return the JSON of a contour, and the codes of its findings."""
    shape = _SHAPES.get(contour.geometric_type)
    if shape is None:
        raise _BrokenContourError("unknown-geometric-type")
    place = contour.data or _NOWHERE
    try:
        pieces, values = json_numbers(data, place.start, place.end)
    except NotDecimalError as cause:
        raise _BrokenContourError("contour-data-not-a-number") from cause
    except BeyondDecimalError as cause:
        raise _BrokenContourError("number-not-representable") from cause
    if not pieces:
        raise _BrokenContourError("empty-contour-data")
    points, rest = divmod(values, 3)
    if rest:
        raise _BrokenContourError("coordinate-count-not-multiple-of-3")
    doubts = doubts_about(contour, points)
    if "point-contour-with-several-points" in doubts:
        shape = _POINTS
    coordinates = pieces[0] if len(pieces) == 1 else b",".join(pieces)
    closing = _closing(coordinates) if shape.is_closed else b""
    region = _REGION % (shape.region_type, coordinates, closing)
    return region, doubts


def _closing(coordinates: bytes) -> bytes:
    """Return what closes a polygon: its first point, unless that is its last one."""
    end = 0
    for _ in range(3):
        end = coordinates.find(b",", end + 1)
    if end < 0:
        return b"," + coordinates  # a single point
    first = coordinates[:end]
    if coordinates.endswith(b"," + first):
        return b""
    start = len(coordinates)
    for _ in range(3):
        start = coordinates.rfind(b",", 0, start)
    last = coordinates[start + 1 :]
    if all(map(is_same_number, first.split(b","), last.split(b","))):
        return b""
    return b"," + first
