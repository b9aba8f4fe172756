import threading

import pytest
from imaging_selection.errors import BusyError, StoppedError
from imaging_selection.host import threads as threads_module
from imaging_selection.host.threads import GROW_SECONDS, Threads


@pytest.fixture
def threads():
    threads = Threads(2, 5, "test-113047")
    yield threads
    threads.stop()


def test_a_call_runs_on_one_of_the_threads_and_its_result_is_returned(threads):
    name = threads.run(lambda: threading.current_thread().name)

    assert name == "test-113047"
    assert threads.run(divmod, 113047, 10) == (11304, 7)


def test_an_error_of_a_call_is_raised_to_the_caller(threads):
    with pytest.raises(ZeroDivisionError):
        threads.run(divmod, 1, 0)

    assert threads.run(divmod, 1, 1) == (1, 0)


def ask_at_once(threads, jobs):
    asking = [threading.Thread(target=threads.run, args=(job,)) for job in jobs]
    for each in asking:
        each.start()
    return asking


@pytest.mark.parametrize("count", [2, 5], ids=["minimum", "maximum"])
def test_calls_that_wait_for_each_other_all_run(threads, count):
    all_are_here = threading.Barrier(count)

    for each in ask_at_once(threads, [lambda: all_are_here.wait(60)] * count):
        each.join()

    assert not all_are_here.broken


def test_no_more_calls_run_at_a_time_than_the_maximum_of_threads(threads):
    may_go_on = threading.Event()
    begun = [threading.Event() for _ in range(6)]

    def job_of(event):
        return lambda: event.set() or may_go_on.wait(60)

    asking = ask_at_once(threads, [job_of(event) for event in begun[:5]])
    for event in begun[:5]:
        assert event.wait(60)
    asking += ask_at_once(threads, [job_of(begun[5])])
    assert not begun[5].wait(3 * GROW_SECONDS)
    may_go_on.set()
    for each in asking:
        each.join()
    assert begun[5].is_set()


def test_a_further_thread_ends_when_nothing_waits(threads):
    all_are_here = threading.Barrier(5)
    for _ in range(3):  # more often than there are threads to spare
        for each in ask_at_once(threads, [lambda: all_are_here.wait(60)] * 5):
            each.join()

    assert not all_are_here.broken


def test_calls_before_the_stop_are_done_and_none_after_it():
    threads = Threads(1, 1, "test-113047")
    begun, may_go_on = threading.Event(), threading.Event()
    done = []

    def first():
        begun.set()
        may_go_on.wait(60)
        done.append("first")

    asking = [threading.Thread(target=threads.run, args=(first,))]
    asking[0].start()
    begun.wait(60)
    threads.stop()

    with pytest.raises(StoppedError):
        threads.run(done.append, "second")
    may_go_on.set()
    asking[0].join()
    assert done == ["first"]


def test_a_call_that_waits_too_long_for_a_thread_is_not_run_at_all(monkeypatch):
    monkeypatch.setattr(threads_module, "WAIT_SECONDS", 2 * GROW_SECONDS)
    threads = Threads(1, 1, "test-113047")
    begun, may_go_on, done = threading.Event(), threading.Event(), []
    [first] = ask_at_once(threads, [lambda: begun.set() or may_go_on.wait(60)])
    assert begun.wait(60)
    with pytest.raises(BusyError):
        threads.run(done.append, "never")
    may_go_on.set()
    first.join()
    assert threads.run(lambda: [*done]) == []
    threads.stop()
