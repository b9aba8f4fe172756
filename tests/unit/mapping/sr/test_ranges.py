"""The normal range of a measurement, and other numbers about it (TID 310 to 312)."""

from decimal import Decimal

from imaging_selection import objects
from imaging_selection.mapping.extensions import CONCEPT_MODIFIER
from support.synthetic_reports import CASES

WITHOUT_VALUES = objects.convert(CASES["normal_ranges_without_values"]())


def measured(mapped):
    return [
        each
        for each in mapped.resources
        if each["resourceType"] == "Observation" and "valueQuantity" in each
    ]


FIRST, UPPER_ALONE, SEVERAL, TEXT_ALONE = measured(
    objects.convert(CASES["normal_ranges_and_other_properties"]())
)
(ODD,) = measured(WITHOUT_VALUES)
MM = {"unit": "millimeter", "system": "http://unitsofmeasure.org", "code": "mm"}


def modifiers(observation):
    return {
        each["extension"][0]["valueCodeableConcept"]["coding"][0]["code"]: next(
            value for key, value in each["extension"][1].items() if key != "url"
        )
        for each in observation["extension"]
        if each["url"] == CONCEPT_MODIFIER
    }


def test_both_limits_are_one_range_with_the_digits_of_the_file():
    (found,) = FIRST["referenceRange"]
    assert found == {
        "low": {"value": Decimal("20.00"), **MM},
        "high": {"value": Decimal("29.50"), **MM},
        "text": "adults <b>",
    }
    assert [str(found[each]["value"]) for each in ("low", "high")] == ["20.00", "29.50"]


def test_a_limit_alone_is_a_range():
    assert UPPER_ALONE["referenceRange"] == [{"high": {"value": Decimal(2), **MM}}]


def test_of_several_limits_each_is_a_range_of_its_own():
    text = "of men; of women"
    assert SEVERAL["referenceRange"] == [
        {"low": {"value": Decimal(1), **MM}, "text": text},
        {"low": {"value": Decimal("0.5"), **MM}, "text": text},
        {"high": {"value": Decimal(3), **MM}, "text": text},
    ]


def test_a_description_alone_is_a_range():
    assert TEXT_ALONE["referenceRange"] == [{"text": "no limits"}]


def test_a_limit_without_a_value_is_left_to_the_narrative():
    unit_unknown = {"high": {"value": Decimal(5)}}
    assert ODD["referenceRange"] == [unit_unknown]
    codes = {each.code: each.text for each in WITHOUT_VALUES.findings}
    assert codes["content-left-out"].endswith(": 1.1.1.1.1")
    assert codes["number-without-value"].endswith(": 1.1.1.1.1, 1.1.1.1.3")
    assert codes["number-without-unit"].endswith(": 1.1.1.1.2")


def test_a_range_is_no_basis_of_its_measurement():
    for observation in (FIRST, UPPER_ALONE, SEVERAL, TEXT_ALONE, ODD):
        assert all(
            each["reference"].startswith("ImagingSelection/")
            for each in observation["derivedFrom"]
        )


def test_another_number_about_a_measurement_is_a_modifier():
    assert modifiers(FIRST) == {
        "121408": {"text": "society"},
        "126220": {
            "value": Decimal("2.10"),
            "unit": "no units",
            "system": "http://unitsofmeasure.org",
            "code": "1",
        },
    }
    assert modifiers(ODD)["126220"]["coding"][0]["code"] == "114002"


def test_ranges_are_in_the_narrative():
    text = FIRST["text"]["div"]
    assert "20.00 millimeter to 29.50 millimeter; adults &lt;b&gt;" in text
    assert "… to 2 millimeter" in UPPER_ALONE["text"]["div"]
    assert "2.10 no units" in text
