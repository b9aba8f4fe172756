import logging
import warnings

import pytest
from builders import (
    BIG_ENDIAN,
    DEFLATED,
    EXPLICIT,
    FRAME,
    IMPLICIT,
    SERIES,
    STRUCTURE_SET,
    STUDY,
    algorithm,
    code,
    contour,
    ct_image,
    device,
    image_uid,
    make_rtstruct,
    observation,
    person,
    reference,
    referenced_frame,
    roi,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from imaging_selection.errors import (
    DicomError,
    MalformedError,
    NotDicomError,
    NotStructureSetError,
    UnusableError,
)
from imaging_selection.findings import FINDINGS
from imaging_selection.model import (
    Accession,
    Algorithm,
    Approval,
    Code,
    Equipment,
    FrameOfReference,
    Moment,
    Observation,
    Participant,
    Patient,
    PhysicalProperty,
    ReferencedSeries,
    ReferencedStudy,
    Severity,
    SopReference,
    StructureSet,
)
from imaging_selection.rtstruct import parse_structure_set

CT = "1.2.840.10008.5.1.4.1.1.2"


def parse(*rois, **overrides):
    return parse_structure_set(make_rtstruct(*rois, **overrides))


def found(structure_set):
    return {(finding.code, finding.roi_number) for finding in structure_set.findings}


def texts(structure_set, code):
    return [each.text for each in structure_set.findings if each.code == code]


# --- identification


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
@pytest.mark.parametrize("value", [None, "", "not-a-uid", "1." + "2" * 63])
def test_without_its_uids_no_structure_set_can_be_used(keyword, value):
    file = make_rtstruct(roi(), **{keyword: value}, header="none")
    with pytest.raises(UnusableError, match=keyword):
        parse_structure_set(file)


def test_another_sop_class_is_refused_by_its_name():
    with pytest.raises(NotStructureSetError, match=CT):
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


# --- patient, order, series


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
    assert structure_set.patient == Patient("id-113047", "issuer-113047", "2.25.113047")


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


# --- dates


def test_the_moment_of_a_structure_set_is_the_wall_clock_without_a_zone():
    structure_set = parse(roi())
    assert structure_set.moment == Moment("20210304", "050607", None)


def test_the_offset_from_utc_holds_for_every_date_and_time():
    structure_set = parse(
        roi(ROIDateTime="20210304050607"),
        TimezoneOffsetFromUTC="-0330",
        InstanceCreationDate="20210304",
        SeriesDate="20210305",
        SeriesTime="08",
    )
    assert structure_set.moment == Moment("20210304", "050607", -210)
    assert structure_set.created == Moment("20210304", None, -210)
    assert structure_set.series_moment == Moment("20210305", "08", -210)
    assert structure_set.rois[0].moment == Moment("20210304", "050607", -210)


def test_a_date_time_with_its_own_offset_keeps_it():
    structure_set = parse(
        roi(ROIDateTime="20210304050607+0100"), TimezoneOffsetFromUTC="-0330"
    )
    assert structure_set.rois[0].moment.utc_offset == 60


@pytest.mark.parametrize(
    ("date", "time", "moment"),
    [
        ("2021.03.04", "05:06:07", Moment("20210304", "050607", None)),
        ("20210304", "", Moment("20210304", None, None)),
        ("20210304", "99", Moment("20210304", None, None)),
        ("", "050607", None),
        ("00000000", "050607", None),
        ("20210229", "", None),
        (["20210304", "20210305"], "", None),
    ],
)
def test_a_date_that_is_wrong_is_absent(date, time, moment):
    structure_set = parse(roi(), StructureSetDate=date, StructureSetTime=time)
    assert structure_set.moment == moment


@pytest.mark.parametrize(
    "overrides",
    [
        {"StructureSetDate": "00000000"},
        {"StructureSetTime": "240000"},
        {"TimezoneOffsetFromUTC": "-0000"},
        {"SeriesDate": b"\xff\xff"},
    ],
    ids=lambda overrides: next(iter(overrides)),
)
def test_a_wrong_date_or_time_is_told(overrides):
    structure_set = parse(roi(), **overrides)
    keyword = next(iter(overrides))
    assert texts(structure_set, "invalid-date") == [f"Invalid date or time: {keyword}"]


# --- frames of reference and images


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
    images = [reference(""), reference("bad"), image_uid(1)]
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
    assert text.startswith("2 of 3 images in ContourImageSequence are not in ")


def test_a_structure_set_that_lists_no_images_leaves_nothing_to_contradict():
    structure_set = parse(
        roi(contours=[contour(images=[image_uid(1)])]),
        ReferencedFrameOfReferenceSequence=None,
    )
    assert structure_set.frames_of_reference == ()
    assert structure_set.findings == ()


# --- ROIs


def test_a_roi_has_all_that_its_item_says():
    structure_set = parse(
        roi(
            7,
            "Larynx",
            ROIDescription="description",
            ROIVolume="12.50",
            ROIGenerationAlgorithm="AUTOMATIC",
            ROIGenerationDescription="generated",
            ROIDateTime="20210304",
            ConceptualVolumeIdentificationSequence={"ConceptualVolumeUID": "2.25.3"},
        )
    )
    (only,) = structure_set.rois
    assert (only.number, only.ordinal, only.name) == (7, 1, "Larynx")
    assert only.frame_of_reference_uid == FRAME
    assert (only.description, only.volume) == ("description", "12.50")
    assert (only.generation_algorithm, only.generation_description) == (
        "AUTOMATIC",
        "generated",
    )
    assert only.moment == Moment("20210304", None, None)
    assert only.conceptual_volume_uid == "2.25.3"


def test_rois_keep_the_order_of_the_file():
    assert [each.number for each in parse(roi(9, "a"), roi(2, "b")).rois] == [9, 2]


def test_an_algorithm_is_identified():
    structure_set = parse(
        roi(
            ROIDerivationAlgorithmIdentificationSequence=algorithm(
                "auto-113047",
                AlgorithmNameCodeSequence=code("a", "99A", "b"),
                AlgorithmParameters="k=1",
                AlgorithmSource="maker",
            ),
            DerivationCodeSequence=code("113085", "DCM", "Spatial resampling"),
        )
    )
    (only,) = structure_set.rois
    assert only.algorithms == (
        Algorithm(
            "auto-113047",
            "1.13047",
            Code("123109", "DCM", "Manual Processing"),
            Code("a", "99A", "b"),
            "k=1",
            "maker",
        ),
    )
    assert only.derivations == (Code("113085", "DCM", "Spatial resampling"),)


def test_creators_are_persons_or_devices():
    role = code("121081", "DCM", "Physician")
    structure_set = parse(
        roi(
            ROICreatorSequence=[
                person("Doe^Jane", OrganizationalRoleCodeSequence=role),
                device("maker", "model"),
            ]
        )
    )
    jane, machine = structure_set.rois[0].creators
    assert jane == Participant(
        name="Doe^Jane",
        identification=(Code("id-113047", "99STAFF", "meaning-113047"),),
        organizational_role=Code("121081", "DCM", "Physician"),
    )
    assert machine == Participant(
        is_device=True, equipment=Equipment("maker", "model", "2.25.113047700")
    )


@pytest.mark.parametrize(
    ("written", "number"),
    [(" 7 ", 7), ("+7", 7), ("007", 7), ("-3", -3), ("0", 0), (b"7\0", 7)],
)
def test_a_roi_number_is_an_integer_however_it_is_written(written, number):
    (only,) = parse(roi(written)).rois
    assert only.number == number
    assert len(only.contours) == len(only.observations) == 1


@pytest.mark.parametrize("written", ["", "seven", "7.0", "99999999999", ["1", "2"]])
def test_a_roi_without_a_usable_number_is_kept_and_nothing_is_joined_to_it(written):
    structure_set = parse(roi(written, "Larynx"))
    (only,) = structure_set.rois
    assert (only.number, only.name) == (None, "Larynx")
    assert (only.contours, only.observations) == ((), ())
    assert found(structure_set) == {
        ("invalid-roi-number", None),
        ("orphan-contours", None),
        ("orphan-observation", None),
    }


def test_rois_of_one_number_are_told_apart_by_their_ordinal():
    structure_set = parse(roi(1, "a"), roi(2, "b"), roi(1, "c"))
    assert [(each.number, each.ordinal) for each in structure_set.rois] == [
        (1, 1),
        (2, 1),
        (1, 2),
    ]
    assert texts(structure_set, "duplicate-roi-number") == [
        "2 ROIs have the ROI Number 1"
    ]


def test_rois_of_one_number_share_what_refers_to_it():
    first, second = parse(roi(1, "a"), roi(1, "b")).rois
    assert first.contours == second.contours
    assert len(first.contours) == len(first.observations) == 2


def test_rois_of_one_name_are_all_kept_and_told_without_the_name():
    structure_set = parse(roi(1, "Larynx"), roi(2, "Larynx"), roi(3, "b"))
    assert [each.name for each in structure_set.rois] == ["Larynx", "Larynx", "b"]
    assert found(structure_set) == {
        ("duplicate-roi-name", 1),
        ("duplicate-roi-name", 2),
    }
    assert texts(structure_set, "duplicate-roi-name")[0] == (
        "2 ROIs have one ROI Name: 1, 2"
    )


def test_rois_without_a_name_do_not_share_one():
    assert parse(roi(1, ""), roi(2, "")).findings == ()


def test_contours_and_observations_are_joined_by_number_and_not_by_position():
    parts = [roi(k, f"roi {k}", observations=[observation(f"T{k}")]) for k in (1, 2, 3)]
    sequences = {
        key: [part[key][0] for part in parts]
        for key in ("ROIContourSequence", "RTROIObservationsSequence")
    }
    structure_set = parse(
        *parts, **{key: items[::-1] for key, items in sequences.items()}
    )
    joined = [
        (
            each.number,
            each.contours[0].roi_number,
            each.observations[0].interpreted_type,
        )
        for each in structure_set.rois
    ]
    assert joined == [(1, 1, "T1"), (2, 2, "T2"), (3, 3, "T3")]


@pytest.mark.parametrize("contours", [None, []], ids=["no-item", "empty-sequence"])
def test_a_roi_without_contours_is_kept_and_told(contours):
    structure_set = parse(roi(7, contours=contours))
    assert structure_set.rois[0].number == 7
    assert found(structure_set) == {("roi-without-contours", 7)}


def test_a_contour_sequence_that_is_missing_in_its_item_is_no_contours():
    structure_set = parse(roi(7, contour_item={"ContourSequence": None}))
    assert found(structure_set) == {("roi-without-contours", 7)}


def test_what_refers_to_no_roi_is_kept_and_told():
    structure_set = parse(roi(1), roi(8, declared=False), roi(9, declared=False))
    assert [each.roi_number for each in structure_set.contours] == [1, 8, 9]
    assert [each.roi_number for each in structure_set.observations] == [1, 8, 9]
    assert texts(structure_set, "orphan-contours") == [
        "2 items of ROIContourSequence name no ROI of this set: 8, 9"
    ]
    assert texts(structure_set, "orphan-observation") == [
        "2 items of RTROIObservationsSequence name no ROI of this set: 8, 9"
    ]


@pytest.mark.parametrize(
    "keyword",
    ["StructureSetROISequence", "ROIContourSequence", "RTROIObservationsSequence"],
)
@pytest.mark.parametrize("value", [None, []], ids=["absent", "empty"])
def test_each_of_the_main_sequences_may_be_absent_or_empty(keyword, value):
    structure_set = parse(roi(7), **{keyword: value})
    expected = {
        "StructureSetROISequence": {
            ("no-roi", None),
            ("orphan-contours", None),
            ("orphan-observation", None),
        },
        "ROIContourSequence": {("roi-without-contours", 7)},
        "RTROIObservationsSequence": set(),
    }
    assert found(structure_set) == expected[keyword]


def test_exclusive_or_and_unknown_types_are_told_of_the_roi():
    contours = [contour(geometric_type="CLOSEDPLANAR_XOR"), contour()]
    structure_set = parse(
        roi(7, "a", contours=contours),
        roi(8, "b", contours=[contour(geometric_type="CIRCLE")]),
    )
    assert found(structure_set) == {
        ("xor-contours", 7),
        ("unknown-geometric-type", 8),
    }


# --- observations


def test_an_observation_has_all_that_its_item_says():
    left = code("7771000", "SCT", "Left")
    structure_set = parse(
        roi(
            7,
            observations=[
                observation(
                    "PTV",
                    ObservationNumber=5,
                    ROIObservationLabel="label",
                    ROIObservationDescription="description",
                    ROIInterpreter="Doe^Jane",
                    ROIInterpreterSequence=person("Roe^John"),
                    ROIObservationDateTime="2021030405",
                    RTROIIdentificationCodeSequence=code(
                        "1", "99A", "b", SegmentedPropertyTypeModifierCodeSequence=left
                    ),
                    AnatomicRegionSequence=code(
                        "2", "SCT", "c", AnatomicRegionModifierSequence=left
                    ),
                    PrimaryAnatomicStructureSequence=code(
                        "3", "SCT", "d", PrimaryAnatomicStructureModifierSequence=left
                    ),
                    SegmentedPropertyCategoryCodeSequence=code("4", "SCT", "e"),
                    TherapeuticRoleCategoryCodeSequence=code("5", "DCM", "f"),
                    TherapeuticRoleTypeCodeSequence=code("6", "SCT", "g"),
                    MaterialID="water",
                    ROIPhysicalPropertiesSequence={
                        "ROIPhysicalProperty": "REL_MASS_DENSITY",
                        "ROIPhysicalPropertyValue": "1.0",
                    },
                )
            ],
        )
    )
    modifiers = (Code("7771000", "SCT", "Left"),)
    assert structure_set.rois[0].observations == (
        Observation(
            roi_number=7,
            number=5,
            label="label",
            description="description",
            interpreted_type="PTV",
            interpreter=Participant(name="Doe^Jane"),
            interpreters=(
                Participant(
                    name="Roe^John",
                    identification=(Code("id-113047", "99STAFF", "meaning-113047"),),
                ),
            ),
            identification=(Code("1", "99A", "b", modifiers=modifiers),),
            anatomic_regions=(Code("2", "SCT", "c", modifiers=modifiers),),
            primary_structures=(Code("3", "SCT", "d", modifiers=modifiers),),
            property_categories=(Code("4", "SCT", "e"),),
            therapeutic_role_categories=(Code("5", "DCM", "f"),),
            therapeutic_role_types=(Code("6", "SCT", "g"),),
            material_id="water",
            physical_properties=(PhysicalProperty("REL_MASS_DENSITY", "1.0"),),
            moment=Moment("20210304", "05", None),
        ),
    )


@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_roi_has_any_number_of_observations(count):
    observations = [observation(f"T{k}") for k in range(count)]
    (only,) = parse(roi(7, observations=observations)).rois
    assert [each.interpreted_type for each in only.observations] == [
        f"T{k}" for k in range(count)
    ]


def test_observation_numbers_that_repeat_are_told_once():
    structure_set = parse(
        *(
            roi(k, f"{k}", observations=[observation(ObservationNumber=0)])
            for k in (1, 2)
        )
    )
    assert texts(structure_set, "duplicate-observation-number") == [
        "Observation Numbers that repeat: 0"
    ]


def test_the_whole_set_may_have_an_anatomic_region():
    structure_set = parse(roi(), AnatomicRegionSequence=code("1", "SCT", "Head"))
    assert structure_set.anatomic_regions == (Code("1", "SCT", "Head"),)


# --- codes


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (code("7203", "FMA", "kidney"), Code("7203", "FMA", "kidney")),
        (code("x" * 17, "99A", "m"), Code("x" * 17, "99A", "m")),
        (code("urn:oid:1.2", None, "m"), Code("urn:oid:1.2", None, "m")),
        (
            code("1", "99A", "m", CodingSchemeVersion="2", CodingSchemeUID="2.25.1"),
            Code("1", "99A", "m", "2", "2.25.1"),
        ),
        (code("1", "99LISTED", "m"), Code("1", "99LISTED", "m", None, "2.25.2")),
    ],
    ids=["short", "long", "urn", "own-scheme-uid", "listed-scheme-uid"],
)
def test_a_code_has_its_value_wherever_it_stands(item, expected):
    structure_set = parse(
        roi(observations=[observation(RTROIIdentificationCodeSequence=item)]),
        CodingSchemeIdentificationSequence={
            "CodingSchemeDesignator": "99LISTED",
            "CodingSchemeUID": "2.25.2",
        },
    )
    assert structure_set.observations[0].identification == (expected,)
    assert structure_set.findings == ()


