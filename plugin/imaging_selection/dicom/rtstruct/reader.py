"""The data set of an RT Structure Set becomes a `StructureSet` (PS3.3 2025a, A.19).

Contour Data is neither read nor copied: the walk steps over it by its length.

Everything is optional here, also where the standard says otherwise, except the three
UIDs of the instance, its series and its study. What is missing or wrong becomes a
finding.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from imaging_selection.dicom.character_sets import LATIN_1
from imaging_selection.dicom.composite import parse_general, read_top, reading_of
from imaging_selection.dicom.macros import (
    parse_anatomic_regions,
    parse_person,
    parse_primary_structures,
    parse_references,
)
from imaging_selection.dicom.referenced_instances import (
    REFERENCED_INSTANCES,
    parse_predecessors,
    parse_referenced_instances,
    parse_related_series,
)
from imaging_selection.dicom.rtstruct.contours import ContourReader
from imaging_selection.dicom.rtstruct.findings import cross_check
from imaging_selection.dicom.rtstruct.iod import STRUCTURE_SET, TYPE_2
from imaging_selection.dicom.rtstruct.rois import parse_observations, parse_rois
from imaging_selection.dicom.rtstruct.structure_set import (
    Approval,
    FrameOfReference,
    ReferencedSeries,
    ReferencedStudy,
    RoiContours,
    SourceSeries,
    StructureSet,
)

if TYPE_CHECKING:
    from imaging_selection.dicom.attributes import Attributes
    from imaging_selection.dicom.elements import Dataset


def read_structure_set(
    dataset: Dataset, default_encoding: str = LATIN_1
) -> StructureSet:
    """Read the data set of a structure set.

    Parameters
    ----------
    default_encoding
        Of text, where the data set declares no character set: a name of
        `character_sets.DEFAULT_ENCODINGS`.

    Raises
    ------
    MalformedError
        The top level of the data set cannot be followed from element to element. A
        sequence that contradicts itself is left out, and becomes a finding.
    UnusableError
        SOP Instance, Series or Study Instance UID is missing, or cannot be used.
    """
    reading = reading_of(dataset, default_encoding)
    contours = ContourReader(reading)
    wanted = STRUCTURE_SET | REFERENCED_INSTANCES | contours.wanted
    top = read_top(reading, dataset, wanted)
    structure_set = _parse_structure_set(top, default_encoding)
    findings = (*reading.notes.findings(), *cross_check(structure_set, dataset.data))
    return replace(structure_set, findings=findings)


def _parse_structure_set(top: Attributes, default_encoding: str) -> StructureSet:
    contours: tuple[RoiContours, ...] = tuple(top.made("ROIContourSequence"))
    top.expect(type_1=("StructureSetLabel",), type_2=TYPE_2)
    observations = parse_observations(top)
    general = parse_general(top, default_encoding)
    return StructureSet(
        **general,
        label=top.text("StructureSetLabel"),
        name=top.text("StructureSetName"),
        description=top.text("StructureSetDescription"),
        moment=top.moment("StructureSetDate", "StructureSetTime"),
        approval=_parse_approval(top),
        frames_of_reference=tuple(
            _parse_frame_of_reference(frame)
            for frame in top.items("ReferencedFrameOfReferenceSequence")
        ),
        anatomic_regions=parse_anatomic_regions(top),
        primary_structures=parse_primary_structures(top),
        body_part=top.text("BodyPartExamined"),
        predecessors=parse_predecessors(top),
        source_series=tuple(
            _parse_source_series(item)
            for item in top.items("SourceSeriesInformationSequence")
        ),
        referenced_instances=parse_referenced_instances(
            top, general["study_instance_uid"]
        ),
        related_series=parse_related_series(top),
        rois=parse_rois(top, contours, observations),
        contours=contours,
        observations=observations,
    )


def _parse_approval(top: Attributes) -> Approval | None:
    status = top.text("ApprovalStatus")
    if status is None:
        return None
    return Approval(
        status=status,
        moment=top.moment("ReviewDate", "ReviewTime"),
        reviewer=parse_person(top, "ReviewerName"),
    )


def _parse_source_series(item: Attributes) -> SourceSeries:
    item.expect(type_1=("SeriesInstanceUID",))
    return SourceSeries(
        series_instance_uid=item.uid("SeriesInstanceUID"),
        number=item.integer("SeriesNumber"),
        modality=item.text("Modality"),
        description=item.text("SeriesDescription"),
        moment=item.moment("SeriesDate", "SeriesTime"),
    )


def _parse_frame_of_reference(frame: Attributes) -> FrameOfReference:
    frame.expect(type_1=("FrameOfReferenceUID",))
    studies = frame.items("RTReferencedStudySequence")
    return FrameOfReference(
        uid=frame.uid("FrameOfReferenceUID"),
        studies=tuple(_parse_study(study) for study in studies),
    )


def _parse_study(study: Attributes) -> ReferencedStudy:
    study.expect(type_1=("ReferencedSOPInstanceUID", "RTReferencedSeriesSequence"))
    series = study.items("RTReferencedSeriesSequence")
    return ReferencedStudy(
        study_instance_uid=study.uid("ReferencedSOPInstanceUID"),
        series=tuple(_parse_series(one) for one in series),
    )


def _parse_series(series: Attributes) -> ReferencedSeries:
    series.expect(type_1=("SeriesInstanceUID", "ContourImageSequence"))
    return ReferencedSeries(
        series_instance_uid=series.uid("SeriesInstanceUID"),
        images=parse_references(series, "ContourImageSequence"),
    )
