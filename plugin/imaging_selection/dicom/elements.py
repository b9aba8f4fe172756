"""The elements of a DICOM file, walked by their lengths; no value is decoded.

`select` goes once through a data set that `dicom_file` has opened, and notes where the
wanted values stand. Everything else is stepped over: by its length, or, where that is
undefined, header by header to its delimiter. Of a VR only the size of its length field
matters here.

A length that does not fit its container is an error, never a shorter value: a
structure set cut in the middle must not pass for a whole one.

References
----------
DICOM PS3.5 2025a, 6.2.2 (VR UN), 7.1 (Data Elements), 7.5 (Nesting of Data Sets),
Annex A (Transfer Syntaxes).
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from imaging_selection.errors import MalformedError

if TYPE_CHECKING:
    from collections.abc import Mapping

#: How many sequences of undefined length may stand in each other. A structure set needs
#: six; readers that recurse, as pydicom does, survive this many and not many more.
DEPTH_CEILING = 64

SHORTEST = 8  # no element is shorter: a tag and a length

_DELIMITERS = 0xFFFE0000  # from here on: items and what ends them (PS3.5 7.5)
_ITEM = 0xFFFEE000
_ITEM_END = 0xFFFEE00D
_SEQUENCE_END = 0xFFFEE0DD
_UNDEFINED = 0xFFFFFFFF

# PS3.5 7.1.2: these have a length of two bytes; all others, also those that are yet to
# be invented (6.2, note), have two reserved bytes and a length of four.
_SHORT_VRS = frozenset(
    b"AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US".split()
)
VRS = _SHORT_VRS | frozenset(b"OB OD OF OL OV OW SQ SV UC UN UR UT UV".split())

#: What was found, by tag: of a value (start, end); of a sequence (start, end, items),
#: where start and end enclose its header and its delimiter too. None: it is there, and
#: cannot be read.
Fields = dict[int, Any]


@dataclass(frozen=True, slots=True)
class Template:
    """What to note of each item of a sequence, and what to make of it at once.

    Attributes
    ----------
    wanted
        By tag: None for a value, a template for a sequence.
    make
        Called with the fields of an item; what it returns stands for the item.
    shortcut
        Makes, of an encoding, a function that may know an item when it sees one: given
        where the item begins and where its sequence ends, it returns what stands for
        the item and where that ends. None: it is to be walked.
    """

    wanted: Mapping[int, Template | None]
    make: Callable[[Fields], Any]
    shortcut: Callable[[Encoding], Shortcut] | None = None


#: Wanted of an element: its place alone, as (start, end, encoding), its header and
#: delimiter included; a sequence is not looked into.
PLACE = Template({}, dict)

Shortcut = Callable[[int, int], tuple[Any, int] | None]


@dataclass(frozen=True, slots=True)
class Encoding:
    """The part of a Transfer Syntax that decides how headers read (PS3.5 Annex A)."""

    explicit_vr: bool
    big_endian: bool


@dataclass(frozen=True, slots=True)
class Dataset:
    """A data set and where it stands; nothing of it is copied.

    Attributes
    ----------
    data
        The whole file as it was given, or the inflated data set if it was deflated.
        Every position here and in `model.Span` counts in it.
    start, end
        `data[start:end]` is the data set, without File Meta Information.
    encoding
        As its first element shows it, which may differ from what the file declares.
    transfer_syntax_uid
        As (0002,0010) declares it; None when the file does not say.
    """

    data: bytes
    start: int
    end: int
    encoding: Encoding
    transfer_syntax_uid: str | None


def select(dataset: Dataset, wanted: Mapping[int, Template | None]) -> Fields:
    """Note where the wanted elements of a data set stand, in one pass over all of it.

    Parameters
    ----------
    dataset
        From `open_dataset`.
    wanted
        By tag, at the top level: None for a value, a template for a sequence.

    Returns
    -------
    dict
        By tag, of what is there: of a value (start, end); of a sequence (start, end,
        items), where start and end enclose its header and its delimiter too; of a
        `PLACE` (start, end, encoding), likewise. None stands for what is there and
        cannot be read: an element that is there twice (which one is meant?), a
        sequence for a value, a sequence or an item that contradicts itself, if at least
        its end is known.

    Raises
    ------
    MalformedError
        The data set itself cannot be followed: a length reaches beyond the file, a
        delimiter is missing or astray, or sequences nest too deep.

    Notes
    -----
    The time is linear in the number of headers met, and in how deep sequences nest
    where they are broken; what is stepped over by its length is not looked into, and
    so not checked either.
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
    """What is wrong, and at which position of the buffer.

    No tag is named: where lengths are wrong, its four bytes may be those of a value.
    """

    def __init__(self, reason: str, position: int) -> None:
        super().__init__(reason)
        self.reason = reason
        self.position = position