def test_a_coding_scheme_without_a_uid_or_a_designator_says_nothing():
    structure_set = parse(
        roi(observations=[observation(RTROIIdentificationCodeSequence=code("1", "A"))]),
        CodingSchemeIdentificationSequence=[
            {"CodingSchemeDesignator": "A"},
            {"CodingSchemeUID": "2.25.2"},
        ],
    )
    assert structure_set.observations[0].identification[0].scheme_uid is None


def test_a_code_item_without_a_value_is_no_code():
    item = code("", "99A", "m")
    structure_set = parse(
        roi(7, observations=[observation(RTROIIdentificationCodeSequence=item)])
    )
    assert structure_set.observations[0].identification == ()
    assert found(structure_set) == {("missing-mandatory-attribute", 7)}


def test_a_code_without_its_scheme_is_kept_and_told():
    item = code("1", None, "m")
    structure_set = parse(
        roi(7, observations=[observation(RTROIIdentificationCodeSequence=item)])
    )
    assert structure_set.observations[0].identification == (Code("1", None, "m"),)
    assert texts(structure_set, "missing-mandatory-attribute") == [
        "Mandatory attribute missing or empty: CodingSchemeDesignator"
    ]


# --- text


@pytest.mark.parametrize(
    ("declared", "name"),
    [
        ("ISO_IR 100", "Ösophagus"),
        ("ISO_IR 144", "Печень"),
        ("ISO_IR 192", "肝臓 ❤"),
        ("GB18030", "肝脏"),
        ("GBK", "肝脏"),
        (["", "ISO 2022 IR 87"], "肝臓"),
        (["", "ISO 2022 IR 149"], "간장"),
    ],
)
def test_a_name_is_read_in_the_character_set_of_the_file(declared, name):
    structure_set = parse(roi(1, name), SpecificCharacterSet=declared)
    assert structure_set.rois[0].name == name
    assert structure_set.findings == ()


