"""What the API answers, as R5's http.html and search.html have it."""

import re
from datetime import date, datetime, time, timedelta
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import orjson
import pytest
from fhir.resources.imagingselection import ImagingSelection
from hypothesis import given
from hypothesis import strategies as st
from imaging_selection.api.http import Request
from imaging_selection.api.resources import MAXIMUM_READ, ResourceHandlers
from imaging_selection.api.responses import HttpError
from imaging_selection.api.urls import Urls
from imaging_selection.search.normalize import interval_of
from imaging_selection.search.parameters import ELEMENTS, RELATED
from imaging_selection.search.parse_criterion import Context
from support.builders import contour, image_uid, make_rtstruct, roi
from support.served import BASE, NOW, Served, Site, parse_r5

SUBSETTED = {
    "system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue",
    "code": "SUBSETTED",
    "display": "subsetted",
}


def structure_set(number=1, rois=3, **overrides):
    return make_rtstruct(
        *(roi(n, f"ROI-{n}") for n in range(1, rois + 1)),
        PatientID=f"patient-{number}",
        StudyInstanceUID=f"2.25.1{number}",
        SeriesInstanceUID=f"2.25.2{number}",
        SOPInstanceUID=f"2.25.3{number}",
        Manufacturer="maker-113047",
        **overrides,
    )


@pytest.fixture
def served(tmp_path):
    served = Served(tmp_path)
    yield served
    served.database.close()


@pytest.fixture
def ids(served):
    return served.store(structure_set())


# Reading.


def test_a_read_names_its_version_and_time(served, ids):
    answer = served.get(f"ImagingSelection/{ids.instance}")

    assert answer.status == 200
    assert answer.headers == {
        "ETag": 'W/"1"',
        "Last-Modified": "Fri, 02 Jan 2026 03:04:05 GMT",
        "Vary": "Accept",
    }
    assert answer.json["id"] == ids.instance
    assert answer.json["meta"]["versionId"] == "1"
    assert answer.json["meta"]["lastUpdated"] == NOW


@pytest.mark.parametrize(
    ("header", "value", "status"),
    [
        ("if_none_match", 'W/"1"', 304),
        ("if_none_match", '"1"', 304),
        ("if_none_match", 'W/"7", W/"1"', 304),
        ("if_none_match", "*", 304),
        ("if_none_match", 'W/"2"', 200),
        ("if_modified_since", "Fri, 02 Jan 2026 03:04:05 GMT", 304),
        ("if_modified_since", "Fri, 02 Jan 2026 03:04:04 GMT", 200),
        ("if_modified_since", "yesterday", 200),
    ],
)
def test_a_client_that_has_the_version_gets_no_body(served, ids, header, value, status):
    answer = served.get(f"ImagingSelection/{ids.instance}", **{header: value})

    assert answer.status == status
    assert bool(answer.body) == (status == 200)
    assert answer.headers["ETag"] == 'W/"1"'


def test_an_etag_stands_above_a_date(served, ids):
    answer = served.get(
        f"ImagingSelection/{ids.instance}",
        if_none_match='W/"7"',
        if_modified_since="Fri, 02 Jan 2026 03:04:05 GMT",
    )
    assert answer.status == 200


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


def test_what_was_deleted_is_gone(served, ids):
    served.remove(ids.instance)

    read = served.get(f"ImagingSelection/{ids.instance}")
    history = served.get(f"ImagingSelection/{ids.instance}/_history")

    assert (read.status, read.issue["code"]) == (410, "deleted")
    parse_r5(history.json)
    assert history.json["entry"][0]["request"]["method"] == "DELETE"
    assert served.get("ImagingSelection").ids == []


