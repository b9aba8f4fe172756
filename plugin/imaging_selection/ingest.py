"""Structure sets become rows: the queue, the worker, and the reconcile sweep.

Orthanc is the queue: what must be converted is its RTSTRUCT instances minus what the
ledger has of the current make. The queue in memory only makes new arrivals quick, and
may be lost at any time.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from imaging_selection.errors import ImagingSelectionError
from imaging_selection.fhir import instant
from imaging_selection.store.ledger import CONVERTED, FAILED, LedgerEntry, State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from imaging_selection.identity import OrthancIds
    from imaging_selection.store.selections import Draft

log = logging.getLogger(__name__)

RETRY_FIRST = timedelta(minutes=1)
RETRY_LONGEST = timedelta(hours=6)


@dataclass(frozen=True, slots=True)
class Instance:
    """An instance that Orthanc holds, as far as the plugin must know it.

    Attributes
    ----------
    file_mark
        Names the file that Orthanc keeps for it; another file has another mark.
    """

    ids: OrthancIds
    file_mark: str
    is_structure_set: bool


@dataclass(frozen=True, slots=True)
class Conversion:
    """What a structure set became: its selections, and its findings as JSON."""

    drafts: tuple[Draft, ...]
    findings: bytes


class DicomSource(Protocol):
    """What the worker asks of Orthanc."""

    def instance(self, instance_id: str) -> Instance | None:
        """Describe an instance; None when Orthanc has none of this id."""

    def file(self, instance_id: str) -> bytes:
        """Fetch the DICOM file that Orthanc keeps."""

    def structure_sets(self) -> set[str]:
        """List the ids of all RTSTRUCT instances."""


class Ledger(Protocol):
    """What became of each structure set."""

    def read(self, instance_id: str) -> LedgerEntry | None:
        """Find the entry of a structure set."""

    def states(self) -> dict[str, State]:
        """List the state of every structure set, by instance id."""


class Writer(Protocol):
    """Where conversions go."""

    def save(
        self, entry: LedgerEntry, drafts: Iterable[Draft], last_updated: str
    ) -> None:
        """Make the store hold exactly these selections of a structure set."""

    def record_failure(self, entry: LedgerEntry) -> None:
        """Note that a structure set could not be converted."""

    def remove(self, instance_id: str, last_updated: str) -> None:
        """Mark every selection of a structure set deleted."""


class Ingest:
    """Converts and saves, one structure set after the other, in a thread of its own.

    Parameters
    ----------
    convert
        Bytes of a file and Orthanc's ids to selections; pure.
    mapping_version
        Names what `convert` is; entries of another are converted again.
    interval
        Seconds between two sweeps.
    clock
        Gives the present time, aware.
    pause
        Seconds between two looks at the clock, and after an error.
    """

    def __init__(  # noqa: PLR0913 - the composition root names each
        self,
        source: DicomSource,
        convert: Callable[[bytes, OrthancIds], Conversion],
        writer: Writer,
        ledger: Ledger,
        *,
        mapping_version: str,
        interval: float,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        pause: float = 1,
    ) -> None:
        self._source = source
        self._convert = convert
        self._writer = writer
        self._ledger = ledger
        self._mapping_version = mapping_version
        self._interval = interval
        self._clock = clock
        self._pause = pause
        self._arrivals: deque[str] = deque()
        self._departures: deque[str] = deque()
        self._backlog: deque[str] = deque()
        self._awaited: dict[str, float] = {}  # since when
        self._in_hand: str | None = None
        self._sweep_wanted = threading.Event()
        self._force = False
        self._next_sweep = clock()
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._saving = threading.Lock()
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
        self._awaited.setdefault(instance_id, time.monotonic())
        self._arrivals.append(instance_id)
        self._wake.set()

    def left(self, instance_id: str) -> None:
        """Note that an instance of any kind was deleted; returns at once."""
        self._departures.append(instance_id)
        self._wake.set()

    def is_waiting(self, instance_id: str) -> bool:
        """Tell whether the store may be behind Orthanc on a structure set."""
        # In this order: what is taken off the one is in the other already.
        return instance_id in self._awaited or instance_id == self._in_hand

    def reconcile(self, *, force: bool = False) -> None:
        """Ask for a sweep now; `force` converts everything again."""
        self._force = self._force or force
        self._sweep_wanted.set()
        self._wake.set()

    @property
    def lag(self) -> float:
        """Seconds that the oldest arrival has been waiting; 0 with none."""
        awaited = tuple(self._awaited.values())  # at once: other threads add to it
        return time.monotonic() - min(awaited) if awaited else 0.0

    def update(self, instance_id: str) -> LedgerEntry | None:
        """Make the store agree with Orthanc on one instance, now.

        Returns
        -------
        LedgerEntry or None
            What became of it; None when Orthanc holds no structure set of this id.

        Raises
        ------
        StoreError
            The store does not answer; nothing was changed.
        """
        waiting = self.is_waiting(instance_id)
        with self._saving:  # the worker and a request may want the same one
            if waiting and not self.is_waiting(instance_id):
                return self._ledger.read(instance_id)  # the other was quicker
            self._in_hand = instance_id
            # What arrives from now on is awaited again.
            since = self._awaited.pop(instance_id, None)
            try:
                return self._update(instance_id)
            except Exception:
                if since is not None:
                    self._awaited.setdefault(instance_id, since)
                raise
            finally:
                self._in_hand = None

    def _update(self, instance_id: str) -> LedgerEntry | None:
        instance = self._source.instance(instance_id)
        if instance is not None and instance.is_structure_set:
            return self._convert_and_save(instance)
        if self._ledger.read(instance_id) is not None:
            self._writer.remove(instance_id, instant(self._clock()))
            log.info("removed %s", instance_id)
        return None

    def _convert_and_save(self, instance: Instance) -> LedgerEntry:
        now = instant(self._clock())
        entry = LedgerEntry(
            instance_id=instance.ids.instance,
            state=CONVERTED,
            file_mark=instance.file_mark,
            mapping_version=self._mapping_version,
            since=now,
        )
        try:
            conversion = self._convert(
                self._source.file(instance.ids.instance), instance.ids
            )
        except Exception as error:  # noqa: BLE001 - one bad file stops no other
            return self._record_failure(entry, error)
        entry = replace(entry, findings=conversion.findings)
        self._writer.save(entry, conversion.drafts, now)
        log.info(
            "converted %s: %d selections", entry.instance_id, len(conversion.drafts)
        )
        return entry

    def _record_failure(self, entry: LedgerEntry, error: Exception) -> LedgerEntry:
        # Only our own sentences are free of patient data; of others, the kind.
        known = isinstance(error, ImagingSelectionError)
        reason = str(error) if known else f"internal error ({type(error).__name__})"
        before = self._ledger.read(entry.instance_id)
        since, attempts = entry.since, 1
        if before is not None and before.state == FAILED:
            since, attempts = before.since, before.attempts + 1
        wait = min(RETRY_FIRST * 2 ** min(attempts - 1, 16), RETRY_LONGEST)
        entry = replace(
            entry,
            state=FAILED,
            reason=reason,
            since=since,
            attempts=attempts,
            retry_at=instant(self._clock() + wait),
        )
        if before is None or before.file_mark == entry.file_mark:
            self._writer.record_failure(entry)
        else:  # what the store has speaks of a file that is no more
            self._writer.save(entry, (), instant(self._clock()))
        log.warning("cannot convert %s: %s", entry.instance_id, reason)
        return entry

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._work()
            except ImagingSelectionError as error:  # an outage: nothing is forgotten
                log.warning("waiting: %s", error)
                self._stopping.wait(self._pause)
            except Exception as error:  # noqa: BLE001 - the worker must not die
                log.error("worker: %s", type(error).__name__)  # noqa: TRY400 - no data
                self._stopping.wait(self._pause)

    def _work(self) -> None:
        """Do the most urgent thing there is to do."""
        if self._arrivals:
            self._attempt(self._arrivals, self._update_if_awaited)
        elif self._departures:
            self._attempt(self._departures, self._update_if_known)
        elif self._sweep_wanted.is_set() or self._clock() >= self._next_sweep:
            self._sweep()
        elif self._backlog:
            self._attempt(self._backlog, self.update)
        else:
            self._wake.wait(self._pause)
            self._wake.clear()

    def _attempt(self, queue: deque[str], act: Callable[[str], object]) -> None:
        instance_id = queue.popleft()
        try:
            act(instance_id)
        except Exception:
            self._backlog.append(instance_id)  # behind others, that may fare better
            raise

    def _update_if_awaited(self, instance_id: str) -> None:
        if instance_id in self._awaited:  # else a request was quicker
            self.update(instance_id)

    def _update_if_known(self, instance_id: str) -> None:
        if self._ledger.read(instance_id) is not None:  # else it was an image
            self.update(instance_id)

    def _sweep(self) -> None:
        self._sweep_wanted.clear()
        try:
            present = self._source.structure_sets()
            states = self._ledger.states()
        except Exception:
            self._sweep_wanted.set()  # it is still owed
            raise
        self._next_sweep = self._clock() + timedelta(seconds=self._interval)
        force, self._force = self._force, False
        due = {
            name
            for name in present | states.keys()
            if force or self._is_due(name, present, states)
        }
        # What an earlier sweep has found, and is not yet done, may have been forced.
        self._backlog = deque(sorted(due.union(self._backlog)))
        log.info("sweep: %d in Orthanc, %d to do", len(present), len(self._backlog))

    def _is_due(
        self, instance_id: str, present: set[str], states: dict[str, State]
    ) -> bool:
        if instance_id not in states or instance_id not in present:
            return True
        if instance_id in self._awaited:
            return True
        state = states[instance_id]
        if state.mapping_version != self._mapping_version:
            return True
        return state.retry_at is not None and state.retry_at <= instant(self._clock())
