"""Rows: with contours, beside every peer on the same files; growth with the size."""

import math
import statistics
import time
from functools import partial

from bench.inputs import MEGABYTE, synthetic
from bench.orthancs import Orthanc
from bench.paired import interleaved
from bench.readers import UnreadableError, readers
from bench.rows import FAILED, SHOWN, Row, judge
from bench.waiting import wait_until_converted

FAMILY = "With contours (geometric means over real files above 1 MB)"
GROWTH = "Growth with the size (synthetic structure sets)"

PEERS = {  # way: (its name, how many times as long as ours it must take)
    "naive": ("naive path (pydicom values, fhir.resources)", 150),
    "dcm2json": ("dcmtk dcm2json", 300),
    "pydicom_json": ("pydicom to_json", None),
    "dcmrtstruct2nii": ("dcmrtstruct2nii's contour reading", None),
}
OURS_A_ROUND = 5  # ours is short: it is read so often for each time of a peer
MINIMUM_SPEED = 200 * MEGABYTE
LINEAR = 1.05  # the exponent of growth: 1 is linear, 2 quadratic


def compared(lab):
    """Compare with the peers, on the same files in turn."""
    files = files_of(lab)
    measured = _measured(lab, files)
    yield from _against_peers(files, measured)
    yield _speed(files, measured)


def files_of(lab):
    """Return the real files above 1 MB, or a synthetic one where there are none."""
    return lab.real(MEGABYTE) or [synthetic(lab.cache, 1)]


def _measured(lab, files):
    """Measure each way on each file, in turn: way -> file -> processor seconds."""
    results = {}
    with readers(lab, "contours", *PEERS) as ways:
        for path in files:
            lab.say(f"with contours, ours and the peers': {path.name}")
            for _ in range(lab.scale.slow_rounds):
                for way, read in ways.items():
                    times = results.setdefault(way, {}).setdefault(path, [])
                    try:
                        for _ in range(OURS_A_ROUND if way == "contours" else 1):
                            times.append(read(path).cpu)
                    except UnreadableError as error:
                        lab.say(f"{way} does not read {path.name}: {error}")
    return {
        way: {p: statistics.median(t) for p, t in each.items() if t}
        for way, each in results.items()
    }


def geometric_mean(values):
    """Return the geometric mean of ratios."""
    return math.exp(statistics.fmean(map(math.log, values)))


def _against_peers(files, measured):
    ours = measured["contours"]
    for way, (name, minimum) in PEERS.items():
        budget = f">= {minimum} x" if minimum else ""
        theirs = measured.get(way)
        if not theirs:
            yield Row(
                FAMILY, name, budget, "is not installed", FAILED if minimum else SHOWN
            )
            continue
        ratios = {path: seconds / ours[path] for path, seconds in theirs.items()}
        mean = geometric_mean(ratios.values())
        yield Row(
            FAMILY,
            f"{name}: so many times as long as ours",
            budget,
            f"{mean:.0f} x ({min(ratios.values()):.0f} to {max(ratios.values()):.0f},"
            f" {len(ratios)} of {len(files)} files)",
            judge(met=mean >= minimum) if minimum else SHOWN,
            {"mean": mean, "by_file": {p.name: r for p, r in ratios.items()}},
        )


def _speed(files, measured):
    speeds = {p.name: p.stat().st_size / s for p, s in measured["contours"].items()}
    mean = geometric_mean(speeds.values())
    return Row(
        FAMILY,
        "ours, from file to JSON",
        f">= {MINIMUM_SPEED / MEGABYTE:.0f} MB/s",
        f"{mean / MEGABYTE:.0f} MB/s ({min(speeds.values()) / MEGABYTE:.0f} to"
        f" {max(speeds.values()) / MEGABYTE:.0f}, {len(files)} files)",
        judge(met=mean >= MINIMUM_SPEED),
        {"bytes_per_second": mean, "by_file": speeds},
    )


