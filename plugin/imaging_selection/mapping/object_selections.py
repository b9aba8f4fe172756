"""What the selections of one DICOM object have in common, whatever its kind.

A structure set, a segmentation and a report each have a selection of the whole, and the
first two one of each part (ROI, segment) and of each series of source images.

FHIR 5.0.0 ImagingSelection; HL7 "DICOM SR to FHIR Resource Mapping" 1.0.0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from imaging_selection.fhir import datatypes as fhir
from imaging_selection.fhir.checks import Checker
from imaging_selection.mapping.choices import Mapped
from imaging_selection.mapping.references import (
    based_on_of,
    derived_from_of,
    subject_of,
)
from imaging_selection.mapping.selection import build_selection, unsigned
from imaging_selection.mapping.source_images import SOURCE_IMAGE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from imaging_selection.dicom.entities import Instance
    from imaging_selection.dicom.findings import Finding
    from imaging_selection.fhir.datatypes import Resource
    from imaging_selection.ids import OrthancIds
    from imaging_selection.mapping.choices import Choices
    from imaging_selection.mapping.performer import Performers
    from imaging_selection.mapping.source_images import SourceImages


def checked(resources: Iterable[Resource], findings: Iterable[Finding]) -> Mapped:
    """Return what a DICOM object became, each resource checked.

    Raises
    ------
    MappingError
        A resource fails the R5 model or our own checks: a defect of this package.
    """
    checker = Checker()
    every = tuple(resources)
    for resource in every:
        checker.check(resource)
    return Mapped(every, tuple(findings))


class ObjectSelections:
    """Builds the selections of one DICOM object.

    Parameters
    ----------
    approval_status
        Approval Status (300E,0002).

    Attributes
    ----------
    subject
        The reference to the patient.
    """

    def __init__(
        self,
        instance: Instance,
        ids: OrthancIds,
        choices: Choices,
        approval_status: str | None = None,
    ) -> None:
        self._instance = instance
        self._ids = ids
        self._choices = choices
        self._approval_status = approval_status
        self.subject = subject_of(
            instance.patient, ids, choices.patient_identifier_system
        )

    def of_levels(
        self,
        whole: Callable[[], Resource],
        parts: Iterable[Resource],
        images: Iterable[Resource],
    ) -> Iterator[Resource]:
        """Yield the selections of the chosen levels; the others are not built."""
        levels = self._choices.levels
        if "StructureSet" in levels:
            yield whole()
        if "Roi" in levels:
            yield from parts
        if "SourceImages" in levels:
            yield from images

    def build(self, *, elements: Resource, **others: Any) -> Resource:
        """Build a selection of the object itself, or of a part of it.

        Parameters
        ----------
        elements
            Besides those that follow from the object.
        others
            As of `build_selection`.
        """
        instance, choices = self._instance, self._choices
        study = instance.study_instance_uid
        shared = {
            "basedOn": based_on_of(instance.accession, choices.accession_number_system),
            "studyUid": study,
            "derivedFrom": derived_from_of(study, instance, self._ids),
            # Of the object; source images may be elsewhere.
            "endpoint": [{"reference": choices.endpoint, "type": "Endpoint"}]
            if choices.endpoint
            else [],
            "seriesUid": instance.series_instance_uid,
            "seriesNumber": unsigned(instance.series_number),
        }
        return self._build(elements=shared | elements, **others)

    def of_images(self, images: SourceImages, narrative: Resource) -> Resource:
        """Build the selection of a series of source images (DCM 121233)."""
        instances, series = images.instances, images.series
        study = images.study_uid
        return self._build(
            identity=images.selection_id,
            level="source-images",
            # The profile's instance is 1..*; a series without images has none.
            profile="source-image-for-segmentation" if instances else None,
            findings=(),
            elements={
                "text": narrative,
                "code": fhir.concept(SOURCE_IMAGE),
                "studyUid": study,
                "derivedFrom": derived_from_of(study, self._instance, self._ids),
                "seriesUid": images.series_uid,
                "seriesNumber": unsigned(series.number if series else None),
                "frameOfReferenceUid": images.frame_of_reference_uid,
                "instance": instances,
            },
        )

    def focus(self, images: Iterable[SourceImages]) -> list[Resource]:
        """Refer to source images, if they have selections."""
        if "SourceImages" not in self._choices.levels:
            return []
        return [each.reference for each in images]

    def _build(self, **elements: Any) -> Resource:
        return build_selection(
            subject=self.subject, approval_status=self._approval_status, **elements
        )


def with_structure(
    performers: Performers, structure: Resource, concept: Resource
) -> Resource:
    """Build what depends on contained resources: people, devices, and the body site."""
    reference = {"reference": "#structure", "type": "BodyStructure"}
    return {
        "contained": [*performers.contained, *([structure] if structure else [])],
        "performer": performers.performers,
        "bodySite": {
            "concept": concept,
            "reference": reference if structure else None,
        },
    }
