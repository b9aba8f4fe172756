r"""Specific Character Set: the bytes of text become text (DICOM PS3.5 2025a, 6.1).

pydicom has the table of character sets. It does not decode here: its decoders warn with
the value in the sentence, and replace what they cannot read without saying so.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from pydicom.charset import CODES_TO_ENCODINGS, python_encoding

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


@dataclass(frozen=True, slots=True)
class CharacterSet:
    """A value of Specific Character Set (0008,0005) (PS3.3 C.12.1.1.2).

    Attributes
    ----------
    encodings
        Names of Python's codecs: the first for text without escape sequences, the
        others for those that an escape sequence of ISO 2022 may switch to.
    """

    encodings: tuple[str, ...] = (_ASCII,)

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

        Text that is valid UTF-8 as a whole is meant as UTF-8, and an escape sequence
        names its character set. Otherwise U+FFFD replaces what cannot be read: another
        8-bit table would give letters that may be wrong.
        """
        try:
            if _ESCAPE in raw:
                every = tuple(CODES_TO_ENCODINGS.values())
                text = self._decode(raw, delimiters, every)
            else:
                text = raw.decode("utf-8")
        except UnicodeError:
            text = raw.decode(self.encodings[0], errors="replace")
        return _CONTROL.sub("\ufffd", text)

    def _decode(self, raw: bytes, delimiters: bytes, allowed: tuple[str, ...]) -> str:
        first = self.encodings[0]
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
    encoding = CODES_TO_ENCODINGS.get(fragment[:length])
    if encoding is None or encoding not in allowed:
        raise UnicodeError("an escape sequence that was not declared")
    if encoding in _SELF_ESCAPING:
        return fragment.decode(encoding)
    text = fragment[length:]
    end = next((at for at, byte in enumerate(text) if byte in delimiters), len(text))
    return text[:end].decode(encoding) + text[end:].decode(first)


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
        return python_encoding[term]
    except KeyError:
        raise ValueError("no Specific Character Set of DICOM") from None
