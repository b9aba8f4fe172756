"""Incremental readers: the history of a type and of all types."""

import pytest
from support.served import BASE, parse_r5, structure_set

TIMES = [f"2026-01-0{day}T03:04:05.000Z" for day in range(1, 6)]


@pytest.fixture
def sets(served):
    """Structure sets stored a day apart."""
    return [
        served.store(structure_set(number, rois=1), moment)
        for number, moment in enumerate(TIMES)
    ]


def pages_of(served, url):
    while url:
        answer = served.get(url)
        assert answer.status == 200, answer.json
        parse_r5(answer.json)
        yield from answer.json.get("entry", ())
        url = answer.links.get("next")


def moment_of(entry):
    return entry["response"]["lastModified"]


def test_the_history_of_a_type_has_the_last_change_first(served, sets):
    entries = [*pages_of(served, "ImagingSelection/_history?_count=2")]
    assert len(entries) == 3 * len(sets)
    assert len({each["fullUrl"] for each in entries}) == len(entries)
    moments = [moment_of(each) for each in entries]
    assert moments == sorted(moments, reverse=True)
    assert {each["resource"]["resourceType"] for each in entries} == {
        "ImagingSelection"
    }


@pytest.mark.usefixtures("sets")
def test_only_what_changed_since_is_returned(served):
    found = [*pages_of(served, f"ImagingSelection/_history?_since={TIMES[3]}")]
    assert {moment_of(each) for each in found} == {TIMES[3], TIMES[4]}
    assert [*pages_of(served, "_history?_since=2027-01-01T00:00:00Z")] == []


def test_a_reader_that_follows_ends_with_the_content_of_the_store(served, sets):
    copy = {}

    def follow(since):
        url = f"_history?_count=3&_since={since}"
        for entry in pages_of(served, url):
            if entry["request"]["method"] == "DELETE":
                assert "resource" not in entry
                copy.pop(entry["fullUrl"], None)
            else:
                copy[entry["fullUrl"]] = entry["resource"]

    follow("1970-01-01T00:00:00Z")
    served.selections.remove(sets[0].instance, "2026-02-01T00:00:00.000Z")
    served.related.catch_up()
    served.store(structure_set(2, rois=2), "2026-02-01T00:00:00.000Z")
    follow("2026-01-02T00:00:00Z")

    there = {
        f"{BASE}/{kind}/{each['id']}": each
        for kind in ("ImagingSelection", "Patient", "ImagingStudy", "Observation")
        for each in served.get(f"{kind}?_count=500").of_mode("match")
    }
    assert copy == there


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("_since=yesterday", "_since"),
        ("_since=2024", "_since"),
        ("_count=-1", "_count"),
        ("_at=yesterday", "_at"),
        ("_cursor=x", "_cursor"),
        ("_sort=x", "_sort"),
        ("patient=x", "patient"),
    ],
)
@pytest.mark.parametrize("path", ["_history", "Patient/_history"])
def test_what_a_history_cannot_do_is_refused(served, path, query, name):
    answer = served.get(f"{path}?{query}", prefer="handling=strict")
    assert (answer.status, answer.issue["expression"]) == (400, [f"http.{name}"])
    lenient = served.get(f"{path}?{query}")
    assert (lenient.status == 200) == (name == "_sort")


def test_an_empty_history_is_a_bundle(served):
    answer = served.get("_history?_count=0")
    parse_r5(answer.json)
    assert "entry" not in answer.json
    assert answer.links == {"self": f"{BASE}/_history?_count=0"}


def test_at_a_time_there_is_what_has_not_changed_since(served, sets):
    url = "ImagingSelection/_history?_count=2&_at="
    for query, days in ((TIMES[2], 3), ("2026-01-02", 2), ("2026-01", 5), ("2025", 0)):
        found = [*pages_of(served, url + query)]
        assert {moment_of(each) for each in found} == {*TIMES[:days]}
        answer = served.get(url + query)
        assert ("issues" in answer.json) == (days < 5)
        assert answer.links["self"].endswith("_at=" + query.replace(":", "%3A"))
    served.selections.remove(sets[0].instance, "2026-02-01T00:00:00.000Z")
    assert [*pages_of(served, url + TIMES[0])] == []
    both = f"_history?_since={TIMES[1]}&_at={TIMES[3]}"
    assert {moment_of(e) for e in pages_of(served, both)} == {*TIMES[1:4]}


def test_the_history_of_a_resource_has_its_change_or_not(served, sets):
    url = f"ImagingSelection/{sets[2].instance}/_history"
    for query, has, is_told in (
        ("", True, False),
        (f"?_at={TIMES[2]}", True, False),
        ("?_at=2026-01-02", False, True),
        ("?_at=2026", True, False),
        (f"?_since={TIMES[2]}", True, False),
        (f"?_since={TIMES[3]}", False, False),
    ):
        answer = served.get(url + query)
        parse_r5(answer.json)
        assert answer.json["total"] == len(answer.json.get("entry", ())) == has
        assert ("issues" in answer.json) == is_told
    assert "entry" not in served.get(f"{url}?_count=0").json
    assert served.get(f"{url}?_at=x").status == 400
