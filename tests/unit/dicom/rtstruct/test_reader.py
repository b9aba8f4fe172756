import logging
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st
from imaging_selection.dicom.entities import (
    Accession,
    Equipment,
    Moment,
    Participant,
    Patient,
    SopReference,
)
from imaging_selection.dicom.findings import FINDING_KINDS, Severity
from imaging_selection.dicom.rtstruct.structure_set import (
    Approval,
    FrameOfReference,
    ReferencedSeries,
    ReferencedStudy,
    StructureSet,
)
from imaging_selection.errors import (
    DicomError,
    MalformedError,
    NotDicomError,
    UnsupportedObjectError,
    UnusableError,
)
from support.builders import (
    BIG_ENDIAN,
    DEFLATED,
    EXPLICIT,
    FRAME,
    IMPLICIT,
    SERIES,
    STRUCTURE_SET,
    STUDY,
    code,
    contour,
    ct_image,
    image_uid,
    make_rtstruct,
    observation,
    reference,
    referenced_frame,
    roi,
)
from support.reading import found, parse, parse_structure_set, texts

CT = "1.2.840.10008.5.1.4.1.1.2"


def test_the_three_uids_identify_the_structure_set():
    structure_set = parse(roi())
    assert structure_set.sop_instance_uid == STRUCTURE_SET
    assert structure_set.series_instance_uid == SERIES
    assert structure_set.study_instance_uid == STUDY


def test_a_structure_set_as_the_standard_wants_it_has_no_findings():
    assert parse(roi(1, "a"), roi(2, "b")).findings == ()


@pytest.mark.parametrize(
    "undefined_length", [False, True], ids=["lengths", "delimiters"]
)
@pytest.mark.parametrize("transfer_syntax", [IMPLICIT, EXPLICIT, BIG_ENDIAN, DEFLATED])
def test_every_encoding_says_the_same(transfer_syntax, undefined_length):
    rois = (roi(1, "Ösophagus"), roi(2, "肝臓", contours=None))
    encoded = parse(
        *rois, transfer_syntax=transfer_syntax, undefined_length=undefined_length
    )
    assert _without_positions(encoded) == _without_positions(parse(*rois))


def _without_positions(structure_set):
    return [
        (each.number, each.name, each.observations, len(each.contours))
        for each in structure_set.rois
    ], structure_set.frames_of_reference


@pytest.mark.parametrize("header", ["full", "meta", "none"])
def test_a_file_is_read_with_and_without_its_preamble_and_meta_information(header):
    assert parse(roi(7), header=header).rois[0].number == 7


@pytest.mark.parametrize(
    "keyword", ["SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"]
)
@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "is missing"),
        ("", "is missing"),
        ("113047_a", "is there, but has characters"),
        ("113047/a", "is there, but has characters"),
        (b"2.25.113047\xe9", "is there, but has characters"),
        ("1." + "2" * 63, "is there, but longer .* 65 characters"),
        ("1." + "2" * 70_000, "is there, but longer .* 70002 characters"),
    ],
)
def test_without_its_uids_no_structure_set_can_be_used(keyword, value, reason):
    file = make_rtstruct(roi(), **{keyword: value}, header="none")
    with pytest.raises(UnusableError, match=rf"{keyword} \(.*\) {reason}") as refused:
        parse_structure_set(file)
    assert "113047" not in str(refused.value)  # nothing of the file


def test_a_uid_that_stands_twice_is_there_and_not_read():
    file = make_rtstruct(roi(), header="none")
    at = file.index(b"\x20\x00\x0d\x00")
    element = file[at : at + 8 + file[at + 4]]
    with pytest.raises(UnusableError, match=r"StudyInstanceUID .* is there, but"):
        parse_structure_set(file[:at] + element + file[at:])


