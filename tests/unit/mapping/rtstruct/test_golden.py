"""The whole output for each synthetic structure set, reviewed as code.

`pytest --update-golden` writes the files anew; whoever does so reads the diff, and runs
`make conformance` over it.
"""

import json

import pytest
from imaging_selection.dicom.rtstruct.reader import parse_structure_set
from imaging_selection.ids import orthanc_ids_of
from imaging_selection.mapping.rtstruct.imaging_selection import (
    Choices,
    build_selections,
)
from support.paths import GOLDEN
from support.synthetic import CASES

SMALL = [name for name in CASES if name != "a_thousand_rois"]


@pytest.mark.parametrize("name", SMALL)
def test_the_selections_are_those_that_were_reviewed(name, request):
    structure_set = parse_structure_set(CASES[name]())
    ids = orthanc_ids_of(structure_set)
    actual = build_selections(structure_set, ids, Choices())
    path = GOLDEN / f"{name}.json"
    if request.config.getoption("--update-golden"):
        text = json.dumps(actual, indent=2, ensure_ascii=False)
        path.write_text(text + "\n", encoding="utf-8")

    assert actual == json.loads(path.read_text(encoding="utf-8"))


def test_every_golden_file_has_its_case():
    assert {path.stem for path in GOLDEN.glob("*.json")} == set(SMALL)
