"""Rows: how other requests are slowed down while the plugin works."""

import threading
import time
from contextlib import contextmanager
from itertools import islice

from bench.ingest import Stream
from bench.inputs import ct_images, synthetic
from bench.orthancs import Orthanc
from bench.rows import SHOWN, Row, judge, milliseconds
from bench.waiting import wait_until_converted

FAMILY = "Other requests meanwhile"
MAXIMUM_RATIO = 1.5


def images_beside_contours(lab):
    """Store images alone, and while contours are requested without pause."""
    size = lab.scale.large
    lab.say(f"images stored while the contours of {size} MB are asked for")
    images = ct_images()
    with Orthanc(lab.folder("beside")) as orthanc:
        connection = orthanc.connect()
        identity = connection.store(synthetic(lab.cache, size).read_bytes())
        wait_until_converted(connection)
        target = f"/fhir/ImagingSelection/{identity}/$contours"
        alone, meanwhile, answers = [], [], []
        for _ in range(2):
            _store_for(lab.scale.seconds, connection, images, alone)
            with _asking(orthanc, target, answers):
                _store_for(2 * lab.scale.seconds, connection, images, meanwhile)
    longest = max(meanwhile) / max(alone)
    rate = len(meanwhile) / sum(meanwhile)
    before = len(alone) / sum(alone)
    yield Row(
        FAMILY,
        f"CT images stored while $contours of {size} MB is asked for without pause",
        f"the longest <= {MAXIMUM_RATIO} x the longest before",
        f"{longest:.2f} x ({max(meanwhile) * 1e3:.0f} ms, {max(alone) * 1e3:.0f} ms"
        f" before); {rate:.0f} a second, {before:.0f} before;"
        f" {len(answers)} answers of {sum(answers) / len(answers) * 1e3:.0f} ms",
        judge(met=longest <= MAXIMUM_RATIO),
        {
            "alone": milliseconds(alone),
            "meanwhile": milliseconds(meanwhile),
            "contours": milliseconds(answers),
        },
    )


def _store_for(seconds, connection, images, times):
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        image = next(images)
        begun = time.perf_counter()
        connection.store(image)
        times.append(time.perf_counter() - begun)


@contextmanager
def _asking(orthanc, target, times):
    """Request a path again and again in a thread; wait for the last answer."""
    done = threading.Event()

    def ask():
        connection = orthanc.connect()
        while not done.is_set():
            begun = time.perf_counter()
            connection.drain(target)
            times.append(time.perf_counter() - begun)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def system_beside_sweep(lab):
    """Request `/system` while all structure sets are converted again."""
    count = lab.scale.structure_sets
    lab.say(f"/system while {count} structure sets are converted again")
    with Orthanc(lab.folder("sweep")) as orthanc:
        connection = orthanc.connect()
        for file, _ in islice(Stream(lab), count):
            connection.store(file)
        wait_until_converted(connection)
        idle = [_asked(connection) for _ in range(100)]
        begun = time.perf_counter()
        connection.reconcile_all()
        busy = [_asked(connection)]
        watcher = _Watcher(orthanc)
        while not watcher.done:
            busy.append(_asked(connection))
        watcher.join()
        seconds = time.perf_counter() - begun
    of_idle, of_busy = milliseconds(idle), milliseconds(busy)
    yield Row(
        FAMILY,
        f"/system during a sweep that converts {count} structure sets again"
        f" ({seconds:.0f} s)",
        "",
        f"median {of_busy['median_ms']:.1f} ms, p95 {of_busy['p95_ms']:.1f} ms, longest"
        f" {of_busy['longest_ms']:.1f} ms; idle {of_idle['median_ms']:.1f} ms",
        SHOWN,
        {"idle": of_idle, "sweep": of_busy, "seconds": seconds},
    )


class _Watcher(threading.Thread):
    """Reads the status twice a second until nothing waits."""

    def __init__(self, orthanc):
        super().__init__()
        self._connection = orthanc.connect()
        self.done = False
        self.start()

    def run(self):
        while True:
            status = self._connection.json("/imaging-selection/status")
            if status["waiting"] == 0 and not status["sweep"]["running"]:
                break
            time.sleep(0.5)
        self.done = True


def _asked(connection):
    time.sleep(0.01)
    begun = time.perf_counter()
    connection.get("/system")
    return time.perf_counter() - begun


PARTS = (images_beside_contours, system_beside_sweep)
