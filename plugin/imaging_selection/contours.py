"""Contours: where they stand in the file, and their coordinates as FHIR regions.

`survey` walks ROI Contour Sequence and leaves Contour Data unread. `Regions` turns the
Contour Data of one ROI into the JSON of `imageRegion3D`, when it is asked for. Decimal
strings on the one side, JSON numbers on the other: both are text, so the digits go
across as they are. A FHIR decimal keeps its precision, and a float would not.

References
----------
DICOM PS3.3 2025a, C.8.8.6 (ROI Contour Module); PS3.5 2025a, 6.2 (VR DS, IS, UI).
FHIR 5.0.0, ImagingSelection.instance.imageRegion3D and decimal. RFC 8259, 6.
"""

from __future__ import annotations

import re
from collections import defaultdict
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from .dicom_values import PADDING, parse_integer
from .elements import Dataset, Fields, Template, select
from .model import (
    Contour,
    Finding,
    GeometricType,
    RoiContours,
    Severity,
    SopReference,
    Span,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

_SERIES_INSTANCE_UID = 0x0020000E
_REFERENCED_SOP_CLASS_UID = 0x00081150
_REFERENCED_SOP_INSTANCE_UID = 0x00081155
_REFERENCED_FRAME_NUMBER = 0x00081160
_CONTOUR_IMAGE_SEQUENCE = 0x30060016
_ROI_DISPLAY_COLOR = 0x3006002A
_ROI_CONTOUR_SEQUENCE = 0x30060039
_CONTOUR_SEQUENCE = 0x30060040
_CONTOUR_GEOMETRIC_TYPE = 0x30060042
_NUMBER_OF_CONTOUR_POINTS = 0x30060046
_SOURCE_SERIES_SEQUENCE = 0x3006004B
_CONTOUR_DATA = 0x30060050
_REFERENCED_ROI_NUMBER = 0x30060084

_GEOMETRIC_TYPES = {each.value.encode(): each for each in GeometricType}
_COLOR_VALUES = frozenset(range(256))  # C.8.8.6: ROI Display Color is 8 bits a part


class Survey(NamedTuple):
    """What `survey` found, and where.

    Attributes
    ----------
    rois
        The items of ROI Contour Sequence, in file order.
    start, end
        The whole element in `Dataset.data`, its header and delimiter included; where
        there is none, both are the end of the data set.
    """

    rois: tuple[RoiContours, ...]
    start: int
    end: int


def survey(dataset: Dataset) -> Survey:
    """Walk a data set to its ROI Contour Sequence (3006,0039), and through that.

    Contour Data is located, not read. A field that cannot be used, such as an IS that
    is no integer or a color of two numbers, is absent; nothing else is lost with it.

    Raises
    ------
    MalformedError
        The data set contradicts itself; see `elements.select`.

    References
    ----------
    DICOM PS3.3 C.8.8.6; Table 10-3 (Image SOP Instance Reference Macro).
    """
    read = _FieldReader(dataset.data)
    image = Template(
        dict.fromkeys(
            (
                _REFERENCED_SOP_CLASS_UID,
                _REFERENCED_SOP_INSTANCE_UID,
                _REFERENCED_FRAME_NUMBER,
            )
        ),
        read.sop_reference,
    )
    contour = Template(
        {
            _CONTOUR_IMAGE_SEQUENCE: image,
            _CONTOUR_GEOMETRIC_TYPE: None,
            _NUMBER_OF_CONTOUR_POINTS: None,
            _CONTOUR_DATA: None,
        },
        read.contour,
    )
    roi = Template(
        {
            _ROI_DISPLAY_COLOR: None,
            _CONTOUR_SEQUENCE: contour,
            _SOURCE_SERIES_SEQUENCE: Template(
                {_SERIES_INSTANCE_UID: None}, read.series_instance_uid
            ),
            _REFERENCED_ROI_NUMBER: None,
        },
        read.roi_contours,
    )
    fields = select(dataset, {_ROI_CONTOUR_SEQUENCE: roi})
    start, end, rois = fields.get(_ROI_CONTOUR_SEQUENCE, (dataset.end, dataset.end, ()))
    return Survey(tuple(rois), start, end)


class _FieldReader:
    """Makes the values of `model` from the fields of an item.

    A class, for it remembers the references it has made: thousands of contours lie on
    a few hundred images, and share the objects.
    """

    __slots__ = ("_data", "_references")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._references: dict[tuple[tuple[int, ...], bytes], SopReference | None] = {}

    def roi_contours(self, fields: Fields) -> RoiContours:
        return RoiContours(
            _integer(self._text(fields, _REFERENCED_ROI_NUMBER)),
            _color(self._text(fields, _ROI_DISPLAY_COLOR)),
            _present(fields, _SOURCE_SERIES_SEQUENCE),
            _present(fields, _CONTOUR_SEQUENCE),
        )

    def contour(self, fields: Fields) -> Contour:
        data = fields.get(_CONTOUR_DATA)
        return Contour(
            _GEOMETRIC_TYPES.get(self._text(fields, _CONTOUR_GEOMETRIC_TYPE)),
            _integer(self._text(fields, _NUMBER_OF_CONTOUR_POINTS)),
            _present(fields, _CONTOUR_IMAGE_SEQUENCE),
            None if data is None else Span(*data),
        )

    def sop_reference(self, fields: Fields) -> SopReference | None:
        if _REFERENCED_SOP_INSTANCE_UID not in fields:
            return None  # it refers to nothing
        # Equal tags and bytes, from the length of the first value to the last value:
        # then it is the same reference. The key costs less than what it stands for.
        spans = list(fields.values())
        key = tuple(fields), self._data[spans[0][0] - 4 : spans[-1][1]]
        if key not in self._references:
            self._references[key] = self._read_sop_reference(fields)
        return self._references[key]

    def _read_sop_reference(self, fields: Fields) -> SopReference | None:
        sop_instance_uid = _uid(self._text(fields, _REFERENCED_SOP_INSTANCE_UID))
        if sop_instance_uid is None:
            return None
        return SopReference(
            _uid(self._text(fields, _REFERENCED_SOP_CLASS_UID)),
            sop_instance_uid,
            _integers(self._text(fields, _REFERENCED_FRAME_NUMBER)),
        )

    def series_instance_uid(self, fields: Fields) -> str | None:
        return _uid(self._text(fields, _SERIES_INSTANCE_UID))

    def _text(self, fields: Fields, tag: int) -> bytes:
        """Return the text of a value without its padding; empty where there is none."""
        if tag not in fields:
            return b""
        start, end = fields[tag]
        return self._data[start:end].strip(PADDING)


def _present(fields: Fields, tag: int) -> tuple[Any, ...]:
    """Return what the items of a sequence became, without those of no use."""
    _, _, items = fields.get(tag, (0, 0, ()))
    return tuple(filter(None, items))


def _integer(text: bytes) -> int | None:
    try:
        return parse_integer(text)
    except ValueError:
        return None


def _integers(text: bytes) -> tuple[int, ...]:
    """Return all the values of an IS, or none where one of them is no integer."""
    try:
        return tuple(map(parse_integer, text.split(b"\\")))
    except ValueError:
        return ()


def _color(text: bytes) -> tuple[int, int, int] | None:
    match _integers(text):
        case (red, green, blue) if {red, green, blue} <= _COLOR_VALUES:
            return red, green, blue
    return None


def _uid(text: bytes) -> str | None:
    """Return a UID as it stands: whether it is a legal one is for others to judge."""
    return text.decode() if text and text.isascii() else None


class Regions:
    r"""The regions of one ROI: iterate for their JSON, then ask for the findings.

    Each contour becomes one JSON object with `regionType` and `coordinate`, when its
    turn comes. One that cannot be understood is left out and reported, never repaired:
    a coordinate that we made up could be treated.

    Parameters
    ----------
    dataset
        The one that `survey` has walked.
    roi
        An item of what it returned.

    Notes
    -----
    The text of a number is changed only where JSON refuses what DS allows: `+1`, `.5`,
    `1.`, `007`, blanks. Not the value, not the number of digits behind the point.

    A CLOSED_PLANAR contour does not repeat its first point (PS3.3 C.8.8.6.1), a FHIR
    polygon does; so its text is repeated, unless the file has already done so, in
    whichever notation of the same number. A contour of a single point is repeated too:
    whoever drops the last point of a polygon always gets the contour of the file.

    References
    ----------
    DICOM PS3.3 C.8.8.6.1, C.8.8.6.3. FHIR 5.0.0, imagingselection-3dgraphictype.

    Examples
    --------
    >>> from imaging_selection.elements import Encoding, Dataset
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
        """Yield the JSON of each contour that can be carried over, in file order."""
        self._faults.clear()
        for number, contour in enumerate(self._roi.contours, 1):
            region = _read_region(self._data, contour)
            for code in region.faults:
                self._faults[code].append(number)
            if region.json is not None:
                yield region.json

    def findings(self) -> tuple[Finding, ...]:
        """Return what was noticed, one finding a code; complete when all is read."""
        total = len(self._roi.contours)
        return tuple(
            Finding(
                code,
                severity,
                f"{_numbered(self._faults[code])} of {total}: {text}",
                self._roi.roi_number,
            )
            for code, (severity, text) in _FINDINGS.items()
            if code in self._faults
        )


_FINDINGS = {
    "unknown-geometric-type": (
        Severity.ERROR,
        "Contour Geometric Type is absent or none of PS3.3 C.8.8.6.1; left out",
    ),
    "empty-contour-data": (
        Severity.ERROR,
        "Contour Data is absent or empty; left out",
    ),
    "contour-data-not-a-number": (
        Severity.ERROR,
        "Contour Data has a value that is no decimal string; left out",
    ),
    "coordinate-count-not-multiple-of-3": (
        Severity.ERROR,
        "Contour Data does not divide into x, y and z; left out",
    ),
    "point-contour-with-several-points": (
        Severity.ERROR,
        "Contour Geometric Type is POINT, but there are several points; left out",
    ),
    "too-few-points": (
        Severity.WARNING,
        "fewer points than the Contour Geometric Type takes",
    ),
    "declared-point-count-wrong": (
        Severity.WARNING,
        "Number of Contour Points differs from the points in Contour Data",
    ),
    "xor-contours": (
        Severity.WARNING,
        "CLOSEDPLANAR_XOR, the ROI is their exclusive or, which FHIR cannot say",
    ),
}
_MOST_NUMBERS = 5


def _numbered(numbers: list[int]) -> str:
    """Name contours by their place in the ROI, from 1, but not thousands of them."""
    shown = ", ".join(map(str, numbers[:_MOST_NUMBERS]))
    more = len(numbers) - _MOST_NUMBERS
    return f"contours {shown} and {more} more" if more > 0 else f"contours {shown}"


class _Region(NamedTuple):
    json: bytes | None
    faults: tuple[str, ...]


class _Shape(NamedTuple):
    """What becomes of a geometric type, and how many points make one."""

    region_type: bytes
    least_points: int
    is_single: bool = False
    is_closed: bool = False


_SHAPES = {
    GeometricType.POINT: _Shape(b"point", 1, is_single=True),
    GeometricType.OPEN_PLANAR: _Shape(b"polyline", 2),
    GeometricType.OPEN_NONPLANAR: _Shape(b"polyline", 2),
    GeometricType.CLOSED_PLANAR: _Shape(b"polygon", 3, is_closed=True),
    GeometricType.CLOSEDPLANAR_XOR: _Shape(b"polygon", 3, is_closed=True),
}


class _BrokenContourError(Exception):
    """The code of the finding that a contour is left out with."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def _read_region(data: bytes, contour: Contour) -> _Region:
    try:
        shape = _shape(contour.geometric_type)
        coordinates, points = _read_contour_data(data, contour.data, shape)
    except _BrokenContourError as broken:
        return _Region(None, (broken.code,))
    closing = _closing(coordinates, points) if shape.is_closed else b""
    json = _REGION % (shape.region_type, coordinates, closing)
    return _Region(json, _doubts(contour, shape, points))


def _shape(geometric_type: GeometricType | None) -> _Shape:
    if geometric_type is None:
        raise _BrokenContourError("unknown-geometric-type")
    return _SHAPES[geometric_type]


_REGION = b'{"regionType":"%b","coordinate":[%b%b]}'


def _doubts(contour: Contour, shape: _Shape, points: int) -> tuple[str, ...]:
    """Return the codes of what is odd about a contour that is carried over."""
    doubts = []
    if points < shape.least_points:
        doubts.append("too-few-points")
    if contour.declared_points not in {None, points}:
        doubts.append("declared-point-count-wrong")
    if contour.geometric_type is GeometricType.CLOSEDPLANAR_XOR:
        doubts.append("xor-contours")
    return tuple(doubts)


def _read_contour_data(
    data: bytes, span: Span | None, shape: _Shape
) -> tuple[bytes, int]:
    """Return Contour Data as JSON numbers with commas between, and how many points."""
    pieces: list[bytes] = []
    values = 0
    for piece in _pieces(data, span or Span(0, 0)):
        if not (pieces or piece):
            raise _BrokenContourError("empty-contour-data")
        numbers = piece.translate(_TO_JSON)
        count = _count_numbers(numbers)
        if count == 0:
            numbers, count = _repair(piece)
        pieces.append(numbers)
        values += count
    points, rest = divmod(values, 3)
    if rest:
        raise _BrokenContourError("coordinate-count-not-multiple-of-3")
    if shape.is_single and points > 1:
        # FHIR has `multipoint`, but is the type wrong, or are the points? The file
        # does not say, and POINT is a single point (PS3.3 C.8.8.6.1).
        raise _BrokenContourError("point-contour-with-several-points")
    return b",".join(pieces), points


_PIECE = 1 << 20  # bytes; a single contour is rarely a tenth of it


def _pieces(data: bytes, span: Span) -> Iterator[bytes]:
    """Cut Contour Data at backslashes, its padding off: so memory stays bounded."""
    start = span.start
    while (cut := data.find(b"\\", start + _PIECE, span.end)) >= 0:
        yield data[start:cut]
        start = cut + 1
    yield data[start : span.end].rstrip(PADDING)


# What DS is made of (PS3.5 6.2), its delimiter turned into that of JSON; any other byte
# becomes one that JSON refuses, a comma and a blank among them.
_TO_JSON = bytes(
    byte if byte in b"0123456789+-.eE" else {0x5C: 0x2C}.get(byte, 0x21)
    for byte in range(256)
)


def _count_numbers(numbers: bytes) -> int:
    """Count the numbers of a JSON array; 0 if it is not one, or has none.

    orjson is the judge: it knows the grammar of JSON, and no test of our own that is as
    strict is as fast. Of what it makes of the numbers only the count is used.
    """
    try:
        return len(orjson.loads(b"[%b]" % numbers))
    except orjson.JSONDecodeError:
        return 0


def _repair(piece: bytes) -> tuple[bytes, int]:
    """Write decimal strings as JSON numbers, one by one; refuse what is not one."""
    tokens = piece.split(b"\\")
    return b",".join(map(_json_number, tokens)), len(tokens)


_DECIMAL_STRING = re.compile(
    rb"(?P<sign>[+-]?)(?=\.?[0-9])(?P<whole>[0-9]*)(?P<fraction>\.?[0-9]*)"
    rb"(?P<exponent>(?:[eE][+-]?[0-9]+)?)"
)


def _json_number(token: bytes) -> bytes:
    """Write one DS as RFC 8259 wants it; what already is so comes back unchanged."""
    match = _DECIMAL_STRING.fullmatch(token.strip(b" "))
    if match is None:
        raise _BrokenContourError("contour-data-not-a-number")
    sign, whole, fraction, exponent = match.groups()
    return b"%b%b%b%b" % (
        b"-" if sign == b"-" else b"",
        whole.lstrip(b"0") or b"0",
        b"" if fraction == b"." else fraction,
        exponent,
    )


def _closing(coordinates: bytes, points: int) -> bytes:
    """Return what closes a polygon: its first point again, unless that is its last."""
    first = coordinates.split(b",", 3)[:3]
    last = coordinates.rsplit(b",", 3)[-3:]
    if points > 1 and all(map(_is_same_number, first, last)):
        return b""
    return b"," + b",".join(first)


def _is_same_number(text: bytes, other: bytes) -> bool:
    """Compare by value and exactly: `1.0` and `1.00` are the same place."""
    try:
        return text == other or Decimal(text.decode()) == Decimal(other.decode())
    except InvalidOperation:  # an exponent of more than 18 digits
        return False
