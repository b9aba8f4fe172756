"""Everything about a patient."""

import pytest
from support.observation import observation, save_observations
from support.served import NOW, parse_r5, structure_set


@pytest.fixture
def everything(served, ids):
    """The path, in a store where another patient has as much."""
    save_observations(served.selections, [observation(1, ids)], NOW)
    other = served.store(structure_set(2))
    save_observations(served.selections, [observation(2, other)], NOW, "another")
    return f"Patient/{ids.patient}/$everything"


def kinds_of(answer):
    return [each["resourceType"] for each in answer.of_mode("match")]


def test_everything_is_of_the_one_patient(served, ids, everything):
    answer = served.get(everything)
    parse_r5(answer.json)
    assert kinds_of(answer) == [
        *("Patient", "ImagingStudy"),
        *["ImagingSelection"] * 5,
        "Observation",
    ]
    matches = answer.of_mode("match")
    assert matches[0]["id"] == ids.patient
    assert {each["subject"]["reference"] for each in matches[1:]} == {
        f"Patient/{ids.patient}"
    }


@pytest.mark.parametrize("count", [1, 2, 3, 7, 8, 500])
def test_everything_comes_page_by_page(served, everything, count):
    every = [each["fullUrl"] for each in served.get(everything).json["entry"]]
    found, url = [], f"{everything}?_count={count}"
    while url:
        answer = served.get(url)
        assert len(answer.ids) <= count
        found += [each["fullUrl"] for each in answer.json.get("entry", ())]
        url = answer.links.get("next")
    assert found == every


def test_a_part_of_everything(served, everything):
    some = served.get(f"{everything}?_type=Observation,ImagingStudy")
    assert kinds_of(some) == ["ImagingStudy", "Observation"]
    assert served.get(f"{everything}?_since=2027-01-01T00:00:00Z").ids == []
    assert len(served.get(f"{everything}?_since={NOW}").ids) == 8


@pytest.mark.parametrize(
    "query",
    [
        *("start=2024", "end=2024", "x=1", "_count=0", "_count=x", "_since=x"),
        *("_type=Device", "_cursor=x", "_cursor=9.", "_cursor=1.x", "patient=a"),
        "_type=",
    ],
)
def test_what_would_widen_or_cannot_be_read_is_refused(served, everything, query):
    assert served.get(f"{everything}?{query}").status == 400


def test_there_is_nothing_about_nobody(served):
    assert served.get("Patient/unknown/$everything").status == 404


def test_the_compartment_is_searched_over_all_types(served, ids, everything):
    path = f"Patient/{ids.patient}/*"
    every = served.get(path)
    parse_r5(every.json)
    assert every.json["entry"] == served.get(everything).json["entry"]
    for query, count in (
        ("_type=ImagingSelection,Observation", 6),
        (f"_id={ids.study},{ids.instance}", 2),
        (f"_id:not={ids.study}", 7),
        ("_lastUpdated=lt2026", 0),
        (f"_lastUpdated=ge2026&_id={ids.instance}-1", 1),
    ):
        found, url = [], f"{path}?{query}&_count=2"
        while url:
            answer = served.get(url)
            found += answer.ids
            url = answer.links.get("next")
        assert len(found) == count, query
    posted = served.post(f"Patient/{ids.patient}/_search", [("_type", "Patient")])
    assert posted.ids == [ids.patient]
    assert served.get("Patient/unknown/*").ids == []


@pytest.mark.parametrize(
    "query",
    [
        *("name=a", "_tag=a", "_count:x=1", "_since=2024", "_id=", "_id:x=1"),
        "_id=" + ",".join(map(str, range(401))),
    ],
)
def test_a_search_over_all_types_has_their_common_parameters(served, everything, query):
    assert served.get(f"{everything.replace('$everything', '*')}?{query}").status == 400
