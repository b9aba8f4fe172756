"""Stand-ins for Orthanc, the store and the conversion, for the tests of `sync`."""

import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime

from imaging_selection.errors import BusyError, UnusableError
from imaging_selection.ids import OrthancIds
from imaging_selection.store.draft import Conversion, Draft
from imaging_selection.store.ledger import CONVERTED, FAILED, LedgerEntry, State
from imaging_selection.sync.change_log import ChangeLog
from imaging_selection.sync.convert import Converter
from imaging_selection.sync.inventory import Inventory
from imaging_selection.sync.outcome import Outcomes
from imaging_selection.sync.ports import Change, Instance, Series
from imaging_selection.sync.reconcile import Reconciler
from imaging_selection.sync.schedule import Schedule
from imaging_selection.sync.work_queue import WorkQueue
from imaging_selection.sync.worker import Worker
from support.waiting import PATIENCE

START = datetime(2021, 3, 4, 5, 6, 7, tzinfo=UTC)
NOW = "2021-03-04T05:06:07.000Z"
MAPPING = "1-mapping113047"
SECRET = "Larynx113047"  # noqa: S105 - what no reason may repeat

BAD = b"bad 113047"
REASON = "SOPInstanceUID is missing"


class Clock:
    """A clock that a test turns."""

    def __init__(self):
        self.now = START

    def __call__(self):
        return self.now


class FakeSource:
    """Orthanc: files by instance id, each with its attachment UUID; a change log."""

    def __init__(self):
        self.files = {}
        self.uuids = {}
        self.images = set()
        self.log = []
        self.looks = []  # into the log
        self.asked = []  # for the SOP class
        self.modality = "RTSTRUCT"
        self.outage = None

    def keep(self, orthanc_id, file=b"good", attachment_uuid="uuid-1", number=None):
        self.files[orthanc_id] = file
        self.uuids[orthanc_id] = attachment_uuid
        number = number or len(self.log) + 1
        self.log.append(Change(number, "NewInstance", orthanc_id, f"date-{number}"))
        self.log.sort(key=lambda change: change.number)

    def keep_image(self, orthanc_id, number=None):
        self.images.add(orthanc_id)
        self.keep(orthanc_id, number=number)

    def drop(self, orthanc_id):
        del self.files[orthanc_id]

    def _answer(self):
        if self.outage is not None:
            raise self.outage

    def instance(self, orthanc_id):
        self._answer()
        if orthanc_id not in self.files:
            return None
        ids = OrthancIds("patient", "study", "series", orthanc_id)
        kind = None if orthanc_id in self.images else "structureSets"
        return Instance(ids, self.uuids[orthanc_id], 4, kind)

    def file(self, orthanc_id):
        self._answer()
        return self.files[orthanc_id]

    def attachment_uuid(self, orthanc_id):
        self._answer()
        return self.uuids[orthanc_id] if orthanc_id in self.files else None

    def kind_of(self, orthanc_id):
        self._answer()
        self.asked.append(orthanc_id)
        is_object = orthanc_id in self.files and orthanc_id not in self.images
        return "structureSets" if is_object else None

    def series_ids(self):
        self._answer()
        return ["series"]

    def series(self, series_id):
        self._answer()
        if series_id != "series":
            return None
        return Series(self.modality, tuple(self.files))

    def changes(self, after, limit):
        self._answer()
        self.looks.append(after)
        return [change for change in self.log if change.number > after][:limit]

    def last_change(self):
        self._answer()
        return self.log[-1] if self.log else None


