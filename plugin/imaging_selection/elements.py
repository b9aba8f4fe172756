"""The elements of a DICOM file, walked by their lengths; no value is decoded.

`open_dataset` finds where the data set begins and how it is encoded; `select` goes
through it once and notes where the wanted values stand. Everything else is stepped
over: by its length, or, where that is undefined, header by header to its delimiter.
Of a VR only the size of its length field matters here.

A length that does not fit its container is an error, never a shorter value: a
structure set cut in the middle must not pass for a whole one.

References
----------
DICOM PS3.5 2025a, 6.2.2 (VR UN), 7.1 (Data Elements), 7.5 (Nesting of Data Sets),
Annex A (Transfer Syntaxes); PS3.10 2025a, 7 (File Format).
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .errors import MalformedError, NotDicomError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

#: How many sequences of undefined length may stand in each other. A structure set needs
#: six; readers that recurse, as pydicom does, survive this many and not many more.
DEPTH_CEILING = 64

#: What a deflated data set may grow to, in bytes: five times the largest structure sets
#: met. Deflate packs a thousand to one, so that a small file could fill the memory.
INFLATED_CEILING = 1 << 30

_DEFLATED = "1.2.840.10008.1.2.1.99"
_BIG_ENDIAN = "1.2.840.10008.1.2.2"

_PREFIX_END = 132  # 128 bytes of preamble, then `DICM` (PS3.10 7.1)
_TEXT = b"\t\n\r" + bytes(range(32, 127))
_SHORTEST = 8  # no element is shorter: a tag and a length

_TRANSFER_SYNTAX_UID = 0x00020010
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
_VRS = _SHORT_VRS | frozenset(b"OB OD OF OL OV OW SQ SV UC UN UR UT UV".split())

#: What was found, by tag: of a value (start, end); of a sequence (start, end, items),
#: where start and end enclose its header and its delimiter too.
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
    """

    wanted: Mapping[int, Template | None]
    make: Callable[[Fields], Any]


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


