r"""The bytes of one DICOM value become a Python value, or ValueError (PS3.5 2025a 6.2).

Deviations with one meaning are accepted: padding, the dates of ACR-NEMA, `1.0` for an
integer, a UID with letters (`is_plain_integer` and `is_legal_uid` say whether there is
one). What would be a guess is refused. No error quotes the value: it may identify a
patient.

Text is decoded in `character_sets`. The conversions are not pydicom's: those warn and
log with the value in the sentence, and can be silenced only for the whole process, not
for a thread.
"""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Final

from pydicom.datadict import keyword_dict

from imaging_selection.dicom.entities import Moment

TAGS: Final = keyword_dict  # DICOM keyword -> tag, of the whole dictionary (PS3.6)
PADDING: Final = b" \0"  # PS3.5 6.2: SPACE for text, NUL for UI; files swap them
INTEGER_LIMIT: Final = 2**31  # IS is a signed 32-bit integer

_PLAIN_INTEGER = re.compile(rb"0|-?[1-9][0-9]*")
_BLANKS: Final = PADDING + b"\t\n\v\f\r"  # around a number, readers skip all of them
#: A DS value without its padding: the one grammar of it.
DECIMAL_STRING: Final = re.compile(
    rb"(?P<sign>[+-]?)(?=\.?[0-9])(?P<whole>[0-9]*)(?P<fraction>\.?[0-9]*)"
    rb"(?P<exponent>(?:[eE][+-]?[0-9]+)?)"
)
_MAXIMUM_UID: Final = 64  # characters (PS3.5 9.1)
_UID_LETTERS = re.compile(rb"[A-Za-z0-9.\-]*")
_LEGAL_UID = re.compile(r"(?:0|[1-9][0-9]*)(?:\.(?:0|[1-9][0-9]*))*")
_DATE = re.compile(rb"([0-9]{4})(\.?)([0-9]{2})\2([0-9]{2})")
_TIME = re.compile(
    rb"([0-9]{2})(?:(:?)([0-9]{2})(?:\2([0-9]{2})(\.[0-9]{1,9})?)?)?",
)
_DATETIME = re.compile(
    rb"(?:([0-9]{4}|[0-9]{6})|([0-9]{8})([0-9]{2,6}(?:\.[0-9]{1,9})?)?)([+-][0-9]{4})?"
)
_UTC_OFFSET = re.compile(rb"([+-])([0-9]{2})([0-5][0-9])")
_ASCII: Final = "ascii"


def label_of(keyword: str) -> str:
    """Return the keyword and the tag of an attribute, as messages name it.

    Examples
    --------
    >>> label_of("SOPClassUID")
    'SOPClassUID (0008,0016)'
    """
    tag = TAGS[keyword]
    return f"{keyword} ({tag >> 16:04X},{tag & 0xFFFF:04X})"


def parse_integer(raw: bytes) -> int:
    """Parse an IS value, in any notation that has one meaning.

    See `is_plain_integer` for those that differ from the usual one.

    Examples
    --------
    >>> parse_integer(b" 7 "), parse_integer(b"+007"), parse_integer(b"7.0")
    (7, 7, 7)
    """
    text = raw.strip(_BLANKS)
    if not DECIMAL_STRING.fullmatch(text):
        raise ValueError("no integer string")
    try:
        number = Decimal(text.decode(_ASCII))
    except InvalidOperation as cause:  # an exponent of more than 18 digits
        raise ValueError("no integer string") from cause
    # The range first: the integer of `1e999999` would fill the memory.
    if not -INTEGER_LIMIT <= number < INTEGER_LIMIT:
        raise ValueError("an integer string beyond 32 bits")
    if number != int(number):
        raise ValueError("no integer string but a fraction")
    return int(number)


def is_plain_integer(raw: bytes) -> bool:
    """Return whether an IS value has the notation that every reader understands.

    That is: digits without a plus sign, leading zeros or a decimal point, in any
    padding.

    Examples
    --------
    >>> is_plain_integer(b" 7 "), is_plain_integer(b"+007"), is_plain_integer(b"7.0")
    (True, False, False)
    """
    return _PLAIN_INTEGER.fullmatch(raw.strip(PADDING)) is not None


