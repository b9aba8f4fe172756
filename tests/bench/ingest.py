"""Rows: how the plugin slows down storing, and how soon a stored file can be found."""

import random
import statistics
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, count, cycle, islice, tee
from urllib.parse import urlencode

from imaging_selection.errors import ImagingSelectionError
from support.reading import parse_structure_set

from bench.inputs import MEGABYTE, ct_images, structure_set
from bench.orthancs import Orthanc, free_port
from bench.paired import interleaved, ratio_of_medians
from bench.rows import SHOWN, Row, judge, judge_ratio, milliseconds, quantile
from bench.waiting import wait_until_converted

FAMILY = "Storing"
MAXIMUM_RATIO = 1.01
SOON = 0.25  # seconds
SENDERS = 2
MINIMUM_UID = 12  # characters, so that a number fits in
ROIS, LONG_ROIS, LONG_EVERY = 100, 2000, 3  # LONG_EVERY in seconds
OWN_UID = "2.25.1130479900000000"
MINIMUM_DRAIN = 1.5
MINIMUM_BACKLOG = 10  # files; fewer say nothing about a rate
MAXIMUM_SIZE = 3 * MEGABYTE  # of a file of the stream: common sizes


# What Orthanc and its Python plugin take for callbacks that do nothing.
EMPTY_CALLBACKS = """
import orthanc

orthanc.RegisterOnStoredInstanceCallback(lambda dicom, orthanc_id: None)
orthanc.RegisterOnChangeCallback(lambda change, resource_type, resource_id: None)
"""


def images_stored(lab):
    """Store the same images with the plugin, without, and with empty callbacks."""
    lab.say(f"storing {lab.scale.pairs} images with the plugin and without")
    folder = lab.folder("images")
    script = folder / "empty.py"
    script.write_text(EMPTY_CALLBACKS)
    with (
        Orthanc(folder / "on") as on,
        Orthanc(folder / "off", plugin=False) as off,
        Orthanc(folder / "empty", PythonScript=str(script)) as empty,
    ):
        images = ct_images()
        named = {"on": on, "off": off, "empty": empty}
        stores = {name: storing(each, images) for name, each in named.items()}
        interleaved(20, stores)  # not measured: what is slow only the first time
        times = interleaved(lab.scale.pairs, stores)
    image = f"a CT image of 0.5 MB ({lab.scale.pairs} of each)"
    yield _ratio_row(f"{image}, plugin on vs off", times, "on", "off", MAXIMUM_RATIO)
    question = f"{image}, plugin vs a Python script with callbacks that do nothing"
    yield _ratio_row(question, times, "on", "empty", MAXIMUM_RATIO)
    question = f"{image}, such a script vs none: what no Python plugin can avoid"
    yield _ratio_row(question, times, "empty", "off", None)


