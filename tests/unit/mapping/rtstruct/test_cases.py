"""Structure sets as the field reports them: what becomes of the odd values in them."""

import json
import re

import pytest
from imaging_selection import objects
from imaging_selection.errors import UnusableError
from imaging_selection.mapping.choices import Choices
from imaging_selection.mapping.rtstruct.contours_operation import with_contours
from imaging_selection.search.extract import Token, index_of
from support.builders import contour, make_rtstruct, reference, referenced_frame, roi
from support.paths import CASES

FHIR_DECIMAL = re.compile(
    r"-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,17})?([eE][+-]?[0-9]{1,9})?"
)
UID = "urn:dicom:uid"


@pytest.fixture
def case():
    """Returns the bytes of a case; skips where there are none."""

    def read(name):
        path = CASES / f"{name}.dcm"
        if not path.exists():
            pytest.skip("the cases are not here")
        return path.read_bytes()

    return read


def regions(file, selection):
    text = b"".join(with_contours(selection, file))
    made = json.loads(text, parse_float=str, parse_int=str)
    return made["instance"][0].get("imageRegion3D", [])


def codes(mapped):
    return {(each.code, each.roi_number) for each in mapped.findings}


def test_numbers_too_long_for_a_decimal_are_written_in_another_notation(case):
    file = case("05-rtstruct-coordinates-of-18-and-20-decimals")
    _, of_roi, *_ = objects.convert(file).resources
    (only,) = regions(file, of_roi)

    assert only["coordinate"][:2] == ["-1.9999146461486816e-2", "1.2345678901234567e-4"]
    assert all(map(FHIR_DECIMAL.fullmatch, only["coordinate"]))
    volumes = [
        each["valueString"]
        for each in of_roi["extension"]
        if each["url"].endswith("roi-volume")
    ]
    assert volumes == ["1.2345678901234567e-4"]


@pytest.mark.parametrize(
    ("name", "element", "uid"),
    [
        ("06-rtstruct-uid-letters", "seriesUid", "1.2.3.4A.5B"),
        ("06-rtstruct-uid-trailing-dot", "studyUid", "1.2.3.4."),
    ],
)
def test_an_illegal_uid_that_an_id_can_hold_is_served_and_told(
    case, name, element, uid
):
    mapped = objects.convert(case(name))

    assert mapped.resources[0][element] == mapped.resources[1][element] == uid
    assert codes(mapped) == {("invalid-uid", None)}


def test_a_uid_of_65_characters_fails_with_the_true_reason(case):
    with pytest.raises(UnusableError, match=r"SeriesInstanceUID .* is there, .* 65 "):
        objects.convert(case("06-rtstruct-uid-65-characters"))


def test_a_roi_number_written_as_a_decimal_is_read(case):
    file = case("07-rtstruct-roi-number-1.0")
    mapped = objects.convert(file)
    whole, of_roi, *_ = mapped.resources

    assert codes(mapped) == {("invalid-number", 1)}
    assert of_roi["id"] == f"{whole['id']}-1"
    assert whole["instance"][0]["subset"] == of_roi["instance"][0]["subset"] == ["1"]
    assert of_roi["category"]
    assert len(regions(file, of_roi)) == 1


def test_a_contour_offset_is_told_when_the_file_is_read(case):
    mapped = objects.convert(case("09-rtstruct-contour-offset-vector"))
    assert codes(mapped) == {("contour-offset", 1)}


def test_a_point_of_three_points_is_kept_as_multipoint(case):
    file = case("10-rtstruct-point-of-three")
    mapped = objects.convert(file)
    (only,) = regions(file, mapped.resources[1])

    assert (only["regionType"], len(only["coordinate"])) == ("multipoint", 9)
    assert codes(mapped) == {("point-contour-with-several-points", 1)}


def test_many_rois_of_a_structure_set_of_many_series_are_served(case):
    mapped = objects.convert(case("12-rtstruct-117-rois-450-series"))

    assert len(mapped.resources) == 1 + 117 + 450
    assert len(mapped.resources[0]["focus"]) == 450


ILLEGAL = ["1.2.3A.4B", "1.2.3.", "ANON-113047", ".1.2", "a" * 64]


