"""Rows: how the plugin slows down storing, and how soon a stored file can be found."""

import random
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, cycle, islice
from urllib.parse import urlencode

from imaging_selection.errors import ImagingSelectionError
from support.reading import parse_structure_set

from bench.inputs import MEGABYTE, ct_images, structure_set
from bench.orthancs import Orthanc
from bench.paired import interleaved, ratio_of_medians
from bench.rows import Row, judge, judge_ratio, milliseconds, quantile
from bench.waiting import wait_until_converted

FAMILY = "Storing"
MAXIMUM_RATIO = 1.02
SOON = 0.25  # seconds
SENDERS = 2
MINIMUM_UID = 12  # characters, so that a number fits in
MAXIMUM_SIZE = 3 * MEGABYTE  # of a file of the stream: common sizes


def images_stored(lab):
    """Store the same images in an Orthanc with the plugin and in one without."""
    lab.say(f"storing {lab.scale.pairs} images with the plugin and without")
    folder = lab.folder("images")
    with (
        Orthanc(folder / "on") as on,
        Orthanc(folder / "off", plugin=False) as off,
    ):
        images = ct_images()
        stores = {"on": storing(on, images), "off": storing(off, images)}
        interleaved(20, stores)  # not measured: what is slow only the first time
        times = interleaved(lab.scale.pairs, stores)
    ratio, low, high = ratio_of_medians(times["on"], times["off"])
    yield Row(
        FAMILY,
        f"a CT image of 0.5 MB, plugin on vs off ({lab.scale.pairs} pairs)",
        f"<= {MAXIMUM_RATIO} x",
        f"{ratio:.3f} x (95 %: {low:.3f} to {high:.3f}; median"
        f" {statistics.median(times['off']) * 1e3:.2f} ms without)",
        judge_ratio(low, high, MAXIMUM_RATIO),
        {
            "ratio": ratio,
            "interval": [low, high],
            **{name: milliseconds(each) for name, each in times.items()},
        },
    )


def storing(orthanc, images):
    connection = orthanc.connect()

    def store():
        image = next(images)
        begun = time.perf_counter()
        connection.store(image)
        return time.perf_counter() - begun

    return store


class Stream:
    """An endless stream of structure sets, each with a SOP Instance UID of its own."""

    def __init__(self, lab):
        paths = lab.real(every=True)
        files = [p.read_bytes() for p in paths if p.stat().st_size < MAXIMUM_SIZE]
        kept = []
        for file in files or [structure_set(200), structure_set(1000)]:
            try:
                uid = parse_structure_set(file).sop_instance_uid.encode()
            except ImagingSelectionError:
                continue  # the plugin refuses this file, so a search never finds it
            if len(uid) >= MINIMUM_UID and not _is_deflated(file):
                kept.append((file, uid))
        random.Random(113047).shuffle(kept)
        self.size = statistics.fmean(len(file) for file, _ in kept)
        self._files = cycle(kept)
        self._number = 0

    def __iter__(self):
        return self

    def __next__(self):
        """Return a file and its UID."""
        file, uid = next(self._files)
        self._number += 1
        own = b"2.25.9" + b"%0*d" % (len(uid) - 6, self._number)
        return file.replace(uid, own), own.decode()


def _is_deflated(file):
    return b"1.2.840.10008.1.2.1.99" in file[:1000]


def searchable(lab):
    """Store and search, with two senders; each continues when its file is found."""
    stream = Stream(lab)
    count = lab.scale.structure_sets
    lab.say(f"a stream of {count} structure sets")
    files = list(islice(stream, count))
    with Orthanc(lab.folder("stream")) as orthanc:
        wait_until_converted(orthanc.connect())
        begun = time.perf_counter()
        with ThreadPoolExecutor(SENDERS) as senders:
            shares = [files[k::SENDERS] for k in range(SENDERS)]
            sent = senders.map(lambda share: _send(orthanc, share), shares)
            lags = list(chain.from_iterable(sent))
        seconds = time.perf_counter() - begun
    late = quantile(lags, 0.95)
    yield Row(
        FAMILY,
        f"stored to searchable, {SENDERS} senders, {count / seconds:.0f} structure sets"
        f" a second of {stream.size / MEGABYTE:.1f} MB",
        f"p95 <= {SOON * 1e3:.0f} ms",
        f"p95 {late * 1e3:.0f} ms, median {statistics.median(lags) * 1e3:.0f} ms,"
        f" longest {max(lags) * 1e3:.0f} ms",
        judge(met=late <= SOON),
        milliseconds(lags) | {"per_second": count / seconds},
    )


def _send(orthanc, files):
    connection = orthanc.connect()
    lags = []
    for file, uid in files:
        query = urlencode({"instance-uid": uid, "_count": 1})
        connection.store(file)
        stored = time.perf_counter()
        while not connection.json(f"/fhir/ImagingSelection?{query}").get("entry"):
            time.sleep(0.002)
        lags.append(time.perf_counter() - stored)
    return lags


def burst(lab):
    """Store as fast as Orthanc can, without the plugin and with it."""
    stream = Stream(lab)
    count = lab.scale.structure_sets
    lab.say(f"a burst of {count} structure sets")
    folder = lab.folder("burst")
    files = [file for file, _ in islice(stream, count)]
    with Orthanc(folder / "off", plugin=False) as off:
        alone = count / _store_all(off, files)
    with Orthanc(folder / "on") as on:
        connection = on.connect()
        wait_until_converted(connection)
        begun = time.perf_counter()
        with_plugin = count / _store_all(on, files)
        backlog = connection.json("/imaging-selection/status")["waiting"]
        drained = time.perf_counter()
        wait_until_converted(connection)
        end = time.perf_counter()
    drain = backlog / (end - drained)
    overall = count / (end - begun)
    figures = {
        "ingest_without_plugin": alone,
        "ingest_with_plugin": with_plugin,
        "backlog": backlog,
        "drain": drain,
        "overall": overall,
    }
    yield Row(
        FAMILY,
        f"the backlog of a burst of {count} structure sets, per second",
        "drains faster than Orthanc stores",
        f"{drain:.0f} drained after the last was stored (of a backlog of {backlog});"
        f" Orthanc stores {alone:.0f} without the plugin, {with_plugin:.0f} with it;"
        f" {overall:.0f} stored and searchable over all",
        judge(met=drain >= alone or backlog <= SENDERS),
        figures,
    )


def _store_all(orthanc, files):
    begun = time.perf_counter()
    with ThreadPoolExecutor(SENDERS) as senders:
        shares = [files[k::SENDERS] for k in range(SENDERS)]
        list(senders.map(lambda share: _store(orthanc, share), shares))
    return time.perf_counter() - begun


def _store(orthanc, files):
    connection = orthanc.connect()
    for file in files:
        connection.store(file)


PARTS = (images_stored, searchable, burst)
