"""Wait for the plugin."""

import time

PATIENCE = 900  # seconds


def wait_until_converted(connection):
    """Return the plugin's status once nothing waits any more."""
    return _wait(connection, lambda _: True)


def wait_until_measured(connection):
    """Return the plugin's status once nothing waits to be measured, if it measures."""
    return _wait(
        connection, lambda status: not (status["measurements"] or {}).get("waiting")
    )


def _wait(connection, is_done):
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        status = connection.json("/imaging-selection/status")
        is_idle = status["waiting"] == status["removing"] == 0
        if is_idle and not status["problems"] and is_done(status):
            return status
        time.sleep(0.05)
    raise TimeoutError("the plugin still has work to do")
