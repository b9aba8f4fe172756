"""DICOM person names become FHIR HumanName: of performers as of patients.

DICOM PS3.5 2025a, 6.2.1. FHIR 5.0.0 datatypes.html, HumanName.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imaging_selection.dicom.person_name import parse_person_name
from imaging_selection.fhir import datatypes as fhir

if TYPE_CHECKING:
    from imaging_selection.fhir.datatypes import Resource


def human_name_of(person_name: str) -> Resource:
    """Build the HumanName of a decoded PN value; empty where it names nobody.

    A component may hold several names, with blanks between them: "Rev. John Robert
    Quincy Adams, B.A. M.Div." has three given names and two suffixes (PS3.5 6.2.1.1).

    Examples
    --------
    >>> name = human_name_of("Doe^John Paul^M^Dr^PhD")
    >>> name["family"], name["given"], name["prefix"], name["suffix"]
    ('Doe', ['John', 'Paul', 'M'], ['Dr'], ['PhD'])
    >>> name["text"]
    'Dr John Paul M Doe PhD'
    """
    name = parse_person_name(person_name)
    if name is None:
        return {}
    words = (name.prefix, name.given, name.middle, name.family, name.suffix)
    text = " ".join(filter(None, words))
    if name.others:
        text += f" ({', '.join(name.others)})"
    return fhir.without_absent(
        {
            "text": text,
            "family": name.family,
            "given": [*name.given.split(), *name.middle.split()],
            "prefix": name.prefix.split(),
            "suffix": name.suffix.split(),
        }
    )
