"""The long runs of the worst that clients and files do; they print what they measure.

Nothing about time is asserted but what the plugin itself promises: a deadline, a bound.
"""

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlencode, urlsplit

import pytest
from bench.fill import database_of, filled
from bench.lab import SCALES, Lab
from bench.orthancs import Orthanc, memory, reset_peak
from imaging_selection.errors import ImagingSelectionError, InternalError
from imaging_selection.host.files import new_pool
from imaging_selection.ids import OrthancIds
from imaging_selection.mapping.choices import Choices
from imaging_selection.sync.pool import Call
from support.builders import contour, make_rtstruct, observation, roi
from support.client import Client
from support.hostile import hostile_names, make_hostile
from support.paths import ROOT
from support.waiting import wait_until

pytestmark = pytest.mark.soak

MEGABYTE = 1 << 20
SELECTIONS = 200_000
MUTATIONS = 10_000

# These end Orthanc itself, or fill its memory, with and without the plugin.
_FATAL = {"nest_undef_60", "nest_undef_100k", "nest_def_100k", "gig_length"}
_FATAL |= {"deflate_empty_roi_items", "deflate_over_1g", "deflate_1000x"}
_FATAL |= {"deflate_1000x_contours", "empty_items_1m", "empty_roi_items_1m"}
_FATAL |= {"empty_obs_items_1m", "empty_contour_items_1m", "gig_length_private"}


@contextmanager
def timed(url, *paths):
    """Ask for paths again and again; yield the longest time of each, in ms."""
    longest = dict.fromkeys(paths, 0.0)
    done = threading.Event()

    def ask(path):
        connection = HTTPConnection(urlsplit(url).netloc, timeout=120)
        while not done.wait(0.02):
            begun = time.monotonic()
            try:
                connection.request("GET", path)
                answer = connection.getresponse()
                answer.read()
                assert answer.status == 200
            except (HTTPException, OSError):  # a kept-alive connection has ended
                connection.close()
                continue
            took = round((time.monotonic() - begun) * 1e3)
            longest[path] = max(longest[path], took)
        connection.close()

    threads = [threading.Thread(target=ask, args=(path,)) for path in paths]
    for each in threads:
        each.start()
    try:
        yield longest
    finally:
        done.set()
        for each in threads:
            each.join()


COSTLY = {
    "contains": [("roi-name:contains", ",".join(f"a{k}" for k in range(20)))],
    "contains, total": [
        ("roi-name:contains", ",".join("abcdefghij")),
        ("_total", "accurate"),
    ],
    "not, sorted": [
        ("roi-number:not", ",".join(map(str, range(400)))),
        ("_sort", "-issued"),
    ],
    "include, repeated": [("_include", "*")] * 1000,
}


def test_sixteen_costly_searches_at_once_take_nothing_from_others(
    orthanc_program,  # noqa: ARG001 - there must be one
    say,
):
    lab = Lab(SCALES["quick"], ROOT / "target" / "bench")
    folder = filled(lab, SELECTIONS)
    with Orthanc(folder, **database_of(folder)) as orthanc:
        client = Client(orthanc.url)
        client.wait_until_up_to_date()
        [entry] = client.get("/fhir/ImagingSelection?_count=1").json["entry"]
        one = f"/fhir/ImagingSelection/{entry['resource']['id']}"
        paths = "/imaging-selection/status", "/fhir/metadata", one, "/system"
        before = memory(orthanc.pid, "VmRSS")
        reset_peak(orthanc.pid)
        with timed(orthanc.url, *paths) as longest, ThreadPoolExecutor(16) as senders:
            found = list(senders.map(partial(search, client), [*COSTLY] * 4))
        grown = (memory(orthanc.pid, "VmHWM") - before) >> 20
    say("costly searches", longest_ms=longest, searches=found, grown_mb=grown)
    assert {status for _, status, _ in found} <= {200, 400, 422, 503}
    assert grown < 300


