"""Which format is sent, by `Accept` and `_format` (R5 http.html; RFC 9110, 12.5.1)."""

from urllib.parse import parse_qsl, urlsplit

import orjson
import pytest
from imaging_selection.api.accept import FORM, NDJSON, is_strict, prefers_page
from imaging_selection.api.http import Request
from imaging_selection.fhir.datatypes import FHIR_JSON
from imaging_selection.host.callbacks import request_of
from support.served import Answer, structure_set

JSON = "application/json; charset=utf-8"
TEXT = "text/json; charset=utf-8"
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8"


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        (None, None),
        ("*/*", None),
        ("application/*", None),
        ("application/fhir+json", None),
        ("application/fhir+json; fhirVersion=5.0", None),
        ("application/fhir+json; fhirVersion=5.0.0; charset=utf-8", None),
        ("application/json+fhir", None),
        ("APPLICATION/FHIR+JSON", None),
        ("application/json", JSON),
        ("text/json", TEXT),
        ("text/*", TEXT),
        ("text/html, application/json;q=0.9", JSON),
        ("application/fhir+xml, application/fhir+json;q=0.1", None),
        ("application/json;q=0.1, application/fhir+json", None),
        # A refusal of one type leaves the others.
        ("application/fhir+json;q=0, */*", JSON),
        ("*/*, application/fhir+json;q=0", JSON),
        ("application/json;q=0, */*", None),
        ("application/fhir+json;q=0.0, application/json", JSON),
        ("*/*;q=0, application/json", JSON),
        ("application/*;q=0, */*", TEXT),
        ("application/*;q=0, application/json;q=0.1", JSON),
        # The most specific range decides, wherever it stands.
        ("application/json, */*", JSON),
        ("*/*, application/json", JSON),
        ("*/*;q=0.9, application/fhir+json;q=0.1", JSON),
        (
            "application/*;q=0.2, application/json;q=0.5, */*;q=1",
            "text/json; charset=utf-8",
        ),
        # What is no range is passed over; a weight that is none is 1.
        ("application/json;q=high", JSON),
        ("application/json;q=7, application/fhir+json;q=0.9", JSON),
        ("application/json;q=nan", JSON),
        ("nonsense, application/json", JSON),
        (",application/json,", JSON),
        ('application/json; profile="a;b"', JSON),
        ("application/fhir+json; fhirVersion=4.0, */*;q=0.1", None),
    ],
)
def test_json_is_sent_to_those_who_accept_it(served, accept, content_type):
    headers = {"accept": accept} if accept else {}
    answer = served.get("metadata", **headers)
    assert answer.status == 200
    assert answer.content_type == (content_type or FHIR_JSON)


@pytest.mark.parametrize(
    "accept",
    [
        "application/fhir+xml",
        "text/html",
        "application/fhir+json; fhirVersion=4.0",
        "application/fhir+json;q=0",
        "application/fhir+json;q=0, application/json;q=0.000",
        "*/*;q=0",
        "application/*;q=0, text/*;q=0, */*",
        "*/*;q=0, text/html",
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


@pytest.mark.parametrize(
    ("accept", "is_page"),
    [
        (BROWSER, True),
        ("text/html", True),
        ("text/html, */*;q=0.1", True),
        ("*/*;q=0.1, text/html;q=0.2", True),
        ("application/fhir+json;q=0.9, text/html", True),
        ("text/html;q=0.5, application/json", False),
        ("text/html;q=0, */*", False),
        ("text/html, application/fhir+json", False),
        ("text/*", False),
        ("*/*", False),
        ("", False),
    ],
)
def test_who_prefers_html_gets_a_page(accept, is_page):
    assert prefers_page(Request("GET", "/", headers={"accept": accept})) is is_page


def test_who_says_in_the_url_what_is_wanted_gets_no_page():
    headers = {"accept": BROWSER}
    assert not prefers_page(Request("GET", "/", (("_format", "json"),), headers))
    assert not prefers_page(Request("POST", "/", headers=headers))


@pytest.mark.parametrize(
    ("prefer", "expected"),
    [
        ("handling=strict", True),
        ("respond-async, handling=strict", True),
        ('return=minimal; Handling = "strict"', True),
        ("handling=lenient", False),
        ("handling=stricter", False),
        ("", False),
    ],
)
def test_a_search_is_read_strictly_if_the_client_prefers_that(prefer, expected):
    assert is_strict(Request("GET", "/", headers={"prefer": prefer})) is expected


@pytest.mark.usefixtures("ids")
def test_a_search_is_posted_as_a_form(served):
    answer = served.get(
        "ImagingSelection/_search", "POST", b"{}", content_type="application/json"
    )
    assert (answer.status, answer.issue["expression"]) == (415, ["http.Content-Type"])


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


def test_a_form_beyond_the_limit_is_refused_before_it_is_parsed(served):
    passed = {"method": "POST", "headers": {"Content-Type": FORM}}
    for number, status in ((9_000, 200), (20_000, 400), (100_000, 413)):
        body = b"_include=*&" * number
        path = "/fhir/ImagingSelection/_search"
        request = request_of(path, passed | {"body": body}, escaped=True)
        assert bool(request.parameters) == (status != 413)
        answer = Answer(served.api.handle(request))
        assert answer.status == status
        if status != 200:
            assert answer.issue["code"] == "too-costly"


def lines_of(served, url, **headers):
    parts = urlsplit(url)
    request = Request(
        "GET", parts.path, tuple(parse_qsl(parts.query)), {"host": "host", **headers}
    )
    response = served.api.handle(request)
    assert response.content_type == NDJSON
    assert response.headers["Vary"] == "Accept"
    links = dict(
        reversed(each.split("; ")) for each in response.headers["Link"].split(", ")
    )
    return [*map(orjson.loads, response.body.splitlines())], links


@pytest.mark.parametrize(
    ("asked", "accept"),
    [
        ("&_format=ndjson", "*/*"),
        ("&_format=application/fhir%2Bndjson", "*/*"),
        ("", "application/ndjson"),
        ("", "application/fhir+ndjson, application/fhir+json;q=0.5"),
    ],
)
@pytest.mark.usefixtures("ids")
def test_a_search_answers_with_one_resource_a_line(served, asked, accept):
    query = "/fhir/ImagingSelection?_count=2&nonsense=1&_include=*"
    whole = served.get(f"http://host{query}", host="host")
    found, links = lines_of(served, query + asked, accept=accept)
    assert found == [each["resource"] for each in whole.json["entry"]]
    following, _ = lines_of(served, links['rel="next"'].strip("<>"), accept=accept)
    assert len(following) == 2 + 2 + 1  # two matches, what they refer to, a warning
    assert not {each["id"] for each in following[:2]} & {e["id"] for e in found[:2]}


def test_only_searches_are_answered_in_lines(served, ids):
    for url in (f"Patient/{ids.patient}", "metadata", "_history"):
        assert served.get(f"{url}?_format=ndjson").status == 406
    for count in ("_count=0", "_summary=count"):
        assert served.get(f"Patient?{count}&_format=ndjson").status == 406
    wrong = served.get("Patient?nonsense=1&_format=ndjson")
    assert (wrong.status, wrong.content_type) == (400, FHIR_JSON)
    for path in ("CodeSystem", f"Patient/{ids.patient}/$everything", "Patient/a/*"):
        lines_of(served, f"/fhir/{path}", accept="application/ndjson")
