"""Every parameter of Observation, compared with reading everything."""

from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from imaging_selection.search.observation_parameters import OBSERVATION_PARAMETERS
from support.observation_cases import (
    CASES,
    NUMBERS,
    meets,
    observations,
    values_of,
    with_ids,
)
from support.search_cases import BASE, DATES, INSTANTS, NOW, PREFIXES

SAME = settings(
    max_examples=settings.default.max_examples // 3, derandomize=True, database=None
)
ASKED = {"base_url": BASE, "now": datetime.fromisoformat(NOW)}


@pytest.fixture(scope="session")
def crowd():
    drawn = []

    @settings(SAME, max_examples=60)
    @given(observations)
    def draw(resource):
        drawn.append(resource)

    draw()
    numbers = [
        {
            "meta": {"lastUpdated": NOW},
            "code": {"text": "x"},
            "valueQuantity": {"value": float(number), "unit": "mm"},
        }
        for number in NUMBERS
    ]
    dates = [
        {"meta": {"lastUpdated": NOW}, "code": {"text": "x"}, "effectiveDateTime": date}
        for date in INSTANTS + DATES
        if "T00:00+" not in date and " " not in date and not date.endswith(":00")
    ]
    return with_ids([*drawn, *numbers, *dates])


@pytest.fixture(scope="session")
def crowded(new_archive, crowd):
    archive = new_archive()
    for resource in crowd:
        archive.save(resource)
    return archive


def test_the_cases_have_every_parameter():
    names = {each.partition(":")[0] for each in CASES}
    assert names == {each for each in OBSERVATION_PARAMETERS if each[0] != "_"}


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_a_parameter_finds_what_reading_everything_finds(crowded, crowd, name):
    @SAME
    @given(values_of(name))
    def check(value):
        pair = (name, value)
        found = crowded.ids([pair], kind="Observation")
        expected = {each["id"] for each in crowd if meets(each, pair, ASKED)}
        assert len(found) == len({*found})
        assert {*found} == expected
        assert crowded.count([pair], kind="Observation") == len(expected)

    check()


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize(
    ("name", "values"), [("value-quantity", NUMBERS), ("date", DATES)]
)
def test_a_prefix_compares_values_of_every_precision(
    crowded, crowd, name, values, prefix
):
    found, expected = {}, {}
    for value in values:
        pair = (name, prefix + value)
        found[value] = {*crowded.ids([pair], kind="Observation")}
        expected[value] = {each["id"] for each in crowd if meets(each, pair, ASKED)}

    assert found == expected
    assert any(expected.values())


@SAME
@given(
    st.lists(
        st.sampled_from(sorted(CASES)).flatmap(
            lambda name: st.tuples(st.just(name), values_of(name))
        ),
        min_size=1,
        max_size=3,
    ),
    st.sampled_from(["", "date", "-date", "_id"]),
)
def test_several_parameters_are_met_together_page_by_page(crowded, crowd, pairs, sort):
    sorts = [("_sort", sort)] if sort else []
    found = crowded.ids([*pairs, *sorts], page_size=3, kind="Observation")
    assert sorted(found) == sorted(
        each["id"] for each in crowd if all(meets(each, pair, ASKED) for pair in pairs)
    )
