"""Rows: this checkout and another one of the project, in one run (`--against PATH`).

Each row is the ratio of times, ours divided by the other's: above 1, ours is slower.
Both are measured in turn. Each checkout fills the stores by its own code, because the
tables may differ.
"""

import os
import statistics
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from bench import serving
from bench.contours import files_of, timed
from bench.fill import database_of
from bench.ingest import storing
from bench.inputs import ct_images, synthetic
from bench.lab import ROOT
from bench.orthancs import Orthanc
from bench.paired import interleaved, ratio_of_medians
from bench.readers import Reader, UnreadableError
from bench.rows import Row, judge_ratio
from bench.waiting import wait_until_converted

FAMILY = "This checkout and the other one: ratio of times"
MAXIMUM_RATIO = 1.05
NEW, OLD = "new", "old"
STARTS = 5  # of the processes that read
FILL = """
import sys
from pathlib import Path
from bench.fill import filled
from bench.lab import SCALES, Lab
print(filled(Lab(SCALES["full"], Path(sys.argv[1])), int(sys.argv[2])))
"""


def _checkouts(lab):
    return {NEW: ROOT, OLD: lab.against}


def _row(what, times, figures=None):
    ratio, low, high = ratio_of_medians(times[NEW], times[OLD])
    return Row(
        FAMILY,
        what,
        f"<= {MAXIMUM_RATIO} x",
        f"{ratio:.3f} x (95 %: {low:.3f} to {high:.3f}; {len(times[NEW])} pairs)",
        judge_ratio(low, high, MAXIMUM_RATIO),
        {"ratio": ratio, "interval": [low, high], **(figures or {})},
    )


def conversion(lab):
    """Convert all files without contours."""
    files = lab.real() or [synthetic(lab.cache, size) for size in lab.scale.synthetic]
    yield _reading(lab, "convert", files)


def contours(lab):
    """Add the contours of files, and of one ROI; then the same over HTTP."""
    yield _reading(lab, "contours", files_of(lab))
    yield _reading(lab, "one_roi", [synthetic(lab.cache, lab.scale.synthetic[-1])])
    with _orthancs(lab, lab.folder("against")) as orthancs:
        asks = {side: orthanc.connect() for side, orthanc in orthancs.items()}
        times = {}
        for path in files_of(lab):
            lab.say(f"$contours over HTTP: {path.name}")
            for ask in asks.values():
                identity = ask.store(path.read_bytes())
                wait_until_converted(ask)
            target = f"/fhir/ImagingSelection/{identity}/$contours"
            actions = {side: partial(timed, ask, target) for side, ask in asks.items()}
            times[path.name] = interleaved(2 * lab.scale.fast_rounds, actions)
    yield _pooled("$contours over HTTP", times)


def _reading(lab, way, files):
    """Read files in one way, with the workers of both checkouts.

    They are started several times: a process may be faster than another by chance.
    """
    times = {path.name: {NEW: [], OLD: []} for path in files}
    for number in range(STARTS):
        lab.say(f"reading as `{way}`, {number + 1} of {STARTS}")
        with ExitStack() as stack:
            ways = {}
            for side, checkout in _checkouts(lab).items():
                ways[side] = reader = Reader(way, checkout=checkout)
                stack.callback(reader.close)
            for path in files:
                for side, measured in _read_in_turn(lab, ways, path).items():
                    times[path.name][side] += measured
    return _pooled(f"reading as `{way}`", times)


def _read_in_turn(lab, ways, path):
    try:
        for read in ways.values():
            read(path)
        actions = {side: partial(read, path) for side, read in ways.items()}
        read = interleaved(max(1, 2 * lab.scale.fast_rounds // STARTS), actions)
    except UnreadableError:
        return {}  # the plugin refuses this file
    return {side: [each.cpu for each in readings] for side, readings in read.items()}


def _pooled(what, times):
    """Return the row for times of files, each divided by the time of its file."""
    times = {name: each for name, each in times.items() if each[NEW]}
    middle = {name: statistics.median(each[OLD]) for name, each in times.items()}
    pool = {
        side: [time / middle[name] for name in times for time in times[name][side]]
        for side in (NEW, OLD)
    }
    by_file = {
        name: statistics.median(each[NEW]) / middle[name]
        for name, each in times.items()
    }
    return _row(f"{what}, {len(times)} files", pool, {"by_file": by_file})


@contextmanager
def _orthancs(lab, folder):
    """Yield an Orthanc of each checkout, with an empty archive."""
    with ExitStack() as stack:
        yield {
            side: stack.enter_context(Orthanc(folder / side, checkout=checkout))
            for side, checkout in _checkouts(lab).items()
        }


def ingest(lab):
    """Store the same images in an Orthanc of each checkout."""
    with _orthancs(lab, lab.folder("against")) as orthancs:
        images = ct_images()
        stores = {side: storing(each, images) for side, each in orthancs.items()}
        interleaved(20, stores)  # not measured: what is slow only the first time
        yield _row("storing a CT image of 0.5 MB", interleaved(lab.scale.pairs, stores))


def served(lab):
    """Read and search in stores of each size."""
    for count in lab.scale.stores:
        with ExitStack() as stack:
            orthancs = {}
            for side, checkout in _checkouts(lab).items():
                folder = _filled(lab.cache / side, count, checkout)
                orthancs[side] = stack.enter_context(
                    Orthanc(folder, checkout=checkout, **database_of(folder))
                )
                wait_until_converted(orthancs[side].connect())
            targets = serving.targets_of(count)
            for kind in (
                kind for kind, has_budget in serving.KINDS.items() if has_budget
            ):
                lab.say(f"{kind}, {count} selections")
                asks = {
                    side: serving.asking(orthanc, targets[kind])
                    for side, orthanc in orthancs.items()
                }
                times = interleaved(serving.ROUNDS * lab.scale.fast_rounds, asks)
                yield _row(f"{kind}, latency with {count} selections", times)


def _filled(cache, count, checkout):
    """Return the folder of an Orthanc with so many selections, filled by a checkout."""
    places = (checkout / "plugin", checkout / "tests", checkout)
    return Path(
        subprocess.run(
            [sys.executable, "-c", FILL, str(cache), str(count)],
            cwd=checkout,
            env=os.environ | {"PYTHONPATH": ":".join(map(str, places))},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        ).stdout.strip()
    )


FAMILIES = {
    "conversion": (conversion,),
    "contours": (contours,),
    "ingest": (ingest,),
    "serving": (served,),
}
