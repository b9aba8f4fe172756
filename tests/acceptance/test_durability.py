"""Whatever happens to Orthanc, the store agrees with it afterwards."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.durability import (
    KINDS,
    any_object,
    assert_follows,
    assert_same,
    contents,
    convertible_ids,
    structure_set,
    survive_kills,
    version_of,
)
from support.waiting import wait_until


def test_killed_at_any_moment_of_a_stream_it_loses_and_invents_nothing(start_orthanc):
    client, kept = survive_kills(start_orthanc, kills=5, count=40)

    assert_same(client, kept)


def test_what_happens_while_the_plugin_is_off_is_made_up_for(start_orthanc):
    orthanc = start_orthanc({"OverwriteInstances": True})
    client = orthanc.client
    files = [any_object(number) for number in range(6)]
    names = [client.store(file).json["ID"] for file in files]
    client.wait_until_up_to_date()

    orthanc.restart_with(Enable=False)
    assert client.get("/fhir/metadata").status == 404
    files[1] = any_object(1, rois=3)
    files += [any_object(6), any_object(7, Modality="CT")]
    files += [any_object(8, Modality="")]
    for file in files[1:2] + files[6:]:
        client.store(file)
    client.request("DELETE", f"/instances/{names[2]}")
    client.request("DELETE", f"/instances/{names[4]}")
    client.store(files[4])  # there again, as it was, in another file
    orthanc.restart_with(Enable=True)

    client.wait_until_up_to_date()
    assert client.get(f"/fhir/ImagingSelection/{names[2]}").status == 410
    versions = [version_of(client, names[number]) for number in (0, 1, 4)]
    assert versions == ["1", "2", "1"]  # none moves but with the content
    assert_same(client, files[:2] + files[3:])


@pytest.mark.parametrize("clear", [False, True], ids=["first-start", "cleared-log"])
def test_without_a_place_in_the_change_log_every_series_is_read(start_orthanc, clear):
    orthanc = start_orthanc({"ImagingSelection": {"Enable": clear}})
    client = orthanc.client
    if clear:
        client.store(any_object(0))
        client.wait_until_up_to_date()
        orthanc.restart_with(Enable=False)
    client.store(any_object(1))
    client.store(any_object(2, Modality="CT"))
    client.store(any_object(3, Modality="RTPLAN", SeriesInstanceUID="2.25.5"))
    if clear:
        client.request("DELETE", "/changes")

    orthanc.restart_with(Enable=True)

    assert len(assert_follows(client)) == (4 if clear else 3)


@pytest.mark.parametrize("overwrite", [False, True])
def test_the_same_file_sent_sixteen_times_at_once_is_there_once(
    start_orthanc, overwrite
):
    client = start_orthanc({"OverwriteInstances": overwrite}).client
    files = [any_object(number) for number in range(3)]

    with ThreadPoolExecutor(16) as senders:
        answers = list(senders.map(client.store, files * 16))

    assert {answer.status for answer in answers} == {200}
    names = assert_follows(client)
    assert [version_of(client, name) for name in names] == ["1"] * 3
    assert client.status()["lagSeconds"] == 0


def test_a_burst_of_large_structure_sets_is_worked_off(start_orthanc):
    client = start_orthanc().client
    files = [structure_set(number, rois=100) for number in range(8)]

    with ThreadPoolExecutor(4) as senders:
        names = {answer.json["ID"] for answer in senders.map(client.store, files)}

    assert assert_follows(client) == names
    status = client.status()
    assert status["lagSeconds"] == status["waiting"] == 0
    assert len(contents(client)) == 8 * (1 + 100 + 1)


@pytest.mark.parametrize("make", KINDS)
@pytest.mark.parametrize(
    ("level", "key"),
    [
        ("instances", "ID"),
        ("series", "ParentSeries"),
        ("studies", "ParentStudy"),
        ("patients", "ParentPatient"),
    ],
)
def test_a_deletion_at_any_level_takes_the_resources_along(
    shared_orthanc, level, key, make
):
    client = shared_orthanc.client
    client.wait_until_up_to_date()
    before = convertible_ids(client)
    stored = client.store(make(113047)).json
    everything = client.get(f"/instances/{stored['ID']}/fhir").json["entry"]
    assert len(everything) > 1

    client.request("DELETE", f"/{level}/{stored[key]}")

    assert assert_follows(client) == before
    for entry in everything:
        kind, identity = entry["fullUrl"].split("/")[-2:]
        answer = client.get(f"/fhir/{kind}/{identity}")
        assert (answer.status, answer.json["issue"][0]["code"]) == (410, "deleted")
    assert client.get(f"/instances/{stored['ID']}/fhir").status == 410


def test_another_mapping_replaces_old_answers_one_by_one(start_orthanc):
    orthanc = start_orthanc()
    client = orthanc.client
    files = [any_object(number) for number in range(15)]
    # Only the selections of a structure set depend on the setting.
    structure_sets = {client.store(file).json["ID"] for file in files[::3]}
    others = {client.store(file).json["ID"] for file in files[1::3] + files[2::3]}
    names = assert_follows(client)
    before = len(contents(client))

    orthanc.restart_with(SopClassCoding="Dicom")
    rebuilding = True
    while rebuilding:  # the old answers stay meanwhile
        rebuilding = client.status()["waiting"] > 0
        assert len(contents(client)) == before
    assert {version_of(client, name) for name in structure_sets} == {"2"}
    assert {version_of(client, name) for name in others} == {"1"}

    client.reconcile(force=True)
    assert assert_follows(client) == names
    assert {version_of(client, name) for name in structure_sets} == {"2"}
    assert {version_of(client, name) for name in others} == {"1"}


def test_a_sweep_under_way_does_not_hold_up_the_end_of_orthanc(start_orthanc):
    orthanc = start_orthanc()
    client = orthanc.client
    for number in range(15):
        client.store(structure_set(number, rois=10))
    client.wait_until_up_to_date()
    client.reconcile(force=True)
    sweep = client.status()["sweep"]
    assert sweep["running"]
    assert sweep.keys() == {"running", "done", "total", "started"}

    orthanc.stop()

    assert "Traceback" not in orthanc.log
    with sqlite3.connect(orthanc.store_path) as store:
        store.execute("BEGIN EXCLUSIVE")  # nobody holds it any more
    store.close()
    orthanc.start()
    assert len(assert_follows(client)) == 15


def test_a_store_of_a_newer_plugin_is_refused_with_a_sentence(start_orthanc):
    orthanc = start_orthanc()
    client = orthanc.client
    client.store(structure_set(1))
    client.wait_until_up_to_date()
    orthanc.kill()
    path = orthanc.store_path
    with sqlite3.connect(path) as store:
        store.execute(
            "UPDATE imaging_selection_store SET value = '1000'"
            " WHERE name = 'schema version'"
        )
    store.close()

    orthanc.start()

    answer = client.get("/fhir/ImagingSelection")
    assert answer.status == 503
    assert "newer version" in answer.json["issue"][0]["diagnostics"]
    assert "newer version" in " ".join(client.status()["problems"])
    assert client.store(structure_set(2)).status == 200


def test_metrics_tell_what_the_status_tells(start_orthanc):
    client = start_orthanc().client
    client.store(structure_set(1))
    client.store(structure_set(2, StudyInstanceUID="1.2.not_a_uid"))
    client.wait_until_up_to_date()

    def metrics():
        lines = client.get("/tools/metrics-prometheus").body.decode().splitlines()
        return {name: float(value) for name, value, *_ in map(str.split, lines)}

    wait_until(lambda: metrics().get("imaging_selection_failed") == 1)
    found = metrics()
    assert found["imaging_selection_converted"] == 1
    assert found["imaging_selection_waiting"] == 0
    assert found["imaging_selection_lag_seconds"] == 0
