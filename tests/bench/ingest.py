"""Rows: what storing feels of the plugin, and how soon what is stored can be found."""

import random
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, cycle, islice
from urllib.parse import urlencode

from imaging_selection.dicom.rtstruct.reader import parse_structure_set
from imaging_selection.errors import ImagingSelectionError

from bench.inputs import MEGABYTE, ct_images, structure_set
from bench.orthancs import Orthanc
from bench.paired import interleaved, ratio_of_medians
from bench.rows import MET, MISSED, UNDECIDED, Row, judge, milliseconds, quantile
from bench.waiting import settled

FAMILY = "Storing"
MOST = 1.02
SOON = 0.25  # seconds
SENDERS = 2
SHORTEST = 12  # of a UID that a number fits in
LARGEST = 3 * MEGABYTE  # of the stream: what departments have by the dozen


def images_stored(lab):
    """Store the same images in an Orthanc with the plugin and in one without."""
    lab.say(f"storing {lab.scale.pairs} images with the plugin and without")
    folder = lab.folder("images")
    with (
        Orthanc(folder / "on") as on,
        Orthanc(folder / "off", plugin=False) as off,
    ):
        images = ct_images()
        stores = {"on": _storing(on, images), "off": _storing(off, images)}
        interleaved(20, stores)  # whatever is slow only once
        times = interleaved(lab.scale.pairs, stores)
    ratio, low, high = ratio_of_medians(times["on"], times["off"])
    verdict = MET if high <= MOST else MISSED if low > MOST else UNDECIDED
    yield Row(
        FAMILY,
        f"a CT image of 0.5 MB, plugin on vs off ({lab.scale.pairs} pairs)",
        f"<= {MOST} x",
        f"{ratio:.3f} x (95 %: {low:.3f} to {high:.3f}; median"
        f" {statistics.median(times['off']) * 1e3:.2f} ms without)",
        verdict,
        {
            "ratio": ratio,
            "interval": [low, high],
            **{name: milliseconds(each) for name, each in times.items()},
        },
    )


def _storing(orthanc, images):
    connection = orthanc.connect()

    def store():
        image = next(images)
        begun = time.perf_counter()
        connection.store(image)
        return time.perf_counter() - begun

    return store


class Stream:
    """Structure sets without end, each with a SOP Instance UID of its own."""

    def __init__(self, lab):
        paths = [path for path in lab.real(every=True) if path.stat().st_size < LARGEST]
        files = [path.read_bytes() for path in paths]
        kept = []
        for file in files or [structure_set(200), structure_set(1000)]:
            try:
                uid = parse_structure_set(file).sop_instance_uid.encode()
            except ImagingSelectionError:
                continue  # one that the plugin refuses will never be found
            if len(uid) >= SHORTEST and not _is_deflated(file):
                kept.append((file, uid))
        random.Random(113047).shuffle(kept)
        self.size = statistics.fmean(len(file) for file, _ in kept)
        self._files = cycle(kept)
        self._number = 0

    def __iter__(self):
        return self

    def __next__(self):
        """Give a file and its UID."""
        file, uid = next(self._files)
        self._number += 1
        own = b"2.25.9" + b"%0*d" % (len(uid) - 6, self._number)
        return file.replace(uid, own), own.decode()


def _is_deflated(file):
    return b"1.2.840.10008.1.2.1.99" in file[:1000]


def searchable(lab):
    """Store and search, two senders at once; each goes on when one is found."""
    stream = Stream(lab)
    count = lab.scale.structure_sets
    lab.say(f"a stream of {count} structure sets")
    files = list(islice(stream, count))
    with Orthanc(lab.folder("stream")) as orthanc:
        settled(orthanc.connect())
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
    """Store as fast as Orthanc takes them, without the plugin and with it."""
    stream = Stream(lab)
    count = lab.scale.structure_sets
    lab.say(f"a burst of {count} structure sets")
    folder = lab.folder("burst")
    files = [file for file, _ in islice(stream, count)]
    with Orthanc(folder / "off", plugin=False) as off:
        alone = count / _store_all(off, files)
    with Orthanc(folder / "on") as on:
        connection = on.connect()
        settled(connection)
        begun = time.perf_counter()
        with_plugin = count / _store_all(on, files)
        backlog = connection.json("/imaging-selection/status")["waiting"]
        drained = time.perf_counter()
        settled(connection)
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
