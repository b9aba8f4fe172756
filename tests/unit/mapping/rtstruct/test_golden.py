"""The whole output for each synthetic structure set, reviewed as code.

`pytest --update-golden` writes the files anew; whoever does so reads the diff, and runs
`make conformance` over it.
"""

import json

import pytest
from imaging_selection import objects
from support.paths import GOLDEN
from support.synthetic import CASES

SMALL = [name for name in CASES if name != "a_thousand_rois"]


@pytest.mark.parametrize("name", SMALL)
def test_the_selections_are_those_that_were_reviewed(name, request):
    actual = list(objects.convert(CASES[name]()).resources)
    path = GOLDEN / f"{name}.json"
    if request.config.getoption("--update-golden"):
        text = json.dumps(actual, indent=2, ensure_ascii=False)
        path.write_text(text + "\n", encoding="utf-8")

    assert actual == json.loads(path.read_text(encoding="utf-8"))


def test_every_golden_file_has_its_case():
    assert {path.stem for path in GOLDEN.glob("*.json")} == set(SMALL)
