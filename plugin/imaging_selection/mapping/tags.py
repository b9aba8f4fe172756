"""The tags of a selection (`meta.tag`), and all code systems of the plugin's own.

A tag says of which level a selection is, whether its structure set was approved, and
what was found about it. FHIR 5.0.0 resource.html, meta.tag.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from imaging_selection.dicom.findings import FINDING_KINDS
from imaging_selection.fhir import canonicals
from imaging_selection.fhir import datatypes as fhir

if TYPE_CHECKING:
    from imaging_selection.fhir.datatypes import Resource


class TagCode(NamedTuple):
    """One code of a code system."""

    display: str
    definition: str


class TagSystem(NamedTuple):
    """A code system: its title, and its codes in order."""

    title: str
    codes: dict[str, TagCode]


#: Canonical URL -> code system; the API serves them.
CODE_SYSTEMS = {
    canonicals.LEVEL_SYSTEM: TagSystem(
        "Level of a resource made from a DICOM object",
        {
            "structure-set": TagCode("Structure set", "All ROIs of a structure set"),
            "roi": TagCode("ROI", "One ROI of a structure set"),
            "segmentation": TagCode("Segmentation", "All segments of a segmentation"),
            "segment": TagCode("Segment", "One segment of a segmentation"),
            "report": TagCode("Report", "A whole structured report"),
            "measurement-group": TagCode(
                "Measurement group", "A measurement group of a report"
            ),
            "measurement": TagCode("Measurement", "A measurement of a report"),
            "derived-measurement": TagCode(
                "Derived measurement", "A measurement derived from several groups"
            ),
            "evaluation": TagCode("Evaluation", "A qualitative evaluation of a report"),
            "region": TagCode("Region", "What a report was made on, such as a region"),
            "content-item": TagCode("Content item", "A content item of a report"),
            "source-images": TagCode(
                "Source images", "Images that ROIs or segments were made from"
            ),
        },
    ),
    canonicals.APPROVAL_SYSTEM: TagSystem(
        "Approval Status (300E,0002) of the structure set",
        {
            "APPROVED": TagCode("Approved", "Reviewed, and recorded as good"),
            "UNAPPROVED": TagCode("Unapproved", "No review, or none that is recorded"),
            "REJECTED": TagCode("Rejected", "Reviewed, and recorded as not good"),
        },
    ),
    canonicals.FINDING_SYSTEM: TagSystem(
        "Findings about a DICOM object, such as a missing attribute",
        {
            code: TagCode(kind.display, kind.display)
            for code, kind in FINDING_KINDS.items()
        },
    ),
    canonicals.MEASUREMENT_SYSTEM: TagSystem(
        "What is measured of a ROI beside its volume, and the method",
        {
            **{
                f"{code}-{axis}": TagCode(f"{display}, {axis}", f"{definition} {axis}")
                for code, display, definition in (
                    ("centroid", "Centroid", "Center of the volume in mm: coordinate"),
                    ("extent", "Extent", "Largest minus smallest coordinate in mm:"),
                )
                for axis in "xyz"
            },
            "slices": TagCode("Slices", "Number of planes with contours"),
            "slice-spacing": TagCode(
                "Slice spacing", "Median distance of neighbouring planes, without gaps"
            ),
            "parts": TagCode("Parts", "Number of disjoint parts"),
            "slabs": TagCode(
                "Area times slice distance",
                "Areas by the shoelace formula, holes by nesting or exclusive or; each"
                " plane stands for a slab to halfway to its neighbours, with"
                " half-slices outwards at both ends and at gaps",
            ),
        },
    ),
}


def level_tag(level: str) -> Resource:
    """Build the tag of a level, such as `structure-set` or `roi`."""
    return fhir.coding(canonicals.LEVEL_SYSTEM, level)


def is_approval_status(status: str) -> bool:
    """Return whether Approval Status (300E,0002) is a term of the standard."""
    return status in CODE_SYSTEMS[canonicals.APPROVAL_SYSTEM].codes


def approval_tag(status: str) -> Resource:
    """Build the tag of an Approval Status (300E,0002) of the standard."""
    return fhir.coding(canonicals.APPROVAL_SYSTEM, status)


def finding_tag(code: str) -> Resource:
    """Build the tag of a finding."""
    return fhir.coding(canonicals.FINDING_SYSTEM, code, FINDING_KINDS[code].display)
