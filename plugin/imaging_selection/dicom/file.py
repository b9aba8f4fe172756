"""DICOM files: where the data set begins, and how it is encoded.

The first bytes decide the encoding, not what the file declares. `elements` then walks
the data set.

References
----------
DICOM PS3.10 2025a, 7 (File Format); PS3.5 2025a, 10.1 and Annex A (Transfer Syntaxes).
"""

from __future__ import annotations

import struct
import zlib
from contextlib import suppress
from io import BytesIO

from imaging_selection.dicom.elements import (
    HEADERS,
    MINIMUM_LENGTH,
    VRS,
    BrokenError,
    Dataset,
    Encoding,
    select,
)
from imaging_selection.dicom.values import (
    PADDING,
    TAGS,
    is_legal_uid,
    label_of,
    parse_uid,
)
from imaging_selection.errors import MalformedError, NotDicomError, UnusableError

# What a deflated data set may become. Deflate packs a thousand to one, and a small file
# could fill the memory: structure sets, which are mostly digits, pack ten to one.
MAXIMUM_INFLATED = 1 << 30  # bytes
MAXIMUM_RATIO = 100
SMALL = 16 << 20  # bytes that any file may become

_DEFLATED = "1.2.840.10008.1.2.1.99"
_BIG_ENDIAN = "1.2.840.10008.1.2.2"

_STEP = 1 << 16  # bytes

_PREFIX_END = 132  # 128 bytes of preamble, then `DICM` (PS3.10 7.1)
_TEXT = b"\t\n\r" + bytes(range(32, 127))

_MEDIA_STORAGE_SOP_CLASS_UID = TAGS["MediaStorageSOPClassUID"]
_TRANSFER_SYNTAX_UID = TAGS["TransferSyntaxUID"]
_SOP_CLASS_UID = TAGS["SOPClassUID"]


def open_dataset(file: bytes) -> Dataset:
    """Find the data set in a DICOM file.

    Real files may have no preamble, no File Meta Information, a wrong length of it or
    the wrong Transfer Syntax UID; all of them are read.

    Raises
    ------
    NotDicomError
        There is no sign of DICOM, or the file stops before the data set begins.
    MalformedError
        The deflated data set is damaged, or larger than it may be.
    """
    start = _PREFIX_END if has_prefix(file) else 0
    # Without prefix the file begins with group 0002, or with the data set: with group
    # 0008 then, as that holds the mandatory SOP Class UID and the order is ascending.
    if start == 0 and file[:2] not in {b"\x02\x00", b"\x08\x00", b"\x00\x08"}:
        raise NotDicomError(f"no DICOM file but {_describe(file)}")
    start, meta = _read_file_meta(file, start)
    declared = meta.get(_TRANSFER_SYNTAX_UID)
    transfer_syntax_uid = None if declared is None else declared.decode("latin-1")
    if transfer_syntax_uid == _DEFLATED:
        file, start = _inflate(file, start), 0
    if len(file) - start < MINIMUM_LENGTH:
        raise NotDicomError("the DICOM file stops where its data set should begin")
    return Dataset(
        file,
        start,
        len(file),
        _encoding_at(file, start, transfer_syntax_uid),
        transfer_syntax_uid,
        meta.get(_MEDIA_STORAGE_SOP_CLASS_UID, b""),
    )


def has_prefix(file: bytes) -> bool:
    """Return whether the bytes begin as a DICOM file does (PS3.10 7.1)."""
    return file[_PREFIX_END - 4 : _PREFIX_END] == b"DICM"


def declared_sop_class_uid_of(file: bytes) -> str:
    """Return what the File Meta Information declares (0002,0002); empty if nothing."""
    try:
        _, meta = _read_file_meta(file, _PREFIX_END if has_prefix(file) else 0)
    except NotDicomError:
        return ""
    return meta.get(_MEDIA_STORAGE_SOP_CLASS_UID, b"").decode("latin-1")


