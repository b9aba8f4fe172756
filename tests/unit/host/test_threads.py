import threading

import pytest
from imaging_selection.host.threads import PATIENCE, StoppedError, Threads


@pytest.fixture
def threads():
    threads = Threads(2, 5, "test-113047")
    yield threads
    threads.stop()


def test_a_job_is_done_on_one_of_the_threads_and_its_result_comes_back(threads):
    name = threads.do(lambda: threading.current_thread().name)

    assert name == "test-113047"
    assert threads.do(divmod, 113047, 10) == (11304, 7)


def test_what_a_job_raises_is_raised_where_it_was_asked_for(threads):
    with pytest.raises(ZeroDivisionError):
        threads.do(divmod, 1, 0)

    assert threads.do(divmod, 1, 1) == (1, 0)


def ask_at_once(threads, jobs):
    asking = [threading.Thread(target=threads.do, args=(job,)) for job in jobs]
    for each in asking:
        each.start()
    return asking


@pytest.mark.parametrize("count", [2, 5], ids=["few", "most"])
def test_jobs_that_wait_for_each_other_all_run(threads, count):
    all_are_here = threading.Barrier(count)

    for each in ask_at_once(threads, [lambda: all_are_here.wait(60)] * count):
        each.join()

    assert not all_are_here.broken


def test_no_more_jobs_run_at_a_time_than_there_may_be_threads(threads):
    may_go_on = threading.Event()
    begun = [threading.Event() for _ in range(6)]

    def job_of(event):
        return lambda: event.set() or may_go_on.wait(60)

    asking = ask_at_once(threads, [job_of(event) for event in begun[:5]])
    for event in begun[:5]:
        assert event.wait(60)
    asking += ask_at_once(threads, [job_of(begun[5])])
    assert not begun[5].wait(3 * PATIENCE)
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


def test_jobs_given_before_the_end_are_done_and_none_behind_it():
    threads = Threads(1, 1, "test-113047")
    begun, may_go_on = threading.Event(), threading.Event()
    done = []

    def first():
        begun.set()
        may_go_on.wait(60)
        done.append("first")

    asking = [threading.Thread(target=threads.do, args=(first,))]
    asking[0].start()
    begun.wait(60)
    threads.stop()

    with pytest.raises(StoppedError):
        threads.do(done.append, "second")
    may_go_on.set()
    asking[0].join()
    assert done == ["first"]
