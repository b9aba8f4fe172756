"""The data set of a Segmentation becomes a `Segmentation` (PS3.3 2025a, A.51).

Pixel Data is neither read nor copied. Everything is optional here, except the three
UIDs of the instance, its series and its study. What is missing or wrong becomes a
finding.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from imaging_selection.dicom.character_sets import LATIN_1
from imaging_selection.dicom.composite import read_object
from imaging_selection.dicom.entities import Participant
from imaging_selection.dicom.file import sop_class_uid_of
from imaging_selection.dicom.findings import finding, listed
from imaging_selection.dicom.macros import (
    parse_algorithms,
    parse_anatomic_regions,
    parse_codes,
    parse_primary_structures,
    parse_references,
)
from imaging_selection.dicom.referenced_instances import parse_referenced_instances
from imaging_selection.dicom.seg.iod import SEGMENTATION, TYPE_2
from imaging_selection.dicom.seg.segmentation import Segment, Segmentation
from imaging_selection.errors import UnusableError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from imaging_selection.dicom.attributes import Attributes
    from imaging_selection.dicom.elements import Dataset
    from imaging_selection.dicom.entities import SopReference
    from imaging_selection.dicom.findings import Finding

MAXIMUM_SEGMENTS = 10_000  # the largest real ones have a few hundred
MAXIMUM_SHARING = 10  # segments with one number that have its frames; later ones: none

# Segment number, or None if no frame names one -> its images; a dict, for each once.
_Images = dict[int | None, dict["SopReference", None]]


def read_segmentation(
    dataset: Dataset, default_encoding: str = LATIN_1
) -> Segmentation:
    """Read the data set of a Segmentation.

    Raises
    ------
    MalformedError, UnusableError
        As of `read_object`; or there are too many segments.
    """
    top, general = read_object(
        dataset,
        default_encoding,
        SEGMENTATION,
        type_1=("SegmentationType", "ContentLabel", "SegmentSequence"),
        type_2=TYPE_2,
    )
    images: _Images = {}
    frames = Counter(_frames(top, images))
    segments = tuple(_segments(top, images, frames))
    segmentation = Segmentation(
        **general,
        sop_class_uid=sop_class_uid_of(dataset),
        kind=top.text("SegmentationType"),
        label=top.text("ContentLabel"),
        description=top.text("ContentDescription"),
        moment=top.moment("ContentDate", "ContentTime"),
        creators=_parse_creators(top),
        frame_of_reference_uid=top.uid("FrameOfReferenceUID"),
        referenced_instances=parse_referenced_instances(
            top, general["study_instance_uid"]
        ),
        images=tuple(images.get(None, ())),
        segments=segments,
    )
    findings = (*top.reading.notes.findings(), *_cross_check(segments, frames))
    return replace(segmentation, findings=findings)


def _parse_creators(top: Attributes) -> tuple[Participant, ...]:
    """Read who made the content (10.9, Content Identification Macro)."""
    creator = Participant(
        name=top.name("ContentCreatorName"),
        identification=parse_codes(top, "ContentCreatorIdentificationCodeSequence"),
    )
    return () if creator == Participant() else (creator,)


def _frames(top: Attributes, images: _Images) -> Iterator[int | None]:
    """Yield the segment number of each frame, and collect what each was derived from.

    What all frames share is in Shared Functional Groups Sequence alone (C.7.6.16).
    """
    shared: tuple[int, ...] = ()
    for groups in top.items("SharedFunctionalGroupsSequence"):
        shared = _segment_numbers(groups)
        _collect(groups, images.setdefault(next(iter(shared), None), {}))
    for groups in top.items("PerFrameFunctionalGroupsSequence"):
        number = next(iter(_segment_numbers(groups) or shared), None)
        _collect(groups, images.setdefault(number, {}))
        yield number


def _segment_numbers(groups: Attributes) -> tuple[int, ...]:
    return tuple(
        number
        for item in groups.items("SegmentIdentificationSequence")
        for number in item.binary("ReferencedSegmentNumber", "H")
    )


def _collect(groups: Attributes, images: dict[SopReference, None]) -> None:
    for derivation in groups.items("DerivationImageSequence"):
        for image in parse_references(derivation, "SourceImageSequence"):
            images[image] = None


def _segments(
    top: Attributes, images: _Images, frames: Counter[int | None]
) -> Iterator[Segment]:
    items = list(top.items("SegmentSequence"))
    if len(items) > MAXIMUM_SEGMENTS:
        reason = f"{len(items)} segments, which is more than {MAXIMUM_SEGMENTS}"
        raise UnusableError(reason)
    ordinals: Counter[int | None] = Counter()
    names_segments = any(number is not None for number in frames)
    for item in items:
        number = next(iter(item.binary("SegmentNumber", "H")), None)
        item.roi_number = number
        ordinals[number] += 1
        segment = _parse_segment(item, number, ordinals[number])
        if (
            number is not None
            and names_segments
            and ordinals[number] <= MAXIMUM_SHARING
        ):
            segment = replace(
                segment,
                images=tuple(images.get(number, ())),
                frame_count=frames[number],
            )
        yield segment


def _parse_segment(item: Attributes, number: int | None, ordinal: int) -> Segment:
    item.expect(
        type_1=(
            "SegmentLabel",
            "SegmentAlgorithmType",
            "SegmentedPropertyCategoryCodeSequence",
            "SegmentedPropertyTypeCodeSequence",
        )
    )
    if number is None:
        item.note("missing-mandatory-attribute", "SegmentNumber")
    return Segment(
        number=number,
        ordinal=ordinal,
        label=item.text("SegmentLabel"),
        description=item.text("SegmentDescription"),
        algorithm_type=item.text("SegmentAlgorithmType"),
        algorithm_name=item.text("SegmentAlgorithmName"),
        algorithms=parse_algorithms(
            item, "SegmentationAlgorithmIdentificationSequence"
        ),
        categories=parse_codes(item, "SegmentedPropertyCategoryCodeSequence"),
        property_types=parse_codes(
            item,
            "SegmentedPropertyTypeCodeSequence",
            "SegmentedPropertyTypeModifierCodeSequence",
        ),
        anatomic_regions=parse_anatomic_regions(item),
        primary_structures=parse_primary_structures(item),
        tracking_id=item.text("TrackingID"),
        tracking_uid=item.uid("TrackingUID"),
    )


def _cross_check(
    segments: Iterable[Segment], frames: Iterable[int | None]
) -> Iterator[Finding]:
    """Yield what the parts of a segmentation contradict each other in."""
    counts = Counter(segment.number for segment in segments)
    if not counts:
        yield finding("no-segment", "The segmentation declares no segment")
    for number, count in counts.items():
        if number is not None and count > 1:
            text = f"{count} segments have the Segment Number {number}"
            yield finding("duplicate-segment-number", text, number)
    orphans = [n for n in frames if n is not None and n not in counts]
    if orphans:
        text = f"Frames name segments that are not declared: {listed(orphans)}"
        yield finding("orphan-frames", text)
