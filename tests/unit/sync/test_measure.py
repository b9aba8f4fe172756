import threading
import time

import pytest
from imaging_selection.errors import (
    ExceededError,
    RefusedError,
    SourceError,
    StoppedError,
    StoreError,
)
from imaging_selection.store.draft import Conversion
from imaging_selection.store.measurements import Due
from imaging_selection.sync import measure as measure_module
from imaging_selection.sync.measure import QUIET_PAUSES, Measurer
from support.syncing import MAPPING, NOW, SECRET, Clock, FakeSource
from support.waiting import wait_until

MADE = Conversion(("draft",), b"[]")
DUE = Due("a", "uuid-1", MAPPING, 0)


class FakeMeasurements:
    """What is due, and what became of it."""

    def __init__(self, *due):
        self.rows = {each.orthanc_id: each for each in due}
        self.saved = []
        self.failed = []
        self.arrived = []
        self.error = None

    def due(self, version, now, limit):
        assert (version, now, limit > 0) == (MAPPING, NOW, True)
        if isinstance(self.error, StoreError):
            raise self.error
        return [*self.rows.values()]

    def save(self, due, measured, now):
        if self.error:
            raise self.error
        del self.rows[due.orthanc_id]
        self.saved.append((due.orthanc_id, measured, now))
        return True

    def images_arrived(self, patient_id):
        self.arrived.append(patient_id)

    def save_failure(self, due, reason, now, retry_at):
        del self.rows[due.orthanc_id]
        self.failed.append((due.orthanc_id, reason, now, retry_at))


class Setting:
    """A measurer and what is around it."""

    def __init__(self, pause=0.01):
        self.source = FakeSource()
        self.source.keep("a")
        self.store = FakeMeasurements(DUE)
        self.is_idle = True
        self.measured = []
        self.error = None
        self.clock = Clock()
        self.measurer = Measurer(
            source=self.source,
            measurements=self.store,
            measure=lambda *given: self.measure(*given),  # noqa: PLW0108 - as a test sets it
            is_idle=lambda: self.is_idle,
            mapping_version=lambda: MAPPING,
            clock=self.clock,
            pause=pause,
        )

    def measure(self, instance, issued):
        self.measured.append((instance.ids.instance, issued))
        if self.error:
            raise self.error
        return MADE


@pytest.fixture
def setting():
    made = Setting()
    yield made
    made.measurer.stop()


def test_what_is_due_is_measured_and_saved(setting):
    assert setting.measurer.measure_some()
    assert setting.measured == [("a", setting.clock.now)]
    assert setting.store.saved == [("a", MADE, NOW)]
    assert not setting.measurer.measure_some()


def test_while_anything_waits_to_be_converted_nothing_is_measured(setting):
    setting.is_idle = False
    assert not setting.measurer.measure_some()
    assert setting.measured == []


def test_conversions_go_before_the_next_measurement(setting):
    setting.source.keep("b")
    setting.store.rows["b"] = DUE._replace(orthanc_id="b")
    first = setting.measure

    def measure(instance, issued):
        setting.is_idle = False
        return first(instance, issued)

    setting.measure = measure
    setting.measurer.measure_some()
    assert len(setting.measured) == 1


def test_another_file_is_converted_before_it_is_measured(setting):
    setting.source.keep("a", attachment_uuid="uuid-2")
    assert not setting.measurer.measure_some()
    assert setting.measured == []


def test_what_orthanc_no_longer_has_is_not_measured(setting):
    setting.source.drop("a")
    assert not setting.measurer.measure_some()


def test_a_file_that_is_overwritten_while_it_is_measured_is_not_saved(setting):
    first = setting.measure

    def measure(instance, issued):
        setting.source.keep("a", attachment_uuid="uuid-2")
        return first(instance, issued)

    setting.measure = measure
    assert not setting.measurer.measure_some()
    assert setting.store.saved == []


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ExceededError("it takes too long"), "it takes too long"),
        (ValueError(SECRET), "internal error (ValueError)"),
        (SourceError("no file"), "no file"),
    ],
    ids=lambda each: type(each).__name__,
)
def test_a_failure_is_recorded_and_tried_again_later(setting, error, reason):
    setting.error = error
    assert setting.measurer.measure_some()
    assert setting.store.failed == [("a", reason, NOW, "2021-03-04T05:07:07.000Z")]


def test_each_failure_waits_longer(setting):
    setting.store.rows["a"] = DUE._replace(attempts=1)
    setting.error = ExceededError("it takes too long")
    setting.measurer.measure_some()
    assert setting.store.failed[0][3] == "2021-03-04T05:08:07.000Z"


def test_what_the_store_refuses_is_a_failure_of_that_file(setting):
    setting.store.error = RefusedError("the store refuses the content")
    assert setting.measurer.measure_some()
    assert setting.store.failed[0][1] == "the store refuses the content"


@pytest.mark.parametrize("error", [StoreError("away"), StoppedError("ends")])
def test_an_outage_is_no_failure_of_a_file(setting, error):
    if isinstance(error, StoreError):
        setting.store.error = error
    else:
        setting.error = error
    with pytest.raises(type(error)):
        setting.measurer.measure_some()
    assert setting.store.failed == []


def test_when_orthanc_does_not_answer_nothing_is_recorded(setting):
    def away(*_):
        setting.source.outage = SourceError("away")
        raise setting.source.outage

    setting.measure = away
    with pytest.raises(SourceError, match="away"):
        setting.measurer.measure_some()
    assert setting.store.failed == []


def test_what_has_changed_in_orthanc_may_be_images_that_were_lacking(setting):
    setting.measurer.announce("patient")
    setting.measurer.measure_some()
    setting.measurer.measure_some()
    assert setting.store.arrived == ["patient"]


def test_it_goes_on_after_an_outage(setting):
    setting.store.error = StoreError("away")
    setting.measurer.start()
    setting.store.error = None
    wait_until(lambda: setting.store.saved)


def test_what_is_saved_is_measured_soon_and_without_a_look_in_between():
    setting = Setting(pause=0.3)
    rows, setting.store.rows = setting.store.rows, {}
    setting.measurer.start()
    setting.store.rows = rows
    setting.measurer.wake()
    begun = time.monotonic()
    wait_until(lambda: setting.store.saved)
    assert time.monotonic() - begun >= QUIET_PAUSES * 0.3
    setting.measurer.stop()


def test_in_a_stream_nothing_is_measured_before_the_longest_time(monkeypatch):
    setting = Setting(pause=1000)
    setting.measurer.wake()
    assert not setting.measurer.measure_some()
    monkeypatch.setattr(measure_module, "LONGEST_PAUSES", 0)
    assert setting.measurer.measure_some()
    assert len(setting.store.saved) == 1


def test_a_stop_ends_the_thread(setting):
    setting.measurer.start()
    setting.measurer.stop()
    assert "imaging-selection-measure" not in {
        each.name for each in threading.enumerate()
    }