@pytest.mark.usefixtures("ids")
@pytest.mark.parametrize(
    "path",
    [
        "ImagingSelection/unknown-113047",
        "ImagingSelection/5c5e9ff6-a6d15997-43b781cd-9b2da9d4-0d854466",
        "Patient/unknown-113047",
        "ImagingStudy/unknown-113047",
        "Endpoint/unknown-113047",
        "CodeSystem/unknown-113047",
        "imagingselection",
        "Observation",
        "nothing/at/all",
    ],
)
def test_what_is_not_there_is_not_found(served, path):
    answer = served.get(path)
    assert (answer.status, answer.issue["code"]) == (404, "not-found")
    parse_r5(answer.json)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "HEAD"])
def test_nothing_can_be_written(served, ids, method):
    for path in ("ImagingSelection", f"ImagingSelection/{ids.instance}", "metadata"):
        answer = served.get(path, method)
        assert answer.status == 405
        assert answer.headers["Allow"] == "GET"
        assert answer.issue["code"] == "not-supported"
    assert served.get("ImagingSelection/_search", "PUT").headers["Allow"] == "POST"


@pytest.mark.parametrize(
    ("method", "at_fault"), [("GET", "http.path"), ("POST", "Bundle")]
)
def test_the_whole_system_is_neither_searched_nor_written(served, method, at_fault):
    answer = served.get(BASE, method, b"{}")
    assert (answer.status, answer.issue["code"]) == (400, "not-supported")
    assert answer.issue["expression"] == [at_fault]


@pytest.mark.parametrize(
    ("path", "status", "expression"),
    [
        ("nothing", 404, "http.path"),
        ("ImagingSelection/unknown", 404, "ImagingSelection.id"),
        ("ImagingSelection/{ids.instance}-77", 404, "ImagingSelection.id"),
        ("ImagingSelection/{gone}", 410, "ImagingSelection.id"),
        (
            "ImagingSelection/{ids.instance}/_history/7",
            404,
            "ImagingSelection.meta.versionId",
        ),
        (
            "ImagingSelection/{ids.instance}-images-1/$contours",
            400,
            "ImagingSelection.instance",
        ),
        ("Patient/unknown", 404, "Patient.id"),
        ("CodeSystem/unknown", 404, "CodeSystem.id"),
        ("/instances/unknown/imaging-selection", 404, "ImagingSelection.id"),
        ("/studies/unknown/imaging-selection", 404, "http.path"),
    ],
)
def test_every_error_says_what_is_at_fault(served, path, status, expression):
    ids = served.store(make_rtstruct(roi(1, contours=[contour(images=[image_uid(1)])])))
    gone = served.store(structure_set(7)).instance
    served.remove(gone)
    served.orthanc.files[ids.instance] = b""

    answer = served.get(path.format(ids=ids, gone=gone))

    assert (answer.status, answer.issue["expression"]) == (status, [expression])
    parse_r5(answer.json)


def test_a_history_has_its_one_entry_whatever_is_asked_for(served, ids):
    path = f"ImagingSelection/{ids.instance}/_history?_since=2030&_format=json"
    lenient = served.get(path)
    strict = served.get(path, prefer='return=minimal, handling="strict"')

    assert lenient.links["self"].endswith("/_history")
    assert (strict.status, strict.issue["expression"]) == (400, ["http._since"])


# Operations.


@pytest.mark.parametrize(
    ("body", "content_type", "status", "expression"),
    [
        (b"", "", 200, None),
        (b'{"resourceType":"Parameters"}', "application/fhir+json", 200, None),
        (b'{"resourceType":"Parameters"}', "application/json; charset=x", 200, None),
        (b'{"resourceType":"Parameters"}', "text/plain", 415, "http.Content-Type"),
        (b"<Parameters/>", "application/fhir+xml", 415, "http.Content-Type"),
        (b"{", "application/fhir+json", 400, "http.body"),
        (b"[]", "application/fhir+json", 400, "http.body"),
        (b'{"resourceType":"Bundle"}', "application/fhir+json", 400, "http.body"),
        (b"\xff", "application/fhir+json", 400, "http.body"),
    ],
)
def test_contours_are_asked_for_by_post_too(
    served, body, content_type, status, expression
):
    file = structure_set()
    ids = served.store(file)
    served.orthanc.files[ids.instance] = file
    path = f"ImagingSelection/{ids.instance}-1/$contours"

    answer = served.get(path, "POST", body, content_type=content_type)

    assert answer.status == status
    if status == 200:
        assert answer.json == served.get(path).json
        assert answer.json["id"] == f"{ids.instance}-1"
    else:
        assert answer.issue["expression"] == [expression]


