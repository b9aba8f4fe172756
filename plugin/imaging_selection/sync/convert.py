"""Make the store agree with what Orthanc holds of some objects, several at a time."""

from __future__ import annotations

import logging
import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from imaging_selection.errors import SourceError, StoreError

if TYPE_CHECKING:
    from collections.abc import Callable

    from imaging_selection.store.ledger import Ledger, LedgerEntry, State
    from imaging_selection.store.selections import Selections
    from imaging_selection.sync.inventory import Inventory
    from imaging_selection.sync.outcome import Converted, Outcome, Outcomes
    from imaging_selection.sync.ports import Source

log = logging.getLogger(__name__)

LONG_WAIT = 10  # seconds that a request waits for a place to convert a long file
_MAXIMUM_ATTEMPTS = 5  # to convert a file that is overwritten again and again


class Task:
    """An object that is converted.

    Attributes
    ----------
    is_converted
        Set once there is an outcome, or an error instead.
    is_concluded
        Whether the outcome was saved, and Orthanc asked again.
    is_confirmed
        Whether the store agrees with Orthanc on the object. If not, and there is no
        error, Orthanc has another file of it by now.
    """

    def __init__(
        self, orthanc_id: str, announcement: object, state: State | None
    ) -> None:
        self.orthanc_id = orthanc_id
        self.announcement = announcement
        self.state = state
        self.outcome: Outcome | None = None
        self.error: Exception | None = None
        self.is_converted = threading.Event()
        self.is_concluded = self.is_confirmed = False

    @property
    def unsaved(self) -> Converted | None:
        """What is to be saved, if anything is."""
        return self.outcome.unsaved if self.outcome else None