def test_an_item_may_have_a_character_set_of_its_own():
    structure_set = parse(
        roi(1, "肝臓".encode()),
        roi(2, b"\xd6", SpecificCharacterSet="ISO_IR 100"),
        SpecificCharacterSet="ISO_IR 192",
    )
    assert [each.name for each in structure_set.rois] == ["肝臓", "Ö"]


def test_names_of_a_wrong_character_set_are_told_and_never_lost():
    structure_set = parse(roi(7, b"\xd6sophagus"), SpecificCharacterSet="ISO_IR 192")
    assert structure_set.rois[0].name == "\ufffdsophagus"
    assert texts(structure_set, "charset") == [
        "Text contradicts its character set: ROIName"
    ]


def test_undeclared_utf_8_is_read_and_told():
    structure_set = parse(roi(7, "肝臓".encode()), SpecificCharacterSet=None)
    assert structure_set.rois[0].name == "肝臓"
    assert found(structure_set) == {("charset", 7)}


def test_a_character_set_that_dicom_does_not_have_is_told():
    structure_set = parse(
        roi(7, "a"), elements={0x00080005: ("CS", b"KLINGON ")}, encoding="ascii"
    )
    assert structure_set.rois[0].name == "a"
    assert found(structure_set) == {("charset", None)}


