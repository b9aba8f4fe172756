"""The coordinates of contours as JSON, digit by digit."""

import json
import random
import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from imaging_selection.dicom.elements import Dataset, Encoding
from imaging_selection.dicom.file import open_dataset
from imaging_selection.dicom.findings import FINDING_KINDS, Finding, Severity
from imaging_selection.dicom.rtstruct.contours import (
    parse_contours,
)
from imaging_selection.dicom.rtstruct.structure_set import (
    Contour,
    GeometricType,
    RoiContours,
    Span,
)
from imaging_selection.errors import DicomError
from imaging_selection.mapping.rtstruct import image_region_3d
from imaging_selection.mapping.rtstruct.image_region_3d import Regions
from support.builders import (
    BIG_ENDIAN,
    DEFLATED,
    EXPLICIT,
    IMPLICIT,
    contour,
    make_rtstruct,
    roi,
)
from support.corpus import FILES
from support.independent import read_contours
from support.paths import CORPUS

SYNTAXES = (IMPLICIT, EXPLICIT, BIG_ENDIAN, DEFLATED)

TRIANGLE = rb"0\0\0\1\0\0\0\1\0"


def drawing(*contours, number=7):
    """Lay Contour Data values side by side: a data set and the ROI that has them."""
    data, parts = b"", []
    for value, geometric_type, declared in contours:
        span = None if value is None else Span(len(data), len(data) + len(value or b""))
        parts.append(Contour(geometric_type, declared, (), span))
        data += value or b""
    encoding = Encoding(explicit_vr=False, big_endian=False)
    dataset = Dataset(data, 0, len(data), encoding, None)
    return Regions(dataset, RoiContours(number, None, (), tuple(parts)))


def region(value, geometric_type=GeometricType.OPEN_PLANAR):
    """Return the coordinates of one contour as JSON text, and the codes found."""
    regions = drawing((value, geometric_type, None))
    texts = [json.loads(each, parse_float=str, parse_int=str) for each in regions]
    codes = [finding.code for finding in regions.findings()]
    return (texts[0]["coordinate"] if texts else None), codes


@pytest.mark.parametrize(
    ("geometric_type", "value", "expected"),
    [
        pytest.param(
            GeometricType.POINT, rb"1\2\3",
            b'{"regionType":"point","coordinate":[1,2,3]}', id="point",
        ),
        pytest.param(
            GeometricType.OPEN_PLANAR, rb"1\2\3\4\5\3",
            b'{"regionType":"polyline","coordinate":[1,2,3,4,5,3]}', id="open-planar",
        ),
        pytest.param(
            GeometricType.OPEN_NONPLANAR, rb"1\2\3\4\5\6",
            b'{"regionType":"polyline","coordinate":[1,2,3,4,5,6]}',
            id="open-nonplanar",
        ),
        pytest.param(
            GeometricType.CLOSED_PLANAR, TRIANGLE,
            b'{"regionType":"polygon","coordinate":[0,0,0,1,0,0,0,1,0,0,0,0]}',
            id="closed-planar",
        ),
        pytest.param(
            GeometricType.CLOSEDPLANAR_XOR, TRIANGLE,
            b'{"regionType":"polygon","coordinate":[0,0,0,1,0,0,0,1,0,0,0,0]}',
            id="closed-planar-xor",
        ),
    ],
)  # fmt: skip
def test_contour_becomes_the_region_of_its_type(geometric_type, value, expected):
    assert list(drawing((value, geometric_type, None))) == [expected]


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        pytest.param(b"-0.0", "-0.0", id="negative-zero"),
        pytest.param(b"1.50", "1.50", id="trailing-zero"),
        pytest.param(b"1.776357E-14", "1.776357E-14", id="exponent"),
        pytest.param(b"-1.92974748E-015", "-1.92974748E-015", id="zeros-in-exponent"),
        pytest.param(b"5.4e+1", "5.4e+1", id="plus-in-exponent"),
        pytest.param(b"1e400", "1e400", id="beyond-a-double"),
        pytest.param(
            b"-0.019999146461486816",
            "-1.9999146461486816e-2",
            id="more-after-the-point-than-a-decimal-has",
        ),
        pytest.param(
            b"0.12345678901234567890",
            "123.45678901234567890e-3",
            id="trailing-zero-of-many",
        ),
        pytest.param(b"+1.5", "1.5", id="plus"),
        pytest.param(b".5", "0.5", id="no-digit-before-the-point"),
        pytest.param(b"-.5", "-0.5", id="minus-and-no-digit-before-the-point"),
        pytest.param(b"+.50", "0.50", id="plus-and-no-digit-before-the-point"),
        pytest.param(b"1.", "1", id="no-digit-after-the-point"),
        pytest.param(b"-1.e5", "-1e5", id="no-digit-between-point-and-exponent"),
        pytest.param(b"007", "7", id="leading-zeros"),
        pytest.param(b"-00.50", "-0.50", id="leading-zeros-of-a-fraction"),
        pytest.param(b"000", "0", id="zeros"),
        pytest.param(b" 1.5 ", "1.5", id="blanks"),
    ],
)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_number_keeps_its_digits_and_is_legal_json(number, expected, place):
    tokens, texts = [b"2.0", b"3", b"-4.10"], ["2.0", "3", "-4.10"]
    tokens[place], texts[place] = number, expected
    assert region(b"\\".join(tokens), GeometricType.POINT) == (texts, [])


