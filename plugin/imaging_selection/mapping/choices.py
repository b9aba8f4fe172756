"""What goes into a mapping besides the DICOM object, and what comes out of it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from imaging_selection.dicom.character_sets import LATIN_1

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from imaging_selection.dicom.findings import Finding
    from imaging_selection.fhir.datatypes import Resource

# Raise it when the same DICOM object would become other resources.
MAPPING_VERSION = 5


@dataclass(frozen=True, slots=True)
class Names:
    """Whether ROI Names are looked up in nomenclatures.

    Attributes
    ----------
    tg263
        AAPM TG-263, which is shipped.
    dictionary
        The text of a site's own dictionary (`nomenclature.parse_dictionary`).
    report
        A name that is in none of them is a finding.
    """

    tg263: bool = False
    dictionary: str | None = None
    report: bool = False


@dataclass(frozen=True, slots=True)
class Choices:
    """The settings that shape a resource; `docs/configuration.md` explains each.

    Two are no settings of the plugin. `default_encoding` is Orthanc's `DefaultEncoding`
    (`dicom.character_sets.DEFAULT_ENCODINGS`). `endpoint` is a reference to the
    DICOMweb server that has the DICOM object; it depends on Orthanc's other plugins.
    """

    levels: tuple[str, ...] = ("StructureSet", "Roi", "SourceImages")
    sop_class_coding: str = "Profile"
    timezone: ZoneInfo | None = None
    patient_identifier_system: str | None = None
    accession_number_system: str | None = None
    endpoint: str | None = None
    default_encoding: str = LATIN_1
    measurements: bool = False
    names: Names = Names()


@dataclass(frozen=True, slots=True)
class Mapped:
    """What a DICOM object became, in the order of the file."""

    resources: tuple[Resource, ...]
    findings: tuple[Finding, ...]


def version_of(choices: Choices) -> str:
    """Return the mapping version: this code's version and a digest of the choices.

    Resources of another mapping version must be made again.
    """
    text = repr(choices).encode()
    return f"{MAPPING_VERSION}-{hashlib.sha256(text).hexdigest()[:8]}"
