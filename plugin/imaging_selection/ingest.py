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
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from imaging_selection.census import Archive, Census
from imaging_selection.errors import ImagingSelectionError
from imaging_selection.fhir import instant
from imaging_selection.settle import DicomSource, Entries, Settler
from imaging_selection.sweep import Sweep

if TYPE_CHECKING:
    from collections.abc import Callable

    from imaging_selection.identity import OrthancIds
    from imaging_selection.settle import Conversion, Writer
    from imaging_selection.store.ledger import LedgerEntry, State

log = logging.getLogger(__name__)

TEND_PAUSES = 5  # between two looks at what is due, and two reports
# Before what the change log shows is seen to: whichever node received it is quicker.
DELAY_PAUSES = 2
OUTAGE_FIRST, OUTAGE_LONGEST = 0.2, 10  # pauses of waiting in an outage
BUSY_SECONDS = 0.05  # a sweep works this long, then rests as long
PAGES_AT_ONCE = 4  # of the change log, between two other things


class Source(DicomSource, Archive, Protocol):
    """What the worker asks of Orthanc."""


class Ledger(Entries, Protocol):
    """What became of each structure set, and how far Orthanc was read."""

    @property
    def generation(self) -> int:
        """Grows when the ledger was made anew: what was read of it is then void."""

    def states(self) -> dict[str, State]:
        """List the state of every structure set, by instance id."""

    def due(self, now: str) -> list[str]:
        """List the failed structure sets that are to be tried again by now."""

    def outdate(self) -> None:
        """Have every structure set converted again."""

    def place(self) -> str | None:
        """Recall how far Orthanc was read when all of that was settled."""

    def remember(self, place: str) -> None:
        """Note how far Orthanc has been read, everything up to there being settled."""


