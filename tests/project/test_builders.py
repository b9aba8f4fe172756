"""What `builders` makes, read back by pydicom: our own encoder needs a witness."""

import io
import zlib

import pydicom
import pytest
from hypothesis import given
from support.builders import (
    BIG_ENDIAN,
    CT_SERIES,
    DEFLATED,
    EXPLICIT,
    FRAME,
    IMPLICIT,
    RT_STRUCTURE_SET_STORAGE,
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
    series_uid,
)
from support.strategies import structure_sets

SYNTAXES = [IMPLICIT, EXPLICIT, BIG_ENDIAN, DEFLATED]

TYPE_1 = (
    *("SOPClassUID", "SOPInstanceUID", "Modality", "StudyInstanceUID"),
    *("SeriesInstanceUID", "StructureSetLabel"),
)
TYPE_2 = (
    *("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate"),
    *("StudyTime", "ReferringPhysicianName", "StudyID", "AccessionNumber"),
    *("SeriesNumber", "OperatorsName", "Manufacturer"),
    *("StructureSetDate", "StructureSetTime"),
)
IDENTIFICATION = "RTROIIdentificationCodeSequence"
LATERALITY = "SegmentedPropertyTypeModifierCodeSequence"


def read(data, **options):
    return pydicom.dcmread(io.BytesIO(data), **options)


def test_a_structure_set_is_legal_without_any_argument():
    made = read(make_rtstruct(roi(1, "Larynx")))

    assert made.file_meta.MediaStorageSOPInstanceUID == STRUCTURE_SET
    assert made.SOPClassUID == RT_STRUCTURE_SET_STORAGE
    assert all(made[keyword].value for keyword in TYPE_1)
    assert all(keyword in made for keyword in TYPE_2)
    (declared,) = made.StructureSetROISequence
    assert (declared.ROINumber, declared.ROIName) == (1, "Larynx")
    assert declared.ReferencedFrameOfReferenceUID == FRAME
    (drawn,) = made.ROIContourSequence
    assert drawn.ReferencedROINumber == 1
    assert drawn.ContourSequence[0].ContourGeometricType == "CLOSED_PLANAR"
    assert drawn.ContourSequence[0].NumberOfContourPoints == 4
    (observed,) = made.RTROIObservationsSequence
    assert (observed.ObservationNumber, observed.ReferencedROINumber) == (1, 1)
    (frame,) = made.ReferencedFrameOfReferenceSequence
    (study,) = frame.RTReferencedStudySequence
    assert study.ReferencedSOPInstanceUID == STUDY
    (series,) = study.RTReferencedSeriesSequence
    assert series.SeriesInstanceUID == CT_SERIES
    assert len(series.ContourImageSequence) == 1


def test_equal_arguments_give_equal_bytes():
    assert make_rtstruct(roi(1, "Larynx")) == make_rtstruct(roi(1, "Larynx"))


@pytest.mark.parametrize("transfer_syntax", SYNTAXES)
@pytest.mark.parametrize("undefined_length", [False, True])
def test_every_encoding_says_the_same(transfer_syntax, undefined_length):
    rois = [roi(1, "Larynx/œdème"), roi(2, "x", contours=[]), roi(3, contours=None)]

    made = read(
        make_rtstruct(
            *rois, transfer_syntax=transfer_syntax, undefined_length=undefined_length
        )
    )

    assert made.file_meta.TransferSyntaxUID == transfer_syntax
    assert made.to_json() == read(make_rtstruct(*rois)).to_json()


def test_undefined_lengths_are_delimited():
    made = make_rtstruct(roi(1), undefined_length=True)

    items, ends = made.count(b"\xfe\xff\x00\xe0"), made.count(b"\xfe\xff\x0d\xe0")
    assert items == ends == made.count(b"\xfe\xff\x00\xe0\xff\xff\xff\xff")
    assert made.endswith(b"\xfe\xff\xdd\xe0\0\0\0\0")


def test_a_header_can_be_left_out_in_two_steps():
    full = make_rtstruct(roi(1))
    assert full[128:132] == b"DICM"

    assert make_rtstruct(roi(1), header="meta") == full[132:]
    bare = make_rtstruct(roi(1), header="none")
    assert full.endswith(bare)
    assert read(bare, force=True).SOPInstanceUID == STRUCTURE_SET


