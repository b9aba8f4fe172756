"""Searches that ask for much: they find what each of their values finds."""

import pytest
from imaging_selection.errors import SearchError
from imaging_selection.fhir.canonicals import LEVEL_SYSTEM
from imaging_selection.search.parse_criterion import Context
from imaging_selection.search.parse_request import MAXIMUM_VALUES, parse_search


def resource(number):
    return {
        "resourceType": "ImagingSelection",
        "id": f"s-{number}",
        "meta": {
            "lastUpdated": "2024-03-01T00:00:00.000Z",
            "tag": [{"system": LEVEL_SYSTEM, "code": "roi"}],
        },
        "status": "available",
        "code": {"coding": [{"system": "http://example.org", "code": "130488"}]},
        "category": [
            {"coding": [{"system": f"http://example.org/{number % 3}", "code": "c"}]}
        ],
        "bodySite": {"concept": {"text": f"Organ {number}"}},
        "instance": [{"uid": "2.25.1", "subset": [str(number)]}],
    }


COUNT = 2000


@pytest.fixture(scope="module")
def archive(new_archive):
    archive = new_archive()
    archive.save_together("set-1", [resource(number) for number in range(COUNT)])
    return archive


def many(first=0, count=MAXIMUM_VALUES, form="{}"):
    return ",".join(form.format(number) for number in range(first, first + count))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("pairs", "found"),
    [
        ([("roi-number:not", many())], COUNT - 400),
        ([("roi-number:not", many(form="|{}")), ("_sort", "roi-name")], COUNT - 400),
        ([("roi-number:not", many(form="x|{}"))], COUNT),
        ([("category:not", "http://example.org/0|c,http://example.org/1|c")], 666),
        ([("category:not", "http://example.org/0|c,d,http://example.org/2|")], 667),
        ([("roi-number", many(100, 399)), ("_tag", "roi")], 399),
        ([("roi-number", many(9, 399)), ("_tag", "roi"), ("_sort", "-roi-name")], 399),
        ([("roi-name:contains", many(10, 20, "an {}"))], 20 + 20 * 10 + 10 * 100),
        ([("_id", many(form="s-{}"))], 400),
        ([("roi-number:not", str(number)) for number in range(399)], COUNT - 399),
        ([("roi-name", many(200, 399, "Organ {}")), ("_tag", "roi")], 399),
    ],
)
def test_many_values_find_what_each_of_them_finds(archive, pairs, found):
    assert archive.count(pairs) == found
    assert len(archive.search(pairs, 500).matches) == min(found, 500)


@pytest.mark.parametrize(
    ("first", "again"),
    [
        ([("roi-number", "1,2,2,1")], [("roi-number", "1,2")]),
        ([("roi-number", "1")] * 500, [("roi-number", "1")]),
        ([("roi-number", ",".join(["1"] * 5000))], [("roi-number", "1")]),
        ([("_include", "*")] * 5_000, [("_include", "*")]),
        ([("_count", "3"), ("_count", "3")], [("_count", "3")]),
        ([("patient", "a"), ("patient", "a")], [("patient", "a")]),
    ],
)
def test_what_is_written_twice_counts_once(first, again):
    once, twice = parse_search(again, Context()), parse_search(first, Context())
    assert (once.query, once.includes) == (twice.query, twice.includes)


def test_includes_that_overlap_are_followed_once():
    pairs = [
        ("_include", "*"),
        ("_include", "ImagingSelection:*"),
        ("_include", "ImagingSelection:patient"),
        ("_include", "ImagingSelection:patient:Patient"),
    ]
    every = parse_search([("_include", "*")], Context()).includes
    assert parse_search(pairs, Context()).includes == every


@pytest.mark.parametrize(
    "pairs",
    [
        [("_id", many(count=401))],
        [("_id", many()), ("roi-number", "1")],
        [("_id", many(count=381)), ("roi-name:contains", "a")],
        [("roi-name:contains", many(count=21))],
        [("category:text", many(count=21))],
        [("issued", ",".join(f"ne{year}" for year in range(1900, 1921)))],
        [(f"unknown-{number}", "x" * 100) for number in range(1000)],
        [("nonsense", "x" * 100_000)],
        [("x" * 100_000, "1")],
    ],
)
def test_more_than_the_limits_is_refused(pairs):
    with pytest.raises(SearchError) as caught:
        parse_search(pairs, Context())
    assert caught.value.issue_type == "too-costly"


def test_fifty_thousand_parameters_are_parsed_or_refused():
    parse_search([("_include", "*")] * 9_000, Context())
    with pytest.raises(SearchError):
        parse_search([("_include", "*")] * 50_000, Context())
    parse_search([("", str(n)) for n in range(10_000)], Context())