def _read_file_meta(file: bytes, position: int) -> tuple[int, dict[int, bytes]]:
    """Return where group 0002 ends, and its values by tag.

    Its own (0002,0000) is wrong or absent too often to be used. It is explicit VR
    little endian, whatever follows (PS3.10 7.1), but some writers ignore that.
    """
    is_explicit = file[position + 4 : position + 6] in VRS
    header = HEADERS[Encoding(explicit_vr=is_explicit, big_endian=False)]
    values: dict[int, bytes] = {}
    while file[position : position + 2] == b"\x02\x00":
        try:
            tag, _, length, start = header(file, position)
        except (BrokenError, struct.error) as cause:
            raise NotDicomError("the File Meta Information is damaged") from cause
        position = start + length
        if position > len(file):
            raise NotDicomError("the file stops within its File Meta Information")
        values[tag] = file[start:position].strip(PADDING)
    return position, values


def sop_class_uid_of(dataset: Dataset) -> str:
    """Return the SOP Class UID (0008,0016); else that of the File Meta Information.

    It is among the first elements, as tags ascend (PS3.5 7.1). The whole data set is
    walked only if it is not.

    Raises
    ------
    MalformedError
        The data set cannot be followed; see `elements.select`.
    UnusableError
        It is missing, or no UID.
    """
    place = _sop_class_place(dataset)
    own = dataset.data[place] if isinstance(place, slice) else b""
    for raw in (own, dataset.media_storage_sop_class_uid):
        with suppress(ValueError):
            # Messages quote it, so it must not be any text of the file.
            if is_legal_uid(uid := parse_uid(raw)):
                return uid
    raise UnusableError(f"{label_of('SOPClassUID')} is missing or no UID")


def _sop_class_place(dataset: Dataset) -> object:
    header, position = HEADERS[dataset.encoding], dataset.start
    with suppress(BrokenError, struct.error):
        while position < dataset.end:
            tag, _, length, start = header(dataset.data, position)
            position = start + length
            if tag == _SOP_CLASS_UID and position <= dataset.end:
                return slice(start, position)
            if tag > _SOP_CLASS_UID:
                break
    return select(dataset, {_SOP_CLASS_UID: None}).get(_SOP_CLASS_UID)


def _encoding_at(
    data: bytes, position: int, transfer_syntax_uid: str | None
) -> Encoding:
    """Return the encoding that the first element of a data set shows.

    Its Transfer Syntax UID is less reliable: converters forget to change it. An
    implicit length that looks like a VR would be above 16 000 bytes; no first element
    of group 0008 is that long.
    """
    is_explicit = data[position + 4 : position + 6] in VRS
    group = data[position : position + 2]
    is_big = group == b"\x00\x08" or (
        transfer_syntax_uid == _BIG_ENDIAN and group != b"\x08\x00"
    )
    # There is no implicit VR big endian (PS3.5 Annex A).
    return Encoding(explicit_vr=is_explicit or is_big, big_endian=is_big)


def _inflate(file: bytes, start: int) -> bytes:
    """Undo Deflated Explicit VR Little Endian (PS3.5 A.5): RFC 1951, no zlib header.

    In small steps, into one buffer: so the data set is never in memory twice.
    """
    maximum = min(MAXIMUM_INFLATED, max(SMALL, MAXIMUM_RATIO * len(file)))
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    whole = BytesIO()
    try:
        for position in range(start, len(file), _STEP):
            data = file[position : position + _STEP]
            while data and not inflater.eof:
                whole.write(inflater.decompress(data, _STEP))
                data = inflater.unconsumed_tail
                if whole.tell() > maximum:
                    reason = f"the deflated data set has more than {maximum} bytes"
                    raise MalformedError(reason, maximum)
        whole.write(inflater.flush())
    except zlib.error as cause:
        raise MalformedError("the deflated data set is damaged", 0) from cause
    if not inflater.eof:
        raise MalformedError("the deflated data set is cut off", whole.tell())
    return whole.getvalue()


def _describe(file: bytes) -> str:
    """Describe what is no DICOM file, without any of its content."""
    if not file:
        return "an empty file"
    is_text = not file[:256].translate(None, delete=_TEXT)
    return "text" if is_text else f"{len(file)} bytes of something else"
