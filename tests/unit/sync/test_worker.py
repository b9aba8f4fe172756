import json
import threading
from datetime import timedelta

import pytest
from imaging_selection.errors import (
    RefusedError,
    SourceError,
    StoreError,
)
from imaging_selection.sync.sweep import BATCH
from support.syncing import (
    BAD,
    NOW,
    SECRET,
    converted,
    draft_of,
    fail_with,
    failed,
    in_thread,
)
from support.waiting import PATIENCE, wait_until


def test_the_lag_is_that_of_the_oldest_arrival(source, converter, worker):
    assert worker.lag == 0
    source.keep("a")
    worker.arrived("a", "structureSets")
    before = worker.lag
    worker.arrived("b", "structureSets")
    wait_until(lambda: worker.lag > before)
    converter.update("a")
    converter.update("b")
    assert worker.lag == 0


def test_what_arrives_is_converted(idle, source, store):
    source.keep("a")
    idle.arrived("a", "structureSets")
    wait_until(lambda: not idle.is_waiting("a"))
    assert store.entries["a"] == converted("a")


def test_what_arrives_goes_before_what_the_sweep_has_found(
    source, store, convert, worker
):
    convert.gate = threading.Event()
    for k in range(3 * BATCH):
        source.keep(f"old{k:02}")
    worker.start()
    wait_until(lambda: convert.files)
    source.keep("new")
    worker.arrived("new", "structureSets")
    convert.gate.set()
    wait_until(lambda: len(store.saves) == 3 * BATCH + 1)
    assert store.saves.index("new") <= 2 * BATCH


def test_another_file_for_the_same_instance_is_converted(idle, source, store):
    source.keep("first", b"other", "uuid-2")
    idle.arrived("first", "structureSets")
    wait_until(lambda: not idle.is_waiting("first"))
    assert store.entries == {"first": converted("first", attachment_uuid="uuid-2")}
    assert store.selections["first"][0] == (draft_of("first", b"other"),)


def test_what_left_is_removed(idle, source, store):
    source.drop("first")
    idle.departed("first")
    wait_until(lambda: store.entries == {})
    assert store.selections == {"first": ((), NOW)}


def test_what_left_and_is_there_again_stays(idle, source, store):
    # An overwrite sends DELETED, and may send it after the new file has arrived.
    source.keep("first", b"other", "uuid-2")
    idle.departed("first")
    wait_until(lambda: store.entries["first"].attachment_uuid == "uuid-2")
    assert store.selections["first"][0] == (draft_of("first", b"other"),)


def test_an_image_that_left_is_nothing_to_ask_orthanc_about(idle, source, store, queue):
    source.outage = SourceError("asked")
    idle.departed("image")
    source.keep("a")
    idle.departed("first")  # is asked about: the one before is done with by then
    wait_until(lambda: not queue.departures)
    source.outage = None
    assert store.entries == {"first": converted("first")}


def test_one_bad_file_stops_no_other(idle, source, store):
    source.keep("a", BAD)
    source.keep("b")
    idle.arrived("a", "structureSets")
    idle.arrived("b", "structureSets")
    wait_until(lambda: not idle.is_waiting("b"))
    assert store.entries["a"] == failed("a")
    assert store.entries["b"] == converted("b")


@pytest.mark.parametrize(
    "error", [StoreError("refused"), TypeError(SECRET)], ids=["store", "foreign"]
)
@pytest.mark.parametrize("announced", [True, False], ids=["arrival", "sweep"])
def test_what_cannot_be_saved_stops_no_other(  # noqa: PLR0913, PLR0917
    idle, source, store, clock, error, announced
):
    store.refused["a"] = error
    source.keep("a")
    source.keep("b")
    if announced:
        idle.arrived("a", "structureSets")
        idle.arrived("b", "structureSets")
    else:
        idle.reconcile()
    wait_until(lambda: "b" in store.entries)
    assert "a" not in store.saves
    del store.refused["a"]
    clock.now += timedelta(minutes=2)
    wait_until(lambda: "a" in store.saves)


