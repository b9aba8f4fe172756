r"""Text as Orthanc reads it, of which it makes its ids.

Orthanc hashes Patient ID neither as it stands in the file nor as the standard reads it:
it cuts the value, decodes it by its own table, and leaves out what it cannot decode.
The rules were measured on Orthanc 1.10.1, and a test compares them with a running one.
Builds differ only in bytes that are illegal in a declared multi-byte character set, and
in misspelt terms (`ISO_IR_100`), which later releases know.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from imaging_selection.dicom.character_sets import DEFAULT_ENCODINGS

if TYPE_CHECKING:
    from collections.abc import Mapping

_ASCII: Final = "Ascii"
_TERM = re.compile(r"(?:ISO_IR|ISO 2022 IR) ([0-9]+)")
# ISO-IR number -> the name of Orthanc's encoding, with and without code extensions.
_BY_NUMBER: Final = {
    "6": _ASCII,
    "13": "Japanese",
    "100": "Latin1",
    "101": "Latin2",
    "109": "Latin3",
    "110": "Latin4",
    "126": "Greek",
    "127": "Arabic",
    "138": "Hebrew",
    "144": "Cyrillic",
    "148": "Latin5",
    "166": "Thai",
}
_BY_TERM: Final = {
    "ISO_IR 192": "Utf8",
    "ISO 2022 IR 58": "SimplifiedChinese",
    "ISO 2022 IR 87": "JapaneseKanji",
    "ISO 2022 IR 149": "Korean",
    "GB18030": "Chinese",
    "GBK": "Chinese",
}

_NOT_ASCII = re.compile(rb"[^\n -~]")
_ESCAPES = re.compile("\x1b[ -/]+[0-~]|\x1b[nNoO|}~]|[\x0e\x0f]")
# What Orthanc drops as a whole where it is illegal: a lead byte takes the next ones,
# up to the first that cannot follow.
_UNITS: Final = {
    "Utf8": re.compile(
        rb"[\xc2-\xdf].?|[\xe0-\xef](?:[\x80-\xbf]?.)?"
        rb"|[\xf0-\xf4](?:[\x80-\xbf]{0,2}.)?|.",
        re.DOTALL,
    ),
    "Korean": re.compile(rb"[\x81-\xfe][A-Za-z\x81-\xfe]?|.", re.DOTALL),
}
# Where the tables of Orthanc's libraries and of Python differ.
_CODECS: Final = {**DEFAULT_ENCODINGS, "Korean": "cp949"}
_OTHERWISE: Final[Mapping[str, Mapping[int, int | None]]] = {
    "Japanese": str.maketrans("\\~", "¥‾", ""),
    "JapaneseKanji": str.maketrans(
        "\u2016\u301c\u2212¢£¬", "\u2225\uff5e\uff0d\uffe0\uffe1\uffe2", "\x0e\x0f\x1b"
    ),
}
# Bytes that Orthanc drops in any place, and Python does not.
_DROPPED: Final = {
    "JapaneseKanji": bytes(range(0x80, 0x100)),
    "Thai": bytes(range(0x80, 0xA0)),
}


def text_of_orthanc(raw: bytes, declared: bytes, default_encoding: str) -> str:
    r"""Return the text that Orthanc reads from a value.

    Parameters
    ----------
    raw
        The value as it stands in the file, its padding included.
    declared
        Specific Character Set (0008,0005) of the data set; empty if it has none.
    default_encoding
        Orthanc's setting: a name of `character_sets.DEFAULT_ENCODINGS`.

    Examples
    --------
    >>> text_of_orthanc(b" R\xfc1 ", b"", "Latin1")
    ' Rü1'
    >>> text_of_orthanc(b"R\xfc\t1", b"ISO_IR 6", "Latin1")
    'R1'
    """
    value = raw.rstrip(b" ").partition(b"\0")[0]
    terms = declared.partition(b"\0")[0].decode("latin-1").split("\\")
    encoding = _encoding_of(terms, default_encoding)
    if encoding == _ASCII:
        return _NOT_ASCII.sub(b"", value).decode("ascii")
    value = value.translate(None, _DROPPED.get(encoding, b""))
    text = _decode(value, encoding).translate(_OTHERWISE.get(encoding, {}))
    return _ESCAPES.sub("", text) if len(terms) > 1 else text


def _encoding_of(terms: list[str], default_encoding: str) -> str:
    """Return the name of Orthanc's encoding: that of the first term that is not empty.

    A term that Orthanc does not know is ASCII to it.
    """
    term = next(filter(None, map(str.strip, terms)), None)
    if term is None:
        return default_encoding
    match = _TERM.fullmatch(term.upper())
    number = match[1] if match else ""
    return _BY_TERM.get(term.upper()) or _BY_NUMBER.get(number, _ASCII)


def _decode(value: bytes, encoding: str) -> str:
    codec, units = _CODECS[encoding], _UNITS.get(encoding)
    if units is None:
        return value.decode(codec, "ignore")
    return "".join(_decode_unit(unit, codec) for unit in units.findall(value))


def _decode_unit(unit: bytes, codec: str) -> str:
    try:
        return unit.decode(codec)
    except UnicodeDecodeError:
        return ""
