"""The thread that makes exports: bounds, and what goes wrong."""

import stat
from types import SimpleNamespace

import pytest
from imaging_selection.api.bulk_export import Order
from imaging_selection.errors import BusyError, StoreError
from imaging_selection.host import export_files as module
from imaging_selection.host.exports import Exports
from support.waiting import wait_until

LINE = b"x" * 999


class Reader:
    """As much of the store as an export reads: pages of lines."""

    def __init__(self, pages=3, error=None):
        self.pages, self.error = pages, error

    def search(self, query):
        if self.error:
            raise self.error
        number = (query.after or 0) + 1
        matches = [SimpleNamespace(resource=LINE)] * query.count
        following = number if number < self.pages else None
        return SimpleNamespace(matches=matches, next_after=following)


@pytest.fixture
def exported(tmp_path):
    """Makes an export of a reader; returns it when it is done, and all exports."""
    running = []

    def make(reader, megabytes=10, **order):
        made = Exports(reader, tmp_path / "exports", megabytes=megabytes, hours=1)
        running.append(made)
        made.start()
        export_id = made.begin(Order("http://url", types=("Patient",), **order))
        wait_until(lambda: made.find(export_id).done)
        return made, export_id

    yield make
    for each in running:
        each.stop()


def test_files_are_bounded_in_size(exported, monkeypatch):
    monkeypatch.setattr(module, "FILE_BYTES", 100_000)
    made, export_id = exported(Reader())
    job = made.find(export_id)
    names = [each.name for each in job.output]
    assert names == [f"Patient.{number}.ndjson" for number in (1, 2, 3)]
    read = [b"".join(made.read(export_id, each)) for each in names]
    assert all(len(each) <= 100_000 for each in read)
    assert b"".join(read) == (LINE + b"\n") * 300
    assert sum(each.count for each in job.output) == job.resources == 300


def test_the_folder_is_for_the_owner_alone_and_empty_at_the_end(exported, tmp_path):
    made, export_id = exported(Reader())
    folder = tmp_path / "exports" / export_id
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    made.stop()
    assert not folder.exists()


def test_what_an_earlier_run_left_is_removed(exported, tmp_path):
    left = tmp_path / "exports" / "left"
    left.mkdir(parents=True)
    exported(Reader(1))
    assert not left.exists()


def test_an_export_that_is_too_large_fails_and_leaves_no_file(exported, tmp_path):
    made, export_id = exported(Reader(pages=30), megabytes=1)
    job = made.find(export_id)
    assert "room" in job.problem
    assert not (tmp_path / "exports" / export_id).exists()
    assert made.read(export_id, "Patient.1.ndjson") is None


@pytest.mark.parametrize(
    ("error", "problem"),
    [
        (StoreError("the store does not answer"), "the store does not answer"),
        (ValueError("Doe^John"), "internal error (ValueError)"),
    ],
)
def test_an_error_is_named_without_the_values_of_a_file(exported, error, problem):
    made, export_id = exported(Reader(error=error))
    assert made.find(export_id).problem == problem


def test_a_cancelled_export_leaves_no_file(tmp_path):
    class Endless(Reader):
        def search(self, query):
            if query.after == 3:
                assert made.remove(export_id)
            return super().search(query)

    made = Exports(Endless(pages=10**6), tmp_path / "exports", megabytes=10**6, hours=1)
    export_id = made.begin(Order("http://url", types=("Patient",)))
    made.start()
    folder = tmp_path / "exports"
    wait_until(lambda: made.find(export_id) is None)
    wait_until(lambda: not [*folder.glob("*")])
    made.stop()


def test_without_room_no_export_begins_until_one_is_removed(exported):
    made, export_id = exported(Reader(pages=10), megabytes=1)
    made.find(export_id).size = 1 << 20  # others may have written, too
    with pytest.raises(BusyError, match="room"):
        made.begin(Order("http://url"))
    assert made.remove(export_id)
    assert made.begin(Order("http://url", types=()))
