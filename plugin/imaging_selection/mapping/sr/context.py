"""The context of a content item, which it has from the items above it (PS3.3 C.17.5).

Who observed, what or whom, when, and by which algorithm. What an item says itself
stands in place of what its parent says.

PS3.16 2025a, TID 1001 to 1009 and 4019.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from imaging_selection.dicom.entities import Algorithm, Equipment, Participant
from imaging_selection.mapping.sr import concepts
from imaging_selection.mapping.sr.concepts import child_named, key_of
from imaging_selection.mapping.sr.sites import Site

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imaging_selection.dicom.entities import Code, Moment
    from imaging_selection.dicom.sr.content import ContentItem
    from imaging_selection.fhir.datatypes import Resource


@dataclass(frozen=True, slots=True)
class Context:
    """What a content item is in.

    Attributes
    ----------
    moment
        When it was observed.
    observers
        People and devices.
    subject_class
        What was observed, if it is not the patient: a fetus, a specimen, a device.
    subject_id
        Subject ID, if it is said: the Patient ID of whom was observed.
    """

    moment: Moment | None = None
    observers: tuple[Participant, ...] = ()
    subject_class: Code | None = None
    subject_id: str | None = None
    algorithm: Algorithm | None = None


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a content item inherits from those above it."""

    context: Context = field(default_factory=Context)
    site: Site = field(default_factory=Site)
    method: Code | None = None
    regions: tuple[Resource, ...] | list[Resource] = ()


def context_of(item: ContentItem, outer: Context) -> Context:
    """Return the context of an item in that of its parent."""
    subject_class, subject_id = outer.subject_class, outer.subject_id
    said = child_named(item, concepts.SUBJECT_CLASS)
    identified = child_named(item, concepts.SUBJECT_ID)
    if said or identified:
        code = said.code if said else None
        subject_class = None if key_of(code) == concepts.PATIENT else code
        subject_id = identified.text if identified and not subject_class else None
    return Context(
        moment=item.moment or outer.moment,
        observers=tuple(_observers(item)) or outer.observers,
        subject_class=subject_class,
        subject_id=subject_id,
        algorithm=_algorithm(item) or outer.algorithm,
    )


def _observers(item: ContentItem) -> Iterator[Participant]:
    """Yield each observer: the items about it follow its type (TID 1002)."""
    groups: list[dict[concepts.Concept, ContentItem]] = []
    parts = {concepts.OBSERVER_TYPE, *concepts.PERSON_PARTS, *concepts.DEVICE_PARTS}
    for child in item.children:
        key = key_of(child.name)
        if key is None or key not in parts:
            continue
        if not groups or key == concepts.OBSERVER_TYPE or key in groups[-1]:
            groups.append({})
        groups[-1][key] = child
    for group in groups:
        observer = _observer(group)
        if observer != Participant(is_device=observer.is_device):
            yield observer


def _observer(parts: dict[concepts.Concept, ContentItem]) -> Participant:
    def text(concept: concepts.Concept) -> str | None:
        return parts[concept].text if concept in parts else None

    kind = parts.get(concepts.OBSERVER_TYPE)
    is_device = key_of(kind.code) == concepts.DEVICE if kind else False
    if is_device or concepts.DEVICE_PARTS & parts.keys():
        uid = parts.get(concepts.DEVICE_UID)
        equipment = Equipment(
            manufacturer=text(concepts.DEVICE_MANUFACTURER),
            model_name=text(concepts.DEVICE_MODEL),
            device_uid=uid.uid if uid else None,
            serial_number=text(concepts.DEVICE_SERIAL_NUMBER),
        )
        return Participant(
            is_device=True,
            name=text(concepts.DEVICE_NAME),
            equipment=None if equipment == Equipment() else equipment,
        )
    role = parts.get(concepts.PERSON_ROLE)
    return Participant(
        name=text(concepts.PERSON_NAME),
        organizational_role=role.code if role else None,
    )


def _algorithm(item: ContentItem) -> Algorithm | None:
    """Read an Algorithm Identification (TID 4019)."""
    found: dict[concepts.Concept, ContentItem] = {}
    for child in item.children:
        key = key_of(child.name)
        if key is not None and key in concepts.ALGORITHM:
            found.setdefault(key, child)
    if not found:
        return None

    def text(concept: concepts.Concept) -> str | None:
        return found[concept].text if concept in found else None

    family = found.get(concepts.ALGORITHM_FAMILY)
    return Algorithm(
        name=text(concepts.ALGORITHM_NAME),
        version=text(concepts.ALGORITHM_VERSION),
        family=family.code if family else None,
        parameters=text(concepts.ALGORITHM_PARAMETERS),
    )