def test_what_the_store_refuses_among_others_fails_alone(source, store, worker):
    for name in ("a", "b", "c"):
        source.keep(name)
    store.refused["b"] = RefusedError("refused")
    worker.start()
    wait_until(lambda: len(store.entries) == 3)
    assert store.entries == {
        "a": converted("a"),
        "b": failed("b", reason="refused"),
        "c": converted("c"),
    }
    assert sorted(store.saves) == ["a", "c"]


def test_the_worker_outlives_a_report_that_fails(syncing, worker):
    reported = threading.Event()

    def report():
        reported.set()
        raise SourceError("Orthanc does not answer")

    syncing.report = report
    worker.start()
    assert reported.wait(PATIENCE)
    syncing.source.keep("a")
    worker.arrived("a", "structureSets")
    wait_until(lambda: "a" in syncing.store.entries)


def test_a_burst_is_saved_several_at_once_but_for_what_fails(
    idle, source, store, convert, inventory
):
    convert.gate = threading.Event()  # all arrive while the first is converted
    names = [f"{k}" for k in range(BATCH + 1)]
    for name in names:
        source.keep(name, BAD if name == "5" else b"good")
        idle.arrived(name, "structureSets")
    convert.gate.set()
    wait_until(lambda: not inventory.pending)
    assert store.entries["5"] == failed("5")
    assert sorted(store.saves) == sorted(["first", *(n for n in names if n != "5")])
    assert max(store.batches) > 1


def test_what_takes_long_waits_for_its_place_and_delays_no_other(
    idle, source, store, convert, inventory
):
    convert.long.add(b"long")
    source.keep("a", b"long")
    source.keep("b")
    idle.arrived("a", "structureSets")
    idle.arrived("b", "structureSets")
    wait_until(lambda: not inventory.pending)
    assert sorted(store.saves) == ["a", "b", "first"]


def test_what_is_deleted_while_others_are_converted_is_removed(
    source, store, inventory, worker
):
    for name in ("a", "b", "c"):
        source.keep(name)
    original = store.save_all

    def save_all(*arguments):
        original(*arguments)
        store.save_all = original
        source.drop("b")
        source.keep("c", b"other", "uuid-2")

    store.save_all = save_all
    worker.start()
    wait_until(lambda: store.entries.keys() == {"a", "c"})
    wait_until(lambda: not inventory.pending)
    assert store.selections["b"] == ((), NOW)
    assert store.entries["c"] == converted("c", attachment_uuid="uuid-2")


def test_an_outage_of_the_store_loses_nothing(idle, source, store, queue):
    store.outage = StoreError("out of reach")
    source.keep("a")
    source.drop("first")
    idle.arrived("a", "structureSets")
    idle.departed("first")
    wait_until(lambda: not queue.arrivals)  # it has been tried
    assert idle.is_waiting("a")
    store.outage = None
    wait_until(lambda: list(store.entries) == ["a"])


def test_a_deletion_that_could_not_be_looked_at_is_not_forgotten(idle, store, queue):
    # Another node has converted it: no event names it.
    store.entries["elsewhere"] = converted("elsewhere")
    store.outage = StoreError("out of reach")
    idle.departed("elsewhere")
    wait_until(lambda: idle.problem)
    assert len(queue.departures) == 1
    store.outage = None
    wait_until(lambda: "elsewhere" not in store.entries)
    assert len(queue.departures) == 0


@pytest.mark.usefixtures("idle")
def test_what_the_log_showed_before_it_broke_off_is_converted(source, store, inventory):
    original = source.kind_of

    def kind_of(orthanc_id):
        if orthanc_id == "b" and "a" not in store.entries:
            raise SourceError("not now")
        return original(orthanc_id)

    source.kind_of = kind_of
    source.keep("a")
    source.keep("b")
    wait_until(lambda: store.entries.keys() == {"first", "a", "b"})
    assert not inventory.pending


