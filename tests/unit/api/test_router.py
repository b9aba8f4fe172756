"""The table of routes: what it serves, and what is not there or not possible."""

import re

import pytest
from imaging_selection.api.http import Response, Route
from imaging_selection.api.router import Api
from support.served import BASE, Site, parse_r5

UNKNOWN = "0a9b3153-2512774b-2d9580de-1fc3dcf6-3bd83918"


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
        "Observation",
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
        (f"/studies/{UNKNOWN}/imaging-selection", "GET"),
        ("ImagingSelection/_search", "POST"),
        (f"ImagingSelection/{UNKNOWN}/$contours", "GET, POST"),
        ("/imaging-selection/status", "GET"),
        ("/imaging-selection/reconcile", "POST"),
    ],
)
def test_another_method_is_refused_with_those_that_are_allowed(served, path, allowed):
    for method in {"GET", "POST", "PUT", "DELETE"} - {*allowed.split(", ")}:
        answer = served.get(path, method)
        assert (answer.status, answer.issue["code"]) == (405, "not-supported")
        assert answer.headers["Allow"] == allowed


@pytest.mark.parametrize(
    ("method", "at_fault"), [("GET", "http.path"), ("POST", "Bundle")]
)
def test_the_whole_system_is_neither_searched_nor_written(served, method, at_fault):
    answer = served.get(BASE, method, b"{}")
    assert (answer.status, answer.issue["code"]) == (400, "not-supported")
    assert answer.issue["expression"] == [at_fault]


def test_the_status_is_json(served):
    answer = served.get("/imaging-selection/status")
    assert (answer.status, answer.content_type) == (200, "application/json")
    assert answer.json == {"structureSets": 0}


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
    answer = served.get("/imaging-selection/reconcile", "POST", body)
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
    answer = served.get("/imaging-selection/reconcile", "POST", body)
    assert (answer.status, answer.issue["code"]) == (400, "invalid")
    assert answer.issue["expression"] == ["http.body"]
    assert served.orthanc.forced == []
