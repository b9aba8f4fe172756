"""An export of a hundred thousand selections (`make soak`)."""

import json
import subprocess
import sys
from collections import defaultdict

import pytest
from bench.fill import (
    PER_SET,
    _multiply,
    _named,
    _save_first,
    names_of,
    of_number,
    orthanc_ids,
)
from support.paths import PLUGIN, TESTS

pytestmark = pytest.mark.soak

SELECTIONS = 100_000
MAXIMUM_GROWTH = 64 << 20
# Walks all pages, then exports, and says how memory has grown by both.
PROGRAM = """
import hashlib, json, sys, time
from pathlib import Path
from bench.orthancs import memory
from imaging_selection.api.bulk_export import Order
from imaging_selection.host.exports import Exports
from imaging_selection.search.criteria import Query
from imaging_selection.store.engine import Database
from imaging_selection.store.selections import Selections
from dataclasses import replace

selections = Selections(Database(sys.argv[1], 60))
folder = Path(sys.argv[2])
before = memory("self", "VmHWM")
walked, number = 0, 0
query = Query((), 500)
while True:
    page = selections.search(query)
    for each in page.matches:
        walked ^= int(hashlib.sha256(bytes(each.resource)).hexdigest(), 16)
        number += 1
    if page.next_after is None:
        break
    query = replace(query, after=page.next_after)
exports = Exports(selections, folder, megabytes=4096, hours=1)
exports.start()
began = time.monotonic()
name = exports.begin(Order("http://url", types=("ImagingSelection",)))
while not exports.find(name).done:
    time.sleep(0.1)
job = exports.find(name)
seconds = time.monotonic() - began
assert job.problem is None, job.problem
grown = memory("self", "VmHWM") - before
exported, lines, largest = 0, 0, 0
for file in job.output:
    largest = max(largest, (job.folder / file.name).stat().st_size)
    with (job.folder / file.name).open("rb") as open_file:
        for line in open_file:
            exported ^= int(hashlib.sha256(line[:-1]).hexdigest(), 16)
            lines += 1
exports.stop()
print(json.dumps({
    "walked": number, "lines": lines, "same": walked == exported, "grown": grown,
    "files": len(job.output), "largest": largest, "seconds": round(seconds, 1),
}))
"""


def test_an_export_of_a_hundred_thousand_selections_needs_little_memory(tmp_path, say):
    url = f"sqlite:///{tmp_path}/store.db"
    files = defaultdict(lambda: "file-113047")
    _save_first(url, of_number(0), files)
    clones = [
        {"n": n, **names_of(n), **_named(orthanc_ids(n), files)}
        for n in range(-(-SELECTIONS // PER_SET))
    ]
    _multiply(url, clones)

    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM, url, tmp_path / "exports"],
        env={"PYTHONPATH": f"{PLUGIN}:{TESTS}", "PATH": "/usr/bin"},
        capture_output=True,
        check=False,
        text=True,
    )

    assert ended.returncode == 0, ended.stderr
    found = json.loads(ended.stdout)
    say("an export of 100 000 selections", **found)
    assert found["walked"] == found["lines"] >= SELECTIONS
    assert found["same"]
    assert found["grown"] < MAXIMUM_GROWTH
    assert found["largest"] <= 16 << 20
