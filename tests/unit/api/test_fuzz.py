"""Anything may be asked: no error of ours, no silent wrong answer, always R5."""

import re
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from imaging_selection.api.http import Request
from imaging_selection.host.callbacks import request_of
from imaging_selection.search.parameters import PARAMETERS
from support.builders import make_rtstruct, roi
from support.search_cases import pairs as good_pairs
from support.search_cases import searches
from support.served import BASE, Answer, Served, parse_r5

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
    file = make_rtstruct(roi(1), roi(2, "Œdème, |x|"))
    served.ids = served.store(file)
    served.orthanc.files[served.ids.instance] = file
    yield served
    served.database.close()


bodies = st.one_of(
    st.binary(max_size=40),
    requests.map(lambda pairs: urlencode(pairs, errors="replace").encode()),
    st.lists(good_pairs, max_size=3).map(lambda pairs: urlencode(pairs).encode()),
    st.sampled_from([b"{", b"[]", b"null", b'{"resourceType":"Parameters"}']),
)
content_types = st.one_of(
    st.none(),
    any_text,
    st.sampled_from(
        [
            *("application/x-www-form-urlencoded", "application/fhir+json"),
            *("application/x-www-form-urlencoded; charset=latin-1", "text/plain"),
        ]
    ),
)


def check(answer, *, expects_search):
    assert answer.status in {200, 304, 400, 404, 405, 406, 410, 415}, answer.body
    for name, value in answer.headers.items():
        assert re.fullmatch(r"[A-Za-z-]+", name)
        assert re.fullmatch(r"[ -~]*", value)
    if answer.status == 304:
        assert not answer.body
        return
    parse_r5(answer.json)
    if answer.status != 200:
        assert answer.issue["severity"] == "error"
        assert answer.issue["diagnostics"]
        assert answer.issue["expression"]
    elif expects_search:
        assert answer.json["resourceType"] == "Bundle"
        parts = urlsplit(answer.links["self"])
        assert parts.scheme in {"http", "https"}
        assert re.fullmatch(r"[!-~]*", answer.links["self"])


def ask(served, path, pairs, sent, method="GET"):
    lower = {"host": "host-113047", **sent}
    request = Request(method, path, tuple(pairs), lower, b"")
    return Answer(served.api.handle(request))


@given(
    requests,
    headers,
    st.sampled_from(["ImagingSelection", "Patient", "ImagingStudy", "CodeSystem"]),
)
def test_any_search_gets_an_answer_of_r5(served, pairs, sent, kind):
    check(ask(served, f"/fhir/{kind}", pairs, sent), expects_search=True)


def told_of(answer):
    """The names that a search says it applied, or did not."""
    applied = parse_qsl(urlsplit(answer.links["self"]).query, keep_blank_values=True)
    ignored = [
        name
        for outcome in answer.of_mode("outcome")
        for issue in outcome["issue"]
        for name in issue["diagnostics"].removeprefix("had no effect: ").split(", ")
    ]
    return {name for name, _ in applied}, set(ignored)


words = st.text("abcdefgh_:-", min_size=1, max_size=8)
OF_R5 = st.sampled_from(
    [
        *("_content", "_text", "_filter", "_list", "_security", "_source", "_in"),
        *("_language", "_type", "active", "address", "death-date", "link", "phone"),
        *("general-practitioner", "dicom-class", "encounter", "performer", "referrer"),
        *(
            "body-site",
            "patient.phonetic",
            "subject:Group.name",
            "_has:Group:member:_id",
        ),
        *("modality:above", "name:phonetic", "identifier:in", "started:exact"),
    ]
)
any_names = st.one_of(names, words, modified, OF_R5, any_text)


@given(
    st.lists(st.tuples(any_names, any_text | words), max_size=3),
    st.sampled_from(["Patient", "ImagingStudy", "Patient/{}/ImagingStudy"]),
    st.booleans(),
)
def test_of_who_is_a_patient_nothing_is_answered_that_was_not_applied(
    served, pairs, kind, posted
):
    path = kind.format(served.ids.patient)
    if posted:
        answer = served.post(f"{path}/_search", pairs)
    else:
        answer = ask(served, f"/fhir/{path}", pairs, {})
    if answer.status != 200:
        return
    applied, ignored = told_of(answer)
    without_effect = {"_cursor", "_format", "_pretty"}
    asked = {name for name, value in pairs if value} - without_effect
    assert not ignored
    assert asked <= applied


@given(st.lists(st.one_of(good_pairs, st.tuples(words, words)), max_size=4))
def test_what_was_asked_for_was_applied_or_is_said_not_to_be(served, pairs):
    answer = ask(served, "/fhir/ImagingSelection", pairs, {})
    if answer.status == 200:
        applied, ignored = told_of(answer)
        assert {name for name, _ in pairs} == applied | ignored
        assert not applied & ignored
        strict = ask(
            served, "/fhir/ImagingSelection", pairs, {"prefer": "handling=strict"}
        )
        assert strict.status == (400 if ignored else 200)


@given(
    bodies,
    content_types,
    headers,
    st.sampled_from(
        [
            *("ImagingSelection/_search", "Patient/_search", "ImagingSelection", ""),
            *("Patient/a/ImagingSelection/_search", "CodeSystem/_search"),
            *("Patient/a/ImagingStudy/_search", "ImagingStudy/_search"),
        ]
    ),
)
def test_any_body_gets_an_answer_of_r5(served, body, content_type, sent, path):
    sent = {"host": "host-113047", **sent}
    if content_type is not None:
        sent["Content-Type"] = content_type
    passed = {"method": "POST", "headers": sent, "body": body}
    answer = Answer(
        served.api.handle(request_of(f"/fhir/{path}", passed, escaped=True))
    )
    check(answer, expects_search=True)


@given(bodies, content_types)
def test_any_body_gets_an_answer_to_an_operation(served, body, content_type):
    headers = {} if content_type is None else {"Content-Type": content_type}
    path = f"/fhir/ImagingSelection/{served.ids.instance}-1/$contours"
    passed = {"method": "POST", "headers": headers, "body": body}
    answer = Answer(served.api.handle(request_of(path, passed, escaped=True)))
    check(answer, expects_search=False)


@given(st.dictionaries(any_text, any_text | st.from_regex("(%[0-9A-Fa-f]{2}){1,5}")))
def test_any_query_string_gets_an_answer_of_r5(served, query):
    passed = {"method": "GET", "headers": {}, "get": query}
    request = request_of("/fhir/ImagingSelection", passed, escaped=True)
    check(Answer(served.api.handle(request)), expects_search=True)


@given(any_text, requests, headers, st.sampled_from(["GET", "POST", "PUT"]))
def test_any_path_gets_an_answer_of_r5(served, text, pairs, sent, method):
    for path in (
        f"/fhir/{text}",
        f"/fhir/ImagingSelection/{text}",
        f"/fhir/Patient/{text}",
    ):
        check(ask(served, path, pairs, sent, method), expects_search=False)


@given(headers)
def test_any_headers_get_an_answer_to_a_read(served, sent):
    path = f"/fhir/ImagingSelection/{served.ids.instance}"
    check(ask(served, path, (), sent), expects_search=False)


@given(searches)
def test_the_self_link_finds_the_same(served, pairs):
    first = ask(served, "/fhir/ImagingSelection", pairs, {})
    assert first.status == 200
    again = served.get(first.links["self"])
    assert again.json == first.json
    assert parse_qsl(urlsplit(first.links["self"]).query) == [*dict.fromkeys(pairs)]
    assert first.links["self"].startswith(BASE)
