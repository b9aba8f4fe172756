import threading
from contextlib import contextmanager

import pytest
from imaging_selection.errors import TooCostlyError
from imaging_selection.host import names
from imaging_selection.host.names import MAXIMUM_OTHERS, NameReport
from support.waiting import PATIENCE, wait_until


class FakeSelections:
    """Names that a test sets; a count may wait, or fail."""

    def __init__(self):
        self.names = [("Heart", 3), ("heart", 1)]
        self.has_more = False
        self.gate = None
        self.error = None
        self.counts = 0

    @contextmanager
    def limited(self):
        yield

    def roi_names(self, _limit):
        self.counts += 1
        assert self.gate is None or self.gate.wait(PATIENCE)
        if self.error:
            raise self.error
        return self.names, self.has_more


@pytest.fixture
def selections():
    return FakeSelections()


@pytest.fixture
def report(selections):
    made = NameReport(selections)
    yield made
    made.stop()


def test_nobody_waits_for_a_count(report, selections):
    selections.gate = threading.Event()
    assert report.read() is None
    assert report.read() is None
    selections.gate.set()
    assert wait_until(report.read) == {
        "rois": 4,
        "complying": 3,
        "others": [{"name": "heart", "count": 1, "like": "Heart"}],
        "moreOthers": False,
    }
    assert selections.counts == 1


def test_names_are_not_counted_again_at_once(report, selections):
    wait_until(report.read)
    selections.names = []
    assert report.read()["rois"] == 4
    assert selections.counts == 1


def test_they_are_counted_again_later(report, selections, monkeypatch):
    monkeypatch.setattr(names, "_SECONDS", 0)
    monkeypatch.setattr(names, "_REST", 0)
    wait_until(report.read)
    selections.names = [("Heart", 5)]
    wait_until(lambda: report.read()["rois"] == 5)


def test_what_takes_too_long_leaves_the_last_count(report, selections, monkeypatch):
    monkeypatch.setattr(names, "_SECONDS", 0)
    monkeypatch.setattr(names, "_REST", 0)
    wait_until(report.read)
    selections.error = TooCostlyError("too long")
    before = selections.counts
    wait_until(lambda: report.read() and selections.counts > before + 1)
    assert report.read()["rois"] == 4


@pytest.mark.parametrize("has_more", [False, True])
def test_the_list_is_bounded(report, selections, has_more):
    selections.names = [(f"name {k}", 1) for k in range(MAXIMUM_OTHERS)]
    selections.has_more = has_more
    found = wait_until(report.read)
    assert len(found["others"]) == MAXIMUM_OTHERS
    assert found["moreOthers"] == has_more


def test_after_the_end_nothing_is_counted(report, selections):
    report.stop()
    assert report.read() is None
    assert selections.counts == 0
