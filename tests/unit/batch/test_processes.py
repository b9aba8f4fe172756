"""Many inputs in several processes."""

import pytest
from imaging_selection.batch.processes import in_processes
from support.tasks import double, end_at_three


@pytest.mark.parametrize("jobs", [1, 3])
def test_results_come_in_the_order_of_the_inputs(jobs):
    every = [
        (number, result, path.read_text())
        for number, path, result in in_processes(double, range(9), jobs)
    ]
    assert every == [(number, 2 * number, str(number)) for number in range(9)]


def test_inputs_are_taken_as_results_are_read():
    taken = []
    inputs = (taken.append(number) or number for number in range(100))
    results = in_processes(double, inputs, 2)
    next(results)
    assert len(taken) <= 6
    results.close()


@pytest.mark.slow
def test_a_process_that_ends_takes_no_other_input_with_it():
    results = [result for _, _, result in in_processes(end_at_three, range(8), 2)]
    assert results == [0, 2, 4, None, 8, 10, 12, 14]


def test_the_temporary_files_are_gone_afterwards():
    paths = [path for _, path, _ in in_processes(double, range(3), 2)]
    assert not any(path.parent.exists() for path in paths)
