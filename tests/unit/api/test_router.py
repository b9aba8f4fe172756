"""The table of routes: what it serves, and what is not there or not possible."""

import re

import pytest
from imaging_selection.api.http import Request, Response, Route
from imaging_selection.api.router import Api
from imaging_selection.store.engine import Database
from imaging_selection.store.selections import Selections
from support.served import BASE, Answer, Site, parse_r5, structure_set

UNKNOWN = "0a9b3153-2512774b-2d9580de-1fc3dcf6-3bd83918"
OTHER = UNKNOWN[::-1]


def test_no_two_routes_answer_one_request(served):
    keys = [(each.method, each.path, each.media) for each in served.api.routes]
    assert len(keys) == len({*keys})
    assert {each.media for each in served.api.routes} == {"fhir", "json"}


def test_every_route_is_served(served):
    for route in served.api.routes:
        path = re.sub(r"{\w+}", UNKNOWN, route.path)
        answer = served.get(path, route.method)
        assert answer.status not in {405, 500}
        assert "nothing is served here" not in answer.body.decode()


def test_a_further_route_is_served_and_a_page_where_html_is_preferred(served):
    def further(_request, *parts):
        return Response(200, repr(parts).encode(), "text/plain")

    routes = [
        Route("GET", "/further/{a}/b/{c}", further, "further", "json"),
        Route("GET", "/fhir/metadata", further, "page", "page"),
    ]
    orthanc = served.orthanc
    served.api = Api(served.selections, orthanc, orthanc, Site(), further_routes=routes)
    answer = served.raw("/further/1/b/2$")
    assert (answer.status, answer.body) == (200, b"('1', '2$')")
    assert served.raw("/further/1/b/2/").status == 404
    assert served.raw("/further/_1/b/2").status == 404
    assert served.raw("/fhir/metadata", accept="text/html").body == b"()"
    assert served.raw("/fhir/metadata", accept="*/*").content_type.startswith(
        "application/fhir+json"
    )


@pytest.mark.usefixtures("ids")
@pytest.mark.parametrize(
    "path",
    [
        "imagingselection",
        "DiagnosticReport",
        "nothing/at/all",
        f"ImagingSelection/{UNKNOWN}/x",
        "ImagingSelection/$unheard",
        "metadata/",
        "/fhirx/metadata",
        "/x/fhir/metadata",
        "/imaging-selection/unheard",
        f"/studies/{UNKNOWN}/imaging-selection",
        f"/series/{UNKNOWN}/imaging-selection",
        f"/instance/{UNKNOWN}/imaging-selection",
    ],
)
def test_what_is_not_there_is_not_found(served, path):
    answer = served.get(path)
    assert (answer.status, answer.issue["code"]) == (404, "not-found")
    assert answer.issue["expression"] == ["http.path"]
    parse_r5(answer.json)


def test_a_list_has_its_slash_or_not(served, ids):
    assert served.get("ImagingSelection/").ids == served.get("ImagingSelection").ids
    assert served.get("Patient/").ids == [ids.patient]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "HEAD"])
def test_nothing_can_be_written(served, ids, method):
    for path in ("ImagingSelection", f"ImagingSelection/{ids.instance}", "metadata"):
        answer = served.get(path, method)
        assert answer.status == 405
        assert answer.headers["Allow"] == "GET"
        assert answer.issue["code"] == "not-supported"
    assert served.get("ImagingSelection/_search", "PUT").headers["Allow"] == "POST"


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        (f"/instances/{UNKNOWN}/imaging-selection", "GET"),
        (f"/instances/{UNKNOWN}/fhir", "GET"),
        (f"/studies/{UNKNOWN}/imaging-selection", "GET"),
        ("ImagingSelection/_search", "POST"),
        (f"ImagingSelection/{UNKNOWN}/$contours", "GET, POST"),
        ("/imaging-selection/status", "GET"),
        ("/imaging-selection/compare", "GET"),
        ("/imaging-selection/reconcile", "POST"),
    ],
)
def test_another_method_is_refused_with_those_that_are_allowed(served, path, allowed):
    for method in {"GET", "POST", "PUT", "DELETE"} - {*allowed.split(", ")}:
        answer = served.get(path, method)
        assert (answer.status, answer.issue["code"]) == (405, "not-supported")
        assert answer.headers["Allow"] == allowed


def test_the_whole_system_is_not_searched(served):
    answer = served.get(BASE)
    assert (answer.status, answer.issue["code"]) == (400, "not-supported")
    assert answer.issue["expression"] == ["http.path"]


def test_the_status_is_json(served):
    answer = served.get("/imaging-selection/status")
    assert (answer.status, answer.content_type) == (200, "application/json")
    assert answer.json == {"structureSets": 0}


def test_two_structure_sets_are_compared(served):
    served.orthanc.files |= {UNKNOWN: structure_set(1), OTHER: structure_set(1)}
    served.orthanc.entries |= {UNKNOWN: object(), OTHER: object()}
    answer = served.get(f"/imaging-selection/compare?from={UNKNOWN}&to={OTHER}")
    assert (answer.status, answer.content_type) == (200, "application/json")
    assert [each["changes"] for each in answer.json["rois"]] == [[], [], []]


