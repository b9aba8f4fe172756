"""The worker: converts what arrives at once, and runs sweeps in between.

It does the most urgent action there is, one small action at a time. What it holds in
memory may be lost at any time: `change_log` and `reconcile` find it again.
"""

from __future__ import annotations

import logging
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from imaging_selection.errors import BusyError, ImagingSelectionError, StoppedError
from imaging_selection.sync.retry import Outage
from imaging_selection.sync.schedule import Timer

if TYPE_CHECKING:
    from collections.abc import Callable

    from imaging_selection.store.ledger import Ledger
    from imaging_selection.sync.change_log import ChangeLog
    from imaging_selection.sync.convert import Converter
    from imaging_selection.sync.inventory import Inventory
    from imaging_selection.sync.outcome import Outcomes
    from imaging_selection.sync.reconcile import Reconciler
    from imaging_selection.sync.schedule import Schedule
    from imaging_selection.sync.work_queue import WorkQueue

log = logging.getLogger(__name__)

HOUSEKEEPING_PAUSES = 5  # between two reports, and two queries for due retries
# Objects of the change log wait so long: the node that received them converts them
# first.
DELAY_PAUSES = 2
# Background work runs so many seconds, then rests for this fraction of them: requests
# need the processor, and Orthanc, too.
BUSY_SECONDS, REST = 0.05, 0.25
PAGES = 2  # of the change log that are read at a time
DEPARTURES = 500  # looked up at a time; most are images, which the ledger does not have


