"""The long runs (`make soak`): the same guarantees under many more files and crashes.

They print what they measure, and assert nothing about time.
"""

import os
import statistics
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from support.builders import make_rtstruct, roi
from support.durability import (
    Sender,
    assert_same,
    contents,
    stream,
    structure_set,
    survive_kills,
    wait_for,
)
from support.measuring import SECTION, measure_through_kills
from support.orthanc import plugins
from support.waiting import wait_until

pytestmark = pytest.mark.soak

SWEPT = 20_000


def milliseconds(seconds):
    """Summarize durations."""
    values = sorted(round(each * 1e3, 1) for each in seconds)
    if not values:
        return {"times": 0}
    return {
        "times": len(values),
        "median_ms": statistics.median(values),
        "p95_ms": values[int(len(values) * 0.95)],
        "longest_ms": values[-1],
    }


def wait_until_done(client, seconds):
    def done():
        status = client.status()
        return not (status["waiting"] or status["sweep"]["running"]) and status

    return wait_until(done, seconds=seconds, poll=0.2)


def test_killed_twenty_five_times_while_it_measures(start_orthanc):
    measure_through_kills(start_orthanc(SECTION), count=100, every=4, seconds=600)


def test_killed_twenty_five_times_in_one_stream(start_orthanc):
    client, kept = survive_kills(start_orthanc, kills=25, count=400, senders=4)

    assert_same(client, kept)
    undisturbed = start_orthanc(name="undisturbed").client
    for file in kept:
        undisturbed.store(file)
    assert_same(undisturbed, kept)
    assert contents(client) == contents(undisturbed)


def test_two_nodes_killed_in_turn_in_one_stream(start_orthanc, postgres):
    options = {
        "OverwriteInstances": True,
        "Plugins": plugins("Python", "PostgreSQLIndex", "PostgreSQLStorage"),
        "PostgreSQL": postgres.create("soak")
        | {"EnableIndex": True, "EnableStorage": True, "Lock": False},
    }
    nodes = [start_orthanc(options, name=name) for name in ("one", "two")]
    acts, kept = stream(200, 4)
    clients = [node.client for node in nodes]
    senders = [
        Sender(clients if number % 2 else clients[::-1], each)
        for number, each in enumerate(acts)
    ]
    total = sum(map(len, acts))
    for kill in range(1, 11):
        while sum(sender.done for sender in senders) < total * kill // 11:
            time.sleep(0.001)
        nodes[kill % 2].kill()
        nodes[kill % 2].start()
    wait_for(senders)

    for client in clients:
        assert_same(client, kept)


def test_a_burst_of_two_hundred_large_structure_sets(start_orthanc, say):
    client = start_orthanc().client
    files = [structure_set(number, rois=100) for number in range(200)]
    began = time.monotonic()
    with ThreadPoolExecutor(4) as senders:
        assert {each.status for each in senders.map(client.store, files)} == {200}
    stored = time.monotonic() - began
    lag = client.status()["lagSeconds"]
    status = wait_until_done(client, 600)

    say(
        "burst of 200 structure sets of 100 ROIs",
        stored_s=round(stored, 1),
        then_behind_s=round(lag, 1),
        converted_s=round(time.monotonic() - began, 1),
    )
    assert (status["converted"], status["lagSeconds"]) == (200, 0)
    assert len(contents(client)) == 200 * (1 + 100 + 1)


def fill(client, count):
    """Store many tiny structure sets, four to a study."""
    template = make_rtstruct(
        roi(1),
        PatientID="P000000000",
        StudyInstanceUID="2.25.7770000000",
        SeriesInstanceUID="2.25.8880000000",
        SOPInstanceUID="2.25.9990000000",
    )

    def store(number):
        file = template
        for stem, value in (
            ("P", number // 4),
            ("2.25.777", number // 4),
            ("2.25.888", number),
            ("2.25.999", number),
        ):
            width = 9 if stem == "P" else 7
            file = file.replace(
                f"{stem}{0:0{width}}".encode(), f"{stem}{value:0{width}}".encode()
            )
        assert client.store(file).status == 200

    with ThreadPoolExecutor(4) as senders:
        list(senders.map(store, range(count)))


class Prober(threading.Thread):
    """A thread that requests `/system`, and stores a file and reads it back."""

    def __init__(self, client):
        super().__init__(daemon=True)
        self.client = client
        self.over = threading.Event()
        self.answers = []
        self.searchable = []
        self.start()

    def run(self):
        number = 0
        while not self.over.wait(0.02):
            self.answers.append(self._time(lambda: self.client.get("/system")))
            if len(self.answers) % 50 == 0:
                number += 1
                self.searchable.append(self._time(self._arrive, number))

    def _arrive(self, number):
        name = self.client.store(structure_set(number)).json["ID"]
        path = f"/fhir/ImagingSelection?_id={name}"
        while not self.client.get(path).json.get("entry"):
            time.sleep(0.05)

    @staticmethod
    def _time(act, *arguments):
        began = time.monotonic()
        act(*arguments)
        return time.monotonic() - began

    def stop(self):
        self.over.set()
        self.join()


def processor_seconds(orthanc):
    """Return the processor time that this Orthanc has used (proc(5), stat)."""
    stat = Path(f"/proc/{orthanc.running.process.pid}/stat").read_text()
    used = stat.rpartition(")")[2].split()[11:13]
    return sum(map(int, used)) / os.sysconf("SC_CLK_TCK")


def test_a_sweep_over_many_leaves_orthanc_responsive(start_orthanc, say):
    orthanc = start_orthanc({"ImagingSelection": {"Enable": False}})
    client = orthanc.client
    began = time.monotonic()
    fill(client, SWEPT)
    taken = round(time.monotonic() - began)
    say("stored without the plugin", structure_sets=SWEPT, seconds=taken)
    for what, restart in (
        ("first start: all to be found and converted", True),
        ("restart: all to be compared", True),
        ("forced: all to be converted again", False),
    ):
        if restart:
            orthanc.restart_with(Enable=True)
        else:
            client.reconcile(force=True)
        began, used = time.monotonic(), processor_seconds(orthanc)
        prober = Prober(client)
        status = wait_until_done(client, 3600)
        taken = time.monotonic() - began
        prober.stop()
        say(
            what,
            structure_sets=status["structureSets"],
            seconds=round(taken),
            each_ms=round(taken / SWEPT * 1e3, 2),
            each_processor_ms=round(
                (processor_seconds(orthanc) - used) / SWEPT * 1e3, 2
            ),
            system_meanwhile=milliseconds(prober.answers),
            stored_to_searchable_meanwhile=milliseconds(prober.searchable),
        )
        assert status["converted"] == status["structureSets"] >= SWEPT
        assert status["failed"] == []
    began = time.monotonic()
    orthanc.stop()
    say("stop", seconds=round(time.monotonic() - began, 1))