@pytest.mark.parametrize(
    "keyword", ["SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"]
)
@pytest.mark.parametrize("uid", ["not-a-uid", "1.2.", "1..2", "ANON.7", "a" * 64])
def test_an_illegal_uid_that_an_id_can_hold_is_kept_and_told(keyword, uid):
    structure_set = parse(roi(), **{keyword: uid})
    assert uid in {
        structure_set.sop_instance_uid,
        structure_set.study_instance_uid,
        structure_set.series_instance_uid,
    }
    assert ("invalid-uid", None) in found(structure_set)
    assert texts(structure_set, "invalid-uid") == [f"Invalid UID: {keyword}"]


def test_a_sop_class_that_is_no_uid_is_not_quoted():
    file = make_rtstruct(roi(), header="none", SOPClassUID="DOE-113047")
    with pytest.raises(UnusableError, match="SOPClassUID") as refused:
        parse_structure_set(file)
    assert "DOE" not in str(refused.value)


def test_another_sop_class_is_refused_by_its_name():
    with pytest.raises(UnsupportedObjectError, match=CT):
        parse_structure_set(ct_image())


def test_a_missing_sop_class_is_taken_from_the_file_meta_information():
    file = make_rtstruct(roi(7))
    tag = b"\x08\x00\x16\x00"
    at = file.index(tag)
    length = 8 + file[at + 4]
    assert parse_structure_set(file[:at] + file[at + length :]).rois[0].number == 7


def test_a_sop_class_that_stands_nowhere_is_told():
    file = make_rtstruct(roi(), header="none")
    at = file.index(b"\x08\x00\x16\x00")
    with pytest.raises(UnusableError, match="SOPClassUID"):
        parse_structure_set(file[:at] + file[at + 8 + file[at + 4] :])


def test_what_is_no_dicom_is_told_so():
    with pytest.raises(NotDicomError):
        parse_structure_set(b"hello world, this is no DICOM")


def test_a_file_cut_in_its_middle_is_no_whole_one():
    file = make_rtstruct(roi())
    with pytest.raises(MalformedError):
        parse_structure_set(file[:-20])


def test_padding_of_a_uid_is_not_part_of_it():
    assert parse(roi(), StudyInstanceUID=b"1.2.840.113047 ").study_instance_uid == (
        "1.2.840.113047"
    )


def test_a_uid_with_a_leading_zero_is_kept_and_told():
    structure_set = parse(roi(), StudyInstanceUID="1.2.0113047")
    assert structure_set.study_instance_uid == "1.2.0113047"
    assert found(structure_set) == {("invalid-uid", None)}


@pytest.mark.parametrize("tag", [b"\x08\x00\x60\x00", b"\x06\x30\x80\x00"])
def test_a_top_level_that_cannot_be_followed_is_told_by_its_place(tag):
    data = make_rtstruct(roi(), header="none")
    at = data.index(tag)
    with pytest.raises(MalformedError) as refused:
        parse_structure_set(data[: at + 4] + b"\xff\xff\xff\x7f" + data[at + 8 :])
    assert refused.value.offset == at


def test_damaged_file_meta_information_does_not_name_a_sop_class():
    file = make_rtstruct(roi())
    at = file.index(b"\x08\x00\x16\x00")
    file = file[:at] + file[at + 8 + file[at + 4] :]
    at = file.index(b"\x02\x00\x02\x00UI")
    with pytest.raises(UnusableError, match="SOPClassUID"):
        parse_structure_set(file[:at] + file[at + 8 + file[at + 6] :])


def test_file_meta_information_in_implicit_vr_names_the_sop_class_as_well():
    data = make_rtstruct(roi(), SOPClassUID=b"", header="none")
    uid = b"1.2.840.10008.5.1.4.1.1.481.3\0"
    meta = b"\x02\x00\x02\x00" + len(uid).to_bytes(4, "little") + uid
    assert parse_structure_set(meta + data).rois[0].number is not None


def test_a_deflated_file_does_not_say_its_sop_class_twice():
    file = make_rtstruct(
        roi(), SOPClassUID=b"", transfer_syntax=DEFLATED, undefined_length=True
    )
    with pytest.raises(UnusableError, match="SOPClassUID"):
        parse_structure_set(file)