def test_structure_sets_of_two_patients_are_not_compared(served):
    served.orthanc.files |= {UNKNOWN: structure_set(1), OTHER: structure_set(2)}
    served.orthanc.entries |= {UNKNOWN: object(), OTHER: object()}
    answer = served.get(f"/imaging-selection/compare?from={UNKNOWN}&to={OTHER}")
    assert answer.status == 422
    assert "two patients" in str(answer.issue)


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("", 400),
        (f"?from={UNKNOWN}", 400),
        (f"?from={UNKNOWN}&to={UNKNOWN}&x=1", 400),
        (f"?from={UNKNOWN}&to={UNKNOWN}", 404),
        ("?from=a&to=b", 404),
    ],
)
def test_a_comparison_needs_two_structure_sets(served, query, status):
    assert served.get(f"/imaging-selection/compare{query}").status == status


def reconcile(served, body=b"{}", content_type="application/json", **headers):
    headers["content-type"] = content_type
    return served.get("/imaging-selection/reconcile", "POST", body, **headers)


@pytest.mark.parametrize(
    ("body", "force"),
    [
        (b"", False),
        (b"{}", False),
        (b'{"force":false}', False),
        (b'{"force": true}', True),
    ],
)
def test_a_sweep_is_asked_for(served, body, force):
    answer = reconcile(served, body)
    assert (answer.status, answer.content_type) == (200, "application/json")
    assert served.orthanc.forced == [force]


@pytest.mark.parametrize(
    "body",
    [
        *(b"x", b"[]", b"1", b'"force"', b'{"force": null}', b"\xff"),
        *(b'{"Force": true}', b'{"force": true, "other": 1}', b'{"force": 1}'),
    ],
)
def test_a_sweep_that_cannot_be_understood_is_refused(served, body):
    answer = reconcile(served, body)
    assert (answer.status, answer.issue["code"]) == (400, "invalid")
    assert answer.issue["expression"] == ["http.body"]
    assert served.orthanc.forced == []


@pytest.mark.parametrize(
    "content_type",
    ["", "text/plain", "application/x-www-form-urlencoded", "application/jsonp"],
)
@pytest.mark.parametrize("body", [b"", b"{}"])
def test_what_a_form_of_a_foreign_page_can_send_starts_no_sweep(
    served, body, content_type
):
    answer = reconcile(served, body, content_type)
    assert (answer.status, answer.issue["code"]) == (415, "not-supported")
    assert answer.issue["expression"] == ["http.Content-Type"]
    assert served.orthanc.forced == []


@pytest.mark.parametrize(
    ("site", "status"),
    [
        *[("same-origin", 200), ("none", 200)],
        *[("cross-site", 403), ("same-site", 403), ("anything", 403)],
    ],
)
def test_a_page_of_another_origin_starts_no_sweep(served, site, status):
    answer = reconcile(served, sec_fetch_site=site)
    assert answer.status == status
    assert served.orthanc.forced == [False] * (status == 200)
    if status == 403:
        assert answer.issue["code"] == "forbidden"
        assert answer.issue["expression"] == ["http.Sec-Fetch-Site"]


def test_every_route_with_an_effect_is_closed_to_other_pages(served):
    def change(_request):
        raise AssertionError("it was called")

    further = [Route("POST", "/further/change", change, "change", "json")]
    orthanc = served.orthanc
    served.api = Api(
        served.selections, orthanc, orthanc, Site(), further_routes=further
    )
    changing = [each for each in served.api.routes if each.has_effect]
    assert [each.path for each in changing] == [
        "/imaging-selection/reconcile",
        "/imaging-selection/deliveries/{name}/resend",
        "/further/change",
    ]
    for each in changing:
        path, json = each.path, {"content-type": "application/json"}
        assert served.get(path, each.method).status == 415
        assert served.get(path, each.method, sec_fetch_site="cross-site").status == 403
        crossing = served.get(path, each.method, sec_fetch_site="cross-site", **json)
        assert crossing.status == 403


def test_pages_of_other_origins_may_read_all_the_same(served, ids):
    answer = served.get(f"ImagingSelection/{ids.instance}", sec_fetch_site="cross-site")
    assert answer.status == 200
    pairs = [("_id", ids.instance)]
    answer = served.post("ImagingSelection/_search", pairs, sec_fetch_site="cross-site")
    assert answer.ids == [ids.instance]


@pytest.mark.parametrize(
    "path",
    [
        *("Patient/\0", "Patient\0", "Patient/\0/ImagingSelection", "Patient/\n"),
        *("ImagingSelection/\x7f", "metadata\0", "Patient/a\u0085", "Patient/\ud800"),
        *("Patient//ImagingSelection", "ImagingSelection//$contours", "Patient//"),
        *("/instances/\0/imaging-selection", "/patients/\r/imaging-selection"),
        *("/instances//imaging-selection", "/imaging-selection/status\0"),
        *("/instances//fhir", "/instances/\0/fhir"),
        "/series/a\0b/imaging-selection",
    ],
)
def test_a_path_without_an_id_or_with_a_control_character_is_not_found(
    served, ids, path
):
    served.orthanc.children = {("patients", "\r"): [ids.instance]}
    path = path if path.startswith("/") else f"/fhir/{path}"
    answer = Answer(served.api.handle(Request("GET", path)))
    assert (answer.status, answer.issue["code"]) == (404, "not-found")


