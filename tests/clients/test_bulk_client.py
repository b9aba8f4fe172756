"""SMART's bulk client exports from a real Orthanc with the plugin."""

import json
import subprocess
import time
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from support.builders import make_rtstruct, roi
from support.paths import ROOT
from support.waiting import wait_until

ROIS = 9


@pytest.fixture(scope="module")
def archive(shared_orthanc):
    """An Orthanc with two patients."""
    client = shared_orthanc.client
    for number in range(2):
        client.store(
            make_rtstruct(
                *map(roi, range(1, ROIS + 1)),
                PatientID=f"bulk-{number}",
                StudyInstanceUID=f"2.25.4811{number}",
                SeriesInstanceUID=f"2.25.4812{number}",
                SOPInstanceUID=f"2.25.4813{number}",
            )
        )
    client.wait_until_up_to_date()
    url = f"{client.url}/fhir"
    wait_until(lambda: len(ids_of_pages(url, "Patient")) >= 2)
    return url


@pytest.fixture(scope="module")
def smart_fetch():
    """The program, which `make test` installs in an environment of its own."""
    program = ROOT / "target" / "bulk-client" / "bin" / "smart-fetch"
    if not program.exists():
        pytest.skip("make target/bulk-client/installed installs smart-fetch")
    return program


def fetch(url, method="GET", **headers):
    with urlopen(Request(url, method=method, headers=headers)) as answer:
        return answer.status, answer.headers, answer.read()


def ids_of_pages(url, kind):
    found, following = [], f"{url}/{kind}?_count=3"
    while following:
        page = json.loads(fetch(following)[2])
        found += [each["resource"]["id"] for each in page.get("entry", ())]
        links = {each["relation"]: each["url"] for each in page["link"]}
        following = links.get("next")
    return sorted(found)


def test_smart_fetch_downloads_what_a_walk_of_all_pages_finds(
    archive, smart_fetch, tmp_path
):
    ended = subprocess.run(
        [
            *(smart_fetch, "bulk", tmp_path, "--fhir-url", archive),
            *("--type", "Patient,Observation", "--no-default-filters"),
            "--no-compression",
        ],
        capture_output=True,
        check=False,
        text=True,
    )

    assert ended.returncode == 0, ended.stdout + ended.stderr
    files = tmp_path.rglob("Patient*.ndjson")
    texts = {line for each in files for line in each.read_text().splitlines()}
    ids = sorted(json.loads(text)["id"] for text in texts)
    assert ids == ids_of_pages(archive, "Patient")


def test_an_export_over_http_has_what_a_walk_of_all_pages_has(archive):
    _, headers, _ = fetch(f"{archive}/$export", Prefer="respond-async")
    where = headers["Content-Location"]
    until = time.monotonic() + 30
    status = 202
    while status == 202:
        assert time.monotonic() < until
        status, headers, body = fetch(where)
        time.sleep(0.1)
    manifest = json.loads(body)

    for kind in ("ImagingSelection", "Patient", "ImagingStudy"):
        lines = []
        for each in manifest["output"]:
            if each["type"] == kind:
                _, headers, body = fetch(each["url"], Accept="application/fhir+ndjson")
                assert headers["Content-Type"] == "application/fhir+ndjson"
                lines += body.splitlines()
        assert sorted(json.loads(each)["id"] for each in lines) == ids_of_pages(
            archive, kind
        )
    assert fetch(where, "DELETE")[0] == 202
    with pytest.raises(HTTPError, match="404"):
        fetch(where)


def test_r4_is_served_by_a_real_orthanc_too(archive):
    accept = "application/fhir+json; fhirVersion=4.0"
    _, headers, body = fetch(f"{archive}/r4/Basic?_count=2", Accept=accept)
    assert headers["Content-Type"] == accept
    page = json.loads(body)
    assert [each["resource"]["resourceType"] for each in page["entry"]] == ["Basic"] * 2
    assert ids_of_pages(f"{archive}/r4", "Basic") == ids_of_pages(
        archive, "ImagingSelection"
    )
