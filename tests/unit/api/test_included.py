"""What is included with the matches, and with what is included."""

import pytest
from imaging_selection.api import included
from support.observation import REPORT, observation, save_observations
from support.served import NOW, parse_r5, structure_set


@pytest.fixture
def report(served, ids):
    """Observations that refer to each other in a circle, and a second patient."""
    others = [{"reference": f"Observation/{REPORT}-{number}"} for number in (1, 2, 3)]
    resources = [
        observation(number, ids, hasMember=[others[number % 3]]) for number in (1, 2, 3)
    ]
    save_observations(served.selections, resources, NOW)
    served.store(structure_set(2))
    return resources


def names_of(answer):
    parse_r5(answer.json)
    return [f"{e['resourceType']}/{e['id']}" for e in answer.of_mode("include")]


def test_an_iteration_follows_what_is_included(served, ids):
    one = f"ImagingSelection?_id={ids.instance}-1"
    study = f"{one}&_include=ImagingSelection:derived-from"
    of_study = "_include:iterate=ImagingStudy:patient"
    assert names_of(served.get(study)) == [f"ImagingStudy/{ids.study}"]
    both = [f"ImagingStudy/{ids.study}", f"Patient/{ids.patient}"]
    assert names_of(served.get(f"{study}&{of_study}")) == both
    assert names_of(served.get(f"{one}&{of_study}")) == []


@pytest.mark.usefixtures("report")
def test_an_iteration_goes_back_too_and_ends_in_a_circle(served, ids):
    patient = f"Patient?_id={ids.patient}&_revinclude=ImagingSelection:patient"
    back = "&_revinclude:iterate=Observation:derived-from"
    found = names_of(served.get(patient + back))
    expected = [f"Observation/{REPORT}-{number}" for number in (1, 2, 3)]
    assert [each for each in found if each.startswith("Obs")] == expected
    circle = f"Observation?_id={REPORT}-1&_include:iterate=Observation:has-member"
    assert names_of(served.get(circle)) == expected[1:]
    every = served.get(
        f"Observation?_id={REPORT}-1&_include:iterate=*&_revinclude:iterate=*"
    )
    assert all("2.25.12" not in each for each in names_of(every))
    assert len(names_of(every)) == len({*names_of(every)}) == 2 + 5 + 3


@pytest.mark.usefixtures("report")
def test_more_than_may_be_included_is_refused_whatever_the_way(served, monkeypatch):
    monkeypatch.setattr(included, "MAXIMUM_REFERRING", 2)
    for name, way in (("_include", "has-member"), ("_revinclude", "has-member")):
        query = f"Observation?_id={REPORT}-1&{name}:iterate=Observation:{way}"
        assert served.get(query).status == (200 if name == "_include" else 400)
    answer = served.get(f"Observation?_id={REPORT}-1&_include:iterate=*")
    assert (answer.status, answer.issue["code"]) == (400, "too-costly")


@pytest.mark.parametrize(
    "query",
    [
        *(
            "_include:iterate=Patient:link",
            "_include:iterate=Nothing:*",
            "_include:x=*",
        ),
        *("_revinclude:iterate=ImagingStudy:endpoint", "_include:iterate=*:*"),
        *("_revinclude:iterate=Observation:derived-from:Patient", "_include:iterate="),
        "_include=ImagingStudy:patient",
    ],
)
def test_what_cannot_be_followed_is_refused(served, query):
    answer = served.get(f"ImagingSelection?{query}", prefer="handling=strict")
    assert answer.status == (200 if query.endswith("=") else 400)
