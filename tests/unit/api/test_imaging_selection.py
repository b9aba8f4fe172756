"""What is answered of selections, as R5's http.html and search.html have it."""

import importlib
from collections import Counter
from datetime import date, datetime, time, timedelta
from urllib.parse import parse_qsl, urlsplit
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from imaging_selection import objects
from imaging_selection.fhir.datatypes import FHIR_JSON
from imaging_selection.host.jobs import convert, measure
from imaging_selection.mapping.choices import Choices
from imaging_selection.search.elements import ELEMENTS
from imaging_selection.search.normalize import interval_of
from imaging_selection.store.ledger import CONVERTED, LedgerEntry
from support.builders import contour, make_rtstruct, roi
from support.served import BASE, NOW, parse_r5, structure_set
from support.synthetic_reports import CASES as REPORTS
from support.synthetic_segmentations import CASES as SEGMENTATIONS

SUBSETTED = {
    "system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue",
    "code": "SUBSETTED",
    "display": "subsetted",
}
LATER = "2026-01-02T03:04:06.000Z"
UNKNOWN = "0a9b3153-2512774b-2d9580de-1fc3dcf6-3bd83918"


# Reading.


def test_a_selection_is_answered_as_it_is_stored(served, ids):
    stored = served.selections.read(ids.instance).resource
    for path in (
        f"ImagingSelection/{ids.instance}",
        f"/instances/{ids.instance}/imaging-selection",
    ):
        answer = served.get(path)
        assert (answer.status, answer.content_type) == (200, FHIR_JSON)
        assert answer.body == stored
        assert answer.headers == {
            "Cache-Control": "private, no-cache",
            "ETag": 'W/"1"',
            "Last-Modified": "Fri, 02 Jan 2026 03:04:05 GMT",
            "Vary": "Accept",
        }
        assert answer.json["id"] == ids.instance
        assert answer.json["meta"]["versionId"] == "1"
        assert answer.json["meta"]["lastUpdated"] == NOW


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(structure_set, id="structure-set"),
        pytest.param(SEGMENTATIONS["everything_about_a_segment"], id="segmentation"),
        pytest.param(REPORTS["everything_about_a_group"], id="report"),
    ],
)
def test_all_that_an_instance_became_is_answered_as_a_collection(served, make):
    file = make()
    instance = served.store(file).instance
    other = served.store(structure_set(7)).instance
    served.get(f"/instances/{other}/fhir")
    made = objects.convert(file, Choices(endpoint="Endpoint/dicom-web")).resources

    answer = served.get(f"/instances/{instance}/fhir")

    parse_r5(answer.json)
    assert (answer.status, answer.content_type) == (200, FHIR_JSON)
    assert answer.json["type"] == "collection"
    entries = answer.json["entry"]
    for entry in entries:
        resource = entry["resource"]
        name = f"{resource['resourceType']}/{resource['id']}"
        assert entry["fullUrl"] == f"{BASE}/{name}"
        assert resource == served.get(name).json
    # Selections first, each type in the order of the conversion.
    made = sorted(made, key=lambda each: each["resourceType"])
    assert [each["resource"]["id"] for each in entries] == [e["id"] for e in made]


def test_what_was_measured_is_among_all_that_an_instance_became(served):
    file = make_rtstruct(roi(1, contours=[contour()]))
    ids = objects.ids_of(objects.read(file)[1])
    choices = Choices(measurements=True)
    measured = measure(file, ids, choices, datetime.fromisoformat(NOW))
    drafts = convert(file, ids, choices).drafts + measured.drafts
    entry = LedgerEntry(ids.instance, CONVERTED, "mark", "version", NOW)
    served.selections.save_all([(entry, drafts)], NOW)
    served.orthanc.entries[ids.instance] = entry

    entries = served.get(f"/instances/{ids.instance}/fhir").json["entry"]

    kinds = Counter(each["resource"]["resourceType"] for each in entries)
    assert kinds == Counter(draft.resource_type for draft in drafts)
    assert kinds["Observation"] > 0


def test_an_instance_without_resources_is_an_empty_collection(served):
    ids = objects.ids_of(objects.read(structure_set())[1])
    entry = LedgerEntry(ids.instance, CONVERTED, "mark", "version", NOW)
    served.selections.save_all([(entry, [])], NOW)
    served.orthanc.entries[ids.instance] = entry
    answer = served.get(f"/instances/{ids.instance}/fhir")
    assert answer.json == {"resourceType": "Bundle", "type": "collection"}