class Worker:
    """Runs all of `sync` on a thread of its own.

    Parameters
    ----------
    has_long_room
        Returns whether an object that takes long can be converted.
    ping
        Raises StoreError when the store does not answer.
    report
        Called every few seconds, and in an outage, on the worker's thread.
    pause
        Seconds between two reads of Orthanc's change log when there is no work.
    """

    def __init__(  # noqa: PLR0913 - the composition root names each
        self,
        *,
        queue: WorkQueue,
        inventory: Inventory,
        change_log: ChangeLog,
        converter: Converter,
        outcomes: Outcomes,
        reconciler: Reconciler,
        schedule: Schedule,
        ledger: Ledger,
        has_long_room: Callable[[], bool],
        ping: Callable[[], None],
        report: Callable[[], None],
        pause: float = 1,
    ) -> None:
        self._queue = queue
        self._inventory = inventory
        self._change_log = change_log
        self._converter = converter
        self._outcomes = outcomes
        self._reconciler = reconciler
        self._schedule = schedule
        self._ledger = ledger
        self._has_long_room = has_long_room
        self._ping = ping
        self._report = report
        self._pause = pause
        self._reading = Timer(pause)
        self._housekeeping = Timer(HOUSEKEEPING_PAUSES * pause)
        self._busy = 0.0  # seconds of background work since the last rest
        self._outage = Outage()
        self._wake = threading.Event()
        self._stopping = threading.Event()
        converter.on_converted = self._wake.set
        self._thread = threading.Thread(
            target=self._run, name="imaging-selection", daemon=True
        )

    def start(self) -> None:
        """Start the thread; a sweep is its first action."""
        self.reconcile()
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread after its present action."""
        self._stopping.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(timeout=30)

    def arrived(self, orthanc_id: str, kind: str) -> None:
        """Announce an object that is new or overwritten; never blocks."""
        self._inventory.learn({orthanc_id: kind})
        self._inventory.announce([orthanc_id])
        self._queue.arrivals.append(orthanc_id)
        self._wake.set()

    def ignore(self, orthanc_id: str) -> None:
        """Announce a new instance that is not to be converted; never blocks."""
        self._change_log.ignore(orthanc_id)

    def departed(self, orthanc_id: str) -> None:
        """Announce a deleted instance of any kind; never blocks."""
        if orthanc_id in self._inventory:
            self._inventory.announce([orthanc_id])
        self._queue.departures.append(orthanc_id)
        self._wake.set()

    def reconcile(self, *, force: bool = False) -> None:
        """Request a sweep now; `force` converts everything again."""
        self._schedule.request(force=force)
        self._wake.set()

    def is_waiting(self, orthanc_id: str) -> bool:
        """Return whether the store may be out of date for an object."""
        return not self._reconciler.is_counted or self._inventory.is_pending(orthanc_id)

    @property
    def problem(self) -> str | None:
        """The reason of the present outage; None when there is none."""
        return self._outage.problem

    @property
    def lag(self) -> float:
        """Seconds that the oldest object has been pending; 0 if none is.

        In an outage at least the seconds of the outage: nothing is certain in it.
        """
        return max(self._inventory.lag, self._outage.seconds)

    def read_changes(self) -> None:
        """Read Orthanc's change log for objects that no callback has named."""
        if not self._reconciler.has_begun:
            return  # the position to read from is not known
        self._postpone(self._change_log.read(PAGES))

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._wake.clear()
            try:
                if self._outage.problem:
                    # The store first: if it shares a server with Orthanc's index, a
                    # question to Orthanc would block every Python thread for as long as
                    # Orthanc tries to connect (50 s by default, measured on 1.10.1).
                    self._ping()
                self._work()
            except Exception as error:  # noqa: BLE001 - the worker must not end
                pauses = self._outage.add_failure(error)
                self._send_report()
                self._stopping.wait(pauses * self._pause)
                # One of these may be what failed; let the other actions run first.
                self._reading.postpone(self._pause)
                self._housekeeping.postpone(self._pause)
            else:
                if not self._inventory.pending:
                    self._outage.end()  # otherwise a conversion that succeeds ends it
        with suppress(ImagingSelectionError):  # then the next start reads a bit more
            self._reconciler.save_position()

    def _work(self) -> None:
        """Do the most urgent action."""
        queue = self._queue
        if self._reconciler.is_outdated:
            self._reconciler.begin()
        elif self._converter.has_converted:
            self._finish()
        elif self._repeat() or self._start_next():
            pass
        elif queue.departures:
            self._check_departures()
        else:
            self._work_in_background()

    def _repeat(self) -> bool:
        """Do what is done every few seconds, if it is time."""
        if self._reading.is_due():
            self.read_changes()
            return True
        if self._housekeeping.is_due():
            due = self._ledger.due(self._outcomes.now())
            self._inventory.announce(due)
            self._queue.add_later(due, time.monotonic())
            self._reconciler.save_position()
            self._send_report()
            return True
        return False

    def _start_next(self) -> bool:
        """Begin to convert the next objects, if there are any, and room for them."""
        queue, room = self._queue, self._converter.room
        if room <= 0:
            return False
        names = queue.take(room, time.monotonic())
        if names:
            self._start([name for name in names if self._inventory.is_pending(name)])
        elif queue.long and self._has_long_room():
            names = [queue.long.popleft()]
            self._start(names, is_long=True)
        return bool(names)

    def _start(self, orthanc_ids: list[str], *, is_long: bool = False) -> None:
        # A request may be converting one: then it is looked at again afterwards.
        is_running = self._converter.is_running
        self._postpone([name for name in orthanc_ids if is_running(name)])
        names = [name for name in orthanc_ids if not is_running(name)]
        try:
            self._converter.start(names, is_long=is_long)
        except Exception:
            self._postpone(names)
            raise

    def _start_some(self, orthanc_ids: list[str]) -> list[str]:
        """Begin to convert objects of a sweep; return those without room."""
        room = max(0, self._converter.room)
        if orthanc_ids[:room]:
            self._start(orthanc_ids[:room])
        return orthanc_ids[room:]

    def _finish(self) -> None:
        """Save what was converted, and see what became of it.

        Raises
        ------
        Exception
            What the store or Orthanc raised, if they do not answer.
        """
        failed: dict[str, Exception] = {}
        for task in self._converter.finish():
            name = task.orthanc_id
            if isinstance(task.error, BusyError):
                self._queue.long.append(name)
            elif task.error:
                failed[name] = task.error
            else:
                self._outage.end()
                if self._inventory.is_pending(name):  # it was announced again
                    self._queue.again.append(name)
        self._inventory.announce(failed)
        self._postpone([*failed])
        for error in failed.values():
            if not isinstance(error, StoppedError):
                raise error

    def _postpone(self, orthanc_ids: list[str]) -> None:
        due = time.monotonic() + DELAY_PAUSES * self._pause
        self._queue.add_later(orthanc_ids, due)

    def _check_departures(self) -> None:
        """Move to the arrivals those departures that the store may have to remove."""
        names = self._queue.first_departures(DEPARTURES)
        # Another node may have converted an object that the inventory does not know.
        states = self._ledger.states(names)
        known = [
            name for name in names if name in states or self._inventory.is_pending(name)
        ]
        self._inventory.announce(known)
        self._queue.arrivals.extend(known)
        self._queue.drop_departures(len(names))

    def _work_in_background(self) -> None:
        began = time.monotonic()
        if self._converter.room <= 0:
            self._wake.wait(timeout=self._pause)
            return
        if not self._change_log.is_at_end:
            self.read_changes()
        elif self._reconciler.is_due:
            self._reconciler.begin()
        elif self._reconciler.is_running:
            self._reconciler.step(self._start_some)
        else:
            self._wake.wait(timeout=self._pause)
            return
        self._busy += time.monotonic() - began
        if self._busy >= BUSY_SECONDS:
            self._wake.wait(timeout=self._busy * REST)
            self._busy = 0.0

    def _send_report(self) -> None:
        try:
            self._report()
        except Exception as error:  # noqa: BLE001 - the worker must not end
            log.warning("no report: %s", type(error).__name__)