_BROKEN = (BrokenError, struct.error)


class _Walk:
    """Steps from header to header in one encoding; says where it came to."""

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
        last = end - SHORTEST
        while position <= last:
            tag, vr, length, start = header(data, position)
            stop = start + length
            if tag in wanted:
                head = (vr, length, start)
                place, stop = self.noted(wanted[tag], position, head, end)
                fields[tag] = None if tag in fields else place  # PS3.5 7.1: once
            elif tag >= _DELIMITERS:
                return fields, _past_item(tag, position, delimited=delimited)
            elif length == _UNDEFINED:
                stop = self.content(vr).skip(start, end)
            if stop > end:
                raise BrokenError("an element exceeds what it is in", position)
            position = stop
        return fields, self.finish(position, end, delimited=delimited)

    def noted(
        self,
        template: Template | None,
        position: int,
        head: tuple[bytes, int, int],
        end: int,
    ) -> tuple[tuple[int, int] | tuple[int, int, Any] | None, int]:
        """Tell what to note of a wanted element, and where it ends."""
        vr, length, start = head
        stop = start + length
        if template is None:
            if length == _UNDEFINED:  # a sequence where a value should be
                return None, self.content(vr).skip(start, end)
            return (start, stop), stop
        if template is PLACE:
            if length == _UNDEFINED:
                stop = self.content(vr).skip(start, end)
            return (position, stop, self.encoding), stop
        try:
            items, stop = self.sequence(head, end, template)
        except _BROKEN:
            return None, self.content(vr).skip(
                start, end
            ) if length == _UNDEFINED else stop
        return (position, stop, items), stop

    def sequence(
        self, head: tuple[bytes, int, int], end: int, template: Template
    ) -> tuple[list[Any], int]:
        """Read the items of a sequence, given its VR, its length and where it starts.

        What is longer than its container is left to the caller, as with a value.
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
        last = end - SHORTEST
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
        """Read one item; None stands for one that is broken, if it ends somewhere."""
        try:
            fields, end = self.inside(start).elements(
                start, stop, template.wanted, delimited=delimited
            )
        except _BROKEN:
            if delimited:
                raise
            return None, stop
        return template.make(fields), end

    def skip(self, position: int, end: int) -> int:
        """Step over a sequence of undefined length; `position` is its first item.

        A loop and a list, as sequences nested a million deep must not end in a
        RecursionError.
        """
        levels = [self]  # sequence, item in it, sequence in that, ...
        while levels:
            walk, in_sequence = levels[-1], len(levels) % 2 == 1
            if position > end - SHORTEST:
                raise BrokenError("a delimiter is missing", position)
            tag, vr, length, start = walk.header(self.data, position)
            stop = start
            if tag == (_SEQUENCE_END if in_sequence else _ITEM_END):
                levels.pop()
            elif tag != _ITEM if in_sequence else tag >= _DELIMITERS:
                raise BrokenError("an element is astray", position)
            elif length == _UNDEFINED:
                levels.append(walk.inside(start) if in_sequence else walk.content(vr))
            else:
                stop = start + length
            if len(levels) > 2 * DEPTH_CEILING:
                raise BrokenError("sequences nest too deep", position)
            if stop > end:
                raise BrokenError("an element exceeds what it is in", position)
            position = stop
        return position

    def content(self, vr: bytes) -> _Walk:
        """How the content of a sequence of undefined length is encoded.

        PS3.5 6.2.2, note 4: of an element with VR UN, as implicit VR little endian.
        """
        return _Walk(self.data, _IMPLICIT) if vr == b"UN" else self

    def inside(self, position: int) -> _Walk:
        """How an item is encoded, to judge by the first element in it.

        A sequence may sit in an explicit VR file with its implicit VR encoding: with
        VR UN and a defined length, when a relay did not know its tag.
        """
        if not self.encoding.explicit_vr:
            return self
        group = self.data[position : position + 2]
        vr = self.data[position + 4 : position + 6]
        is_explicit = _may_be_vr(vr) or group in _DELIMITER_GROUPS
        return self if is_explicit else _Walk(self.data, _IMPLICIT)

    def finish(self, position: int, end: int, *, delimited: bool) -> int:
        """Return the end, unless something is missing there or too much."""
        if delimited:
            raise BrokenError("a delimiter is missing", position)
        # Fewer than eight zeros, too few for a header, are mere padding.
        if position != end and any(self.data[position:end]):
            raise BrokenError("an element is cut off in its header", position)
        return end


def _past_item(tag: int, position: int, *, delimited: bool) -> int:
    if delimited and tag == _ITEM_END:
        return position + SHORTEST
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
