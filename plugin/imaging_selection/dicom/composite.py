"""What every composite instance has: read before what is special of its kind.

Everything is optional here, also where the standard says otherwise, except the three
UIDs of the instance, its series and its study. DICOM PS3.3 2025a, C.7.1.1 (Patient),
C.7.2.1 (General Study), C.7.3.1 (General Series), C.7.5.1 (General Equipment), C.12.1
(SOP Common).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from imaging_selection.dicom.attributes import Attributes, Reading
from imaging_selection.dicom.character_sets import undeclared_character_set
from imaging_selection.dicom.elements import select
from imaging_selection.dicom.entities import Accession, Patient
from imaging_selection.dicom.macros import (
    parse_equipment,
    parse_issuer,
    parse_operators,
)
from imaging_selection.dicom.orthanc_text import text_of_orthanc
from imaging_selection.dicom.values import TAGS, label_of, parse_uid
from imaging_selection.errors import UnusableError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from imaging_selection.dicom.elements import Dataset, Template


def reading_of(dataset: Dataset, default_encoding: str) -> Reading:
    """Begin the reading of a data set.

    Parameters
    ----------
    default_encoding
        Of text, where the data set declares no character set: a name of
        `character_sets.DEFAULT_ENCODINGS`.
    """
    return Reading(
        dataset.data,
        dataset.encoding.big_endian,
        undeclared=undeclared_character_set(default_encoding),
    )


def read_top(
    reading: Reading, dataset: Dataset, wanted: Mapping[int, Template | None]
) -> Attributes:
    """Find the top level of a data set, and what all its items share.

    Raises
    ------
    MalformedError
        The top level cannot be followed from element to element.
    """
    top = Attributes(reading, select(dataset, wanted))
    reading.utc_offset = top.utc_offset("TimezoneOffsetFromUTC")
    reading.is_zone_unreadable = reading.utc_offset is None and top.has_value(
        "TimezoneOffsetFromUTC"
    )
    reading.scheme_uids = _parse_scheme_uids(top)
    top.uid("SOPClassUID")  # an illegal one is noted
    return top


def parse_general(top: Attributes, default_encoding: str) -> dict[str, Any]:
    """Read the general modules: the parameters of `entities.Instance`, but findings.

    Raises
    ------
    UnusableError
        SOP Instance, Series or Study Instance UID is missing, or cannot be used.
    """
    return {
        "study_instance_uid": _required_uid(top, "StudyInstanceUID"),
        "sop_instance_uid": _required_uid(top, "SOPInstanceUID"),
        "series_instance_uid": _required_uid(top, "SeriesInstanceUID"),
        "patient": _parse_patient(top, default_encoding),
        "accession": _parse_accession(top),
        "series_number": top.integer("SeriesNumber"),
        "instance_number": top.integer("InstanceNumber"),
        "created": top.moment("InstanceCreationDate", "InstanceCreationTime"),
        "series_moment": top.moment("SeriesDate", "SeriesTime"),
        "equipment": parse_equipment(top),
        "operators": parse_operators(top),
    }


def read_object(
    dataset: Dataset,
    default_encoding: str,
    wanted: Mapping[int, Template | None],
    *,
    type_1: Iterable[str],
    type_2: Iterable[str],
) -> tuple[Attributes, dict[str, Any]]:
    """Read the top level of a data set, and the general modules.

    Parameters
    ----------
    default_encoding
        Of text, where the data set declares no character set: a name of
        `character_sets.DEFAULT_ENCODINGS`.
    wanted
        What is to be found.
    type_1, type_2
        The attributes at the top level that must be there; one that is not is noted.

    Raises
    ------
    MalformedError
        The top level of the data set cannot be followed from element to element.
    UnusableError
        SOP Instance, Series or Study Instance UID is missing, or cannot be used.
    """
    reading = reading_of(dataset, default_encoding)
    top = read_top(reading, dataset, wanted)
    top.expect(type_1=type_1, type_2=type_2)
    return top, parse_general(top, default_encoding)


def _required_uid(top: Attributes, keyword: str) -> str:
    uid = top.uid(keyword)
    if uid is not None:
        return uid
    label = label_of(keyword)
    place = top.fields.get(TAGS[keyword], slice(0, 0))
    if not isinstance(place, slice):
        raise UnusableError(f"{label} is there, but cannot be read")
    try:
        return parse_uid(top.reading.data[place])
    except ValueError as cause:
        raise UnusableError(f"{label} {cause}") from cause


def _parse_scheme_uids(top: Attributes) -> dict[str, str]:
    """Read Coding Scheme Identification Sequence (C.12.1.1.4)."""
    uids: dict[str, str] = {}
    for item in top.items("CodingSchemeIdentificationSequence"):
        designator = item.text("CodingSchemeDesignator")
        uid = item.uid("CodingSchemeUID")
        if designator is not None and uid is not None:
            uids.setdefault(designator, uid)
    return uids


def _parse_patient(top: Attributes, default_encoding: str) -> Patient:
    issuer, issuer_uid = parse_issuer(top, "IssuerOfPatientIDQualifiersSequence")
    return Patient(
        patient_id=top.text("PatientID"),
        hashed_id=text_of_orthanc(
            top.stored("PatientID"),
            top.stored("SpecificCharacterSet"),
            default_encoding,
        ),
        issuer=top.text("IssuerOfPatientID") or issuer,
        issuer_uid=issuer_uid,
    )


def _parse_accession(top: Attributes) -> Accession | None:
    number = top.text("AccessionNumber")
    if number is None:
        return None
    return Accession(number, *parse_issuer(top, "IssuerOfAccessionNumberSequence"))
