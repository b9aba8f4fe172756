"""Makes exports (`$export`) in the background: files of NDJSON from the store.

One thread makes them, one after the other, a page of the store at a time, so that an
export of any size needs little memory and the requests of others run in between. Files
are bounded in size, because older Orthancs answer them from memory; all of them
together are bounded too, and are removed when they expire and when Orthanc starts.
"""

from __future__ import annotations

import logging
import secrets
import shutil
import threading
from collections import deque
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import IO, TYPE_CHECKING, Self

from imaging_selection.api.changes import FOREVER
from imaging_selection.api.r4 import name_in
from imaging_selection.errors import BusyError, ImagingSelectionError
from imaging_selection.fhir.datatypes import dumps
from imaging_selection.fhir.r4 import json_to_r4
from imaging_selection.search.criteria import (
    Criterion,
    DateMatch,
    Query,
    TokenMatch,
    within_patient,
)
from imaging_selection.search.parameters import PATIENT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from imaging_selection.api.bulk_export import Order
    from imaging_selection.api.ports import SelectionReader

log = logging.getLogger(__name__)

FILE_BYTES = 16 << 20
WAITING = 5  # exports that wait or are being made
_AT_A_TIME = 100  # resources; some are large
_REST = 0.002  # seconds after each page, in which requests have the interpreter
_CHUNK = 1 << 20
_CHECK_SECONDS = 60
# A transaction may end so much later than the time that it gives to its resources.
_OVERLAP = timedelta(minutes=1)
_DELETIONS = 100  # in a Bundle


@dataclass(slots=True)
class ExportFile:
    """A file of an export; `count` resources, or Bundles of deletions."""

    name: str
    resource_type: str
    count: int = 0


@dataclass(slots=True)
class Job:
    """An export: see `api.bulk_export.Export`."""

    order: Order
    folder: Path
    transaction_time: datetime
    expires: datetime
    done: bool = False
    problem: str | None = None
    resources: int = 0
    size: int = 0
    cancelled: bool = False
    output: list[ExportFile] = field(default_factory=list)
    deleted: list[ExportFile] = field(default_factory=list)


class _StopError(Exception):
    """The export is cancelled, or Orthanc stops."""


