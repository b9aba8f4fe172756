"""The attributes of a data set or a sequence item, read by keyword and never raising.

Absent, empty and wrong come to the same here: there is no value. What was there but
could not be read is noted under the code of a finding (`findings`), so that one bad
value costs itself alone.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, TypeVar

from imaging_selection.dicom.character_sets import (
    NAME_DELIMITERS,
    TEXT_DELIMITERS,
    CharacterSet,
    parse_character_set,
)
from imaging_selection.dicom.entities import Moment
from imaging_selection.dicom.findings import Notes
from imaging_selection.dicom.values import (
    PADDING,
    TAGS,
    has_leading_zero,
    parse_date,
    parse_datetime,
    parse_decimal,
    parse_integer,
    parse_time,
    parse_uid,
    parse_utc_offset,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from imaging_selection.dicom.elements import Fields

T = TypeVar("T")

# No value read here may be longer than this (PS3.5 6.2: 10 240 characters, LT); a
# megabyte of ROI Name would be carried through every table and page.
LONGEST_VALUE: Final = 65534
_TOO_LONG: Final = (0, LONGEST_VALUE + 1)  # the place of what cannot be read

_ASCII: Final = CharacterSet()  # the default repertoire (PS3.5 6.1.2.1)
_SPECIFIC_CHARACTER_SET: Final = TAGS["SpecificCharacterSet"]
_NO_SEQUENCE: Final = (0, 0, ())  # start, end, items: as `elements.select` tells one
_BROKEN: Final = (None,)  # items of a sequence: one that cannot be read


@dataclass(slots=True)
class Reading:
    """What all items of one data set share while it is read.

    Attributes
    ----------
    data
        What the positions of fields count in.
    is_big_endian
        Binary numbers are (PS3.5 7.3).
    utc_offset
        Timezone Offset From UTC (0008,0201) in minutes: for every DA and TM, and for a
        DT that states none (PS3.3 C.12.1.1.8).
    is_zone_unreadable
        That attribute is there, and no offset.
    scheme_uids
        Coding Scheme UID by designator (0008,0110).
    legal_uids
        UIDs read before: those of SOP Classes come hundreds of times.
    """

    data: bytes
    is_big_endian: bool = False
    notes: Notes = field(default_factory=Notes)
    utc_offset: int | None = None
    is_zone_unreadable: bool = False
    scheme_uids: dict[str, str] = field(default_factory=dict)
    legal_uids: dict[bytes, str] = field(default_factory=dict)


class Attributes:
    """The attributes of a data set, or of an item in it.

    Parameters
    ----------
    fields
        Where they stand, as `elements.select` found them.
    outer
        The attributes of which this is an item: text here has their character set,
        unless the item states its own (PS3.3 C.12.1.1.2), and notes are about their
        ROI.
    """

    __slots__ = ("_fields", "characters", "reading", "roi_number")

    def __init__(
        self, reading: Reading, fields: Fields, outer: Attributes | None = None
    ) -> None:
        self.reading = reading
        self._fields = fields
        self.characters: CharacterSet = _ASCII if outer is None else outer.characters
        self.roi_number: int | None = None if outer is None else outer.roi_number
        if _SPECIFIC_CHARACTER_SET in fields:
            self.characters = (
                self._parse(parse_character_set, "SpecificCharacterSet", "charset")
                or _ASCII
            )

    def __contains__(self, keyword: str) -> bool:
        """Tell whether the attribute is there, be it empty."""
        return TAGS[keyword] in self._fields

    def has_value(self, keyword: str) -> bool:
        """Tell whether the attribute is there and not empty, a sequence included."""
        place = self._fields.get(TAGS[keyword], _NO_SEQUENCE)
        if place is None:  # a value that cannot be read is none that is missing
            return True
        return bool(place[2] if len(place) == len(_NO_SEQUENCE) else self._raw(keyword))

    def note(self, code: str, keyword: str) -> None:
        """Note something about one of the attributes."""
        self.reading.notes.add(code, keyword, self.roi_number)

    def expect(self, type_1: Iterable[str] = (), type_2: Iterable[str] = ()) -> None:
        """Note which mandatory attributes are not there (PS3.5 7.4).

        Type 1 must have a value. Type 2 may be empty: its absence is told of the
        structure set, not of each ROI.
        """
        for keyword in type_1:
            if not self.has_value(keyword):
                self.note("missing-mandatory-attribute", keyword)
        for keyword in type_2:
            if keyword not in self:
                self.reading.notes.add("missing-type-2-attribute", keyword)

    def text(self, keyword: str, delimiters: bytes = TEXT_DELIMITERS) -> str | None:
        """Read text (CS, LO, SH, ST, LT, UC, UR) whole, a backslash included."""
        raw = self._raw(keyword)
        if not raw:
            return None
        try:
            text = self.characters.decode(raw, delimiters)
        except UnicodeError:
            self.note("charset", keyword)
            text = self.characters.decode_somehow(raw, delimiters)
        # A form feed, legal in ST and LT, is not in FHIR nor in XML.
        return text.replace("\f", "\n").strip() or None

    def texts(self, keyword: str, delimiters: bytes = TEXT_DELIMITERS) -> list[str]:
        """Read text of several values; empty ones are left out."""
        # Split once decoded: in GBK and Shift JIS the second byte of a letter may be
        # that of a backslash.
        values = (self.text(keyword, delimiters) or "").split("\\")
        return [stripped for value in values if (stripped := value.strip())]

    def name(self, keyword: str) -> str | None:
        """Read a person's name (PN)."""
        return self.text(keyword, NAME_DELIMITERS)

    def names(self, keyword: str) -> list[str]:
        """Read the names of several persons (PN)."""
        return self.texts(keyword, NAME_DELIMITERS)

    def integer(self, keyword: str, code: str = "invalid-number") -> int | None:
        """Read an integer (IS)."""
        return self._parse(parse_integer, keyword, code)

    def integers(self, keyword: str) -> tuple[int, ...]:
        """Read several integers (IS): all of them, or none."""
        return self._parse(_parse_integers, keyword, "invalid-number") or ()

    def binary(self, keyword: str, kind: str) -> tuple[Any, ...]:
        """Read binary numbers, such as US as `H` of `struct`: all of them, or none."""
        start, end = self._fields.get(TAGS[keyword], (0, 0)) or _TOO_LONG
        count, rest = divmod(end - start, struct.calcsize(f"<{kind}"))
        if rest or end - start > LONGEST_VALUE:
            self.note("invalid-number", keyword)
            return ()
        order = ">" if self.reading.is_big_endian else "<"
        return struct.unpack(f"{order}{count}{kind}", self.reading.data[start:end])

    def decimal(self, keyword: str) -> str | None:
        """Read a number (DS) in its own digits."""
        return self._parse(parse_decimal, keyword, "invalid-number")

    def uid(self, keyword: str) -> str | None:
        """Read a UID (UI)."""
        raw = self._raw(keyword)
        known = self.reading.legal_uids.get(raw)
        if known is not None:
            return known
        uid = self._parse(parse_uid, keyword, "invalid-uid")
        if uid is None:
            return None
        if has_leading_zero(uid):
            self.note("invalid-uid", keyword)
        else:
            self.reading.legal_uids[raw] = uid
        return uid

    def utc_offset(self, keyword: str) -> int | None:
        """Read an offset from UTC in minutes (SH)."""
        return self._parse(parse_utc_offset, keyword, "invalid-date")

    def moment(self, date_keyword: str, time_keyword: str) -> Moment | None:
        """Read a date (DA) and a time (TM); without a date there is no moment."""
        date = self._parse(parse_date, date_keyword, "invalid-date")
        time = self._parse(parse_time, time_keyword, "invalid-date")
        return None if date is None else self._in_zone(Moment(date, time, None))

    def datetime(self, keyword: str) -> Moment | None:
        """Read a date and time (DT)."""
        moment = self._parse(parse_datetime, keyword, "invalid-date")
        if moment is None or moment.utc_offset is not None:
            return moment
        return self._in_zone(moment)

    def _in_zone(self, moment: Moment) -> Moment:
        reading = self.reading
        return replace(
            moment,
            utc_offset=reading.utc_offset,
            is_zone_unreadable=reading.is_zone_unreadable,
        )

    def items(self, keyword: str) -> Iterator[Attributes]:
        """Read the items of a sequence (SQ); what cannot be read costs itself alone."""
        place = self._fields.get(TAGS[keyword], _NO_SEQUENCE)
        for fields in _BROKEN if place is None else place[2]:
            if fields is None:
                self.note("unreadable-attribute", keyword)
            else:
                yield Attributes(self.reading, fields, self)

    def _parse(self, parse: Callable[[bytes], T], keyword: str, code: str) -> T | None:
        raw = self._raw(keyword)
        if not raw:
            return None
        try:
            return parse(raw)
        except ValueError:
            self.note(code, keyword)
            return None

    def _raw(self, keyword: str) -> bytes:
        tag = TAGS[keyword]
        if tag not in self._fields:
            return b""
        start, end = self._fields[tag] or _TOO_LONG
        if end - start > LONGEST_VALUE:
            self.note("unreadable-attribute", keyword)
            return b""
        return self.reading.data[start:end].strip(PADDING)


def _parse_integers(raw: bytes) -> tuple[int, ...]:
    return tuple(parse_integer(value) for value in raw.split(b"\\"))
