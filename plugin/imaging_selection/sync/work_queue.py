"""The Orthanc ids that wait for the worker.

All of it is in memory, and may be lost at any time: Orthanc itself is the queue, and
`change_log` and `reconcile` find again what is missing here.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class WorkQueue:
    """Five lanes of Orthanc ids. Any thread may add, the worker alone takes.

    Attributes
    ----------
    arrivals
        Objects that are new or overwritten; converted several at once.
    again
        Objects that changed while they were converted: the next ones.
    long
        Objects that take long to convert.
    departures
        Deleted instances of any kind.
    """

    def __init__(self) -> None:
        self.arrivals: deque[str] = deque()
        self.again: deque[str] = deque()
        self.long: deque[str] = deque()
        self.departures: deque[str] = deque()
        self._later: deque[tuple[float, str]] = deque()  # due time, object

    def take(self, maximum: int, now: float) -> list[str]:
        """Remove the next objects to convert and return them, the most urgent first."""
        for lane in (self.again, self.arrivals):
            if lane:
                count = min(len(lane), maximum)
                return list(dict.fromkeys(lane.popleft() for _ in range(count)))
        due: list[str] = []
        while self._later and self._later[0][0] <= now and len(due) < maximum:
            due.append(self._later.popleft()[1])
        return list(dict.fromkeys(due))

    def first_departures(self, maximum: int) -> list[str]:
        """Return the first departures; they stay until `drop_departures`."""
        count = min(len(self.departures), maximum)
        return [self.departures[k] for k in range(count)]

    def drop_departures(self, count: int) -> None:
        """Remove the first departures."""
        for _ in range(count):
            self.departures.popleft()

    def add_later(self, orthanc_ids: Iterable[str], due: float) -> None:
        """Add objects that are to be converted from a time on."""
        self._later.extend((due, name) for name in orthanc_ids)
