"""Contours: what the file says of them, and where it has their coordinates.

ROI Contour Sequence is walked by its lengths and Contour Data left unread: `regions`
reads it, when it is asked for.

References
----------
DICOM PS3.3 2025a, C.8.8.6 (ROI Contour Module); PS3.5 2025a, 6.2 (VR IS, UI).
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from imaging_selection.dicom.elements import PLACE, Dataset, Fields, Template, select
from imaging_selection.dicom.entities import SopReference
from imaging_selection.dicom.rtstruct.contour_items import (
    CONTOUR_DATA,
    CONTOUR_GEOMETRIC_TYPE,
    CONTOUR_IMAGE_SEQUENCE,
    GEOMETRIC_TYPES,
    NUMBER_OF_CONTOUR_POINTS,
    REFERENCED_SOP_CLASS_UID,
    REFERENCED_SOP_INSTANCE_UID,
    ItemReader,
)
from imaging_selection.dicom.rtstruct.structure_set import Contour, RoiContours, Span
from imaging_selection.dicom.values import PADDING, parse_integer

if TYPE_CHECKING:
    from collections.abc import Mapping

_SERIES_INSTANCE_UID = 0x0020000E
_REFERENCED_FRAME_NUMBER = 0x00081160
_ROI_DISPLAY_COLOR = 0x3006002A
_ROI_CONTOUR_SEQUENCE = 0x30060039
_CONTOUR_SEQUENCE = 0x30060040
_SOURCE_SERIES_SEQUENCE = 0x3006004B
_REFERENCED_ROI_NUMBER = 0x30060084

_COLOR_VALUES = frozenset(range(256))  # C.8.8.6: ROI Display Color is 8 bits a part


class Survey(NamedTuple):
    """What one walk through a structure set finds.

    Attributes
    ----------
    rois
        The items of ROI Contour Sequence, in file order.
    fields
        What else was wanted, as `elements.select` tells it.
    notes
        What could not be read: code of a finding, keyword, ROI.
    """

    rois: tuple[RoiContours, ...]
    fields: Fields
    notes: tuple[tuple[str, str, int | None], ...] = ()


def survey(
    dataset: Dataset, wanted: Mapping[int, Template | None] | None = None
) -> Survey:
    """Walk a data set to its ROI Contour Sequence (3006,0039), and through that.

    Contour Data is located, not read. A field that cannot be used, such as an IS that
    is no integer or a color of two numbers, is absent; nothing else is lost with it.
    Nor with a sequence or an item that contradicts itself.

    Parameters
    ----------
    wanted
        What else to note at the top level; see `elements.select`.

    Raises
    ------
    MalformedError
        The data set cannot be followed; see `elements.select`.

    References
    ----------
    DICOM PS3.3 C.8.8.6; Table 10-3 (Image SOP Instance Reference Macro).
    """
    read = _FieldReader(dataset.data)
    roi = Template(
        {
            _ROI_DISPLAY_COLOR: None,
            _CONTOUR_SEQUENCE: _contour_template(dataset, read),
            _SOURCE_SERIES_SEQUENCE: Template(
                {_SERIES_INSTANCE_UID: None}, read.series_instance_uid
            ),
            _REFERENCED_ROI_NUMBER: None,
        },
        read.roi_contours,
    )
    fields = select(dataset, {**(wanted or {}), _ROI_CONTOUR_SEQUENCE: roi})
    place = fields.pop(_ROI_CONTOUR_SEQUENCE, (0, 0, ()))
    _, _, items = place or (0, 0, (None,))
    rois = tuple(filter(None, items))
    lost = ("unreadable-attribute", "ROIContourSequence", None)
    notes = (*read.notes, *[lost] * (len(items) - len(rois)))
    return Survey(rois, fields, notes)


def contours_of(dataset: Dataset, roi_number: int) -> tuple[RoiContours, ...]:
    """Find the contours of one ROI, and no more of all others than where they end.

    Returns
    -------
    tuple of RoiContours
        The items of ROI Contour Sequence with this Referenced ROI Number, in file
        order; without color and source series.

    Raises
    ------
    MalformedError
        As of `survey`.
    """
    read = _FieldReader(dataset.data)
    outline = Template({_REFERENCED_ROI_NUMBER: None, _CONTOUR_SEQUENCE: PLACE}, dict)
    found = select(dataset, {_ROI_CONTOUR_SEQUENCE: outline})
    wanted = {_CONTOUR_SEQUENCE: _contour_template(dataset, read)}
    places = [
        item[_CONTOUR_SEQUENCE]
        for item in _present(found, _ROI_CONTOUR_SEQUENCE)
        if item.get(_CONTOUR_SEQUENCE) and read.roi_number(item) == roi_number
    ]
    drawn = []
    for start, end, encoding in places:
        fields = select(Dataset(dataset.data, start, end, encoding, None), wanted)
        contours = _present(fields, _CONTOUR_SEQUENCE)
        drawn.append(RoiContours(roi_number, None, (), contours))
    return tuple(drawn)


def _contour_template(dataset: Dataset, read: _FieldReader) -> Template:
    image = Template(
        dict.fromkeys(
            (
                REFERENCED_SOP_CLASS_UID,
                REFERENCED_SOP_INSTANCE_UID,
                _REFERENCED_FRAME_NUMBER,
            )
        ),
        read.sop_reference,
    )
    return Template(
        {
            CONTOUR_IMAGE_SEQUENCE: image,
            CONTOUR_GEOMETRIC_TYPE: None,
            NUMBER_OF_CONTOUR_POINTS: None,
            CONTOUR_DATA: None,
        },
        read.contour,
        shortcut=cache(lambda encoding: ItemReader(dataset.data, encoding)),
    )


class _FieldReader:
    """Makes the values of `model` from the fields of an item.

    A class, for it remembers the references it has made: thousands of contours lie on
    a few hundred images, and share the objects.
    """

    __slots__ = ("_data", "_lost", "_references", "notes")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._references: dict[tuple[tuple[int, ...], bytes], SopReference | None] = {}
        self._lost: list[str] = []  # of the ROI whose item is being read
        self.notes: list[tuple[str, str, int | None]] = []

    def roi_contours(self, fields: Fields) -> RoiContours:
        number = self.roi_number(fields)
        color = self._text(fields, _ROI_DISPLAY_COLOR)
        roi = RoiContours(
            number,
            _color(color),
            self._items(fields, _SOURCE_SERIES_SEQUENCE, "SourceSeriesSequence"),
            self._items(fields, _CONTOUR_SEQUENCE, "ContourSequence"),
        )
        if color and roi.display_color is None:
            self.notes.append(("invalid-number", "ROIDisplayColor", number))
        self.notes += (("unreadable-attribute", each, number) for each in self._lost)
        self._lost.clear()
        return roi

    def _items(self, fields: Fields, tag: int, keyword: str) -> tuple[Any, ...]:
        """Return what the items became, and note those of which nothing did."""
        items = _present(fields, tag)
        place = fields.get(tag, items)
        if place is None or (place and len(place[2]) != len(items)):
            self._lost.append(keyword)
        return items

    def roi_number(self, fields: Fields) -> int | None:
        return _integer(self._text(fields, _REFERENCED_ROI_NUMBER))

    def contour(self, fields: Fields) -> Contour:
        data = fields.get(CONTOUR_DATA)
        return Contour(
            GEOMETRIC_TYPES.get(self._text(fields, CONTOUR_GEOMETRIC_TYPE)),
            _integer(self._text(fields, NUMBER_OF_CONTOUR_POINTS)),
            self._items(fields, CONTOUR_IMAGE_SEQUENCE, "ContourImageSequence"),
            None if data is None else Span(*data),
        )

    def sop_reference(self, fields: Fields) -> SopReference | None:
        if REFERENCED_SOP_INSTANCE_UID not in fields or None in fields.values():
            return None  # it refers to nothing
        # Equal tags and bytes, from the length of the first value to the last value:
        # then it is the same reference. The key costs less than what it stands for.
        spans = list(fields.values())
        key = tuple(fields), self._data[spans[0][0] - 4 : spans[-1][1]]
        if key not in self._references:
            self._references[key] = self._read_sop_reference(fields)
        return self._references[key]

    def _read_sop_reference(self, fields: Fields) -> SopReference | None:
        sop_instance_uid = _uid(self._text(fields, REFERENCED_SOP_INSTANCE_UID))
        if sop_instance_uid is None:
            return None
        written = self._text(fields, _REFERENCED_FRAME_NUMBER)
        frames = _integers(written)
        if written and not frames:
            self._lost.append("ReferencedFrameNumber")
        return SopReference(
            _uid(self._text(fields, REFERENCED_SOP_CLASS_UID)), sop_instance_uid, frames
        )

    def series_instance_uid(self, fields: Fields) -> str | None:
        return _uid(self._text(fields, _SERIES_INSTANCE_UID))

    def _text(self, fields: Fields, tag: int) -> bytes:
        """Return the text of a value without its padding; empty where there is none."""
        start, end = fields.get(tag) or (0, 0)
        return self._data[start:end].strip(PADDING)


def _present(fields: Fields, tag: int) -> tuple[Any, ...]:
    """Return what the items of a sequence became, without those of no use."""
    _, _, items = fields.get(tag) or (0, 0, ())
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