def test_a_backslash_in_a_name_is_part_of_it():
    assert parse(roi(1, b"a\\b ")).rois[0].name == "a\\b"


def test_blank_text_is_absent():
    assert parse(roi(1, b"  \0\0")).rois[0].name is None


# --- tolerance


@pytest.mark.parametrize("value", [None, "", "  "], ids=["absent", "empty", "blank"])
@pytest.mark.parametrize(
    "keyword",
    [
        "PatientID",
        "AccessionNumber",
        "SeriesNumber",
        "InstanceNumber",
        "StructureSetLabel",
        "StructureSetDate",
        "StructureSetTime",
        "OperatorsName",
        "Manufacturer",
        "ApprovalStatus",
    ],
)
def test_every_attribute_of_the_set_may_be_missing(keyword, value):
    assert isinstance(parse(roi(), **{keyword: value}), StructureSet)


@pytest.mark.parametrize(
    "keyword",
    [
        "ReferencedFrameOfReferenceUID",
        "ROIName",
        "ROIGenerationAlgorithm",
        "ROIVolume",
        "ROIDateTime",
    ],
)
@pytest.mark.parametrize(
    "value", ["", b"\xff\xfe\0\0", ("UN", b"?!"), ("US", 7), ("FD", 1.5)]
)
def test_no_value_of_a_roi_stops_the_reading(keyword, value):
    structure_set = parse(roi(7, **{keyword: value}), transfer_syntax=EXPLICIT)
    assert structure_set.rois[0].number == 7


