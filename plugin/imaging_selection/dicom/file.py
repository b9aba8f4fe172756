"""DICOM files: where the data set begins, and how it is encoded.

The encoding is judged by the bytes rather than by what the file declares; from here on
`elements` walks the data set.

References
----------
DICOM PS3.10 2025a, 7 (File Format); PS3.5 2025a, 10.1 and Annex A (Transfer Syntaxes).
"""

from __future__ import annotations

import struct
import zlib

from imaging_selection.dicom.elements import (
    HEADERS,
    SHORTEST,
    VRS,
    BrokenError,
    Dataset,
    Encoding,
)
from imaging_selection.errors import MalformedError, NotDicomError

#: What a deflated data set may grow to, in bytes: five times the largest structure sets
#: met. Deflate packs a thousand to one, so that a small file could fill the memory.
INFLATED_CEILING = 1 << 30

_DEFLATED = "1.2.840.10008.1.2.1.99"
_BIG_ENDIAN = "1.2.840.10008.1.2.2"

_PREFIX_END = 132  # 128 bytes of preamble, then `DICM` (PS3.10 7.1)
_TEXT = b"\t\n\r" + bytes(range(32, 127))

_TRANSFER_SYNTAX_UID = 0x00020010


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
    if len(file) - start < SHORTEST:
        raise NotDicomError("the DICOM file stops where its data set should begin")
    encoding = _encoding_at(file, start, transfer_syntax_uid)
    return Dataset(file, start, len(file), encoding, transfer_syntax_uid)


def _read_file_meta(file: bytes, position: int) -> tuple[int, str | None]:
    """Step over group 0002; return where it ends and its Transfer Syntax UID.

    It ends where the group does: its own (0002,0000) is wrong or absent too often. It
    is explicit VR little endian, whatever follows (PS3.10 7.1), but for some writers.
    """
    is_explicit = file[position + 4 : position + 6] in VRS
    header = HEADERS[Encoding(explicit_vr=is_explicit, big_endian=False)]
    transfer_syntax_uid = None
    while file[position : position + 2] == b"\x02\x00":
        try:
            tag, _, length, start = header(file, position)
        except (BrokenError, struct.error) as cause:
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
    is_explicit = data[position + 4 : position + 6] in VRS
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
