import pytest
from imaging_selection.store.draft import Conversion
from imaging_selection.store.ledger import FAILED, WAITING, Ledger
from imaging_selection.store.measurements import Measurements
from imaging_selection.store.selections import Selections
from store.test_selections import FIRST, LAST, LATER, ONE, TWO, draft, entry

VERSION = "1-a"


@pytest.fixture
def selections(database):
    return Selections(database)


@pytest.fixture
def measurements(database, selections):
    return Measurements(database, selections)


def to_measure(name=ONE, **overrides):
    return entry(name, measurement=WAITING, **overrides)


def observation(identity="a-v", text="113047"):
    return draft(identity, text, resource_type="Observation")


def found(*drafts, findings=b"[]", awaits=None):
    return Conversion(drafts, findings, awaits=awaits)


def versions(selections):
    return [
        (each.id, each.version_id) for each in selections.below([ONE], "Observation")
    ]


def test_a_converted_structure_set_waits_until_it_is_measured(selections, measurements):
    announced = []
    selections.on_measurable = lambda: announced.append(1)
    selections.save_all([(to_measure(), [draft("a")]), (entry(TWO), [])], FIRST)
    assert announced
    assert measurements.count(VERSION) == (1, 0, 0)
    assert measurements.count(VERSION).waiting == 1

    (due,) = measurements.due(VERSION, FIRST, 9)
    assert (due.orthanc_id, due.attachment_uuid) == (ONE, "mark-113047")
    assert measurements.save(due, found(observation()), LATER)

    assert measurements.count(VERSION) == (1, 1, 0)
    assert measurements.due(VERSION, LAST, 9) == []
    assert versions(selections) == [("a-v", 1)]
    assert [each.id for each in selections.below([ONE])] == ["a"]


def test_nothing_is_to_be_measured_where_the_setting_is_off(selections, measurements):
    selections.save_all([(entry(), [draft("a")])], FIRST)
    assert measurements.count(VERSION) == (0, 0, 0)
    assert measurements.due(VERSION, LAST, 9) == []


def test_what_another_mapping_converted_is_converted_before(selections, measurements):
    selections.save_all([(to_measure(), [])], FIRST)
    assert measurements.due("2-a", LAST, 9) == []
    assert measurements.count("2-a").waiting == 1


def test_the_same_file_keeps_what_was_measured_until_it_is_measured_again(
    selections, measurements
):
    selections.save_all([(to_measure(), [draft("a")])], FIRST)
    (due,) = measurements.due(VERSION, FIRST, 9)
    measurements.save(due, found(observation()), FIRST)

    selections.save_all([(to_measure(), [draft("a")])], LATER)

    assert versions(selections) == [("a-v", 1)]
    assert measurements.count(VERSION).waiting == 1
    measurements.save(due, found(observation()), LATER)
    assert versions(selections) == [("a-v", 1)]
    measurements.save(due, found(observation(text="other")), LAST)
    assert versions(selections) == [("a-v", 2)]


@pytest.mark.parametrize(
    "later",
    [to_measure(attachment_uuid="other"), entry(mapping_version="1-b")],
    ids=["another-file", "no-longer-chosen"],
)
def test_what_was_measured_of_something_else_is_gone(selections, measurements, later):
    selections.save_all([(to_measure(), [draft("a")])], FIRST)
    (due,) = measurements.due(VERSION, FIRST, 9)
    measurements.save(due, found(observation()), FIRST)

    selections.save_all([(later, [draft("a")])], LATER)

    assert versions(selections) == []
    assert not measurements.save(due, found(observation()), LAST)
    assert versions(selections) == []


def test_what_is_removed_takes_its_measurements_along(selections, measurements):
    selections.save_all([(to_measure(), [draft("a")])], FIRST)
    (due,) = measurements.due(VERSION, FIRST, 9)
    measurements.save(due, found(observation()), FIRST)
    selections.remove(ONE, LATER)
    assert versions(selections) == []
    assert measurements.count(VERSION).known == 0
    assert not measurements.save(due, found(observation()), LAST)


def test_a_failure_is_shown_and_due_again_later(selections, measurements):
    selections.save_all([(to_measure(), [draft("a")])], FIRST)
    (due,) = measurements.due(VERSION, FIRST, 9)
    measurements.save_failure(due, "too long", FIRST, LAST)
    assert measurements.count(VERSION) == (1, 0, 1)
    assert measurements.due(VERSION, LATER, 9) == []
    (again,) = measurements.due(VERSION, LAST, 9)
    measurements.save_failure(again, "too long", LAST, LAST)
    assert measurements.failures(9) == [
        {"instance": ONE, "reason": "too long", "since": FIRST, "attempts": 2}
    ]
    assert [each.id for each in selections.below([ONE])] == ["a"]

    measurements.save(again, found(observation()), LAST)

    assert measurements.count(VERSION) == (1, 1, 0)
    assert measurements.failures(9) == []


def test_a_conversion_that_fails_is_not_measured(selections, measurements):
    selections.save_all([(to_measure(), [draft("a")])], FIRST)
    selections.record_failure(entry(state=FAILED, reason="broken"))
    assert measurements.due(VERSION, LAST, 9) == []


def test_findings_of_both_are_listed_together(database, selections, measurements):
    selections.save_all([(to_measure(findings=b'["one"]'), [])], FIRST)
    (due,) = measurements.due(VERSION, FIRST, 9)
    measurements.save(due, found(findings=b'["two"]'), FIRST)
    assert Ledger(database).findings(9) == [
        {"instance": ONE, "findings": ["one", "two"]}
    ]


def test_a_forced_sweep_measures_everything_again(database, selections, measurements):
    selections.save_all([(to_measure(), [])], FIRST)
    (due,) = measurements.due(VERSION, FIRST, 9)
    measurements.save(due, found(), FIRST)
    Ledger(database).outdate()
    assert measurements.count(VERSION).waiting == 1
    selections.save_all([(to_measure(), [])], LATER)
    assert measurements.due(VERSION, LAST, 9) == [due]


def test_images_that_were_lacking_have_it_measured_again(selections, measurements):
    selections.save_all([(to_measure(), []), (to_measure(TWO), [])], FIRST)
    one, two = sorted(measurements.due(VERSION, FIRST, 9))
    measurements.save(one, found(awaits="patient"), FIRST)
    measurements.save(two, found(), FIRST)
    assert not measurements.images_arrived("other")
    assert measurements.due(VERSION, LAST, 9) == []

    assert measurements.images_arrived("patient")

    assert measurements.due(VERSION, LAST, 9) == [one]
    measurements.save(one, found(), LAST)
    assert not measurements.images_arrived("patient")