@pytest.mark.parametrize(
    ("overrides", "keyword"),
    [
        ({"StructureSetLabel": None}, "StructureSetLabel"),
        ({"StructureSetLabel": ""}, "StructureSetLabel"),
    ],
    ids=["absent", "empty"],
)
def test_a_mandatory_attribute_that_is_missing_is_told(overrides, keyword):
    structure_set = parse(roi(), **overrides)
    assert texts(structure_set, "missing-mandatory-attribute") == [
        f"Mandatory attribute missing or empty: {keyword}"
    ]


def test_attributes_that_may_be_empty_are_told_once_for_all_rois():
    rois = [roi(k, f"{k}", ROIGenerationAlgorithm=None) for k in range(1, 4)]
    structure_set = parse(*rois, OperatorsName=None)
    (text,) = texts(structure_set, "missing-type-2-attribute")
    assert text.endswith(": OperatorsName, ROIGenerationAlgorithm (3 times)")


def test_an_absurdly_long_value_is_left_out_and_told():
    structure_set = parse(roi(7, "x" * 70000))
    assert structure_set.rois[0].name is None
    assert found(structure_set) == {("unreadable-attribute", 7)}


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
def test_sequences_nested_without_end_are_malformed(depth):
    nested = b"\xfe\xff\x00\xe0\xff\xff\xff\xff\x08\x00\x18\x22\xff\xff\xff\xff" * depth
    with pytest.raises(MalformedError):
        parse(roi(), AnatomicRegionSequence=("SQ", nested))


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
        assert finding.severity is FINDINGS[finding.code].severity
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


