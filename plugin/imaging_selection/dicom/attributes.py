"""The attributes of a data set or a sequence item, read by keyword; nothing raises.

Absent, empty and wrong have the same result: there is no value. What is there but
cannot be read is noted with the code of a finding (`findings`), so that a bad value
loses nothing but itself.
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
from imaging_selection.dicom.elements import UNREADABLE, SequencePlace
from imaging_selection.dicom.entities import Moment
from imaging_selection.dicom.findings import Notes
from imaging_selection.dicom.values import (
    PADDING,
    TAGS,
    is_legal_uid,
    is_plain_integer,
    parse_date,
    parse_datetime,
    parse_decimal,
    parse_integer,
    parse_integers,
    parse_time,
    parse_uid,
    parse_utc_offset,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from imaging_selection.dicom.elements import Fields

T = TypeVar("T")

# The longest VR that is read here has 10 240 characters (PS3.5 6.2, LT): a ROI Name of
# a megabyte would be copied into every table and page.
MAXIMUM_VALUE_LENGTH: Final = 65534

_ASCII: Final = CharacterSet()  # the default repertoire (PS3.5 6.1.2.1)
_SPECIFIC_CHARACTER_SET: Final = TAGS["SpecificCharacterSet"]


@dataclass(slots=True)
class Reading:
    """What all items of one data set share while it is read.

    Attributes
    ----------
    data
        The bytes in which fields are positions.
    is_big_endian
        The byte order of binary numbers (PS3.5 7.3).
    utc_offset
        Timezone Offset From UTC (0008,0201) in minutes: for every DA and TM, and for a
        DT without an offset of its own (PS3.3 C.12.1.1.8).
    is_zone_unreadable
        That attribute has a value that is no offset.
    scheme_uids
        Coding Scheme UID by designator (0008,0110).
    undeclared
        The character set where the data set declares none.
    legal_uids, references
        UIDs and references read before (`macros.read_reference`): hundreds are the
        same.
    """

    data: bytes
    is_big_endian: bool = False
    notes: Notes = field(default_factory=Notes)
    utc_offset: int | None = None
    is_zone_unreadable: bool = False
    scheme_uids: dict[str, str] = field(default_factory=dict)
    undeclared: CharacterSet = _ASCII
    legal_uids: dict[bytes, str] = field(default_factory=dict)
    references: dict[bytes, Any] = field(default_factory=dict)

    def uid_at(self, place: object) -> tuple[str | None, str]:
        """Return a UID, and the code of the finding about it, if there is any.

        An illegal UID is returned too, if it can be used (`values.parse_uid`).
        """
        if place is None:
            return None, ""
        raw = self.data[place].strip(PADDING) if isinstance(place, slice) else None
        if raw is None or len(raw) > MAXIMUM_VALUE_LENGTH:
            return None, "unreadable-attribute"
        known = self.legal_uids.get(raw)
        if known is not None or not raw:
            return known, ""
        try:
            uid = parse_uid(raw)
        except ValueError:
            return None, "invalid-uid"
        if not is_legal_uid(uid):
            return uid, "invalid-uid"
        self.legal_uids[raw] = uid
        return uid, ""


class Attributes:
    """The attributes of a data set, or of an item in it.

    Parameters
    ----------
    fields
        Where they are, as `elements.select` found them.
    outer
        The attributes that contain this item. Its text has their character set, unless
        it has its own (PS3.3 C.12.1.1.2), and its notes are about their ROI.
    """

    __slots__ = ("characters", "fields", "reading", "roi_number")

    def __init__(
        self, reading: Reading, fields: Fields, outer: Attributes | None = None
    ) -> None:
        self.reading = reading
        self.fields = fields
        self.characters: CharacterSet = (
            reading.undeclared if outer is None else outer.characters
        )
        self.roi_number: int | None = None if outer is None else outer.roi_number
        if _SPECIFIC_CHARACTER_SET in fields:
            self.characters = self._declared()

    def __contains__(self, keyword: str) -> bool:
        """Return whether the attribute is there, even if it is empty."""
        return TAGS[keyword] in self.fields

    def has_value(self, keyword: str) -> bool:
        """Return whether the attribute, or sequence, is there and not empty."""
        place = self.fields.get(TAGS[keyword])
        if isinstance(place, SequencePlace):
            return bool(place.items)
        # A value that cannot be read is not a missing one.
        return place is UNREADABLE or bool(self._raw(keyword))

    def note(self, code: str, keyword: str) -> None:
        """Note a finding about one of the attributes."""
        self.reading.notes.add(code, keyword, self.roi_number)

    def expect(self, type_1: Iterable[str] = (), type_2: Iterable[str] = ()) -> None:
        """Note which mandatory attributes are missing (PS3.5 7.4).

        Type 1 must have a value. Type 2 may be empty: that it is missing is noted for
        the whole object, not for each ROI.
        """
        for keyword in type_1:
            if not self.has_value(keyword):
                self.note("missing-mandatory-attribute", keyword)
        for keyword in type_2:
            if keyword not in self:
                self.reading.notes.add("missing-type-2-attribute", keyword)

    def stored(self, keyword: str) -> bytes:
        """Return a value as it stands in the file, its padding included."""
        place = self.fields.get(TAGS[keyword])
        return self.reading.data[place] if isinstance(place, slice) else b""

    def text(self, keyword: str, delimiters: bytes = TEXT_DELIMITERS) -> str | None:
        """Read text (CS, LO, SH, ST, LT, UC, UR) whole, a backslash included."""
        raw = self._raw(keyword)
        if not raw:
            return None
        try:
            text = self.characters.decode(raw, delimiters)
        except UnicodeError:
            self.note("charset", keyword)
            text = self.characters.decode_leniently(raw, delimiters)
        # A form feed is legal in ST and LT, and illegal in FHIR and XML.
        return text.replace("\f", "\n").strip() or None

    def texts(self, keyword: str, delimiters: bytes = TEXT_DELIMITERS) -> list[str]:
        """Read text of several values, without the empty ones."""
        # Decode first: in GBK and Shift JIS the second byte of a letter may be the one
        # of a backslash.
        values = (self.text(keyword, delimiters) or "").split("\\")
        return [stripped for value in values if (stripped := value.strip())]

    def name(self, keyword: str) -> str | None:
        """Read a person's name (PN)."""
        return self.text(keyword, NAME_DELIMITERS)

    def names(self, keyword: str) -> list[str]:
        """Read the names of several persons (PN)."""
        return self.texts(keyword, NAME_DELIMITERS)

    def integer(self, keyword: str, code: str = "invalid-number") -> int | None:
        """Read an integer (IS); an unusual notation of it is noted.

        Parameters
        ----------
        code
            Of the finding about a value that is no integer.
        """
        number = self._parse(parse_integer, keyword, code)
        if number is not None:
            self._note_notation(keyword)
        return number

    def own_roi_number(self, keyword: str) -> int | None:
        """Read the number of the ROI that the item is about; its notes carry it."""
        if not self.has_value(keyword):
            self.note("invalid-roi-number", keyword)
        self.roi_number = self._parse(parse_integer, keyword, "invalid-roi-number")
        if self.roi_number is not None:
            self._note_notation(keyword)
        return self.roi_number

    def integers(self, keyword: str) -> tuple[int, ...]:
        """Read several integers (IS): all of them, or none."""
        if TAGS[keyword] not in self.fields:
            return ()
        numbers = self._parse(parse_integers, keyword, "invalid-number") or ()
        if numbers:
            self._note_notation(keyword)
        return numbers

    def _note_notation(self, keyword: str) -> None:
        """Note integers whose notation not every reader understands."""
        if not all(map(is_plain_integer, self._raw(keyword).split(b"\\"))):
            self.note("invalid-number", keyword)

    def binary(self, keyword: str, kind: str) -> tuple[Any, ...]:
        """Read binary numbers, such as US as `H` of `struct`: all of them, or none."""
        place = self.fields.get(TAGS[keyword])
        if place is None:
            return ()
        order = ">" if self.reading.is_big_endian else "<"
        raw = self.reading.data[place] if isinstance(place, slice) else b""
        count, rest = divmod(len(raw), struct.calcsize(f"<{kind}"))
        if place is not UNREADABLE and not rest and len(raw) <= MAXIMUM_VALUE_LENGTH:
            return struct.unpack(f"{order}{count}{kind}", raw)
        self.note("invalid-number", keyword)
        return ()

    def decimal(self, keyword: str) -> str | None:
        """Read a number (DS) with its digits as they are written."""
        return self._parse(parse_decimal, keyword, "invalid-number")

    def uid(self, keyword: str) -> str | None:
        """Read a UID (UI); an illegal one is noted, and returned if it can be used."""
        uid, fault = self.reading.uid_at(self.fields.get(TAGS[keyword]))
        if fault:
            self.note(fault, keyword)
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

    def _declared(self) -> CharacterSet:
        """Read Specific Character Set; empty, it declares none."""
        keyword = "SpecificCharacterSet"
        if not self.has_value(keyword):
            return self.reading.undeclared
        return self._parse(parse_character_set, keyword, "charset") or _ASCII

    def _in_zone(self, moment: Moment) -> Moment:
        reading = self.reading
        return replace(
            moment,
            utc_offset=reading.utc_offset,
            is_zone_unreadable=reading.is_zone_unreadable,
        )

    def items(self, keyword: str) -> Iterator[Attributes]:
        """Yield the items of a sequence (SQ); one that cannot be read is noted."""
        for fields in self.made(keyword):
            yield Attributes(self.reading, fields, self)

    def made(self, keyword: str) -> list[Any]:
        """Return what `elements.Template.make` returned for each item of a sequence."""
        place = self.fields.get(TAGS[keyword])
        if place is None:
            return []
        made = place.items if isinstance(place, SequencePlace) else [UNREADABLE]
        if UNREADABLE not in made:
            return made
        for _ in range(made.count(UNREADABLE)):
            self.note("unreadable-attribute", keyword)
        return [each for each in made if each is not UNREADABLE]

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
        place = self.fields.get(TAGS[keyword])
        if place is None:
            return b""
        if isinstance(place, slice):
            raw = self.reading.data[place]
            if len(raw) <= MAXIMUM_VALUE_LENGTH:
                return raw.strip(PADDING)
        self.note("unreadable-attribute", keyword)
        return b""