class Converter:
    """Converts, saves and removes objects, several at a time.

    Parameters
    ----------
    outcomes
        Makes the outcome of an object; called on several threads.
    threads
        The number of objects that are converted at a time, besides those of `update`.

    Attributes
    ----------
    on_converted
        Called when there is something for `finish`, on any thread.
    """

    def __init__(  # noqa: PLR0913 - the composition root names each
        self,
        *,
        source: Source,
        inventory: Inventory,
        ledger: Ledger,
        selections: Selections,
        outcomes: Outcomes,
        threads: int,
    ) -> None:
        self._source = source
        self._inventory = inventory
        self._ledger = ledger
        self._selections = selections
        self._outcomes = outcomes
        self._maximum = threads
        self._threads = ThreadPoolExecutor(threads, "imaging-selection-convert")
        self._running: dict[str, Task] = {}  # by Orthanc id
        self._started = 0  # of these, by `start`
        self._converted: deque[Task] = deque()
        self._saving = threading.Lock()
        self.on_converted: Callable[[], object] = lambda: None

    def stop(self) -> None:
        """Wait for the conversions that run, and start no more; nothing is saved."""
        self._threads.shutdown(cancel_futures=True)

    @property
    def room(self) -> int:
        """The number of objects that `start` can begin with now."""
        return self._maximum - self._started

    @property
    def has_converted(self) -> bool:
        """Whether there is something for `finish`."""
        return bool(self._converted)

    def is_running(self, orthanc_id: str) -> bool:
        """Return whether an object is converted now."""
        return orthanc_id in self._running

    def start(self, orthanc_ids: list[str], *, is_long: bool = False) -> None:
        """Begin to convert objects, none of which is converted now.

        Raises
        ------
        StoreError
            The store does not answer; nothing has begun.
        """
        for task in self._tasks(orthanc_ids):
            self._running[task.orthanc_id] = task
            self._started += 1
            self._threads.submit(self._work, task, is_long=is_long)

    def finish(self) -> list[Task]:
        """Conclude what `start` began and what is converted by now; return it."""
        tasks = []
        while self._converted:
            tasks.append(self._converted.popleft())
        self._started -= len(tasks)
        self._conclude(tasks)
        return tasks

    def update(self, orthanc_id: str) -> LedgerEntry | None:
        """Make the store agree with Orthanc on one object, for one who waits.

        Returns
        -------
        LedgerEntry or None
            What became of it; None when Orthanc holds no such object.

        Raises
        ------
        StoreError, SourceError
            The store or Orthanc does not answer; the object stays pending.
        BusyError
            Too many objects that take long are converted; this one stays pending.
        """
        for _ in range(_MAXIMUM_ATTEMPTS):
            task = self._running.get(orthanc_id)
            is_own = task is None
            if task is None:
                [task] = self._tasks([orthanc_id])
                self._running[orthanc_id] = task
                self._convert_one(task, wait=LONG_WAIT, is_long=False)
            else:
                task.is_converted.wait()
            self._conclude([task])
            if is_own and task.error:
                raise task.error
            # The announcement of the task of another may be older than the object.
            if task.is_confirmed and (
                is_own or not self._inventory.is_pending(orthanc_id)
            ):
                return self._ledger.read(orthanc_id)
        raise SourceError("Orthanc keeps changing the file of the instance")

    def _tasks(self, orthanc_ids: list[str]) -> list[Task]:
        announcements = {
            name: self._inventory.announcement(name) for name in orthanc_ids
        }
        states = self._ledger.states(orthanc_ids)
        return [
            Task(name, announcement, states.get(name))
            for name, announcement in announcements.items()
        ]

    def _work(self, task: Task, *, is_long: bool) -> None:
        self._convert_one(task, wait=0, is_long=is_long)
        self._converted.append(task)
        self.on_converted()

    def _convert_one(self, task: Task, *, wait: float, is_long: bool) -> None:
        try:
            task.outcome = self._outcomes.make(
                task.orthanc_id, task.state, wait, is_long=is_long
            )
        except Exception as error:  # noqa: BLE001 - for the thread that concludes
            task.error = error
        finally:
            task.is_converted.set()

    def _conclude(self, tasks: list[Task]) -> None:
        """Save what was converted, and confirm it."""
        with self._saving:
            # In the order that `save_all` requires.
            tasks = sorted(
                (task for task in tasks if not task.is_concluded),
                key=lambda task: task.orthanc_id,
            )
            if unsaved := [task for task in tasks if task.unsaved]:
                self._save(unsaved)
            for task in tasks:
                if not task.error:
                    self._confirm(task)
                task.is_concluded = True
                if self._running.get(task.orthanc_id) is task:
                    del self._running[task.orthanc_id]

    def _save(self, tasks: list[Task]) -> None:
        """Save all in one transaction; if the store refuses one, each by itself."""
        conversions = [task.unsaved for task in tasks if task.unsaved]
        try:
            self._selections.save_all(conversions, self._outcomes.now())
        except Exception as error:  # noqa: BLE001 - one bad file stops no other
            if len(tasks) > 1:
                self._save_each(tasks)
            else:
                tasks[0].error = self._save_refusal(conversions[0][0], error)
            return
        for entry, drafts in conversions:
            log.info("converted %s: %d selections", entry.orthanc_id, len(drafts))

    def _save_each(self, tasks: list[Task]) -> None:
        """Save each by itself; after two errors in a row the store is out of reach."""
        before: list[Exception | None] = [None, None]
        for task in tasks:
            if all(before):
                task.error = before[-1]
            else:
                self._save([task])
            before = [before[-1], task.error]

    def _save_refusal(self, entry: LedgerEntry, error: Exception) -> Exception | None:
        """Record that an object cannot be saved; return an error of the store itself.

        That is an outage, and no fault of the file.
        """
        if isinstance(error, StoreError):
            return error
        try:
            self._outcomes.save_failure(entry, error)
        except StoreError as outage:
            return outage
        return None

    def _confirm(self, task: Task) -> None:
        """Ask Orthanc again if the store was changed, and confirm the object.

        Another node may have stored and converted another file meanwhile.
        """
        name, outcome = task.orthanc_id, task.outcome
        if outcome is None:
            return
        try:
            uuid = self._source.attachment_uuid(name) if outcome.is_change else None
        except Exception as error:  # noqa: BLE001 - for the thread that waits
            task.error = error
            return
        if not outcome.is_change or uuid == outcome.found:
            self._inventory.confirm(
                name, task.announcement, outcome.stored, outcome.kind
            )
            task.is_confirmed = True
