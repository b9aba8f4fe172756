"""The store follows what Orthanc itself does to its instances, by any route."""

import itertools
import json

import pytest
from support.durability import (
    assert_follows,
    contents,
    convertible_ids,
    files_of,
    made_of,
    structure_set,
    version_of,
)
from support.waiting import wait_until

UIDS = ["StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"]
NUMBERS = itertools.count(113047)


@pytest.fixture(scope="module")
def client(start_orthanc_for_module):
    return start_orthanc_for_module({"OverwriteInstances": True}).client


def store(client, **overrides):
    """Store a structure set of its own patient; return Orthanc's answer."""
    answer = client.store(structure_set(next(NUMBERS), **overrides)).json
    client.wait_until_up_to_date()
    return answer


def act(client, path, ids, body):
    answer = client.request("POST", path.format(**ids), json.dumps(body).encode())
    assert answer.status == 200, answer.body


def sweep(client):
    client.reconcile()
    wait_until(lambda: not client.status()["sweep"]["running"])


def assert_same_as_files(client):
    """Assert that what is served is the conversion of the files that Orthanc keeps."""
    assert_follows(client)
    assert contents(client) == made_of(files_of(client))


@pytest.mark.parametrize(
    ("path", "request_body"),
    [
        pytest.param(
            "/patients/{ParentPatient}/modify",
            {"Replace": {"PatientID": "other-113047"}, "Force": True},
            id="patient-corrected",
        ),
        pytest.param(
            "/studies/{ParentStudy}/modify",
            {"Replace": {"StudyDescription": "other"}},
            id="study-modified",
        ),
        pytest.param(
            "/series/{ParentSeries}/modify",
            {"Replace": {"StructureSetLabel": "other"}},
            id="series-modified",
        ),
        pytest.param(
            "/patients/{ParentPatient}/anonymize", {}, id="patient-anonymised"
        ),
        pytest.param("/studies/{ParentStudy}/anonymize", {}, id="study-anonymised"),
        pytest.param("/series/{ParentSeries}/anonymize", {}, id="series-anonymised"),
        pytest.param("/studies/{ParentStudy}/split", "split", id="study-split"),
        pytest.param("/studies/{ParentStudy}/merge", "merge", id="studies-merged"),
        pytest.param(
            "/studies/{ParentStudy}/merge", "merge-patients", id="patients-merged"
        ),
        pytest.param("/tools/bulk-modify", "bulk-modify", id="bulk-modified"),
        pytest.param("/tools/bulk-anonymize", "bulk", id="bulk-anonymised"),
    ],
)
@pytest.mark.parametrize("keep_source", [False, True], ids=["moved", "copied"])
def test_what_becomes_another_instance_is_followed(
    client, path, request_body, keep_source
):
    ids = store(client)
    moved = ids
    if isinstance(request_body, dict):
        body = request_body
    elif request_body == "split":
        body = {"Series": [ids["ParentSeries"]]}
    elif request_body.startswith("merge"):
        patient = {} if "patients" in request_body else {"PatientID": "both-113047"}
        moved, ids = store(client, **patient), store(client, **patient)
        body = {"Resources": [moved["ParentStudy"]]}
    else:
        body = {"Resources": [ids["ParentStudy"]]}
        if request_body == "bulk-modify":
            replace = {"PatientID": f"bulk-{keep_source}"}
            body |= {"Replace": replace, "Level": "Patient", "Force": True}
    before = convertible_ids(client)

    act(client, path, ids, body | {"KeepSource": keep_source})

    assert_same_as_files(client)
    assert len(convertible_ids(client) - before) == 1
    assert (moved["ID"] in convertible_ids(client)) == keep_source
    answer = client.get(f"/fhir/ImagingSelection/{moved['ID']}")
    assert answer.status == (200 if keep_source else 410)


@pytest.mark.parametrize(
    "path", ["/studies/{ParentStudy}/modify", "/series/{ParentSeries}/modify"]
)
def test_what_is_modified_in_its_place_gets_another_version(client, path):
    ids = store(client)
    replace = {"AccessionNumber": "other-113047"}

    act(client, path, ids, {"Replace": replace, "Keep": UIDS, "Force": True})

    assert_same_as_files(client)
    assert version_of(client, ids["ID"]) == "2"


def test_an_instance_that_orthanc_modifies_and_is_sent_is_followed(client):
    ids = store(client)
    body = {
        "Replace": {"AccessionNumber": "other-113047"},
        "Keep": ["SOPInstanceUID"],
        "Force": True,
    }
    path = f"/instances/{ids['ID']}/modify"
    modified = client.request("POST", path, json.dumps(body).encode())

    assert client.store(modified.body).status == 200

    assert_same_as_files(client)


@pytest.mark.parametrize(
    ("level", "key"),
    [
        ("instances", "ID"),
        ("series", "ParentSeries"),
        ("studies", "ParentStudy"),
        ("patients", "ParentPatient"),
    ],
)
def test_a_reconstruction_moves_no_version(client, level, key):
    ids = store(client)

    act(client, f"/{level}/{ids[key]}/reconstruct", ids, {})
    sweep(client)

    assert_same_as_files(client)
    assert version_of(client, ids["ID"]) == "1"


def test_a_file_that_is_kept_otherwise_is_looked_at_and_moves_no_version(client):
    ids = store(client)

    # Orthanc writes another file for it without an event: a sweep finds it.
    act(client, f"/instances/{ids['ID']}/attachments/dicom/compress", ids, {})
    sweep(client)

    assert_same_as_files(client)
    assert version_of(client, ids["ID"]) == "1"


def test_a_bulk_deletion_is_followed(client):
    ids = store(client)
    act(client, "/tools/bulk-delete", ids, {"Resources": [ids["ParentStudy"]]})

    assert_same_as_files(client)
    assert client.get(f"/fhir/ImagingSelection/{ids['ID']}").status == 410


def test_what_orthanc_gives_up_for_lack_of_room_is_followed(start_orthanc):
    client = start_orthanc({"MaximumPatientCount": 3}).client
    names = [store(client)["ID"] for _ in range(5)]

    assert_same_as_files(client)
    assert convertible_ids(client) == set(names[2:])
    assert client.get(f"/fhir/ImagingSelection/{names[0]}").status == 410