class Ingest:
    """Converts and saves, one structure set after the other, in a thread of its own.

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
        Called every few seconds, on the worker's thread.
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
        self._interval = timedelta(seconds=interval)
        self._clock = clock
        self._report = report
        self._pause = pause
        self.census = Census(source)
        self._arrivals: deque[str] = deque()
        self._departures: deque[str] = deque()
        self._later: deque[tuple[float, str]] = deque()  # from when on
        self._counted = threading.Event()
        self._sweep: Sweep | None = None  # that is on
        self._last_sweep: Sweep | None = None
        self._sweep_wanted = threading.Event()
        self._force = False
        self._next_sweep = clock()
        self._next_look = self._next_tending = 0.0
        self._known_generation: int | None = None  # of the ledger that was read
        self._remembered: str | None = None
        self._busy = 0.0  # seconds of sweeping since the last rest
        self._outage = 0.0  # pauses to wait, while there is one
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(
            target=self._run, name="imaging-selection", daemon=True
        )

    def start(self) -> None:
        """Start the worker; its first act is a sweep."""
        self._sweep_wanted.set()
        self._thread.start()

    def stop(self) -> None:
        """Stop the worker after the structure set it has in hand."""
        self._stopping.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(timeout=30)

    def arrived(self, instance_id: str) -> None:
        """Note that a structure set is new, or has another file; returns at once."""
        self.census.note([instance_id])
        self._arrivals.append(instance_id)
        self._wake.set()

    def left(self, instance_id: str) -> None:
        """Note that an instance of any kind was deleted; returns at once."""
        if instance_id in self.census:
            self.census.note([instance_id])
        self._departures.append(instance_id)
        self._wake.set()

    def is_waiting(self, instance_id: str) -> bool:
        """Tell whether the store may be behind Orthanc on a structure set."""
        return not self.is_counted or self.census.is_pending(instance_id)

    def reconcile(self, *, force: bool = False) -> None:
        """Ask for a sweep now; `force` converts everything again."""
        self._force = self._force or force
        self._sweep_wanted.set()
        self._wake.set()

    @property
    def is_counted(self) -> bool:
        """Tell whether all structure sets are known that Orthanc held at the start."""
        return self._counted.is_set()

    def wait_until_counted(self, seconds: float) -> bool:
        """Give the worker some time to count them."""
        return self._counted.wait(seconds)

    @property
    def lag(self) -> float:
        """Seconds that the oldest structure set has been waiting; 0 with none."""
        return self.census.lag

    @property
    def removing(self) -> int:
        """How many deletions, of instances of any kind, are still to be looked at."""
        return len(self._departures)

    def update(self, instance_id: str) -> LedgerEntry | None:
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
        ticket = self.census.ticket(instance_id)
        entry = self._settler.settle(instance_id)
        mark = None if entry is None else entry.file_mark
        self.census.settled(instance_id, ticket, mark)
        return entry

    def follow(self) -> None:
        """Look into Orthanc's change log for what no callback told of."""
        found = self.census.follow(PAGES_AT_ONCE)
        due = time.monotonic() + DELAY_PAUSES * self._pause
        self._later.extend((due, name) for name in found)

    def progress(self) -> dict[str, object]:
        """Tell how far the sweep is that is on, or the last one."""
        sweep = self._sweep or self._last_sweep
        return {
            "running": self._sweep is not None or self._sweep_wanted.is_set(),
            "done": sweep.done if sweep else 0,
            "total": sweep.total if sweep else 0,
            "started": sweep.started if sweep else None,
        }

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._wake.clear()
            try:
                if self._outage:
                    # The store first: on one server with Orthanc's index, Orthanc would
                    # hold on to its caller, and thereby to every Python thread, for as
                    # long as it tries to connect (50 s by default, measured on 1.10.1).
                    self._ledger.place()
                self._work()
            except Exception as error:  # noqa: BLE001 - the worker must not die
                self._wait_in_outage(error)
            else:
                if self._outage:
                    log.warning("works again")
                    self._outage = 0.0
        with suppress(ImagingSelectionError):  # else the next start reads a little more
            self._remember_place()

    def _wait_in_outage(self, error: Exception) -> None:
        # Of an unforeseen error only the kind is free of patient data.
        known = isinstance(error, ImagingSelectionError)
        text = str(error) if known else f"internal error ({type(error).__name__})"
        if not self._outage:
            log.warning("waiting: %s", text)
        self._outage = min(max(self._outage * 2, OUTAGE_FIRST), OUTAGE_LONGEST)
        self._stopping.wait(self._outage * self._pause)

    def _work(self) -> None:
        """Do the most urgent thing there is to do."""
        if self._known_generation != self._ledger.generation:
            self._begin_sweep()
        elif self._arrivals:
            self._settle_first(self._arrivals)
        elif self._departures:
            self._settle_first(self._departures)
        elif self._have_looked() or self._settle_later():
            pass
        elif self._is_sweep_due():
            self._begin_sweep()
        else:
            self._sweep_on()

    def _is_sweep_due(self) -> bool:
        # One that is on is not cut short by the next, but by whoever asks for it.
        is_time = self._sweep is None and self._clock() >= self._next_sweep
        return is_time or self._sweep_wanted.is_set()

    def _settle_first(self, queue: deque[str]) -> None:
        name = queue.popleft()
        if self.census.is_pending(name):
            self._try(name)
        elif queue is self._departures and self._ledger.read(name) is not None:
            self._try(name)  # another node has converted it; else it was an image

    def _settle_later(self) -> bool:
        if not self._later or self._later[0][0] > time.monotonic():
            return False
        _, name = self._later.popleft()
        if self.census.is_pending(name):
            self._try(name)
        return True

    def _try(self, instance_id: str) -> None:
        try:
            self.update(instance_id)
        except Exception:
            self.census.note([instance_id])
            self._later.append(
                (time.monotonic() + DELAY_PAUSES * self._pause, instance_id)
            )
            raise

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
            self._report()
            return True
        return False

    def _remember_place(self) -> None:
        """Have the next start begin where all is settled."""
        place = self.census.place  # before the count: it may move on meanwhile
        if self.census.pending or self._sweep is not None or not self.is_counted:
            return
        if place is not None and place != self._remembered:
            self._ledger.remember(place)
            self._remembered = place

    def _begin_sweep(self) -> None:
        force, self._force = self._force, False
        try:
            if force:
                self._ledger.outdate()
            states = self._ledger.states()
            generation = self._ledger.generation
            unread = force
            if not self.is_counted:
                unread = not self.census.resume(self._ledger.place()) or force
            series_ids = self._source.series_ids() if unread else []
        except Exception:
            self._force = self._force or force
            self._sweep_wanted.set()  # it is still owed
            raise
        self._sweep_wanted.clear()
        self._next_sweep = self._clock() + self._interval
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
            thorough=force,
            settle=self._try,
            started=instant(self._clock()),
        )

    def _sweep_on(self) -> None:
        if self._sweep is None:
            self._wake.wait(timeout=self._pause)
            return
        began = time.monotonic()
        is_on = self._sweep.step()
        if self._sweep.has_read:
            self._counted.set()
        if not is_on:
            self._last_sweep, self._sweep = self._sweep, None
        self._busy += time.monotonic() - began
        if self._busy >= BUSY_SECONDS:  # others want the processor, and the archive
            self._wake.wait(timeout=self._busy)
            self._busy = 0.0
