"""Sweeps: when one begins, what it reads, and what is known after it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from imaging_selection.sync.sweep import Sweep

if TYPE_CHECKING:
    from collections.abc import Callable

    from imaging_selection.store.ledger import Ledger
    from imaging_selection.sync.change_log import ChangeLog
    from imaging_selection.sync.inventory import Inventory
    from imaging_selection.sync.outcome import Outcomes
    from imaging_selection.sync.ports import Source
    from imaging_selection.sync.schedule import Schedule


class Reconciler:
    """Begins sweeps and runs them step by step, on the worker's thread."""

    def __init__(  # noqa: PLR0913 - the composition root names each
        self,
        *,
        source: Source,
        inventory: Inventory,
        change_log: ChangeLog,
        outcomes: Outcomes,
        ledger: Ledger,
        schedule: Schedule,
    ) -> None:
        self._source = source
        self._inventory = inventory
        self._change_log = change_log
        self._outcomes = outcomes
        self._ledger = ledger
        self._schedule = schedule
        self._sweep: Sweep | None = None  # the one that runs
        self._last_sweep: Sweep | None = None
        self._all_read = threading.Event()
        self._generation: int | None = None  # of the ledger when it was read
        self._saved_position: str | None = None

    @property
    def has_begun(self) -> bool:
        """Whether a sweep has begun, and with it the reading of the change log."""
        return self._generation is not None

    @property
    def is_counted(self) -> bool:
        """Whether all objects that Orthanc holds are known."""
        return self._all_read.is_set() and self._change_log.is_at_end

    def wait_until_counted(self, seconds: float) -> None:
        """Wait until every series that must be read has been read, or time is up."""
        self._all_read.wait(seconds)

    @property
    def is_running(self) -> bool:
        """Whether a sweep runs."""
        return self._sweep is not None

    @property
    def is_outdated(self) -> bool:
        """Whether the ledger was made anew, so that nothing is known of the store."""
        return self._generation != self._ledger.generation

    @property
    def is_due(self) -> bool:
        """Whether a sweep should begin; only a request interrupts the one that runs."""
        is_due = self._schedule.is_due and not self.is_running
        return is_due or self._schedule.is_requested

    def progress(self) -> dict[str, object]:
        """Return how far the sweep is that runs, or the last one."""
        sweep = self._sweep or self._last_sweep
        return {
            "running": self.is_running or self._schedule.is_requested,
            "done": sweep.done if sweep else 0,
            "total": sweep.total if sweep else 0,
            "started": sweep.started if sweep else None,
        }

    def begin(self) -> None:
        """Begin a sweep."""
        request, force = self._schedule.current()
        if force:
            self._ledger.outdate()
        position = self._ledger.position()
        generation = self._ledger.generation  # before the states are read
        states = self._ledger.states()
        series_ids, every_instance = self._series_to_read(position, force=force)
        if force or generation != self._generation:
            self._inventory.learn({name: each.kind for name, each in states.items()})
            self._inventory.announce({*states, *self._inventory.ids()})
            self._generation = generation
            self._saved_position = None
        self._sweep = Sweep(
            self._source,
            self._inventory,
            self._outcomes,
            states,
            series_ids,
            every_instance=every_instance,
            started=self._outcomes.now(),
        )
        self._schedule.begin(request)

    def _series_to_read(
        self, position: str | None, *, force: bool
    ) -> tuple[list[str], bool]:
        """Return the series that the next sweep reads, and whether all of each."""
        interrupted = self._sweep  # what it has not read must still be read
        every_instance = force or (
            interrupted is not None and interrupted.must_read_every_instance
        )
        if not self._all_read.is_set():
            if self._change_log.resume(position) and not every_instance:
                return [], False
            return self._source.series_ids(), every_instance
        if force:
            return self._source.series_ids(), True
        if interrupted is None:
            return [], False
        return interrupted.unread_series_ids, every_instance

    def step(self, convert: Callable[[list[str]], list[str]]) -> None:
        """Do a small part of the sweep that runs; `convert` as in `Sweep.step`."""
        if self._sweep is None:
            return
        is_complete = self._sweep.step(convert)
        if not self._sweep.unread_series_ids:
            self._all_read.set()
        if is_complete:
            self._last_sweep, self._sweep = self._sweep, None

    def save_position(self) -> None:
        """Save how far the change log was read, if everything before is converted.

        The next start of the plugin continues to read from there.
        """
        position = self._change_log.position  # before the count: both may grow
        is_busy = self._inventory.pending or self.is_running
        if is_busy or not self._all_read.is_set():
            return
        if position is not None and position != self._saved_position:
            self._ledger.save_position(position)
            self._saved_position = position
