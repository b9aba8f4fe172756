import json
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from imaging_selection.errors import (
    RefusedError,
    SourceError,
    StoreError,
    UnusableError,
)
from imaging_selection.ids import OrthancIds
from imaging_selection.store.ledger import CONVERTED, FAILED, LedgerEntry, State
from imaging_selection.store.writing import Draft
from imaging_selection.sync.convert import TOGETHER_SECONDS, Conversion, Instance
from imaging_selection.sync.inventory import Change, Series
from imaging_selection.sync.sweep import TOGETHER
from imaging_selection.sync.worker import Ingest

PATIENCE = 30  # seconds until something that must happen has not
START = datetime(2021, 3, 4, 5, 6, 7, tzinfo=UTC)
NOW = "2021-03-04T05:06:07.000Z"
MAPPING = "1-mapping113047"
SECRET = "Larynx113047"  # noqa: S105 - what no reason may repeat

BAD = b"bad 113047"
REASON = "SOPInstanceUID is missing"


def wait_until(condition):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.002)


class Clock:
    """A clock that a test turns."""

    def __init__(self):
        self.now = START

    def __call__(self):
        return self.now


class FakeSource:
    """Orthanc, as the worker sees it: files by instance id, each with its mark."""

    def __init__(self):
        self.files = {}
        self.marks = {}
        self.images = set()
        self.log = []
        self.looks = []  # into the log
        self.modality = "RTSTRUCT"
        self.outage = None

    def keep(self, orthanc_id, file=b"good", mark="mark-1"):
        self.files[orthanc_id] = file
        self.marks[orthanc_id] = mark
        number = len(self.log) + 1
        self.log.append(Change(number, "NewInstance", orthanc_id, "20210304T050607"))

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
        return Instance(ids, self.marks[orthanc_id], orthanc_id not in self.images)

    def file(self, orthanc_id):
        self._answer()
        return self.files[orthanc_id]

    def attachment_uuid(self, orthanc_id):
        self._answer()
        return self.marks[orthanc_id] if orthanc_id in self.files else None

    def is_structure_set(self, orthanc_id):
        self._answer()
        return orthanc_id in self.files and orthanc_id not in self.images

    def series_ids(self):
        self._answer()
        return ["series"]

    def series(self, series_id):
        self._answer()
        assert series_id == "series"
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
        self.together = []  # how many at once
        self.outage = None
        self.generation = 0
        self.remembered = None
        self.refused = {}  # an instance id -> what saving it raises

    def _answer(self):
        if self.outage is not None:
            raise self.outage

    def read(self, orthanc_id):
        self._answer()
        return self.entries.get(orthanc_id)

    def states(self, among=None):
        self._answer()
        return {
            name: State(entry.attachment_uuid, entry.mapping_version, entry.retry_at)
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

    def place(self):
        self._answer()
        return self.remembered

    def remember(self, place):
        self._answer()
        self.remembered = place

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
        self.together.append(len(conversions))
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

    def __init__(self):
        self.files = []
        self.gate = None  # what every conversion waits for
        self.seconds = 0  # that each takes
        self.error = UnusableError(REASON)

    def __call__(self, file, ids):
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


@pytest.fixture
def source():
    return FakeSource()


@pytest.fixture
def store():
    return FakeStore()


@pytest.fixture
def convert():
    return FakeConvert()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def ingest(source, store, convert, clock):
    made = Ingest(
        source,
        convert,
        store,
        store,
        mapping_version=lambda: MAPPING,
        interval=300,
        clock=clock,
        pause=0.01,
    )
    yield made
    if convert.gate is not None:
        convert.gate.set()
    made.stop()


def draft_of(orthanc_id, file=b"good"):
    return Draft("ImagingSelection", f"{orthanc_id}-{file.decode()}", file, frozenset())


def converted(orthanc_id, **overrides):
    return LedgerEntry(
        **{
            "orthanc_id": orthanc_id,
            "state": CONVERTED,
            "attachment_uuid": "mark-1",
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


class TestUpdate:
    """One structure set, at once, as a request wants it."""

    def test_a_structure_set_is_converted_and_saved(self, ingest, source, store):
        source.keep("a")
        assert ingest.update("a") == converted("a")
        assert store.entries == {"a": converted("a")}
        assert store.selections == {"a": ((draft_of("a"),), NOW)}

    def test_an_instance_of_another_class_is_left_alone(
        self, ingest, source, store, convert
    ):
        source.keep("a")
        source.images.add("a")
        assert ingest.update("a") is None
        assert (store.entries, store.selections, convert.files) == ({}, {}, [])

    def test_what_neither_orthanc_nor_the_store_knows_is_none(self, ingest, store):
        assert ingest.update("nothing") is None
        assert (store.entries, store.selections) == ({}, {})

    def test_what_orthanc_no_longer_has_is_removed(self, ingest, source, store, clock):
        source.keep("a")
        ingest.update("a")
        source.drop("a")
        clock.now += timedelta(seconds=1)
        assert ingest.update("a") is None
        assert store.entries == {}
        assert store.selections == {"a": ((), "2021-03-04T05:06:08.000Z")}

    def test_a_file_that_cannot_be_converted_is_recorded_with_its_reason(
        self, ingest, source, store
    ):
        source.keep("a", BAD)
        assert ingest.update("a") == failed("a")
        assert store.entries == {"a": failed("a")}
        assert store.selections == {}

    @pytest.mark.parametrize(
        "error",
        [ValueError(SECRET), KeyError(SECRET), RecursionError(SECRET), MemoryError()],
        ids=lambda error: type(error).__name__,
    )
    def test_the_text_of_a_foreign_error_never_reaches_the_reason(
        self, ingest, source, convert, error
    ):
        convert.error = error
        source.keep("a", BAD)
        reason = f"internal error ({type(error).__name__})"
        assert ingest.update("a") == failed("a", reason=reason)

    def test_a_file_that_orthanc_does_not_give_is_a_failure_too(
        self, ingest, source, store
    ):
        source.keep("a")
        source.file = fail_with(SourceError("no file"))
        ingest.update("a")
        assert store.entries == {"a": failed("a", reason="no file")}

    @pytest.mark.parametrize(
        ("before", "wait"),
        [
            (0, timedelta(minutes=1)),
            (1, timedelta(minutes=2)),
            (2, timedelta(minutes=4)),
            (8, timedelta(minutes=256)),
            (9, timedelta(hours=6)),
            (10_000, timedelta(hours=6)),
        ],
    )
    def test_each_failure_waits_longer_than_the_one_before(
        self, ingest, source, store, before, wait
    ):
        since = "2021-03-01T00:00:00.000Z"
        store.entries["a"] = failed("a", attempts=before, since=since, retry_at=NOW)
        source.keep("a", BAD)
        retry_at = (START + wait).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        assert ingest.update("a") == failed(
            "a", attempts=before + 1, since=since, retry_at=retry_at
        )

    def test_a_failure_after_a_success_counts_from_one(self, ingest, source, store):
        since = "2021-03-01T00:00:00.000Z"
        store.entries["a"] = converted("a", since=since, mapping_version="0")
        source.keep("a", BAD)
        assert ingest.update("a") == failed("a")

    def test_another_file_fails_for_the_first_time(self, ingest, source, store):
        since = "2021-03-01T00:00:00.000Z"
        store.entries["a"] = failed("a", attempts=7, since=since)
        source.keep("a", BAD, "mark-2")
        assert ingest.update("a") == failed("a", attachment_uuid="mark-2")

    def test_a_failure_is_not_repeated_before_it_is_due(
        self, ingest, source, store, convert
    ):
        source.keep("a", BAD)
        store.entries["a"] = failed("a")
        assert ingest.update("a") == failed("a")
        assert convert.files == []

    def test_a_file_that_is_overwritten_while_it_is_saved_is_converted_again(
        self, ingest, source, store
    ):
        # By another node, say: nothing tells this one.
        source.keep("a")
        original = store.save

        def save(*arguments):
            original(*arguments)
            store.save = original
            source.keep("a", b"other", "mark-2")

        store.save = save
        assert ingest.update("a") == converted("a", attachment_uuid="mark-2")
        assert store.selections["a"][0] == (draft_of("a", b"other"),)

    def test_what_the_store_will_never_take_is_a_failure(self, ingest, source, store):
        source.keep("a")
        store.refused["a"] = RefusedError("refused")
        assert ingest.update("a") == failed(
            "a", reason="refused", retry_at="2021-03-04T05:07:07.000Z"
        )

    def test_a_success_after_failures_forgets_them(self, ingest, source, store):
        store.entries["a"] = failed("a", attempts=7, retry_at=NOW)
        source.keep("a")
        assert ingest.update("a") == converted("a")

    def test_what_was_made_of_the_same_file_stays_when_it_fails_later(
        self, ingest, source, store
    ):
        source.keep("a")
        ingest.update("a")
        source.files["a"] = BAD  # the same mark: the mapping has changed, not the file
        ingest.update("a")
        assert store.selections == {"a": ((draft_of("a"),), NOW)}

    def test_what_was_made_of_another_file_is_taken_away_when_it_fails(
        self, ingest, source, store
    ):
        source.keep("a")
        ingest.update("a")
        source.keep("a", BAD, "mark-2")
        assert ingest.update("a") == failed("a", attachment_uuid="mark-2")
        assert store.selections == {"a": ((), NOW)}

    @pytest.mark.parametrize("side", ["source", "store"])
    def test_an_outage_is_told_and_changes_nothing(self, request, ingest, side, source):
        source.keep("a")
        store = request.getfixturevalue("store")
        store.entries["a"] = before = converted("a", mapping_version="older")
        broken = request.getfixturevalue(side)
        broken.outage = error = StoreError("out of reach")
        with pytest.raises(StoreError) as raised:
            ingest.update("a")
        assert raised.value is error
        broken.outage = None
        assert store.entries == {"a": before}

    def test_what_arrived_waits_until_it_is_saved(self, ingest, source, store):
        source.keep("a")
        ingest.arrived("a")
        assert ingest.census.is_pending("a")
        store.outage = StoreError("out of reach")
        with pytest.raises(StoreError):
            ingest.update("a")
        assert ingest.census.is_pending("a")
        store.outage = None
        ingest.update("a")
        assert not ingest.census.is_pending("a")

    def test_the_lag_is_that_of_the_oldest_arrival(self, ingest, source):
        assert ingest.lag == 0
        source.keep("a")
        ingest.arrived("a")
        before = ingest.lag
        ingest.arrived("b")
        wait_until(lambda: ingest.lag > before)
        ingest.update("a")
        ingest.update("b")
        assert ingest.lag == 0


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


class TestWorker:
    """The thread: arrivals, departures, sweeps."""

    @pytest.fixture
    def idle(self, ingest, source, store):
        """The worker after its first sweep, which found one structure set."""
        source.keep("first")
        ingest.start()
        wait_until(lambda: "first" in store.entries)
        return ingest

    def test_the_first_sweep_finds_what_was_there_before(
        self, ingest, source, store, convert
    ):
        for name in ("a", "b", "image"):
            source.keep(name)
        source.images.add("image")
        ingest.start()
        wait_until(lambda: len(store.entries) == 2)
        assert store.entries == {"a": converted("a"), "b": converted("b")}
        assert convert.files == [b"good", b"good"]

    def test_what_arrives_is_converted(self, idle, source, store):
        source.keep("a")
        idle.arrived("a")
        wait_until(lambda: not idle.is_waiting("a"))
        assert store.entries["a"] == converted("a")

    def test_what_arrives_goes_before_what_the_sweep_has_found(
        self, ingest, source, store, convert
    ):
        convert.gate = threading.Event()
        for k in range(3 * TOGETHER):
            source.keep(f"old{k:02}")
        ingest.start()
        wait_until(lambda: convert.files)
        source.keep("new")
        ingest.arrived("new")
        convert.gate.set()
        wait_until(lambda: len(store.saves) == 3 * TOGETHER + 1)
        assert store.saves.index("new") <= TOGETHER

    def test_another_file_for_the_same_instance_is_converted(self, idle, source, store):
        source.keep("first", b"other", "mark-2")
        idle.arrived("first")
        wait_until(lambda: not idle.is_waiting("first"))
        assert store.entries == {"first": converted("first", attachment_uuid="mark-2")}
        assert store.selections["first"][0] == (draft_of("first", b"other"),)

    def test_what_left_is_removed(self, idle, source, store):
        source.drop("first")
        idle.left("first")
        wait_until(lambda: store.entries == {})
        assert store.selections == {"first": ((), NOW)}

    def test_what_left_and_is_there_again_stays(self, idle, source, store):
        # An overwrite sends DELETED, and may send it after the new file has arrived.
        source.keep("first", b"other", "mark-2")
        idle.left("first")
        wait_until(lambda: store.entries["first"].attachment_uuid == "mark-2")
        assert store.selections["first"][0] == (draft_of("first", b"other"),)

    def test_an_image_that_left_is_nothing_to_ask_orthanc_about(
        self, idle, source, store
    ):
        source.outage = SourceError("asked")
        idle.left("image")
        source.keep("a")
        idle.left("first")  # is asked about: the one before is done with by then
        wait_until(lambda: not idle._departures)  # noqa: SLF001 - nothing else shows it
        source.outage = None
        assert store.entries == {"first": converted("first")}

    def test_the_sweep_finds_what_no_event_told(self, idle, source, store):
        source.keep("silent")
        idle.reconcile()
        wait_until(lambda: "silent" in store.entries)
        assert store.entries["silent"] == converted("silent")

    def test_the_sweep_removes_what_left_without_an_event(self, idle, source, store):
        source.drop("first")
        idle.reconcile()
        wait_until(lambda: store.entries == {})
        assert store.selections == {"first": ((), NOW)}

    @pytest.mark.usefixtures("idle")
    def test_a_sweep_comes_by_itself_after_the_interval(self, source, store, clock):
        source.keep("silent")
        clock.now += timedelta(seconds=300)
        wait_until(lambda: "silent" in store.entries)

    @pytest.mark.parametrize(
        ("entry", "again"),
        [
            pytest.param(converted("a"), False, id="converted"),
            pytest.param(converted("a", mapping_version="0"), True, id="older-mapping"),
            pytest.param(failed("a"), False, id="failed-and-not-due"),
            pytest.param(failed("a", retry_at=NOW), True, id="failed-and-due"),
            pytest.param(failed("a", mapping_version="0"), True, id="failed-older"),
        ],
    )
    def test_the_sweep_converts_what_is_due(self, idle, source, store, entry, again):
        source.keep("a", b"again")
        store.entries["a"] = entry
        source.keep("b")  # comes after "a": when it is done, "a" would have been
        idle.reconcile()
        wait_until(lambda: "b" in store.saves)
        assert store.entries["a"] == (converted("a") if again else entry)

    def test_a_forced_sweep_converts_everything_again(self, idle, source, store):
        source.keep("a")
        idle.reconcile(force=True)
        wait_until(lambda: len(store.saves) == 3)
        assert sorted(store.saves) == ["a", "first", "first"]

    def test_a_forced_sweep_is_not_cut_short_by_the_next(
        self, idle, source, store, convert
    ):
        for name in ("a", "b", "c"):
            source.keep(name)
        idle.reconcile()
        wait_until(lambda: len(store.saves) == 4)
        convert.gate = threading.Event()
        idle.reconcile(force=True)
        wait_until(lambda: len(convert.files) == 5)
        idle.reconcile()
        convert.gate.set()
        wait_until(lambda: len(store.saves) == 8)
        assert sorted(store.saves[4:]) == ["a", "b", "c", "first"]

    def test_one_bad_file_stops_no_other(self, idle, source, store):
        source.keep("a", BAD)
        source.keep("b")
        idle.arrived("a")
        idle.arrived("b")
        wait_until(lambda: not idle.is_waiting("b"))
        assert store.entries["a"] == failed("a")
        assert store.entries["b"] == converted("b")

    @pytest.mark.parametrize(
        "error", [StoreError("refused"), TypeError(SECRET)], ids=["store", "foreign"]
    )
    @pytest.mark.parametrize("told", [True, False], ids=["arrival", "sweep"])
    def test_what_cannot_be_saved_stops_no_other(  # noqa: PLR0913, PLR0917
        self, idle, source, store, clock, error, told
    ):
        store.refused["a"] = error
        source.keep("a")
        source.keep("b")
        if told:
            idle.arrived("a")
            idle.arrived("b")
        else:
            idle.reconcile()
        wait_until(lambda: "b" in store.entries)
        assert "a" not in store.saves
        del store.refused["a"]
        clock.now += timedelta(minutes=2)
        wait_until(lambda: "a" in store.saves)

    def test_what_the_store_refuses_among_others_fails_alone(
        self, ingest, source, store
    ):
        for name in ("a", "b", "c"):
            source.keep(name)
        store.refused["b"] = RefusedError("refused")
        ingest.start()
        wait_until(lambda: len(store.entries) == 3)
        assert store.entries == {
            "a": converted("a"),
            "b": failed("b", reason="refused"),
            "c": converted("c"),
        }
        assert sorted(store.saves) == ["a", "c"]

    def test_the_worker_outlives_a_report_that_fails(self, source, store, convert):
        reported = threading.Event()

        def report():
            reported.set()
            raise SourceError("Orthanc does not answer")

        made = Ingest(
            source,
            convert,
            store,
            store,
            mapping_version=lambda: MAPPING,
            interval=300,
            report=report,
            pause=0.01,
        )
        made.start()
        assert reported.wait(PATIENCE)
        source.keep("a")
        made.arrived("a")
        wait_until(lambda: "a" in store.entries)
        made.stop()

    def test_a_burst_is_saved_several_at_once_but_for_what_fails(
        self, idle, source, store, convert
    ):
        convert.gate = threading.Event()  # all arrive while the first is converted
        names = [f"{k}" for k in range(TOGETHER + 1)]
        for name in names:
            source.keep(name, BAD if name == "5" else b"good")
            idle.arrived(name)
        convert.gate.set()
        wait_until(lambda: not idle.census.pending)
        assert store.entries["5"] == failed("5")
        assert sorted(store.saves) == sorted(["first", *(n for n in names if n != "5")])
        assert max(store.together) > 1

    def test_what_there_is_no_time_for_comes_next(self, ingest, source, store, convert):
        convert.seconds = 2 * TOGETHER_SECONDS  # each takes all the time
        names = [f"{k}" for k in range(TOGETHER + 2)]
        for name in names:
            source.keep(name)
        ingest.start()
        wait_until(lambda: len(store.saves) == len(names))
        assert sorted(store.saves) == names
        assert set(store.together) == {1}

    def test_what_is_deleted_while_others_are_converted_is_removed(
        self, ingest, source, store
    ):
        for name in ("a", "b", "c"):
            source.keep(name)
        original = store.save_all

        def save_all(*arguments):
            original(*arguments)
            store.save_all = original
            source.drop("b")
            source.keep("c", b"other", "mark-2")

        store.save_all = save_all
        ingest.start()
        wait_until(lambda: store.entries.keys() == {"a", "c"})
        wait_until(lambda: not ingest.census.pending)
        assert store.selections["b"] == ((), NOW)
        assert store.entries["c"] == converted("c", attachment_uuid="mark-2")

    def test_an_outage_of_the_store_loses_nothing(self, idle, source, store):
        store.outage = StoreError("out of reach")
        source.keep("a")
        source.drop("first")
        idle.arrived("a")
        idle.left("first")
        wait_until(lambda: not idle._arrivals)  # noqa: SLF001 - it has been tried
        assert idle.is_waiting("a")
        store.outage = None
        wait_until(lambda: list(store.entries) == ["a"])

    @pytest.mark.parametrize("side", ["source", "store"])
    @pytest.mark.parametrize(
        "error", [StoreError("out of reach"), OSError(SECRET)], ids=["known", "foreign"]
    )
    def test_a_sweep_that_could_not_be_done_is_done_when_it_can(
        self, request, ingest, source, side, error
    ):
        store = request.getfixturevalue("store")
        broken = request.getfixturevalue(side)
        source.keep("a")
        broken.outage = error
        ingest.start()
        wait_until(lambda: ingest.problem)
        assert SECRET not in ingest.problem
        broken.outage = None
        wait_until(lambda: "a" in store.entries)
        wait_until(lambda: ingest.problem is None)

    def test_a_forced_sweep_that_could_not_be_done_is_still_forced(self, idle, store):
        attempts = []
        original = store.outdate
        store.outdate = lambda: attempts.append(1) or original()
        store.outage = StoreError("out of reach")
        idle.reconcile(force=True)
        wait_until(lambda: attempts)
        store.outage = None
        wait_until(lambda: store.saves == ["first", "first"])

    def test_a_forced_sweep_looks_at_all_though_another_is_asked_for(
        self, idle, source, store
    ):
        source.modality = "CT"  # of which one instance is looked at otherwise
        source.keep("among images")
        reading = threading.Event()
        reconciled = threading.Event()
        original = source.series

        def series(_series_id):
            reading.set()
            assert reconciled.wait(PATIENCE)
            source.series = original
            raise SourceError("not now")

        source.series = series
        idle.reconcile(force=True)
        assert reading.wait(PATIENCE)
        source.log.clear()  # nothing else tells of it
        idle.reconcile()
        reconciled.set()
        wait_until(lambda: "among images" in store.entries)

    def test_a_deletion_that_could_not_be_looked_at_is_not_forgotten(self, idle, store):
        # Another node has converted it: nothing else tells this one.
        store.entries["elsewhere"] = converted("elsewhere")
        store.outage = StoreError("out of reach")
        idle.left("elsewhere")
        wait_until(lambda: idle.problem)
        assert idle.removing == 1
        store.outage = None
        wait_until(lambda: "elsewhere" not in store.entries)
        assert idle.removing == 0

    def test_what_the_sweep_could_not_ask_about_is_asked_about_later(
        self, ingest, source, store
    ):
        for name in ("a", "b", "c"):
            source.keep(name)
            store.entries[name] = converted(name)
        asked = []
        original = source.attachment_uuid

        def attachment_uuid(orthanc_id):
            asked.append(orthanc_id)
            if len(asked) <= 2:
                raise SourceError("not now")
            return original(orthanc_id)

        source.attachment_uuid = attachment_uuid
        ingest.start()
        wait_until(lambda: len(ingest.census) == 3 and not ingest.census.pending)
        assert store.saves == []

    def test_what_the_log_showed_before_it_broke_off_is_converted(
        self, idle, source, store
    ):
        original = source.is_structure_set

        def is_structure_set(orthanc_id):
            if orthanc_id == "b" and "a" not in store.entries:
                raise SourceError("not now")
            return original(orthanc_id)

        source.is_structure_set = is_structure_set
        source.keep("a")
        source.keep("b")
        wait_until(lambda: store.entries.keys() == {"first", "a", "b"})
        assert not idle.census.pending

    def test_before_the_log_is_read_to_its_end_nothing_is_proven(
        self, ingest, source, store
    ):
        asked, gate = [], threading.Event()
        for k in range(1500):
            source.keep(f"image-{k}")
            source.images.add(f"image-{k}")
        source.keep("last")
        store.remembered = json.dumps([1, "image-0", source.log[0].date])
        original = source.is_structure_set

        def is_structure_set(name):
            asked.append(name)
            assert len(asked) < 1000 or gate.wait(PATIENCE)
            return original(name)

        source.is_structure_set = is_structure_set
        ingest.start()
        wait_until(lambda: len(asked) == 1000)  # on the second page
        assert not ingest.is_counted
        assert ingest.is_waiting("anything")
        gate.set()
        wait_until(lambda: ingest.is_counted and not ingest.census.pending)
        assert store.saves == ["last"]

    def test_an_outage_is_over_when_something_is_saved_again(self, idle, source, store):
        # As on a full disk: what is read is read, and nothing can be written.
        store.save = fail_with(StoreError("full"))
        source.keep("a")
        idle.arrived("a")
        wait_until(lambda: idle.problem)
        looks = len(source.looks)
        wait_until(lambda: len(source.looks) > looks + 3)  # all else goes on
        assert idle.problem == "full"
        assert idle.lag > 0
        del store.save
        wait_until(lambda: "a" in store.saves)
        wait_until(lambda: idle.problem is None)

    def test_a_stop_waits_for_what_is_saved_together_at_most(
        self, ingest, source, store, convert
    ):
        convert.gate = threading.Event()
        for k in range(100):
            source.keep(f"{k:03}")
        ingest.start()
        wait_until(lambda: convert.files)
        with in_thread(ingest.stop) as stopped:
            wait_until(ingest._stopping.is_set)  # noqa: SLF001
            convert.gate.set()
            wait_until(lambda: stopped)
        assert len(store.saves) <= TOGETHER

    def test_a_stop_before_the_start_is_no_error(self, ingest):
        ingest.stop()


class TestRequestBesideWorker:
    """A request that wants what the worker has in hand, and the other way round."""

    def test_what_the_worker_has_in_hand_is_still_waited_for(
        self, ingest, source, convert
    ):
        convert.gate = threading.Event()
        source.keep("a")
        ingest.start()
        ingest.arrived("a")
        wait_until(lambda: convert.files)
        assert ingest.is_waiting("a")
        convert.gate.set()
        wait_until(lambda: not ingest.is_waiting("a"))

    def test_a_request_does_not_convert_what_the_worker_converts(
        self, ingest, source, convert
    ):
        convert.gate = threading.Event()
        source.keep("a")
        ingest.arrived("a")
        ingest.start()
        wait_until(lambda: convert.files)
        with in_thread(lambda: ingest.update("a")) as answers:
            convert.gate.set()
        assert answers == [converted("a")]
        assert convert.files == [b"good"]

    def test_the_worker_does_not_convert_what_a_request_has_converted(
        self, ingest, source, store, convert
    ):
        store.entries["other"] = converted("other")
        source.keep("other")
        source.keep("a")
        ingest.arrived("a")
        assert ingest.update("a") == converted("a")
        ingest.start()
        source.keep("b")
        ingest.arrived("b")
        wait_until(lambda: "b" in store.entries)
        assert convert.files == [b"good", b"good"]

    def test_what_arrives_anew_while_it_is_converted_is_converted_again(
        self, ingest, source, store, convert
    ):
        convert.gate = threading.Event()
        source.keep("a")
        ingest.arrived("a")
        ingest.start()
        wait_until(lambda: convert.files)
        source.keep("a", b"other", "mark-2")
        ingest.arrived("a")
        convert.gate.set()
        wait_until(lambda: not ingest.is_waiting("a"))
        assert store.selections["a"][0] == (draft_of("a", b"other"),)
