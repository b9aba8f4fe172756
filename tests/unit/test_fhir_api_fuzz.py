"""Anything may be asked: no error of ours, no silent wrong answer, always R5."""

import re
from urllib.parse import parse_qsl, urlsplit

import pytest
from builders import make_rtstruct, roi
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from imaging_selection.messages import Request
from imaging_selection.search import PARAMETERS
from search_cases import pairs as good_pairs
from search_cases import searches
from served import BASE, Answer, Served, parse_r5

ROUNDS = settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

any_text = st.text(max_size=20) | st.text(
    alphabet="\\|,$:;%&=+ '\"<>*()[]{}\0\r\n\t-.0129TZabge", max_size=20
)
names = st.one_of(
    st.sampled_from([*PARAMETERS, "_sort", "_count", "_include", "_elements"]),
    st.sampled_from(["_total", "_summary", "_cursor", "_format", "_pretty", "_has"]),
    any_text,
)
modified = st.builds(
    "{}{}".format, names, st.sampled_from(["", ":", ":not", ":missing", ":text", ":x"])
)
wild_pairs = st.tuples(modified, any_text)
requests = st.lists(st.one_of(wild_pairs, good_pairs), max_size=4)
headers = st.dictionaries(
    st.sampled_from(
        [
            *("accept", "prefer", "if-none-match", "if-modified-since", "host"),
            *("x-forwarded-host", "x-forwarded-proto", "x-forwarded-prefix"),
            *("x-original-uri", "origin", "content-type"),
        ]
    ),
    st.one_of(
        any_text,
        st.sampled_from(
            [
                *("application/json", "application/fhir+json;q=0.5", "handling=strict"),
                *("*/*", 'W/"1"', "Fri, 02 Jan 2026 03:04:05 GMT", "https"),
                *("/a/fhir/ImagingSelection?status=available", "http://["),
            ]
        ),
    ),
    max_size=4,
)


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    site = {"trust_forwarded_headers": True, "cors_origins": ("*",)}
    served = Served(tmp_path_factory.mktemp("served"), **site)
    served.ids = served.store(make_rtstruct(roi(1), roi(2, "Œdème, |x|")))
    yield served
    served.database.close()


def check(answer, *, expects_search):
    assert answer.status in {200, 304, 400, 404, 405, 406, 410, 415}, answer.body
    if answer.status == 304:
        assert not answer.body
        return
    parse_r5(answer.json)
    if answer.status != 200:
        assert answer.issue["severity"] == "error"
        assert answer.issue["diagnostics"]
    elif expects_search:
        assert answer.json["resourceType"] == "Bundle"
        parts = urlsplit(answer.links["self"])
        assert parts.scheme in {"http", "https"}
        assert re.fullmatch(r"[!-~]*", answer.links["self"])


def ask(served, path, pairs, sent, method="GET"):
    lower = {"host": "host-113047", **sent}
    request = Request(method, path, tuple(pairs), lower, b"")
    return Answer(served.api.handle(request))


@ROUNDS
@given(
    requests, headers, st.sampled_from(["ImagingSelection", "Patient", "CodeSystem"])
)
def test_any_search_gets_an_answer_of_r5(served, pairs, sent, kind):
    check(ask(served, f"/fhir/{kind}", pairs, sent), expects_search=True)


@ROUNDS
@given(any_text, requests, headers, st.sampled_from(["GET", "POST", "PUT"]))
def test_any_path_gets_an_answer_of_r5(served, text, pairs, sent, method):
    for path in (
        f"/fhir/{text}",
        f"/fhir/ImagingSelection/{text}",
        f"/fhir/Patient/{text}",
    ):
        check(ask(served, path, pairs, sent, method), expects_search=False)


@ROUNDS
@given(headers)
def test_any_headers_get_an_answer_to_a_read(served, sent):
    path = f"/fhir/ImagingSelection/{served.ids.instance}"
    check(ask(served, path, (), sent), expects_search=False)


@ROUNDS
@given(searches)
def test_the_self_link_finds_the_same(served, pairs):
    first = ask(served, "/fhir/ImagingSelection", pairs, {})
    assert first.status == 200
    again = served.get(first.links["self"])
    assert again.json == first.json
    assert parse_qsl(urlsplit(first.links["self"]).query) == pairs
    assert first.links["self"].startswith(BASE)
