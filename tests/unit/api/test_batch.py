"""Several reads and searches in one request."""

import json

from imaging_selection.api import batch
from support.served import BASE, parse_r5, structure_set

JSON = {"content_type": "application/fhir+json"}


def entry(url, method="GET", **request):
    return {"request": {"method": method, "url": url, **request}}


def post(served, *entries, kind="batch", **headers):
    bundle = {"resourceType": "Bundle", "type": kind, "entry": [*entries]}
    body = json.dumps(bundle).encode()
    return served.get(BASE, "POST", body, **(JSON | headers))


def entries_of(answer):
    assert answer.status == 200, answer.json
    parse_r5(answer.json)
    assert answer.json["type"] == "batch-response"
    return answer.json.get("entry", [])


def statuses_of(answer):
    return [int(each["response"]["status"][:3]) for each in entries_of(answer)]


def test_each_entry_is_answered_in_order_as_it_would_be_alone(served, ids):
    served.store(structure_set(2))
    urls = [
        f"ImagingSelection/{ids.instance}",
        f"ImagingSelection?patient={ids.patient}&_count=2&_include=*",
        f"{BASE}/Patient/{ids.patient}?_elements=id",
        f"/ImagingStudy/{ids.study}/_history",
        "Patient?identifier=a%20b&_total=accurate",
        f"Patient/{ids.patient}/*?_type=ImagingStudy",
        "metadata",
    ]
    found = entries_of(post(served, *map(entry, urls)))

    for url, each in zip(urls, found, strict=True):
        alone = served.get(url.removeprefix("/"))
        assert each["resource"] == alone.json
        assert each["response"]["status"] == "200 OK"
        assert each["response"].get("etag") == alone.headers.get("ETag")
    assert found[0]["response"]["lastModified"] == "2026-01-02T03:04:05+00:00"


def test_each_entry_has_a_status_of_its_own(served, ids):
    one = f"ImagingSelection/{ids.instance}"
    answer = post(
        served,
        entry(one),
        entry("ImagingSelection/unknown"),
        entry("Patient?nonsense=1"),
        entry(one, ifNoneMatch='W/"1"'),
        entry(one, ifModifiedSince="Fri, 02 Jan 2026 03:04:05 GMT"),
        entry("Patient", "POST"),
        entry("Patient/1", "DELETE"),
        entry("Patient?_format=xml"),
        entry("Patient?_format=ndjson"),
        entry(f"{one}/$contours"),
        entry("Nothing"),
        entry("https://elsewhere.example.org/Patient/1"),
        entry("http://["),
        entry(""),
        {},
        {"request": {"method": "GET"}},
    )
    expected = [200, 404, 400, 304, 304, 405, 405, 406, 406, 400, 404, *[400] * 5]
    assert statuses_of(answer) == expected
    for each, status in zip(entries_of(answer), expected, strict=True):
        assert ("outcome" in each["response"]) == (status >= 400)
        assert ("resource" in each) == (status == 200)


def test_strict_handling_is_for_every_entry(served, ids):
    search = entry("ImagingSelection?nonsense=1")
    assert statuses_of(post(served, search)) == [200]
    assert statuses_of(post(served, search, prefer="handling=strict")) == [400]
    assert ids


def test_nothing_but_a_batch_is_answered(served):
    transaction = post(served, entry("Patient"), kind="transaction")
    assert (transaction.status, transaction.issue["code"]) == (400, "not-supported")
    for body in (b"", b"[]", b"{", b'{"resourceType":"Patient"}'):
        assert served.get(BASE, "POST", body, **JSON).status == 400
    assert served.get(BASE, "POST", b"{}", content_type="text/plain").status == 415
    assert entries_of(post(served)) == []


def test_a_batch_is_bounded(served, ids, monkeypatch):
    assert post(served, *[entry("Patient")] * 101).issue["code"] == "too-costly"
    assert post(served, entry("x" * batch.MAXIMUM_BODY)).status == 413
    monkeypatch.setattr(batch, "MAXIMUM_ANSWER", 1)
    one = entry(f"Patient/{ids.patient}")
    assert statuses_of(post(served, one, one)) == [200, 422]


def test_a_batch_behind_a_proxy_has_its_addresses(served, ids):
    served.with_site(trust_forwarded_headers=True)
    bundle = {"resourceType": "Bundle", "type": "batch", "entry": [entry("Patient")]}
    body = json.dumps(bundle).encode()
    headers = JSON | {"x_forwarded_host": "h", "x_original_uri": "/pacs/fhir"}
    answer = served.get(BASE, "POST", body, **headers)
    (found,) = entries_of(answer)
    assert found["resource"]["link"][0]["url"] == "http://h/pacs/fhir/Patient"
    assert ids