def test_the_patient_is_named_by_identifier_and_issuer():
    structure_set = parse(
        roi(),
        PatientID=" id-113047 ",
        IssuerOfPatientID="issuer-113047",
        IssuerOfPatientIDQualifiersSequence={
            "UniversalEntityID": "2.25.113047",
            "UniversalEntityIDType": "ISO",
        },
    )
    assert structure_set.patient == Patient(
        "id-113047", "issuer-113047", "2.25.113047", " id-113047"
    )


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("ISO", "113047"), ("URI", "113047"), ("DNS", None), (None, None)],
)
def test_only_an_oid_or_a_uri_names_an_issuer_for_all_the_world(kind, expected):
    issuer = {
        "LocalNamespaceEntityID": "local-113047",
        "UniversalEntityID": "113047",
        "UniversalEntityIDType": kind,
    }
    structure_set = parse(roi(), IssuerOfPatientIDQualifiersSequence=issuer)
    assert structure_set.patient.issuer == "local-113047"
    assert structure_set.patient.issuer_uid == expected


def test_an_issuer_that_only_a_domain_names_is_a_name():
    issuer = {
        "UniversalEntityID": "host-113047.example",
        "UniversalEntityIDType": "DNS",
    }
    structure_set = parse(roi(), IssuerOfPatientIDQualifiersSequence=issuer)
    assert structure_set.patient.issuer == "host-113047.example"
    assert structure_set.patient.issuer_uid is None


def test_an_order_is_known_by_accession_number_and_issuer():
    structure_set = parse(
        roi(),
        AccessionNumber="acc-113047",
        IssuerOfAccessionNumberSequence={"LocalNamespaceEntityID": "ris-113047"},
    )
    assert structure_set.accession == Accession("acc-113047", "ris-113047", None)


def test_without_an_accession_number_there_is_no_order():
    assert parse(roi(), AccessionNumber="").accession is None


def test_series_and_structure_set_are_labelled():
    structure_set = parse(
        roi(),
        SeriesNumber="3",
        InstanceNumber=" 4 ",
        StructureSetLabel="label",
        StructureSetName="name",
        StructureSetDescription="line 1\r\nline 2",
    )
    assert (structure_set.series_number, structure_set.instance_number) == (3, 4)
    assert (structure_set.label, structure_set.name) == ("label", "name")
    assert structure_set.description == "line 1\r\nline 2"


def test_equipment_has_all_its_software_versions():
    structure_set = parse(
        roi(),
        Manufacturer="maker",
        ManufacturerModelName="model",
        DeviceUID="2.25.1",
        DeviceSerialNumber="serial",
        SoftwareVersions=["9.6", "", "9.7 "],
        StationName="station",
        InstitutionName="hospital",
    )
    assert structure_set.equipment == Equipment(
        "maker", "model", "2.25.1", "serial", ("9.6", "9.7"), "station", "hospital"
    )


def test_every_operator_is_named():
    structure_set = parse(roi(), OperatorsName=["Doe^Jane", "Roe^John"])
    assert structure_set.operators == (
        Participant(name="Doe^Jane"),
        Participant(name="Roe^John"),
    )


def test_operators_and_their_identification_belong_together_by_position():
    structure_set = parse(
        roi(),
        OperatorsName=["Doe^Jane", "Roe^John"],
        OperatorIdentificationSequence=[
            {"PersonIdentificationCodeSequence": code("jd", "99STAFF")},
            {"PersonIdentificationCodeSequence": code("jr", "99STAFF")},
        ],
    )
    identified = [
        (each.name, each.identification[0].value) for each in structure_set.operators
    ]
    assert identified == [("Doe^Jane", "jd"), ("Roe^John", "jr")]


def test_operators_are_not_identified_by_guessing_who_is_who():
    structure_set = parse(
        roi(),
        OperatorsName=["Doe^Jane", "Roe^John"],
        OperatorIdentificationSequence=[
            {"PersonIdentificationCodeSequence": code("jr", "99STAFF")}
        ],
    )
    assert [each.identification for each in structure_set.operators] == [(), ()]
    assert ("unreadable-attribute", None) in found(structure_set)


