import threading

import pytest
from imaging_selection.threads import StoppedError, Threads


@pytest.fixture
def threads():
    threads = Threads(2, "test-113047")
    yield threads
    threads.stop()


def test_a_job_is_done_on_one_of_the_threads_and_its_result_comes_back(threads):
    name = threads.do(lambda: threading.current_thread().name)

    assert name in {"test-113047-0", "test-113047-1"}
    assert threads.do(divmod, 113047, 10) == (11304, 7)


def test_what_a_job_raises_is_raised_where_it_was_asked_for(threads):
    with pytest.raises(ZeroDivisionError):
        threads.do(divmod, 1, 0)

    assert threads.do(divmod, 1, 1) == (1, 0)


def test_as_many_jobs_run_at_a_time_as_there_are_threads(threads):
    both_are_here = threading.Barrier(2)

    def ask():
        threads.do(both_are_here.wait, 60)

    asking = [threading.Thread(target=ask) for _ in range(2)]
    for each in asking:
        each.start()
    for each in asking:
        each.join()

    assert not both_are_here.broken


def test_jobs_given_before_the_end_are_done_and_none_behind_it():
    threads = Threads(1, "test-113047")
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