# Formats.


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        (None, "application/fhir+json; fhirVersion=5.0"),
        ("*/*", "application/fhir+json; fhirVersion=5.0"),
        ("application/fhir+json", "application/fhir+json; fhirVersion=5.0"),
        ("application/fhir+json; fhirVersion=5.0", None),
        ("application/json", "application/json; charset=utf-8"),
        ("text/html, application/json;q=0.9", "application/json; charset=utf-8"),
        ("application/fhir+xml, application/fhir+json;q=0.1", None),
        ("application/json;q=0.1, application/fhir+json", None),
    ],
)
def test_json_is_sent_to_those_who_take_it(served, accept, content_type):
    headers = {"accept": accept} if accept else {}
    answer = served.get("metadata", **headers)
    assert answer.status == 200
    assert answer.content_type == content_type or "fhir+json" in answer.content_type


@pytest.mark.parametrize(
    "accept",
    [
        "application/fhir+xml",
        "text/html",
        "application/fhir+json; fhirVersion=4.0",
        "application/fhir+json;q=0",
        "nonsense",
        ",",
    ],
)
def test_other_formats_are_not_acceptable(served, accept):
    answer = served.get("metadata", accept=accept)
    assert answer.status == 406
    assert answer.issue["expression"] == ["http.Accept"]


@pytest.mark.parametrize(
    ("wanted", "status"),
    [
        ("json", 200),
        ("application/fhir%2Bjson", 200),
        ("application/fhir+json", 200),
        ("xml", 406),
        ("ttl", 406),
    ],
)
def test_the_parameter_format_stands_above_the_header(served, wanted, status):
    answer = served.get(f"metadata?_format={wanted}", accept="text/html")
    assert answer.status == status


def test_pretty_output_is_the_same_resource(served, ids):
    plain = served.get(f"ImagingSelection/{ids.instance}")
    pretty = served.get(f"ImagingSelection/{ids.instance}?_pretty=true")

    assert pretty.json == plain.json
    assert pretty.body.startswith(b'{\n  "resourceType": "ImagingSelection",\n')
    assert served.get("metadata?_pretty=maybe").status == 400


@pytest.mark.usefixtures("ids")
def test_a_search_is_posted_as_a_form(served):
    answer = served.get(
        "ImagingSelection/_search", "POST", b"{}", content_type="application/json"
    )
    assert (answer.status, answer.issue["expression"]) == (415, ["http.Content-Type"])


@pytest.mark.usefixtures("ids")
@pytest.mark.parametrize(
    ("origins", "origin", "allowed"),
    [
        ((), "https://a.example", None),
        (("*",), "https://a.example", "*"),
        (("https://a.example",), "https://a.example", "https://a.example"),
        (("https://a.example",), "https://b.example", None),
    ],
)
def test_pages_of_other_origins_may_read_when_configured(
    served, origins, origin, allowed
):
    served.with_site(cors_origins=origins)
    for path in ("metadata", "nothing"):
        answer = served.get(path, origin=origin)
        assert answer.headers.get("Access-Control-Allow-Origin") == allowed
    security = served.get("metadata").json["rest"][0]["security"]
    assert security["cors"] is bool(origins)


@pytest.mark.usefixtures("ids")
def test_what_an_answer_varies_by_is_said(served):
    served.with_site(cors_origins=("https://a.example",))
    for path in ("metadata", "ImagingSelection", "nothing"):
        assert served.get(path).headers["Vary"] == "Accept"
        mixed = served.get(path, origin="https://b.example")
        assert mixed.headers["Vary"] == "Accept, Origin"


