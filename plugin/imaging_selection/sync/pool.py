"""A pool of processes that read files, so that Orthanc's own process need not.

Python runs one thread at a time in a process: what another process does delays no
request of Orthanc. Each is bounded in memory and in time: a file that exceeds a bound
ends its process and nothing else. A call that takes longer than most gives its place to
others, so that a long file delays no short one.
"""

from __future__ import annotations

import logging
import threading
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from imaging_selection.errors import (
    BusyError,
    ExceededError,
    ProcessError,
    StoppedError,
)
from imaging_selection.sync.download import Download, NotDownloadedError
from imaging_selection.sync.process import EndedError, Process

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

log = logging.getLogger(__name__)

QUICK_SECONDS = 0.5  # nearly every structure set takes less
# Bytes. A process gets a larger file from Orthanc by itself. If it cannot, Orthanc's
# process holds one such file at a time.
LARGE = 8 << 20
ATTEMPTS = 2  # of a call whose process ends by itself: someone may have killed it


class File(Protocol):
    """A file in Orthanc."""

    @property
    def size(self) -> int:
        """Its size in bytes."""

    def read(self) -> bytes:
        """Return its bytes; raises SourceError when Orthanc does not answer."""

    def download(self) -> Download | None:
        """Return where a process can get it by itself; None if that is not possible."""


class Call(NamedTuple):
    """What is to be run on a file.

    Attributes
    ----------
    function
        Its name, in the table of the far end.
    is_conversion
        It has the places for long calls that are kept for conversions.
    may_download
        A process may get a large file by itself.
    """

    function: str
    file: File
    arguments: tuple[Any, ...]
    is_conversion: bool = False
    may_download: bool = True


