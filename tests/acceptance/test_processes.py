"""Files are read in processes of their own: what ends one of them ends nothing else."""

import os
import random
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
from bench.inputs import structure_set as structure_set_of
from bench.orthancs import memory, reset_peak
from support.builders import make_rtstruct, roi
from support.durability import assert_same, structure_set
from support.hostile import make_hostile
from support.waiting import wait_until

MEGABYTE = 1 << 20

# Quick for Orthanc itself to store; the others are in `make soak`.
HOSTILE = (
    *("charsets_5000", "ctl_and_nul", "dates_extreme", "ds_exotic", "inject_all"),
    *("invalid_utf8", "name_65535", "nest_roi_60", "numbers_extreme"),
    *("huge_equipment_quadratic", "obs_10k_one_roi", "operators_quadratic"),
    *("operators_wide", "patient_id_long", "same_number_1000_rois_1000_obs"),
)


def processes_of(orthanc):
    """Return the numbers of the processes that an Orthanc has started."""
    own = str(orthanc.running.process.pid)
    found = []
    for each in Path("/proc").iterdir():
        with suppress(OSError, ValueError):
            number = int(each.name)
            parent = (each / "stat").read_text().rpartition(")")[2].split()[1]
            if (
                parent == own
                and b"imaging_selection" in (each / "cmdline").read_bytes()
            ):
                found.append(number)
    return found


def is_running(number):
    with suppress(OSError):
        state = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0]
        return state != "Z"
    return False


@pytest.fixture
def started(start_orthanc):
    orthanc = start_orthanc()
    orthanc.client.store(structure_set(0))
    orthanc.client.wait_until_up_to_date()
    return orthanc


def test_files_are_read_in_processes_and_the_status_says_so(started):
    assert started.client.status()["processes"] >= 1
    assert started.client.status()["problems"] == []
    assert processes_of(started)


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_no_process_is_left_when_orthanc_ends(started, end):
    numbers = processes_of(started)
    assert numbers
    getattr(started, end)()
    wait_until(lambda: not any(map(is_running, numbers)))


def test_no_process_is_left_when_orthanc_is_killed_at_work(started):
    started.client.store(slow_file())
    numbers = processes_of(started)
    started.kill()
    wait_until(lambda: not any(map(is_running, numbers)))


def slow_file():
    """Return a small structure set that takes seconds."""
    operators = "\\".join(f"O{k}" for k in range(24))
    return make_rtstruct(*map(roi, range(1, 8000)), OperatorsName=operators)


def test_processes_inherit_no_secret(start_orthanc, monkeypatch):
    monkeypatch.setenv("ORTHANC__POSTGRESQL__PASSWORD", "secret-113047")
    orthanc = start_orthanc()
    orthanc.client.store(structure_set(0))
    orthanc.client.wait_until_up_to_date()
    for number in processes_of(orthanc):
        assert b"113047" not in Path(f"/proc/{number}/environ").read_bytes()


def test_processes_killed_at_random_lose_and_double_nothing(started):
    files = [structure_set(number) for number in range(60)]
    done = threading.Event()

    def kill_some():
        while not done.wait(0.2):
            for number in random.sample(numbers := processes_of(started), len(numbers)):
                with suppress(ProcessLookupError):
                    os.kill(number, signal.SIGKILL)

    killer = threading.Thread(target=kill_some)
    killer.start()
    try:
        with ThreadPoolExecutor(4) as senders:
            list(senders.map(started.client.store, files))
    finally:
        done.set()
        killer.join()
    # A file whose process was killed twice has failed, and is tried again in time.
    started.client.reconcile(force=True)
    started.client.wait_until_up_to_date()
    assert started.client.status()["failed"] == []
    assert_same(started.client, files)


def test_a_long_file_delays_no_short_one(started):
    client = started.client
    long = client.store(slow_file()).json["ID"]
    short = client.store(structure_set(1)).json["ID"]
    wait_until(lambda: is_found(client, short))
    assert not is_found(client, long)
    wait_until(lambda: is_found(client, long))


def is_found(client, orthanc_id):
    return client.get(f"/fhir/ImagingSelection?_id={orthanc_id}").json.get("entry")


def test_a_file_beyond_a_bound_has_failed_with_the_name_of_the_bound(start_orthanc):
    # Memory, the other bound: tests/unit/sync/test_pool.py.
    client = start_orthanc({"ImagingSelection": {"WorkerSeconds": 1}}).client
    orthanc_id = client.store(make_hostile("operators_wide")).json["ID"]
    [failed] = wait_until(lambda: client.status()["failed"])
    assert failed["instance"] == orthanc_id
    assert "WorkerSeconds, 1 second" in failed["reason"]
    assert client.get(f"/instances/{orthanc_id}/imaging-selection").status == 422
    client.store(structure_set(1))
    wait_until(lambda: client.status()["converted"] == 1)


def test_without_an_interpreter_the_plugin_runs_and_says_so(start_orthanc):
    section = {"WorkerPython": "/nowhere/python"}
    client = start_orthanc({"ImagingSelection": section}).client
    client.store(structure_set(0))
    client.wait_until_up_to_date()
    status = client.status()
    assert (status["processes"], status["converted"]) == (0, 1)
    [problem] = status["problems"]
    assert "/nowhere/python" in problem


def test_orthanc_holds_no_whole_of_what_its_processes_read_and_write(start_orthanc):
    made = structure_set_of(contours=6000)
    orthanc = start_orthanc()
    large = orthanc.client.store(made).json["ID"]
    orthanc.client.wait_until_up_to_date()
    orthanc.stop()
    orthanc.start()  # storing took memory, which may be used again
    orthanc.client.wait_until_up_to_date()
    pid = orthanc.running.process.pid
    before = memory(pid, "VmRSS")
    reset_peak(pid)
    answer = orthanc.client.get(f"/fhir/ImagingSelection/{large}/$contours")
    assert len(answer.body) > len(made) / 2
    version = orthanc.client.get("/system").json["Version"].split(".")
    in_parts = [int(each) for each in version[:2]] >= [1, 12]
    maximum = 1.2 if in_parts else 2.2
    assert (memory(pid, "VmHWM") - before) / len(made) < maximum


@pytest.fixture(scope="module")
def attacked(start_orthanc_for_module):
    return start_orthanc_for_module()


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_takes_none_of_orthancs_memory_and_stops_no_other(
    attacked, name
):
    client, pid = attacked.client, attacked.running.process.pid
    file = make_hostile(name)
    orthanc_id = client.store(file).json["ID"]
    before = memory(pid, "VmRSS")
    reset_peak(pid)
    sibling = client.store(make_rtstruct(roi(1), SOPInstanceUID=new_uid())).json["ID"]
    wait_until(lambda: is_found(client, sibling))

    def outcome():
        assert client.get("/system").status == 200
        failed = [each["instance"] for each in client.status()["failed"]]
        return orthanc_id in failed or is_found(client, orthanc_id)

    wait_until(outcome)
    assert memory(pid, "VmHWM") - before < 300 * MEGABYTE


def new_uid():
    return f"2.25.113047{random.randrange(10**12)}"  # noqa: S311 - any will do
