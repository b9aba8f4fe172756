"""What DICOM objects of every kind say, as frozen values in the words of DICOM.

Codes, references, moments, people and equipment, as in the macros and the general
modules. What is absent is None or an empty tuple: nothing is ever invented. Text is
decoded, without padding, and never empty.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from imaging_selection.dicom.findings import Finding


@dataclass(frozen=True, slots=True)
class Code:
    """One item of a code sequence (PS3.3 8.8, Code Sequence Macro).

    Attributes
    ----------
    value
        Code Value, Long Code Value or URN Code Value, whichever the item has.
    designator
        Coding Scheme Designator; absent only beside a URN.
    scheme_uid
        Coding Scheme UID, from the item itself or from the Coding Scheme
        Identification Sequence (0008,0110) entry of the same designator.
    is_urn
        The value is a URN Code Value (0008,0120).
    """

    value: str
    designator: str | None
    meaning: str | None = None
    version: str | None = None
    scheme_uid: str | None = None
    modifiers: tuple[Code, ...] = ()
    is_urn: bool = False


class SopReference(NamedTuple):  # made in a third of the time of a dataclass
    """A reference to another SOP Instance (PS3.3 10.8, its Reference Macro)."""

    sop_class_uid: str | None
    sop_instance_uid: str
    frames: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class ReferencedInstances:
    """Instances of one series that a list names (PS3.3 C.12.2, C.12.4, C.17.2.1).

    Attributes
    ----------
    study_instance_uid, series_instance_uid
        Where they are; None when the list does not say.
    instances
        Of any SOP Class, not of images alone; empty when a series is named as a whole.
    """

    study_instance_uid: str | None
    series_instance_uid: str | None
    instances: tuple[SopReference, ...]


@dataclass(frozen=True, slots=True)
class Moment:
    """A date and time as in the file: local time, and the zone if it is known.

    Attributes
    ----------
    date
        `YYYYMMDD`, a real calendar date; of a DT also `YYYYMM` or `YYYY`, without time.
    time
        `HH`, `HHMM`, `HHMMSS` or `HHMMSS.F…`, in range; None when the file has a date
        only. Second 60 (a leap second, PS3.5 6.2 TM) is kept.
    utc_offset
        Minutes east of UTC, from the DT value itself or from Timezone Offset From UTC
        (0008,0201); None when neither says.
    is_zone_unreadable
        The file has a zone that cannot be read: no other zone may replace it.
    """

    date: str
    time: str | None
    utc_offset: int | None
    is_zone_unreadable: bool = False


@dataclass(frozen=True, slots=True)
class Participant:
    """A person or a device that took part (PS3.3 C.8.8.5, ROI Creator; PN elsewhere).

    Attributes
    ----------
    is_device
        Observer Type (0040,A084) is DEV; a PN attribute is always a person.
    name
        Person Name, its five components and three groups as in the file (PS3.5 6.2.1).
    """

    is_device: bool = False
    name: str | None = None
    identification: tuple[Code, ...] = ()
    organizational_role: Code | None = None
    equipment: Equipment | None = None


@dataclass(frozen=True, slots=True)
class Equipment:
    """General Equipment (PS3.3 C.7.5.1), or the device of an observer item."""

    manufacturer: str | None = None
    model_name: str | None = None
    device_uid: str | None = None
    serial_number: str | None = None
    software_versions: tuple[str, ...] = ()
    station_name: str | None = None
    institution_name: str | None = None
    udis: tuple[str, ...] = ()  # Unique Device Identifiers (0018,1009)


@dataclass(frozen=True, slots=True)
class Algorithm:
    """An item of ROI Derivation Algorithm Identification Sequence (PS3.3 10.16)."""

    name: str | None
    version: str | None
    family: Code | None
    name_code: Code | None = None
    parameters: str | None = None
    source: str | None = None


@dataclass(frozen=True, slots=True)
class Patient:
    """What identifies the patient, and no more (PS3.3 C.7.1.1).

    Attributes
    ----------
    hashed_id
        Patient ID as Orthanc reads it, of which it makes its ids (`orthanc_text`).
    """

    patient_id: str | None = None
    issuer: str | None = None  # Issuer of Patient ID (0010,0021)
    issuer_uid: str | None = None  # Universal Entity ID of type ISO, or URI (0010,0024)
    hashed_id: str = ""


@dataclass(frozen=True, slots=True)
class Accession:
    """Accession Number (0008,0050) and the entity that issued it (0008,0051)."""

    number: str
    issuer: str | None = None
    issuer_uid: str | None = None


@dataclass(frozen=True, slots=True)
class Instance:
    """A composite SOP Instance: what its general modules say, whatever its kind.

    UIDs are legal (PS3.5 9.1), or at least what FHIR's type `id` can hold, or absent.
    The three UIDs that every resource needs are always there.

    Attributes
    ----------
    created, series_moment
        Instance Creation (0008,0012/0013) and Series Date and Time.
    findings
        What was noticed while reading.
    """

    sop_instance_uid: str
    study_instance_uid: str
    series_instance_uid: str
    patient: Patient = field(default_factory=Patient)
    accession: Accession | None = None
    series_number: int | None = None
    instance_number: int | None = None
    created: Moment | None = None
    series_moment: Moment | None = None
    equipment: Equipment = field(default_factory=Equipment)
    operators: tuple[Participant, ...] = ()
    findings: tuple[Finding, ...] = ()
