"""Which elements are read of every kind of object (PS3.3 2025a, 8, 10, C.7, C.12).

Templates for `elements.select`: of the macros that several modules share, and of the
general modules (Patient, Study, Series, Equipment, SOP Common). What a kind of object
has besides is in its own folder. All other elements, such as private ones, are stepped
over.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from imaging_selection.dicom.elements import Template
from imaging_selection.dicom.values import TAGS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from imaging_selection.dicom.elements import Fields


def wanted(
    values: Iterable[str], **sequences: Mapping[int, Template | None]
) -> dict[int, Template | None]:
    """Build what `elements.select` is to find, from keywords.

    Examples
    --------
    >>> sorted(f"{tag:08X}" for tag in wanted(["ROINumber", "ROIName"]))
    ['00080005', '30060022', '30060026']
    """
    tags: dict[int, Template | None] = {TAGS[keyword]: None for keyword in values}
    tags[TAGS["SpecificCharacterSet"]] = None
    for keyword, item in sequences.items():
        tags[TAGS[keyword]] = Template(item, make=_as_found)
    return tags


def _as_found(fields: Fields) -> Fields:
    return fields


# Macros: PS3.3 8.8, 10.8, 10.14, C.7.5.1, 10.34, 10.16.
CODE_VALUES: Final = (
    "CodeValue",
    "LongCodeValue",
    "URNCodeValue",
    "CodingSchemeDesignator",
    "CodingSchemeVersion",
    "CodingSchemeUID",
    "CodeMeaning",
)
CODE: Final = wanted(CODE_VALUES)
REFERENCE: Final = wanted(
    ("ReferencedSOPClassUID", "ReferencedSOPInstanceUID", "ReferencedFrameNumber")
)
ISSUER: Final = wanted(
    ("LocalNamespaceEntityID", "UniversalEntityID", "UniversalEntityIDType")
)
EQUIPMENT_VALUES: Final = (
    "Manufacturer",
    "ManufacturerModelName",
    "DeviceUID",
    "DeviceSerialNumber",
    "SoftwareVersions",
    "StationName",
    "InstitutionName",
)
UDI: Final = wanted(("UniqueDeviceIdentifier",))
PARTICIPANT: Final = wanted(
    ("ObserverType", "PersonName", *EQUIPMENT_VALUES),
    UDISequence=UDI,
    PersonIdentificationCodeSequence=CODE,
    OrganizationalRoleCodeSequence=CODE,
)
ALGORITHM: Final = wanted(
    ("AlgorithmName", "AlgorithmVersion", "AlgorithmParameters", "AlgorithmSource"),
    AlgorithmFamilyCodeSequence=CODE,
    AlgorithmNameCodeSequence=CODE,
)

ANATOMY: Final = {
    "AnatomicRegionSequence": wanted(CODE_VALUES, AnatomicRegionModifierSequence=CODE),
    "PrimaryAnatomicStructureSequence": wanted(
        CODE_VALUES, PrimaryAnatomicStructureModifierSequence=CODE
    ),
}

#: Type 2 of the mandatory modules Patient, General Study and General Equipment
#: (C.7.1.1, C.7.2.1, C.7.5.1).
GENERAL_TYPE_2: Final = (
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyDate",
    "StudyTime",
    "ReferringPhysicianName",
    "StudyID",
    "AccessionNumber",
    "Manufacturer",
)
#: What `composite.parse_general` reads.
GENERAL: Final = wanted(
    (
        *GENERAL_TYPE_2,
        *EQUIPMENT_VALUES,
        "SOPClassUID",
        "SOPInstanceUID",
        "StudyInstanceUID",
        "SeriesInstanceUID",
        "TimezoneOffsetFromUTC",
        "IssuerOfPatientID",
        "SeriesNumber",
        "InstanceNumber",
        "InstanceCreationDate",
        "InstanceCreationTime",
        "SeriesDate",
        "SeriesTime",
        "OperatorsName",
    ),
    UDISequence=UDI,
    CodingSchemeIdentificationSequence=wanted(
        ("CodingSchemeDesignator", "CodingSchemeUID")
    ),
    IssuerOfPatientIDQualifiersSequence=ISSUER,
    IssuerOfAccessionNumberSequence=ISSUER,
    OperatorIdentificationSequence=wanted((), PersonIdentificationCodeSequence=CODE),
)