# Searching: what the oracle does not look at.


@pytest.mark.usefixtures("ids")
def test_a_search_tells_what_was_applied(served):
    served.with_site(maximum_page_size=2)
    answer = served.get(
        "ImagingSelection?status=available&empty=&nonsense=1&_count=100&_sort=-issued,_id"
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
        ("_sort=code", "not-supported", "http._sort"),
        ("_sort=issued,_id", "not-supported", "http._sort"),
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
        ("_profile:below=a", "not-supported"),
        ("patient:Group=a", "not-supported"),
        ("patient=Patient/a/b", "value"),
        ("patient=%23a", "value"),
        ("subject:Patient=Group/a", "value"),
        ("patient.name=a", "not-supported"),
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
        ("_count=1&_count=2", "invalid"),
        ("_summary=all", "value"),
        ("_summary=true&_elements=code", "conflict"),
        ("_elements=a b", "value"),
        ("_total=many", "value"),
        ("_include=ImagingSelection:focus", "not-supported"),
        ("_include=Patient:subject", "not-supported"),
        ("_include=ImagingSelection:subject:Endpoint", "not-supported"),
        ("patient.identifier:missing=true", "not-supported"),
        ("based-on.identifier=a", "not-supported"),
        ("_include:iterate=ImagingSelection:subject", "not-supported"),
        ("_cursor=nonsense", "value"),
        ("_cursor=WzEsMl0", "value"),
        ("_cursor=WzEsIGZhbHNlLCAiYSIsIDFd", "value"),  # [1, false, "a", 1]
        ("_cursor=W251bGwsIGZhbHNlLCBudWxsLCAxXQ", "value"),  # [null, false, null, 1]
        ("_id=" + ",".join(["a"] * 401), "too-costly"),
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


# Addresses.


@pytest.mark.usefixtures("ids")
@pytest.mark.parametrize(
    ("site", "headers", "base"),
    [
        ({}, {}, BASE),
        ({}, {"x_forwarded_host": "evil"}, BASE),
        ({}, {"host": "a b"}, "http://localhost/fhir"),
        ({"public_base_url": "https://p/o/fhir"}, {}, "https://p/o/fhir"),
        (
            {"trust_forwarded_headers": True},
            {
                "x_forwarded_host": "p.example:8443, inner",
                "x_forwarded_proto": "https",
                "x_forwarded_prefix": "/orthanc/",
            },
            "https://p.example:8443/orthanc/fhir",
        ),
        (
            {"trust_forwarded_headers": True},
            {
                "x_forwarded_host": "p.example",
                "x_original_uri": "/my%20orthanc/fhir/ImagingSelection?_count=1",
            },
            "http://p.example/my%20orthanc/fhir",
        ),
        (
            {"trust_forwarded_headers": True},
            {"x_forwarded_host": "<script>", "x_forwarded_proto": "javascript"},
            "http://localhost/fhir",
        ),
        (
            {"trust_forwarded_headers": True},
            {"x_forwarded_proto": "HTTPS, http", "x_forwarded_prefix": "/a, /b"},
            "https://host-113047/a/fhir",
        ),
        (
            {"trust_forwarded_headers": True},
            {"x_forwarded_prefix": "//evil.example"},
            "http://host-113047/evil.example/fhir",
        ),
        (
            {"trust_forwarded_headers": True},
            {"x_forwarded_prefix": "/a/../../b"},
            BASE,
        ),
        (
            {"trust_forwarded_headers": True},
            {"x_original_uri": "https://evil.example/fhir/ImagingSelection?_count=1"},
            BASE,
        ),
        (
            {"trust_forwarded_headers": True},
            {"x_original_uri": "http://[?_count=1"},
            BASE,
        ),
    ],
)
def test_every_address_is_as_the_client_sees_it(served, site, headers, base):
    served.with_site(**site)

    answer = served.get("ImagingSelection?_count=1&_include=*", **headers)

    urls = [*answer.links.values(), *(each["fullUrl"] for each in answer.json["entry"])]
    assert answer.links["next"]
    assert all(url.startswith(f"{base}/") for url in urls)
    statement = served.get("metadata", **{**headers, "x_original_uri": ""})
    if "x_original_uri" not in headers:
        assert statement.json["implementation"]["url"] == base


def test_a_trusted_proxy_gives_back_what_orthanc_drops(served, ids):
    wanted = f"?_id={ids.instance},{ids.instance}-1&_id={ids.instance}-1"
    headers = {"x_original_uri": f"/fhir/ImagingSelection{wanted}"}
    arrived = f"ImagingSelection?_id={ids.instance},{ids.instance}-1"

    assert len(served.get(arrived, **headers).ids) == 2
    served.with_site(trust_forwarded_headers=True)
    answer = served.get(arrived, **headers)

    assert answer.ids == [f"{ids.instance}-1"]
    assert answer.links["self"].count("_id=") == 2
    alone = served.get(arrived, x_original_uri="/fhir/ImagingSelection")
    assert len(alone.ids) == 2
    posted = served.post(
        "ImagingSelection/_search",
        [("_id", ids.instance)],
        x_original_uri="/fhir/ImagingSelection/_search?_summary=count",
    )
    assert posted.json["total"] == 1


def test_an_original_address_that_is_none_is_passed_over(served, ids):
    served.with_site(trust_forwarded_headers=True)
    answer = served.get(f"ImagingSelection?_id={ids.instance}", x_original_uri="A://[")
    assert (answer.status, answer.ids) == (200, [ids.instance])


# What selections refer to.


def test_what_a_selection_refers_to_can_be_read(served, ids):
    selection = served.get(f"ImagingSelection/{ids.instance}").json
    patient = served.get(selection["subject"]["reference"]).json
    study = served.get(selection["derivedFrom"][0]["reference"]).json
    endpoint = served.get(study["endpoint"][0]["reference"]).json

    for each in (patient, study, endpoint):
        parse_r5(each)
    assert patient.pop("text")["status"] == "generated"
    assert patient == {
        "resourceType": "Patient",
        "id": ids.patient,
        "identifier": [selection["subject"]["identifier"]],
        "name": [
            {
                "text": "Dr. Given Second Middle Family Jr. (XX)",
                "family": "Family",
                "given": ["Given", "Second", "Middle"],
                "prefix": ["Dr."],
                "suffix": ["Jr."],
            }
        ],
        "gender": "female",
    }
    assert study["identifier"] == [
        {"system": "urn:dicom:uid", "value": "urn:oid:2.25.11"}
    ]
    assert study["started"] == "2024-02-29"
    assert (study["numberOfSeries"], study["numberOfInstances"]) == (1, 1)
    assert endpoint["address"] == "http://host-113047/dicom-web"


def test_without_dicomweb_there_is_no_endpoint(served, ids):
    served.orthanc.dicom_web = False
    assert served.get("Endpoint").ids == []
    assert served.get("Endpoint/dicom-web").status == 404
    assert "endpoint" not in served.get(f"ImagingStudy/{ids.study}").json


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("Patient", 2),
        ("Patient?_id={ids.patient}", 1),
        ("Patient?_id=unknown", 0),
        ("Patient?_id={ids.patient}&identifier=patient-1", 1),
        ("Patient?_id={ids.patient}&identifier=patient-2", 0),
        ("Patient?identifier=patient-1,patient-2", 2),
        ("Patient?identifier=http://system|patient-1", 0),
        ("Patient?identifier:not=patient-1", 1),
        ("Patient?identifier:missing=true", 0),
        ("ImagingStudy?identifier=urn:dicom:uid|urn:oid:2.25.11", 1),
        ("ImagingStudy?identifier=2.25.12", 1),
        ("ImagingStudy?identifier=2.25.13", 0),
        ("Endpoint?_id=dicom-web", 1),
        ("Endpoint?identifier=x", 0),
        (
            "CodeSystem?url=https://orthanc-imaging-selection.github.io/fhir/CodeSystem/finding",
            1,
        ),
        ("StructureDefinition?_id=region-in-space", 1),
    ],
)
def test_related_resources_and_definitions_are_searched(served, ids, query, found):
    served.store(structure_set(2))
    answer = served.get(query.format(ids=ids))
    parse_r5(answer.json)
    assert len(answer.ids) == answer.json["total"] == found


