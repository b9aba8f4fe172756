"""The children of a content item, sorted by what they are to it.

PS3.16 2025a, TID 1501, 1410, 1411, 1419, 1420, 300, 310 to 312.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from imaging_selection.mapping.sr import concepts
from imaging_selection.mapping.sr.concepts import key_of
from imaging_selection.mapping.sr.selections import SELECTING

if TYPE_CHECKING:
    from imaging_selection.dicom.sr.content import ContentItem

_CONTEXT: Final = frozenset(
    {
        *concepts.ALGORITHM,
        *concepts.PERSON_PARTS,
        *concepts.DEVICE_PARTS,
        concepts.OBSERVER_TYPE,
        concepts.SUBJECT_CLASS,
        concepts.SUBJECT_ID,
    }
)
_LIMITS: Final = frozenset(
    {concepts.NORMAL_RANGE_LOWER_LIMIT, concepts.NORMAL_RANGE_UPPER_LIMIT}
)
# Relationships to the parent that make no observation (PS3.3 C.17.3.2.4).
_DESCRIBING: Final = frozenset({"HAS PROPERTIES", "HAS CONCEPT MOD", "HAS OBS CONTEXT"})
_SOURCES: Final = frozenset({concepts.SOURCE_IMAGE, concepts.SOURCE_SERIES})
# Concept -> where the first item of it belongs; further ones are like any other item.
_SINGLE: Final = {
    concepts.FINDING: "finding",
    concepts.FINDING_CATEGORY: "category",
    concepts.METHOD: "method",
    concepts.TRACKING_IDENTIFIER: "tracking_identifier",
    concepts.TRACKING_UID: "tracking_uid",
}


@dataclass(slots=True)
class Parts:
    """The children of one content item; `others` have no element in FHIR.

    Attributes
    ----------
    limits, range_descriptions
        Of the normal range of a measurement (TID 312).
    modifiers
        Codes, texts and numbers about the item, such as a Z-score (TID 311).
    """

    finding: ContentItem | None = None
    category: ContentItem | None = None
    method: ContentItem | None = None
    tracking_identifier: ContentItem | None = None
    tracking_uid: ContentItem | None = None
    context: list[ContentItem] = field(default_factory=list)
    sites: list[ContentItem] = field(default_factory=list)
    sources: list[ContentItem] = field(default_factory=list)
    selecting: list[ContentItem] = field(default_factory=list)
    numbers: list[ContentItem] = field(default_factory=list)
    groups: list[ContentItem] = field(default_factory=list)
    evaluations: list[ContentItem] = field(default_factory=list)
    limits: list[ContentItem] = field(default_factory=list)
    range_descriptions: list[ContentItem] = field(default_factory=list)
    normalities: list[ContentItem] = field(default_factory=list)
    modifiers: list[ContentItem] = field(default_factory=list)
    targets: list[ContentItem] = field(default_factory=list)
    others: list[ContentItem] = field(default_factory=list)


def parts_of(item: ContentItem) -> Parts:
    """Sort the children of a content item."""
    parts = Parts()
    is_number = item.value_type == "NUM"
    for child in item.children:
        key = key_of(child.name)
        name = _SINGLE.get(key) if key else None
        if name and getattr(parts, name) is None:
            setattr(parts, name, child)
        else:
            of_number = _list_of_number(child, key, parts) if is_number else None
            found = _list_for(child, key, parts) if of_number is None else of_number
            found.append(child)
    return parts


def _list_of_number(
    child: ContentItem, key: concepts.Concept | None, parts: Parts
) -> list[ContentItem] | None:
    """Return where a part of a normal range belongs; None for other children."""
    if key == concepts.NORMAL_RANGE_DESCRIPTION and child.text is not None:
        return parts.range_descriptions
    return parts.limits if child.value_type == "NUM" and key in _LIMITS else None


def _list_for(
    child: ContentItem, key: concepts.Concept | None, parts: Parts
) -> list[ContentItem]:
    by_concept = (
        (key in _CONTEXT, parts.context),
        (key == concepts.FINDING_SITE and child.code is not None, parts.sites),
        (key in _SOURCES, parts.sources),
        (key == concepts.NORMALITY and child.code is not None, parts.normalities),
        (key == concepts.QUALITATIVE_EVALUATIONS, parts.others),
        (bool(child.target), parts.targets),
        (child.value_type in SELECTING, parts.selecting),
        (_is_number_about_item(child), parts.modifiers),
        (child.value_type == "NUM", parts.numbers),
        (key == concepts.MEASUREMENT_GROUP, parts.groups),
        (is_evaluation(child), parts.evaluations),
        (child.code is not None or child.value_type == "TEXT", parts.modifiers),
    )
    return next((found for matches, found in by_concept if matches), parts.others)


def _is_number_about_item(item: ContentItem) -> bool:
    """Return whether a NUM describes its parent, and is no measurement of its own."""
    return item.value_type == "NUM" and item.relationship in _DESCRIBING


def is_evaluation(item: ContentItem) -> bool:
    """Return whether an item is a qualitative evaluation: a code or text contained."""
    return item.relationship == "CONTAINS" and item.value_type in {"CODE", "TEXT"}
