"""The data set of an RT Structure Set becomes a `StructureSet` (PS3.3 2025a, A.19).

Contour Data is neither read nor copied: the walk steps over it by its length.

Everything is optional here, also where the standard says otherwise, except the three
UIDs of the instance, its series and its study. What is missing or wrong becomes a
finding.
"""

from __future__ import annotations

from dataclasses import replace

from imaging_selection.dicom.attributes import Attributes, Reading
from imaging_selection.dicom.character_sets import LATIN_1, undeclared_character_set
from imaging_selection.dicom.elements import Dataset, select
from imaging_selection.dicom.entities import Accession, Patient
from imaging_selection.dicom.macros import (
    parse_anatomic_regions,
    parse_equipment,
    parse_issuer,
    parse_operators,
    parse_person,
    parse_primary_structures,
    parse_references,
)
from imaging_selection.dicom.orthanc_text import text_of_orthanc
from imaging_selection.dicom.rtstruct.contours import ContourReader
from imaging_selection.dicom.rtstruct.findings import cross_check
from imaging_selection.dicom.rtstruct.iod import STRUCTURE_SET, TYPE_2
from imaging_selection.dicom.rtstruct.referenced_instances import (
    REFERENCED_INSTANCES,
    parse_predecessors,
    parse_referenced_instances,
    parse_related_series,
)
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
from imaging_selection.dicom.values import TAGS, label_of, parse_uid
from imaging_selection.errors import UnusableError


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
    reading = Reading(
        dataset.data,
        dataset.encoding.big_endian,
        undeclared=undeclared_character_set(default_encoding),
    )
    contours = ContourReader(reading)
    wanted = STRUCTURE_SET | REFERENCED_INSTANCES | contours.wanted
    top = Attributes(reading, select(dataset, wanted))
    reading.utc_offset = top.utc_offset("TimezoneOffsetFromUTC")
    reading.is_zone_unreadable = reading.utc_offset is None and top.has_value(
        "TimezoneOffsetFromUTC"
    )
    reading.scheme_uids = _parse_scheme_uids(top)
    structure_set = _parse_structure_set(top, default_encoding)
    findings = (*reading.notes.findings(), *cross_check(structure_set, dataset.data))
    return replace(structure_set, findings=findings)


def _required_uid(top: Attributes, keyword: str) -> str:
    uid = top.uid(keyword)
    if uid is not None:
        return uid
    label = label_of(keyword)
    place = top.fields.get(TAGS[keyword], slice(0, 0))
    if not isinstance(place, slice):
        raise UnusableError(f"{label} is there, but cannot be read")
    try:
        return parse_uid(top.reading.data[place])
    except ValueError as cause:
        raise UnusableError(f"{label} {cause}") from cause


def _parse_scheme_uids(top: Attributes) -> dict[str, str]:
    """Read Coding Scheme Identification Sequence (C.12.1.1.4)."""
    uids: dict[str, str] = {}
    for item in top.items("CodingSchemeIdentificationSequence"):
        designator = item.text("CodingSchemeDesignator")
        uid = item.uid("CodingSchemeUID")
        if designator is not None and uid is not None:
            uids.setdefault(designator, uid)
    return uids


def _parse_structure_set(top: Attributes, default_encoding: str) -> StructureSet:
    contours: tuple[RoiContours, ...] = tuple(top.made("ROIContourSequence"))
    top.uid("SOPClassUID")  # an illegal one is noted
    top.expect(type_1=("StructureSetLabel",), type_2=TYPE_2)
    observations = parse_observations(top)
    study_instance_uid = _required_uid(top, "StudyInstanceUID")
    return StructureSet(
        sop_instance_uid=_required_uid(top, "SOPInstanceUID"),
        study_instance_uid=study_instance_uid,
        series_instance_uid=_required_uid(top, "SeriesInstanceUID"),
        patient=_parse_patient(top, default_encoding),
        accession=_parse_accession(top),
        series_number=top.integer("SeriesNumber"),
        instance_number=top.integer("InstanceNumber"),
        label=top.text("StructureSetLabel"),
        name=top.text("StructureSetName"),
        description=top.text("StructureSetDescription"),
        moment=top.moment("StructureSetDate", "StructureSetTime"),
        created=top.moment("InstanceCreationDate", "InstanceCreationTime"),
        series_moment=top.moment("SeriesDate", "SeriesTime"),
        equipment=parse_equipment(top),
        operators=parse_operators(top),
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
        referenced_instances=parse_referenced_instances(top, study_instance_uid),
        related_series=parse_related_series(top),
        rois=parse_rois(top, contours, observations),
        contours=contours,
        observations=observations,
    )


def _parse_patient(top: Attributes, default_encoding: str) -> Patient:
    issuer, issuer_uid = parse_issuer(top, "IssuerOfPatientIDQualifiersSequence")
    return Patient(
        patient_id=top.text("PatientID"),
        hashed_id=text_of_orthanc(
            top.stored("PatientID"),
            top.stored("SpecificCharacterSet"),
            default_encoding,
        ),
        issuer=top.text("IssuerOfPatientID") or issuer,
        issuer_uid=issuer_uid,
    )


def _parse_accession(top: Attributes) -> Accession | None:
    number = top.text("AccessionNumber")
    if number is None:
        return None
    return Accession(number, *parse_issuer(top, "IssuerOfAccessionNumberSequence"))


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
