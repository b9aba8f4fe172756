"""What holds for any structure set, however odd its contents."""

import re
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from imaging_selection.fhir.datatypes import dumps
from imaging_selection.mapping.choices import Choices
from imaging_selection.mapping.rtstruct.imaging_selection import map_structure_set
from imaging_selection.objects import ids_of
from support.builders import code, make_rtstruct, observation, roi
from support.reading import parse_structure_set
from support.strategies import structure_sets

ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")


def convert(file, choices=None):
    structure_set = parse_structure_set(file)
    ids = ids_of(structure_set)
    return structure_set, map_structure_set(
        structure_set, ids, choices or Choices()
    ).resources


@given(structure_sets)
def test_any_structure_set_converts_and_each_roi_number_appears_once(file):
    structure_set, selections = convert(file)

    of_rois = selections[1 : 1 + len(structure_set.rois)]
    assert [s["instance"][0].get("subset") for s in of_rois] == [
        None if each.number is None else [str(each.number)]
        for each in structure_set.rois
    ]
    numbers = [each.number for each in structure_set.rois if each.number is not None]
    expected = [str(number) for number in dict.fromkeys(numbers)]
    assert selections[0]["instance"][0].get("subset", []) == expected
    ids = [each["id"] for each in selections]
    assert len(set(ids)) == len(ids)
    assert all(ID.fullmatch(each) for each in ids)


@given(structure_sets)
def test_converting_twice_gives_identical_bytes(file):
    _, first = convert(file)
    _, second = convert(file)

    assert [dumps(each) for each in first] == [dumps(each) for each in second]


@given(structure_sets)
def test_the_profile_is_claimed_only_by_what_keeps_it(file):
    for selection in convert(file)[1]:
        claimed = selection["meta"].get("profile", [])
        if "region-in-space" in str(claimed):
            assert selection["instance"][0]["subset"]
        if "source-image" in str(claimed):
            assert selection["instance"]


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "a & b < c > d \" ' ",
        "]]> <!-- --> <![CDATA[",
        "\u202eright to left\u202c",
        "x" * 64_000,
    ],
)
def test_no_text_of_the_file_is_markup_in_a_narrative(text):
    file = make_rtstruct(
        roi(
            1,
            name=text,
            observations=[observation(text, MaterialID=text)],
            ROIDescription=text,
            ROIGenerationDescription=text,
            DerivationCodeSequence=code("113047", "99TEST", text),
        ),
        SpecificCharacterSet="ISO_IR 192",
        StructureSetLabel=text,
        StructureSetDescription=text,
    )

    for selection in convert(file)[1]:
        assert_no_markup_but_our_own(selection["text"]["div"])


@pytest.mark.slow
@given(structure_sets)
def test_no_text_of_any_file_is_markup_in_a_narrative(file):
    for selection in convert(file)[1]:
        assert_no_markup_but_our_own(selection["text"]["div"])


def assert_no_markup_but_our_own(div):
    root = ET.fromstring(div)  # noqa: S314 - our own text
    known = {"div", "p", "ul", "li", "table", "tbody", "tr", "th", "td"}
    assert {each.tag.rpartition("}")[2] for each in root.iter()} <= known
    assert not any(each.attrib for each in root.iter())
