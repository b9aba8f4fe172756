"""The walk through the content tree of a measurement report (PS3.16 TID 1500).

Each function maps a content item in the context of its parents, marks what it used,
and adds Observations in the order of the document.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from imaging_selection.mapping.sr import concepts
from imaging_selection.mapping.sr.basis import Basis, Marks
from imaging_selection.mapping.sr.concepts import key_of
from imaging_selection.mapping.sr.context import Context, Surroundings, context_of
from imaging_selection.mapping.sr.observations import Observations, value_concept_of
from imaging_selection.mapping.sr.parts import Parts, is_evaluation, parts_of
from imaging_selection.mapping.sr.quantity import (
    absent_reason_of,
    doubts_of,
    quantity_of,
)
from imaging_selection.mapping.sr.ranges import reference_ranges_of
from imaging_selection.mapping.sr.selections import Selections
from imaging_selection.mapping.sr.sites import Site, site_of
from imaging_selection.mapping.terminology import concept_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imaging_selection.dicom.sr.content import ContentItem
    from imaging_selection.dicom.sr.report import Report
    from imaging_selection.fhir.datatypes import Resource
    from imaging_selection.ids import OrthancIds
    from imaging_selection.mapping.choices import Choices

MAXIMUM_REPETITIONS: Final = 50_000  # of regions and sites, in the members of a group

# Containers of measurements, and of their groups.
_CONTAINERS: Final = frozenset(
    {
        concepts.IMAGING_MEASUREMENTS,
        concepts.DERIVED_MEASUREMENTS,
        concepts.QUALITATIVE_EVALUATIONS,
    }
)
# Of the whole report; the language of a code, and the images that were looked at.
_OF_REPORT: Final = frozenset(
    {concepts.LANGUAGE, concepts.PROCEDURE_REPORTED, concepts.IMAGE_LIBRARY}
)


class Tree:
    """Maps the content tree of one report.

    Attributes
    ----------
    observations
        In the order of the document.
    sources
        The selections of content items that have an Observation UID.
    noted
        Code of a finding -> positions of content items.
    tracking_uids
        How many groups have a Tracking UID.
    """

    def __init__(
        self, report: Report, ids: OrthancIds, choices: Choices, subject: Resource
    ) -> None:
        self._report = report
        self._builder = Observations(report, ids, choices, subject)
        self._marks = Marks()
        self.selections = Selections(report, ids, choices, subject)
        self._basis = Basis(
            report,
            ids,
            subject,
            selections=self.selections,
            builder=self._builder,
            marks=self._marks,
        )
        self.observations: list[Resource] = []
        self.sources = self._basis.sources
        self.noted = self._marks.noted
        self.tracking_uids: Counter[str] = Counter()

    def map_root(self) -> None:
        """Map the whole tree."""
        root = self._report.root
        around = Surroundings(context_of(root, Context()))
        self._marks.use(root, *parts_of(root).context)
        for child in root.children:
            if key_of(child.name) in _OF_REPORT:
                self._marks.use(*child.walk())
            elif key_of(child.name) in _CONTAINERS:
                self._container(child, around)

    def left_out(self) -> Iterator[ContentItem]:
        """Yield the items that no element has; of a container, its content says it."""
        for item in self._report.root.walk():
            if item.position not in self._marks.used and item.value_type != "CONTAINER":
                yield item

    def _map(self, item: ContentItem, around: Surroundings) -> Resource | None:
        """Map what may stand in a container; return the reference to it."""
        key = key_of(item.name)
        if key == concepts.MEASUREMENT_GROUP:
            return self._group(item, around)
        if item.value_type == "NUM":
            return self._measurement(item, around)
        if is_evaluation(item):
            return self._evaluation(item, around)
        if key in _CONTAINERS:
            self._container(item, around)
        return None

    def _container(self, item: ContentItem, around: Surroundings) -> list[Resource]:
        """Map a container that is no observation itself; return what is in it."""
        inner = Surroundings(
            context_of(item, around.context), around.site, around.method, around.regions
        )
        self._marks.use(item, *parts_of(item).context)
        derived = key_of(item.name) == concepts.DERIVED_MEASUREMENTS
        members = []
        for child in item.children:
            if derived and child.value_type == "NUM":
                members.append(self._measurement(child, inner, is_derived=True))
            else:
                members.append(self._map(child, inner))
        return [each for each in members if each]

    def _group(self, item: ContentItem, around: Surroundings) -> Resource | None:
        """Map a measurement group (TID 1501, 1410, 1411)."""
        parts = parts_of(item)
        inner = self._enter(item, parts, around)
        if self._is_of_other_patient(item, inner.context):
            return None
        if parts.tracking_uid and parts.tracking_uid.uid:
            self.tracking_uids[parts.tracking_uid.uid] += 1
        self._note_doubts(*parts.modifiers)
        index = len(self.observations)
        positions = {each.position for each in _members(parts)}
        members = [
            self._map(child, self._bounded(item, inner, len(positions)))
            for child in item.children
            if child.position in positions
        ]
        for child in parts.others:
            if key_of(child.name) == concepts.QUALITATIVE_EVALUATIONS:
                members += self._container(child, inner)
        category = parts.category.code if parts.category else None
        finding = parts.finding
        group = self._builder.build(
            item,
            "measurement-group",
            inner.context,
            inner.site,
            code=category,
            modifiers=parts.modifiers,
            conforms=self.selections.may_be_claimed(inner.regions),
            elements={
                "valueCodeableConcept": value_concept_of(finding) if finding else {},
                "method": concept_of(inner.method) if inner.method else {},
                "interpretation": _interpretation(parts),
                "hasMember": [each for each in members if each],
                "derivedFrom": [*inner.regions, *self._basis.source_of(item)],
            },
        )
        self.observations.insert(index, group)  # before its members
        self._marks.use(*parts.modifiers)
        return self._builder.reference_to(item)

    def _bounded(
        self, item: ContentItem, inner: Surroundings, count: int
    ) -> Surroundings:
        """Return what each member of a group repeats; nothing, if it is too much."""
        each = len(inner.regions) + len(inner.site.codes)
        if each * count <= MAXIMUM_REPETITIONS:
            return inner
        self._marks.note("repetition-left-out", item)
        return replace(inner, regions=(), site=Site())

    def _measurement(
        self, item: ContentItem, around: Surroundings, *, is_derived: bool = False
    ) -> Resource | None:
        """Map a measurement (TID 300, 1419), or a derived one (TID 1420)."""
        parts = parts_of(item)
        inner = self._enter(item, parts, around)
        if item.number is None or self._is_of_other_patient(item, inner.context):
            return None
        index = len(self.observations)
        below = [self._map(each, inner) for each in (*parts.groups, *parts.numbers)]
        derived_from = [each for each in below if each] + self._basis.observed_by(parts)
        quantity = quantity_of(item.number)
        ranges, in_ranges = reference_ranges_of(parts)
        self._note_doubts(item, *parts.limits, *parts.modifiers)
        value = (
            {"valueQuantity": quantity}
            if quantity
            else {"dataAbsentReason": absent_reason_of(item.number.qualifier)}
        )
        measurement = self._builder.build(
            item,
            "derived-measurement" if is_derived else "measurement",
            inner.context,
            inner.site,
            code=item.name,
            modifiers=[*parts.modifiers, *parts.evaluations],
            # No resource can conform to derived-imaging-measurement: a reference
            # always matches two slices of `derivedFrom` there.
            conforms=bool(quantity)
            and not is_derived
            and self.selections.may_be_claimed(inner.regions),
            elements={
                **value,
                "method": concept_of(inner.method) if inner.method else {},
                "interpretation": _interpretation(parts),
                "referenceRange": ranges,
                "derivedFrom": [
                    *derived_from,
                    *inner.regions,
                    *self._basis.source_of(item),
                ],
            },
        )
        self.observations.insert(index, measurement)
        self._marks.use(*parts.modifiers, *parts.evaluations, *in_ranges)
        return self._builder.reference_to(item)

    def _note_doubts(self, *items: ContentItem) -> None:
        for item in items:
            for doubt in doubts_of(item.number) if item.number else ():
                self._marks.note(doubt, item)

    def _evaluation(self, item: ContentItem, around: Surroundings) -> Resource | None:
        """Map a qualitative evaluation: its concept and a code, or a text."""
        parts = parts_of(item)
        inner = self._enter(item, parts, around)
        value = value_concept_of(item)
        if not value or self._is_of_other_patient(item, inner.context):
            return None
        own_site = site_of(parts, Site())
        self._note_doubts(*parts.modifiers)
        evaluation = self._builder.build(
            item,
            "evaluation",
            inner.context,
            own_site,
            code=item.name,
            modifiers=[*parts.modifiers, *parts.evaluations],
            conforms=self.selections.may_be_claimed(inner.regions),
            elements={
                "valueCodeableConcept": value,
                "interpretation": _interpretation(parts),
                "derivedFrom": [*inner.regions, *self._basis.source_of(item)],
            },
        )
        self.observations.append(evaluation)
        self._marks.use(*parts.modifiers, *parts.evaluations)
        return self._builder.reference_to(item)

    def _enter(
        self, item: ContentItem, parts: Parts, around: Surroundings
    ) -> Surroundings:
        """Return what the children of an item inherit, and mark it as used."""
        own = self._basis.regions_of(parts)
        method = parts.method.code if parts.method else None
        for site in parts.sites:
            self._marks.use(*site.children)
        single = (parts.finding, parts.category, parts.method)
        tracking = (parts.tracking_identifier, parts.tracking_uid)
        self._marks.use(item, *parts.context, *parts.sites, *parts.normalities)
        self._marks.use(*(each for each in (*single, *tracking) if each))
        return Surroundings(
            context_of(item, around.context),
            site_of(parts, around.site),
            method or around.method,
            own or around.regions,
        )

    def _is_of_other_patient(self, item: ContentItem, context: Context) -> bool:
        """Return whether an item is about another patient than the report."""
        if context.subject_class is not None:
            self._marks.note("other-subject", item)
        own = self._report.patient.patient_id
        if context.subject_id is None or context.subject_id == own:
            return False
        self._marks.note("other-patient", item)
        self._marks.use(*item.walk())
        return True


def _members(parts: Parts) -> list[ContentItem]:
    return [*parts.numbers, *parts.evaluations, *parts.groups]


def _interpretation(parts: Parts) -> list[Resource]:
    return [concept_of(each.code) for each in parts.normalities if each.code]