@pytest.mark.parametrize("padding", [b"", b" ", b"\0", b"  ", b" \0", b" " * 99])
def test_padding_of_the_value_is_no_part_of_it(padding):
    assert region(rb"1\2\3" + padding, GeometricType.POINT) == (["1", "2", "3"], [])


@pytest.mark.parametrize(
    "token",
    [
        *(b"NaN", b"inf", b"-Infinity", b"0x10", b"1_0", b"1,5", b"1,2", b"null"),
        *(b"", b" ", b".", b"-", b"+", b"e5", b".e5", b"1e", b"1e+", b"-e1", b"--1"),
        *(b"+-1", b"-+1", b"1-2", b"1.2.3", b".5.", b"1e5.0", b"1e2e3", b"1 2", b"- 1"),
        *(b"1\t", b"\n1", b"1\x002", b"\xb2", b'"1"', b"[1]", b"{}", b"true", b"1d5"),
    ],
)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_contour_with_anything_but_numbers_is_left_out(token, place):
    tokens = [b"1.5", b"2", b"3", b"4", b"5", b"6"]
    tokens[place] = token
    assert region(b"\\".join(tokens)) == (None, ["contour-data-not-a-number"])


@pytest.mark.parametrize(
    ("value", "geometric_type", "code"),
    [
        pytest.param(
            None, GeometricType.POINT, "empty-contour-data", id="data-absent"
        ),
        pytest.param(b"", GeometricType.POINT, "empty-contour-data", id="data-empty"),
        pytest.param(
            b" \0 ", GeometricType.POINT, "empty-contour-data", id="data-blank"
        ),
        pytest.param(
            rb"1\2\3\4", GeometricType.OPEN_PLANAR,
            "coordinate-count-not-multiple-of-3", id="four-coordinates",
        ),
        pytest.param(
            rb"1\2", GeometricType.POINT,
            "coordinate-count-not-multiple-of-3", id="two-coordinates",
        ),
        pytest.param(
            b"1\\2\\3\\", GeometricType.POINT, "contour-data-not-a-number",
            id="backslash-at-the-end",
        ),
        pytest.param(rb"1\2\3", None, "unknown-geometric-type", id="type-unknown"),
        pytest.param(
            rb"1\2\1e9999999999", GeometricType.POINT, "number-not-representable",
            id="beyond-a-decimal",
        ),
    ],
)  # fmt: skip
def test_broken_contour_is_left_out_and_told(value, geometric_type, code):
    regions = drawing((value, geometric_type, None))
    assert list(regions) == []
    assert [(found.code, found.severity) for found in regions.findings()] == [
        (code, Severity.ERROR)
    ]


