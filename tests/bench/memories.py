"""Rows: memory, as the operating system counts it (VmHWM of proc(5))."""

import os
import subprocess
import sys

from support.builders import make_rtstruct, roi

from bench.inputs import MEGABYTE, synthetic
from bench.orthancs import ROOT, Orthanc, memory, reset_peak
from bench.rows import SHOWN, Row, judge
from bench.waiting import wait_until_converted

FAMILY = "Memory"
MAXIMUM_RATIO = 2.2
MAXIMUM_RATIO_IN_PARTS = 1.2  # since Orthanc 1.12, which sends an answer in parts
MAXIMUM_OF_COMMAND = 3
MINIMUM_ANSWER = 100_000  # bytes of any answer that is measured here
COMMAND = """
import sys
from bench.orthancs import memory
from imaging_selection.cli import main
status = main(["convert", "--contours", sys.argv[1]])
print(memory("self", "VmHWM"), file=sys.stderr)
sys.exit(status)
"""


def served(lab):
    """Request the contours of a large structure set three times, after a start."""
    path = synthetic(lab.cache, lab.scale.large)
    lab.say(f"memory: $contours of {lab.scale.large} MB")
    size = path.stat().st_size
    folder = lab.folder("memory")
    with Orthanc(folder) as orthanc:
        connection = orthanc.connect()
        small = connection.store(make_rtstruct(roi(1), SOPInstanceUID="2.25.1130479"))
        large = connection.store(path.read_bytes())
        wait_until_converted(connection)
    with Orthanc(folder) as orthanc:  # started again: storing took memory, too
        connection = orthanc.connect()
        wait_until_converted(connection)
        version = connection.json("/system")["Version"].split(".")
        connection.drain(f"/fhir/ImagingSelection/{small}/$contours")
        target = f"/fhir/ImagingSelection/{large}/$contours"
        grown = [_growth(orthanc, connection, target) / size for _ in range(3)]
    with Orthanc(folder) as orthanc:
        connection = orthanc.connect()
        wait_until_converted(connection)
        own = _growth(orthanc, connection, f"/instances/{large}/file") / size
        tags = _growth(orthanc, connection, f"/instances/{large}/tags") / size
    in_parts = tuple(map(int, version[:2])) >= (1, 12)
    maximum = MAXIMUM_RATIO_IN_PARTS if in_parts else MAXIMUM_RATIO
    worst = max(grown)
    yield Row(
        FAMILY,
        f"$contours of {size / MEGABYTE:.0f} MB, peak growth of Orthanc's process",
        f"<= {maximum} x the file",
        f"{grown[0]:.2f} x the first time, then {max(grown[1:]):.2f} x; Orthanc's own"
        f" /instances/{{id}}/file the first time: {own:.2f} x",
        judge(met=worst <= maximum),
        {"growth": grown, "file_alone": own, "file_size": size},
    )
    yield Row(
        FAMILY,
        "Orthanc's /instances/{id}/tags of the same file, after that",
        "",
        f"{tags:.2f} x the file",
        SHOWN,
        {"growth": tags},
    )


def _growth(orthanc, connection, path):
    before = memory(orthanc.pid, "VmRSS")
    reset_peak(orthanc.pid)
    if connection.drain(path) < MINIMUM_ANSWER:
        raise RuntimeError(f"{path}: not the large structure set")
    return memory(orthanc.pid, "VmHWM") - before


def command(lab):
    """Convert the same structure set with its contours, and a small one."""
    path = synthetic(lab.cache, lab.scale.large)
    lab.say(f"memory: convert --contours of {lab.scale.large} MB")
    size = path.stat().st_size
    base, peak = _peak_of(synthetic(lab.cache, lab.scale.synthetic[0])), _peak_of(path)
    yield Row(
        FAMILY,
        "convert --contours of the same file, peak above that of a small one",
        f"<= {MAXIMUM_OF_COMMAND} x the file",
        f"{(peak - base) / size:.2f} x",
        judge(met=peak - base <= MAXIMUM_OF_COMMAND * size),
        {"peak": peak, "small": base},
    )


def _peak_of(path):
    with open(os.devnull, "wb") as nowhere:  # noqa: PTH123 - a descriptor to hand on
        done = subprocess.run(
            [sys.executable, "-c", COMMAND, str(path)],
            cwd=ROOT,
            stdout=nowhere,
            stderr=subprocess.PIPE,
            check=True,
        )
    return int(done.stderr.splitlines()[-1])


PARTS = (served, command)
