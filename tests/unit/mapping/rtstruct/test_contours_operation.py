"""A selection and its contours: one JSON text, of the resource and of the file."""

import json
from decimal import Decimal

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from imaging_selection.errors import DicomError, WithoutContoursError
from imaging_selection.fhir import canonicals
from imaging_selection.fhir import datatypes as fhir
from imaging_selection.mapping.choices import Choices
from imaging_selection.mapping.rtstruct.contours_operation import CHUNK, with_contours
from imaging_selection.mapping.rtstruct.imaging_selection import map_structure_set
from imaging_selection.objects import ids_of
from support.builders import contour, image_uid, make_rtstruct, roi
from support.independent import read_contours, same_regions
from support.reading import parse_structure_set

TRIANGLE = rb"0\0\0\1\0\0\0\1\0"
POINT_A, POINT_B = contour(rb"1\2\3.0", "POINT"), contour(rb"4\5\6.50", "POINT")


def selections_of(file):
    """The selections of a file, by what their id has after that of the instance."""
    structure_set = parse_structure_set(file)
    ids = ids_of(structure_set)
    built = map_structure_set(structure_set, ids, Choices()).resources
    return {each["id"].removeprefix(ids.instance): each for each in built}


def with_contours_of(file, suffix):
    """One selection with its contours; numbers are exact."""
    text = b"".join(with_contours(selections_of(file)[suffix], file))
    return json.loads(text, parse_float=Decimal, parse_int=Decimal)


def regions_of(selection):
    [instance] = selection["instance"]
    return [
        (region["regionType"], region["coordinate"])
        for region in instance.get("imageRegion3D", ())
    ]


def without_regions(selection):
    """A selection as it was before."""
    instance = dict(selection["instance"][0])
    instance.pop("imageRegion3D", None)
    return selection | {"instance": [instance]}


def points_of(selection):
    return [coordinates for _, coordinates in regions_of(selection)]


def test_the_structure_set_has_the_contours_of_all_rois_in_file_order():
    file = make_rtstruct(
        roi(7, contours=[POINT_A, contour(TRIANGLE)]), roi(3, contours=[POINT_B])
    )
    assert regions_of(with_contours_of(file, "")) == [
        ("point", [1, 2, 3]),
        ("polygon", [0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0]),
        ("point", [4, 5, Decimal("6.5")]),
    ]


@pytest.mark.parametrize("undefined_length", [False, True])
def test_a_roi_has_its_own_wherever_they_stand(undefined_length):
    file = make_rtstruct(
        roi(7, contours=[POINT_A]),
        roi(3, contours=[POINT_B]),
        roi(5, contours=[]),
        undefined_length=undefined_length,
    )
    swapped = parse_structure_set(file)
    assert [drawn.roi_number for drawn in swapped.contours] == [7, 3, 5]
    assert points_of(with_contours_of(file, "-7")) == [[1, 2, 3]]
    assert points_of(with_contours_of(file, "-3")) == [[4, 5, Decimal("6.5")]]
    assert points_of(with_contours_of(file, "-5")) == []


def test_rois_that_share_a_number_share_their_contours_which_the_set_has_once():
    file = make_rtstruct(roi(7, contours=[POINT_A]), roi(7, "b", contours=[POINT_B]))
    both = [[1, 2, 3], [4, 5, Decimal("6.5")]]
    for suffix in ("-7", "-7.2", ""):
        selection = with_contours_of(file, suffix)
        assert points_of(selection) == both
        assert "duplicate-roi-number" in codes_of(selection)


def test_contours_of_no_roi_are_in_no_selection():
    file = make_rtstruct(roi(7, contours=[POINT_A]), roi(9, declared=False))
    selection = with_contours_of(file, "")
    assert points_of(selection) == [[1, 2, 3]]
    assert "orphan-contours" in codes_of(selection)


def test_without_contours_there_is_no_empty_array_and_nothing_else_changes():
    file = make_rtstruct(roi(7, contours=[]))
    for suffix in ("", "-7"):
        assert with_contours_of(file, suffix) == selections_of(file)[suffix]


def test_a_roi_without_number_has_no_contours():
    file = make_rtstruct(roi("", contours=[POINT_A]))
    selection = with_contours_of(file, "-none")
    assert selection == selections_of(file)["-none"]


def test_nothing_but_the_regions_is_added_where_there_is_nothing_to_tell():
    file = make_rtstruct(roi(7, contours=[POINT_A, contour(TRIANGLE)]))
    for suffix in ("", "-7"):
        expected = selections_of(file)[suffix]
        assert without_regions(with_contours_of(file, suffix)) == expected


def test_source_images_have_no_contours():
    file = make_rtstruct(roi(7, contours=[contour(images=[image_uid(1)])]))
    with pytest.raises(WithoutContoursError):
        with_contours(selections_of(file)["-images-1"], file)