def open_dataset(file: bytes, *, inflated_ceiling: int = INFLATED_CEILING) -> Dataset:
    """Find the data set in a DICOM file.

    Files without preamble, without File Meta Information, with a wrong length of it or
    the wrong Transfer Syntax UID are all met in practice, and all read.

    Parameters
    ----------
    file
        The content of the file.
    inflated_ceiling
        What a deflated data set may grow to, in bytes.

    Raises
    ------
    NotDicomError
        There is no sign of DICOM, or the file stops before the data set begins.
    MalformedError
        The deflated data set is damaged, or grows beyond the ceiling.

    References
    ----------
    DICOM PS3.10 7.1; PS3.5 10.1 and Annex A.
    """
    start = _PREFIX_END if file[_PREFIX_END - 4 : _PREFIX_END] == b"DICM" else 0
    # Without prefix the file begins with group 0002, or with the data set: with group
    # 0008 then, as that holds the mandatory SOP Class UID and the order is ascending.
    if start == 0 and file[:2] not in {b"\x02\x00", b"\x08\x00", b"\x00\x08"}:
        raise NotDicomError(f"no DICOM file but {_describe(file)}")
    start, transfer_syntax_uid = _read_file_meta(file, start)
    if transfer_syntax_uid == _DEFLATED:
        file, start = _inflate(file, start, inflated_ceiling), 0
    if len(file) - start < _SHORTEST:
        raise NotDicomError("the DICOM file stops where its data set should begin")
    encoding = _encoding_at(file, start, transfer_syntax_uid)
    return Dataset(file, start, len(file), encoding, transfer_syntax_uid)


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
        items), where start and end enclose its header and its delimiter too.

    Raises
    ------
    MalformedError
        A length reaches beyond its container or the file, a delimiter is missing or
        astray, a wanted element is there twice, or sequences nest too deep.

    Notes
    -----
    The time is linear in the number of headers met; what is stepped over by its length
    is not looked into, and so not checked either.
    """
    walk = _Walk(dataset.data, dataset.encoding)
    try:
        fields, _ = walk.elements(dataset.start, dataset.end, wanted)
    except _BrokenError as cause:
        raise MalformedError(cause.reason, cause.position - dataset.start) from cause
    except struct.error as cause:  # only the last header of a file can do that
        reason = "the file ends within the header of an element"
        raise MalformedError(reason, dataset.end - dataset.start) from cause
    return fields


class _BrokenError(Exception):
    """What is wrong, and at which position of the buffer."""

    def __init__(self, reason: str, position: int) -> None:
        super().__init__(reason)
        self.reason = reason
        self.position = position


class _Walk:
    """Steps from header to header in one encoding; says where it came to."""

    __slots__ = ("data", "encoding", "header")

    def __init__(self, data: bytes, encoding: Encoding) -> None:
        self.data = data
        self.encoding = encoding
        self.header = _HEADERS[encoding]

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
        last = end - _SHORTEST
        while position <= last:
            tag, vr, length, start = header(data, position)
            stop = start + length
            if tag in wanted:
                if tag in fields:  # PS3.5 7.1: at most once. Which one is meant?
                    raise _BrokenError(f"{_name(tag)} is there twice", position)
                template = wanted[tag]
                if template is None:
                    fields[tag] = (start, stop)
                else:
                    items, stop = self.sequence((vr, length, start), end, template)
                    fields[tag] = (position, stop, items)
            elif tag >= _DELIMITERS:
                return fields, _past_item(tag, position, delimited=delimited)
            elif length == _UNDEFINED:
                stop = self.content(vr).skip(start, end)
            if stop > end:
                raise _BrokenError(f"{_name(tag)} exceeds what it is in", position)
            position = stop
        return fields, self.finish(position, end, delimited=delimited)

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
        last = end - _SHORTEST
        while position <= last:
            tag, _, length, start = header(data, position)
            if tag != _ITEM:
                if delimited and tag == _SEQUENCE_END:
                    return items, start
                raise _BrokenError(f"{_name(tag)} where an item should be", position)
            undefined = length == _UNDEFINED
            stop = end if undefined else start + length
            if stop > end:
                raise _BrokenError("an item exceeds its sequence", position)
            fields, position = self.inside(start).elements(
                start, stop, template.wanted, delimited=undefined
            )
            items.append(template.make(fields))
        return items, self.finish(position, end, delimited=delimited)

    def skip(self, position: int, end: int) -> int:
        """Step over a sequence of undefined length; `position` is its first item.

        A loop and a list, as sequences nested a million deep must not end in a
        RecursionError.
        """
        levels = [self]  # sequence, item in it, sequence in that, ...
        while levels:
            walk, in_sequence = levels[-1], len(levels) % 2 == 1
            if position > end - _SHORTEST:
                raise _BrokenError("a delimiter is missing", position)
            tag, vr, length, start = walk.header(self.data, position)
            stop = start
            if tag == (_SEQUENCE_END if in_sequence else _ITEM_END):
                levels.pop()
            elif tag != _ITEM if in_sequence else tag >= _DELIMITERS:
                raise _BrokenError(f"{_name(tag)} is astray", position)
            elif length == _UNDEFINED:
                levels.append(walk.inside(start) if in_sequence else walk.content(vr))
            else:
                stop = start + length
            if len(levels) > 2 * DEPTH_CEILING:
                raise _BrokenError("sequences nest too deep", position)
            if stop > end:
                raise _BrokenError(f"{_name(tag)} exceeds what it is in", position)
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
            raise _BrokenError("a delimiter is missing", position)
        # Fewer than eight zeros, too few for a header, are mere padding.
        if position != end and any(self.data[position:end]):
            raise _BrokenError("an element is cut off in its header", position)
        return end


def _past_item(tag: int, position: int, *, delimited: bool) -> int:
    if delimited and tag == _ITEM_END:
        return position + _SHORTEST
    raise _BrokenError(f"{_name(tag)} where no item ends", position)


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
        raise _BrokenError(f"{_name(tag)} has no VR", position)

    return explicit_header


_IMPLICIT_HEADER = struct.Struct("<HHI").unpack_from
_IMPLICIT = Encoding(explicit_vr=False, big_endian=False)
_HEADERS = {
    _IMPLICIT: _implicit_header,
    Encoding(explicit_vr=True, big_endian=False): _explicit_header_reader("<"),
    Encoding(explicit_vr=True, big_endian=True): _explicit_header_reader(">"),
}
_DELIMITER_GROUPS = frozenset({b"\xfe\xff", b"\xff\xfe"})


def _may_be_vr(vr: bytes) -> bool:
    return vr in _VRS or (vr.isalpha() and vr.isupper())


def _name(tag: int) -> str:
    return f"({tag >> 16:04X},{tag & 0xFFFF:04X})"


def _read_file_meta(file: bytes, position: int) -> tuple[int, str | None]:
    """Step over group 0002; return where it ends and its Transfer Syntax UID.

    It ends where the group does: its own (0002,0000) is wrong or absent too often. It
    is explicit VR little endian, whatever follows (PS3.10 7.1), but for some writers.
    """
    is_explicit = file[position + 4 : position + 6] in _VRS
    header = _HEADERS[Encoding(explicit_vr=is_explicit, big_endian=False)]
    transfer_syntax_uid = None
    while file[position : position + 2] == b"\x02\x00":
        try:
            tag, _, length, start = header(file, position)
        except (_BrokenError, struct.error) as cause:
            raise NotDicomError("the File Meta Information is damaged") from cause
        position = start + length
        if position > len(file):
            raise NotDicomError("the file stops within its File Meta Information")
        if tag == _TRANSFER_SYNTAX_UID:
            value = file[start:position].strip(b"\0 ")
            transfer_syntax_uid = value.decode("ascii", "replace")
    return position, transfer_syntax_uid


def _encoding_at(
    data: bytes, position: int, transfer_syntax_uid: str | None
) -> Encoding:
    """How a data set is encoded, to judge by its first element.

    That is surer than its Transfer Syntax UID, which converters forget to change. An
    implicit length that reads like a VR would be above 16 000 bytes; nothing in the
    first elements of group 0008 comes near.
    """
    is_explicit = data[position + 4 : position + 6] in _VRS
    group = data[position : position + 2]
    is_big = group == b"\x00\x08" or (
        transfer_syntax_uid == _BIG_ENDIAN and group != b"\x08\x00"
    )
    # There is no implicit VR big endian (PS3.5 Annex A).
    return Encoding(explicit_vr=is_explicit or is_big, big_endian=is_big)


def _inflate(file: bytes, start: int, ceiling: int) -> bytes:
    """Undo Deflated Explicit VR Little Endian (PS3.5 A.5): RFC 1951, no zlib header."""
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        data = inflater.decompress(memoryview(file)[start:], ceiling)
    except zlib.error as cause:
        raise MalformedError("the deflated data set is damaged", 0) from cause
    if inflater.unconsumed_tail:
        reason = f"the deflated data set has more than {ceiling} bytes"
        raise MalformedError(reason, ceiling)
    if not inflater.eof:
        raise MalformedError("the deflated data set is cut off", len(data))
    return data


def _describe(file: bytes) -> str:
    """Say what there is instead of DICOM, without any of its content."""
    if not file:
        return "an empty file"
    is_text = not file[:256].translate(None, delete=_TEXT)
    return "text" if is_text else f"{len(file)} bytes of something else"
