import threading
from datetime import timedelta

import pytest
from imaging_selection.errors import SourceError, StoreError
from support.syncing import NOW, SECRET, converted, failed
from support.waiting import PATIENCE, wait_until


def test_the_first_sweep_finds_what_was_there_before(source, store, convert, worker):
    source.keep("a")
    source.keep("b")
    source.keep_image("image")
    worker.start()
    wait_until(lambda: len(store.entries) == 2)
    assert store.entries == {"a": converted("a"), "b": converted("b")}
    assert convert.files == [b"good", b"good"]


def test_the_sweep_finds_what_no_event_named(idle, source, store):
    source.keep("silent")
    idle.reconcile()
    wait_until(lambda: "silent" in store.entries)
    assert store.entries["silent"] == converted("silent")


def test_the_sweep_removes_what_left_without_an_event(idle, source, store):
    source.drop("first")
    idle.reconcile()
    wait_until(lambda: store.entries == {})
    assert store.selections == {"first": ((), NOW)}


@pytest.mark.usefixtures("idle")
def test_a_sweep_comes_by_itself_after_the_interval(source, store, clock):
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
def test_the_sweep_converts_what_is_due(idle, source, store, entry, again):
    source.keep("a", b"again")
    store.entries["a"] = entry
    source.keep("b")  # comes after "a": when it is done, "a" would have been
    idle.reconcile()
    wait_until(lambda: "b" in store.saves)
    assert store.entries["a"] == (converted("a") if again else entry)


def test_a_forced_sweep_converts_everything_again(idle, source, store):
    source.keep("a")
    idle.reconcile(force=True)
    wait_until(lambda: len(store.saves) == 3)
    assert sorted(store.saves) == ["a", "first", "first"]


def test_a_forced_sweep_is_not_cut_short_by_the_next(idle, source, store, convert):
    for name in ("a", "b", "c"):
        source.keep(name)
    idle.reconcile()
    wait_until(lambda: len(store.saves) == 4)
    convert.gate = threading.Event()
    idle.reconcile(force=True)
    wait_until(lambda: len(convert.files) >= 5)
    idle.reconcile()
    convert.gate.set()
    wait_until(lambda: len(store.saves) == 8)
    assert sorted(store.saves[4:]) == ["a", "b", "c", "first"]


@pytest.mark.parametrize("side", ["source", "store"])
@pytest.mark.parametrize(
    "error", [StoreError("out of reach"), OSError(SECRET)], ids=["known", "foreign"]
)
def test_a_sweep_that_could_not_be_done_is_done_when_it_can(
    request, source, side, error, worker
):
    store = request.getfixturevalue("store")
    broken = request.getfixturevalue(side)
    source.keep("a")
    broken.outage = error
    worker.start()
    wait_until(lambda: worker.problem)
    assert SECRET not in worker.problem
    broken.outage = None
    wait_until(lambda: "a" in store.entries)
    wait_until(lambda: worker.problem is None)


def test_a_forced_sweep_that_could_not_be_done_is_still_forced(idle, store):
    attempts = []
    original = store.outdate
    store.outdate = lambda: attempts.append(1) or original()
    store.outage = StoreError("out of reach")
    idle.reconcile(force=True)
    wait_until(lambda: attempts)
    store.outage = None
    wait_until(lambda: store.saves == ["first", "first"])


def test_a_forced_sweep_looks_at_all_though_another_is_asked_for(idle, source, store):
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
    source.log.clear()  # nothing else names it
    idle.reconcile()
    reconciled.set()
    wait_until(lambda: "among images" in store.entries)


def test_what_the_sweep_could_not_ask_about_is_asked_about_later(
    source, store, inventory, worker
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
    worker.start()
    wait_until(lambda: len(inventory) == 3 and not inventory.pending)
    assert store.saves == []