@pytest.mark.parametrize("points", [2, 3, 50])
def test_several_points_in_a_point_are_kept_as_multipoint_and_told(points):
    value = b"\\".join([rb"1.0\2\3"] * points)
    regions = drawing((value, GeometricType.POINT, points))
    numbers = b",".join([b"1.0,2,3"] * points)
    assert list(regions) == [b'{"regionType":"multipoint","coordinate":[%b]}' % numbers]
    assert [(found.code, found.severity) for found in regions.findings()] == [
        ("point-contour-with-several-points", Severity.WARNING)
    ]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param(rb"1.0\2\3\4\5\3", "1.0 2 3 4 5 3 1.0 2 3", id="open"),
        pytest.param(rb"1.0\2\3\4\5\3\1.0\2\3", "1.0 2 3 4 5 3 1.0 2 3", id="closed"),
        pytest.param(
            rb"1.0\2\3\4\5\3\1.00\2e0\3", "1.0 2 3 4 5 3 1.00 2e0 3",
            id="closed-in-another-notation",
        ),
        pytest.param(
            rb"0\2\3\4\5\3\-0.0\2\3", "0 2 3 4 5 3 -0.0 2 3", id="closed-at-minus-zero"
        ),
        pytest.param(
            rb"1\2\3\4\5\3\1.0000000000000001\2\3",
            "1 2 3 4 5 3 1.0000000000000001 2 3 1 2 3", id="open-by-less-than-a-double",
        ),
        pytest.param(
            rb"1\2\3\4\5\3\11\2\3", "1 2 3 4 5 3 11 2 3 1 2 3", id="open-yet-ends-alike"
        ),
        pytest.param(rb"+1\2\3\4\5\3\1.\2\3", "1 2 3 4 5 3 1 2 3", id="repaired"),
        pytest.param(
            rb"1e999999999\2\3\4\5\3\10E999999998\2\3",
            "1e999999999 2 3 4 5 3 10E999999998 2 3", id="closed-far-away",
        ),
        pytest.param(rb"1\2\3", "1 2 3 1 2 3", id="single-point"),
    ],
)  # fmt: skip
def test_polygon_ends_where_it_begins(value, expected):
    coordinates, _ = region(value, GeometricType.CLOSED_PLANAR)
    assert coordinates == expected.split()


@pytest.mark.parametrize(
    ("value", "geometric_type", "declared", "codes"),
    [
        pytest.param(TRIANGLE, GeometricType.CLOSED_PLANAR, 3, [], id="nothing"),
        pytest.param(
            TRIANGLE, GeometricType.CLOSED_PLANAR, 4, ["declared-point-count-wrong"],
            id="declared-wrong",
        ),
        pytest.param(
            rb"1\2\3\4\5\3", GeometricType.CLOSED_PLANAR, 2, ["too-few-points"],
            id="polygon-of-two-points",
        ),
        pytest.param(
            rb"1\2\3", GeometricType.OPEN_NONPLANAR, None, ["too-few-points"],
            id="line-of-one-point",
        ),
        pytest.param(
            rb"1\2\3", GeometricType.CLOSEDPLANAR_XOR, 0,
            ["too-few-points", "declared-point-count-wrong", "xor-contours"],
            id="all-at-once",
        ),
    ],
)  # fmt: skip
def test_odd_contour_is_kept_and_told(value, geometric_type, declared, codes):
    regions = drawing((value, geometric_type, declared))
    assert len(list(regions)) == 1
    assert [(found.code, found.severity) for found in regions.findings()] == [
        (code, Severity.WARNING) for code in codes
    ]


