"""Make the values of a resource and those of a search comparable.

Both sides of a comparison pass through the same functions here: they fold text, remove
the `urn:oid:` of a UID, and turn a date into an interval. FHIR R5 search.html, 3.2.1.5
(string, token, date).
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from calendar import monthrange
from datetime import MAXYEAR, UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from imaging_selection.fhir.canonicals import DICOM_UID, URI

if TYPE_CHECKING:
    from datetime import tzinfo

# The maximum length of an index entry, in characters: PostgreSQL refuses 2.7 kB.
MAXIMUM_LENGTH = 200

_URN_OID = "urn:oid:"
_UID_SYSTEMS = {"", DICOM_UID, URI}
_SECOND = 1_000_000
_MINUTE = 60 * _SECOND
_DAY = 24 * 60 * _MINUTE
_EPOCH = date(1970, 1, 1).toordinal()

_NOT_STORABLE = re.compile("[\0\ud800-\udfff]")
_DATE = re.compile(
    r"([0-9]{4})(?:-(0[1-9]|1[0-2])(?:-(0[1-9]|[12][0-9]|3[01])"
    r"(?:T([01][0-9]|2[0-3]):([0-5][0-9])(?::([0-5][0-9]|60)(?:\.([0-9]+))?)?"
    r"(Z|[ +-](?:(?:0[0-9]|1[0-3]):[0-5][0-9]|14:00))?)?)?)?"
)


def fold(text: str) -> str:
    """Return a text without case, accents and repeated blanks.

    The fold of a text begins with the fold of each of its prefixes.

    Examples
    --------
    >>> fold("Moelle ÉPINIÈRE"), fold("Œdème  ﬁn")
    ('moelle epiniere', 'œdeme fin')
    """
    if text.isascii():
        return " ".join(text.lower().split()) or text
    plain = "".join(
        letter
        for letter in unicodedata.normalize("NFKD", text)
        if not unicodedata.combining(letter)
    )
    # casefold() can yield characters that decompose, and NFKD can yield capitals.
    plain = unicodedata.normalize("NFKD", plain.casefold()).casefold()
    plain = "".join(each for each in plain if not unicodedata.combining(each))
    return " ".join(plain.split()) or text


def fold_entry(text: str) -> str:
    """Fold a text and cut it to the length of an index entry."""
    return fold(text)[:MAXIMUM_LENGTH]


def is_storable(text: str) -> bool:
    """Return whether each database can store a text: PostgreSQL refuses NUL."""
    return _NOT_STORABLE.search(text) is None


def shorten(text: str) -> str:
    """Replace a text that is too long for an index entry by its hash."""
    if len(text) <= MAXIMUM_LENGTH:
        return text
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def bare_uid(text: str) -> str:
    """Remove `urn:oid:`: clients write a UID with it or without it."""
    return text.removeprefix(_URN_OID)


def of_type(code: str, value: str) -> str:
    """Return the index entry of an identifier with a code of its type."""
    return shorten(f"{code}|{bare_uid(value)}")


def true_sop_class(text: str) -> str:
    """Return the UID of a SOP Class, also for the code that the guide misspells."""
    uid = bare_uid(text)
    return uid.removeprefix("1") if uid.startswith("11.2.840.10008.") else uid


def uid_system(system: str) -> str:
    """Return the one system of UIDs for each system that a client may name for it."""
    return DICOM_UID if system in _UID_SYSTEMS else system


def after_prefix(prefix: str) -> str | None:
    """Return the first text after all that begin with a prefix; None without one.

    Examples
    --------
    >>> after_prefix("ptv")
    'ptw'
    """
    stem = prefix.rstrip("\U0010ffff")
    if not stem:
        return None
    following = ord(stem[-1]) + 1
    if following == 0xD800:  # noqa: PLR2004 - surrogates are not characters
        following = 0xE000
    return stem[:-1] + chr(following)


def interval_of(text: str, zone: tzinfo = UTC) -> tuple[int, int] | None:
    """Return the interval of a date (R5 search.html 3.2.1.5.9).

    Parameters
    ----------
    text
        A year, up to a fraction of a second. A blank before the offset is a `+` that
        the client did not escape in the URL.
    zone
        The zone of a date without an offset.

    Returns
    -------
    (start, end) or None
        Microseconds since 1970 in UTC, the end excluded; None if the text is no date.

    Examples
    --------
    >>> interval_of("1970-01-01T00:00Z")
    (0, 60000000)
    """
    found = _DATE.fullmatch(text)
    if found is None or text.startswith("0000"):
        return None
    year, month, day, hour, minute, second, fraction, offset = found.groups()
    try:
        first = date(int(year), int(month or 1), int(day or 1))
    except ValueError:  # the 30th of February
        return None
    days = first.toordinal() - _EPOCH
    start = days * _DAY
    if hour is None:
        end = (_days_to_next(first, month, day) + days) * _DAY
        return (
            start - _offset_of_zone(start, zone),
            end - _offset_of_zone(end, zone),
        )
    start += int(hour) * 60 * _MINUTE + int(minute) * _MINUTE
    width = _MINUTE
    if second is not None:
        start += int(second) * _SECOND + int((fraction or "0")[:6].ljust(6, "0"))
        width = max(1, 10 ** (6 - len(fraction))) if fraction else _SECOND
    shift = _offset(offset) if offset else _offset_of_zone(start, zone)
    return start - shift, start + width - shift


def _days_to_next(first: date, month: str | None, day: str | None) -> int:
    if day is not None:
        return 1
    if month is not None:
        return monthrange(first.year, first.month)[1]
    return date(first.year, 12, 31).toordinal() - first.toordinal() + 1


def _offset(text: str) -> int:
    if text == "Z":
        return 0
    size = int(text[1:3]) * 60 + int(text[4:6])
    return (-size if text[0] == "-" else size) * _MINUTE


def _offset_of_zone(local: int, zone: tzinfo) -> int:
    ordinal, rest = divmod(local, _DAY)
    ordinal = min(ordinal + _EPOCH, date(MAXYEAR, 12, 31).toordinal())
    moment = datetime.fromordinal(ordinal) + timedelta(microseconds=rest)
    offset = moment.replace(tzinfo=zone).utcoffset() or timedelta()
    return offset // timedelta(microseconds=1)
