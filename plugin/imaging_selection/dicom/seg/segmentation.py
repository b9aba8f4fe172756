"""What a Segmentation says, as frozen values (DICOM PS3.3 2025a, A.51 and C.8.20).

No pydicom, no FHIR, no bytes. What is absent is None or an empty tuple: nothing is ever
invented. Text is decoded, without padding, and never empty.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from imaging_selection.dicom.entities import Instance

if TYPE_CHECKING:
    from imaging_selection.dicom.entities import (
        Algorithm,
        Code,
        Moment,
        Participant,
        ReferencedInstances,
        SopReference,
    )

SEGMENTATION_STORAGE = "1.2.840.10008.5.1.4.1.1.66.4"
LABEL_MAP_SEGMENTATION_STORAGE = "1.2.840.10008.5.1.4.1.1.66.7"
SEGMENTATIONS = frozenset({SEGMENTATION_STORAGE, LABEL_MAP_SEGMENTATION_STORAGE})


@dataclass(frozen=True, slots=True)
class Segment:
    """One item of Segment Sequence (0062,0002) (C.8.20.4).

    Attributes
    ----------
    number
        Segment Number (0062,0004); None when absent or unreadable. It should be unique:
        `ordinal` distinguishes repeats.
    ordinal
        1 for the first segment of this number, 2 for the next, in file order.
    label
        Segment Label (0062,0005): free text, never a key.
    algorithm_type, algorithm_name
        Segment Algorithm Type (0062,0008), such as MANUAL, and Name (0062,0009).
    categories, property_types
        Segmented Property Category and Type; a type has its modifiers (laterality, CID
        244). Each has one item in a legal file.
    images
        Those that the frames of this segment were derived from.
    frame_count
        How many frames are of this segment alone; None where frames do not name their
        segment, as in a label map.
    """

    number: int | None
    ordinal: int
    label: str | None = None
    description: str | None = None
    algorithm_type: str | None = None
    algorithm_name: str | None = None
    algorithms: tuple[Algorithm, ...] = ()
    categories: tuple[Code, ...] = ()
    property_types: tuple[Code, ...] = ()
    anatomic_regions: tuple[Code, ...] = ()
    primary_structures: tuple[Code, ...] = ()
    tracking_id: str | None = None
    tracking_uid: str | None = None
    images: tuple[SopReference, ...] = ()
    frame_count: int | None = None


@dataclass(frozen=True, slots=True)
class Segmentation(Instance):
    """One Segmentation, or Label Map Segmentation, SOP instance.

    Attributes
    ----------
    kind
        Segmentation Type (0062,0001): BINARY, FRACTIONAL or LABELMAP.
    moment
        Content Date and Time (0008,0023/0033).
    referenced_instances
        Of Referenced Series Sequence (0008,1115) and lists like it.
    images
        Those that frames of no particular segment were derived from.
    segments
        Segment Sequence in file order.
    """

    sop_class_uid: str = SEGMENTATION_STORAGE
    kind: str | None = None
    label: str | None = None
    description: str | None = None
    moment: Moment | None = None
    creators: tuple[Participant, ...] = ()
    frame_of_reference_uid: str | None = None
    referenced_instances: tuple[ReferencedInstances, ...] = ()
    images: tuple[SopReference, ...] = ()
    segments: tuple[Segment, ...] = ()
