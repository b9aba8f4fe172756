"""Nomenclatures: tables that give the name of a ROI a code.

AAPM TG-263 is shipped (`data/tg263.csv`, with its source, and corrections); a site may
have a dictionary of its own. A name is in a table or it is not: nothing is guessed.

AAPM Report 263 (TG-263); HL7 mCODE 4.0.0, ConceptMap TG263CM.
"""

from __future__ import annotations

import csv
import hashlib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Final

from imaging_selection.errors import DictionaryError
from imaging_selection.fhir import canonicals
from imaging_selection.fhir.datatypes import identifier_system, is_code

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from imaging_selection.mapping.choices import Names

TG263: Final = "http://hl7.org/fhir/us/mcode/CodeSystem/tg263-cs"
_TG263_VERSION = "4.0.0"
_COLUMNS = ["name", "system", "code", "display", "laterality"]

# SNOMED CT, the sides of CID 244; as the map of mCODE uses them.
LATERALITIES: Final[Mapping[str, str]] = {
    "7771000": "Left",
    "24028007": "Right",
    "51440002": "Right and left",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """What a nomenclature says of a name.

    Attributes
    ----------
    code
        None if the nomenclature has the name, and no code for it.
    laterality
        A code of `LATERALITIES`.
    qualifiers
        Code and display of other qualifiers, such as middle, in SNOMED CT.
    """

    name: str
    system: str
    code: str | None
    display: str | None
    laterality: str | None = None
    qualifiers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Match:
    """A name that a nomenclature has.

    Attributes
    ----------
    source, version
        Of the nomenclature.
    is_exact
        False: the same up to case and separators, and no other entry is.
    """

    entry: Entry
    source: str
    version: str
    is_exact: bool


class Nomenclature:
    """A table of names.

    Parameters
    ----------
    names
        The entries, each with a name that it has; of an equal name the first counts. A
        name of different entries has none of them.
    """

    def __init__(
        self, source: str, version: str, names: Iterable[tuple[str, Entry]]
    ) -> None:
        self.source = source
        self.version = version
        self._exact: dict[str, Entry | None] = {}
        self._folded: dict[str, Entry | None] = {}
        for name, entry in names:
            _put(self._exact, name, entry)
            _put(self._folded, fold(name), entry)

    def find(self, name: str) -> Match | None:
        """Look a name up: as it is written, then up to case and separators."""
        if entry := self._exact.get(name):
            return Match(entry, self.source, self.version, is_exact=True)
        if entry := self._folded.get(fold(name)):
            return Match(entry, self.source, self.version, is_exact=False)
        return None


def _put(table: dict[str, Entry | None], name: str, entry: Entry) -> None:
    known = table.setdefault(name, entry)
    if known is not None and known.name != entry.name:
        table[name] = None


def fold(name: str) -> str:
    """Leave out the case of letters, and blanks, hyphens, dots and underscores.

    Examples
    --------
    >>> fold("Lung_L") == fold("LUNG L") == fold("lung-l")
    True
    """
    return name.casefold().translate(_SEPARATORS)


_SEPARATORS = str.maketrans(dict.fromkeys(" -._"))


def nomenclatures_of(names: Names) -> list[Nomenclature]:
    """List what is chosen: the site's dictionary, then TG-263."""
    return [
        *([parse_dictionary(names.dictionary)] if names.dictionary else []),
        *([tg263()] if names.tg263 else []),
    ]


@cache
def tg263() -> Nomenclature:
    """Read TG-263: its names in primary and in reverse order."""
    corrections = {row["name"]: row for row in _rows("tg263-corrections.csv")}
    names = []
    for published in _rows("tg263.csv"):
        row = published | corrections.get(published["name"], {})
        entry = Entry(
            row["name"],
            canonicals.SCT,
            row["code"] or None,
            row["display"],
            row["laterality"] or None,
            tuple(_qualifiers(row["qualifiers"])),
        )
        names += [(name, entry) for name in (row["name"], row["reverse"]) if name]
    return Nomenclature(TG263, _TG263_VERSION, names)


def _rows(file: str) -> list[dict[str, str]]:
    text = (resources.files("imaging_selection") / "data" / file).read_text("utf-8")
    return [*csv.DictReader(text.splitlines()[1:])]


def _qualifiers(text: str) -> Iterable[tuple[str, str]]:
    for each in filter(None, text.split(";")):
        code, _, display = each.partition("=")
        yield code, display


@cache
def parse_dictionary(text: str) -> Nomenclature:
    """Read a site's dictionary.

    Parameters
    ----------
    text
        CSV with the columns name, system, code, display and laterality, the first line
        being these words. The system is a URI; the laterality is empty, or a code of
        `LATERALITIES`.

    Raises
    ------
    DictionaryError
        Its text names the line at fault.
    """
    reader = csv.DictReader(text.removeprefix("\ufeff").splitlines(), strict=True)
    names = {}
    try:
        if reader.fieldnames != _COLUMNS:
            raise DictionaryError(f"line 1 must be {','.join(_COLUMNS)}")
        for row in reader:
            if row["name"] in names:
                raise DictionaryError(f"line {reader.line_num} repeats a name")
            if fault := _fault_of(row):
                raise DictionaryError(f"line {reader.line_num}: {fault}")
            names[row["name"]] = Entry(
                **row | {"laterality": row["laterality"] or None}
            )
    except csv.Error as cause:
        raise DictionaryError(f"line {reader.reader.line_num} is no CSV") from cause
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    return Nomenclature("dictionary of the site", digest, names.items())


def _fault_of(row: dict[str, str | None]) -> str | None:
    """Say what is wrong with a line; None if nothing is."""
    if None in row or None in row.values():
        return f"not {len(_COLUMNS)} values"
    system, code, side = row["system"], row["code"], row["laterality"]
    if not row["name"] or not row["display"]:
        return "name and display must not be empty"
    if not system or identifier_system(system) != system:
        return "the system is no URI"
    if not code or not is_code(code):
        return "the code is none that FHIR allows"
    if side and side not in LATERALITIES:
        return f"the laterality is none of {', '.join(LATERALITIES)}"
    return None
