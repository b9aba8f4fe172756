"""ROI Contour Sequence: what the file says of its contours, and where their data is.

`ContourReader` has the template of the sequence for the walk over the data set. Contour
Data is located and not read: `mapping.rtstruct.image_region_3d` reads it on request.

References
----------
DICOM PS3.3 2025a, C.8.8.6 (ROI Contour Module); PS3.5 2025a, 6.2 (VR IS, UI).
"""

from __future__ import annotations

from collections import Counter
from functools import cache
from typing import TYPE_CHECKING

from imaging_selection.dicom.attributes import Attributes, Reading
from imaging_selection.dicom.elements import (
    PLACE,
    UNREADABLE,
    Dataset,
    ElementPlace,
    SequencePlace,
    Template,
    Unreadable,
    select,
)
from imaging_selection.dicom.entities import SopReference
from imaging_selection.dicom.iod import REFERENCE, wanted
from imaging_selection.dicom.macros import read_reference
from imaging_selection.dicom.rtstruct.contour_items import (
    CONTOUR_DATA,
    CONTOUR_GEOMETRIC_TYPE,
    CONTOUR_IMAGE_SEQUENCE,
    GEOMETRIC_TYPES,
    NUMBER_OF_CONTOUR_POINTS,
    ItemReader,
)
from imaging_selection.dicom.rtstruct.structure_set import Contour, RoiContours, Span
from imaging_selection.dicom.values import (
    PADDING,
    TAGS,
    is_plain_integer,
    parse_decimal,
    parse_integer,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imaging_selection.dicom.elements import Fields

_ROI_CONTOUR_SEQUENCE = TAGS["ROIContourSequence"]
_CONTOUR_SEQUENCE = TAGS["ContourSequence"]
_REFERENCED_ROI_NUMBER = TAGS["ReferencedROINumber"]
# Both are retired (PS3.6), and still met in files.
_CONTOUR_SLAB_THICKNESS = TAGS["ContourSlabThickness"]
_CONTOUR_OFFSET_VECTOR = TAGS["ContourOffsetVector"]

_COLOR_VALUES = frozenset(range(256))  # C.8.8.6: ROI Display Color is 8 bits a part


def parse_contours(dataset: Dataset) -> tuple[RoiContours, ...]:
    """Parse the items of ROI Contour Sequence (3006,0039), in file order.

    A value that cannot be used, such as an IS that is no integer, is absent; a sequence
    or an item that contradicts itself is left out. Nothing else is lost with it.

    Raises
    ------
    MalformedError
        The data set cannot be followed; see `elements.select`.
    """
    contours = ContourReader(Reading(dataset.data, dataset.encoding.big_endian))
    fields = select(dataset, contours.wanted)
    return tuple(Attributes(contours.reading, fields).made("ROIContourSequence"))


def parse_contours_of_roi(dataset: Dataset, roi_number: int) -> tuple[RoiContours, ...]:
    """Parse the contours of one ROI; of all others only their ends are found.

    Returns
    -------
    tuple of RoiContours
        The items with this Referenced ROI Number that have a Contour Sequence, in file
        order, without color and source series.

    Raises
    ------
    MalformedError
        As `parse_contours`.
    """
    contours = ContourReader(Reading(dataset.data, dataset.encoding.big_endian))
    outline = Template({_REFERENCED_ROI_NUMBER: None, _CONTOUR_SEQUENCE: PLACE}, dict)
    found = select(dataset, {_ROI_CONTOUR_SEQUENCE: outline})
    places = [
        place
        for item in Attributes(contours.reading, found).made("ROIContourSequence")
        if isinstance(place := item.get(_CONTOUR_SEQUENCE), ElementPlace)
        and contours.roi_number(item) == roi_number
    ]
    parsed = []
    for start, end, encoding in places:
        fields = select(
            Dataset(dataset.data, start, end, encoding, None), contours.wanted_of_roi
        )
        item = Attributes(contours.reading, fields)
        parsed.append(
            RoiContours(roi_number, None, (), tuple(item.made("ContourSequence")))
        )
    return tuple(parsed)


class ContourReader:
    """Reads the items of ROI Contour Sequence while a data set is walked.

    Attributes
    ----------
    wanted
        ROI Contour Sequence, for `elements.select`; each item becomes a `RoiContours`.
    wanted_of_roi
        The Contour Sequence of one ROI; each item becomes a `Contour`.
    """

    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        self._data = reading.data
        # Of the ROI whose item is being read:
        self._faults: Counter[tuple[str, str]] = Counter()  # by code and keyword
        self._wrong_uids: dict[bytes, None] = {}
        contour = Template(
            {
                CONTOUR_IMAGE_SEQUENCE: Template(REFERENCE, self._image),
                CONTOUR_GEOMETRIC_TYPE: None,
                _CONTOUR_SLAB_THICKNESS: None,
                _CONTOUR_OFFSET_VECTOR: None,
                NUMBER_OF_CONTOUR_POINTS: None,
                CONTOUR_DATA: None,
            },
            self._contour,
            shortcut=cache(
                lambda encoding: ItemReader(
                    self._data, encoding, self._faultless_reference
                )
            ),
        )
        self.wanted_of_roi: dict[int, Template | None] = {_CONTOUR_SEQUENCE: contour}
        roi = wanted(
            ("ROIDisplayColor", "ReferencedROINumber"),
            SourceSeriesSequence=wanted(("SeriesInstanceUID",)),
        )
        self.wanted: dict[int, Template | None] = {
            _ROI_CONTOUR_SEQUENCE: Template(roi | self.wanted_of_roi, self._roi)
        }

    def roi_number(self, fields: Fields) -> int | None:
        """Return Referenced ROI Number (3006,0084); None when it is no integer."""
        return self._integer(fields, "ReferencedROINumber")

    def _roi(self, fields: Fields) -> RoiContours:
        item = Attributes(self.reading, fields)
        item.roi_number = self.roi_number(fields)
        roi = RoiContours(
            item.roi_number,
            _color(item),
            tuple(_source_series_uids(item)),
            tuple(item.made("ContourSequence")),
        )
        for code, keyword in self._faults.elements():
            item.note(code, keyword)
        for _ in self._wrong_uids:
            item.note("invalid-uid", "ROIContourSequence")
        self._faults.clear()
        self._wrong_uids.clear()
        return roi

    def _contour(self, fields: Fields) -> Contour:
        images: tuple[SopReference, ...] = ()
        place = fields.get(CONTOUR_IMAGE_SEQUENCE)
        if isinstance(place, SequencePlace):
            images = tuple(x for x in place.items if isinstance(x, SopReference))
        if place is UNREADABLE or (
            isinstance(place, SequencePlace) and UNREADABLE in place.items
        ):
            self._faults["unreadable-attribute", "ContourImageSequence"] += 1
        data = fields.get(CONTOUR_DATA)
        return Contour(
            GEOMETRIC_TYPES.get(self._text(fields, CONTOUR_GEOMETRIC_TYPE)),
            self._integer(fields, "NumberOfContourPoints"),
            images,
            Span(data.start, data.stop) if isinstance(data, slice) else None,
            self._is_slab(fields),
        )

    def _is_slab(self, fields: Fields) -> bool:
        """Return whether a contour has a thickness, or an offset other than zero."""
        offset = self._text(fields, _CONTOUR_OFFSET_VECTOR)
        try:
            parts = [float(parse_decimal(part)) for part in offset.split(b"\\", 3)]
        except ValueError:  # absent or empty; what is no number may be an offset
            parts = [float(bool(offset))]
        return any(parts) or bool(self._text(fields, _CONTOUR_SLAB_THICKNESS))

    def _image(self, fields: Fields) -> SopReference | Unreadable | None:
        """Return the image of a contour; None if its UID is illegal."""
        reference, faults = read_reference(self.reading, fields)
        for code, keyword in faults:
            if code == "invalid-uid":
                self._wrong_uids[self._text(fields, TAGS[keyword])] = None
            elif keyword != "ReferencedSOPInstanceUID":
                self._faults["unreadable-attribute", keyword] += 1
        if reference is None and not any(code == "invalid-uid" for code, _ in faults):
            return UNREADABLE
        return reference

    def _faultless_reference(self, fields: Fields) -> SopReference | None:
        reference, faults = read_reference(self.reading, fields)
        return None if faults else reference

    def _text(self, fields: Fields, tag: int) -> bytes:
        """Return a value without its padding; empty where there is none."""
        place = fields.get(tag)
        return self._data[place].strip(PADDING) if isinstance(place, slice) else b""

    def _integer(self, fields: Fields, keyword: str) -> int | None:
        """Return an integer (IS); one that is none, or unusual, is noted."""
        text = self._text(fields, TAGS[keyword])
        if text and not is_plain_integer(text):
            self._faults["invalid-number", keyword] += 1
        try:
            return parse_integer(text)
        except ValueError:
            return None


def _color(item: Attributes) -> tuple[int, int, int] | None:
    match item.integers("ROIDisplayColor"):
        case ():
            return None
        case (red, green, blue) if {red, green, blue} <= _COLOR_VALUES:
            return red, green, blue
    item.note("invalid-number", "ROIDisplayColor")
    return None


def _source_series_uids(item: Attributes) -> Iterator[str]:
    for series in item.items("SourceSeriesSequence"):
        series.expect(type_1=("SeriesInstanceUID",))
        if (uid := series.uid("SeriesInstanceUID")) is not None:
            yield uid
