"""What an RT Structure Set says, as frozen values (DICOM PS3.3 2025a, A.19).

No pydicom, no FHIR, no bytes. What is absent is None or an empty tuple: nothing is ever
invented. Text is decoded, without padding, and never empty.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

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

RT_STRUCTURE_SET_STORAGE = "1.2.840.10008.5.1.4.1.1.481.3"
STRUCTURE_SETS = frozenset({RT_STRUCTURE_SET_STORAGE})


class GeometricType(StrEnum):
    """Contour Geometric Type (3006,0042), enumerated values of PS3.3 C.8.8.6.1."""

    POINT = "POINT"
    OPEN_PLANAR = "OPEN_PLANAR"
    OPEN_NONPLANAR = "OPEN_NONPLANAR"
    CLOSED_PLANAR = "CLOSED_PLANAR"
    CLOSEDPLANAR_XOR = "CLOSEDPLANAR_XOR"  # sic: no underscore after CLOSED


# These two come by the thousand, and named tuples are made in a third of the time.
class Span(NamedTuple):
    """Where a value is: bytes `start` to `end` of `Dataset.data`."""

    start: int
    end: int


class Contour(NamedTuple):
    """One item of Contour Sequence (3006,0040), its coordinates unread (C.8.8.6).

    Attributes
    ----------
    geometric_type
        None when it is missing, or not in the standard.
    declared_points
        Number of Contour Points (3006,0046) as in the file; not checked.
    data
        Where the value of Contour Data (3006,0050) is; None when absent.
    is_slab
        It has a Contour Slab Thickness (3006,0044), or a Contour Offset Vector
        (3006,0045) other than zero: what it encloses is a slab, which may lie beside
        its points. Both attributes are retired.
    """

    geometric_type: GeometricType | None
    declared_points: int | None
    images: tuple[SopReference, ...]
    data: Span | None
    is_slab: bool = False


@dataclass(frozen=True, slots=True)
class RoiContours:
    """One item of ROI Contour Sequence (3006,0039) (C.8.8.6).

    Attributes
    ----------
    roi_number
        Referenced ROI Number (3006,0084): the only key to a ROI; None when unusable.
    display_color
        ROI Display Color (3006,002A): red, green, blue, each 0 to 255.
    source_series_uids
        Series Instance UIDs of Source Series Sequence (3006,004B).
    """

    roi_number: int | None
    display_color: tuple[int, int, int] | None
    source_series_uids: tuple[str, ...]
    contours: tuple[Contour, ...]


@dataclass(frozen=True, slots=True)
class PhysicalProperty:
    """An item of ROI Physical Properties Sequence (3006,00B0); the value is DS text.

    Attributes
    ----------
    composition
        Of ELEM_FRACTION: atomic number and mass fraction of each element (3006,00B6).
    """

    name: str | None
    value: str | None
    composition: tuple[tuple[int | None, float | None], ...] = ()


@dataclass(frozen=True, slots=True)
class RelatedRoi:
    """An item of RT Related ROI Sequence (3006,0030), such as ENCLOSED by another."""

    roi_number: int | None
    relationship: str | None


@dataclass(frozen=True, slots=True)
class Observation:
    """One item of RT ROI Observations Sequence (3006,0080) (PS3.3 C.8.8.8).

    Attributes
    ----------
    roi_number
        Referenced ROI Number (3006,0084): the only key to a ROI; None when unusable.
    label, description
        The retired (3006,0085) and (3006,0088), still met in files.
    interpreted_type
        RT ROI Interpreted Type (3006,00A4) as written: terms are extensible.
    identification
        RT ROI Identification Code Sequence, its modifiers being Segmented Property
        Type Modifier (laterality, CID 244).
    anatomic_regions, primary_structures
        Each with the codes of its modifier sequence.
    """

    roi_number: int | None
    number: int | None = None
    label: str | None = None
    description: str | None = None
    interpreted_type: str | None = None
    interpreter: Participant | None = None
    interpreters: tuple[Participant, ...] = ()
    identification: tuple[Code, ...] = ()
    anatomic_regions: tuple[Code, ...] = ()
    primary_structures: tuple[Code, ...] = ()
    property_categories: tuple[Code, ...] = ()
    therapeutic_role_categories: tuple[Code, ...] = ()
    therapeutic_role_types: tuple[Code, ...] = ()
    contexts: tuple[Code, ...] = ()
    related_rois: tuple[RelatedRoi, ...] = ()
    material_id: str | None = None
    physical_properties: tuple[PhysicalProperty, ...] = ()
    moment: Moment | None = None


@dataclass(frozen=True, slots=True)
class DefinitionSource:
    """An item of Definition Source Sequence (0008,1156): an instance, or segments."""

    reference: SopReference
    segments: tuple[int, ...] = ()


#: ROIs with one number that share what refers to it. Each has all of it: without a
#: limit, a file of a few hundred kilobytes would become gigabytes.
MAXIMUM_SHARING = 10


@dataclass(frozen=True, slots=True)
class Roi:
    """One item of Structure Set ROI Sequence (3006,0020), with what refers to it.

    Attributes
    ----------
    number
        ROI Number (3006,0022); None when absent or no integer. It should be unique, and
        is not always: `ordinal` distinguishes repeats.
    ordinal
        1 for the first ROI of this number, 2 for the next, in file order.
    name
        ROI Name (3006,0026): free text, may be empty, may repeat; never a key.
    volume
        ROI Volume (3006,002C) in cubic centimetres, as DS text.
    definition_sources
        What it was made from, such as a segment (0008,1156).
    protocols
        RT Protocol Code Sequence (3010,005B): the rules by which it was made.
    contours, observations
        The items of the other two sequences with this Referenced ROI Number, in file
        order; joined by that number and nothing else. ROIs with the same number share
        them, as the file does not say whose they are. Of more than `MAXIMUM_SHARING`
        such ROIs, the later ones have none.
    """

    number: int | None
    ordinal: int
    name: str | None
    description: str | None = None
    frame_of_reference_uid: str | None = None
    volume: str | None = None
    generation_algorithm: str | None = None
    generation_description: str | None = None
    moment: Moment | None = None
    algorithms: tuple[Algorithm, ...] = ()
    derivations: tuple[Code, ...] = ()
    definition_sources: tuple[DefinitionSource, ...] = ()
    protocols: tuple[Code, ...] = ()
    creators: tuple[Participant, ...] = ()
    conceptual_volume_uid: str | None = None
    contours: tuple[RoiContours, ...] = ()
    observations: tuple[Observation, ...] = ()


@dataclass(frozen=True, slots=True)
class ReferencedSeries:
    """A series of images that the structure set was drawn on (C.8.8.5)."""

    series_instance_uid: str | None
    images: tuple[SopReference, ...]


@dataclass(frozen=True, slots=True)
class ReferencedStudy:
    """An item of RT Referenced Study Sequence (3006,0012).

    Its Referenced SOP Instance UID is the Study Instance UID.
    """

    study_instance_uid: str | None
    series: tuple[ReferencedSeries, ...]


@dataclass(frozen=True, slots=True)
class FrameOfReference:
    """An item of Referenced Frame of Reference Sequence (3006,0010)."""

    uid: str | None
    studies: tuple[ReferencedStudy, ...]


@dataclass(frozen=True, slots=True)
class SourceSeries:
    """An item of Source Series Information Sequence (3006,004C) (C.8.8.5)."""

    series_instance_uid: str | None
    number: int | None = None
    modality: str | None = None
    description: str | None = None
    moment: Moment | None = None


@dataclass(frozen=True, slots=True)
class Approval:
    """The Approval module (PS3.3 C.8.8.16); its absence means unknown."""

    status: str
    moment: Moment | None = None
    reviewer: Participant | None = None


@dataclass(frozen=True, slots=True)
class StructureSet(Instance):
    """One RT Structure Set SOP instance (PS3.3 A.19).

    Attributes
    ----------
    moment
        Structure Set Date and Time (3006,0008/0009): when it was last modified.
    predecessors
        What it was made from, of Predecessor Structure Set Sequence (3006,0018) and
        Predecessor Documents Sequence (0040,A360).
    referenced_instances
        Of Referenced Series Sequence (0008,1115) and lists like it.
    related_series
        Of Related Series Sequence (0008,1250), which does not say how they are related.
    rois
        Structure Set ROI Sequence in file order.
    contours, observations
        All items of ROI Contour Sequence and RT ROI Observations Sequence, in file
        order. Items whose Referenced ROI Number is that of no ROI are only here.
    """

    label: str | None = None
    name: str | None = None
    description: str | None = None
    moment: Moment | None = None
    approval: Approval | None = None
    frames_of_reference: tuple[FrameOfReference, ...] = ()
    anatomic_regions: tuple[Code, ...] = ()
    primary_structures: tuple[Code, ...] = ()
    body_part: str | None = None  # Body Part Examined (0018,0015)
    predecessors: tuple[SopReference, ...] = ()
    source_series: tuple[SourceSeries, ...] = ()
    referenced_instances: tuple[ReferencedInstances, ...] = ()
    related_series: tuple[ReferencedInstances, ...] = ()
    rois: tuple[Roi, ...] = ()
    contours: tuple[RoiContours, ...] = ()
    observations: tuple[Observation, ...] = ()
