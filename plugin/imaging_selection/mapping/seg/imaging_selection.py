"""A `Segmentation` becomes ImagingSelection resources: the same input, the same bytes.

There are three levels: one selection for the segmentation, one for each segment, one
for each series of source images. Of the setting `Levels`, `StructureSet` is that of the
segmentation, and `Roi` that of the segments.

FHIR 5.0.0 ImagingSelection; HL7 "DICOM SR to FHIR Resource Mapping" 1.0.0, profiles
referenced-segment and source-image-for-segmentation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from imaging_selection.dicom.entities import Algorithm
from imaging_selection.dicom.findings import finding
from imaging_selection.dicom.seg.segmentation import SEGMENTATION_STORAGE
from imaging_selection.fhir import canonicals
from imaging_selection.fhir import datatypes as fhir
from imaging_selection.fhir.checks import Checker
from imaging_selection.ids import roi_selection_id
from imaging_selection.mapping.body_site import TRACKING_IDENTIFIER
from imaging_selection.mapping.choices import Mapped
from imaging_selection.mapping.extensions import (
    ARTIFACT_DESCRIPTION,
    ARTIFACT_TITLE,
    extension_of,
    extension_of_finding,
)
from imaging_selection.mapping.issued import issued_of
from imaging_selection.mapping.performer import OPERATOR, PERFORMER, Performers
from imaging_selection.mapping.references import (
    based_on_of,
    derived_from_of,
    subject_of,
)
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
from imaging_selection.mapping.selection import build_selection, unsigned
from imaging_selection.mapping.sop_class import sop_class_of
from imaging_selection.mapping.source_images import SOURCE_IMAGE
from imaging_selection.mapping.terminology import system_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from imaging_selection.dicom.findings import Finding
    from imaging_selection.dicom.seg.segmentation import Segment, Segmentation
    from imaging_selection.fhir.datatypes import Resource
    from imaging_selection.ids import OrthancIds
    from imaging_selection.mapping.choices import Choices
    from imaging_selection.mapping.source_images import SourceImages

REFERENCED_SEGMENT: Final = fhir.coding(canonicals.DCM, "121191", "Referenced Segment")


def map_segmentation(
    segmentation: Segmentation, ids: OrthancIds, choices: Choices
) -> Mapped:
    """Build the selections of a segmentation, of its segments and its source images.

    Raises
    ------
    MappingError
        A resource fails the R5 model or our own checks: a defect of this package.
    """
    builder = _Builder(segmentation, ids, choices)
    selections = tuple(builder.selections())
    checker = Checker()
    for selection in selections:
        checker.check(selection)
    return Mapped(selections, builder.findings)


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
        self._subject = subject_of(
            segmentation.patient, ids, choices.patient_identifier_system
        )
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
        levels = self._choices.levels
        if "StructureSet" in levels:
            yield self._of_segmentation()
        if "Roi" in levels:
            yield from map(self._of_segment, self._segmentation.segments)
        if "SourceImages" in levels:
            yield from map(self._of_images, self._images.all)

    def _of_segmentation(self) -> Resource:
        segmentation = self._segmentation
        return self._segments(
            identity=self._ids.instance,
            level="segmentation",
            numbers=[each.number for each in segmentation.segments],
            findings=self.findings,
            performers=self._performers,
            structure={},
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
                "focus": self._focus(self._images.all),
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
            structure=body_structure_of(segment, self._subject),
            elements={
                "text": narrative_of_segment(segment, findings),
                "extension": [*map(extension_of_finding, findings)],
                "identifier": _tracking(segment),
                "category": categories_of(segment),
                "bodySite": {"concept": concept_of_segment(segment)},
                "focus": self._focus(self._images.of_segment(segment)),
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
        elements: Resource,
    ) -> Resource:
        """Build what the segmentation and a segment of it have in common."""
        segmentation = self._segmentation
        subset = [str(n) for n in dict.fromkeys(numbers) if n is not None]
        if structure:
            elements["bodySite"]["reference"] = {
                "reference": "#structure",
                "type": "BodyStructure",
            }
        # The profile is about one segment (subset 1..1) of a Segmentation: a Label Map
        # Segmentation has another SOP Class.
        conforms = (
            len(subset) == 1 and segmentation.sop_class_uid == SEGMENTATION_STORAGE
        )
        return self._selection(
            identity=identity,
            level=level,
            profile="referenced-segment" if conforms else None,
            findings=findings,
            elements={
                **elements,
                "contained": [
                    *performers.contained,
                    *([structure] if structure else []),
                ],
                "performer": performers.performers,
                "basedOn": based_on_of(
                    segmentation.accession, self._choices.accession_number_system
                ),
                "issued": issued_of(
                    [
                        segmentation.moment,
                        segmentation.created,
                        segmentation.series_moment,
                    ],
                    self._choices.timezone,
                ),
                "code": fhir.concept(REFERENCED_SEGMENT),
                "studyUid": segmentation.study_instance_uid,
                "derivedFrom": self._derived_from(segmentation.study_instance_uid),
                "endpoint": self._endpoint(),
                "seriesUid": segmentation.series_instance_uid,
                "seriesNumber": unsigned(segmentation.series_number),
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
        """Build the selection of a series of source images (DCM 121233)."""
        instances = images.instances
        return self._selection(
            identity=images.selection_id,
            level="source-images",
            profile="source-image-for-segmentation",
            findings=(),
            elements={
                "text": narrative_of_images(images, len(instances)),
                "code": fhir.concept(SOURCE_IMAGE),
                "studyUid": images.study_uid,
                "derivedFrom": self._derived_from(images.study_uid),
                "seriesUid": images.series_uid,
                "instance": instances,
            },
        )

    def _selection(self, **elements: Any) -> Resource:
        return build_selection(subject=self._subject, approval_status=None, **elements)

    def _derived_from(self, study_uid: str | None) -> list[Resource]:
        return derived_from_of(study_uid, self._segmentation, self._ids)

    def _endpoint(self) -> list[Resource]:
        reference = self._choices.endpoint
        return [{"reference": reference, "type": "Endpoint"}] if reference else []

    def _focus(self, images: Iterable[SourceImages]) -> list[Resource]:
        if "SourceImages" not in self._choices.levels:
            return []
        return [each.reference for each in images]


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