@pytest.mark.parametrize(
    ("query", "included"),
    [
        ("ImagingSelection:subject", ["Patient"]),
        ("ImagingSelection:subject:Patient", ["Patient"]),
        ("ImagingSelection:subject:Group", []),
        ("ImagingSelection:patient", ["Patient"]),
        ("ImagingSelection:derived-from", ["ImagingStudy"]),
        ("ImagingSelection:derived-from:ImagingStudy", ["ImagingStudy"]),
        ("ImagingSelection:derived-from:DocumentReference", []),
        ("ImagingSelection:endpoint", ["Endpoint"]),
        ("ImagingSelection:*", ["Endpoint", "ImagingStudy", "Patient"]),
        ("*", ["Endpoint", "ImagingStudy", "Patient"]),
    ],
)
def test_an_include_is_of_its_type(served, ids, query, included):
    answer = served.get(f"ImagingSelection?_id={ids.instance}&_include={query}")
    found = [each["resourceType"] for each in answer.of_mode("include")]
    assert sorted(found) == included
    parse_r5(answer.json)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("patient.identifier", "patient-1"),
        ("patient:Patient.identifier", "patient-1"),
        ("subject.identifier", "patient-1"),
        ("subject:Patient.identifier", "|patient-1"),
        ("derived-from.identifier", "urn:dicom:uid|urn:oid:2.25.11"),
        ("derived-from:ImagingStudy.identifier", "2.25.11"),
    ],
)
def test_a_reference_is_followed_for_its_identifier(served, ids, name, value):
    served.store(structure_set(2))
    answer = served.get(f"ImagingSelection?{name}={value}&_count=100")
    # The same as looking for the target first.
    kind = "ImagingStudy" if "derived" in name else "Patient"
    (target,) = served.get(f"{kind}?identifier={value}").ids
    parameter = "derived-from" if "derived" in name else "patient"
    every = served.get(f"ImagingSelection?{parameter}={target}&_count=100").ids
    assert target in {ids.patient, ids.study}
    assert answer.ids == every != []
    wrong = served.get(f"ImagingSelection?{name}=a|b|c")
    assert wrong.issue["expression"] == [f"http.{name}"]
    assert served.get(f"Patient?{name}=a", prefer="handling=strict").status == 400


