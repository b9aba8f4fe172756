"""Rows: reading and searching over HTTP, in stores of any size; Orthanc's own."""

import json
import random
import re
import shutil
import statistics
import subprocess
import time
from contextlib import ExitStack
from urllib.parse import urlencode

from bench.fill import PER_SET, ROIS, database_of, filled, marks, orthanc_ids
from bench.orthancs import Orthanc
from bench.paired import interleaved
from bench.rows import FAILED, TOLD, Row, judge, milliseconds
from bench.waiting import settled

FAMILY = "Reading and searching (pages of 10, HTTP with keep-alive)"
LEAST = 2000  # requests a second
MOST = 1.5  # times the latency of the smallest store
CONNECTIONS = 8
SAMPLES = 64  # targets that are asked for in turn
ROUNDS = 40  # of the latencies, for each of fast_rounds

KINDS = {  # name: whether the budget speaks of it
    "read": True,
    "search by patient": True,
    "search by roi-name": True,
    "search by body-site": True,
    "Orthanc's /instances/{id}": False,
    "Orthanc's /tools/find by PatientID": False,
}


def rows(lab):
    """Start an Orthanc for each size of store, and ask them all."""
    folders = {count: filled(lab, count) for count in lab.scale.stores}
    with ExitStack() as stack:
        started = {}
        for count, folder in folders.items():
            lab.say(f"an Orthanc of {count} selections starts")
            orthanc = stack.enter_context(Orthanc(folder, **database_of(folder)))
            status = settled(orthanc.connect())
            if status["converted"] != _sets(count):
                raise RuntimeError(f"the store is not what it should be: {status}")
            started[count] = orthanc
        targets = {count: _targets(count) for count in started}
        yield from _latencies(lab, started, targets)
        yield from _loads(lab, started, targets)


def _sets(count):
    return -(-count // PER_SET)


def _targets(count):
    """List what to ask for, by kind: path and, for a POST, its body."""
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
        wanted = {"PatientID": marks(number)["patient"]}
        body = json.dumps({"Level": "Instance", "Query": wanted, "Expand": True})
        targets["Orthanc's /tools/find by PatientID"].append(("/tools/find", body))
    return targets


def _latencies(lab, started, targets):
    """Ask every store in turn, one request at a time."""
    small, *_, large = started
    for kind, has_budget in KINDS.items():
        lab.say(f"latency: {kind}")
        times = interleaved(
            ROUNDS * lab.scale.fast_rounds,
            {
                count: _asking(orthanc, targets[count][kind])
                for count, orthanc in started.items()
            },
        )
        middle = {count: statistics.median(each) for count, each in times.items()}
        ratio = middle[large] / middle[small]
        shown = ", ".join(f"{each * 1e3:.2f}" for each in middle.values())
        yield Row(
            FAMILY,
            f"{kind}, latency with {large} selections vs {small}",
            f"<= {MOST} x" if has_budget else "",
            f"{ratio:.2f} x ({shown} ms with {', '.join(map(str, middle))})",
            judge(met=ratio <= MOST) if has_budget else TOLD,
            {"ratio": ratio, **{str(c): milliseconds(t) for c, t in times.items()}},
        )


def _asking(orthanc, targets):
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
    """Have wrk ask as fast as it gets answers."""
    for count in (min(started), max(started)):
        for kind, has_budget in KINDS.items():
            budget = f">= {LEAST} a second" if has_budget else ""
            what = f"{kind}, requests a second with {count} selections"
            if shutil.which("wrk") is None:
                verdict = FAILED if has_budget else TOLD
                yield Row(FAMILY, what, budget, "wrk is not installed", verdict)
                continue
            lab.say(f"load: {kind}, {count} selections")
            rate, figures = _wrk(lab, started[count], targets[count][kind])
            yield Row(
                FAMILY,
                what,
                budget,
                f"{rate:.0f} (p50 {figures['p50']}, p99 {figures['p99']})",
                judge(met=rate >= LEAST) if has_budget else TOLD,
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
    """Run wrk for some seconds; requests a second, and its latencies."""
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
    said = subprocess.run(
        ["wrk", *arguments, "--latency", f"--script={script}", orthanc.url],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    if "Non-2xx" in said or "Socket errors" in said:
        raise RuntimeError(f"not all was answered: {said}")
    rate = float(re.search(r"Requests/sec:\s+([0-9.]+)", said)[1])
    p50, p99 = (re.search(rf"{share}%\s+(\S+)", said)[1] for share in (50, 99))
    return rate, {"p50": p50, "p99": p99}


PARTS = (rows,)