class FakeStore:
    """The store: a writer and a ledger, over two dictionaries."""

    def __init__(self):
        self.entries = {}
        self.selections = {}
        self.saves = []
        self.batches = []  # how many objects each
        self.outage = None
        self.generation = 0
        self.remembered = None
        self.refused = {}  # an instance id -> what saving it raises

    def _answer(self):
        if self.outage is not None:
            raise self.outage

    ping = _answer

    def read(self, orthanc_id):
        self._answer()
        return self.entries.get(orthanc_id)

    def states(self, among=None):
        self._answer()
        return {
            name: State(
                entry.attachment_uuid, entry.mapping_version, entry.retry_at, entry.kind
            )
            for name, entry in self.entries.items()
            if among is None or name in among
        }

    def due(self, now):
        self._answer()
        return [
            name
            for name, entry in self.entries.items()
            if entry.retry_at and entry.retry_at <= now
        ]

    def outdate(self):
        self._answer()
        for name, entry in self.entries.items():
            self.entries[name] = replace(entry, mapping_version="")

    def position(self):
        self._answer()
        return self.remembered

    def save_position(self, position):
        self._answer()
        self.remembered = position

    def save(self, entry, drafts, last_updated):
        self._answer()
        if entry.orthanc_id in self.refused:
            raise self.refused[entry.orthanc_id]
        self.entries[entry.orthanc_id] = entry
        self.selections[entry.orthanc_id] = (tuple(drafts), last_updated)
        self.saves.append(entry.orthanc_id)

    def save_all(self, conversions, last_updated):
        self._answer()
        conversions = list(conversions)
        assert [entry.orthanc_id for entry, _ in conversions] == sorted(
            entry.orthanc_id for entry, _ in conversions
        )
        for entry, _ in conversions:  # all of them or none
            if entry.orthanc_id in self.refused:
                raise self.refused[entry.orthanc_id]
        self.batches.append(len(conversions))
        for entry, drafts in conversions:
            self.save(entry, drafts, last_updated)

    def record_failure(self, entry):
        self._answer()
        self.entries[entry.orthanc_id] = entry

    def remove(self, orthanc_id, last_updated):
        self._answer()
        self.entries.pop(orthanc_id, None)
        self.selections[orthanc_id] = ((), last_updated)


class FakeConvert:
    """Turns "good" files into one selection that says what it is made of."""

    def __init__(self, source):
        self.source = source
        self.long = set()  # files that have a place only when they are known to be long
        self.files = []
        self.gate = None  # what every conversion waits for
        self.seconds = 0  # that each takes
        self.error = UnusableError(REASON)

    def __call__(self, instance, *, wait, is_long):
        ids = instance.ids
        file = self.source.file(ids.instance)
        if file in self.long and not wait and not is_long:
            raise BusyError("no place")
        self.files.append(file)
        if self.gate is not None:
            assert self.gate.wait(PATIENCE)
        time.sleep(self.seconds)
        if file == BAD:
            raise self.error
        draft = Draft(
            "ImagingSelection", f"{ids.instance}-{file.decode()}", file, frozenset()
        )
        return Conversion((draft,), b'["finding"]')


class Syncing:
    """Everything of `sync`, around the stand-ins."""

    def __init__(self):
        self.source = FakeSource()
        self.store = FakeStore()
        self.convert = FakeConvert(self.source)
        self.clock = Clock()
        self.report = lambda: None
        self.queue = WorkQueue()
        self.inventory = Inventory()
        self.schedule = Schedule(300, self.clock)
        self.change_log = ChangeLog(self.source, self.inventory)
        self.outcomes = Outcomes(
            source=self.source,
            ledger=self.store,
            selections=self.store,
            convert=self.convert,
            mapping_version=lambda: MAPPING,
            clock=self.clock,
        )
        self.converter = Converter(
            source=self.source,
            inventory=self.inventory,
            ledger=self.store,
            selections=self.store,
            outcomes=self.outcomes,
            threads=4,
        )
        self.reconciler = Reconciler(
            source=self.source,
            inventory=self.inventory,
            change_log=self.change_log,
            outcomes=self.outcomes,
            ledger=self.store,
            schedule=self.schedule,
        )
        self.worker = Worker(
            queue=self.queue,
            inventory=self.inventory,
            change_log=self.change_log,
            converter=self.converter,
            outcomes=self.outcomes,
            reconciler=self.reconciler,
            schedule=self.schedule,
            ledger=self.store,
            has_long_room=lambda: True,
            ping=self.store.ping,
            report=lambda: self.report(),  # noqa: PLW0108 - a test may replace it
            pause=0.01,
        )


def draft_of(orthanc_id, file=b"good"):
    return Draft("ImagingSelection", f"{orthanc_id}-{file.decode()}", file, frozenset())


def converted(orthanc_id, **overrides):
    return LedgerEntry(
        **{
            "orthanc_id": orthanc_id,
            "state": CONVERTED,
            "attachment_uuid": "uuid-1",
            "mapping_version": MAPPING,
            "since": NOW,
            "findings": b'["finding"]',
        }
        | overrides
    )


def failed(orthanc_id, **overrides):
    facts = {
        "state": FAILED,
        "findings": b"[]",
        "reason": REASON,
        "attempts": 1,
        "retry_at": "2021-03-04T05:07:07.000Z",
    }
    return converted(orthanc_id, **facts | overrides)


def fail_with(error):
    def fail(*_arguments):
        raise error

    return fail


@contextmanager
def in_thread(action):
    """Run an action beside the test; the answer is in the list when it is done."""
    answers = []
    thread = threading.Thread(target=lambda: answers.append(action()))
    thread.start()
    try:
        yield answers
    finally:
        thread.join(PATIENCE)
