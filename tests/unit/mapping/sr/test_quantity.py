"""Values of measurements: which of two notations counts, and what is doubtful."""

from decimal import Decimal

import pytest
from imaging_selection.dicom.entities import Code
from imaging_selection.dicom.sr.content import Number
from imaging_selection.mapping.sr.quantity import (
    absent_reason_of,
    doubts_of,
    quantity_of,
    text_of,
)

MM = Code("mm", "UCUM", "millimeter")


@pytest.mark.parametrize(
    ("value", "floating", "text", "doubts"),
    [
        pytest.param("1.50", None, "1.50", [], id="text"),
        pytest.param("1.50", 1.5, "1.50", [], id="the-same"),
        pytest.param("1.7", 1.74, "1.74", [], id="rounded"),
        pytest.param("0.33333333333333", 1 / 3, repr(1 / 3), [], id="cut-off"),
        pytest.param("1", 2.0, "1", ["number-contradicts-itself"], id="another"),
        pytest.param(None, 2.5, "2.5", [], id="floating-alone"),
        pytest.param(None, None, None, ["number-without-value"], id="none"),
    ],
)
def test_the_text_of_the_file_counts_unless_it_is_less_precise(
    value, floating, text, doubts
):
    number = Number(value, floating, MM)
    assert text_of(number) == text
    assert [*doubts_of(number)] == doubts


def test_a_unit_without_a_system_is_a_text_alone():
    own = Number("3", None, Code("slices", "99OWN"))
    assert quantity_of(own) == {"value": Decimal(3), "unit": "slices"}
    known = quantity_of(Number("3", None, MM))
    assert known["system"] == "http://unitsofmeasure.org"
    assert known["code"] == "mm"


def test_a_value_without_a_unit_is_doubtful():
    number = Number("3")
    assert quantity_of(number) == {"value": Decimal(3)}
    assert [*doubts_of(number)] == ["number-without-unit"]


@pytest.mark.parametrize(
    ("qualifier", "reason"),
    [
        (None, "unknown"),
        (Code("114000", "DCM"), "not-a-number"),
        (Code("114002", "DCM"), "positive-infinity"),
        (Code("114006", "DCM"), "error"),
        (Code("114000", "99OWN"), "error"),
    ],
)
def test_a_qualifier_is_the_reason_for_an_absent_value(qualifier, reason):
    assert absent_reason_of(qualifier)["coding"][0]["code"] == reason