@pytest.mark.parametrize("query", ["_elements=subject,nonsense", "_elements=nonsense"])
def test_elements_that_are_none_are_told(served, ids, query):
    path = f"ImagingSelection?_id={ids.instance}&{query}"
    lenient = served.get(path)
    strict = served.get(path, prefer="handling=strict")

    (outcome,) = lenient.of_mode("outcome")
    assert outcome["issue"][0]["diagnostics"] == "had no effect: _elements"
    assert "nonsense" not in lenient.links["self"]
    assert (strict.status, strict.issue["expression"]) == (400, ["http._elements"])


def test_the_elements_are_those_of_r5():
    fields = ImagingSelection.model_fields.items()
    names = {
        field.alias or name for name, field in fields if not name.endswith("__ext")
    }
    assert {*ELEMENTS} == names - {"resource_type", "fhir_comments"}


@pytest.mark.usefixtures("ids")
def test_a_page_as_large_as_one_likes_is_no_larger_than_the_maximum(served):
    served.with_site(maximum_page_size=2)
    answer = served.get("ImagingSelection?_count=99999999999")
    assert len(answer.ids) == 2
    assert answer.links["self"].endswith("_count=2")


def test_related_resources_come_in_pages(served):
    for number in range(5):
        served.store(structure_set(number, rois=1))
    every = served.get("Patient").ids
    answer = served.get("Patient?_count=2")
    found = list(answer.ids)
    while "next" in answer.links:
        answer = served.get(answer.links["next"])
        found += answer.ids
    assert found == every
    assert len(found) == 5
    assert served.get("Patient?_count=0").json["total"] == 5
    assert served.get("Patient?_count=1&_total=accurate").json["total"] == 5