def _ratio_row(question, times, this, that, maximum):
    ratio, low, high = ratio_of_medians(times[this], times[that])
    median = statistics.median(times[that]) * 1e3
    return Row(
        FAMILY,
        question,
        f"<= {maximum} x" if maximum else "",
        f"{ratio:.3f} x (95 %: {low:.3f} to {high:.3f}; median {median:.2f} ms)",
        judge_ratio(low, high, maximum) if maximum else SHOWN,
        {
            "ratio": ratio,
            "interval": [low, high],
            **{name: milliseconds(times[name]) for name in (this, that)},
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


def stored_with_dead_target(lab):
    """Store structure sets in an Orthanc that delivers to nobody, and in one without.

    The target refuses every connection.
    """
    lab.say(f"storing {lab.scale.pairs} structure sets with a dead target and without")
    folder = lab.folder("delivery")
    target = {
        "Name": "dead",
        "Url": f"http://127.0.0.1:{free_port()}/fhir",
        "OnUnknownPatient": "identifier",
    }
    with (
        Orthanc(folder / "on", ImagingSelection={"Deliver": [target]}) as on,
        Orthanc(folder / "off") as off,
    ):
        one = structure_set(ROIS, points=40, rois=ROIS, SOPInstanceUID=OWN_UID)
        own, uids = OWN_UID.encode(), map(_own_uid, count())
        copies = [(one.replace(own, uid) for uid in each) for each in tee(uids)]
        stores = {"on": storing(on, copies[0]), "off": storing(off, copies[1])}
        interleaved(20, stores)
        times = interleaved(lab.scale.pairs, stores)
    question = f"a structure set of {ROIS} ROIs, dead target vs none"
    yield _ratio_row(question, times, "on", "off", MAXIMUM_RATIO)


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
    lags, seconds = _streamed(lab, files)
    yield _lag_row(
        f"stored to searchable, {SENDERS} senders, {count / seconds:.0f} structure sets"
        f" a second of {stream.size / MEGABYTE:.1f} MB",
        lags,
    )


def searchable_beside_long(lab):
    """Store and search, while somebody else stores a file of many ROIs now and then."""
    count = lab.scale.structure_sets
    lab.say(f"a stream of {count} structure sets, beside files of {LONG_ROIS} ROIs")
    files = list(islice(Stream(lab), count))
    long = structure_set(LONG_ROIS, points=4, rois=LONG_ROIS, SOPInstanceUID=OWN_UID)
    copies = (long.replace(OWN_UID.encode(), _own_uid(k)) for k in range(1_000_000))
    lags, _ = _streamed(lab, files, copies)
    yield _lag_row(
        f"stored to searchable, {SENDERS} senders, beside a file of {LONG_ROIS} ROIs"
        f" every {LONG_EVERY} s",
        lags,
    )


def _streamed(lab, files, others=()):
    """Send files; return the seconds until each was found, and those of the whole."""
    with Orthanc(lab.folder("stream")) as orthanc:
        wait_until_converted(orthanc.connect())
        done = threading.Event()
        beside = threading.Thread(
            target=_send_now_and_then, args=(orthanc, others, done)
        )
        beside.start()
        begun = time.perf_counter()
        with ThreadPoolExecutor(SENDERS) as senders:
            shares = [files[k::SENDERS] for k in range(SENDERS)]
            sent = senders.map(lambda share: send(orthanc, share), shares)
            lags = list(chain.from_iterable(sent))
        seconds = time.perf_counter() - begun
        done.set()
        beside.join()
    return lags, seconds


def _send_now_and_then(orthanc, files, done):
    connection = orthanc.connect()
    for file in files:
        connection.store(file)
        if done.wait(LONG_EVERY):
            break


def _lag_row(question, lags):
    late = quantile(lags, 0.95)
    return Row(
        FAMILY,
        question,
        f"p95 < {SOON * 1e3:.0f} ms",
        f"p95 {late * 1e3:.0f} ms, median {statistics.median(lags) * 1e3:.0f} ms,"
        f" longest {max(lags) * 1e3:.0f} ms",
        judge(met=late < SOON),
        milliseconds(lags),
    )


def send(orthanc, files):
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
    """Store real structure sets as fast as Orthanc can, without the plugin and with."""
    stream = Stream(lab)
    count = lab.scale.structure_sets
    files = [file for file, _ in islice(stream, count)]
    yield _burst(lab, files, f"{count} real structure sets")


def burst_of_rois(lab):
    """Store structure sets of 100 ROIs as fast as Orthanc can."""
    count = lab.scale.structure_sets
    one = structure_set(ROIS, points=40, rois=ROIS, SOPInstanceUID=OWN_UID)
    files = [one.replace(OWN_UID.encode(), _own_uid(k)) for k in range(count)]
    yield _burst(lab, files, f"{count} structure sets of {ROIS} ROIs")


def _own_uid(number):
    return OWN_UID[:-7].encode() + b"%07d" % number


def _burst(lab, files, what):
    """Drained: from the last store until all are converted, and so many a second.

    Where the plugin keeps up with Orthanc, hardly any is left then: it drains at least
    as many as are stored.
    """
    lab.say(f"a burst of {what}")
    folder, count = lab.folder("burst"), len(files)
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
    overall = count / (end - begun)
    drain = backlog / (end - drained) if backlog > MINIMUM_BACKLOG else overall
    figures = {
        "ingest_without_plugin": alone,
        "ingest_with_plugin": with_plugin,
        "backlog": backlog,
        "drain": drain,
        "overall": overall,
    }
    return Row(
        FAMILY,
        f"a burst of {what}: drained a second, over stored by Orthanc alone",
        f">= {MINIMUM_DRAIN} x",
        f"{drain / alone:.2f} x ({drain:.0f} drained of a backlog of {backlog},"
        f" {alone:.0f} stored alone, {with_plugin:.0f} with the plugin, {overall:.0f}"
        " stored and searchable over all)",
        judge(met=drain >= MINIMUM_DRAIN * alone),
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


PARTS = (
    images_stored,
    searchable,
    searchable_beside_long,
    burst,
    burst_of_rois,
    stored_with_dead_target,
)