@pytest.mark.parametrize("path", ["Patient/..", "Patient/.", "Patient/%2e%2e"])
def test_a_path_does_not_lead_upwards(served, ids, path):
    answer = Answer(served.api.handle(Request("GET", f"/fhir/{path}")))
    assert (answer.status, answer.issue["expression"]) == (404, ["Patient.id"])
    compartment = Request("GET", f"/fhir/{path}/ImagingSelection")
    assert Answer(served.api.handle(compartment)).ids == []
    assert served.get(f"Patient/{ids.patient}/ImagingSelection").ids


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [
        ("metadata", "GET", 200),
        ("ImagingSelection", "GET", 200),
        ("ImagingSelection/{ids.instance}", "GET", 200),
        ("ImagingSelection/{ids.instance}/_history", "GET", 200),
        ("ImagingSelection/{ids.instance}/_history/1", "GET", 200),
        ("ImagingSelection/{ids.instance}/$contours", "GET", 200),
        ("ImagingSelection/{gone}", "GET", 410),
        ("ImagingSelection/unknown", "GET", 404),
        ("ImagingSelection?issued=never", "GET", 400),
        ("ImagingSelection?_format=xml", "GET", 406),
        ("ImagingSelection/_search", "POST", 400),
        ("Patient", "GET", 200),
        ("Patient/{ids.patient}", "GET", 200),
        ("CodeSystem", "GET", 200),
        ("nothing", "GET", 404),
        ("/instances/{ids.instance}/imaging-selection", "GET", 200),
        ("/instances/{ids.instance}/fhir", "GET", 200),
        ("/studies/unknown/imaging-selection", "GET", 404),
    ],
)
def test_no_cache_may_keep_an_answer_for_other_users(served, ids, path, method, status):
    gone = served.store(structure_set(7)).instance
    served.remove(gone)
    served.orthanc.files[ids.instance] = structure_set()
    answer = served.get(path.format(ids=ids, gone=gone), method)
    assert answer.status == status
    assert answer.headers["Cache-Control"] == "private, no-cache"
    if "ETag" in answer.headers:
        path, etag = path.format(ids=ids), answer.headers["ETag"]
        again = served.get(path, method, if_none_match=etag)
        assert again.status == 304
        assert again.headers["Cache-Control"] == "private, no-cache"


@pytest.fixture
def hasty(served, tmp_path):
    """An API in which the time of every search is over at once."""
    database = Database(f"sqlite:///{tmp_path}/store.db", search_seconds=0)
    orthanc = served.orthanc
    served.api = Api(Selections(database), orthanc, orthanc, Site())
    yield served
    database.close()


@pytest.mark.parametrize(
    "path",
    [
        *("ImagingSelection", "Patient", "ImagingStudy?patient=a"),
        *("Patient/a/ImagingSelection", "Patient/a/ImagingStudy"),
        *("ImagingSelection?_count=0", "/studies/a/imaging-selection"),
        f"/instances/{UNKNOWN}/fhir",
    ],
)
def test_a_search_beyond_its_time_is_told_what_to_do(hasty, path):
    hasty.orthanc.children["studies", "a"] = []
    answer = hasty.get(path)
    assert (answer.status, answer.issue["code"]) == (422, "too-costly")
    assert "SearchSeconds" in answer.issue["diagnostics"]
    parse_r5(answer.json)


def test_what_is_no_search_has_no_deadline(hasty, ids):
    for path in (
        f"ImagingSelection/{ids.instance}",
        f"Patient/{ids.patient}",
        "metadata",
        "CodeSystem",
        "/imaging-selection/status",
    ):
        assert hasty.get(path).status == 200


@pytest.mark.parametrize(
    ("path", "lane"),
    [
        ("/imaging-selection/status", "status"),
        ("/fhir/metadata", "status"),
        ("/nothing/here", "status"),
        (f"/fhir/ImagingSelection/{UNKNOWN}", "read"),
        (f"/fhir/Patient/{UNKNOWN}", "read"),
        ("/fhir/ImagingSelection", "search"),
        (f"/fhir/Patient/{UNKNOWN}/$everything", "search"),
        (f"/studies/{UNKNOWN}/imaging-selection", "search"),
        (f"/instances/{UNKNOWN}/fhir", "search"),
        (f"/fhir/ImagingSelection/{UNKNOWN}/$contours", "file"),
        ("/imaging-selection/compare", "file"),
    ],
)
def test_what_a_request_waits_for_decides_which_threads_answer_it(served, path, lane):
    assert served.api.lane_of(Request("GET", path)) == lane
