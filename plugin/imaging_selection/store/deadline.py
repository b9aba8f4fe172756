"""The time by which the statements of a search must end.

A thread answers one request at a time, and the statements of a search follow each
other: so the time belongs to the thread. Threads without one, such as the worker's, are
not limited.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from math import inf
from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class Deadline(threading.local):
    """The deadline of the present thread, if it has one."""

    _end = inf

    @contextmanager
    def limited(self, seconds: float) -> Iterator[None]:
        """Limit everything in a `with` block together."""
        before, self._end = self._end, min(self._end, monotonic() + seconds)
        try:
            yield
        finally:
            self._end = before

    @property
    def is_set(self) -> bool:
        """Whether the present thread has a deadline."""
        return self._end < inf

    @property
    def remaining(self) -> float:
        """The seconds that are left; not above 0 when the time is over."""
        return self._end - monotonic()

    def is_over(self) -> bool:
        """Return whether the time is over."""
        return monotonic() > self._end
