"""Which elements of an RT Structure Set are read (DICOM PS3.3 2025a A.19, C.8.8).

The tree of the IOD as far as the selections need it, for `elements.select`. All other
elements, such as private ones, are stepped over. ROI Contour Sequence is missing: its
template is in `contours`.
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
_CODE_VALUES: Final = (
    "CodeValue",
    "LongCodeValue",
    "URNCodeValue",
    "CodingSchemeDesignator",
    "CodingSchemeVersion",
    "CodingSchemeUID",
    "CodeMeaning",
)
_CODE: Final = wanted(_CODE_VALUES)
REFERENCE: Final = wanted(
    ("ReferencedSOPClassUID", "ReferencedSOPInstanceUID", "ReferencedFrameNumber")
)
_ISSUER: Final = wanted(
    ("LocalNamespaceEntityID", "UniversalEntityID", "UniversalEntityIDType")
)
_EQUIPMENT_VALUES: Final = (
    "Manufacturer",
    "ManufacturerModelName",
    "DeviceUID",
    "DeviceSerialNumber",
    "SoftwareVersions",
    "StationName",
    "InstitutionName",
)
_UDI: Final = wanted(("UniqueDeviceIdentifier",))
_PARTICIPANT: Final = wanted(
    ("ObserverType", "PersonName", *_EQUIPMENT_VALUES),
    UDISequence=_UDI,
    PersonIdentificationCodeSequence=_CODE,
    OrganizationalRoleCodeSequence=_CODE,
)
_ALGORITHM: Final = wanted(
    ("AlgorithmName", "AlgorithmVersion", "AlgorithmParameters", "AlgorithmSource"),
    AlgorithmFamilyCodeSequence=_CODE,
    AlgorithmNameCodeSequence=_CODE,
)

_ANATOMY: Final = {
    "AnatomicRegionSequence": wanted(
        _CODE_VALUES, AnatomicRegionModifierSequence=_CODE
    ),
    "PrimaryAnatomicStructureSequence": wanted(
        _CODE_VALUES, PrimaryAnatomicStructureModifierSequence=_CODE
    ),
}
_REFERENCED_SERIES: Final = wanted(
    ("SeriesInstanceUID",), ContourImageSequence=REFERENCE
)
_REFERENCED_STUDY: Final = wanted(
    ("ReferencedSOPInstanceUID",), RTReferencedSeriesSequence=_REFERENCED_SERIES
)
_FRAME_OF_REFERENCE: Final = wanted(
    ("FrameOfReferenceUID",), RTReferencedStudySequence=_REFERENCED_STUDY
)
_ROI: Final = wanted(
    (
        "ROINumber",
        "ReferencedFrameOfReferenceUID",
        "ROIName",
        "ROIDescription",
        "ROIVolume",
        "ROIDateTime",
        "ROIGenerationAlgorithm",
        "ROIGenerationDescription",
    ),
    DefinitionSourceSequence=REFERENCE | wanted(("ReferencedSegmentNumber",)),
    RTProtocolCodeSequence=_CODE,
    ROIDerivationAlgorithmIdentificationSequence=_ALGORITHM,
    DerivationCodeSequence=_CODE,
    ROICreatorSequence=_PARTICIPANT,
    ConceptualVolumeIdentificationSequence=wanted(("ConceptualVolumeUID",)),
)
_OBSERVATION: Final = wanted(
    (
        "ObservationNumber",
        "ReferencedROINumber",
        "ROIObservationDateTime",
        "ROIObservationLabel",
        "ROIObservationDescription",
        "RTROIInterpretedType",
        "ROIInterpreter",
        "MaterialID",
    ),
    **_ANATOMY,
    RTROIIdentificationCodeSequence=wanted(
        _CODE_VALUES, SegmentedPropertyTypeModifierCodeSequence=_CODE
    ),
    SegmentedPropertyCategoryCodeSequence=_CODE,
    TherapeuticRoleCategoryCodeSequence=_CODE,
    TherapeuticRoleTypeCodeSequence=_CODE,
    ROIInterpreterSequence=_PARTICIPANT,
    ROIObservationContextCodeSequence=_CODE,
    RTRelatedROISequence=wanted(("ReferencedROINumber", "RTROIRelationship")),
    ROIPhysicalPropertiesSequence=wanted(
        ("ROIPhysicalProperty", "ROIPhysicalPropertyValue"),
        ROIElementalCompositionSequence=wanted(
            (
                "ROIElementalCompositionAtomicNumber",
                "ROIElementalCompositionAtomicMassFraction",
            )
        ),
    ),
)
# Type 2 of the mandatory modules: Patient, General Study, RT Series, General Equipment
# and Structure Set (C.7.1.1, C.7.2.1, C.8.8.1, C.7.5.1, C.8.8.5).
TYPE_2: Final = (
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyDate",
    "StudyTime",
    "ReferringPhysicianName",
    "StudyID",
    "AccessionNumber",
    "SeriesNumber",
    "OperatorsName",
    "Manufacturer",
    "StructureSetDate",
    "StructureSetTime",
)

STRUCTURE_SET: Final = wanted(
    (
        *TYPE_2,
        *_EQUIPMENT_VALUES,
        "SOPClassUID",
        "SOPInstanceUID",
        "StudyInstanceUID",
        "SeriesInstanceUID",
        "TimezoneOffsetFromUTC",
        "IssuerOfPatientID",
        "InstanceNumber",
        "InstanceCreationDate",
        "InstanceCreationTime",
        "SeriesDate",
        "SeriesTime",
        "BodyPartExamined",
        "StructureSetLabel",
        "StructureSetName",
        "StructureSetDescription",
        "ApprovalStatus",
        "ReviewDate",
        "ReviewTime",
        "ReviewerName",
    ),
    **_ANATOMY,
    UDISequence=_UDI,
    CodingSchemeIdentificationSequence=wanted(
        ("CodingSchemeDesignator", "CodingSchemeUID")
    ),
    IssuerOfPatientIDQualifiersSequence=_ISSUER,
    IssuerOfAccessionNumberSequence=_ISSUER,
    OperatorIdentificationSequence=wanted((), PersonIdentificationCodeSequence=_CODE),
    PredecessorStructureSetSequence=REFERENCE,
    SourceSeriesInformationSequence=wanted(
        (
            "SeriesInstanceUID",
            "SeriesNumber",
            "SeriesDate",
            "SeriesTime",
            "SeriesDescription",
            "Modality",
        )
    ),
    ReferencedFrameOfReferenceSequence=_FRAME_OF_REFERENCE,
    StructureSetROISequence=_ROI,
    RTROIObservationsSequence=_OBSERVATION,
)
