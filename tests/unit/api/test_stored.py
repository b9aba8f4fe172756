"""Observations over HTTP; ImagingSelections are in `test_imaging_selection`."""

import pytest
from imaging_selection.api.stored import MAXIMUM_IMAGES
from imaging_selection.mapping.related import StudyImage
from support.observation import REPORT, observation, save_observations
from support.served import NOW, parse_r5

CT = "1.2.840.10008.5.1.4.1.1.2"
PAIR = {"system": "http://unitsofmeasure.org", "code": "mm", "unit": "millimeter"}


@pytest.fixture
def report(served, ids):
    """A group of two measurements on the first ROI, one on the second."""
    resources = [
        observation(1, ids),
        observation(
            2,
            ids,
            valueQuantity={**PAIR, "value": 12},
            derivedFrom=[{"reference": f"ImagingSelection/{ids.instance}-2"}],
        ),
        observation(
            3,
            ids,
            effectivePeriod={"start": "2023-01-01", "end": "2023-12-31"},
            hasMember=[{"reference": f"Observation/{REPORT}-{n}"} for n in (1, 2)],
            derivedFrom=[],
        ),
    ]
    for name in ("valueQuantity", "derivedFrom", "effectiveDateTime"):
        del resources[2][name]
    entry = save_observations(served.selections, resources, NOW)
    served.orthanc.entries[REPORT] = entry
    return resources


def numbers_of(answer):
    return sorted(int(each.rpartition("-")[2]) for each in answer.ids)


@pytest.mark.usefixtures("report")
def test_an_observation_is_read_with_its_version(served):
    answer = served.get(f"Observation/{REPORT}-1")
    parse_r5(answer.json)
    assert answer.headers["ETag"] == 'W/"1"'
    assert answer.json["meta"]["lastUpdated"] == NOW
    again = served.get(f"Observation/{REPORT}-1", if_none_match='W/"1"')
    assert again.status == 304
    version = served.get(f"Observation/{REPORT}-1/_history/1")
    assert version.json == answer.json
    history = served.get(f"Observation/{REPORT}-1/_history")
    parse_r5(history.json)
    assert history.json["entry"][0]["request"]["url"] == f"Observation/{REPORT}-1"


@pytest.mark.usefixtures("report")
def test_an_id_is_that_of_one_type(served, ids):
    for path in (f"Observation/{ids.instance}-1", f"ImagingSelection/{REPORT}-1"):
        answer = served.get(path)
        assert (answer.status, answer.issue["code"]) == (404, "not-found")
        assert answer.issue["expression"] == [f"{path.partition('/')[0]}.id"]


@pytest.mark.usefixtures("report")
def test_a_deleted_observation_is_gone(served):
    served.remove(REPORT)
    answer = served.get(f"Observation/{REPORT}-1")
    assert (answer.status, answer.issue["expression"]) == (410, ["Observation.id"])
    assert served.get("Observation").ids == []


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("code=118565006", [1, 2, 3]),
        ("code:text=vol", [1, 2, 3]),
        ("combo-code=http://snomed.info/sct|118565006", [1, 2, 3]),
        ("category=imaging", [1, 2, 3]),
        ("status=final", [1, 2, 3]),
        ("status=http://hl7.org/fhir/observation-status|final", [1, 2, 3]),
        ("status=preliminary", []),
        ("identifier=2.25.91", [1]),
        ("identifier=urn:dicom:uid|urn:oid:2.25.92", [2]),
        ("patient={ids.patient}", [1, 2, 3]),
        ("patient=unknown", []),
        ("patient.identifier=patient-1", [1, 2, 3]),
        ("subject:Patient={ids.patient}", [1, 2, 3]),
        ("derived-from=ImagingSelection/{ids.instance}-1", [1]),
        ("derived-from:ImagingSelection={ids.instance}-2", [2]),
        ("derived-from:missing=true", [3]),
        ("has-member=Observation/{report}-2", [3]),
        ("part-of:ImagingStudy={ids.study}", [1, 2, 3]),
        ("based-on:identifier=accession-113047", [1, 2, 3]),
        ("method:text=method", [1, 2, 3]),
        ("patient.name=family", [1, 2, 3]),
        ("patient.gender=male", []),
        ("derived-from:ImagingSelection.roi-name=roi-2", [2]),
        ("part-of:ImagingStudy.modality=RTSTRUCT&value-quantity=12", [2]),
        ("_has:Observation:has-member:date=2023", [1, 2]),
        ("value-quantity=12", [2]),
        ("value-quantity=12||mm", [2]),
        ("value-quantity=12||millimeter", [2]),
        ("value-quantity=12|http://unitsofmeasure.org|mm", [2]),
        ("value-quantity=12|http://unitsofmeasure.org|cm3", []),
        ("value-quantity=gt6.4", [1, 2]),
        ("value-quantity=6,12", [2]),
        ("value-quantity=6.5,12", [1, 2]),
        ("value-quantity=ap12.5", [2]),
        ("value-quantity:missing=true", [3]),
        ("date=2024-07", [1, 2]),
        ("date=2023", [3]),
        ("date=2023-06", []),
        ("date=ap2023-06", [3]),
        ("date=sa2024", []),
        ("date=gt2024-01-01&value-quantity=lt10", [1]),
        ("device:missing=true&performer:missing=false", [1, 2, 3]),
    ],
)
@pytest.mark.usefixtures("report")
def test_observations_are_searched(served, ids, query, found):
    query = query.format(ids=ids, report=REPORT)
    answer = served.get(f"Observation?{query}", prefer="handling=strict")
    assert answer.status == 200, answer.json
    parse_r5(answer.json)
    assert numbers_of(answer) == found
    assert answer.json["total"] == len(found)
    if found:
        (first,) = served.get(f"Observation?{query}&_count=1").ids
        assert first in answer.ids


