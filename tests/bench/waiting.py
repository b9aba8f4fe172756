"""Wait for the plugin."""

import time

PATIENCE = 900  # seconds


def wait_until_converted(connection):
    """Return the plugin's status once nothing waits any more."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        status = connection.json("/imaging-selection/status")
        if status["waiting"] == status["removing"] == 0 and not status["problems"]:
            return status
        time.sleep(0.05)
    raise TimeoutError("the plugin still has work to do")
