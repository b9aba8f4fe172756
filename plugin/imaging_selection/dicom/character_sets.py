r"""Specific Character Set: the bytes of text become text (DICOM PS3.5 2025a, 6.1).

pydicom has the table of character sets, all but one. It does not decode here: its
decoders warn with the value in the sentence, and replace what they cannot read without
saying so.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pydicom.charset import CODES_TO_ENCODINGS, python_encoding

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_ESCAPE: Final = b"\x1b"
_TO_ASCII: Final = b"\x1b(B"
_FRAGMENT = re.compile(rb"\x1b[^\x1b]*|[^\x1b]+")
_PLAIN = re.compile(rb"[\t\n\r -~]*")
# DICOM text has no control characters, neither C0 nor C1, except those that end a line
# (PS3.5 6.1.3): text that seems to have one was decoded with the wrong table. The two
# noncharacters at the end are illegal in XML.
_CONTROL = re.compile("[\0-\x08\x0b\x0e-\x1f\x7f-\x9f\ufffe\uffff]")
# Python's codecs for these read the escape sequences themselves.
_SELF_ESCAPING = frozenset({"iso2022_jp", "iso2022_jp_2"})
# After one of these, the first character set applies again (PS3.5 6.1.2.5.3).
TEXT_DELIMITERS: Final = b"\\\t\n\x0c\r"
NAME_DELIMITERS: Final = TEXT_DELIMITERS + b"^="
_ASCII: Final = "ascii"
_CHARSET_TERM = re.compile(r"ISO[ _-]?(2022)?[ _-]?IR[ _-]?([0-9]+)")

# Latin alphabet No. 9 (PS3.3 Tables C.12-2 and C.12-3), which pydicom does not have.
_LATIN_9: Final = "iso8859_15"
_ENCODINGS: Final = {
    **python_encoding,
    **dict.fromkeys(("ISO_IR 203", "ISO 2022 IR 203"), _LATIN_9),
    # A superset: text that declares GBK has letters of GB18030 too.
    **dict.fromkeys(("GBK", "ISO 2022 GBK"), "gb18030"),
}
_ESCAPES: Final = CODES_TO_ENCODINGS | {b"\x1b-b": _LATIN_9}

#: The names of Orthanc's setting `DefaultEncoding` -> Python's codecs. Orthanc uses it
#: for data sets that declare no character set.
DEFAULT_ENCODINGS: Final[Mapping[str, str]] = {
    "Ascii": _ASCII,
    "Utf8": "utf-8",
    "Latin1": "latin_1",
    "Latin2": "iso8859_2",
    "Latin3": "iso8859_3",
    "Latin4": "iso8859_4",
    "Latin5": "iso8859_9",
    "Cyrillic": "iso8859_5",
    "Windows1251": "cp1251",
    "Arabic": "iso8859_6",
    "Greek": "iso8859_7",
    "Hebrew": "iso8859_8",
    "Thai": "tis_620",
    "Japanese": "shift_jis",
    "Chinese": "gb18030",
    "JapaneseKanji": "iso2022_jp",
    "Korean": "euc_kr",
    "SimplifiedChinese": "gb2312",
}
#: Orthanc's own default of that setting.
LATIN_1: Final = "Latin1"

# A few letters in one of these may be valid UTF-8 by chance: nearly all bytes are above
# 127, in any order.
_DENSE: Final = frozenset(
    {"tis_620", "iso_ir_166", "shift_jis", "euc_kr", "gb2312", "iso_ir_58", "gb18030"}
)


@dataclass(frozen=True, slots=True)
class CharacterSet:
    """A value of Specific Character Set (0008,0005) (PS3.3 C.12.1.1.2).

    Attributes
    ----------
    encodings
        Names of Python's codecs: the first for text without escape sequences, the
        others for those that an escape sequence of ISO 2022 may switch to.
    undeclared
        The codec for text that contradicts the default repertoire, where the data set
        declares no character set: what the site says of such data sets.
    """

    encodings: tuple[str, ...] = (_ASCII,)
    undeclared: str | None = None

    def decode(self, raw: bytes, delimiters: bytes = TEXT_DELIMITERS) -> str:
        """Decode text as declared; UnicodeError where the bytes contradict that."""
        if _PLAIN.fullmatch(raw):
            return raw.decode(_ASCII)
        text = self._decode(raw, delimiters, self.encodings)
        if _CONTROL.search(text):
            raise UnicodeError("a control character")
        return text

    def decode_leniently(self, raw: bytes, delimiters: bytes = TEXT_DELIMITERS) -> str:
        """Decode text that contradicts the declared character set.

        An escape sequence names its character set, even if that is not declared. Text
        without one is in a character set that was declared for escape sequences, or in
        `undeclared`, or it is valid UTF-8 as a whole and meant as that. Otherwise
        U+FFFD replaces what cannot be read: another 8-bit table would give letters that
        may be wrong.
        """
        for encodings in self._alternatives(escaped=_ESCAPE in raw):
            with suppress(UnicodeError):
                text = self._decode(raw, delimiters, encodings)
                if not _CONTROL.search(text):
                    return text
        text = raw.decode(self.undeclared or self.encodings[0], errors="replace")
        return _CONTROL.sub("\ufffd", text)

    def _alternatives(self, *, escaped: bool) -> Iterator[tuple[str, ...]]:
        """Yield what `encodings` may have to be, the most probable first."""
        if escaped:
            yield (self.encodings[0], *_ESCAPES.values())
            return
        named = [*self.encodings[1:], *((self.undeclared,) if self.undeclared else ())]
        # A single-byte table decodes nearly everything, UTF-8 too.
        for encoding in sorted([*named, "utf-8"], key=_is_improbable):
            yield (encoding,)

    @staticmethod
    def _decode(raw: bytes, delimiters: bytes, allowed: tuple[str, ...]) -> str:
        first = allowed[0]
        if _ESCAPE not in raw:
            return raw.decode(first)
        return "".join(
            _decode_escaped(fragment, first, delimiters, allowed)
            if fragment.startswith(_ESCAPE)
            else fragment.decode(first)
            for fragment in _FRAGMENT.findall(raw)
        )


def _decode_escaped(
    fragment: bytes, first: str, delimiters: bytes, allowed: tuple[str, ...]
) -> str:
    if fragment.startswith(_TO_ASCII):  # G0 alone: G1 stays that of the first set
        return fragment[len(_TO_ASCII) :].decode(first)
    length = 4 if fragment.startswith((b"\x1b$(", b"\x1b$)")) else 3
    encoding = _ESCAPES.get(fragment[:length])
    if encoding is None or encoding not in allowed:
        raise UnicodeError("an escape sequence that was not declared")
    if encoding in _SELF_ESCAPING:
        return fragment.decode(encoding)
    text = fragment[length:]
    end = next((at for at, byte in enumerate(text) if byte in delimiters), len(text))
    return text[:end].decode(encoding) + text[end:].decode(first)


def _is_improbable(encoding: str) -> int:
    """Return the rank among the codecs of text that contradicts its declaration."""
    return 0 if encoding in _DENSE else 1 if encoding == "utf-8" else 2


def undeclared_character_set(default_encoding: str) -> CharacterSet:
    """Return the character set of a data set that declares none.

    Its text is in the default repertoire (PS3.5 6.1.2.1); what contradicts that is read
    as the site says.

    Parameters
    ----------
    default_encoding
        A name of `DEFAULT_ENCODINGS`.
    """
    return CharacterSet(undeclared=DEFAULT_ENCODINGS[default_encoding])


def parse_character_set(raw: bytes) -> CharacterSet:
    r"""Parse Specific Character Set; ValueError for a term that DICOM does not have.

    Misspelt terms such as `ISO-IR 100` or `iso_ir 192` are accepted.

    Examples
    --------
    >>> parse_character_set(rb"\ISO 2022 IR 149").encodings
    ('ascii', 'euc_kr')
    """
    terms = raw.decode("latin-1").split("\\")
    return CharacterSet(tuple(_encoding_of(term.strip(" \0")) for term in terms))


def _encoding_of(term: str) -> str:
    term = term.upper()
    if match := _CHARSET_TERM.fullmatch(term):
        term = f"ISO 2022 IR {match[2]}" if match[1] else f"ISO_IR {match[2]}"
    if term in {"", "ISO_IR 6", "ISO 2022 IR 6"}:
        return _ASCII  # pydicom has Latin-1 here, which decodes any byte
    try:
        return _ENCODINGS[term]
    except KeyError:
        raise ValueError("no Specific Character Set of DICOM") from None
