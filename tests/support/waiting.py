"""Waiting for what happens a moment later, in another thread or another program."""

import time

PATIENCE = 60  # seconds after which a test fails


def wait_until(condition, *, seconds=PATIENCE, poll=0.01):
    """Return the first true value of a condition.

    Raises
    ------
    AssertionError
        The condition stays false; the error has its last value.
    """
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"not within {seconds} s: {value!r}"
        time.sleep(poll)
    return value
