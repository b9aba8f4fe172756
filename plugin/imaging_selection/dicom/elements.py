"""The elements of a data set, found by their lengths; no value is decoded.

`select` goes once through a data set that `file` has opened, and returns where the
wanted values are. It steps over everything else: by its length, or, where the length is
undefined, from header to header up to the delimiter. Of a VR only the size of its
length field matters here.

A length that does not fit its container is an error, never a shorter value: a file that
was cut in the middle must not look complete.

This is not pydicom's reader, which takes five to ten times as long, warns and logs with
values in its sentences, and recurses as deep as a file asks.

References
----------
DICOM PS3.5 2025a, 6.2.2 (VR UN), 7.1 (Data Elements), 7.5 (Nesting of Data Sets),
Annex A (Transfer Syntaxes).
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, NamedTuple

from imaging_selection.errors import MalformedError

if TYPE_CHECKING:
    from collections.abc import Mapping

#: How many sequences of undefined length may be nested. A structure set needs six;
#: readers that recurse, as pydicom does, fail at not many more than this.
MAXIMUM_DEPTH = 64

MINIMUM_LENGTH = 8  # of an element in bytes: a tag and a length

_DELIMITERS = 0xFFFE0000  # from here on: items and what ends them (PS3.5 7.5)
_ITEM = 0xFFFEE000
_ITEM_END = 0xFFFEE00D
_SEQUENCE_END = 0xFFFEE0DD
_UNDEFINED = 0xFFFFFFFF

# PS3.5 7.1.2: these have a length of two bytes; all others, future ones included (6.2,
# note), have two reserved bytes and a length of four.
_SHORT_VRS = frozenset(
    b"AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US".split()
)
VRS = _SHORT_VRS | frozenset(b"OB OD OF OL OV OW SQ SV UC UN UR UT UV".split())


@dataclass(frozen=True, slots=True)
class Encoding:
    """The part of a Transfer Syntax that decides how headers read (PS3.5 Annex A)."""

    explicit_vr: bool
    big_endian: bool


class Unreadable(Enum):
    """The type of `UNREADABLE`."""

    UNREADABLE = "unreadable"


#: In place of an element or an item that is there, but cannot be read.
UNREADABLE = Unreadable.UNREADABLE


class SequencePlace(NamedTuple):
    """Where a sequence is, its header and its delimiter included, and its items.

    Attributes
    ----------
    items
        Of each item, what `Template.make` returned, or `UNREADABLE`.
    """

    start: int
    end: int
    items: list[Any]


class ElementPlace(NamedTuple):
    """Where an element is, its header and its delimiter included, and its encoding."""

    start: int
    end: int
    encoding: Encoding


#: What was found, by tag. A value is a slice of the data: no other type is made in so
#: little time, and a file has thousands.
Fields = dict[int, slice | SequencePlace | ElementPlace | Unreadable]


@dataclass(frozen=True, slots=True)
class Template:
    """Which elements of an item are wanted, and what to make of the item.

    Attributes
    ----------
    wanted
        By tag: None for a value, a template for a sequence.
    make
        Called with the fields of an item; what it returns stands for the item.
    shortcut
        Returns, for an encoding, a function that may know an item by its layout: given
        where the item begins and where its sequence ends, it returns what stands for
        the item and where that ends, or None: the item must be walked.
    """

    wanted: Mapping[int, Template | None]
    make: Callable[[Fields], Any]
    shortcut: Callable[[Encoding], Shortcut] | None = None


#: Wanted of an element: its `ElementPlace` alone; a sequence is not looked into.
PLACE = Template({}, dict)
#: The same, of a sequence in which sequences may be nested to any depth.
DEEP = Template({}, dict)

Shortcut = Callable[[int, int], tuple[Any, int] | None]


@dataclass(frozen=True, slots=True)
class Dataset:
    """A data set and where it is; nothing of it is copied.

    Attributes
    ----------
    data
        The whole file, or the inflated data set if it was deflated. All positions count
        in it.
    start, end
        `data[start:end]` is the data set, without File Meta Information.
    encoding
        As its first element shows it, which may differ from what the file declares.
    transfer_syntax_uid, media_storage_sop_class_uid
        As the File Meta Information declares them (0002,0010) (0002,0002); None and
        empty when it does not.
    """

    data: bytes
    start: int
    end: int
    encoding: Encoding
    transfer_syntax_uid: str | None
    media_storage_sop_class_uid: bytes = b""


def select(dataset: Dataset, wanted: Mapping[int, Template | None]) -> Fields:
    """Find the wanted elements of a data set, in one pass over all of it.

    Parameters
    ----------
    dataset
        From `file.open_dataset`.
    wanted
        By tag, at the top level: None for a value, a template for a sequence.

    Returns
    -------
    Fields
        By tag, of what is there: of a value a slice; of a sequence a `SequencePlace`;
        of a `PLACE` an `ElementPlace`. `UNREADABLE` is an element that is there twice
        (which one is meant?), a sequence in place of a value, a sequence or an item
        that contradicts itself, if at least its end is known.

    Raises
    ------
    MalformedError
        The data set itself cannot be followed: a length reaches beyond the file, a
        delimiter is missing or misplaced, or sequences are nested too deep.

    Notes
    -----
    The time is linear in the number of headers, and in the depth of nesting where a
    sequence is broken. What is stepped over by its length is not checked.
    """
    walk = _Walk(dataset.data, dataset.encoding)
    try:
        fields, _ = walk.elements(dataset.start, dataset.end, wanted)
    except BrokenError as cause:
        raise MalformedError(cause.reason, cause.position - dataset.start) from cause
    except struct.error as cause:  # only the last header of a file can do that
        reason = "the file ends within the header of an element"
        raise MalformedError(reason, dataset.end - dataset.start) from cause
    return fields


class BrokenError(Exception):
    """What is wrong, and at which position of the data.

    It names no tag: where lengths are wrong, the four bytes may belong to a value.
    """

    def __init__(self, reason: str, position: int) -> None:
        super().__init__(reason)
        self.reason = reason
        self.position = position


_BROKEN = (BrokenError, struct.error)


class _Walk:
    """Steps from header to header in one encoding."""

    __slots__ = ("data", "encoding", "header")

    def __init__(self, data: bytes, encoding: Encoding) -> None:
        self.data = data
        self.encoding = encoding
        self.header = HEADERS[encoding]

    def elements(
        self,
        position: int,
        end: int,
        wanted: Mapping[int, Template | None],
        *,
        delimited: bool = False,
    ) -> tuple[Fields, int]:
        """Read elements up to `end`, or past the Item Delimitation Item before it."""
        data, header = self.data, self.header
        fields: Fields = {}
        last = end - MINIMUM_LENGTH
        while position <= last:
            tag, vr, length, start = header(data, position)
            stop = start + length
            if tag in wanted:
                template = wanted[tag]
                place: slice | SequencePlace | ElementPlace | Unreadable
                if template is None and length != _UNDEFINED:
                    place = slice(start, stop)
                else:
                    head = (vr, length, start)
                    place, stop = self.place(template, position, head, end)
                fields[tag] = UNREADABLE if tag in fields else place  # PS3.5 7.1: once
            elif tag >= _DELIMITERS:
                return fields, _past_item(tag, position, delimited=delimited)
            elif length == _UNDEFINED:
                stop = self.content(vr).skip(start, end)
            if stop > end:
                raise BrokenError("an element exceeds what it is in", position)
            position = stop
        return fields, self.finish(position, end, delimited=delimited)

    def place(
        self,
        template: Template | None,
        position: int,
        head: tuple[bytes, int, int],
        end: int,
    ) -> tuple[SequencePlace | ElementPlace | Unreadable, int]:
        """Return the place of a wanted sequence or element, and where it ends."""
        vr, length, start = head
        stop = start + length
        if template is None:  # a sequence where a value should be
            return UNREADABLE, self.content(vr).skip(start, end)
        if template is PLACE or template is DEEP:
            if length == _UNDEFINED:
                depth = MAXIMUM_DEPTH if template is PLACE else sys.maxsize
                stop = self.content(vr).skip(start, end, depth)
            return ElementPlace(position, stop, self.encoding), stop
        try:
            items, stop = self.sequence(head, end, template)
        except _BROKEN:
            if length == _UNDEFINED:
                stop = self.content(vr).skip(start, end)
            return UNREADABLE, stop
        return SequencePlace(position, stop, items), stop

    def sequence(
        self, head: tuple[bytes, int, int], end: int, template: Template
    ) -> tuple[list[Any], int]:
        """Read the items of a sequence, given its VR, its length and where it starts.

        The caller checks that it fits its container, as for a value.
        """
        vr, length, start = head
        if length == _UNDEFINED:
            return self.content(vr).items(start, end, template, delimited=True)
        stop = start + length
        return self.items(start, stop, template) if stop <= end else ([], stop)

    def items(
        self, position: int, end: int, template: Template, *, delimited: bool = False
    ) -> tuple[list[Any], int]:
        """Read items up to `end`, or past the Sequence Delimitation Item before it."""
        data, header = self.data, self.header
        items: list[Any] = []
        last = end - MINIMUM_LENGTH
        shortcut = template.shortcut and template.shortcut(self.encoding)
        while position <= last:
            if shortcut is not None and (known := shortcut(position, end)):
                items.append(known[0])
                position = known[1]
                continue
            tag, _, length, start = header(data, position)
            if tag != _ITEM:
                if delimited and tag == _SEQUENCE_END:
                    return items, start
                raise BrokenError("something else where an item should be", position)
            undefined = length == _UNDEFINED
            stop = end if undefined else start + length
            if stop > end:
                raise BrokenError("an item exceeds its sequence", position)
            item, position = self.item(start, stop, template, delimited=undefined)
            items.append(item)
        return items, self.finish(position, end, delimited=delimited)

    def item(
        self, start: int, stop: int, template: Template, *, delimited: bool
    ) -> tuple[Any, int]:
        """Read one item; `UNREADABLE` if it is broken and its end is known."""
        try:
            fields, end = self.inside(start).elements(
                start, stop, template.wanted, delimited=delimited
            )
        except _BROKEN:
            if delimited:
                raise
            return UNREADABLE, stop
        return template.make(fields), end

    def skip(self, position: int, end: int, maximum_depth: int = MAXIMUM_DEPTH) -> int:
        """Step over a sequence of undefined length; `position` is its first item.

        A loop with a list, as a recursion would fail on sequences nested a million
        deep.
        """
        nesting = [self]  # sequence, item in it, sequence in that, ...
        while nesting:
            walk, in_sequence = nesting[-1], len(nesting) % 2 == 1
            if position > end - MINIMUM_LENGTH:
                raise BrokenError("a delimiter is missing", position)
            tag, vr, length, start = walk.header(self.data, position)
            stop = start
            if tag == (_SEQUENCE_END if in_sequence else _ITEM_END):
                nesting.pop()
            elif tag != _ITEM if in_sequence else tag >= _DELIMITERS:
                raise BrokenError("an element where none should be", position)
            elif length == _UNDEFINED:
                nesting.append(walk.inside(start) if in_sequence else walk.content(vr))
            else:
                stop = start + length
            if len(nesting) > 2 * maximum_depth:
                raise BrokenError("sequences nest too deep", position)
            if stop > end:
                raise BrokenError("an element exceeds what it is in", position)
            position = stop
        return position

    def content(self, vr: bytes) -> _Walk:
        """Return the walk for the content of a sequence of undefined length.

        PS3.5 6.2.2, note 4: an element with VR UN is implicit VR little endian inside.
        """
        return _Walk(self.data, _IMPLICIT) if vr == b"UN" else self

    def inside(self, position: int) -> _Walk:
        """Return the walk for an item, in the encoding that its first element shows.

        A sequence in an explicit VR file may have implicit VR inside: with VR UN and a
        defined length, when a system that passed it on did not know its tag.
        """
        if not self.encoding.explicit_vr:
            return self
        group = self.data[position : position + 2]
        vr = self.data[position + 4 : position + 6]
        is_explicit = _may_be_vr(vr) or group in _DELIMITER_GROUPS
        return self if is_explicit else _Walk(self.data, _IMPLICIT)

    def finish(self, position: int, end: int, *, delimited: bool) -> int:
        """Return the end, if nothing is missing there and nothing is too much."""
        if delimited:
            raise BrokenError("a delimiter is missing", position)
        # Fewer than eight zeros, too few for a header, are mere padding.
        if position != end and any(self.data[position:end]):
            raise BrokenError("an element is cut off in its header", position)
        return end


def _past_item(tag: int, position: int, *, delimited: bool) -> int:
    if delimited and tag == _ITEM_END:
        return position + MINIMUM_LENGTH
    raise BrokenError("a delimiter where no item ends", position)


def _implicit_header(data: bytes, position: int) -> tuple[int, bytes, int, int]:
    """Read tag, VR, length, and where the value begins (PS3.5 7.1.3)."""
    group, element, length = _IMPLICIT_HEADER(data, position)
    return group << 16 | element, b"", length, position + 8


def _explicit_header_reader(
    byte_order: str,
) -> Callable[[bytes, int], tuple[int, bytes, int, int]]:
    short_header = struct.Struct(byte_order + "HH2sH").unpack_from
    long_length = struct.Struct(byte_order + "I").unpack_from

    def explicit_header(data: bytes, position: int) -> tuple[int, bytes, int, int]:
        """Read tag, VR, length, and where the value begins (PS3.5 7.1.2)."""
        group, element, vr, length = short_header(data, position)
        tag = group << 16 | element
        if vr in _SHORT_VRS:
            return tag, vr, length, position + 8
        if tag >= _DELIMITERS:  # these never have a VR (PS3.5 7.5)
            return tag, b"", long_length(data, position + 4)[0], position + 8
        if _may_be_vr(vr):
            return tag, vr, long_length(data, position + 8)[0], position + 12
        if tag == 0 and length == 0:  # zeros after the data set: mere padding
            return tag, b"", 0, position + 8
        # Among others: a length of two bytes that overflowed, and so ends in a value.
        raise BrokenError("an element has no VR", position)

    return explicit_header


_IMPLICIT_HEADER = struct.Struct("<HHI").unpack_from
_IMPLICIT = Encoding(explicit_vr=False, big_endian=False)
HEADERS = {
    _IMPLICIT: _implicit_header,
    Encoding(explicit_vr=True, big_endian=False): _explicit_header_reader("<"),
    Encoding(explicit_vr=True, big_endian=True): _explicit_header_reader(">"),
}
_DELIMITER_GROUPS = frozenset({b"\xfe\xff", b"\xff\xfe"})


def _may_be_vr(vr: bytes) -> bool:
    return vr in VRS or (vr.isalpha() and vr.isupper())
