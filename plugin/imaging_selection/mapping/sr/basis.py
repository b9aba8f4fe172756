"""What an Observation is derived from: regions, other Observations, its own report.

PS3.16 2025a, TID 1410, 1411, 300, 1420.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imaging_selection.mapping.sr import concepts
from imaging_selection.mapping.sr.concepts import key_of
from imaging_selection.mapping.sr.selections import SELECTING
from imaging_selection.mapping.sr.source_item import build_source_item

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imaging_selection.dicom.sr.content import ContentItem
    from imaging_selection.dicom.sr.report import Report
    from imaging_selection.fhir.datatypes import Resource
    from imaging_selection.ids import OrthancIds
    from imaging_selection.mapping.sr.observations import Observations
    from imaging_selection.mapping.sr.parts import Parts
    from imaging_selection.mapping.sr.selections import Selections


class Marks:
    """Which content items were used, and what was noticed about some.

    Attributes
    ----------
    used
        Positions of the items that have an element in FHIR.
    noted
        Code of a finding -> positions of items.
    """

    def __init__(self) -> None:
        self.used: set[tuple[int, ...]] = set()
        self.noted: dict[str, list[tuple[int, ...]]] = {}

    def use(self, *items: ContentItem) -> None:
        """Mark items as used."""
        self.used.update(item.position for item in items)

    def note(self, code: str, item: ContentItem) -> None:
        """Note a finding about an item."""
        positions = self.noted.setdefault(code, [])
        if item.position not in positions[-1:]:
            positions.append(item.position)


class Basis:
    """Finds what the Observations of one report are derived from.

    Attributes
    ----------
    sources
        The selections of content items that have an Observation UID.
    """

    def __init__(  # noqa: PLR0913 - what it looks at and what it tells
        self,
        report: Report,
        ids: OrthancIds,
        subject: Resource,
        *,
        selections: Selections,
        builder: Observations,
        marks: Marks,
    ) -> None:
        self._report = report
        self._ids = ids
        self._subject = subject
        self._selections = selections
        self._builder = builder
        self._marks = marks
        self.sources: list[Resource] = []

    def regions_of(self, parts: Parts) -> list[Resource]:
        """Return references to what an item was made on."""
        sources = [
            each
            for item in parts.sources
            for each in self._selections.references_to(item)
        ]
        self._marks.use(*parts.sources)
        found: list[Resource] = []
        for item in (*parts.selecting, *self._targets(parts, SELECTING)):
            found += self._selections.references_to(item, sources)
            for each in item.walk():
                self._marks.use(each)
        # Source images are the focus of a selection of the report; without one, the
        # observation itself refers to them.
        every = found if self._selections.has_own(found) else found + sources
        return list({each["reference"]: each for each in every}.values())

    def observed_by(self, parts: Parts) -> list[Resource]:
        """Return references to the Observations that items refer to."""
        return [
            self._builder.reference_to(item)
            for item in self._targets(parts, frozenset({"NUM", "CONTAINER"}))
            if item.value_type == "NUM"
            or key_of(item.name) == concepts.MEASUREMENT_GROUP
        ]

    def _targets(
        self, parts: Parts, value_types: frozenset[str]
    ) -> Iterator[ContentItem]:
        for each in parts.targets:
            item = self._selections.item_at(each.target)
            if item is None:
                self._marks.note("dangling-reference", each)
            elif item.value_type is not None and item.value_type in value_types:
                self._marks.use(each)
                yield item

    def source_of(self, item: ContentItem) -> list[Resource]:
        """Refer to the content item itself: by its Observation UID, or the report."""
        uid = item.observation_uid
        report = self._report
        if uid is None:
            identity = self._ids.instance
            return [_reference(identity)]
        selection = build_source_item(item, uid, report, self._ids, self._subject)
        self.sources.append(selection)
        return [_reference(selection["id"])]


def _reference(identity: str) -> Resource:
    return {"reference": f"ImagingSelection/{identity}", "type": "ImagingSelection"}