def test_a_roi_is_read_by_its_number(served, ids):
    answer = served.get(f"ImagingSelection/{ids.instance}-2")
    assert answer.json["instance"][0]["subset"] == ["2"]


def test_a_new_version_has_another_etag_and_time(served, ids):
    served.store(structure_set(rois=4), LATER)
    answer = served.get(f"ImagingSelection/{ids.instance}")
    assert answer.headers == {
        "Cache-Control": "private, no-cache",
        "ETag": 'W/"2"',
        "Last-Modified": "Fri, 02 Jan 2026 03:04:06 GMT",
        "Vary": "Accept",
    }
    assert answer.json["meta"]["versionId"] == "2"


def test_only_the_current_version_is_kept(served, ids):
    current = served.get(f"ImagingSelection/{ids.instance}/_history/1")
    other = served.get(f"ImagingSelection/{ids.instance}/_history/2")

    assert current.json == served.get(f"ImagingSelection/{ids.instance}").json
    assert (other.status, other.issue["code"]) == (404, "not-found")


def test_a_history_holds_the_current_version(served, ids):
    answer = served.get(f"ImagingSelection/{ids.instance}/_history")

    parse_r5(answer.json)
    (entry,) = answer.json["entry"]
    assert entry["resource"]["id"] == ids.instance
    assert entry["response"]["etag"] == 'W/"1"'


def test_a_history_has_its_one_entry_whatever_is_asked_for(served, ids):
    path = f"ImagingSelection/{ids.instance}/_history?_sort=x&_format=json"
    lenient = served.get(path)
    strict = served.get(path, prefer='return=minimal, handling="strict"')

    assert lenient.links["self"].endswith("/_history")
    assert (strict.status, strict.issue["expression"]) == (400, ["http._sort"])


# Searching: what the oracle does not look at.


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", [0, 1, 2, 3, 4, 5, 6]),
        ("_id={one}-1", [1]),
        ("_id={one}-1,{two}-1", [1, 5]),
        (f"_id={UNKNOWN}", []),
        ("_id=", [0, 1, 2, 3, 4, 5, 6]),
        ("patient={patient}", [0, 1, 2, 3]),
        ("patient=Patient/{patient}", [0, 1, 2, 3]),
        (f"patient={BASE}/Patient/{{patient}}", [0, 1, 2, 3]),
        ("patient=http://other/fhir/Patient/{patient}", []),
        ("patient:Patient={other_patient}", [4, 5, 6]),
        ("patient=Device/{patient}", []),
        ("patient={patient}&_id={one}-1,{two}-1", [1]),
        ("study-uid=2.25.11", [0, 1, 2]),
        ("study-uid=urn:oid:2.25.11", [0, 1, 2]),
        ("identifier=2.25.32", [4]),
        ("identifier=urn:oid:2.25.32", [4]),
        ("identifier=urn:dicom:uid|2.25.32", [4]),
        ("identifier=urn:dicom:uid|urn:oid:2.25.32", [4]),
        ("identifier=other|2.25.32", []),
    ],
)
def test_a_search_finds_what_it_asks_for(served, query, found):
    one = served.store(structure_set(1, rois=2))
    two = served.store(structure_set(2, rois=1))
    every = [
        *(f"{one.instance}{part}" for part in ("", "-1", "-2", "-images-1")),
        *(f"{two.instance}{part}" for part in ("", "-1", "-images-1")),
    ]
    asked = query.format(
        one=one.instance,
        two=two.instance,
        patient=one.patient,
        other_patient=two.patient,
    )
    assert served.get(f"ImagingSelection?{asked}").ids == [every[i] for i in found]


def test_a_search_by_post_is_the_same(served, ids):
    pairs = [("patient", ids.patient), ("_count", "2")]
    self_link = f"{BASE}/ImagingSelection?patient={ids.patient}&_count=2"
    for answer in (
        served.get(self_link),
        served.post("ImagingSelection/_search", pairs),
    ):
        assert answer.ids == [ids.instance, f"{ids.instance}-1"]
        assert answer.links["self"] == self_link


@pytest.mark.usefixtures("ids")
@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
def test_the_next_links_lead_through_every_match_once(served, count):
    every = served.get("ImagingSelection").ids
    answer = served.get(f"ImagingSelection?_count={count}")
    pages = [answer.ids]
    while "next" in answer.links:
        answer = served.get(answer.links["next"])
        pages.append(answer.ids)
    assert [each for page in pages for each in page] == every
    assert all(pages)
    assert {len(page) for page in pages[:-1]} <= {count}