def test_broken_contours_do_not_cost_the_others_and_make_one_finding():
    broken, whole = (
        (b"1\\x\\3", GeometricType.POINT, 1),
        (
            b"1\\2\\3",
            GeometricType.POINT,
            1,
        ),
    )
    regions = drawing(whole, *[broken] * 7, whole)
    assert len(list(regions)) == 2
    assert regions.findings() == (
        Finding(
            "contour-data-not-a-number",
            Severity.ERROR,
            "contours 2, 3, 4, 5, 6 and 2 more of 9: "
            "Contour Data has a value that is no decimal string; left out",
            7,
        ),
    )


def test_regions_can_be_iterated_again_with_the_same_findings():
    regions = drawing((TRIANGLE, GeometricType.CLOSED_PLANAR, 99))
    assert list(regions) == list(regions)
    assert len(regions.findings()) == 1


@pytest.mark.parametrize("vr", ["DS", "UN", "OB", "UT"])
@pytest.mark.parametrize("transfer_syntax", SYNTAXES)
def test_contour_data_is_text_whatever_its_vr(vr, transfer_syntax):
    file = make_rtstruct(
        roi(contours=[contour(ContourData=(vr, TRIANGLE))]),
        transfer_syntax=transfer_syntax,
    )
    dataset = open_dataset(file)
    [drawn] = parse_contours(dataset)
    assert list(Regions(dataset, drawn)) == [
        b'{"regionType":"polygon","coordinate":[0,0,0,1,0,0,0,1,0,0,0,0]}'
    ]


@pytest.mark.parametrize("odd", [b"", b"+", b"x"])
def test_contour_of_many_megabytes_is_read_like_any_other(odd):
    numbers = [b"%d.50" % number for number in range(400_000)]
    numbers[200_000] = odd + numbers[200_000]
    coordinates, codes = region(b"\\".join([*numbers, b"7", b"8"]))
    if odd == b"x":
        assert (coordinates, codes) == (None, ["contour-data-not-a-number"])
    else:
        expected = [*(f"{number}.50" for number in range(400_000)), "7", "8"]
        assert (coordinates, codes) == (expected, [])


def test_contour_of_many_megabytes_may_not_end_in_a_backslash():
    value = b"\\".join([b"1.234567"] * 131_073) + b"\\"  # a piece and an empty one
    assert region(value) == (None, ["contour-data-not-a-number"])


def test_what_regions_report_is_in_the_one_list_of_codes():
    assert set(vars(image_region_3d)["_SENTENCES"]) <= set(FINDING_KINDS)


# PS3.5 6.2: a decimal string is fixed point or floating point, padded with blanks
digits = st.text("0123456789", min_size=1, max_size=9)
decimal_strings = st.tuples(
    st.sampled_from(["", " "]),
    st.sampled_from(["", "-", "+"]),
    st.builds(
        str.format, st.sampled_from(["{}", "{}.", ".{}", "{}.{}"]), *[digits] * 2
    ),
    st.just("") | st.builds(str.format, st.sampled_from(["e{}", "E-0{}"]), digits),
    st.sampled_from(["", " "]),
).map("".join)
# FHIR 5.0.0, datatypes.html#decimal
FHIR_DECIMAL = re.compile(
    r"-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,17})?([eE][+-]?[0-9]{1,9})?"
)


