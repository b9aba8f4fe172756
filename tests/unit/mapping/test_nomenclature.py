import csv
import json
from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st
from imaging_selection.errors import DictionaryError
from imaging_selection.mapping.choices import Names
from imaging_selection.mapping.nomenclature import (
    LATERALITIES,
    fold,
    nomenclatures_of,
    parse_dictionary,
    tg263,
)
from imaging_selection.mapping.target_names import parse_target
from support.corpus import FILES
from support.paths import CORPUS, GOLDEN, PLUGIN, SHARED
from support.reading import parse_structure_set

DATA = PLUGIN / "imaging_selection" / "data"
HEAD = "name,system,code,display,laterality"
LINES = (DATA / "tg263.csv").read_text("utf-8").splitlines()
ROWS = [*csv.DictReader(LINES[1:])]
NAMES = sorted({row[key] for row in ROWS for key in ("name", "reverse")} - {""})
AMBIGUOUS = {"Eye_Surf"}  # the reverse name of the left and of the right one


def names_of(name):
    """The names of a row, in both orders."""
    (row,) = (row for row in ROWS if row["name"] == name)
    return [row["name"], row["reverse"]]


def nearly(name):
    """A name with something changed, added or left out."""
    places = st.integers(0, len(name))
    return st.tuples(places, places, st.text("aLR_~^ 0", max_size=2)).map(
        lambda change: name[: change[0]] + change[2] + name[change[1] :]
    )


def test_every_row_is_recognised_in_both_orders():
    assert len(ROWS) == 673
    for row in ROWS:
        for name in filter(None, (row["name"], row["reverse"])):
            match = tg263().find(name)
            assert (match is None) == (name in AMBIGUOUS)
            if match:
                assert match.is_exact
                assert match.entry.name == row["name"]


def test_no_code_is_that_of_two_structures():
    displays = defaultdict(set)
    for row in ROWS:
        entry = tg263().find(row["name"]).entry
        if entry.code:
            displays[entry.code].add(entry.display)
    assert [code for code, names in displays.items() if len(names) > 1] == []


def test_each_side_in_a_name_is_that_of_its_laterality():
    for row in ROWS:
        match = tg263().find(row["name"])
        parts = row["name"].split("_")[1:]
        side = "L" if "L" in parts else "R" if "R" in parts else None
        if side and row["name"] != "VB_L":  # lumbar
            assert LATERALITIES[match.entry.laterality][0] == side, row["name"]


@pytest.mark.parametrize("written", ["lung_l", "LUNG L", "Lung-L", "LungL", "L_lung"])
def test_case_and_separators_are_told_apart(written):
    match = tg263().find(written)
    assert (match.entry.name, match.is_exact) == ("Lung_L", False)


@pytest.mark.parametrize("written", ["vb s", "Lung Left", "Lung_L^x", "~Lung_L", ""])
def test_what_is_not_in_the_table_is_not_recognised(written):
    assert tg263().find(written) is None


@given(st.text(max_size=12) | st.sampled_from(NAMES).flatmap(nearly))
def test_no_name_outside_the_table_is_coded(written):
    match = tg263().find(written)
    if match is not None:
        assert match.is_exact == (written in NAMES)
        assert fold(written) in {fold(name) for name in names_of(match.entry.name)}


def test_the_shipped_table_is_the_published_one():
    path = SHARED / "tg263" / "ConceptMap-TG263CM.json"
    if not path.exists():
        pytest.skip("no ../shared/tg263")
    published = json.loads(path.read_text("utf-8"))["group"][0]["element"]
    shipped = [(row["name"], row["code"]) for row in ROWS]
    assert shipped == [
        (each["code"].strip(), each["target"][0]["code"]) for each in published
    ]


def test_each_correction_is_one_of_a_shipped_row():
    lines = (DATA / "tg263-corrections.csv").read_text("utf-8").splitlines()
    names = {row["name"] for row in ROWS}
    for row in csv.DictReader(lines[1:]):
        assert row["name"] in names
        assert row["reason"]


def test_the_dictionary_of_the_site_comes_first():
    table = f"{HEAD}\nLung_L,urn:oid:1.2.3,L1,Linke Lunge,7771000\n"
    first, second = nomenclatures_of(Names(tg263=True, dictionary=table))
    match = first.find("Lung_L")
    assert (match.entry.code, match.source) == ("L1", "dictionary of the site")
    assert second.find("Lung_L").entry.code == "39607008"
    assert parse_dictionary(table + "x,urn:oid:1.2,1,y,").version != first.version


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("a,urn:oid:1.2,1,b", "line 2: not 5 values"),
        ("a,urn:oid:1.2,1,b,,", "line 2: not 5 values"),
        (",urn:oid:1.2,1,b,", "line 2: name and display must not be empty"),
        ("a,somewhere,1,b,", "line 2: the system is no URI"),
        ("a,urn:oid:1.2, 1,b,", "line 2: the code is none that FHIR allows"),
        ("a,urn:oid:1.2,1,b,left", "line 2: the laterality is none of"),
        ("a,urn:oid:1.2,1,b,\na,urn:oid:1.2,2,c,", "line 3 repeats a name"),
        ('a,"urn', "line 2 is no CSV"),
    ],
)
def test_a_wrong_line_of_a_dictionary_is_named(line, fault):
    with pytest.raises(DictionaryError, match=fault):
        parse_dictionary(f"{HEAD}\n{line}")


@pytest.mark.skipif(not FILES, reason="no ../shared/rtstruct")
def test_the_names_of_real_files_are_recognised_as_reviewed(request):
    names = {
        each.name
        for file in FILES
        for each in parse_structure_set((CORPUS / file).read_bytes()).rois
        if each.name
    }
    lines = [f"{_recognised(name)}\t{name!a}" for name in sorted(names)]
    path = GOLDEN / "names.txt"
    if request.config.getoption("--update-golden"):
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert lines == path.read_text(encoding="utf-8").splitlines()


def _recognised(name):
    if match := tg263().find(name):
        return f"{'exact' if match.is_exact else 'folded'} {match.entry.name}"
    return "target" if parse_target(name) else "-"