def parse_integers(raw: bytes) -> tuple[int, ...]:
    r"""Parse an IS value of several integers.

    Examples
    --------
    >>> parse_integers(rb"3\ 5")
    (3, 5)
    """
    return tuple(map(parse_integer, raw.split(b"\\")))


def parse_decimal(raw: bytes) -> str:
    """Check a DS value and return its text: the digits stay as they are."""
    text = raw.strip(PADDING)
    if not DECIMAL_STRING.fullmatch(text):
        raise ValueError("no decimal string")
    return text.decode(_ASCII)


def parse_uid(raw: bytes) -> str:
    """Parse a UI value (PS3.5 9.1), also an illegal one that FHIR's type `id` can hold.

    Anonymizers write letters, trailing dots and leading zeros. Such a UID identifies
    its object nevertheless; see `is_legal_uid`.

    Raises
    ------
    ValueError
        Its message says why, to follow the name of the attribute.
    """
    text = raw.strip(PADDING)
    if not text:
        raise ValueError("is missing, or has no UID")
    if not _UID_LETTERS.fullmatch(text):
        raise ValueError(
            "is there, but has characters that neither a UID nor FHIR's type id has:"
            " others than letters, digits, hyphens and dots"
        )
    if len(text) > _MAXIMUM_UID:
        raise ValueError(
            f"is there, but longer than a UID and FHIR's type id may be: {len(text)}"
            f" characters, {_MAXIMUM_UID} at most"
        )
    return text.decode(_ASCII)


def is_legal_uid(uid: str) -> bool:
    """Return whether a UID of at most 64 characters follows the rules of PS3.5 9.1.

    Examples
    --------
    >>> is_legal_uid("1.20.0.4"), is_legal_uid("1.02.4"), is_legal_uid("1.2.")
    (True, False, False)
    """
    return _LEGAL_UID.fullmatch(uid) is not None


def parse_date(raw: bytes) -> str:
    """Parse a DA value, or the older `YYYY.MM.DD`, as `YYYYMMDD`.

    Examples
    --------
    >>> parse_date(b"2021.02.28")
    '20210228'
    """
    match = _DATE.fullmatch(raw.strip(PADDING))
    if match is None:
        raise ValueError("no date")
    year, month, day = match[1], match[3], match[4]
    date(int(year), int(month), int(day))  # ValueError where the calendar has none
    return (year + month + day).decode(_ASCII)


def parse_time(raw: bytes) -> str:
    """Parse a TM value, or the older `HH:MM:SS`, to the precision that it has.

    Returns
    -------
    `HH`, `HHMM`, `HHMMSS` or `HHMMSS.F…`. Second 60 is a leap second.
    """
    match = _TIME.fullmatch(raw.strip(PADDING))
    if match is None:
        raise ValueError("no time")
    hour, _, minute, second, fraction = match.groups(b"")
    in_range = int(hour) < 24 and int(minute or 0) < 60 and int(second or 0) <= 60  # noqa: PLR2004 - a clock
    if not in_range:
        raise ValueError("no time of day")
    return (hour + minute + second + fraction).decode(_ASCII)


def parse_datetime(raw: bytes) -> Moment:
    """Parse a DT value, and its UTC offset if it has one.

    A value may end after its year or its month.

    Examples
    --------
    >>> parse_datetime(b"20210228113005.5+0130").utc_offset
    90
    """
    match = _DATETIME.fullmatch(raw.strip(PADDING))
    if match is None:
        raise ValueError("no date and time")
    month, day, time, offset = match.groups()
    day = day or month
    parse_date(day + b"0101"[len(day) - 4 :])  # ValueError: the calendar has none
    return Moment(
        date=day.decode(_ASCII),
        time=None if time is None else parse_time(time),
        utc_offset=None if offset is None else parse_utc_offset(offset),
    )


def parse_utc_offset(raw: bytes) -> int:
    """Parse `±HHMM` as minutes east of UTC (PS3.3 C.12.1.1.8; PS3.5 6.2, DT)."""
    text = raw.strip(PADDING)
    match = _UTC_OFFSET.fullmatch(text)
    if match is None or text == b"-0000":  # legal in RFC 2822, not in DICOM
        raise ValueError("no offset from UTC")
    minutes = int(match[2]) * 60 + int(match[3])
    signed = -minutes if match[1] == b"-" else minutes
    if not -12 * 60 <= signed <= 14 * 60:
        raise ValueError("an offset from UTC that does not exist")
    return signed
