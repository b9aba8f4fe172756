"""Which elements of a Segmentation are read (DICOM PS3.3 2025a A.51, C.8.20).

Pixel Data is not among them: the walk steps over it by its length.
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
    REFERENCE,
    wanted,
)
from imaging_selection.dicom.referenced_instances import REFERENCED_INSTANCES

_SEGMENT: Final = wanted(
    (
        "SegmentNumber",
        "SegmentLabel",
        "SegmentDescription",
        "SegmentAlgorithmType",
        "SegmentAlgorithmName",
        "TrackingID",
        "TrackingUID",
    ),
    **ANATOMY,
    SegmentationAlgorithmIdentificationSequence=ALGORITHM,
    SegmentedPropertyCategoryCodeSequence=CODE,
    SegmentedPropertyTypeCodeSequence=wanted(
        CODE_VALUES, SegmentedPropertyTypeModifierCodeSequence=CODE
    ),
)
# Functional groups: C.7.6.16.2.6 (Derivation Image), C.8.20.3.1 (Segmentation).
_FUNCTIONAL_GROUPS: Final = wanted(
    (),
    DerivationImageSequence=wanted((), SourceImageSequence=REFERENCE),
    SegmentIdentificationSequence=wanted(("ReferencedSegmentNumber",)),
)

# Also type 2 of the modules General Image and Content Identification (C.7.6.1, 10.9).
TYPE_2: Final = (*GENERAL_TYPE_2, "ContentDescription", "ContentCreatorName")

SEGMENTATION: Final = (
    GENERAL
    | REFERENCED_INSTANCES
    | wanted(
        (
            *TYPE_2,
            "ContentLabel",
            "ContentDate",
            "ContentTime",
            "SegmentationType",
            "FrameOfReferenceUID",
        ),
        ContentCreatorIdentificationCodeSequence=CODE,
        SegmentSequence=_SEGMENT,
        SharedFunctionalGroupsSequence=_FUNCTIONAL_GROUPS,
        PerFrameFunctionalGroupsSequence=_FUNCTIONAL_GROUPS,
    )
)