def test_the_next_link_keeps_the_search(served, ids):
    answer = served.get(f"ImagingSelection?patient={ids.patient}&_count=1&unheard=of")
    cursor = dict(parse_qsl(urlsplit(answer.links["next"]).query))["_cursor"]
    search = f"{BASE}/ImagingSelection?patient={ids.patient}&_count=1"
    assert answer.links == {"self": search, "next": f"{search}&_cursor={cursor}"}


@pytest.mark.usefixtures("ids")
def test_a_page_holds_no_more_than_the_maximum(served):
    served.with_site(maximum_page_size=2)
    for query in ("", "?_count=4", "?_count=99999999999"):
        answer = served.get(f"ImagingSelection{query}")
        assert len(answer.ids) == 2
    assert answer.links["self"].endswith("_count=2")


@pytest.mark.usefixtures("ids")
def test_a_search_tells_what_was_applied(served):
    served.with_site(maximum_page_size=2)
    answer = served.get(
        "ImagingSelection?status=available&empty=&nonsense=1&_count=100&_sort=-issued,code"
    )

    assert answer.status == 200
    parse_r5(answer.json)
    assert answer.links["self"] == (
        f"{BASE}/ImagingSelection?status=available&_count=2&_sort=-issued"
    )
    (outcome,) = answer.of_mode("outcome")
    assert outcome["issue"][0]["severity"] == "warning"
    assert outcome["issue"][0]["diagnostics"] == "had no effect: nonsense, _sort"
    assert len(answer.ids) == 2