def over_http(lab):
    """Compare with Orthanc's `/tags`, which leaves out long values by default."""
    files = files_of(lab)
    found = {"tags": {}, "all tags": {}, "over HTTP": {}}
    with Orthanc(lab.folder("tags")) as orthanc, readers(lab, "contours") as ways:
        connection = orthanc.connect()
        ids = {path: connection.store(path.read_bytes()) for path in files}
        wait_until_converted(connection)
        for path, identity in ids.items():
            lab.say(f"/tags and $contours over HTTP: {path.name}")
            tags = f"/instances/{identity}/tags"
            whole = f"/fhir/ImagingSelection/{identity}/$contours"
            times = interleaved(
                lab.scale.fast_rounds,
                {
                    "made": partial(_wall, ways["contours"], path),
                    "ours": partial(timed, connection, whole),
                    "tags": partial(timed, connection, tags),
                    "all": partial(
                        timed, connection, f"{tags}?ignore-length=3006-0050"
                    ),
                },
            )
            middle = {name: statistics.median(each) for name, each in times.items()}
            found["tags"][path.name] = middle["tags"] / middle["made"]
            found["all tags"][path.name] = middle["all"] / middle["made"]
            found["over HTTP"][path.name] = middle["all"] / middle["ours"]
    for what, ratios, minimum in (
        (
            "Orthanc's /instances/{id}/tags, which leaves the coordinates out",
            found["tags"],
            10,
        ),
        ("the same with ?ignore-length=3006-0050: with them", found["all tags"], None),
        (
            "the same, and ours too as a whole answer over HTTP",
            found["over HTTP"],
            None,
        ),
    ):
        mean = geometric_mean(ratios.values())
        yield Row(
            FAMILY,
            f"{what}: so many times as long as ours",
            f">= {minimum} x" if minimum else "",
            f"{mean:.1f} x ({min(ratios.values()):.1f} to {max(ratios.values()):.1f})",
            judge(met=mean >= minimum) if minimum else SHOWN,
            {"mean": mean, "by_file": ratios},
        )


def _wall(read, path):
    return read(path).wall


def timed(connection, path):
    begun = time.perf_counter()
    connection.get(path)
    return time.perf_counter() - begun


def growth(lab):
    """Measure the speed for every size, and for one ROI of the largest file."""
    paths = {size: synthetic(lab.cache, size) for size in lab.scale.synthetic}
    largest = max(paths)
    with readers(lab, "contours", "one_roi") as ways:
        times = {}
        for size, path in paths.items():
            lab.say(f"growth: {size} MB")
            rounds = max(2, lab.scale.fast_rounds // (1 + size // 20))
            times[size] = statistics.median(
                ways["contours"](path).cpu for _ in range(rounds)
            )
        one = statistics.median(ways["one_roi"](paths[largest]).cpu for _ in range(3))
    speeds = {size: paths[size].stat().st_size / t for size, t in times.items()}
    shown = ", ".join(
        f"{size} MB {v / MEGABYTE:.0f} MB/s" for size, v in speeds.items()
    )
    yield Row(
        GROWTH,
        "ours, from file to JSON",
        f">= {MINIMUM_SPEED / MEGABYTE:.0f} MB/s",
        shown,
        judge(met=min(speeds.values()) >= MINIMUM_SPEED),
        {"bytes_per_second": speeds, "seconds": times},
    )
    smallest = min(paths)
    sizes = paths[largest].stat().st_size / paths[smallest].stat().st_size
    exponent = math.log(times[largest] / times[smallest]) / math.log(sizes)
    yield Row(
        GROWTH,
        f"exponent of time over size, {smallest} to {largest} MB",
        f"linear: <= {LINEAR}",
        f"{exponent:.3f}",
        judge(met=exponent <= LINEAR),
        {"exponent": exponent},
    )
    yield Row(
        GROWTH,
        f"one ROI of 20, out of {largest} MB",
        "",
        f"{one * 1e3:.0f} ms, {one / times[largest]:.0%} of all of them",
        SHOWN,
        {"seconds": one},
    )


PARTS = (compared, over_http, growth)