def test_a_file_that_cannot_be_followed_is_refused_before_the_first_chunk():
    file = make_rtstruct(roi(7))
    with pytest.raises(DicomError):
        with_contours(selections_of(file)["-7"], file[:-60])


def codes_of(selection):
    tags = selection["meta"]["tag"]
    return [tag["code"] for tag in tags if tag["system"] == canonicals.FINDING_SYSTEM]


def test_what_is_noticed_is_tagged_once_and_told_in_a_contained_outcome():
    broken = contour(b"1\\x\\3", "POINT", NumberOfContourPoints=1)
    drawn = [broken, contour(TRIANGLE, "CLOSEDPLANAR_XOR"), broken]
    file = make_rtstruct(roi(7, contours=drawn), roi(3, "b", contours=[POINT_A]))
    selection = with_contours_of(file, "-7")
    assert len(regions_of(selection)) == 1
    # One of the two had been known before.
    assert codes_of(selection) == ["xor-contours", "contour-data-not-a-number"]
    *_, pointer = selection["extension"]
    assert pointer == {
        "url": f"{canonicals.OWN}/StructureDefinition/contour-findings",
        "valueReference": {
            "reference": "#contour-findings",
            "type": "OperationOutcome",
        },
    }
    outcome = selection["contained"][-1]
    assert (outcome["resourceType"], outcome["id"]) == (
        "OperationOutcome",
        "contour-findings",
    )
    assert [
        (issue["severity"], issue["code"], issue["details"]["coding"][0]["code"])
        for issue in outcome["issue"]
    ] == [
        ("error", "incomplete", "contour-data-not-a-number"),
        ("warning", "informational", "xor-contours"),
    ]
    assert outcome["issue"][0]["details"]["text"] == (
        "ROI 7: contours 1, 3 of 3:"
        " Contour Data has a value that is no decimal string; left out"
    )
    assert "contour-findings" not in str(with_contours_of(file, "-3"))


def test_an_answer_comes_in_chunks_of_bounded_size():
    many = [contour(b"\\".join([b"1.25"] * 3000), "OPEN_PLANAR")] * 200
    file = make_rtstruct(roi(7, contours=many))
    chunks = list(with_contours(selections_of(file)["-7"], file))
    assert len(b"".join(chunks)) > 3_000_000
    assert max(map(len, chunks)) < 1.1 * CHUNK
    assert min(map(len, chunks[:-1])) > CHUNK / 2


def test_text_in_the_resource_cannot_be_taken_for_the_place_of_the_regions():
    trap = '"imageRegion3D":[]'
    file = make_rtstruct(roi(7, trap, contours=[POINT_A]), StructureSetLabel=trap)
    for suffix in ("", "-7"):
        selection = with_contours_of(file, suffix)
        assert points_of(selection) == [[1, 2, 3]]
        assert without_regions(selection) == selections_of(file)[suffix]


# PS3.5 6.2: fixed or floating point, at most 16 characters, padded with blanks
digits = st.text("0123456789", min_size=1, max_size=5)
decimal_strings = (
    st.tuples(
        st.sampled_from(["", " "]),
        st.sampled_from(["", "-", "+"]),
        st.builds(
            str.format, st.sampled_from(["{}", "{}.", ".{}", "{}.{}"]), *[digits] * 2
        ),
        st.just("") | st.builds(str.format, st.sampled_from(["e{}", "E-0{}"]), digits),
        st.sampled_from(["", " "]),
    )
    .map("".join)
    .filter(lambda text: len(text) <= 16)
)


@given(st.lists(st.tuples(*[decimal_strings] * 3), min_size=1, max_size=9))
def test_any_decimal_strings_survive_to_the_answer(points):
    tokens = [token for point in points for token in point]
    value = "\\".join(tokens).encode()
    file = make_rtstruct(roi(7, contours=[contour(value, "OPEN_NONPLANAR")]))
    [coordinates] = points_of(with_contours_of(file, "-7"))
    assert coordinates == [Decimal(token.strip()) for token in tokens]


@pytest.mark.slow
def test_every_selection_of_every_real_file_has_the_numbers_of_the_file(
    corpus, thorough
):
    for path in corpus.values():
        if not thorough and path.stat().st_size > 1_000_000:
            continue
        file = path.read_bytes()
        drawn = read_contours(path)
        for suffix, selection in selections_of(file).items():
            if "-images-" in suffix:
                continue
            wanted = {Decimal(each) for each in selection["instance"][0]["subset"]}
            expected = [
                contour.region
                for number, contours in drawn
                if number in wanted
                for contour in contours
            ]
            text = b"".join(with_contours(orjson.loads(fhir.dumps(selection)), file))
            made = json.loads(text, parse_float=str, parse_int=str)
            assert same_regions(regions_of(made), expected), (path.name, suffix)
