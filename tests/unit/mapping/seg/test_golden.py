"""The whole output for each synthetic segmentation, reviewed as code."""

import json

import pytest
from imaging_selection import objects
from support.paths import GOLDEN
from support.synthetic_segmentations import CASES


@pytest.mark.parametrize("name", CASES)
def test_the_selections_are_those_that_were_reviewed(name, request):
    actual = list(objects.convert(CASES[name]()).resources)
    path = GOLDEN / "seg" / f"{name}.json"
    if request.config.getoption("--update-golden"):
        text = json.dumps(actual, indent=2, ensure_ascii=False)
        path.write_text(text + "\n", encoding="utf-8")

    assert actual == json.loads(path.read_text(encoding="utf-8"))


def test_every_golden_file_has_its_case():
    assert {path.stem for path in (GOLDEN / "seg").glob("*.json")} == set(CASES)
