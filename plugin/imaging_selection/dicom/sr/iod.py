"""Which elements of a structured report are read (DICOM PS3.3 2025a C.17, C.18).

The content tree has no end by itself: an item has the elements of its parent. It is
read to a depth of `MAXIMUM_DEPTH`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from imaging_selection.dicom.elements import DEEP
from imaging_selection.dicom.iod import (
    CODE,
    GENERAL,
    GENERAL_TYPE_2,
    PARTICIPANT,
    REFERENCE,
    wanted,
)
from imaging_selection.dicom.referenced_instances import REFERENCED_INSTANCES
from imaging_selection.dicom.values import TAGS

if TYPE_CHECKING:
    from imaging_selection.dicom.elements import Template

#: Levels of content items that are read. A measurement report needs seven.
MAXIMUM_DEPTH: Final = 32

_ITEM: Final = wanted(
    (
        "RelationshipType",
        "ValueType",
        "ReferencedContentItemIdentifier",
        "ObservationDateTime",
        "ObservationUID",
        "TextValue",
        "DateTime",
        "Date",
        "Time",
        "PersonName",
        "UID",
        "GraphicType",
        "GraphicData",
        "ReferencedFrameOfReferenceUID",
    ),
    ConceptNameCodeSequence=CODE,
    ConceptCodeSequence=CODE,
    ContentTemplateSequence=wanted(("TemplateIdentifier",)),
    MeasuredValueSequence=wanted(
        ("NumericValue", "FloatingPointValue"), MeasurementUnitsCodeSequence=CODE
    ),
    NumericValueQualifierCodeSequence=CODE,
    ReferencedSOPSequence=REFERENCE | wanted(("ReferencedSegmentNumber",)),
)


def _content(depth: int) -> dict[int, Template | None]:
    """Build what is wanted of an item with `depth` levels below it."""
    if depth == 0:
        return _ITEM | {TAGS["ContentSequence"]: DEEP}
    return _ITEM | wanted((), ContentSequence=_content(depth - 1))


# Type 2 of the module SR Document General is that of the general modules (C.17.2).
TYPE_2: Final = GENERAL_TYPE_2

REPORT: Final = (
    GENERAL
    | REFERENCED_INSTANCES
    | _content(MAXIMUM_DEPTH)
    | wanted(
        (
            "ContentDate",
            "ContentTime",
            "CompletionFlag",
            "VerificationFlag",
            "PreliminaryFlag",
        ),
        VerifyingObserverSequence=wanted(
            ("VerifyingObserverName",),
            VerifyingObserverIdentificationCodeSequence=CODE,
        ),
        AuthorObserverSequence=PARTICIPANT,
        ParticipantSequence=PARTICIPANT,
    )
)