def test_a_deflated_data_set_is_a_raw_deflate_stream():
    deflated = make_rtstruct(roi(1), transfer_syntax=DEFLATED, header="none")

    assert zlib.decompressobj(-zlib.MAX_WBITS).decompress(deflated) == make_rtstruct(
        roi(1), transfer_syntax=EXPLICIT, header="none"
    )


@pytest.mark.parametrize("transfer_syntax", [EXPLICIT, BIG_ENDIAN])
def test_contour_data_too_long_for_its_vr_becomes_un(transfer_syntax):
    text = "\\".join(["-12.25"] * 30_000)

    made = make_rtstruct(
        roi(1, contours=[contour(text)]), transfer_syntax=transfer_syntax
    )

    element = read(made).ROIContourSequence[0].ContourSequence[0]["ContourData"]
    assert element.VR == "UN"
    assert element.value.decode().rstrip() == text


@pytest.mark.parametrize(
    ("geometric_type", "points", "count"),
    [
        ("POINT", [(1, 2.5, -3)], 1),
        ("OPEN_PLANAR", [(0, 0, 0), (1, 1, 0)], 2),
        ("OPEN_NONPLANAR", [(0, 0, 0), (1, 1, 1)], 2),
        ("CLOSED_PLANAR", [(0, 0, 0), (1, 0, 0), (1, 1, 0)], 3),
        ("CLOSEDPLANAR_XOR", [(0, 0, 0), (1, 0, 0), (1, 1, 0)], 3),
    ],
)
def test_every_geometric_type_can_be_drawn(geometric_type, points, count):
    item = contour(points, geometric_type, [image_uid(3)], ContourNumber=7)

    made = read(make_rtstruct(roi(1, contours=[item])))

    (drawn,) = made.ROIContourSequence[0].ContourSequence
    assert drawn.ContourGeometricType == geometric_type
    assert drawn.NumberOfContourPoints == count
    assert drawn.ContourData == [value for point in points for value in point]
    assert drawn.ContourImageSequence[0].ReferencedSOPInstanceUID == image_uid(3)


@pytest.mark.parametrize("data", [r"+1.50\.5\5.\1e3 \007", rb"+1.50\.5\5.\1e3 \007"])
def test_contour_data_keeps_its_digits(data):
    text = data if isinstance(data, bytes) else data.encode()

    assert text in make_rtstruct(roi(1, contours=[contour(data)]))


@pytest.mark.parametrize(
    ("declared", "name"),
    [
        ("ISO_IR 100", "Moelle épinière"),
        ("ISO_IR 192", "Larynx/œdème 脊髄"),
        ("GB18030", "脊髓"),
        (["", "ISO 2022 IR 87"], "Larynx 脊髄"),
        (["ISO 2022 IR 13", "ISO 2022 IR 87"], "ｾｷｽﾞｲ 脊髄"),
    ],
)
def test_text_is_written_in_the_declared_character_set(declared, name):
    made = read(
        make_rtstruct(
            roi(1, name),
            SpecificCharacterSet=declared,
            PatientName="Yamada^Tarou=山田^太郎" if "87" in str(declared) else "A^B",
        )
    )

    assert made.StructureSetROISequence[0].ROIName == name
    assert str(made.PatientName) in {"Yamada^Tarou=山田^太郎", "A^B"}


def test_text_can_contradict_the_declared_character_set():
    made = make_rtstruct(
        roi(1, "Moelle épinière"), SpecificCharacterSet="ISO_IR 6", encoding="latin-1"
    )

    assert "Moelle épinière".encode("latin-1") in made


def test_none_leaves_out_and_bytes_go_in_verbatim_at_every_level():
    made = read(
        make_rtstruct(
            roi(
                b"seven ",
                b"\xff\xfe",
                contours=[contour(ContourGeometricType=None)],
                contour_item={"ReferencedROINumber": None},
                observations=[observation(None, ROIInterpreter=None)],
                ROIGenerationAlgorithm=None,
            ),
            StructureSetDate=None,
            StudyDate="",
        )
    )

    assert "StructureSetDate" not in made
    assert made["StudyDate"].is_empty
    declared = made.StructureSetROISequence[0]
    assert "ROIGenerationAlgorithm" not in declared
    assert declared.get_item("ROINumber").value == b"seven "
    assert declared.get_item("ROIName").value == b"\xff\xfe"
    drawn = made.ROIContourSequence[0]
    assert "ReferencedROINumber" not in drawn
    assert "ContourGeometricType" not in drawn.ContourSequence[0]
    observed = made.RTROIObservationsSequence[0]
    assert "RTROIInterpretedType" not in observed
    assert "ROIInterpreter" not in observed