def test_an_approval_has_its_reviewer_and_moment():
    structure_set = parse(
        roi(),
        ApprovalStatus="APPROVED",
        ReviewDate="20210305",
        ReviewTime="1112",
        ReviewerName="Doe^Jane",
    )
    assert structure_set.approval == Approval(
        "APPROVED", Moment("20210305", "1112", None), Participant(name="Doe^Jane")
    )


def test_without_the_approval_module_approval_is_unknown():
    assert parse(roi()).approval is None


def test_a_predecessor_is_referred_to():
    structure_set = parse(
        roi(), PredecessorStructureSetSequence=reference("2.25.7", "1.2.3")
    )
    assert structure_set.predecessors == (SopReference("1.2.3", "2.25.7"),)


def test_the_images_of_a_frame_of_reference_are_listed_by_study_and_series():
    frame = referenced_frame(FRAME, {STUDY: {"2.25.5": [image_uid(1), image_uid(2)]}})
    structure_set = parse(roi(), ReferencedFrameOfReferenceSequence=frame)
    images = (SopReference(CT, image_uid(1)), SopReference(CT, image_uid(2)))
    series = ReferencedSeries("2.25.5", images)
    assert structure_set.frames_of_reference == (
        FrameOfReference(FRAME, (ReferencedStudy(STUDY, (series,)),)),
    )


def test_referenced_frames_of_a_multi_frame_image_are_kept():
    image = reference(image_uid(1), ReferencedFrameNumber=["1", "3"])
    frame = referenced_frame(FRAME, {STUDY: {"2.25.5": [image]}})
    structure_set = parse(roi(), ReferencedFrameOfReferenceSequence=frame)
    series = structure_set.frames_of_reference[0].studies[0].series[0]
    assert series.images == (SopReference(CT, image_uid(1), (1, 3)),)


def test_a_reference_to_no_instance_is_left_out_and_told():
    images = [reference(""), reference("b a d"), image_uid(1)]
    frame = referenced_frame(FRAME, {STUDY: {"2.25.5": images}})
    structure_set = parse(roi(), ReferencedFrameOfReferenceSequence=frame)
    series = structure_set.frames_of_reference[0].studies[0].series[0]
    assert series.images == (SopReference(CT, image_uid(1)),)
    assert found(structure_set) == {
        ("invalid-uid", None),
        ("missing-mandatory-attribute", None),
    }


def test_a_frame_of_reference_that_names_nothing_is_told():
    frame = {
        "RTReferencedStudySequence": {
            "RTReferencedSeriesSequence": {"InstanceNumber": 1}
        }
    }
    structure_set = parse(roi(), ReferencedFrameOfReferenceSequence=frame)
    (text,) = texts(structure_set, "missing-mandatory-attribute")
    assert text.split(": ")[1].split(", ") == [
        "FrameOfReferenceUID",
        "ReferencedSOPInstanceUID",
        "SeriesInstanceUID",
        "ContourImageSequence",
    ]


def test_two_frames_of_reference_are_told():
    structure_set = parse(
        roi(1, "a"), roi(2, "b", ReferencedFrameOfReferenceUID="2.25.99")
    )
    assert [each.frame_of_reference_uid for each in structure_set.rois] == [
        FRAME,
        "2.25.99",
    ]
    assert found(structure_set) == {("several-frames-of-reference", None)}


def test_a_roi_in_a_frame_of_reference_that_is_not_listed_is_told():
    frame = referenced_frame("2.25.98", {STUDY: {"2.25.5": [image_uid(1)]}})
    structure_set = parse(roi(7), ReferencedFrameOfReferenceSequence=frame)
    assert ("unreferenced-frame-of-reference", 7) in found(structure_set)


