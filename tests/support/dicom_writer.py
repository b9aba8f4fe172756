"""A writer of DICOM files from plain dicts, legal or not (PS3.5, PS3.10).

A data set is a dict from keyword, or tag number, to a value:

None
    the element is absent
str, int, float, Decimal
    text in the declared character set, or a number where the VR is binary
bytes
    verbatim, whatever the VR and the character set
list
    several values, or the items of a sequence
dict
    one item of a sequence
tuple
    `(VR, value)`: another VR than the dictionary's, or that of a private tag

Only the dictionary and the character sets are pydicom's: what it refuses or repairs
must be written here as it is given.
"""

import re
import struct
import zlib
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from functools import cache, partial
from typing import Any, NamedTuple

from pydicom.charset import convert_encodings, encode_string
from pydicom.datadict import dictionary_VR, tag_for_keyword

IMPLICIT = "1.2.840.10008.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"
DEFLATED = "1.2.840.10008.1.2.1.99"
BIG_ENDIAN = "1.2.840.10008.1.2.2"

Elements = Mapping[str | int, Any]

_LONG_LENGTH = frozenset({"OB", "OW", "SQ", "UC", "UN", "UR", "UT"})
_BINARY = {"US": "H", "SS": "h", "UL": "I", "SL": "i", "FL": "f", "FD": "d", "OW": "H"}


def number_text(value: str | float | Decimal) -> str:
    """Write a number within the 16 characters of a DS, text as it stands."""
    return f"{value:.10g}" if isinstance(value, float) else str(value)


class _Syntax(NamedTuple):
    """How a data set is written (PS3.5 7.1 and 7.5)."""

    text: Callable[[str], bytes] = str.encode
    explicit: bool = True
    order: str = "<"
    undefined_length: bool = False
    pad: bool = True


def write_file(
    dataset: Elements,
    transfer_syntax: str,
    *,
    header: str = "full",
    encoding: str | None = None,
    **syntax: bool,
) -> bytes:
    """Write a DICOM file (PS3.10 7.1)."""
    body = _encode(
        dataset,
        _Syntax(
            text=_codec(dataset.get("SpecificCharacterSet"), encoding),
            explicit=transfer_syntax != IMPLICIT,
            order=">" if transfer_syntax == BIG_ENDIAN else "<",
            **syntax,
        ),
    )
    if transfer_syntax == DEFLATED:  # PS3.5 A.5: no zlib header, an even length
        deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)
        body = deflater.compress(body) + deflater.flush()
        body += b"\0" * (len(body) % 2)
    if header == "none":
        return body
    meta = _encode(
        {
            "FileMetaInformationVersion": b"\0\1",
            "MediaStorageSOPClassUID": dataset["SOPClassUID"],
            "MediaStorageSOPInstanceUID": dataset["SOPInstanceUID"],
            "TransferSyntaxUID": transfer_syntax,
            "ImplementationClassUID": "2.25.113047800",
        },
        _Syntax(),
    )
    length = _encode({"FileMetaInformationGroupLength": len(meta)}, _Syntax())
    return (b"" if header == "meta" else bytes(128) + b"DICM") + length + meta + body


def _codec(declared: Any, encoding: str | None) -> Callable[[str], bytes]:
    """Choose how text becomes bytes (PS3.5 6.1)."""
    if encoding:
        return partial(str.encode, encoding=encoding)
    encodings = convert_encodings(declared)

    def encode(text: str) -> bytes:
        if text.isascii():  # the same in all of them, and a shortcut for Contour Data
            return text.encode()
        # PS3.5 6.1.2.5.3: these delimiters switch back to the first character set
        pieces = re.split(r"([\\^=])", text)
        return b"".join(encode_string(piece, encodings) for piece in pieces)

    return encode


@cache
def _entry(keyword: str) -> tuple[int, str]:
    tag = tag_for_keyword(keyword)
    if tag is None:
        raise ValueError(f"{keyword} is no DICOM keyword")
    return tag, dictionary_VR(tag)


def _encode(elements: Elements, syntax: _Syntax) -> bytes:
    """Write a data set: its elements in the order of their tags."""
    written = {}
    for key, given in elements.items():
        if given is None:
            continue
        tag, vr = (key, "UN") if isinstance(key, int) else _entry(key)
        vr, value = given if isinstance(given, tuple) else (vr, given)
        if vr == "SQ" and not isinstance(value, bytes):
            body = _items([value] if isinstance(value, dict) else value, syntax)
        else:
            body = _value(vr, value, syntax)
        written[tag] = _head(tag, vr, len(body), syntax) + body
    return b"".join(written[tag] for tag in sorted(written))


def _head(tag: int, vr: str, length: int, syntax: _Syntax) -> bytes:
    """Write tag, VR and length (PS3.5 7.1.2 and 7.1.3)."""
    head = struct.pack(f"{syntax.order}HH", tag >> 16, tag & 0xFFFF)
    if vr == "SQ" and syntax.undefined_length:
        length = 0xFFFFFFFF
    if syntax.explicit:
        if length > 0xFFFE and vr not in _LONG_LENGTH:
            vr = "UN"  # PS3.5 6.2.2, note 2: too long for a length of two bytes
        if vr not in _LONG_LENGTH:
            return head + vr.encode() + struct.pack(f"{syntax.order}H", length)
        head += vr.encode() + b"\0\0"
    return head + struct.pack(f"{syntax.order}I", length)


def _items(items: Iterable[Elements], syntax: _Syntax) -> bytes:
    """Write the items of a sequence (PS3.5 7.5)."""
    mark = partial(struct.pack, f"{syntax.order}HHI", 0xFFFE)
    out = []
    for item in items:
        body = _encode(item, syntax)
        if syntax.undefined_length:
            out += [mark(0xE000, 0xFFFFFFFF), body, mark(0xE00D, 0)]
        else:
            out += [mark(0xE000, len(body)), body]
    if syntax.undefined_length:
        out.append(mark(0xE0DD, 0))
    return b"".join(out)


def _value(vr: str, value: Any, syntax: _Syntax) -> bytes:
    """Write a value other than a sequence (PS3.5 6.2 and 6.4)."""
    values = value if isinstance(value, list) else [value]
    if vr in _BINARY and all(isinstance(one, int | float) for one in values):
        return struct.pack(f"{syntax.order}{len(values)}{_BINARY[vr]}", *values)
    body = b"\\".join(
        one if isinstance(one, bytes) else syntax.text(number_text(one))
        for one in values
    )
    if syntax.pad and len(body) % 2:
        body += b"\0" if vr in {"UI", "OB", "OW", "UN"} else b" "
    return body
