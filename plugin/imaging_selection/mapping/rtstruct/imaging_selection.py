"""A `StructureSet` becomes ImagingSelection resources: the same input, the same bytes.

There are three levels: one selection for the structure set, one for each ROI, one for
each series of source images. This module puts them together; their parts have modules
of their own, such as `performer`, `body_site`, `references` and `narrative`.

FHIR 5.0.0 ImagingSelection; HL7 "DICOM SR to FHIR Resource Mapping" 1.0.0, profiles
region-in-space and source-image-for-segmentation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imaging_selection.fhir import canonicals
from imaging_selection.fhir import datatypes as fhir
from imaging_selection.ids import roi_selection_id
from imaging_selection.mapping.body_site import (
    body_structure_of,
    body_structure_of_set,
    categories_of,
    concept_of_site,
    concept_of_sites,
    name_of,
    sites_of,
)
from imaging_selection.mapping.extensions import extensions_of_roi, extensions_of_set
from imaging_selection.mapping.issued import issued_of
from imaging_selection.mapping.object_selections import (
    ObjectSelections,
    checked,
    with_structure,
)
from imaging_selection.mapping.performer import (
    OPERATOR,
    PERFORMER,
    REVIEWER,
    Performers,
    interpreters_of,
)
from imaging_selection.mapping.places import Places
from imaging_selection.mapping.references import sources_of, whole_of
from imaging_selection.mapping.roi_names import RoiNames
from imaging_selection.mapping.rtstruct.findings import findings_of
from imaging_selection.mapping.rtstruct.instance import instance_of_set
from imaging_selection.mapping.rtstruct.narrative import (
    narrative_of_images,
    narrative_of_roi,
    narrative_of_structure_set,
)
from imaging_selection.mapping.rtstruct.repetition import repetition_of
from imaging_selection.mapping.rtstruct.source_images import ImageIndex

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from imaging_selection.dicom.findings import Finding
    from imaging_selection.dicom.rtstruct.structure_set import Roi, StructureSet
    from imaging_selection.fhir.datatypes import Resource
    from imaging_selection.ids import OrthancIds
    from imaging_selection.mapping.choices import Choices, Mapped
    from imaging_selection.mapping.source_images import SourceImages

# The capital "In" is that of the profile.
_REGION = fhir.coding(canonicals.DCM, "130488", "Region In Space")


def map_structure_set(
    structure_set: StructureSet, ids: OrthancIds, choices: Choices
) -> Mapped:
    """Build the selections of a structure set, of its ROIs and its source images.

    Raises
    ------
    MappingError
        As of `checked`.
    """
    builder = _Builder(structure_set, ids, choices)
    return checked(builder.selections(), builder.findings)


class _Builder:
    """Builds the selections of one structure set; what they share is built once.

    Attributes
    ----------
    findings
        Every finding about the structure set.
    """

    def __init__(
        self, structure_set: StructureSet, ids: OrthancIds, choices: Choices
    ) -> None:
        self._set = structure_set
        self._ids = ids
        self._choices = choices
        approval = structure_set.approval
        self._selections = ObjectSelections(
            structure_set, ids, choices, approval.status if approval else None
        )
        self._performers = Performers()
        self._performers.add_equipment(structure_set.equipment)
        self._performers.add("operator", OPERATOR, structure_set.operators)
        if approval is not None and approval.reviewer is not None:
            self._performers.add("reviewer", REVIEWER, [approval.reviewer])
        self._places = Places(structure_set, structure_set.referenced_instances)
        self._images = ImageIndex(structure_set, ids.instance)
        self._repetition = repetition_of(
            structure_set.rois, len(self._performers.contained), self._images
        )
        self._left_out = tuple(self._repetition.findings())
        self._names = RoiNames(choices.names)
        self.findings = (
            *findings_of(structure_set),
            *self._names.findings(structure_set),
            *self._left_out,
        )
        self._findings_by_roi: dict[int | None, list[Finding]] = {}
        for each in self.findings:
            self._findings_by_roi.setdefault(each.roi_number, []).append(each)

    def selections(self) -> Iterator[Resource]:
        """Yield each selection of the chosen levels."""
        return self._selections.of_levels(
            self._of_structure_set,
            map(self._of_roi, self._set.rois),
            map(self._of_images, self._images.all),
        )

    def _of_structure_set(self) -> Resource:
        structure_set = self._set
        numbers = [roi.number for roi in structure_set.rois if roi.number is not None]
        frames = {roi.frame_of_reference_uid for roi in structure_set.rois}
        structure = body_structure_of_set(structure_set, self._selections.subject)
        predecessors = [
            whole_of(each, self._places) for each in structure_set.predecessors
        ]
        return self._region(
            identity=self._ids.instance,
            level="structure-set",
            numbers=numbers,
            findings=self.findings,
            performers=self._performers,
            structure=structure,
            concept=concept_of_sites(structure_set),
            elements={
                "text": narrative_of_structure_set(structure_set, self.findings),
                "extension": extensions_of_set(
                    structure_set, self.findings, predecessors
                ),
                "identifier": [fhir.uid_identifier(structure_set.sop_instance_uid)],
                "issued": self._issued(None),
                # The element has one frame; of several, none is that of the set.
                "frameOfReferenceUid": frames.pop() if len(frames) == 1 else None,
                "focus": [
                    *self._selections.focus(self._images.all),
                    *predecessors,
                ],
            },
        )

    def _of_roi(self, roi: Roi) -> Resource:
        identity = roi_selection_id(self._ids.instance, roi.number, roi.ordinal)
        findings = self._findings_about(roi)
        uid = roi.conceptual_volume_uid
        structure = body_structure_of(roi, self._selections.subject)
        named = self._names.add_to(
            {
                "concept": concept_of_site(sites_of(roi), name_of(roi)),
                "category": categories_of(roi),
                "extension": extensions_of_roi(roi, findings),
            },
            structure,
            roi,
        )
        return self._region(
            identity=identity,
            level="roi",
            numbers=[] if roi.number is None else [roi.number],
            findings=findings,
            performers=self._performers_of(roi),
            structure=structure,
            concept=named["concept"],
            elements={
                "text": narrative_of_roi(roi, findings),
                "extension": named["extension"],
                "identifier": [fhir.uid_identifier(uid)] if uid else [],
                "issued": self._issued(roi),
                "category": named["category"],
                "frameOfReferenceUid": roi.frame_of_reference_uid,
                "focus": [
                    *self._selections.focus(self._images_of(roi)),
                    *(
                        reference
                        for each in roi.definition_sources
                        for reference in sources_of(each, self._places)
                    ),
                ],
            },
        )

    def _region(  # noqa: PLR0913 - what the two levels differ in
        self,
        *,
        identity: str,
        level: str,
        numbers: list[int],
        findings: Iterable[Finding],
        performers: Performers,
        structure: Resource,
        concept: Resource,
        elements: Resource,
    ) -> Resource:
        """Build what both levels with the profile region-in-space have in common."""
        # A repeated number is listed once: it is one part of the instance.
        subset = [str(number) for number in dict.fromkeys(numbers)]
        conforms = bool(subset) and self._choices.sop_class_coding == "Profile"
        return self._selections.build(
            identity=identity,
            level=level,
            profile="region-in-space" if conforms else None,
            findings=findings,
            elements={
                **elements,
                **with_structure(performers, structure, concept),
                "code": fhir.concept(_REGION),
                "instance": [
                    instance_of_set(self._set, subset, self._choices.sop_class_coding)
                ],
            },
        )

    def _of_images(self, images: SourceImages) -> Resource:
        text = narrative_of_images(images, len(images.instances))
        return self._selections.of_images(images, text)

    def _performers_of(self, roi: Roi) -> Performers:
        repeated = self._repetition.performers
        performers = self._performers.copy() if repeated else Performers()
        performers.add_algorithms(roi.algorithms)
        performers.add("creator", PERFORMER, roi.creators)
        # Each observation repeats who made it: the same words are the same person.
        performers.add("interpreter", PERFORMER, dict.fromkeys(interpreters_of(roi)))
        return performers

    def _images_of(self, roi: Roi) -> list[SourceImages]:
        return self._images.of_roi(roi) if self._repetition.images else []

    def _findings_about(self, roi: Roi) -> list[Finding]:
        about = self._findings_by_roi.get(roi.number, [])
        if roi.number is None:
            # Other findings are found again by number, and several ROIs may have none.
            about = [each for each in about if each.code == "invalid-roi-number"]
        return [*about, *self._left_out]

    def _issued(self, roi: Roi | None) -> str | None:
        own = [roi.moment] if roi else []
        moments = [*own, self._set.moment, self._set.created, self._set.series_moment]
        return issued_of(moments, self._choices.timezone)