@pytest.mark.parametrize("uid", ILLEGAL)
def test_every_illegal_uid_stands_where_a_legal_one_does_and_is_found(uid):
    image = reference(uid)
    mapped = objects.convert(
        make_rtstruct(
            roi(
                1,
                ReferencedFrameOfReferenceUID=uid,
                contours=[contour(images=[image])],
                contour_item={"SourceSeriesSequence": [{"SeriesInstanceUID": uid}]},
                ConceptualVolumeIdentificationSequence=[{"ConceptualVolumeUID": uid}],
                DefinitionSourceSequence=[reference(uid)],
            ),
            SOPInstanceUID=uid,
            StudyInstanceUID=uid,
            SeriesInstanceUID=uid,
            DeviceUID=uid,
            PredecessorStructureSetSequence=[reference(uid)],
            ReferencedFrameOfReferenceSequence=referenced_frame(
                uid, {uid: {uid: [image]}}
            ),
        )
    )
    whole, of_roi, _ = mapped.resources
    identifier = {"system": UID, "value": uid}

    for each in mapped.resources:
        assert (
            each["studyUid"] == each["seriesUid"] == each["instance"][0]["uid"] == uid
        )
        assert each["frameOfReferenceUid"] == uid
        assert each["derivedFrom"][0]["identifier"]["value"] == uid
    assert whole["identifier"] == of_roi["identifier"] == [identifier]
    assert whole["contained"][0]["identifier"] == [identifier]
    assert [each.get("identifier") for each in of_roi["focus"]] == [None, identifier]
    assert [each.get("identifier") for each in whole["focus"]] == [None, identifier]
    assert ("invalid-uid", None) in codes(mapped)
    assert ("invalid-uid", 1) in codes(mapped)
    tokens = index_of(of_roi).tokens
    for parameter in ("study-uid", "series-uid", "instance-uid", "frame-of-reference"):
        assert Token(parameter, UID, uid) in tokens
    assert Token("identifier", UID, uid) in tokens


@pytest.mark.parametrize("uid", ["1" * 65, "1.2_3", "1 2", "1/2"])
def test_an_optional_uid_that_no_id_can_hold_is_left_out_and_told(uid):
    mapped = objects.convert(
        make_rtstruct(
            roi(
                1,
                ReferencedFrameOfReferenceUID=uid,
                contours=[contour(images=[reference(uid)])],
                ConceptualVolumeIdentificationSequence=[{"ConceptualVolumeUID": uid}],
            ),
            DeviceUID=uid,
        )
    )

    assert uid not in json.dumps(mapped.resources)
    assert {("invalid-uid", None), ("invalid-uid", 1)} <= codes(mapped)


def test_an_illegal_sop_class_of_an_image_is_left_out_and_told():
    image = reference("2.25.7", "CT-113047")
    mapped = objects.convert(make_rtstruct(roi(contours=[contour(images=[image])])))
    (of_image,) = mapped.resources[2]["instance"]

    assert of_image == {"uid": "2.25.7"}
    assert ("invalid-uid", 1) in codes(mapped)


@pytest.mark.parametrize(
    "written", ["+1.5", "0.00012345678901234567", "1234567890123456789012", "1e5"]
)
def test_every_number_of_a_contour_and_the_volume_are_decimals(written):
    drawn = contour(rf"{written}\2\3", "POINT")
    file = make_rtstruct(roi(1, contours=[drawn], ROIVolume=written))
    mapped = objects.convert(file)
    (only,) = regions(file, mapped.resources[1])

    assert all(map(FHIR_DECIMAL.fullmatch, only["coordinate"]))
    assert mapped.findings == ()


def test_a_number_that_no_decimal_can_represent_is_left_out_and_told():
    points = r"1e9999999999\2\3"
    file = make_rtstruct(
        roi(
            1, contours=[contour(points, "POINT"), contour()], ROIVolume="1e-9999999999"
        )
    )
    mapped = objects.convert(file, Choices())

    assert codes(mapped) == {("number-not-representable", 1)}
    assert len(regions(file, mapped.resources[1])) == 1
