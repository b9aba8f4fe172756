"""What a structured report says, as frozen values (DICOM PS3.3 2025a, A.35, C.17)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from imaging_selection.dicom.entities import Instance
from imaging_selection.dicom.sr.content import ContentItem

if TYPE_CHECKING:
    from imaging_selection.dicom.entities import (
        Moment,
        Participant,
        ReferencedInstances,
    )

ENHANCED_SR_STORAGE = "1.2.840.10008.5.1.4.1.1.88.22"
COMPREHENSIVE_SR_STORAGE = "1.2.840.10008.5.1.4.1.1.88.33"
COMPREHENSIVE_3D_SR_STORAGE = "1.2.840.10008.5.1.4.1.1.88.34"
EXTENSIBLE_SR_STORAGE = "1.2.840.10008.5.1.4.1.1.88.35"


@dataclass(frozen=True, slots=True)
class Report(Instance):
    """One structured report SOP instance.

    Attributes
    ----------
    moment
        Content Date and Time (0008,0023/0033).
    completion, verification, preliminary
        Completion Flag (0040,A491), Verification Flag (0040,A493) and Preliminary Flag
        (0040,A496), as written (C.17.2).
    verifiers
        Of Verifying Observer Sequence (0040,A073).
    authors
        Of Author Observer Sequence (0040,A078) and Participant Sequence (0040,A07A).
    evidence
        The instances that the lists of the document name (C.17.2.3).
    root
        The content tree.
    """

    sop_class_uid: str = COMPREHENSIVE_SR_STORAGE
    moment: Moment | None = None
    completion: str | None = None
    verification: str | None = None
    preliminary: str | None = None
    verifiers: tuple[Participant, ...] = ()
    authors: tuple[Participant, ...] = ()
    evidence: tuple[ReferencedInstances, ...] = ()
    root: ContentItem = field(default_factory=lambda: ContentItem((1,)))
