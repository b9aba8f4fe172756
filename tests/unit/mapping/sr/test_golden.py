"""The whole output for each synthetic report, reviewed as code."""

import json
from io import BytesIO

import pydicom
import pytest
from imaging_selection import objects
from imaging_selection.fhir.datatypes import dumps
from support.paths import GOLDEN
from support.synthetic_reports import CASES


@pytest.mark.parametrize("name", CASES)
def test_the_resources_are_those_that_were_reviewed(name, request):
    resources = objects.convert(CASES[name]()).resources
    actual = [json.loads(dumps(each)) for each in resources]
    path = GOLDEN / "sr" / f"{name}.json"
    if request.config.getoption("--update-golden"):
        text = json.dumps(actual, indent=2, ensure_ascii=False)
        path.write_text(text + "\n", encoding="utf-8")

    assert actual == json.loads(path.read_text(encoding="utf-8"))


# PS3.3 Table C.17.3-7, but TABLE, which no measurement report has.
VALUE_TYPES = {
    *("TEXT", "NUM", "CODE", "DATE", "TIME", "DATETIME", "UIDREF", "PNAME"),
    *("COMPOSITE", "IMAGE", "WAVEFORM", "SCOORD", "SCOORD3D", "TCOORD", "CONTAINER"),
}
# PS3.3 C.18.6.1.2 and C.18.9.1.2.
GRAPHIC_TYPES = {
    "SCOORD": {"POINT", "MULTIPOINT", "POLYLINE", "CIRCLE", "ELLIPSE"},
    "SCOORD3D": {
        *("POINT", "MULTIPOINT", "POLYLINE", "POLYGON", "ELLIPSE", "ELLIPSOID"),
    },
}
# The concept names of the rows of the templates (PS3.16).
ROWS = {
    "1500": {"121049", "111028", "126010", "126011", "C0034375"},
    "1002 to 1009": {
        *("121005", "121008", "121012", "121013", "121014", "121015", "121016"),
        *("121024", "121030"),
    },
    "1501, 1410, 1411": {
        *("125007", "112039", "112040", "276214006", "121071", "363698007"),
        *("272741003", "106233006", "370129005", "111030", "121191", "121214"),
        *("121231", "121232", "121233", "126100", "121200", "130401", "130488"),
        *("130489", "C67447"),
    },
    "1502": {"C2348792", "126070", "126071", "126072", "126073"},
    "300, 310 to 312, 1419, 1420": {
        *("121401", "121402", "121403", "121404", "121405", "121407", "121408"),
        *("121420", "121424", "126220", "385524004", "371933006"),
    },
    "4019": {"111001", "111002", "111003"},
}


def walk(item):
    yield item
    for child in item.get("ContentSequence", ()):
        yield from walk(child)


def test_the_cases_have_every_row_value_type_and_graphic_type():
    files = [make() for name, make in CASES.items() if "thousand" not in name]
    assert len(files) >= 25
    items = [each for file in files for each in walk(pydicom.dcmread(BytesIO(file)))]
    assert {each.get("ValueType") for each in items} >= VALUE_TYPES
    for value_type, expected in GRAPHIC_TYPES.items():
        kinds = {
            each.get("GraphicType")
            for each in items
            if each.get("ValueType") == value_type
        }
        assert kinds >= expected
    names = {
        name.get("CodeValue")
        for each in items
        for name in each.get("ConceptNameCodeSequence", ())
    }
    for template, concepts in ROWS.items():
        assert concepts <= names, template


def test_every_golden_file_has_its_case():
    assert {path.stem for path in (GOLDEN / "sr").glob("*.json")} == set(CASES)