@pytest.mark.parametrize(
    "query",
    [
        *("value-quantity=a", "value-quantity=1|a", "value-quantity=|a|b"),
        *("value-quantity=1|a|", "value-quantity:exact=1", "date=2024-13"),
        *("derived-from.code=a", "issued=2024", "patient.address=a"),
        *("_include=Observation:device", "_revinclude=ImagingSelection:patient"),
    ],
)
@pytest.mark.usefixtures("report")
def test_what_cannot_be_searched_is_refused(served, query):
    answer = served.get(f"Observation?{query}", prefer="handling=strict")
    assert answer.status == 400


@pytest.mark.usefixtures("report")
def test_observations_are_sorted_by_date(served):
    found = served.get("Observation?_sort=date").ids
    assert found[0] == f"{REPORT}-3"
    assert served.get("Observation?_sort=-date&_count=2").ids[-1] != f"{REPORT}-3"
    in_pages = served.get("Observation?_sort=date&_count=1")
    pages = list(in_pages.ids)
    while "next" in in_pages.links:
        in_pages = served.get(in_pages.links["next"])
        pages += in_pages.ids
    assert pages == found


@pytest.mark.usefixtures("report")
def test_which_measurements_were_made_on_a_roi_is_one_search(served, ids):
    answer = served.get(
        f"ImagingSelection?_id={ids.instance}-1&_revinclude=Observation:derived-from"
    )
    parse_r5(answer.json)
    assert answer.ids == [f"{ids.instance}-1"]
    assert [each["id"] for each in answer.of_mode("include")] == [f"{REPORT}-1"]
    every = served.get("ImagingSelection?_revinclude=*&_include=*")
    kinds = [each["resourceType"] for each in every.of_mode("include")]
    assert kinds.count("Observation") == 2
    assert {"Patient", "ImagingStudy", "Endpoint"} <= {*kinds}


@pytest.mark.usefixtures("report")
def test_a_group_comes_with_its_members_and_a_member_with_its_group(served, ids):
    group = served.get(
        f"Observation?_id={REPORT}-3&_include=Observation:has-member"
        "&_include=Observation:patient&_revinclude=Observation:has-member"
    )
    parse_r5(group.json)
    assert {each["id"] for each in group.of_mode("include")} == {
        f"{REPORT}-1",
        f"{REPORT}-2",
        ids.patient,
    }
    member = served.get(
        f"Observation?_id={REPORT}-1&_revinclude=Observation:has-member"
        "&_include=Observation:derived-from:ImagingSelection"
    )
    assert {each["id"] for each in member.of_mode("include")} == {
        f"{REPORT}-3",
        f"{ids.instance}-1",
    }


@pytest.mark.usefixtures("report")
def test_what_is_included_is_no_match_again(served):
    answer = served.get("Observation?_include=*&_revinclude=*")
    urls = [each["fullUrl"] for each in answer.json["entry"]]
    assert len(urls) == len({*urls})
    assert answer.json["total"] == 3


def test_more_than_may_be_included_is_refused(served, ids, monkeypatch):
    monkeypatch.setattr("imaging_selection.api.included.MAXIMUM_REFERRING", 3)
    resources = [observation(number, ids) for number in range(4)]
    save_observations(served.selections, resources, NOW)
    answer = served.get("ImagingSelection?_revinclude=Observation:derived-from")
    assert (answer.status, answer.issue["code"]) == (400, "too-costly")


def test_observations_are_in_the_compartment_of_their_patient(served, ids, report):
    assert len(served.get(f"Patient/{ids.patient}/Observation").ids) == len(report)
    assert served.get("Patient/unknown/Observation").ids == []


@pytest.mark.usefixtures("report")
def test_parts_of_an_observation_are_parts_of_r5(served):
    summary = served.get("Observation?_summary=true").of_mode("match")
    assert "method" not in summary[0]
    assert "valueQuantity" in summary[0]
    (part,) = served.get(f"Observation?_id={REPORT}-1&_elements=value").of_mode("match")
    assert part.keys() == {
        *("resourceType", "id", "meta", "status", "code", "valueQuantity"),
    }


@pytest.mark.parametrize(("count", "shown"), [(2, 2), (MAXIMUM_IMAGES + 1, 0)])
def test_a_study_lists_so_many_images_at_most(served, ids, count, shown):
    images = [StudyImage(f"2.25.{n}", CT, str(n)) for n in range(1, count + 1)]
    served.orthanc.below_studies[ids.study] = {"2.25.113047": images}
    answer = served.get(f"ImagingStudy/{ids.study}?_elements=series")
    parse_r5(answer.json)
    (series,) = answer.json["series"]
    assert len(series.get("instance", ())) == shown
    assert "description" not in answer.json


def test_a_search_of_studies_lists_no_images(served, ids):
    images = {"2.25.113047": [StudyImage("2.25.1", CT, "1")]}
    served.orthanc.below_studies[ids.study] = images
    answer = served.get(f"ImagingStudy?_id={ids.study}&_elements=series")
    (study,) = answer.of_mode("match")
    assert "instance" not in study["series"][0]