def test_includes_follow_references_once(served, ids):
    answer = served.get(
        "ImagingSelection?_include=ImagingSelection:subject:Patient"
        f"&patient={ids.patient}"
    )
    both = served.get(f"ImagingSelection?_include=*&patient={ids.patient}")

    included = {each["id"] for each in both.of_mode("include")}
    assert [each["id"] for each in answer.of_mode("include")] == [ids.patient]
    assert included == {ids.patient, ids.study, "dicom-web"}
    assert answer.ids == both.ids
    parse_r5(both.json)


# Orthanc's own levels, status, reconcile.


def test_a_failure_below_a_study_is_told_beside_the_rest(served, ids):
    failed = served.orthanc.entries[ids.instance].__class__
    other = "00000000-00000000-00000000-00000000-00000000"
    served.orthanc.entries[other] = failed(
        other, "failed", "mark", "version", NOW, reason="broken-113047"
    )
    served.orthanc.children["studies", ids.study] = [ids.instance, other]

    answer = served.get(f"/studies/{ids.study}/imaging-selection")

    parse_r5(answer.json)
    assert answer.ids[0] == ids.instance
    (outcome,) = answer.of_mode("outcome")
    assert "broken-113047" in outcome["issue"][0]["diagnostics"]
    read = served.get(f"/instances/{other}/imaging-selection")
    assert (read.status, read.issue["code"]) == (422, "processing")
    assert served.get("/series/unknown/imaging-selection").status == 404
    assert served.get("/instances/unknown/imaging-selection").status == 404


def test_a_reconcile_is_asked_for(served):
    path = "/imaging-selection/reconcile"
    assert served.get(path, "POST").status == 200
    assert served.get(path, "POST", b'{"force": true}').status == 200
    assert served.orthanc.forced == [False, True]
    assert served.get(path, "POST", b"[]").status == 400
    assert served.get(path, "POST", b'{"force": 1}').status == 400
    assert served.get("/imaging-selection/status").json == {"structureSets": 0}


def test_an_unforeseen_error_is_an_outcome_without_its_text(served, ids, caplog):
    def fail(_identity):
        raise ValueError("NAME-113047")

    served.orthanc.is_waiting = fail
    answer = served.get(f"ImagingSelection/{ids.instance}")

    assert (answer.status, answer.issue["code"]) == (500, "exception")
    assert "113047" not in answer.body.decode() + caplog.text
    assert re.search("ValueError", caplog.text)


def test_a_search_that_would_read_every_patient_is_refused():
    identities = [f"p{number:04}" for number in range(MAXIMUM_READ + 1)]
    directory = SimpleNamespace(
        read=lambda kind, identity, _origin: {"resourceType": kind, "id": identity},
        ids=lambda _kind, _identifiers, after, limit: [
            each for each in identities if each > after
        ][:limit],
    )
    routes = ResourceHandlers(
        directory,
        "Patient",
        RELATED["Patient"],
        Urls(Site(), "http"),
        lambda _request, parameters: Context(parameters),
    )

    def search(*pairs):
        return routes.search(Request("GET", "/fhir/Patient", pairs))

    assert len(orjson.loads(search(("_count", "3")).body)["entry"]) == 3
    for query in ("_count=0", "_total=accurate", "identifier:missing=false"):
        with pytest.raises(HttpError) as caught:
            search(tuple(query.split("=")))
        assert caught.value.status == 400
        assert caught.value.outcome["issue"][0]["code"] == "too-costly"