@given(st.lists(decimal_strings, min_size=3, max_size=30))
def test_any_decimal_strings_keep_value_and_where_fhir_allows_it_spelling(tokens):
    tokens = tokens[: len(tokens) // 3 * 3]
    texts, _ = region("\\".join(tokens).encode())
    assert list(map(Decimal, texts)) == [Decimal(token.strip()) for token in tokens]
    for token, text in zip(tokens, texts, strict=True):
        assert FHIR_DECIMAL.fullmatch(text)
        if FHIR_DECIMAL.fullmatch(token.strip(" ")):
            assert text == token.strip(" ")


@given(
    st.text(st.sampled_from("0123456789+-.eE\\ \0,xN"), max_size=40)
    | st.binary(max_size=40).map(lambda value: value.decode("latin-1")),
    st.sampled_from([GeometricType.OPEN_PLANAR, GeometricType.CLOSED_PLANAR]),
)
def test_any_bytes_give_the_numbers_that_decimal_reads_or_nothing(text, geometric_type):
    coordinates, _ = region(text.encode("latin-1"), geometric_type)
    tokens = [token.strip(" ") for token in text.rstrip(" \0").split("\\")]
    legal = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
    if len(tokens) % 3 or not all(map(legal.fullmatch, tokens)):
        assert coordinates is None
    else:
        read = list(map(Decimal, coordinates))
        assert read[: len(tokens)] == list(map(Decimal, tokens))


# Real structure sets, against an independent reading


@pytest.mark.slow
@pytest.mark.usefixtures("corpus")
@pytest.mark.parametrize("file", FILES)
def test_every_contour_of_a_real_file_is_what_pydicom_reads(file):
    dataset = open_dataset((CORPUS / file).read_bytes())
    rois = parse_contours(dataset)
    expected = read_contours(CORPUS / file)
    assert [
        (drawn.roi_number, [str(each.geometric_type) for each in drawn.contours])
        for drawn in rois
    ] == [(number, [each.kind for each in contours]) for number, contours in expected]
    for drawn, (_, contours) in zip(rois, expected, strict=True):
        for text, expect in zip(Regions(dataset, drawn), contours, strict=True):
            read = json.loads(text, parse_float=str, parse_int=str)["coordinate"]
            tokens = expect.tokens
            assert len(read) >= len(tokens)
            pairs = zip(read, tokens, strict=False)
            for number, token in ((a, b) for a, b in pairs if a != b):
                assert not FHIR_DECIMAL.fullmatch(token)  # else to the digit
                assert Decimal(number) == Decimal(token)
            is_open = list(map(Decimal, tokens[:3])) != list(map(Decimal, tokens[-3:]))
            closing = tokens[:3] if expect.kind == "CLOSED_PLANAR" and is_open else ()
            assert tuple(read[len(tokens) :]) == closing


# Hostile files


def damaged(rng, file):
    """Cut a file, turn some of its bytes, or move a part of it."""
    file = bytearray(file)
    for _ in range(rng.randint(1, 4)):
        place = rng.randrange(len(file))
        match rng.randrange(4):
            case 0:
                del file[place:]
            case 1:
                file[place] = rng.choice([0, 0xFF, 0x5C, 0xFE, rng.randrange(256)])
            case 2:
                del file[place : place + rng.randint(1, 12)]
            case _:
                end = place + rng.randint(1, 40)
                file[place:place] = file[end : end + rng.randint(1, 40)]
        if not file:
            break
    return bytes(file)


VICTIMS = [
    make_rtstruct(
        roi(1, contours=[contour(TRIANGLE, images=["2.25.1130471"]), contour()]),
        roi(2, contours=[contour(rb"+1\.5\3 ", "POINT")], color=[1, 2, 3]),
        transfer_syntax=transfer_syntax,
        undefined_length=undefined_length,
    )
    for transfer_syntax in SYNTAXES
    for undefined_length in (False, True)
]


@pytest.mark.parametrize("seed", range(8))
def test_damaged_file_is_read_or_refused_and_its_json_is_legal(seed):
    rng = random.Random(seed)  # noqa: S311 - to break things the same way each time
    for _ in range(400):
        read_all(damaged(rng, rng.choice(VICTIMS)))


def test_damaged_real_file_is_read_or_refused_and_its_json_is_legal(corpus):
    rng = random.Random(113_047)  # noqa: S311
    small = [path for path in corpus.values() if path.stat().st_size < 50_000]
    files = [path.read_bytes() for path in small]
    for _ in range(400):
        read_all(damaged(rng, rng.choice(files)))


def read_all(file):
    try:
        dataset = open_dataset(file)
        rois = parse_contours(dataset)
    except DicomError:
        return
    for drawn in rois:
        regions = Regions(dataset, drawn)
        for text in regions:
            coordinates = json.loads(text)["coordinate"]
            assert coordinates
            assert len(coordinates) % 3 == 0
        regions.findings()
