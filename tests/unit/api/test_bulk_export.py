"""Bulk exports over HTTP, with the real store and the real thread."""

import json
import re
from datetime import UTC, datetime, timedelta

import pytest
from imaging_selection.api.bulk_export import BulkExport
from imaging_selection.api.router import Api
from imaging_selection.errors import StoreError
from imaging_selection.host.exports import Exports
from support.served import BASE, Served, Site, structure_set
from support.waiting import wait_until

ASYNC = {"prefer": "respond-async"}


class Clock:
    def __init__(self):
        self.now = datetime(2026, 1, 3, tzinfo=UTC)

    def __call__(self):
        return self.now


@pytest.fixture
def served(tmp_path):
    served = Served(tmp_path)
    served.clock = Clock()
    served.exports = Exports(
        served.selections,
        tmp_path / "exports",
        megabytes=10,
        hours=24,
        clock=served.clock,
    )
    served.exports.start()
    bulk = [BulkExport(served.exports, Site(), each) for each in ("5.0", "4.0")]
    served.api = Api(
        *(served.selections, served.orthanc, served.orthanc, Site()),
        further_routes=[route for each in bulk for route in each.routes()],
    )
    yield served
    served.exports.stop()
    served.database.close()


def begin(served, path="$export", **headers):
    answer = served.get(path, **{**ASYNC, **headers})
    assert answer.status == 202, answer.json
    return answer.headers["Content-Location"]


def manifest(served, path="$export"):
    where = begin(served, path)
    wait_until(lambda: served.get(where).status == 200)
    return served.get(where).json


def lines(served, listed):
    found = []
    for each in listed:
        body = served.raw(each["url"].removeprefix("http://host-113047")).body
        read = [json.loads(line) for line in b"".join(body).splitlines()]
        assert len(read) == each["count"]
        assert {resource["resourceType"] for resource in read} == {each["type"]}
        found += read
    return found


def walk(served, kind, query=""):
    url, found = f"{kind}?_count=2{query}", []
    while url:
        page = served.get(url)
        found += [entry["resource"] for entry in page.json.get("entry", ())]
        url = page.links.get("next")
    return found


def key(resource):
    return resource["resourceType"], resource["id"]


def test_the_files_have_what_a_walk_of_all_pages_has(served):
    for number in (1, 2):
        served.store(structure_set(number))

    done = manifest(served)

    found = lines(served, done["output"])
    expected = [
        each
        for kind in ("ImagingSelection", "Patient", "ImagingStudy")
        for each in walk(served, kind)
    ]
    assert sorted(found, key=key) == sorted(expected, key=key)
    assert done["request"] == f"{BASE}/$export"
    assert done["requiresAccessToken"] is True
    assert done["deleted"] == done["error"] == []
    assert datetime.fromisoformat(done["transactionTime"]) < served.clock.now


def test_types_are_chosen(served):
    served.store(structure_set())
    done = manifest(served, "$export?_type=Patient,ImagingStudy&_outputFormat=ndjson")
    assert {each["type"] for each in done["output"]} == {"Patient", "ImagingStudy"}


def test_a_patient_is_exported_alone(served):
    ids = served.store(structure_set(1))
    served.store(structure_set(2))

    found = lines(served, manifest(served, f"Patient/{ids.patient}/$export")["output"])

    subjects = {each["subject"]["reference"] for each in found if "subject" in each}
    assert subjects == {f"Patient/{ids.patient}"}
    patients = [each["id"] for each in found if each["resourceType"] == "Patient"]
    assert patients == [ids.patient]
    assert lines(served, manifest(served, "Patient/unknown/$export")["output"]) == []


def test_only_what_has_changed_is_exported_and_what_was_deleted(served):
    gone = served.store(structure_set(1), "2026-01-02T01:00:00.000Z")
    ids = served.store(structure_set(2), "2026-01-02T03:00:00.000Z")
    served.remove(gone.instance)
    kinds = "ImagingSelection"

    done = manifest(served, f"$export?_type={kinds}&_since=2026-01-02T02:00:00Z")

    found = lines(served, done["output"])
    assert {each["id"][:44] for each in found} == {ids.instance}
    bundles = lines(served, done["deleted"])
    requests = [entry["request"] for each in bundles for entry in each["entry"]]
    assert {each["method"] for each in requests} == {"DELETE"}
    assert f"ImagingSelection/{gone.instance}" in {each["url"] for each in requests}


