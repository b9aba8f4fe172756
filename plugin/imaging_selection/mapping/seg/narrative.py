"""The narrative of the selections of a segmentation: text for people.

DICOM PS3.3 2025a, C.8.20. FHIR 5.0.0 narrative.html.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imaging_selection.fhir.xhtml import narrative_of
from imaging_selection.mapping.issued import format_moment
from imaging_selection.mapping.terminology import triplet_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from imaging_selection.dicom.findings import Finding
    from imaging_selection.dicom.seg.segmentation import Segment, Segmentation
    from imaging_selection.fhir.datatypes import Resource
    from imaging_selection.mapping.source_images import SourceImages


def narrative_of_segmentation(
    segmentation: Segmentation, findings: Iterable[Finding]
) -> Resource:
    """Describe the whole segmentation, and list its segments."""
    return narrative_of(
        "Segmentation",
        [
            ("Label", segmentation.label),
            ("Description", segmentation.description),
            ("Type", segmentation.kind),
            ("Date", format_moment(segmentation.moment)),
            ("Created", format_moment(segmentation.created)),
            *(("UDI of the equipment", udi) for udi in segmentation.equipment.udis),
            *facts_of_findings(findings),
        ],
        ("Number", "Label", "Type", "Frames"),
        [
            (each.number, each.label, _types_of(each), each.frame_count)
            for each in segmentation.segments
        ],
    )


def narrative_of_segment(segment: Segment, findings: Iterable[Finding]) -> Resource:
    """Describe a segment, also what has no element of its own."""
    number = "without number" if segment.number is None else segment.number
    return narrative_of(
        f"Segment {number}",
        [
            ("Label", segment.label),
            ("Description", segment.description),
            *(("Category", triplet_of(each)) for each in segment.categories),
            *(("Type", triplet_of(each)) for each in segment.property_types),
            ("Algorithm type", segment.algorithm_type),
            ("Algorithm", segment.algorithm_name),
            ("Frames", segment.frame_count),
            ("Tracking ID", segment.tracking_id),
            *facts_of_findings(findings),
        ],
    )


def narrative_of_images(images: SourceImages, count: int) -> Resource:
    """Describe a series of source images, and count them."""
    return narrative_of(
        f"Images that the segmentation was made from: {count}",
        [("Series", images.series_uid)],
    )


def facts_of_findings(findings: Iterable[Finding]) -> list[tuple[str, object]]:
    """List findings as facts of a narrative."""
    return [(f"Finding ({each.severity})", each.text) for each in findings]


def _types_of(segment: Segment) -> str:
    types = (each.meaning or each.value for each in segment.property_types)
    return ", ".join(dict.fromkeys(types))