@settings(max_examples=400, deadline=None)
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


# --- UIDs of contours


def test_an_illegal_uid_of_a_contour_image_is_left_out_and_told():
    images = [
        reference(image_uid(1), "bad"),
        reference("bad"),
        reference("1.2.03", "1.2"),
    ]
    structure_set = parse(
        roi(7, contours=[contour(images=images), contour(images=[image_uid(1)])]),
        ReferencedFrameOfReferenceSequence=None,
    )
    first, second = structure_set.rois[0].contours[0].contours
    assert first.images == (
        SopReference(None, image_uid(1)),
        SopReference("1.2", "1.2.03"),
    )
    assert second.images == (SopReference(CT, image_uid(1)),)
    assert texts(structure_set, "invalid-uid") == [
        "Invalid UID: ROIContourSequence (2 times)"
    ]


def test_an_image_of_a_contour_may_be_of_no_known_class():
    drawn = contour(images=[reference(image_uid(1), None)])
    (only,) = parse(roi(contours=[drawn])).contours[0].contours
    assert only.images == (SopReference(None, image_uid(1)),)


def test_an_illegal_uid_of_a_source_series_is_left_out():
    source = [{"SeriesInstanceUID": "bad"}, {"SeriesInstanceUID": "2.25.5"}]
    structure_set = parse(roi(7, contour_item={"SourceSeriesSequence": source}))
    assert structure_set.contours[0].source_series_uids == ("2.25.5",)
    assert found(structure_set) == {("invalid-uid", 7)}


def test_an_illegal_uid_is_told_of_its_own_roi_only():
    bad = contour(images=[reference("bad")])
    structure_set = parse(
        roi(7, "a", contours=[bad]),
        roi(8, "b"),
        ReferencedFrameOfReferenceSequence=None,
    )
    assert found(structure_set) == {("invalid-uid", 7)}


# --- where a file is damaged


@pytest.mark.parametrize(
    "keyword", ["ReferencedFrameOfReferenceSequence", "RTROIObservationsSequence"]
)
def test_damage_is_told_by_its_place_in_the_data_set(keyword):
    data = make_rtstruct(
        roi(), **{keyword: b"damage-113047---"}, transfer_syntax=EXPLICIT, header="none"
    )
    with pytest.raises(MalformedError) as refused:
        parse_structure_set(data)
    assert refused.value.offset == data.index(b"damage-113047")


def test_damaged_file_meta_information_does_not_name_a_sop_class():
    file = make_rtstruct(roi())
    at = file.index(b"\x08\x00\x16\x00")
    file = file[:at] + file[at + 8 + file[at + 4] :]
    at = file.index(b"\x02\x00\x02\x00UI")
    with pytest.raises(UnusableError, match="SOPClassUID"):
        parse_structure_set(file[:at] + file[at + 8 + file[at + 6] :])


def test_file_meta_information_in_implicit_vr_does_not_name_a_sop_class():
    data = make_rtstruct(roi(), SOPClassUID=b"", header="none")
    uid = b"1.2.840.10008.5.1.4.1.1.481.3\0"
    meta = b"\x02\x00\x02\x00" + len(uid).to_bytes(4, "little") + uid
    with pytest.raises(UnusableError, match="SOPClassUID"):
        parse_structure_set(meta + data)


def test_a_deflated_file_does_not_say_its_sop_class_twice():
    file = make_rtstruct(
        roi(), SOPClassUID=b"", transfer_syntax=DEFLATED, undefined_length=True
    )
    with pytest.raises(UnusableError, match="SOPClassUID"):
        parse_structure_set(file)
