from datetime import UTC
from decimal import Decimal

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from imaging_selection.search.observation_parameters import OBSERVATION_PARAMETERS
from imaging_selection.search.ranges import (
    date_code,
    decimal_code,
    period_of,
    range_entries,
)

DECIMALS = st.decimals(allow_nan=False, allow_infinity=False, places=9) | st.decimals(
    allow_nan=False, allow_infinity=False, min_value=-1000, max_value=1000
)


@given(DECIMALS, DECIMALS)
def test_the_code_of_a_number_sorts_as_the_number(one, other):
    codes = decimal_code(one), decimal_code(other)
    assert (codes[0] < codes[1]) == (one < other)
    assert (codes[0] == codes[1]) == (one == other)


@given(*[st.integers(-(2**62), 2**62)] * 2)
def test_the_code_of_a_moment_sorts_as_the_moment(one, other):
    assert (date_code(one) < date_code(other)) == (one < other)


@pytest.mark.parametrize(
    "element", ["", "yesterday", {"start": "yesterday"}, {"end": "2024-13"}]
)
def test_a_date_that_cannot_be_read_has_no_entry(element):
    start, end = period_of(element, UTC)
    assert start == end
    parameter = OBSERVATION_PARAMETERS["date"]
    assert [*range_entries(parameter, element, UTC)] == []


@pytest.mark.parametrize("value", [12.5, "12.5", orjson.Fragment(b"12.50")])
def test_a_number_is_found_as_the_resource_holds_it(value):
    parameter = OBSERVATION_PARAMETERS["value-quantity"]
    entries = {*range_entries(parameter, {"value": value, "code": "mm"}, UTC)}
    assert entries == {
        (unit, decimal_code(Decimal("12.5"))) for unit in ("", "mm", "|mm")
    }


@pytest.mark.parametrize("element", [{}, {"value": "x"}, {"unit": "mm"}])
def test_a_quantity_without_a_number_has_no_entry(element):
    parameter = OBSERVATION_PARAMETERS["value-quantity"]
    assert [*range_entries(parameter, element, UTC)] == []
