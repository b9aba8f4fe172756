"""What a segment is: `bodySite`, its contained BodyStructure, and `category`.

A Segmented Property Type is a site where its category says so; else, as a lesion or a
device, it is what was found there (`morphology`). The Segment Label is text, and never
becomes a code.

DICOM PS3.3 2025a, C.8.20.4.1; PS3.16 CID 7150. The guide's profile
dicom-sr-finding-site.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from imaging_selection.fhir import datatypes as fhir
from imaging_selection.mapping.body_site import (
    build_body_structure,
    included_structure,
    tracking_identifiers,
    with_modifiers,
)
from imaging_selection.mapping.terminology import SYSTEMS, coding_of, concept_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imaging_selection.dicom.entities import Code
    from imaging_selection.dicom.seg.segmentation import Segment
    from imaging_selection.fhir.datatypes import Resource

# Categories of CID 7150 whose types are sites: Anatomical Structure, Tissue, and Body
# Structure, which some writers use for both.
_ANATOMICAL: Final = frozenset({"91723000", "85756007", "123037004"})


def is_anatomical(segment: Segment) -> bool:
    """Return whether the type of a segment is a site of the body."""
    codings = (coding_of(each) for each in segment.categories)
    return any(
        coding is not None
        and coding["system"] == SYSTEMS["SCT"]
        and coding["code"] in _ANATOMICAL
        for coding in codings
    )


def sites_of(segment: Segment) -> list[Code]:
    """List the codes of where a segment is, the most direct first, each once."""
    types = segment.property_types if is_anatomical(segment) else ()
    regions = (*segment.primary_structures, *segment.anatomic_regions)
    return list(dict.fromkeys((*types, *regions)))


def codes_of(segment: Segment) -> Iterator[Code]:
    """Yield every code of a segment that becomes an element of its selection."""
    yield from segment.categories
    yield from with_modifiers(segment.property_types)
    yield from with_modifiers(segment.primary_structures)
    yield from with_modifiers(segment.anatomic_regions)


def concept_of_segment(segment: Segment) -> Resource:
    """Build `bodySite.concept`: the first site, and the Segment Label as text."""
    sites = sites_of(segment)
    if sites:
        return concept_of(sites[0], segment.label)
    return fhir.concept(text=segment.label) if segment.label else {}


def body_structure_of(segment: Segment, patient: Resource) -> Resource:
    """Build the BodyStructure of a segment (profile dicom-sr-finding-site).

    Empty when the file neither names nor codes the segment: `structure` is mandatory.
    """
    sites = sites_of(segment)
    found = () if is_anatomical(segment) else segment.property_types
    label = segment.label or next((each.meaning for each in found), None)
    if not sites and not label:
        return {}
    return build_body_structure(
        {
            "identifier": tracking_identifiers(
                segment.tracking_id, segment.tracking_uid
            ),
            "morphology": concept_of(found[0]) if found else None,
            "includedStructure": [included_structure(each, label) for each in sites]
            or [{"structure": fhir.concept(text=label)}],
            "description": segment.description,
        },
        patient,
    )


def categories_of(segment: Segment) -> list[Resource]:
    """List property category and property type; a code that is both, once."""
    codes = dict.fromkeys((*segment.categories, *segment.property_types))
    concepts = {
        (each.value, each.designator): concept_of(each) for each in reversed(codes)
    }
    return list(reversed(concepts.values()))
