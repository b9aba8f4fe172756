from datetime import timedelta

import pytest
from imaging_selection.sync.schedule import Schedule, Timer
from support.syncing import Clock


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def schedule(clock):
    schedule = Schedule(300, clock)
    schedule.begin(schedule.current()[0])
    return schedule


def test_a_sweep_is_due_after_the_interval(schedule, clock):
    clock.now += timedelta(seconds=299)
    assert not schedule.is_due
    clock.now += timedelta(seconds=1)
    assert schedule.is_due


def test_a_sweep_is_due_when_it_is_requested(schedule):
    schedule.request(force=False)
    assert (schedule.is_due, schedule.is_forced) == (True, False)
    schedule.begin(schedule.current()[0])
    assert not schedule.is_due


def test_a_request_after_a_forced_one_leaves_it_forced(schedule):
    schedule.request(force=True)
    schedule.request(force=False)
    assert schedule.is_forced


def test_a_request_that_came_while_a_sweep_began_stays_open(schedule):
    schedule.request(force=True)
    request, _ = schedule.current()
    schedule.request(force=False)
    schedule.begin(request)
    assert (schedule.is_requested, schedule.is_forced) == (True, True)


def test_a_timer_is_due_at_once_and_then_after_its_seconds():
    timer = Timer(1000)
    assert timer.is_due()
    assert not timer.is_due()


def test_a_timer_that_is_postponed_is_not_due():
    timer = Timer(0)
    timer.postpone(1000)
    assert not timer.is_due()
