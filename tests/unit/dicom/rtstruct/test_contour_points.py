"""What is known of the points of a contour without its coordinates."""

import pytest
from imaging_selection.dicom.rtstruct.contour_points import doubts_without_coordinates
from imaging_selection.dicom.rtstruct.structure_set import Contour, GeometricType, Span
from support.builders import contour, roi
from support.reading import found, parse, texts

LONG = r"\-0.019999146461486816" * 9


def doubts(value, geometric_type=GeometricType.CLOSED_PLANAR, declared=3):
    data = value.encode()
    span = Span(0, len(data))
    return doubts_without_coordinates(data, Contour(geometric_type, declared, (), span))


@pytest.mark.parametrize(
    ("value", "declared", "expected"),
    [
        pytest.param(r"1\2\3\4\5\3\7\8\3", 3, [], id="as-declared"),
        pytest.param(LONG[1:], 3, [], id="numbers-longer-than-a-ds-may-be"),
        pytest.param(r"1\2\3\4\5\3\7\8\3", None, [], id="not-declared"),
        pytest.param(LONG[1:], None, [], id="not-declared-and-surely-enough"),
        pytest.param(
            r"1\2\3\4\5\3\7\8\3", 30, ["declared-point-count-wrong"],
            id="more-declared-than-fit",
        ),
        pytest.param(
            r"1\2\3" * 99, 3, ["coordinate-count-not-multiple-of-3"],
            id="more-there-than-declared-and-not-in-threes",
        ),
        pytest.param(
            r"1\2\3" + r"\4\5\3" * 99, 3, ["declared-point-count-wrong"],
            id="more-there-than-declared",
        ),
        pytest.param(
            r"1\2\3\4\5\3", 2, ["too-few-points"], id="polygon-of-two-points"
        ),
        pytest.param(r"1\2\3", None, ["too-few-points"], id="polygon-of-one-point"),
        pytest.param(
            r"1\2\3\4\5\3\7\8\3", 2, ["declared-point-count-wrong"],
            id="fewer-declared-than-a-polygon-takes",
        ),
        pytest.param(
            r"1\2\3\4\5\3\7\8\3", -4, ["declared-point-count-wrong"],
            id="negative-count",
        ),
        pytest.param("", 3, ["empty-contour-data"], id="empty"),
        pytest.param(" " * 300, 3, ["empty-contour-data"], id="blank"),
    ],
)  # fmt: skip
def test_points_are_counted_where_declaration_and_length_disagree(
    value, declared, expected
):
    assert doubts(value, declared=declared) == expected


@pytest.mark.parametrize("declared", [1, 2, None])
def test_several_points_of_a_point_are_counted_whatever_is_declared(declared):
    codes = doubts(r"1\2\3\4\5\6", GeometricType.POINT, declared)
    assert codes[0] == "point-contour-with-several-points"
    assert doubts(r"1\2\3", GeometricType.POINT, None) == []


@pytest.mark.parametrize(
    ("attributes", "is_told"),
    [
        ({"ContourOffsetVector": r"0\0\1.5"}, True),
        ({"ContourOffsetVector": r"-1e-3\0\0"}, True),
        ({"ContourOffsetVector": r"0\0\0"}, False),
        ({"ContourOffsetVector": r"0.0\-0\0e5 "}, False),
        ({"ContourOffsetVector": ""}, False),
        ({"ContourOffsetVector": b"none"}, True),
        ({"ContourOffsetVector": r"0\0\0\0\7"}, True),
        ({"ContourSlabThickness": "3"}, True),
        ({"ContourSlabThickness": "3", "ContourOffsetVector": r"0\0\0"}, True),
        ({"ContourSlabThickness": ""}, False),
        ({}, False),
    ],
)
def test_a_slab_is_told_when_the_file_is_read(attributes, is_told):
    structure_set = parse(roi(7, contours=[contour(**attributes), contour()]))
    assert found(structure_set) == ({("contour-offset", 7)} if is_told else set())
    assert [text[:23] for text in texts(structure_set, "contour-offset")] == (
        ["1 of 2 contours have a "] if is_told else []
    )


def test_what_needs_no_coordinates_is_told_when_the_file_is_read():
    structure_set = parse(
        roi(
            7,
            contours=[
                contour(),
                contour(r"1\2\3\4\5\3", "POINT"),
                contour(r"1\2\3", "OPEN_PLANAR"),
                contour("", NumberOfContourPoints=4),
                contour(NumberOfContourPoints=400),
                contour(r"1\2\3\4", "POINT"),
                contour(geometric_type="CIRCLE"),
                contour(geometric_type="CLOSEDPLANAR_XOR"),
            ],
        )
    )
    assert found(structure_set) == {
        ("point-contour-with-several-points", 7),
        ("too-few-points", 7),
        ("empty-contour-data", 7),
        ("declared-point-count-wrong", 7),
        ("coordinate-count-not-multiple-of-3", 7),
        ("unknown-geometric-type", 7),
        ("xor-contours", 7),
    }


@pytest.mark.parametrize(
    ("written", "count"), [("4.0", 4), ("+4", 4), ("04", 4), ("4.5", None), ("A", None)]
)
def test_an_odd_number_of_points_is_read_by_its_value_and_told(written, count):
    structure_set = parse(roi(7, contours=[contour(NumberOfContourPoints=written)]))
    (only,) = structure_set.rois[0].contours[0].contours
    assert only.declared_points == count
    assert texts(structure_set, "invalid-number") == [
        "Number invalid or written unusually: NumberOfContourPoints"
    ]
