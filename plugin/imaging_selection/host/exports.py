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
from datetime import UTC, datetime, timedelta
from typing import IO, TYPE_CHECKING

from imaging_selection.errors import BusyError, ImagingSelectionError
from imaging_selection.host.export_files import Job, write_export

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from imaging_selection.api.bulk_export import Order
    from imaging_selection.api.ports import SelectionReader

log = logging.getLogger(__name__)

WAITING = 5  # exports that wait or are being made
_CHUNK = 1 << 20
_CHECK_SECONDS = 60
# A transaction may end so much later than the time that it gives to its resources.
_OVERLAP = timedelta(minutes=1)


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
            write_export(job, self._reader, self._check)
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

    def _check(self, job: Job) -> None:
        if job.cancelled or self._stopping.is_set():
            raise _StopError
        if self._size() > self._maximum:
            raise BusyError("the export takes more room than there is: ask for a part")


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while chunk := file.read(_CHUNK):
            yield chunk
