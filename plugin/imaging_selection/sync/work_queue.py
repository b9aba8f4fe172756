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
    """Four lanes of Orthanc ids. Any thread may add, the worker alone takes.

    Attributes
    ----------
    arrivals
        Objects that are new or overwritten; converted several at once.
    alone
        Objects that changed while they were converted: the next ones, one at a time.
    departures
        Deleted instances of any kind.
    """

    def __init__(self) -> None:
        self.arrivals: deque[str] = deque()
        self.alone: deque[str] = deque()
        self.departures: deque[str] = deque()
        self._later: deque[tuple[float, str]] = deque()  # due time, object

    def take_arrivals(self, maximum: int) -> list[str]:
        """Remove the first arrivals and return them, each once."""
        count = min(len(self.arrivals), maximum)
        return list(dict.fromkeys(self.arrivals.popleft() for _ in range(count)))

    def first_departures(self, maximum: int) -> list[str]:
        """Return the first departures; they stay until `drop_departures`."""
        count = min(len(self.departures), maximum)
        return [self.departures[k] for k in range(count)]

    def drop_departures(self, count: int) -> None:
        """Remove the first departures."""
        for _ in range(count):
            self.departures.popleft()

    def add_later(self, orthanc_ids: Iterable[str], due: float) -> None:
        """Add objects that are to be converted one at a time, from a time on."""
        self._later.extend((due, name) for name in orthanc_ids)

    def take_due(self, now: float) -> str | None:
        """Remove the first of the later objects and return it, if it is due."""
        if not self._later or self._later[0][0] > now:
            return None
        return self._later.popleft()[1]
