import pytest
from imaging_selection.dicom.entities import Moment
from imaging_selection.dicom.rtstruct.structure_set import StructureSet
from support.builders import (
    EXPLICIT,
    roi,
)
from support.reading import found, parse, texts


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