def test_contours_on_images_that_are_not_listed_are_told_once_a_roi():
    frame = referenced_frame(FRAME, {STUDY: {"2.25.5": [image_uid(1)]}})
    contours = [contour(images=[image_uid(k)]) for k in (1, 2, 3, 3)]
    structure_set = parse(
        roi(7, contours=contours), ReferencedFrameOfReferenceSequence=frame
    )
    (text,) = texts(structure_set, "unreferenced-image")
    assert text.startswith("2 of 3 images in ContourImageSequence are in no list")


def test_a_structure_set_that_lists_no_images_lists_not_those_of_contours():
    structure_set = parse(
        roi(contours=[contour(images=[image_uid(1)])]),
        ReferencedFrameOfReferenceSequence=None,
    )
    assert structure_set.frames_of_reference == ()
    assert found(structure_set) == {("unreferenced-image", 1)}


def test_private_elements_are_stepped_over():
    structure_set = parse(
        roi(7),
        elements={
            0x00091001: ("LO", "private"),
            0x00091002: ("SQ", [{0x00091003: ("UN", b"\xff" * 10)}]),
            0x40091001: ("OB", b"\0" * 10),
        },
        undefined_length=True,
        transfer_syntax=EXPLICIT,
    )
    assert structure_set.rois[0].number == 7


@pytest.mark.parametrize("depth", [100, 5000])
def test_sequences_nested_without_end_are_unreadable(depth):
    nested = b"\xfe\xff\x00\xe0\xff\xff\xff\xff\x08\x00\x18\x22\xff\xff\xff\xff" * depth
    structure_set = parse(roi(), AnatomicRegionSequence=("SQ", nested))
    assert found(structure_set) == {("unreadable-attribute", None)}


def test_findings_grow_with_the_rois_and_not_with_their_square():
    rois = [roi(k, "same", contours=None, ROIVolume="x") for k in range(300)]
    structure_set = parse(*rois)
    assert len(structure_set.findings) <= 300 * 4
    assert max(len(finding.text) for finding in structure_set.findings) < 200


def test_no_finding_quotes_the_patient():
    private = "Secret113047"
    structure_set = parse(
        roi(private, private, ROIVolume=private, ROIDateTime=private),
        roi(2, private),
        roi(3, private.encode() + b"\xff"),
        PatientID=private.encode() + b"\xff",
        StructureSetDate=private,
        SeriesNumber=private,
    )
    assert len(structure_set.findings) > 5
    assert not [each for each in structure_set.findings if private in each.text]


def test_every_finding_has_the_severity_of_its_code():
    structure_set = parse(roi("x"), roi(1, contours=None), StructureSetDate="x")
    for finding in structure_set.findings:
        assert finding.severity is FINDING_KINDS[finding.code].severity
    assert isinstance(finding.severity, Severity)


def test_reading_neither_warns_nor_logs(caplog):
    file = make_rtstruct(
        roi("x", b"\xff"),
        PatientID=b"\xff\x1b$B",
        elements={0x00080005: ("CS", b"ODD ")},
    )
    caplog.set_level(logging.DEBUG)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        parse_structure_set(file)
    assert (caught, caplog.records) == ([], [])


SMALL = make_rtstruct(
    roi(1, "a", contours=[contour(images=[image_uid(1)])]),
    roi(2, "b", observations=[observation(AnatomicRegionSequence=code("1", "SCT"))]),
)
SMALL_EXPLICIT = make_rtstruct(
    roi(1, "a"), transfer_syntax=EXPLICIT, undefined_length=True, header="none"
)


@given(
    file=st.sampled_from([SMALL, SMALL_EXPLICIT]),
    changes=st.lists(
        st.tuples(st.integers(0, len(SMALL) - 1), st.integers(0, 255)),
        min_size=1,
        max_size=6,
    ),
    cut=st.none() | st.integers(0, len(SMALL)),
)
def test_any_damaged_file_is_read_or_refused_in_words(file, changes, cut):
    damaged = bytearray(file)
    for position, byte in changes:
        damaged[position % len(damaged)] = byte
    try:
        outcome = parse_structure_set(bytes(damaged[:cut]))
    except DicomError as refused:
        outcome = refused
    assert isinstance(outcome, StructureSet) or str(outcome).count("\n") == 0
