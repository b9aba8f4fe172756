"""Whatever happens to the file of the store, Orthanc works, and the store recovers."""

import os
import sqlite3
import subprocess

import pytest
from support.durability import contents, convertible_ids, structure_set
from support.waiting import wait_until


def wait_until_mended(client, count):
    """Wait until the store is in reach and agrees with Orthanc on so many."""

    def mended():
        status = client.status()
        return not status["problems"] and status["converted"] == count and status

    assert wait_until(mended)["waiting"] == 0


def wait_until_same(client, expected):
    """Wait until a search finds the same; the first search may discover the damage."""
    wait_until(
        lambda: (
            client.get("/fhir/ImagingSelection").status == 200
            and contents(client) == expected
        )
    )


def assert_unavailable(client, path):
    answer = client.get(path)
    assert answer.status == 503, answer.body
    assert int(answer.headers["Retry-After"]) > 0
    assert answer.json["resourceType"] == "OperationOutcome"
    assert answer.json["issue"][0]["code"] == "transient"


def delete_file(path):
    path.unlink()


def delete_all_files(path):
    for each in path.parent.glob(f"{path.name}*"):
        each.unlink()


def empty(path):
    os.truncate(path, 0)


def halve(path):
    os.truncate(path, path.stat().st_size // 2)


def spoil(path):
    path.write_bytes(b"no database at all\n" * 10_000)


def test_a_lost_or_damaged_file_is_made_anew_while_orthanc_runs(start_orthanc):
    orthanc = start_orthanc()
    client = orthanc.client
    path = orthanc.store_path
    harms = (delete_file, delete_all_files, empty, halve, spoil)
    for count, harm in enumerate(harms, start=1):
        client.store(structure_set(count))
        wait_until_mended(client, count)
        before = contents(client)
        with sqlite3.connect(path) as store:
            store.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # all is in the one file
        store.close()

        harm(path)

        assert client.get("/system").status == 200
        wait_until_same(client, before)
        wait_until_mended(client, count)
    orthanc.kill()  # what was made anew is in a file that has a name
    orthanc.start()
    wait_until_mended(client, len(harms))
    assert contents(client) == before


def test_a_file_spoiled_while_orthanc_was_off_is_made_anew(start_orthanc):
    orthanc = start_orthanc()
    orthanc.client.store(structure_set(1))
    orthanc.client.wait_until_up_to_date()
    orthanc.kill()
    path = orthanc.store_path
    delete_all_files(path)  # the write-ahead log would mend it
    spoil(path)

    orthanc.start()

    wait_until_mended(orthanc.client, 1)
    assert "damaged" in orthanc.log


def test_while_another_program_locks_the_file_orthanc_stores(start_orthanc):
    orthanc = start_orthanc()
    client = orthanc.client
    client.store(structure_set(1))
    client.wait_until_up_to_date()
    path = orthanc.store_path
    store = sqlite3.connect(path, isolation_level=None)
    store.execute("BEGIN IMMEDIATE")

    stored = client.store(structure_set(2))

    assert stored.status == 200
    assert_unavailable(client, f"/fhir/ImagingSelection/{stored.json['ID']}")
    assert len(contents(client)) > 0  # reading goes on
    assert client.status()["waiting"] == 1
    store.execute("ROLLBACK")
    store.close()
    wait_until_mended(client, 2)


def test_an_outage_does_not_hold_up_the_end_of_orthanc(start_orthanc):
    orthanc = start_orthanc()
    client = orthanc.client
    client.store(structure_set(1))
    client.wait_until_up_to_date()
    path = orthanc.store_path
    store = sqlite3.connect(path, isolation_level=None)
    store.execute("BEGIN IMMEDIATE")
    client.store(structure_set(2))
    wait_until(lambda: client.status()["problems"])

    orthanc.stop()

    store.execute("ROLLBACK")
    store.close()
    assert "Traceback" not in orthanc.log
    orthanc.start()
    wait_until_mended(client, 2)


@pytest.fixture
def small_disk(tmp_path):
    """A file system of four megabytes, and how to mount it again with other options."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root")
    folder = tmp_path / "disk"
    folder.mkdir()

    def mount(options, *further):
        options = f"size=4m,{options}"
        command = ["mount", "-t", "tmpfs", "-o", options, *further, "tmpfs", folder]
        subprocess.run(command, check=True)

    yield folder, mount
    subprocess.run(["umount", "--lazy", folder], check=True)


def test_a_folder_that_cannot_be_written_to_stops_only_fhir(start_orthanc, small_disk):
    folder, mount = small_disk
    mount("ro")
    url = f"sqlite:///{folder}/store.db"
    client = start_orthanc({"ImagingSelection": {"DatabaseUrl": url}}).client

    stored = client.store(structure_set(1))

    assert stored.status == 200
    assert_unavailable(client, f"/fhir/ImagingSelection/{stored.json['ID']}")
    assert_unavailable(client, "/fhir/ImagingSelection")
    assert client.status()["problems"]
    assert client.get("/system").status == 200
    mount("remount,rw")
    wait_until_mended(client, 1)
    assert client.get(f"/fhir/ImagingSelection/{stored.json['ID']}").status == 200


def test_a_full_disk_stops_only_fhir(start_orthanc, small_disk):
    folder, mount = small_disk
    mount("rw")
    url = f"sqlite:///{folder}/store.db"
    client = start_orthanc({"ImagingSelection": {"DatabaseUrl": url}}).client
    client.store(structure_set(0))
    wait_until_mended(client, 1)
    filler = folder / "filler"
    subprocess.run(["cp", "/dev/zero", filler], check=False)  # until it is full

    answers = [client.store(structure_set(number, 20)) for number in range(1, 5)]

    assert {answer.status for answer in answers} == {200}
    for answer in answers[-1:]:
        assert_unavailable(client, f"/fhir/ImagingSelection/{answer.json['ID']}")
    wait_until(lambda: client.status()["problems"])
    assert client.status()["waiting"] > 0
    filler.unlink()
    wait_until_mended(client, 5)
    assert {name[:44] for name in contents(client)} == convertible_ids(client)
