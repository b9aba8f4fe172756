"""Tasks for `in_processes`: another process must be able to import them."""

import os
import time


def double(number, path):
    """Return twice a number, and write it too; the first ones take the longest."""
    time.sleep(0.2 if number == 0 else 0)
    path.write_text(str(number))
    return 2 * number


def end_at_three(number, path):
    """End the process as a kill does, when the number is 3."""
    if number == 3:
        os._exit(9)
    return double(number, path)
