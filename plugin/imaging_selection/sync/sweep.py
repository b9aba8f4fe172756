"""One sweep over what Orthanc holds, in steps so small that all else goes on."""

from __future__ import annotations

import logging
import threading
from collections import deque
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

from imaging_selection.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from imaging_selection.store.ledger import State
    from imaging_selection.sync.convert import Settler
    from imaging_selection.sync.inventory import Archive, Census

log = logging.getLogger(__name__)

TOGETHER = 8  # structure sets saved at once, unless they take long


class Demand:
    """When a sweep is due: every so often, and whenever one is asked for.

    Attributes
    ----------
    is_forced
        All is to be converted again, and that has not begun yet.
    """

    def __init__(self, interval: float, clock: Callable[[], datetime]) -> None:
        self._interval = timedelta(seconds=interval)
        self._clock = clock
        self._next = clock()
        self._lock = threading.Lock()
        self._asked: object | None = None  # a new one each time
        self.is_forced = False

    def ask(self, *, force: bool) -> None:
        """Have a sweep begin now; may be called from any thread."""
        with self._lock:
            self.is_forced = self.is_forced or force
            self._asked = object()

    @property
    def is_asked(self) -> bool:
        """Tell whether one was asked for that has not begun."""
        return self._asked is not None

    @property
    def is_due(self) -> bool:
        """Tell whether it is time for one."""
        return self.is_asked or self._clock() >= self._next

    def now(self) -> tuple[object, bool]:
        """Tell what is asked for now, for `begun`; and whether by force."""
        with self._lock:
            return self._asked, self.is_forced

    def begun(self, asked: object) -> None:
        """Take note that a sweep has begun; what came since is still owed."""
        self._next = self._clock() + self._interval
        with self._lock:
            if self._asked is asked:
                self._asked, self.is_forced = None, False


class Sweep:
    """Looks at every series that is to be read, then at every structure set.

    Parameters
    ----------
    series_ids
        Series in which structure sets may be that the census does not know.
    states
        The ledger as it was when the sweep began.
    thorough
        Look at every instance of those series.
    settle
        Called with structure sets that a glance does not show to be settled; gives back
        those that it had no time for.
    started
        FHIR instant.

    Attributes
    ----------
    total
        How many series and structure sets there are to look at.
    """

    def __init__(  # noqa: PLR0913 - the worker names each
        self,
        archive: Archive,
        census: Census,
        settler: Settler,
        states: Mapping[str, State],
        series_ids: list[str],
        *,
        thorough: bool,
        settle: Callable[[list[str]], list[str]],
        started: str,
    ) -> None:
        self._archive = archive
        self._census = census
        self._settler = settler
        self._states = states
        self._series = deque(series_ids)
        self._thorough = thorough
        self._settle = settle
        self._names: deque[str] | None = None
        self._unsettled: list[str] = []
        self.started = started
        self.total = len(series_ids)

    @property
    def done(self) -> int:
        """Count the series and structure sets that were looked at."""
        left = len(self._series) + len(self._names or ()) + len(self._unsettled)
        return max(0, self.total - left)

    @property
    def has_read(self) -> bool:
        """Tell whether every series was read that was to be."""
        return not self._series

    @property
    def unread(self) -> list[str]:
        """List the series that are still to be read."""
        return list(self._series)

    @property
    def owes_all(self) -> bool:
        """Tell whether every instance of those is to be looked at."""
        return self._thorough and not self.has_read

    def step(self) -> bool:
        """Do a little; False when all is done.

        A step that raises has lost nothing: what it was about comes again, after the
        others.
        """
        if self._series:
            self._read_series(self._series.popleft())
        elif self._names is None:
            self._names = deque(dict.fromkeys([*self._census.ids(), *self._states]))
            self.total += len(self._names)
            log.info("sweep: %d structure sets", len(self._names))
        elif self._names:
            self._look_at(self._names.popleft())
        is_last = self._names is not None and not self._names
        if self._unsettled and (is_last or len(self._unsettled) >= TOGETHER):
            names, self._unsettled = self._unsettled, []
            self._unsettled = self._settle(names)
        is_done = is_last and not self._unsettled
        if is_done:
            log.info("sweep: done")
        return not is_done

    def _read_series(self, series_id: str) -> None:
        try:
            self._census.read_series(series_id, thorough=self._thorough)
        except Exception:
            self._series.append(series_id)
            raise

    def _look_at(self, orthanc_id: str) -> None:
        ticket = self._census.ticket(orthanc_id)
        state = self._states.get(orthanc_id)
        mark = None
        if state and self._settler.is_current(state, state.attachment_uuid):
            with suppress(SourceError):  # settling meets it again, and tries it later
                # Orthanc is asked after the ledger was: what has changed since is seen.
                mark = self._archive.attachment_uuid(orthanc_id)
        if state and mark == state.attachment_uuid:
            self._census.settled(orthanc_id, ticket, mark)
        else:
            self._unsettled.append(orthanc_id)