class Exports:
    """The exports of this Orthanc.

    Parameters
    ----------
    folder
        For the files; what is in it is removed at the start.
    megabytes
        Of all files together.
    hours
        How long files are kept.
    """

    def __init__(
        self,
        reader: SelectionReader,
        folder: Path,
        *,
        megabytes: int,
        hours: int,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._reader = reader
        self._folder = folder
        self._maximum = megabytes << 20
        self._kept = timedelta(hours=hours)
        self._clock = clock
        self._jobs: dict[str, Job] = {}
        self._waiting: deque[Job] = deque()
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(
            target=self._run, name="imaging-selection-export", daemon=True
        )

    def start(self) -> None:
        """Remove the files of an earlier run, and start the thread."""
        shutil.rmtree(self._folder, ignore_errors=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread, and remove all files."""
        self._stopping.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(timeout=30)
        shutil.rmtree(self._folder, ignore_errors=True)

    def begin(self, order: Order) -> str:
        """Begin an export, and return its id.

        Raises
        ------
        BusyError
            Too many wait, or files take all the room.
        """
        self.remove_expired()
        now = self._clock()
        export_id = secrets.token_hex(24)
        job = Job(order, self._folder / export_id, now - _OVERLAP, now + self._kept)
        with self._lock:
            undone = sum(not each.done for each in self._jobs.values())
            if undone >= WAITING:
                raise BusyError("too many exports at a time")
            if self._size() >= self._maximum:
                raise BusyError("exports take all the room: delete one")
            self._jobs[export_id] = job
            self._waiting.append(job)
        self._wake.set()
        return export_id

    def find(self, export_id: str) -> Job | None:
        """Return an export; None if there is none of this id, or it has expired."""
        self.remove_expired()
        with self._lock:
            return self._jobs.get(export_id)

    def read(self, export_id: str, name: str) -> Iterator[bytes] | None:
        """Return a file of an export, in parts; None if there is none."""
        job = self.find(export_id)
        files = [*job.output, *job.deleted] if job and job.done else []
        if job is None or name not in {each.name for each in files}:
            return None
        try:
            file = (job.folder / name).open("rb")
        except OSError:  # removed in this moment
            return None
        return _chunks(file)

    def remove(self, export_id: str) -> bool:
        """Cancel an export, or remove its files; False if there is none."""
        with self._lock:
            job = self._jobs.pop(export_id, None)
        if job is None:
            return False
        job.cancelled = True
        if job.done:  # else the thread does, when it has stopped to write
            shutil.rmtree(job.folder, ignore_errors=True)
        return True

    def remove_expired(self) -> None:
        """Remove the exports that have expired."""
        now = self._clock()
        with self._lock:
            expired = [
                each
                for each, job in self._jobs.items()
                if job.done and job.expires < now
            ]
        for each in expired:
            self.remove(each)

    def _size(self) -> int:
        return sum(each.size for each in self._jobs.values())

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._wake.clear()
            while self._waiting and not self._stopping.is_set():
                self._make(self._waiting.popleft())
            self.remove_expired()
            self._wake.wait(_CHECK_SECONDS)

    def _make(self, job: Job) -> None:
        try:
            job.folder.mkdir(mode=0o700, parents=True)
            self._write_all(job)
        except _StopError:
            job.problem = "the export was stopped"
        except (ImagingSelectionError, OSError) as error:
            job.problem = getattr(error, "strerror", None) or str(error)
        except Exception as error:  # noqa: BLE001 - the thread must not end
            # Its text may contain patient data.
            job.problem = f"internal error ({type(error).__name__})"
        if job.problem or job.cancelled:
            log.warning("an export has ended: %s", job.problem or "cancelled")
            shutil.rmtree(job.folder, ignore_errors=True)
            job.size = 0
        job.expires = self._clock() + self._kept
        job.done = True

    def _write_all(self, job: Job) -> None:
        is_r4 = job.order.fhir_version == "4.0"
        for kind in job.order.types:
            name = name_in(job.order.fhir_version, kind)
            with _Files(job, name, name, job.output, self._check) as files:
                for resource in self._resources(job, kind):
                    files.write(json_to_r4(resource) if is_r4 else resource)
                    job.resources += 1
        # Of a deleted resource nobody knows the patient.
        if job.order.since is not None and job.order.patient is None:
            with _Files(job, "deleted", "Bundle", job.deleted, self._check) as files:
                for bundle in self._deletions(job.order):
                    files.write(bundle)

    def _resources(self, job: Job, kind: str) -> Iterator[bytes]:
        query = Query(_criteria_of(job.order, kind), _AT_A_TIME, resource_type=kind)
        while True:
            page = self._reader.search(query)
            for each in page.matches:
                yield each.resource
            if page.next_after is None:
                return
            query = replace(query, after=page.next_after)
            self._stopping.wait(_REST)

    def _deletions(self, order: Order) -> Iterator[bytes]:
        """Yield Bundles of what was deleted, the last one first."""
        after = None
        entries = []
        while True:
            changes, after = self._reader.history(
                order.types, (order.since or 0, FOREVER), _AT_A_TIME, after
            )
            for each in changes:
                if each.stored.deleted:
                    kind = name_in(order.fhir_version, each.resource_type)
                    url = f"{kind}/{each.stored.id}"
                    entries.append({"request": {"method": "DELETE", "url": url}})
            if entries and (after is None or len(entries) >= _DELETIONS):
                yield dumps(
                    {"resourceType": "Bundle", "type": "transaction", "entry": entries}
                )
                entries = []
            if after is None:
                return
            self._stopping.wait(_REST)

    def _check(self, job: Job) -> None:
        if job.cancelled or self._stopping.is_set():
            raise _StopError
        if self._size() > self._maximum:
            raise BusyError("the export takes more room than there is: ask for a part")


class _Files:
    """Writes lines of one type into files of a bounded size."""

    def __init__(
        self,
        job: Job,
        name: str,
        resource_type: str,
        files: list[ExportFile],
        check: Callable[[Job], None],
    ) -> None:
        self._job = job
        self._name = name
        self._type = resource_type
        self._files = files
        self._check = check
        self._out: IO[bytes] | None = None
        self._size = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._out:
            self._out.close()

    def write(self, line: bytes) -> None:
        self._check(self._job)
        if self._out is None or self._size + len(line) >= FILE_BYTES:
            self.__exit__()
            name = f"{self._name}.{len(self._files) + 1}.ndjson"
            self._files.append(ExportFile(name, self._type))
            self._out = (self._job.folder / name).open("wb")
            self._size = 0
        self._out.write(line + b"\n")
        self._size += len(line) + 1
        self._job.size += len(line) + 1
        self._files[-1].count += 1


def _criteria_of(order: Order, kind: str) -> tuple[Criterion, ...]:
    criteria = []
    if order.patient is not None:
        criteria.append(
            Criterion("_id", (TokenMatch(None, order.patient),))
            if kind == PATIENT
            else within_patient(order.patient)
        )
    if order.since is not None:
        match = DateMatch("ge", order.since, order.since + 1)
        criteria.append(Criterion("_lastUpdated", (match,)))
    return tuple(criteria)


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while chunk := file.read(_CHUNK):
            yield chunk
