"""Contour items in the layout that nearly all files have, read as a whole.

A structure set has thousands of contours with the same layout: an image sequence, type,
number of points, contour number, data. One search and one regular expression read such
an item several times as fast as `elements`, which steps from header to header. Any
other layout is left to `elements`. Both have the same results: all lengths are checked
here too, and a test compares them.

References
----------
DICOM PS3.3 2025a, C.8.8.6 (ROI Contour Module); PS3.5 2025a, 7.1 and 7.5.
"""

from __future__ import annotations

import re
import struct
from functools import cache
from typing import TYPE_CHECKING, Literal, NamedTuple

from imaging_selection.dicom.rtstruct.structure_set import Contour, GeometricType, Span

if TYPE_CHECKING:
    from collections.abc import Callable

    from imaging_selection.dicom.elements import Encoding, Fields
    from imaging_selection.dicom.entities import SopReference

REFERENCED_SOP_CLASS_UID = 0x00081150
REFERENCED_SOP_INSTANCE_UID = 0x00081155
CONTOUR_IMAGE_SEQUENCE = 0x30060016
CONTOUR_GEOMETRIC_TYPE = 0x30060042
NUMBER_OF_CONTOUR_POINTS = 0x30060046
CONTOUR_NUMBER = 0x30060048
CONTOUR_DATA = 0x30060050

GEOMETRIC_TYPES = {each.value.encode(): each for each in GeometricType}

_MINIMUM_ITEM = 24  # bytes of an item: it has three values or four
_MAXIMUM_HEAD = 1024  # bytes before the type: a contour lies on one image or two
_UNDEFINED = b"\xff\xff\xff\xff"


class ItemReader:
    """The shortcut for contour items of one data set (`elements.Template`).

    Parameters
    ----------
    reference_of
        Reads a reference to an image; None if anything is wrong with it.
    """

    __slots__ = ("_data", "_images", "_layout", "_reference_of")

    def __init__(
        self,
        data: bytes,
        encoding: Encoding,
        reference_of: Callable[[Fields], SopReference | None],
    ) -> None:
        self._data = data
        self._reference_of = reference_of
        self._layout = _layout_of(encoding)
        # By the bytes before the type: many contours have the same image.
        self._images: dict[bytes, tuple[SopReference, ...]] = {b"": ()}

    def __call__(self, position: int, end: int) -> tuple[Contour, int] | None:
        """Read the item at a position, in a sequence that ends at `end` or before.

        Returns
        -------
        tuple or None
            The contour, and where its item ends; None where `elements` is to read it.
        """
        data, start = self._data, position + 8
        middle = self._end_of_images(start) if start + _MINIMUM_ITEM <= end else -1
        rest = self._layout.match_rest(data, middle) if middle >= 0 else None
        if rest is None or not _lengths_fit(data, rest):
            return None
        first = rest.end()
        last = first + int.from_bytes(rest[rest.lastindex or 0], self._layout.order)
        stop = self._end_of_item(position, last)
        # Before anything is copied: many items may have the same far end of images.
        if not 0 < stop <= end:
            return None
        head = data[start:middle]
        if not (head in self._images or self._read_images(head, start)):
            return None
        contour = Contour(
            GEOMETRIC_TYPES.get(rest[2].rstrip(b" ")),
            int(rest[4]),
            self._images[head],
            Span(first, last),
        )
        return contour, stop

    def _end_of_images(self, start: int) -> int:
        """Return where the type should be; negative if it is not found."""
        layout = self._layout
        prefix, length = layout.sequence_at(self._data, start)
        if prefix == layout.images and length != _UNDEFINED:
            first = start + len(prefix) + len(length)
            return first + int.from_bytes(length, layout.order)
        return self._data.find(layout.kind, start, start + _MAXIMUM_HEAD)

    def _end_of_item(self, position: int, last: int) -> int:
        """Return where an item ends whose last value ends at `last`; 0 if nowhere."""
        data, layout = self._data, self._layout
        tag, length = layout.item_at(data, position)
        if tag != layout.item:
            return 0
        if length == _UNDEFINED:
            return last + 8 if data[last : last + 8] == layout.item_end else 0
        size = int.from_bytes(length, layout.order)
        return last if size == last - position - 8 else 0

    def _read_images(self, head: bytes, start: int) -> bool:
        """Read one sequence of one reference to an image; False if it is none."""
        match = self._layout.match_images(head)
        if match is None or not _images_fit(head, match, self._layout.order):
            return False
        class_start, class_end = match.span("class")
        instance_start, instance_end = match.span("instance")
        reference = self._reference_of(
            {
                REFERENCED_SOP_CLASS_UID: slice(start + class_start, start + class_end),
                REFERENCED_SOP_INSTANCE_UID: slice(
                    start + instance_start, start + instance_end
                ),
            }
        )
        if reference is None:
            return False
        self._images[head] = (reference,)
        return True