@pytest.mark.parametrize(
    "keyword",
    ["StructureSetROISequence", "ROIContourSequence", "RTROIObservationsSequence"],
)
def test_a_main_sequence_can_be_absent_or_empty(keyword):
    assert keyword not in read(make_rtstruct(roi(1), **{keyword: None}))
    assert len(read(make_rtstruct(roi(1), **{keyword: []}))[keyword].value) == 0


def test_contours_and_observations_can_be_orphans_or_many():
    made = read(
        make_rtstruct(
            roi(1, "a", observations=[observation("PTV"), observation("ORGAN")]),
            roi(1, "a", contours=None, observations=[]),
            roi(9, declared=False),
        )
    )

    assert [item.ROINumber for item in made.StructureSetROISequence] == [1, 1]
    assert [item.ReferencedROINumber for item in made.ROIContourSequence] == [1, 9]
    assert [
        (item.ObservationNumber, item.ReferencedROINumber)
        for item in made.RTROIObservationsSequence
    ] == [(1, 1), (2, 1), (3, 9)]


def test_a_roi_without_contours_has_an_empty_sequence_none_or_no_item():
    made = read(
        make_rtstruct(
            roi(1, contours=[]),
            roi(2, contour_item={"ContourSequence": None}),
            roi(3, contours=None),
        )
    )

    first, second = made.ROIContourSequence
    assert len(first.ContourSequence) == 0
    assert "ContourSequence" not in second


def test_each_frame_of_reference_is_listed_once_with_its_images():
    other = "2.25.1130479"
    made = read(
        make_rtstruct(
            roi(1, contours=[contour(images=[image_uid(1), image_uid(2)])]),
            roi(2, ReferencedFrameOfReferenceUID=other),
            roi(3, contours=[contour(images=[image_uid(2)])]),
        )
    )

    assert [
        (
            frame.FrameOfReferenceUID,
            series.SeriesInstanceUID,
            [image.ReferencedSOPInstanceUID for image in series.ContourImageSequence],
        )
        for frame in made.ReferencedFrameOfReferenceSequence
        for study in frame.RTReferencedStudySequence
        for series in study.RTReferencedSeriesSequence
    ] == [
        (FRAME, CT_SERIES, [image_uid(1), image_uid(2)]),
        (other, series_uid(2), [image_uid(1, 2)]),
    ]


def test_several_studies_and_series_can_be_referred_to():
    frame = referenced_frame(
        FRAME,
        {
            STUDY: {CT_SERIES: [image_uid(1)], series_uid(2): [image_uid(1, 2)]},
            "2.25.1130479": {series_uid(3): [reference("2.25.1", "1.2.840.1")]},
        },
    )

    made = read(make_rtstruct(roi(1), ReferencedFrameOfReferenceSequence=frame))

    first, second = made.ReferencedFrameOfReferenceSequence[0].RTReferencedStudySequence
    assert len(first.RTReferencedSeriesSequence) == 2
    (series,) = second.RTReferencedSeriesSequence
    assert series.ContourImageSequence[0].ReferencedSOPClassUID == "1.2.840.1"