@pytest.mark.parametrize(
    ("query", "code", "expression"),
    [
        ("nonsense=1", "not-supported", "http.nonsense"),
        ("_format=json&_pretty=true&unheard=of", "not-supported", "http.unheard"),
        ("_sort=code", "not-supported", "http._sort"),
        ("_sort=issued,code", "not-supported", "http._sort"),
        ("_security=x", "not-supported", "http._security"),
    ],
)
def test_strict_handling_refuses_what_has_no_effect(served, query, code, expression):
    strict = served.get(f"ImagingSelection?{query}", prefer="handling=strict")
    lenient = served.get(f"ImagingSelection?{query}", prefer="handling=lenient")

    assert (strict.status, strict.issue["code"]) == (400, code)
    assert strict.issue["expression"] == [expression]
    assert lenient.status == 200


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("code=a|b|c", "value"),
        ("code=|", "value"),
        ("code=,", "value"),
        ("code:above=a", "not-supported"),
        ("code:missing=maybe", "value"),
        ("status:text=a", "not-supported"),
        ("roi-name:not=a", "not-supported"),
        ("_profile:above=a", "not-supported"),
        ("patient:Group=a", "not-supported"),
        ("patient=Patient/a/b", "value"),
        ("patient=Patient/", "value"),
        ("patient:Device=a", "not-supported"),
        ("_id:exact=a", "not-supported"),
        ("patient=%23a", "value"),
        ("subject:Patient=Group/a", "value"),
        ("patient.address=a", "not-supported"),
        ("_query=a", "not-supported"),
        ("issued=05", "value"),
        ("issued=23.May.2009", "value"),
        ("issued=2024-02-30", "value"),
        ("issued=2024-02-03T10", "value"),
        ("issued=xx2024", "value"),
        ("issued=0000", "value"),
        ("roi-name=" + "x" * 201, "value"),
        ("roi-name=a%00b", "value"),
        ("roi-name=%FF", "value"),
        ("_count=-1", "value"),
        ("_count=ten", "value"),
        ("_count=1.5", "value"),
        ("_count=²", "value"),
        ("_count=1&_count=2", "invalid"),
        ("_summary=all", "value"),
        ("_summary=true&_elements=code", "conflict"),
        ("_elements=a b", "value"),
        ("_total=many", "value"),
        ("_include=ImagingSelection:focus", "not-supported"),
        ("_include=Patient:subject", "not-supported"),
        ("_include=ImagingSelection:subject:Endpoint", "not-supported"),
        ("patient.address:missing=true", "not-supported"),
        ("based-on.identifier=a", "not-supported"),
        ("_cursor=nonsense", "value"),
        ("_cursor=é", "value"),
        ("_cursor=MTp4", "value"),
        ("_cursor=WzEsMl0", "value"),
        ("_cursor=WzEsIGZhbHNlLCAiYSIsIDFd", "value"),  # [1, false, "a", 1]
        ("_cursor=W251bGwsIGZhbHNlLCBudWxsLCAxXQ", "value"),  # [null, false, null, 1]
        ("_id=" + ",".join(map(str, range(401))), "too-costly"),
        ("roi-name:contains=" + ",".join(map(str, range(21))), "too-costly"),
        ("category:text=" + ",".join(map(str, range(21))), "too-costly"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_name(served, query, code):
    answer = served.get(f"ImagingSelection?{query}")

    assert answer.status == 400, answer.json
    assert answer.issue["code"] == code
    name = query.split("&")[-1].partition("=")[0]
    assert answer.issue["expression"] == [f"http.{name}"]
    parse_r5(answer.json)


@pytest.mark.usefixtures("ids")
def test_a_cursor_of_another_search_is_refused(served):
    first = served.get("ImagingSelection?_count=1&_sort=-issued")
    cursor = first.links["next"].partition("_cursor=")[2]
    answer = served.get(f"ImagingSelection?_count=1&_cursor={cursor}")
    assert answer.issue["expression"] == ["http._cursor"]


@pytest.mark.parametrize(
    ("query", "zone", "found"),
    [
        ("issued=2024-02-29", "UTC", 1),
        ("issued=2024-03-01", "UTC", 0),
        ("issued=2024-03-01", "Pacific/Auckland", 1),
        ("issued=2024-02-29", "Pacific/Auckland", 0),
        ("issued=2024-03-01T12:30", "Pacific/Auckland", 1),
        ("issued=2024-03-01T12:30", "UTC", 0),
        ("issued=2024-02-29T23:30Z", "Pacific/Auckland", 1),
        ("issued=2024-03-01T00:30%2B01:00", "Pacific/Auckland", 1),
        ("issued=lt2024-03", "Pacific/Auckland", 0),
        ("issued=lt2024-03", "UTC", 1),
    ],
)
def test_a_date_without_a_zone_is_of_the_configured_one(served, query, zone, found):
    file = structure_set(
        rois=0,
        StructureSetDate="20240229",
        StructureSetTime="233000",
        TimezoneOffsetFromUTC="+0000",
    )
    served.store(file)
    served.with_site(timezone=ZoneInfo(zone))
    assert len(served.get(f"ImagingSelection?{query}").ids) == found


@given(
    st.dates(date(1901, 1, 2), date(2100, 1, 1)),
    st.sampled_from(["Europe/Brussels", "Pacific/Apia", "America/New_York", "UTC"]),
)
def test_a_day_lasts_from_midnight_to_midnight_where_it_is(day, zone):
    """Also where clocks change, and where a day was left out (Apia, 2011)."""

    def midnight(of):
        moment = datetime.combine(of, time(), ZoneInfo(zone))
        return round(moment.timestamp() * 1_000_000)

    expected = midnight(day), midnight(day + timedelta(days=1))
    assert interval_of(day.isoformat(), ZoneInfo(zone)) == expected


@pytest.mark.usefixtures("ids")
@pytest.mark.parametrize("query", ["_count=0", "_summary=count"])
def test_a_count_has_no_entries(served, query):
    answer = served.get(f"ImagingSelection?{query}")
    assert answer.json["total"] == len(served.get("ImagingSelection").ids)
    assert "entry" not in answer.json


@pytest.mark.usefixtures("ids")
@pytest.mark.parametrize(
    ("query", "total"),
    [
        ("_count=1", None),
        ("_count=1&_total=none", None),
        ("_count=1&_total=accurate", 5),
        ("_count=1&_total=estimate", 5),
        ("_count=100", 5),
        ("_count=100&_total=none", None),
    ],
)
def test_the_total_is_given_when_free_or_asked_for(served, query, total):
    every = served.get("ImagingSelection").ids
    answer = served.get(f"ImagingSelection?{query}")
    assert answer.json.get("total") == (total and len(every))


def test_a_post_takes_every_repetition(served, ids):
    pairs = [("_id", ids.instance), ("_id", f"{ids.instance}-1")]
    assert served.post("ImagingSelection/_search", pairs).ids == []
    assert served.post("ImagingSelection/_search", pairs[:1]).ids == [ids.instance]


def test_a_compartment_is_that_of_its_patient(served, ids):
    served.store(structure_set(2))

    found = served.get(f"Patient/{ids.patient}/ImagingSelection?_count=2")
    posted = served.post(
        f"Patient/{ids.patient}/ImagingSelection/_search", [("_count", "100")]
    )

    assert found.links["self"] == (
        f"{BASE}/Patient/{ids.patient}/ImagingSelection?_count=2"
    )
    following = served.get(found.links["next"])
    assert found.ids + following.ids == posted.ids[:4]
    assert set(posted.ids) == set(
        served.get(f"ImagingSelection?patient={ids.patient}").ids
    )
    assert served.get("Patient/unknown/ImagingSelection").ids == []
    odd = served.get('/fhir/Patient/a b"<|/ImagingSelection')
    assert odd.links["self"] == f"{BASE}/Patient/a%20b%22%3C%7C/ImagingSelection"


@pytest.mark.parametrize(
    ("query", "present", "absent"),
    [
        ("_elements=subject", {"subject", "code", "status"}, {"instance", "contained"}),
        ("_elements=ImagingSelection.performer", {"contained"}, {"bodySite", "text"}),
        ("_summary=true", {"instance", "contained", "code"}, {"text"}),
        ("_summary=text", {"text", "code", "status"}, {"subject", "contained"}),
        ("_summary=data", {"instance", "contained"}, {"text"}),
    ],
)
def test_a_part_of_a_resource_is_marked_as_one(served, ids, query, present, absent):
    path = f"ImagingSelection/{ids.instance}-1"
    (found,) = served.get(f"ImagingSelection?_id={ids.instance}-1&{query}").of_mode(
        "match"
    )

    assert found == served.get(f"{path}?{query}").json
    assert present <= found.keys()
    assert not absent & found.keys()
    assert SUBSETTED in found["meta"]["tag"]
    parse_r5(found)
    if query == "_summary=true":
        assert found["instance"][0].keys() <= {"uid", "number"}
    whole = served.get(f"{path}?_summary=false").json
    assert SUBSETTED not in whole["meta"]["tag"]


def test_a_read_has_nothing_to_count(served, ids):
    answer = served.get(f"ImagingSelection/{ids.instance}?_summary=count")
    assert answer.status == 400


@pytest.mark.parametrize("query", ["_elements=subject,nonsense", "_elements=nonsense"])
def test_elements_that_are_none_are_told(served, ids, query):
    path = f"ImagingSelection?_id={ids.instance}&{query}"
    lenient = served.get(path)
    strict = served.get(path, prefer="handling=strict")

    (outcome,) = lenient.of_mode("outcome")
    assert outcome["issue"][0]["diagnostics"] == "had no effect: _elements"
    assert "nonsense" not in lenient.links["self"]
    assert (strict.status, strict.issue["expression"]) == (400, ["http._elements"])


@pytest.mark.parametrize("kind", ELEMENTS)
def test_the_elements_are_those_of_r5(kind):
    module = importlib.import_module(f"fhir.resources.{kind.lower()}")
    names = getattr(module, kind).elements_sequence()
    choices = ("deceased", "effective", "instantiates", "multipleBirth", "value")
    found = {next((c for c in choices if each.startswith(c)), each) for each in names}
    assert {*ELEMENTS[kind]} == found


# Of Orthanc's series, studies and patients.


@pytest.mark.parametrize("resource_type", ["series", "studies", "patients"])
def test_the_selections_below_are_listed(served, ids, resource_type):
    served.store(structure_set(2))
    served.orthanc.children[resource_type, UNKNOWN] = [ids.instance]
    path = f"/{resource_type}/{UNKNOWN}/imaging-selection"
    answer = served.get(path)
    parts = ("", "-1", "-2", "-3", "-images-1")
    names = [f"{ids.instance}{part}" for part in parts]
    parse_r5(answer.json)
    assert answer.ids == names
    assert [each["fullUrl"] for each in answer.json["entry"]] == [
        f"{BASE}/ImagingSelection/{name}" for name in names
    ]
    assert answer.json["total"] == 5
    assert answer.links == {"self": f"http://host-113047{path}"}


def test_where_there_are_none_the_bundle_is_empty(served):
    served.orthanc.children["series", UNKNOWN] = []
    answer = served.get(f"/series/{UNKNOWN}/imaging-selection")
    assert (answer.json["total"], "entry" in answer.json) == (0, False)


def test_a_failure_below_a_study_is_told_beside_the_rest(served, ids):
    served.fail(UNKNOWN, "reason-113047")
    served.orthanc.children["studies", ids.study] = [ids.instance, UNKNOWN]

    answer = served.get(f"/studies/{ids.study}/imaging-selection")

    parse_r5(answer.json)
    assert (answer.ids[0], answer.json["total"]) == (ids.instance, 5)
    outcome = answer.json["entry"][5]
    assert outcome.pop("fullUrl").startswith("urn:uuid:")
    assert outcome == {
        "resource": {
            "resourceType": "OperationOutcome",
            "issue": [
                {
                    "severity": "warning",
                    "code": "processing",
                    "diagnostics": f"{UNKNOWN}: reason-113047",
                }
            ],
        },
        "search": {"mode": "outcome"},
    }
