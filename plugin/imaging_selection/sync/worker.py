"""The worker: arrivals at once, and sweeps that make the store agree with Orthanc.

Orthanc is the queue. What is in memory here only makes it quick, and may be lost at any
time: `census` tells how it is found again, `settle` what is done about each structure
set. The worker does the most urgent thing there is to do, one small step at a time.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from imaging_selection.errors import ImagingSelectionError
from imaging_selection.fhir.datatypes import instant
from imaging_selection.sync.convert import DicomSource, Entries, Settler
from imaging_selection.sync.inventory import Archive, Census
from imaging_selection.sync.retry import Outage
from imaging_selection.sync.sweep import TOGETHER, Demand, Sweep

if TYPE_CHECKING:
    from collections.abc import Callable

    from imaging_selection.ids import OrthancIds
    from imaging_selection.store.ledger import LedgerEntry
    from imaging_selection.sync.convert import Conversion, Writer

log = logging.getLogger(__name__)

TEND_PAUSES = 5  # between two looks at what is due, and two reports
# Before what the change log shows is seen to: whichever node received it is quicker.
DELAY_PAUSES = 2
# What goes on in the background works this long, then rests for this part of it.
BUSY_SECONDS, REST = 0.05, 0.25
PAGES_AT_ONCE = 2  # of the change log, between two other things
DEPARTURES_AT_ONCE = 500  # most are of images, of which the ledger knows nothing


class Source(DicomSource, Archive, Protocol):
    """What the worker asks of Orthanc."""


class Ledger(Entries, Protocol):
    """What became of each structure set, and how far Orthanc was read."""

    @property
    def generation(self) -> int:
        """Grows when the ledger was made anew: what was read of it is then void."""

    def due(self, now: str) -> list[str]:
        """List the failed structure sets that are to be tried again by now."""

    def outdate(self) -> None:
        """Have every structure set converted again."""

    def place(self) -> str | None:
        """Recall how far Orthanc was read when all of that was settled."""

    def remember(self, place: str) -> None:
        """Note how far Orthanc has been read, everything up to there being settled."""


class Ingest:
    """Converts and saves structure sets, a few at once, in a thread of its own.

    Parameters
    ----------
    convert
        Bytes of a file and Orthanc's ids to selections; pure.
    mapping_version
        Names what `convert` is; entries of another are converted again. Not asked
        before Orthanc has started.
    interval
        Seconds between two sweeps.
    clock
        Gives the present time, aware.
    report
        Called every few seconds and in an outage, on the worker's thread; never raises.
    pause
        Seconds between two looks into Orthanc's change log, when there is no work.
    """

    def __init__(  # noqa: PLR0913 - the composition root names each
        self,
        source: Source,
        convert: Callable[[bytes, OrthancIds], Conversion],
        writer: Writer,
        ledger: Ledger,
        *,
        mapping_version: Callable[[], str],
        interval: float,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        report: Callable[[], None] = lambda: None,
        pause: float = 1,
    ) -> None:
        self._source = source
        self._ledger = ledger
        self._settler = Settler(
            source,
            convert,
            writer,
            ledger,
            mapping_version=mapping_version,
            clock=clock,
        )
        self._clock = clock
        self._report = report
        self._pause = pause
        self.census = Census(source)
        self._arrivals: deque[str] = deque()
        self._alone: deque[str] = deque()  # of several, those to be settled one by one
        self._departures: deque[str] = deque()
        self._later: deque[tuple[float, str]] = deque()  # from when on
        self._counted = threading.Event()
        self._sweep: Sweep | None = None  # that is on
        self._last_sweep: Sweep | None = None
        self._demand = Demand(interval, clock)
        self._next_look = self._next_tending = 0.0
        self._known_generation: int | None = None  # of the ledger that was read
        self._remembered: str | None = None
        self._busy = 0.0  # seconds of work in the background since the last rest
        self._outage = Outage()
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(
            target=self._run, name="imaging-selection", daemon=True
        )

    def start(self) -> None:
        """Start the worker; its first act is a sweep."""
        self.reconcile()
        self._thread.start()

    def stop(self) -> None:
        """Stop the worker after the structure set it has in hand."""
        self._stopping.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(timeout=30)

    def arrived(self, orthanc_id: str) -> None:
        """Note that a structure set is new, or has another file; returns at once."""
        self.census.note([orthanc_id])
        self._arrivals.append(orthanc_id)
        self._wake.set()

    def left(self, orthanc_id: str) -> None:
        """Note that an instance of any kind was deleted; returns at once."""
        if orthanc_id in self.census:
            self.census.note([orthanc_id])
        self._departures.append(orthanc_id)
        self._wake.set()

    def is_waiting(self, orthanc_id: str) -> bool:
        """Tell whether the store may be behind Orthanc on a structure set."""
        return not self.is_counted or self.census.is_pending(orthanc_id)

    def reconcile(self, *, force: bool = False) -> None:
        """Ask for a sweep now; `force` converts everything again."""
        self._demand.ask(force=force)
        self._wake.set()

    @property
    def is_counted(self) -> bool:
        """Tell whether all structure sets are known that Orthanc holds."""
        return self._counted.is_set() and self.census.has_caught_up

    @property
    def is_forced(self) -> bool:
        """Tell whether all is to be converted again, and that has not begun yet."""
        return self._demand.is_forced

    @property
    def problem(self) -> str | None:
        """What holds the worker up; None when nothing does."""
        return self._outage.problem

    def wait_until_counted(self, seconds: float) -> bool:
        """Give the worker some time to count them."""
        return self._counted.wait(seconds)

    @property
    def lag(self) -> float:
        """Seconds that the oldest structure set has been waiting; 0 with none.

        In an outage all are: nothing is proven of any.
        """
        return max(self.census.lag, self._outage.seconds)

    @property
    def removing(self) -> int:
        """How many deletions, of instances of any kind, are still to be looked at."""
        return len(self._departures)

    def update(self, orthanc_id: str) -> LedgerEntry | None:
        """Make the store agree with Orthanc on one instance, now.

        Returns
        -------
        LedgerEntry or None
            What became of it; None when Orthanc holds no structure set of this id.

        Raises
        ------
        StoreError, SourceError
            The store or Orthanc does not answer; it is tried again later.
        """
        ticket = self.census.ticket(orthanc_id)
        entry = self._settler.settle(orthanc_id)
        mark = None if entry is None else entry.attachment_uuid
        self.census.settled(orthanc_id, ticket, mark)
        return entry

    def follow(self) -> None:
        """Look into Orthanc's change log for what no callback told of."""
        if self._known_generation is None:
            return  # it is not known yet from where on
        found = self.census.follow(PAGES_AT_ONCE)
        due = time.monotonic() + DELAY_PAUSES * self._pause
        self._later.extend((due, name) for name in found)

    def progress(self) -> dict[str, object]:
        """Tell how far the sweep is that is on, or the last one."""
        sweep = self._sweep or self._last_sweep
        return {
            "running": self._sweep is not None or self._demand.is_asked,
            "done": sweep.done if sweep else 0,
            "total": sweep.total if sweep else 0,
            "started": sweep.started if sweep else None,
        }

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._wake.clear()
            try:
                if self._outage.problem:
                    # The store first: on one server with Orthanc's index, Orthanc would
                    # hold on to its caller, and thereby to every Python thread, for as
                    # long as it tries to connect (50 s by default, measured on 1.10.1).
                    self._ledger.place()
                self._work()
            except Exception as error:  # noqa: BLE001 - the worker must not die
                pauses = self._outage.goes_on(error)
                self._tell()
                self._stopping.wait(pauses * self._pause)
                # What failed may be one of these, and the others want their turn.
                soon = time.monotonic() + self._pause
                self._next_look = max(self._next_look, soon)
                self._next_tending = max(self._next_tending, soon)
            else:
                if not self.census.pending:
                    self._outage.ends()  # else when one of them is settled
        with suppress(ImagingSelectionError):  # else the next start reads a little more
            self._remember_place()

    def _work(self) -> None:
        """Do the most urgent thing there is to do."""
        if self._known_generation != self._ledger.generation:
            self._begin_sweep()
        elif self._have_looked():
            pass
        elif self._alone:
            self._settle_one(self._alone.popleft())
        elif self._arrivals:
            self._settle_arrivals()
        elif self._departures:
            self._settle_departures()
        elif not self._settle_later():
            self._go_on_in_background()

    def _settle_arrivals(self) -> None:
        """Settle the first arrival, together with those that wait behind it."""
        count = min(len(self._arrivals), TOGETHER)
        names = dict.fromkeys(self._arrivals.popleft() for _ in range(count))
        waiting = [name for name in names if self.census.is_pending(name)]
        if len(waiting) > 1:
            untouched = self._try_together(waiting)
            self._arrivals.extendleft(reversed(untouched))
        elif waiting:
            self._try(waiting[0])

    def _settle_one(self, orthanc_id: str) -> None:
        if self.census.is_pending(orthanc_id):
            self._try(orthanc_id)

    def _settle_departures(self) -> None:
        count = min(len(self._departures), DEPARTURES_AT_ONCE)
        names = [self._departures[k] for k in range(count)]
        # Another node may have converted what the census has not heard of.
        known = self._ledger.states(names)
        gone = [name for name in names if name in known or self.census.is_pending(name)]
        self.census.note(gone)
        self._arrivals.extend(gone)
        for _ in names:
            self._departures.popleft()

    def _settle_later(self) -> bool:
        if not self._later or self._later[0][0] > time.monotonic():
            return False
        self._settle_one(self._later.popleft()[1])
        return True

    def _try(self, orthanc_id: str) -> None:
        try:
            self.update(orthanc_id)
        except Exception:
            self._try_later([orthanc_id])
            raise
        self._outage.ends()

    def _try_together(self, orthanc_ids: list[str]) -> list[str]:
        """Settle several; those that there was no time for are given back."""
        tickets = {name: self.census.ticket(name) for name in orthanc_ids}
        try:
            marks, untouched = self._settler.settle_together(orthanc_ids)
        except Exception:
            self._try_later(orthanc_ids)
            raise
        for name, mark in marks.items():
            self.census.settled(name, tickets[name], mark)
            self._outage.ends()
        touched = (name for name in orthanc_ids if name not in untouched)
        alone = [name for name in touched if name not in marks]
        self.census.note(alone)
        self._alone.extend(alone)
        return untouched

    def _try_later(self, orthanc_ids: list[str]) -> None:
        self.census.note(orthanc_ids)
        due = time.monotonic() + DELAY_PAUSES * self._pause
        self._later.extend((due, name) for name in orthanc_ids)

    def _have_looked(self) -> bool:
        """Look after what comes round every few seconds, if it is time."""
        now = time.monotonic()
        if now >= self._next_look:
            self._next_look = now + self._pause
            self.follow()
            return True
        if now >= self._next_tending:
            self._next_tending = now + TEND_PAUSES * self._pause
            due = self._ledger.due(instant(self._clock()))
            self.census.note(due)
            self._later.extend((now, name) for name in due)
            self._remember_place()
            self._tell()
            return True
        return False

    def _tell(self) -> None:
        try:
            self._report()
        except Exception as error:  # noqa: BLE001 - the worker must not die of it
            log.warning("no report: %s", type(error).__name__)

    def _remember_place(self) -> None:
        """Have the next start begin where all is settled."""
        place = self.census.place  # before the count: it may move on meanwhile
        is_busy = self.census.pending or self._sweep is not None
        if is_busy or not self._counted.is_set():
            return
        if place is not None and place != self._remembered:
            self._ledger.remember(place)
            self._remembered = place

    def _go_on_in_background(self) -> None:
        began = time.monotonic()
        if not self.census.has_caught_up:
            self.follow()
        elif self._demand.is_asked or (self._sweep is None and self._demand.is_due):
            # One that is on is not cut short by the next, but by whoever asks for it.
            self._begin_sweep()
        elif self._sweep is not None:
            self._sweep_on(self._sweep)
        else:
            self._wake.wait(timeout=self._pause)
            return
        self._busy += time.monotonic() - began
        if self._busy >= BUSY_SECONDS:  # others want the processor, and the archive
            self._wake.wait(timeout=self._busy * REST)
            self._busy = 0.0

    def _begin_sweep(self) -> None:
        asked, force = self._demand.now()
        if force:
            self._ledger.outdate()
        place = self._ledger.place()
        generation = self._ledger.generation  # before what is read of it
        states = self._ledger.states()
        series_ids, is_thorough = self._unread(place, force=force)
        if force or generation != self._known_generation:
            self.census.note({*states, *self.census.ids()})
            self._known_generation = generation
            self._remembered = None
        self._sweep = Sweep(
            self._source,
            self.census,
            self._settler,
            states,
            series_ids,
            thorough=is_thorough,
            settle=self._try_together,
            started=instant(self._clock()),
        )
        self._demand.begun(asked)

    def _unread(self, place: str | None, *, force: bool) -> tuple[list[str], bool]:
        """List the series to be read; and whether every instance of them is."""
        cut = self._sweep  # short by this one: what it has not read is still owed
        is_thorough = force or (cut is not None and cut.owes_all)
        if not self._counted.is_set():
            if self.census.resume(place) and not is_thorough:
                return [], False
            return self._source.series_ids(), is_thorough
        if force:
            return self._source.series_ids(), True
        return ([], False) if cut is None else (cut.unread, is_thorough)

    def _sweep_on(self, sweep: Sweep) -> None:
        is_on = sweep.step()
        if sweep.has_read:
            self._counted.set()
        if not is_on:
            self._last_sweep, self._sweep = sweep, None
