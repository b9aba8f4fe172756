"""A `Segmentation` becomes ImagingSelection resources: the same input, the same bytes.

There are three levels: one selection for the segmentation, one for each segment, one
for each series of source images. Of the setting `Levels`, `StructureSet` is that of the
segmentation, and `Roi` that of the segments.

FHIR 5.0.0 ImagingSelection; HL7 "DICOM SR to FHIR Resource Mapping" 1.0.0, profiles
referenced-segment and source-image-for-segmentation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from imaging_selection.dicom.entities import Algorithm
from imaging_selection.dicom.findings import finding
from imaging_selection.dicom.seg.segmentation import SEGMENTATION_STORAGE
from imaging_selection.fhir import canonicals
from imaging_selection.fhir import datatypes as fhir
from imaging_selection.ids import roi_selection_id
from imaging_selection.mapping.body_site import TRACKING_IDENTIFIER
from imaging_selection.mapping.extensions import (
    ARTIFACT_DESCRIPTION,
    ARTIFACT_TITLE,
    extension_of,
    extension_of_finding,
)
from imaging_selection.mapping.issued import issued_of
from imaging_selection.mapping.object_selections import (
    ObjectSelections,
    checked,
    with_structure,
)
from imaging_selection.mapping.performer import OPERATOR, PERFORMER, Performers
from imaging_selection.mapping.seg.body_site import (
    body_structure_of,
    categories_of,
    codes_of,
    concept_of_segment,
)
from imaging_selection.mapping.seg.narrative import (
    narrative_of_images,
    narrative_of_segment,
    narrative_of_segmentation,
)
from imaging_selection.mapping.seg.source_images import ImageIndex
from imaging_selection.mapping.selection import unsigned
from imaging_selection.mapping.sop_class import sop_class_of
from imaging_selection.mapping.terminology import system_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from imaging_selection.dicom.findings import Finding
    from imaging_selection.dicom.seg.segmentation import Segment, Segmentation
    from imaging_selection.fhir.datatypes import Resource
    from imaging_selection.ids import OrthancIds
    from imaging_selection.mapping.choices import Choices, Mapped
    from imaging_selection.mapping.source_images import SourceImages

REFERENCED_SEGMENT: Final = fhir.coding(canonicals.DCM, "121191", "Referenced Segment")


def map_segmentation(
    segmentation: Segmentation, ids: OrthancIds, choices: Choices
) -> Mapped:
    """Build the selections of a segmentation, of its segments and its source images.

    Raises
    ------
    MappingError
        As of `checked`.
    """
    builder = _Builder(segmentation, ids, choices)
    return checked(builder.selections(), builder.findings)


class _Builder:
    """Builds the selections of one segmentation; what they share is built once.

    Attributes
    ----------
    findings
        Every finding about the segmentation.
    """

    def __init__(
        self, segmentation: Segmentation, ids: OrthancIds, choices: Choices
    ) -> None:
        self._segmentation = segmentation
        self._ids = ids
        self._choices = choices
        self._selections = ObjectSelections(segmentation, ids, choices)
        self._performers = Performers()
        self._performers.add_equipment(segmentation.equipment)
        self._performers.add("operator", OPERATOR, segmentation.operators)
        self._performers.add("creator", PERFORMER, segmentation.creators)
        self._images = ImageIndex(segmentation, ids.instance)
        self.findings = (*segmentation.findings, *_findings_of(segmentation))
        if self._images.is_too_much:
            text = "Every segment would refer to all series of images; none does"
            left_out = finding("repetition-left-out", text)
            self.findings = (*self.findings, left_out)

    def selections(self) -> Iterator[Resource]:
        """Yield each selection of the chosen levels."""
        return self._selections.of_levels(
            self._of_segmentation,
            map(self._of_segment, self._segmentation.segments),
            map(self._of_images, self._images.all),
        )

    def _of_segmentation(self) -> Resource:
        segmentation = self._segmentation
        return self._segments(
            identity=self._ids.instance,
            level="segmentation",
            numbers=[each.number for each in segmentation.segments],
            findings=self.findings,
            performers=self._performers,
            structure={},
            concept={},
            elements={
                "text": narrative_of_segmentation(segmentation, self.findings),
                "extension": [
                    *extension_of(ARTIFACT_TITLE, "valueString", segmentation.label),
                    *extension_of(
                        ARTIFACT_DESCRIPTION, "valueMarkdown", segmentation.description
                    ),
                    *map(extension_of_finding, self.findings),
                ],
                "identifier": [fhir.uid_identifier(segmentation.sop_instance_uid)],
                "focus": self._selections.focus(self._images.all),
            },
        )

    def _of_segment(self, segment: Segment) -> Resource:
        findings = [
            each
            for each in self.findings
            if segment.number is not None and each.roi_number == segment.number
        ]
        performers = self._performers.copy()
        performers.add_algorithms(_algorithms_of(segment))
        return self._segments(
            identity=roi_selection_id(
                self._ids.instance, segment.number, segment.ordinal
            ),
            level="segment",
            numbers=[segment.number],
            findings=findings,
            performers=performers,
            structure=body_structure_of(segment, self._selections.subject),
            concept=concept_of_segment(segment),
            elements={
                "text": narrative_of_segment(segment, findings),
                "extension": [*map(extension_of_finding, findings)],
                "identifier": _tracking(segment),
                "category": categories_of(segment),
                "focus": self._selections.focus(self._images.of_segment(segment)),
            },
        )

    def _segments(  # noqa: PLR0913 - what the two levels differ in
        self,
        *,
        identity: str,
        level: str,
        numbers: list[int | None],
        findings: Iterable[Finding],
        performers: Performers,
        structure: Resource,
        concept: Resource,
        elements: Resource,
    ) -> Resource:
        """Build what the segmentation and a segment of it have in common."""
        segmentation = self._segmentation
        subset = [str(n) for n in dict.fromkeys(numbers) if n is not None]
        # The profile is about one segment (subset 1..1) of a Segmentation: a Label Map
        # Segmentation has another SOP Class.
        conforms = (
            len(subset) == 1 and segmentation.sop_class_uid == SEGMENTATION_STORAGE
        )
        return self._selections.build(
            identity=identity,
            level=level,
            profile="referenced-segment" if conforms else None,
            findings=findings,
            elements={
                **elements,
                **with_structure(performers, structure, concept),
                "issued": issued_of(
                    [
                        segmentation.moment,
                        segmentation.created,
                        segmentation.series_moment,
                    ],
                    self._choices.timezone,
                ),
                "code": fhir.concept(REFERENCED_SEGMENT),
                "frameOfReferenceUid": segmentation.frame_of_reference_uid,
                "instance": [
                    fhir.without_absent(
                        {
                            "uid": segmentation.sop_instance_uid,
                            "number": unsigned(segmentation.instance_number),
                            "sopClass": sop_class_of(segmentation.sop_class_uid),
                            "subset": subset,
                        }
                    )
                ],
            },
        )

    def _of_images(self, images: SourceImages) -> Resource:
        text = narrative_of_images(images, len(images.instances))
        return self._selections.of_images(images, text)


def _algorithms_of(segment: Segment) -> list[Algorithm]:
    """List the algorithms; of some, the file has the name alone (0062,0009)."""
    if segment.algorithms or segment.algorithm_name is None:
        return [*segment.algorithms]
    return [Algorithm(segment.algorithm_name, None, None)]


def _tracking(segment: Segment) -> list[Resource]:
    identifiers: list[Resource] = []
    if segment.tracking_id:
        kind = fhir.concept(TRACKING_IDENTIFIER)
        identifiers.append({"type": kind, "value": segment.tracking_id})
    if segment.tracking_uid:
        identifiers.append(fhir.uid_identifier(segment.tracking_uid))
    return identifiers


def _findings_of(segmentation: Segmentation) -> Iterator[Finding]:
    """Yield findings of the mapping itself: what FHIR cannot represent."""
    for segment in segmentation.segments:
        count = sum(system_of(code) is None for code in codes_of(segment))
        if count and segment.ordinal == 1:
            text = f"Codes of no coding scheme that FHIR could name: {count}"
            yield finding("code-without-system", text, segment.number)
    for keyword, number in (
        ("InstanceNumber", segmentation.instance_number),
        ("SeriesNumber", segmentation.series_number),
    ):
        if number is not None and unsigned(number) is None:
            text = f"{keyword} is negative, which FHIR's unsignedInt excludes; left out"
            yield finding("number-not-representable", text)
