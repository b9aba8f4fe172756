"""Rows: how long it takes to measure a ROI, and what that costs others."""

import random
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, islice

from imaging_selection.dicom.file import open_dataset
from imaging_selection.errors import ImagingSelectionError
from imaging_selection.geometry.measure import measure
from imaging_selection.objects import read

from bench.ingest import SENDERS, Stream, send
from bench.inputs import synthetic
from bench.orthancs import Orthanc
from bench.paired import ratio_of_medians
from bench.rows import Row, judge, judge_ratio, milliseconds, quantile
from bench.waiting import wait_until_measured

FAMILY = "Measuring"
MAXIMUM_MEDIAN = 0.010  # seconds a ROI
MAXIMUM_RATIO = 1.05
ROUNDS = 6


def rois(lab):
    """Measure and check each ROI of the real structure sets, by itself."""
    paths = lab.real(every=True) or [
        synthetic(lab.cache, size) for size in lab.scale.synthetic
    ]
    lab.say(f"measuring {len(paths)} files")
    times = {}
    for path in paths:
        file = path.read_bytes()
        try:
            _, structure_set = read(file)
        except ImagingSelectionError:
            continue
        data = open_dataset(file).data
        for place, roi in enumerate(structure_set.rois):
            each = [_seconds(data, roi) for _ in range(lab.scale.slow_rounds)]
            if None not in each:
                times[f"{path.name} {place + 1}"] = min(each)
    seconds = [*times.values()]
    median = statistics.median(seconds)
    worst = max(times, key=times.__getitem__)
    yield Row(
        FAMILY,
        f"volume and checks of a ROI ({len(times)} ROIs)",
        f"median <= {MAXIMUM_MEDIAN * 1e3:.0f} ms",
        f"median {median * 1e3:.1f} ms, p95 {quantile(seconds, 0.95) * 1e3:.0f} ms,"
        f" worst {times[worst] * 1e3:.0f} ms ({worst})",
        judge(met=median <= MAXIMUM_MEDIAN),
        {**milliseconds(seconds), "by_roi": times},
    )


def _seconds(data, roi):
    """Return the processor time of measuring a ROI; None: it has no closed contours."""
    begun = time.process_time()
    (measured,) = measure(data, [roi])
    seconds = time.process_time() - begun
    return None if measured is None else seconds


def searchable(lab):
    """Store and search with the setting Measurements and without, in turn."""
    count = lab.scale.structure_sets
    lab.say(f"{count} structure sets with measurements and without, in {ROUNDS} rounds")
    folder = lab.folder("measuring")
    files = list(islice(Stream(lab), count))
    lags, seconds = {"on": [], "off": []}, {"on": [], "off": []}
    with (
        Orthanc(folder / "on", ImagingSelection={"Measurements": True}) as on,
        Orthanc(folder / "off") as off,
    ):
        both = {"on": on, "off": off}
        rng = random.Random(113047)
        size = max(1, len(files) // ROUNDS)
        for start in range(0, len(files), size):
            names = [*both]
            rng.shuffle(names)
            for name in names:
                begun = time.perf_counter()
                lags[name] += _streamed(both[name], files[start : start + size])
                seconds[name].append(time.perf_counter() - begun)
                # Not while the other one is measured.
                wait_until_measured(both[name].connect())
    yield _ratio(
        f"stored to searchable, with measurements vs without ({count} pairs)", lags
    )
    yield _ratio(f"a stream of {size} structure sets, likewise", seconds)


def _streamed(orthanc, files):
    with ThreadPoolExecutor(SENDERS) as senders:
        shares = [files[k::SENDERS] for k in range(SENDERS)]
        return list(
            chain.from_iterable(senders.map(lambda s: send(orthanc, s), shares))
        )


def _ratio(question, times):
    ratio, low, high = ratio_of_medians(times["on"], times["off"])
    return Row(
        FAMILY,
        question,
        f"<= {MAXIMUM_RATIO} x",
        f"{ratio:.3f} x (95 %: {low:.3f} to {high:.3f}; median"
        f" {statistics.median(times['off']) * 1e3:.1f} ms without)",
        judge_ratio(low, high, MAXIMUM_RATIO),
        {
            "ratio": ratio,
            "interval": [low, high],
            **{name: milliseconds(each) for name, each in times.items()},
        },
    )


PARTS = (rois, searchable)