def test_before_the_log_is_read_to_its_end_nothing_is_proven(
    source, store, inventory, reconciler, worker
):
    asked, gate = [], threading.Event()
    for k in range(1500):
        source.keep_image(f"image-{k}")
    source.keep("last")
    store.remembered = json.dumps([1, "image-0", source.log[0].date])
    original = source.kind_of

    def kind_of(name):
        asked.append(name)
        assert len(asked) < 1000 or gate.wait(PATIENCE)
        return original(name)

    source.kind_of = kind_of
    worker.start()
    wait_until(lambda: len(asked) == 1000)  # on the second page
    assert not reconciler.is_counted
    assert worker.is_waiting("anything")
    gate.set()
    wait_until(lambda: reconciler.is_counted and not inventory.pending)
    assert store.saves == ["last"]


def test_an_outage_is_over_when_something_is_saved_again(idle, source, store):
    # As on a full disk: what is read is read, and nothing can be written.
    store.save = fail_with(StoreError("full"))
    source.keep("a")
    idle.arrived("a", "structureSets")
    wait_until(lambda: idle.problem)
    looks = len(source.looks)
    wait_until(lambda: len(source.looks) > looks + 3)  # all else goes on
    assert idle.problem == "full"
    assert idle.lag > 0
    del store.save
    wait_until(lambda: "a" in store.saves)
    wait_until(lambda: idle.problem is None)


def test_a_stop_waits_for_what_is_saved_together_at_most(
    source, store, convert, worker
):
    convert.gate = threading.Event()
    for k in range(100):
        source.keep(f"{k:03}")
    worker.start()
    wait_until(lambda: convert.files)
    with in_thread(worker.stop) as stopped:
        wait_until(worker._stopping.is_set)  # noqa: SLF001
        convert.gate.set()
        wait_until(lambda: stopped)
    assert len(store.saves) <= BATCH


def test_a_stop_before_the_start_is_no_error(worker):
    worker.stop()


class TestRequestBesideWorker:
    """A request that wants what the worker has in hand, and the other way round."""

    def test_what_the_worker_has_in_hand_is_still_waited_for(
        self, source, convert, worker
    ):
        convert.gate = threading.Event()
        source.keep("a")
        worker.start()
        worker.arrived("a", "structureSets")
        wait_until(lambda: convert.files)
        assert worker.is_waiting("a")
        convert.gate.set()
        wait_until(lambda: not worker.is_waiting("a"))

    def test_a_request_does_not_convert_what_the_worker_converts(
        self, source, convert, converter, worker
    ):
        convert.gate = threading.Event()
        source.keep("a")
        worker.arrived("a", "structureSets")
        worker.start()
        wait_until(lambda: convert.files)
        with in_thread(lambda: converter.update("a")) as answers:
            convert.gate.set()
        assert answers == [converted("a")]
        assert convert.files == [b"good"]

    def test_the_worker_does_not_convert_what_a_request_has_converted(
        self, source, store, convert, converter, worker
    ):
        store.entries["other"] = converted("other")
        source.keep("other")
        source.keep("a")
        worker.arrived("a", "structureSets")
        assert converter.update("a") == converted("a")
        worker.start()
        source.keep("b")
        worker.arrived("b", "structureSets")
        wait_until(lambda: "b" in store.entries)
        assert convert.files == [b"good", b"good"]

    def test_what_arrives_anew_while_it_is_converted_is_converted_again(
        self, source, store, convert, worker
    ):
        convert.gate = threading.Event()
        source.keep("a")
        worker.arrived("a", "structureSets")
        worker.start()
        wait_until(lambda: convert.files)
        source.keep("a", b"other", "uuid-2")
        worker.arrived("a", "structureSets")
        convert.gate.set()
        wait_until(lambda: not worker.is_waiting("a"))
        assert store.selections["a"][0] == (draft_of("a", b"other"),)
