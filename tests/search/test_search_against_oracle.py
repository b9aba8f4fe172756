"""Every parameter, modifier and prefix, compared with reading everything."""

from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from imaging_selection.search.parameters import PARAMETERS
from imaging_selection.search.parse_criterion import modifiers_of
from support import search_oracle
from support.search_cases import (
    BASE,
    CASES,
    DATES,
    NOW,
    PREFIXES,
    archives,
    searches,
    selections,
    values_of,
    with_ids,
)
from support.search_cases import REFERENCES as TYPES_ASKED

MOMENT = datetime.fromisoformat(NOW)
# An example here is a store with many searches, or one of many rows of a table.
FEW = settings(max_examples=settings.default.max_examples // 3)
SAME = settings(FEW, derandomize=True, database=None)  # in each run


def expected_ids(resources, pairs):
    found = search_oracle.answers(resources, pairs, BASE, MOMENT)
    return {each["id"] for each in found}


@pytest.fixture(scope="session")
def crowd():
    """Selections enough that most questions find some and miss some."""
    drawn = []

    @settings(SAME, max_examples=80)
    @given(selections)
    def draw(selection):
        drawn.append(selection)

    draw()
    return with_ids(drawn)


@pytest.fixture(scope="session")
def crowded(new_archive, crowd):
    archive = new_archive()
    for resource in crowd:
        archive.save(resource)
    return archive


def test_the_table_of_cases_has_every_parameter_with_every_modifier():
    declared = set()
    for name, parameter in PARAMETERS.items():
        declared.add(name)
        for modifier in modifiers_of(parameter):
            kinds = TYPES_ASKED.get(name, ()) if modifier == "type" else [modifier]
            declared |= {f"{name}:{each}" for each in kinds}
    assert set(CASES) == declared


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_a_parameter_finds_what_reading_everything_finds(crowded, crowd, name):
    @SAME
    @given(values_of(name))
    def check(value):
        found = crowded.ids([(name, value)])
        assert len(found) == len(set(found))
        assert set(found) == expected_ids(crowd, [(name, value)])

    check()


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("name", ["issued", "_lastUpdated"])
def test_a_prefix_compares_intervals_of_every_precision(crowded, crowd, name, prefix):
    found = {}
    expected = {}
    for date in DATES:
        pairs = [(name, prefix + date)]
        found[date] = set(crowded.ids(pairs))
        expected[date] = expected_ids(crowd, pairs)

    assert found == expected
    assert any(expected.values())


@pytest.mark.slow
@FEW
@given(archives(), st.lists(searches, min_size=5, max_size=10))
def test_any_store_answers_any_search_right(emptied, resources, questions):
    archive = emptied()
    for resource in resources:
        archive.save(resource)
    for pairs in questions:
        expected = expected_ids(resources, pairs)
        assert set(archive.ids(pairs)) == expected
        in_pages = archive.ids(pairs, page_size=2)
        assert set(in_pages) == expected
        assert len(in_pages) == len(expected)
        assert archive.count(pairs) == len(expected)


@pytest.mark.slow
@FEW
@given(
    archives(),
    searches,
    st.sampled_from(sorted(search_oracle.SORTS)),
    st.booleans(),
)
def test_any_sort_gives_its_order(emptied, resources, pairs, name, descending):
    archive = emptied()
    for resource in resources:
        archive.save(resource)
    key = search_oracle.SORTS[name]
    values = {each["id"]: key(each) for each in resources}

    found = archive.ids([*pairs, ("_sort", "-" * descending + name)], page_size=3)

    assert sorted(found) == sorted(expected_ids(resources, pairs))
    order = [values[each] for each in found]
    assert order == sorted(order, reverse=descending)


def order_of(pairs, resources):
    """Sort by the last key first: a sort keeps the order of what is equal."""
    for name in reversed(pairs[-1][1].split(",")):
        key = search_oracle.SORTS[name.removeprefix("-")]
        resources = sorted(resources, key=key, reverse=name.startswith("-"))
    return resources


@FEW
@given(
    archives(minimum=5, maximum=20),
    searches,
    st.lists(st.sampled_from(sorted(search_oracle.SORTS)), min_size=2, unique=True),
    st.data(),
)
def test_several_keys_sort_one_after_the_other(emptied, resources, pairs, names, data):
    archive = emptied()
    for resource in resources:
        archive.save(resource)
    names = ["-" * data.draw(st.booleans()) + each for each in names]
    pairs = [*pairs, ("_sort", ",".join([*names, "_id"]))]
    expected = search_oracle.answers(resources, pairs[:-1], BASE, MOMENT)

    found = archive.ids(pairs, page_size=3)

    assert found == [each["id"] for each in order_of(pairs, expected)]


@pytest.fixture
def emptied(shared_archive):
    return shared_archive.emptied


@pytest.fixture(scope="module")
def shared_archive(new_archive):
    return new_archive()
