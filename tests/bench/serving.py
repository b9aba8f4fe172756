"""Rows: reading and searching over HTTP, in stores of several sizes."""

import json
import random
import re
import shutil
import statistics
import subprocess
import time
from contextlib import ExitStack
from urllib.parse import urlencode

from bench.fill import PER_SET, ROIS, database_of, filled, names_of, orthanc_ids
from bench.orthancs import Orthanc
from bench.paired import interleaved
from bench.rows import FAILED, SHOWN, Row, judge, milliseconds
from bench.waiting import wait_until_converted

FAMILY = "Reading and searching (pages of 10, HTTP with keep-alive)"
MINIMUM_SEARCHES, MINIMUM_READS = 2500, 4000  # requests a second
MAXIMUM_RATIO = 1.2  # times the latency of the smallest store
CONNECTIONS = 8
SAMPLES = 64  # targets that are requested in turn
ROUNDS = 40  # of the latencies, for each of fast_rounds

KINDS = {  # name: whether there is a budget for it
    "read": True,
    "search by patient": True,
    "search by roi-name": True,
    "search by body-site": True,
    "Orthanc's /instances/{id}": False,
    "Orthanc's /tools/find by PatientID": False,
}


def rows(lab):
    """Start an Orthanc for each size of store, and measure them all."""
    folders = {count: filled(lab, count) for count in lab.scale.stores}
    with ExitStack() as stack:
        started = {}
        for count, folder in folders.items():
            lab.say(f"an Orthanc of {count} selections starts")
            orthanc = stack.enter_context(Orthanc(folder, **database_of(folder)))
            status = wait_until_converted(orthanc.connect())
            if status["converted"] != _sets(count):
                raise RuntimeError(f"the content of the store is wrong: {status}")
            started[count] = orthanc
        targets = {count: targets_of(count) for count in started}
        yield from _latencies(lab, started, targets)
        yield from _loads(lab, started, targets)


def _sets(count):
    return -(-count // PER_SET)


def targets_of(count):
    """Return what to request, by kind: path and, for a POST, its body."""
    rng = random.Random(count)
    targets = {kind: [] for kind in KINDS}
    for _ in range(SAMPLES):
        number, organ = rng.randrange(_sets(count)), rng.randint(1, ROIS)
        ids = orthanc_ids(number)
        queries = {
            "patient": f"Patient/{ids.patient}",
            "roi-name": f"Organ {organ:03}",
            "body-site": "http://snomed.info/sct|80891009",
        }
        targets["read"].append((f"/fhir/ImagingSelection/{ids.instance}-{organ}", ""))
        for name, value in queries.items():
            query = urlencode({name: value, "_count": 10})
            targets[f"search by {name}"].append((f"/fhir/ImagingSelection?{query}", ""))
        targets["Orthanc's /instances/{id}"].append((f"/instances/{ids.instance}", ""))
        wanted = {"PatientID": names_of(number)["patient"]}
        body = json.dumps({"Level": "Instance", "Query": wanted, "Expand": True})
        targets["Orthanc's /tools/find by PatientID"].append(("/tools/find", body))
    return targets


def _latencies(lab, started, targets):
    """Measure every store in turn, one request at a time."""
    small, *_, large = started
    for kind, has_budget in KINDS.items():
        lab.say(f"latency: {kind}")
        times = interleaved(
            ROUNDS * lab.scale.fast_rounds,
            {
                count: asking(orthanc, targets[count][kind])
                for count, orthanc in started.items()
            },
        )
        middle = {count: statistics.median(each) for count, each in times.items()}
        ratio = middle[large] / middle[small]
        shown = ", ".join(f"{each * 1e3:.2f}" for each in middle.values())
        yield Row(
            FAMILY,
            f"{kind}, latency with {large} selections vs {small}",
            f"<= {MAXIMUM_RATIO} x" if has_budget else "",
            f"{ratio:.2f} x ({shown} ms with {', '.join(map(str, middle))})",
            judge(met=ratio <= MAXIMUM_RATIO) if has_budget else SHOWN,
            {"ratio": ratio, **{str(c): milliseconds(t) for c, t in times.items()}},
        )


def asking(orthanc, targets):
    connection = orthanc.connect()
    turn = iter(targets * 10_000)

    def ask():
        path, body = next(turn)
        begun = time.perf_counter()
        status, _ = connection.ask("POST" if body else "GET", path, body or None)
        seconds = time.perf_counter() - begun
        if status != 200:
            raise RuntimeError(f"{path}: {status}")
        return seconds

    return ask


def _loads(lab, started, targets):
    """Run wrk, which sends requests as fast as it gets answers."""
    for count in (min(started), max(started)):
        for kind, has_budget in KINDS.items():
            minimum = MINIMUM_READS if kind == "read" else MINIMUM_SEARCHES
            budget = f">= {minimum} a second" if has_budget else ""
            what = f"{kind}, requests a second with {count} selections"
            if shutil.which("wrk") is None:
                verdict = FAILED if has_budget else SHOWN
                yield Row(FAMILY, what, budget, "wrk is not installed", verdict)
                continue
            lab.say(f"load: {kind}, {count} selections")
            rate, figures = _wrk(lab, started[count], targets[count][kind])
            yield Row(
                FAMILY,
                what,
                budget,
                f"{rate:.0f} (p50 {figures['p50']}, p99 {figures['p99']})",
                judge(met=rate >= minimum) if has_budget else SHOWN,
                {"requests_per_second": rate, **figures},
            )


SCRIPT = """
local targets = {%s}
local turn = 0
request = function()
  turn = turn %% #targets + 1
  local path, body = unpack(targets[turn])
  if body == "" then return wrk.format("GET", path) end
  return wrk.format("POST", path, nil, body)
end
"""


def _wrk(lab, orthanc, targets):
    """Run wrk for some seconds; return the requests a second, and the latencies."""
    lua = ",".join(
        f"{{{json.dumps(path)},{json.dumps(body)}}}" for path, body in targets
    )
    script = lab.folder("wrk") / "targets.lua"
    script.write_text(SCRIPT % lua)
    seconds = max(1, round(lab.scale.seconds))
    arguments = [
        f"--connections={CONNECTIONS}",
        "--threads=1",
        f"--duration={seconds}s",
    ]
    output = subprocess.run(
        ["wrk", *arguments, "--latency", f"--script={script}", orthanc.url],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    if "Non-2xx" in output or "Socket errors" in output:
        raise RuntimeError(f"some requests were not answered: {output}")
    rate = float(re.search(r"Requests/sec:\s+([0-9.]+)", output)[1])
    p50, p99 = (re.search(rf"{share}%\s+(\S+)", output)[1] for share in (50, 99))
    return rate, {"p50": p50, "p99": p99}


PARTS = (rows,)
