from datetime import timedelta

import pytest
from imaging_selection.errors import RefusedError, SourceError, StoreError
from support.syncing import (
    BAD,
    NOW,
    SECRET,
    START,
    converted,
    draft_of,
    fail_with,
    failed,
)


def test_a_structure_set_is_converted_and_saved(source, store, converter):
    source.keep("a")
    assert converter.update("a") == converted("a")
    assert store.entries == {"a": converted("a")}
    assert store.selections == {"a": ((draft_of("a"),), NOW)}


def test_an_instance_of_another_class_is_left_alone(source, store, convert, converter):
    source.keep_image("a")
    assert converter.update("a") is None
    assert (store.entries, store.selections, convert.files) == ({}, {}, [])


def test_what_neither_orthanc_nor_the_store_knows_is_none(store, converter):
    assert converter.update("nothing") is None
    assert (store.entries, store.selections) == ({}, {})


def test_what_orthanc_no_longer_has_is_removed(source, store, clock, converter):
    source.keep("a")
    converter.update("a")
    source.drop("a")
    clock.now += timedelta(seconds=1)
    assert converter.update("a") is None
    assert store.entries == {}
    assert store.selections == {"a": ((), "2021-03-04T05:06:08.000Z")}


def test_a_file_that_cannot_be_converted_is_recorded_with_its_reason(
    source, store, converter
):
    source.keep("a", BAD)
    assert converter.update("a") == failed("a")
    assert store.entries == {"a": failed("a")}
    assert store.selections == {}


@pytest.mark.parametrize(
    "error",
    [ValueError(SECRET), KeyError(SECRET), RecursionError(SECRET), MemoryError()],
    ids=lambda error: type(error).__name__,
)
def test_the_text_of_a_foreign_error_never_reaches_the_reason(
    source, convert, error, converter
):
    convert.error = error
    source.keep("a", BAD)
    reason = f"internal error ({type(error).__name__})"
    assert converter.update("a") == failed("a", reason=reason)


def test_a_file_that_orthanc_does_not_give_is_a_failure_too(source, store, converter):
    source.keep("a")
    source.file = fail_with(SourceError("no file"))
    converter.update("a")
    assert store.entries == {"a": failed("a", reason="no file")}


def test_a_file_that_orthanc_gives_once_an_outage_ends_is_no_failure(
    source, store, converter
):
    source.keep("a")
    give = source.file

    def fail_once(*_arguments):
        source.file = give
        raise SourceError("Orthanc does not answer (error 36)")

    source.file = fail_once
    assert converter.update("a") == converted("a")
    assert store.entries == {"a": converted("a")}


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
    source, store, before, wait, converter
):
    since = "2021-03-01T00:00:00.000Z"
    store.entries["a"] = failed("a", attempts=before, since=since, retry_at=NOW)
    source.keep("a", BAD)
    retry_at = (START + wait).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    assert converter.update("a") == failed(
        "a", attempts=before + 1, since=since, retry_at=retry_at
    )


def test_a_failure_after_a_success_counts_from_one(source, store, converter):
    since = "2021-03-01T00:00:00.000Z"
    store.entries["a"] = converted("a", since=since, mapping_version="0")
    source.keep("a", BAD)
    assert converter.update("a") == failed("a")


def test_another_file_fails_for_the_first_time(source, store, converter):
    since = "2021-03-01T00:00:00.000Z"
    store.entries["a"] = failed("a", attempts=7, since=since)
    source.keep("a", BAD, "uuid-2")
    assert converter.update("a") == failed("a", attachment_uuid="uuid-2")


def test_a_failure_is_not_repeated_before_it_is_due(source, store, convert, converter):
    source.keep("a", BAD)
    store.entries["a"] = failed("a")
    assert converter.update("a") == failed("a")
    assert convert.files == []


def test_a_file_that_is_overwritten_while_it_is_saved_is_converted_again(
    source, store, converter
):
    # By another node, say: no event names it.
    source.keep("a")
    original = store.save

    def save(*arguments):
        original(*arguments)
        store.save = original
        source.keep("a", b"other", "uuid-2")

    store.save = save
    assert converter.update("a") == converted("a", attachment_uuid="uuid-2")
    assert store.selections["a"][0] == (draft_of("a", b"other"),)


def test_what_the_store_will_never_take_is_a_failure(source, store, converter):
    source.keep("a")
    store.refused["a"] = RefusedError("refused")
    assert converter.update("a") == failed(
        "a", reason="refused", retry_at="2021-03-04T05:07:07.000Z"
    )


def test_a_success_after_failures_forgets_them(source, store, converter):
    store.entries["a"] = failed("a", attempts=7, retry_at=NOW)
    source.keep("a")
    assert converter.update("a") == converted("a")


def test_what_was_made_of_the_same_file_stays_when_it_fails_later(
    source, store, converter
):
    source.keep("a")
    converter.update("a")
    source.files["a"] = BAD  # the same UUID: the mapping has changed, not the file
    converter.update("a")
    assert store.selections == {"a": ((draft_of("a"),), NOW)}


def test_what_was_made_of_another_file_is_taken_away_when_it_fails(
    source, store, converter
):
    source.keep("a")
    converter.update("a")
    source.keep("a", BAD, "uuid-2")
    assert converter.update("a") == failed("a", attachment_uuid="uuid-2")
    assert store.selections == {"a": ((), NOW)}


@pytest.mark.parametrize("side", ["source", "store"])
def test_an_outage_is_raised_and_changes_nothing(request, side, source, converter):
    source.keep("a")
    store = request.getfixturevalue("store")
    store.entries["a"] = before = converted("a", mapping_version="older")
    broken = request.getfixturevalue(side)
    broken.outage = error = StoreError("out of reach")
    with pytest.raises(StoreError) as raised:
        converter.update("a")
    assert raised.value is error
    broken.outage = None
    assert store.entries == {"a": before}


def test_what_arrived_waits_until_it_is_saved(
    source, store, inventory, converter, worker
):
    source.keep("a")
    worker.arrived("a", "structureSets")
    assert inventory.is_pending("a")
    store.outage = StoreError("out of reach")
    with pytest.raises(StoreError):
        converter.update("a")
    assert inventory.is_pending("a")
    store.outage = None
    converter.update("a")
    assert not inventory.is_pending("a")


def test_a_file_that_never_stays_the_same_is_an_error_of_orthanc(source, converter):
    uuids = iter(range(100))
    source.keep("a")
    source.attachment_uuid = lambda _orthanc_id: f"uuid-{next(uuids)} of another"
    with pytest.raises(SourceError, match="keeps changing"):
        converter.update("a")