class Pool:
    """Processes, started when they are needed.

    Parameters
    ----------
    new_process
        Starts a process.
    size
        The number of places for quick calls. There are as many for long conversions,
        and as many for other long calls.
    memory
        Bytes that a process may use. It limits itself; here, a file that cannot fit is
        refused before it is read.
    seconds
        That a call may take.
    quick_seconds
        That a quick call may take, if not `QUICK_SECONDS`; a longer one becomes a long
        call.

    Attributes
    ----------
    threads
        The number of threads that should convert.
    """

    def __init__(
        self,
        new_process: Callable[[], Process],
        size: int,
        *,
        memory: int,
        seconds: float,
        quick_seconds: float | None = None,
    ) -> None:
        self._quick_seconds = quick_seconds
        self._new_process = new_process
        self._memory = memory
        self._seconds = seconds
        self.size = size
        # Some wait for a place, so that none stays empty; long ones keep theirs.
        self.threads = 2 * size + 2
        self._quick = threading.BoundedSemaphore(size)
        self._long_conversions = threading.BoundedSemaphore(size)
        self._other_long_calls = threading.BoundedSemaphore(size)
        self._large = threading.Lock()
        self._lock = threading.Lock()
        self._idle: list[Process] = []
        self._busy: set[Process] = set()
        self._is_stopped = self._has_worked = False

    def start(self, count: int) -> None:
        """Start processes until there are so many, before they are needed.

        Raises
        ------
        ProcessError
            That is not possible.
        """
        try:
            while len(self.pids()) < count:
                self._give_back(self._start_one())
        except EndedError:  # somebody has killed it: the next call starts another
            pass

    def stop(self) -> None:
        """End all processes; calls that run raise StoppedError."""
        with self._lock:
            self._is_stopped = True
            for idle in self._idle:
                idle.close()
            for busy in self._busy:  # its thread closes it
                busy.kill()

    def pids(self) -> list[int]:
        """Return the numbers of the processes."""
        with self._lock:
            return [each.pid for each in (*self._idle, *self._busy)]

    def has_long_room(self) -> bool:
        """Return whether a conversion that takes long can begin."""
        has_room = self._long_conversions.acquire(blocking=False)
        if has_room:
            self._long_conversions.release()
        return has_room

    def run(self, call: Call, *, wait: float = 0, is_long: bool = False) -> Any:
        """Run a function, and return its result or raise its error.

        Parameters
        ----------
        wait
            Seconds to wait for a place of a long call, if it becomes one.
        is_long
            It is known to be one.

        Raises
        ------
        BusyError
            There was no place in time.
        ExceededError
            The file needs more memory or time than a call may use.
        SourceError
            Orthanc does not return the file.
        StoppedError
            The pool was stopped.
        """
        if 2 * call.file.size > self._memory:
            raise ExceededError(
                f"a file of {call.file.size >> 20} MB needs more than WorkerMemory,"
                f" {self._memory >> 20} MB"
            )
        ended = 0
        while ended < ATTEMPTS:
            try:
                return self._run(call, wait, is_long=is_long)
            except NotDownloadedError:
                log.warning("a process cannot get files from Orthanc by HTTP")
                call = call._replace(may_download=False)
            except EndedError:
                ended += 1
            if self._is_stopped:
                raise StoppedError("Orthanc is stopping")
        raise ExceededError(f"the process that reads it ended {ATTEMPTS} times")

    def _run(self, call: Call, wait: float, *, is_long: bool) -> Any:
        long = self._long_conversions if call.is_conversion else self._other_long_calls
        process, seconds = None, self._seconds
        if not is_long:
            quick_seconds = self._quick_seconds or QUICK_SECONDS
            with self._quick:
                process = self._begin(call)
                if self._is_done(process, quick_seconds):
                    return self._result(process)
                if long.acquire(blocking=False):
                    seconds = max(0, seconds - quick_seconds)
                else:
                    self._end(process)
                    process = None
        if process is None and not long.acquire(timeout=wait):
            raise BusyError("too many files that take long are read at a time")
        try:
            process = process or self._begin(call)
            if not self._is_done(process, seconds):
                raise ExceededError(
                    f"it takes more than WorkerSeconds, {self._seconds} seconds"
                )
            return process.result()
        finally:
            long.release()
            if process is not None:
                self._end(process)  # it may have become large

    def _begin(self, call: Call) -> Process:
        """Take a process, and send it a call."""
        process = self._take()
        is_sent = False
        is_large = call.file.size > LARGE
        try:
            asks_itself = is_large and call.may_download
            download = call.file.download() if asks_itself else None
            with self._large if is_large and not download else nullcontext():
                file = download or call.file.read()
                process.send(call.function, call.arguments, file)
                del file
            is_sent = True
        finally:
            if not is_sent:
                self._end(process)
        return process

    def _is_done(self, process: Process, seconds: float) -> bool:
        try:
            return process.is_done(seconds)
        except OSError:  # killed by `stop`
            return True

    def _result(self, process: Process) -> Any:
        try:
            result = process.result()
        except EndedError:
            self._end(process)
            raise
        except Exception:  # what the function has raised
            self._give_back(process)
            raise
        self._give_back(process)
        return result

    def _take(self) -> Process:
        with self._lock:
            if self._is_stopped:
                raise StoppedError("Orthanc is stopping")
            while self._idle:
                process = self._idle.pop()
                if process.is_alive:
                    self._busy.add(process)
                    return process
                process.close()
        return self._start_one()

    def _start_one(self) -> Process:
        try:
            process = self._new_process()
        except ProcessError as cause:
            if not self._has_worked:
                raise
            raise EndedError from cause  # somebody may have killed it
        with self._lock:
            self._has_worked = True
            self._busy.add(process)
            if self._is_stopped:
                process.kill()
        return process

    def _give_back(self, process: Process) -> None:
        with self._lock:
            self._busy.discard(process)
            self._idle.append(process)

    def _end(self, process: Process) -> None:
        process.close()
        with self._lock:
            self._busy.discard(process)


class Here:
    """Runs functions in this process, where no other can be started.

    Parameters
    ----------
    functions
        By name; each takes a file first.
    """

    size = 0
    threads = 1

    def __init__(self, functions: Mapping[str, Callable[..., Any]]) -> None:
        self._functions = functions
        self._one_at_a_time = threading.Lock()

    def has_long_room(self) -> bool:
        """Return that there is room: no call gives its place to others here."""
        return True

    def run(self, call: Call, *, wait: float = 0, is_long: bool = False) -> Any:  # noqa: ARG002 - no call waits here
        """Run a function, and return its result or raise its error."""
        with self._one_at_a_time:
            return self._functions[call.function](call.file.read(), *call.arguments)

    def start(self, count: int) -> None:
        """Do nothing."""

    def stop(self) -> None:
        """Do nothing: a call ends by itself."""