def test_codes_have_schemes_modifiers_and_three_ways_to_give_the_value():
    private = code("9" * 20, "99ACME")
    urn = code("urn:oid:2.25.113047", None)
    left = code("45289007", "SCT", "Parotid", **{LATERALITY: code("7771000", "SCT")})
    made = read(
        make_rtstruct(
            roi(
                1,
                observations=[
                    observation(
                        AnatomicRegionSequence=urn,
                        PrimaryAnatomicStructureSequence=private,
                        SegmentedPropertyCategoryCodeSequence=code("T-D0050", "SRT"),
                        TherapeuticRoleTypeCodeSequence=code("130060", "DCM"),
                        **{IDENTIFICATION: left},
                    )
                ],
            ),
            CodingSchemeIdentificationSequence={
                "CodingSchemeDesignator": "99ACME",
                "CodingSchemeUID": "2.25.1130479",
            },
        )
    )

    observed = made.RTROIObservationsSequence[0]
    identification = observed[IDENTIFICATION].value[0]
    assert identification.CodeValue == "45289007"
    assert identification[LATERALITY].value[0].CodeValue == "7771000"
    region = observed.AnatomicRegionSequence[0]
    assert region.URNCodeValue == "urn:oid:2.25.113047"
    assert "CodingSchemeDesignator" not in region
    assert observed.PrimaryAnatomicStructureSequence[0].LongCodeValue == "9" * 20
    assert made.CodingSchemeIdentificationSequence[0].CodingSchemeUID == "2.25.1130479"


def test_people_devices_and_algorithms_take_part():
    made = read(
        make_rtstruct(
            roi(
                1,
                observations=[observation(ROIInterpreterSequence=person("C^D"))],
                ROICreatorSequence=[person("A^B"), device("maker", "model")],
                ROIDerivationAlgorithmIdentificationSequence=algorithm("net", "2"),
                ROIDateTime="20210304050607.5+0100",
                ConceptualVolumeIdentificationSequence={
                    "ConceptualVolumeUID": "2.25.1"
                },
            ),
            OperatorsName=["E^F", "G^H"],
            TimezoneOffsetFromUTC="+0100",
            PredecessorStructureSetSequence=reference(
                "2.25.2", RT_STRUCTURE_SET_STORAGE
            ),
        )
    )

    declared = made.StructureSetROISequence[0]
    someone, something = declared.ROICreatorSequence
    assert (someone.ObserverType, str(someone.PersonName)) == ("PSN", "A^B")
    assert (something.ObserverType, something.Manufacturer) == ("DEV", "maker")
    (used,) = declared.ROIDerivationAlgorithmIdentificationSequence
    assert (used.AlgorithmName, used.AlgorithmVersion) == ("net", "2")
    assert [str(name) for name in made.OperatorsName] == ["E^F", "G^H"]


def test_private_elements_and_other_vrs_can_be_added():
    made = make_rtstruct(
        roi(1),
        transfer_syntax=EXPLICIT,
        elements={0x00090010: ("LO", "113047"), 0x00091001: ("LO", "private")},
        StudyID=("UN", b"study113"),
    )

    assert read(made)[0x0009, 0x1001].value == "private"
    assert b"\x20\x00\x10\x00UN\x00\x00\x08\x00\x00\x00study113" in made


def test_an_unknown_keyword_is_refused():
    with pytest.raises(ValueError, match="ROINomber is no DICOM keyword"):
        make_rtstruct(roi(1, ROINomber=1))


def test_lengths_are_even_unless_told_otherwise():
    odd = make_rtstruct(roi(1, "abc"), pad=False, header="none")

    assert b"\x26\x00\x03\x00\x00\x00abc" in odd
    assert b"\x26\x00\x04\x00\x00\x00abc " in make_rtstruct(roi(1, "abc"))


def test_a_thousand_rois_are_made():
    made = make_rtstruct(*(roi(number, f"roi {number}") for number in range(1000)))

    assert len(read(made).StructureSetROISequence) == 1000


@pytest.mark.parametrize("transfer_syntax", SYNTAXES)
def test_an_image_is_the_one_that_structure_sets_refer_to(transfer_syntax):
    image = read(ct_image(3, transfer_syntax=transfer_syntax, PatientID="other"))

    assert image.SOPInstanceUID == image_uid(3)
    assert image.SeriesInstanceUID == CT_SERIES
    assert image.StudyInstanceUID == STUDY
    assert image.FrameOfReferenceUID == FRAME
    assert image.PatientID == "other"
    assert image.ImagePositionPatient == [0, 0, 9]
    assert len(image.PixelData) == image.Rows * image.Columns * 2


@given(structure_sets)
def test_whatever_the_strategy_draws_is_a_readable_file(made):
    assert read(made, stop_before_pixels=True).file_meta.TransferSyntaxUID
