"""Which elements of an RT Structure Set are read (DICOM PS3.3 2025a A.19, C.8.8).

The tree of the IOD as far as the selections need it, for `elements.select`; the general
modules are in `dicom.iod`. ROI Contour Sequence is missing: its template is in
`contours`.
"""

from __future__ import annotations

from typing import Final

from imaging_selection.dicom.iod import (
    ALGORITHM,
    ANATOMY,
    CODE,
    CODE_VALUES,
    GENERAL,
    GENERAL_TYPE_2,
    PARTICIPANT,
    REFERENCE,
    wanted,
)

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
    RTProtocolCodeSequence=CODE,
    ROIDerivationAlgorithmIdentificationSequence=ALGORITHM,
    DerivationCodeSequence=CODE,
    ROICreatorSequence=PARTICIPANT,
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
    **ANATOMY,
    RTROIIdentificationCodeSequence=wanted(
        CODE_VALUES, SegmentedPropertyTypeModifierCodeSequence=CODE
    ),
    SegmentedPropertyCategoryCodeSequence=CODE,
    TherapeuticRoleCategoryCodeSequence=CODE,
    TherapeuticRoleTypeCodeSequence=CODE,
    ROIInterpreterSequence=PARTICIPANT,
    ROIObservationContextCodeSequence=CODE,
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

# Also type 2 of RT Series and Structure Set (C.8.8.1, C.8.8.5).
TYPE_2: Final = (
    *GENERAL_TYPE_2,
    "SeriesNumber",
    "OperatorsName",
    "StructureSetDate",
    "StructureSetTime",
)

STRUCTURE_SET: Final = GENERAL | wanted(
    (
        *TYPE_2,
        "BodyPartExamined",
        "StructureSetLabel",
        "StructureSetName",
        "StructureSetDescription",
        "ApprovalStatus",
        "ReviewDate",
        "ReviewTime",
        "ReviewerName",
    ),
    **ANATOMY,
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
