"""When a sweep begins, and when actions happen that repeat every few seconds."""

from __future__ import annotations

import threading
import time
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime


class Timer:
    """An action that repeats.

    Parameters
    ----------
    seconds
        Between two times.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._next = 0.0  # of the monotonic clock

    def is_due(self) -> bool:
        """Return whether it is time; if so, the time until the next begins."""
        now = time.monotonic()
        if now < self._next:
            return False
        self._next = now + self._seconds
        return True

    def postpone(self, seconds: float) -> None:
        """Let at least so many seconds pass until the next time."""
        self._next = max(self._next, time.monotonic() + seconds)


class Schedule:
    """Sweeps are due at an interval, and whenever one is requested.

    Attributes
    ----------
    is_forced
        A sweep that converts everything again was requested and has not begun.
    """

    def __init__(self, interval: float, clock: Callable[[], datetime]) -> None:
        self._interval = timedelta(seconds=interval)
        self._clock = clock
        self._next = clock()
        self._lock = threading.Lock()
        self._request: object | None = None  # another one each time
        self.is_forced = False

    def request(self, *, force: bool) -> None:
        """Request a sweep that begins now; may be called from any thread."""
        with self._lock:
            self.is_forced = self.is_forced or force
            self._request = object()

    @property
    def is_requested(self) -> bool:
        """Whether a sweep was requested that has not begun."""
        return self._request is not None

    @property
    def is_due(self) -> bool:
        """Whether it is time for a sweep, requested or not."""
        return self.is_requested or self._clock() >= self._next

    def current(self) -> tuple[object, bool]:
        """Return the present request, for `begin`, and whether it is forced."""
        with self._lock:
            return self._request, self.is_forced

    def begin(self, request: object) -> None:
        """Record that a sweep has begun; a later request stays open."""
        self._next = self._clock() + self._interval
        with self._lock:
            if self._request is request:
                self._request, self.is_forced = None, False
