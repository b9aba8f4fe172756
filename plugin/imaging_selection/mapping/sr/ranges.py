"""The normal range of a measurement: `Observation.referenceRange`.

PS3.16 2025a, TID 310, TID 312 (Normal Range Properties), CID 223. FHIR 5.0.0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imaging_selection.fhir import datatypes as fhir
from imaging_selection.mapping.sr import concepts
from imaging_selection.mapping.sr.concepts import children_named, key_of
from imaging_selection.mapping.sr.quantity import quantity_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from imaging_selection.dicom.sr.content import ContentItem
    from imaging_selection.fhir.datatypes import Resource
    from imaging_selection.mapping.sr.parts import Parts

_ELEMENTS = {
    concepts.NORMAL_RANGE_LOWER_LIMIT: "low",
    concepts.NORMAL_RANGE_UPPER_LIMIT: "high",
}


def reference_ranges_of(parts: Parts) -> tuple[list[Resource], list[ContentItem]]:
    """Build the ranges, and return the content items that they hold.

    One lower and one upper limit are one range. Of several, the report does not say
    which belong together: each is a range of its own. A limit without a value that FHIR
    can represent is not among the items. The descriptions are the text of every range.
    """
    limits = [each for each in parts.limits if quantity_of_item(each)]
    descriptions = [
        each
        for each in (*parts.range_descriptions, *_below(limits))
        if each.text is not None
    ]
    text = "; ".join(each.text for each in descriptions if each.text)
    names = [_ELEMENTS[key] for each in limits if (key := key_of(each.name))]
    quantities = [*zip(names, map(quantity_of_item, limits), strict=True)]
    is_one = len({*names}) == len(names)
    grouped = [dict(quantities)] if is_one else [dict([each]) for each in quantities]
    ranges = [fhir.without_absent({**each, "text": text}) for each in grouped or [{}]]
    return [each for each in ranges if each], [*limits, *descriptions]


def quantity_of_item(item: ContentItem) -> Resource:
    """Return the value of a NUM; empty if it has none that FHIR can represent."""
    return quantity_of(item.number) if item.number else {}


def _below(items: Iterable[ContentItem]) -> Iterator[ContentItem]:
    for item in items:
        yield from children_named(item, concepts.NORMAL_RANGE_DESCRIPTION)