def _images_fit(head: bytes, match: re.Match[bytes], order: _Order) -> bool:
    """Return whether the lengths in an image sequence are those of its values."""
    sequence, item, class_at, of_class, instance_at, of_instance = match.regs[1:7]
    in_item = of_instance[1] - item[1]
    in_sequence = len(head) - sequence[1]
    return (
        head[class_at[0]] == of_class[1] - of_class[0]
        and head[instance_at[0]] == of_instance[1] - of_instance[0]
        # A delimiter must be there if the length is undefined, and only then.
        and match[2] == (_UNDEFINED if match["end"] else in_item.to_bytes(4, order))
        and match[1]
        == (_UNDEFINED if match["ends"] else in_sequence.to_bytes(4, order))
    )


def _lengths_fit(data: bytes, rest: re.Match[bytes]) -> bool:
    """Return whether the lengths are those of the values after them."""
    _, (a, _), (b, c), (d, _), (e, f), (g, _), (h, i), *_ = rest.regs
    return data[a] == c - b and data[d] == f - e and (g < 0 or data[g] == i - h)


_Order = Literal["little", "big"]


class _Layout(NamedTuple):
    """The bytes and patterns of a contour item in one encoding (PS3.5 7.1 and 7.5)."""

    order: _Order
    item: bytes
    item_end: bytes
    images: bytes
    kind: bytes
    item_at: Callable[[bytes, int], tuple[bytes, bytes]]
    sequence_at: Callable[[bytes, int], tuple[bytes, bytes]]
    match_images: Callable[[bytes], re.Match[bytes] | None]
    match_rest: Callable[[bytes, int], re.Match[bytes] | None]


@cache
def _layout_of(encoding: Encoding) -> _Layout:
    """Build the layout in one of the three encodings."""
    sign = ">" if encoding.big_endian else "<"
    explicit = encoding.explicit_vr

    def tag(number: int) -> bytes:
        return struct.pack(f"{sign}HH", number >> 16, number & 0xFFFF)

    def head(number: int, vr: bytes) -> bytes:
        """Build a pattern of a header, its length of one byte as a group."""
        zeros = rb"\0" * (1 if explicit else 3)
        length = zeros + b"(.)" if encoding.big_endian else b"(.)" + zeros
        return re.escape(tag(number)) + vr * explicit + length

    item, item_end = tag(0xFFFEE000), tag(0xFFFEE00D) + bytes(4)
    images = tag(CONTOUR_IMAGE_SEQUENCE) + b"SQ\0\0" * explicit
    one_image = (
        re.escape(images) + b"(....)" + re.escape(item) + b"(....)",
        head(REFERENCED_SOP_CLASS_UID, b"UI") + rb"(?P<class>[0-9.]+[ \0]?)",
        head(REFERENCED_SOP_INSTANCE_UID, b"UI") + rb"(?P<instance>[0-9.]+[ \0]?)",
        b"(?P<end>%b)?" % re.escape(item_end),
        b"(?P<ends>%b)?" % re.escape(tag(0xFFFEE0DD) + bytes(4)),
    )
    rest = (
        head(CONTOUR_GEOMETRIC_TYPE, b"CS") + b"([A-Z_]+ ?)",
        head(NUMBER_OF_CONTOUR_POINTS, b"IS") + b"((?:0|[1-9][0-9]{0,8}) ?)",
        b"(?:%b([0-9]+ ?))?" % head(CONTOUR_NUMBER, b"IS"),
        re.escape(tag(CONTOUR_DATA)),
        rb"(?:DS(..)|UN\0\0(....))" if explicit else b"(....)",
    )
    return _Layout(
        order="big" if encoding.big_endian else "little",
        item=item,
        item_end=item_end,
        images=images,
        kind=tag(CONTOUR_GEOMETRIC_TYPE) + b"CS" * explicit,
        item_at=struct.Struct("4s4s").unpack_from,
        sequence_at=struct.Struct(f"{len(images)}s4s").unpack_from,
        match_images=re.compile(b"".join(one_image), re.DOTALL).fullmatch,
        match_rest=re.compile(b"".join(rest), re.DOTALL).match,
    )
