"""Extensions: what a program needs and R5 has no element for."""

import orjson
import pytest
from imaging_selection.api.definitions import all_definitions
from imaging_selection.dicom.findings import finding
from imaging_selection.dicom.rtstruct.structure_set import (
    Roi,
    RoiContours,
    StructureSet,
)
from imaging_selection.fhir import canonicals
from imaging_selection.mapping import extensions
from imaging_selection.mapping.extensions import extensions_of_roi, extensions_of_set

SET = StructureSet("2.25.1", "2.25.2", "2.25.3")


def drawn(*color):
    return RoiContours(1, color or None, (), ())


def values(made, url):
    return [each.get("valueString") for each in made if each["url"] == url]


@pytest.mark.parametrize("digits", ["1234.50", "1E+2", "-0.50", "0.100000000000001"])
def test_the_volume_keeps_its_digits_through_any_json_tool(digits):
    made = extensions_of_roi(Roi(1, 1, None, volume=digits), ())
    again = orjson.loads(orjson.dumps(made))

    assert values(again, extensions.ROI_VOLUME) == [digits]


@pytest.mark.parametrize(
    ("written", "volume"),
    [
        ("+.5", ["0.5"]),
        ("007.", ["7"]),
        ("0.00012345678901234567", ["1.2345678901234567e-4"]),
        ("-1234567890123456789012", ["-12345.67890123456789012e17"]),
        ("1e-9999999999", []),
        ("1." + "1" * 40, []),
    ],
)
def test_the_volume_has_the_notation_of_a_fhir_decimal_or_is_absent(written, volume):
    made = extensions_of_roi(Roi(1, 1, None, volume=written), ())

    assert values(made, extensions.ROI_VOLUME) == volume


def test_every_color_is_told_once():
    colors = [drawn(255, 0, 8), drawn(), drawn(255, 0, 8), drawn(0, 0, 0)]
    made = extensions_of_roi(Roi(1, 1, None, contours=tuple(colors)), ())

    assert values(made, extensions.ROI_DISPLAY_COLOR) == ["#FF0008", "#000000"]


def test_a_finding_has_code_severity_roi_and_sentence():
    about_a_roi = finding("xor-contours", "sentence-113047", 7)
    about_the_set = finding("no-roi", "sentence-113048")

    assert [
        {
            part["url"]: next(value for key, value in part.items() if key != "url")
            for part in each["extension"]
        }
        for each in extensions_of_set(SET, [about_a_roi, about_the_set])
    ] == [
        {
            "code": "xor-contours",
            "severity": "warning",
            "roiNumber": 7,
            "text": "sentence-113047",
        },
        {"code": "no-roi", "severity": "warning", "text": "sentence-113048"},
    ]


def test_what_is_absent_has_no_extension():
    assert extensions_of_set(SET, ()) == extensions_of_roi(Roi(1, 1, "a"), ()) == []


def test_every_extension_of_our_own_is_defined_and_served():
    used = {
        url
        for name, url in vars(extensions).items()
        if name.isupper()
        and str(url).startswith(f"{canonicals.OWN}/StructureDefinition/")
    }

    assert len(used) == 5
    assert used <= {each["url"] for each in all_definitions()}