def test_a_status_says_how_far_it_is(served):
    served.exports.stop()  # nothing is made
    where = begin(served)
    answer = served.get(where)
    assert answer.status == 202
    assert answer.headers["X-Progress"] == "0 resources"
    assert int(answer.headers["Retry-After"]) > 0
    assert served.get(f"{where}/ImagingSelection.1.ndjson").status == 404


def test_an_export_is_removed_on_request(served):
    served.store(structure_set())
    url = manifest(served)["output"][0]["url"]
    where = url.rpartition("/")[0]

    assert served.get(where, method="DELETE").status == 202

    assert served.get(where).status == 404
    assert served.get(url).status == 404
    assert served.get(where, method="DELETE").status == 404


def test_an_export_expires(served):
    served.store(structure_set())
    url = manifest(served)["output"][0]["url"]
    where = url.rpartition("/")[0]
    assert "Expires" in served.get(where).headers
    assert "Expires" not in served.get("metadata").headers
    served.clock.now += timedelta(hours=25)
    assert served.get(where).status == 404
    assert served.get(url).status == 404


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("$export", {}),
        ("$export?_type=Procedure", ASYNC),
        ("$export?_type=", ASYNC),
        ("$export?_since=yesterday", ASYNC),
        ("$export?_outputFormat=csv", ASYNC),
        ("$export?_elements=id", ASYNC),
        ("$export?patient=Patient/1", ASYNC),
        ("Patient/$export?_typeFilter=Patient", ASYNC),
    ],
)
def test_what_cannot_be_exported_is_refused(served, path, headers):
    answer = served.get(path, **headers)
    assert answer.status == 400
    assert answer.json["resourceType"] == "OperationOutcome"


def test_an_address_cannot_be_guessed_and_leads_nowhere_else(served):
    where = begin(served)
    assert re.fullmatch(r".*/\$export/[0-9a-f]{48}", where)
    assert where != begin(served)
    wait_until(lambda: served.get(where).status == 200)
    for name in ("..", "%2e%2e", "imaging-selection.db", "."):
        assert served.get(f"{where}/{name}").status == 404
    assert served.get(f"$export/{'0' * 48}").status == 404


def test_too_many_exports_are_refused_for_a_while(served):
    served.exports.stop()
    for _ in range(5):
        begin(served)
    answer = served.get("$export", **ASYNC)
    assert answer.status == 503
    assert "Retry-After" in answer.headers


def test_the_statement_declares_it(served):
    statement = served.get("metadata").json
    assert statement["instantiates"] == [
        "http://hl7.org/fhir/uv/bulkdata/CapabilityStatement/bulk-data"
    ]
    assert [each["name"] for each in statement["rest"][0]["operation"]] == ["export"]


def test_r4_is_exported_below_its_root(served):
    gone = served.store(structure_set(1), "2026-01-02T03:00:00.000Z")
    served.store(structure_set(2), "2026-01-02T03:00:00.000Z")
    served.remove(gone.instance)

    done = manifest(served, "r4/$export?_type=Basic,Patient&_since=2026-01-02")

    found = lines(served, done["output"])
    expected = [
        each for kind in ("Basic", "Patient") for each in walk(served, f"r4/{kind}")
    ]
    assert sorted(found, key=key) == sorted(expected, key=key)
    assert {each["type"] for each in done["output"]} == {"Basic", "Patient"}
    assert done["request"].startswith(f"{BASE}/r4/$export?")
    [bundle] = lines(served, done["deleted"])
    deleted = {each["request"]["url"] for each in bundle["entry"]}
    assert f"Basic/{gone.instance}" in deleted
    assert served.get("r4/$export?_type=ImagingSelection", **ASYNC).status == 400
    statement = served.get("r4/metadata").json
    assert statement["rest"][0]["operation"][0]["name"] == "export"


def test_an_export_that_failed_is_answered_with_its_reason(served, monkeypatch):
    def fail(_query):
        raise StoreError("the store does not answer")

    monkeypatch.setattr(served.selections, "search", fail)
    where = begin(served)
    wait_until(lambda: served.get(where).status != 202)
    answer = served.get(where)
    assert answer.status == 500
    assert answer.issue["diagnostics"] == "the store does not answer"