def search(client, name):
    begun = time.monotonic()
    body = urlencode(COSTLY[name]).encode()
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    path = "/fhir/ImagingSelection/_search"
    status = client.request("POST", path, body, form).status
    return name, status, round(time.monotonic() - begun, 1)


@pytest.mark.parametrize(
    "name", [each for each in hostile_names() if each not in _FATAL]
)
def test_no_hostile_file_takes_orthancs_memory(start_orthanc_for_module, say, name):
    orthanc = started_once(start_orthanc_for_module)
    client, pid = orthanc.client, orthanc.running.process.pid
    answer = client.store(make_hostile(name))
    if answer.status != 200:
        pytest.skip("Orthanc itself refuses it")
    orthanc_id = answer.json["ID"]
    before = memory(pid, "VmRSS")
    reset_peak(pid)
    paths = "/imaging-selection/status", "/system"
    begun = time.monotonic()
    with timed(client.url, *paths) as longest:
        plain = []
        while not (outcome := outcome_of(client, orthanc_id)):
            plain.append(time_to_find(client))
    grown = (memory(pid, "VmHWM") - before) >> 20
    say(
        name,
        outcome=outcome,
        seconds=round(time.monotonic() - begun, 1),
        grown_mb=grown,
        longest_ms=longest,
        longest_plain_ms=max(plain, default=0),
    )
    assert grown < 300


_STARTED = []


def started_once(start):
    if not _STARTED:
        _STARTED.append(start())
    return _STARTED[0]


def outcome_of(client, orthanc_id):
    found = client.get(f"/fhir/ImagingSelection?_id={orthanc_id}").json
    if found.get("entry"):
        return "converted"
    reasons = {each["instance"]: each["reason"] for each in client.status()["failed"]}
    return reasons.get(orthanc_id)


def time_to_find(client):
    uid = f"2.25.113047{random.randrange(10**12)}"  # noqa: S311 - any will do
    begun = time.monotonic()
    orthanc_id = client.store(make_rtstruct(roi(1), SOPInstanceUID=uid)).json["ID"]
    wait_until(lambda: outcome_of(client, orthanc_id))
    return round((time.monotonic() - begun) * 1e3)


def test_ten_thousand_mutated_files_go_through_the_processes(say):
    rng = random.Random(113047)  # noqa: S311 - reproducible
    file = make_rtstruct(
        *(
            roi(k, f"Organ {k}", contours=[contour()], observations=[observation()])
            for k in range(1, 4)
        )
    )
    ids = OrthancIds("p", "s", "e", "i" * 44)
    pool = new_pool(2, memory=512 * MEGABYTE, seconds=10)
    outcomes = {"converted": 0}

    class Mutated:
        def __init__(self, content):
            self.content, self.size = content, len(content)

        def read(self):
            return self.content

        def download(self):
            return None

    def convert(content):
        call = Call("convert", Mutated(content), (ids, Choices()), is_conversion=True)
        try:
            return pool.run(call, wait=30) and "converted"
        except InternalError as error:
            return f"DEFECT {error}"
        except ImagingSelectionError as error:
            return type(error).__name__

    try:
        with ThreadPoolExecutor(4) as threads:
            mutated = (mutate(file, rng) for _ in range(MUTATIONS))
            for outcome in threads.map(convert, mutated):
                outcomes[outcome] = outcomes.get(outcome, 0) + 1
        assert len(pool.pids()) <= 4
    finally:
        pool.stop()
    say("mutated files", **outcomes)
    assert not [outcome for outcome in outcomes if outcome.startswith("DEFECT")]
    assert sum(outcomes.values()) == MUTATIONS


def mutate(file, rng):
    """Change, remove, repeat or insert a few bytes."""
    content = bytearray(file)
    for _ in range(rng.randint(1, 8)):
        start = rng.randrange(128, len(content))
        end = start + rng.randint(1, 40)
        content[start:end] = rng.choice(
            (
                rng.randbytes(end - start),
                b"",
                content[start:end] * 2,
                b"\xff" * (end - start),
                bytes(end - start),
            )
        )
    return bytes(content)
