"""The bytes of an RT Structure Set -> `StructureSet` (DICOM PS3.3 2025a, A.19).

Contour Data is neither read nor copied: `contours.survey` walks past it by its lengths.

Everything is optional here, also where the standard says otherwise, but for the three
UIDs that name the instance, its series and its study. What is missing or wrong is told
by findings.

pydicom lends its dictionary and its character sets (`dicom_values`), but does not read:
it takes five to ten times as long as the walk by lengths, which is needed anyway; it
warns and logs with values in its sentences; and it recurses as deep as a file asks.
"""

from __future__ import annotations

from dataclasses import replace

from imaging_selection.dicom.attributes import Attributes, Reading
from imaging_selection.dicom.elements import Dataset, Encoding, select
from imaging_selection.dicom.entities import Accession, Patient
from imaging_selection.dicom.file import open_dataset
from imaging_selection.dicom.macros import (
    parse_anatomic_regions,
    parse_equipment,
    parse_issuer,
    parse_operators,
    parse_person,
    parse_primary_structures,
    parse_references,
    without_illegal_uids,
)
from imaging_selection.dicom.rtstruct.contours import survey
from imaging_selection.dicom.rtstruct.findings import cross_check
from imaging_selection.dicom.rtstruct.iod import FILE_META, STRUCTURE_SET, TYPE_2
from imaging_selection.dicom.rtstruct.rois import parse_observations, parse_rois
from imaging_selection.dicom.rtstruct.structure_set import (
    RT_STRUCTURE_SET_STORAGE,
    Approval,
    FrameOfReference,
    ReferencedSeries,
    ReferencedStudy,
    RoiContours,
    SourceSeries,
    StructureSet,
)
from imaging_selection.dicom.values import TAGS
from imaging_selection.errors import (
    MalformedError,
    UnsupportedObjectError,
    UnusableError,
)

_PREFIX_END = 132  # 128 bytes of preamble and `DICM` (PS3.10 7.1)


def parse_structure_set(file: bytes) -> StructureSet:
    """Read a structure set, as stored by Orthanc: a DICOM file, or a bare data set.

    Raises
    ------
    NotDicomError
        The bytes are no DICOM.
    UnsupportedObjectError
        They are an instance of another SOP Class.
    MalformedError
        The data set cannot be followed from element to element, at its top level: a
        sequence that contradicts itself costs itself alone, a finding tells of it.
    UnusableError
        SOP Class, SOP Instance, Series or Study Instance UID is missing or no UID.
    """
    dataset = open_dataset(file)
    contours = survey(dataset, STRUCTURE_SET)
    reading = Reading(dataset.data, dataset.encoding.big_endian)
    top = Attributes(reading, contours.fields)
    _check_sop_class(top.uid("SOPClassUID") or _sop_class_of_file(file, dataset))
    reading.utc_offset = top.utc_offset("TimezoneOffsetFromUTC")
    reading.is_zone_unreadable = reading.utc_offset is None and top.has_value(
        "TimezoneOffsetFromUTC"
    )
    reading.scheme_uids = _parse_scheme_uids(top)
    for code, keyword, roi_number in contours.notes:
        reading.notes.add(code, keyword, roi_number)
    drawn = without_illegal_uids(contours.rois, reading.notes)
    structure_set = _parse_structure_set(top, drawn)
    findings = (*reading.notes.findings(), *cross_check(structure_set))
    return replace(structure_set, findings=findings)


def _check_sop_class(uid: str | None) -> None:
    if uid is None:
        raise UnusableError("SOPClassUID (0008,0016) is missing or no UID")
    if uid != RT_STRUCTURE_SET_STORAGE:
        raise UnsupportedObjectError(f"SOP Class {uid} is not RT Structure Set Storage")


def _sop_class_of_file(file: bytes, dataset: Dataset) -> str | None:
    """Read what the File Meta Information says of a data set that does not say it."""
    if dataset.data is not file:  # deflated: where the meta information ends is lost
        return None
    start = _PREFIX_END if file[:_PREFIX_END].endswith(b"DICM") else 0
    encoding = Encoding(explicit_vr=True, big_endian=False)
    meta = Dataset(file, start, dataset.start, encoding, None)
    try:
        fields = select(meta, FILE_META)
    except MalformedError:
        return None
    return Attributes(Reading(file), fields).uid("MediaStorageSOPClassUID")


def _required_uid(top: Attributes, keyword: str) -> str:
    uid = top.uid(keyword)
    if uid is None:
        tag = TAGS[keyword]
        place = f"({tag >> 16:04X},{tag & 0xFFFF:04X})"
        raise UnusableError(f"{keyword} {place} is missing or no UID")
    return uid


def _parse_scheme_uids(top: Attributes) -> dict[str, str]:
    """Read Coding Scheme Identification Sequence (C.12.1.1.4)."""
    uids: dict[str, str] = {}
    for item in top.items("CodingSchemeIdentificationSequence"):
        designator = item.text("CodingSchemeDesignator")
        uid = item.uid("CodingSchemeUID")
        if designator is not None and uid is not None:
            uids.setdefault(designator, uid)
    return uids


def _parse_structure_set(
    top: Attributes, contours: tuple[RoiContours, ...]
) -> StructureSet:
    top.expect(type_1=("StructureSetLabel",), type_2=TYPE_2)
    observations = parse_observations(top)
    return StructureSet(
        sop_instance_uid=_required_uid(top, "SOPInstanceUID"),
        study_instance_uid=_required_uid(top, "StudyInstanceUID"),
        series_instance_uid=_required_uid(top, "SeriesInstanceUID"),
        patient=_parse_patient(top),
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
        frames_of_reference=_parse_frames_of_reference(top),
        anatomic_regions=parse_anatomic_regions(top),
        primary_structures=parse_primary_structures(top),
        body_part=top.text("BodyPartExamined"),
        predecessors=parse_references(top, "PredecessorStructureSetSequence"),
        source_series=tuple(
            _parse_source_series(item)
            for item in top.items("SourceSeriesInformationSequence")
        ),
        rois=parse_rois(top, contours, observations),
        contours=contours,
        observations=observations,
    )


def _parse_patient(top: Attributes) -> Patient:
    issuer, issuer_uid = parse_issuer(top, "IssuerOfPatientIDQualifiersSequence")
    return Patient(
        patient_id=top.text("PatientID"),
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


def _parse_frames_of_reference(top: Attributes) -> tuple[FrameOfReference, ...]:
    frames = top.items("ReferencedFrameOfReferenceSequence")
    return tuple(_parse_frame_of_reference(frame) for frame in frames)


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
