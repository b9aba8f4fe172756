"""A process that runs functions on files for this one: both of its ends.

This end sends a request, and a file behind it; the other end sends back what the
function returned or raised. A result in parts, which may be large, comes back as a
temporary file: so the process is free for the next request, however slowly the parts
are used.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.reduction import recv_handle, send_handle
from pathlib import Path
from socket import socketpair
from typing import TYPE_CHECKING, Any

from imaging_selection.errors import (
    ExceededError,
    ImagingSelectionError,
    InternalError,
    ProcessError,
)
from imaging_selection.sync.download import Download, NotDownloadedError, read_file

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

START_SECONDS = 30
CHUNK = 1 << 18  # bytes
NICE = 5  # lower than the priority of Orthanc's own work

# What a process inherits of the environment: no password is among it.
_INHERITED = ("LANG", "LC_ALL", "LD_LIBRARY_PATH", "PATH", "TMPDIR", "TZ")


@dataclass(frozen=True, slots=True)
class _Raised:
    error: Exception


@dataclass(frozen=True, slots=True)
class _Spooled:
    """The result is the temporary file whose descriptor follows."""


class EndedError(Exception):
    """The process has ended by itself."""


class Process:
    """The near end. One thread at a time uses it; any thread may kill it.

    Parameters
    ----------
    command
        Starts the far end, which calls `serve`. The number of its socket, and the bytes
        of memory that it may use, are added.

    Raises
    ------
    ProcessError
        It does not start.
    """

    def __init__(self, command: Sequence[str], memory: int) -> None:
        ours, theirs = socketpair()
        with theirs:
            number = theirs.fileno()
            try:
                # Nothing is written to its standard input. That ends when Orthanc does,
                # however that happens: see `_end_with_parent`.
                self._popen = subprocess.Popen(  # noqa: S603 - our own command
                    [*command, str(number), str(memory)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.DEVNULL,
                    pass_fds=(number,),
                    env=_environment(),
                    start_new_session=True,  # a Ctrl-C is for Orthanc alone
                )
            except OSError as cause:
                ours.close()
                raise ProcessError(f"{command[0]}: {cause.strerror}") from cause
        self._connection = Connection(ours.detach())
        self.pid = self._popen.pid
        try:
            if not self.is_done(START_SECONDS):
                raise ProcessError(f"{command[0]} does not answer")
            if (version := self.result()) != sys.version_info[:2]:
                raise ProcessError(f"{command[0]} is Python {version}")
        except EndedError as cause:
            raise ProcessError(f"{command[0]} ends at once") from cause
        finally:
            if sys.exc_info()[1] is not None:
                self.kill()

    def send(
        self, function: str, arguments: tuple[Any, ...], file: bytes | Download
    ) -> None:
        """Send a request."""
        download = file if isinstance(file, Download) else None
        try:
            self._connection.send((function, arguments, download))
            if isinstance(file, bytes):
                self._connection.send_bytes(file)
        except OSError as cause:
            raise EndedError from cause

    def is_done(self, seconds: float) -> bool:
        """Return whether there is a result, or the process has ended, in this time."""
        return self._connection.poll(seconds)

    def result(self) -> Any:
        """Return what the function returned, or raise what it raised."""
        try:
            received = self._connection.recv()
            if isinstance(received, _Spooled):
                return _parts(recv_handle(self._connection))
        except (EOFError, OSError) as cause:
            raise EndedError from cause
        if isinstance(received, _Raised):
            raise received.error
        return received

    @property
    def is_alive(self) -> bool:
        """Whether the process has not ended."""
        return self._popen.poll() is None

    def kill(self) -> None:
        """End the process at once; a second call does nothing."""
        self._popen.kill()
        self._popen.wait()
        if self._popen.stdin:
            self._popen.stdin.close()

    def close(self) -> None:
        """End the process, and release what this end holds."""
        self.kill()
        self._connection.close()


def _environment() -> Mapping[str, str]:
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    # Orthanc's Python plugin adds to the path what no other interpreter has.
    return inherited | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


def _parts(descriptor: int) -> Iterator[bytes]:
    with open(descriptor, "rb", buffering=0) as file:
        file.seek(0)
        while part := file.read(CHUNK):
            yield part


def find_python() -> str:
    """Return the interpreter that this process embeds, or runs.

    Raises
    ------
    ProcessError
        There is none; `sys.executable` is Orthanc.
    """
    version = ".".join(map(str, sys.version_info[:2]))
    folders = [Path(sys.executable or "").parent]
    folders += [Path(each) / "bin" for each in (sys.prefix, sys.base_prefix)]
    for folder in folders:
        for name in (f"python{version}", "python3"):
            if (folder / name).is_file() and os.access(folder / name, os.X_OK):
                return str(folder / name)
    raise ProcessError(f"no program python{version} in {sys.base_prefix}")


def serve(
    functions: Mapping[str, Callable[..., Any]],
    number: int,
    memory: int,
    prepare: Callable[[], object] = lambda: None,
    *,
    nice: int = NICE,
) -> None:
    """Run functions for the process at the near end, until that ends.

    Parameters
    ----------
    functions
        By name; each takes a file first.
    number
        Of the socket.
    memory
        Bytes that this process may use.
    prepare
        Does what takes long the first time, before the first request.
    nice
        Added to the nice value of this process (nice(2)): the higher, the less urgent.
    """
    resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # it would hold a patient's data
    threading.Thread(target=_end_with_parent, daemon=True).start()
    connection = Connection(number)
    connection.send(sys.version_info[:2])
    prepare()
    os.nice(nice)
    while True:
        try:
            function, arguments, download = connection.recv()
            _answer(connection, functions[function], arguments, download, memory)
        except (EOFError, ConnectionError):
            return


def _end_with_parent() -> None:
    os.read(0, 1)  # returns when the last writer is gone
    os._exit(0)


def _answer(
    connection: Connection,
    function: Callable[..., Any],
    arguments: tuple[Any, ...],
    download: Download | None,
    memory: int,
) -> None:
    spool = None
    result: Any
    try:
        file = connection.recv_bytes() if download is None else read_file(download)
        result = function(file, *arguments)
        if isinstance(result, Iterator):
            spool = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - sent below
            spool.writelines(result)
            result = _Spooled()
    except MemoryError:
        result = _Raised(
            ExceededError(f"it needs more than WorkerMemory, {memory >> 20} MB")
        )
    except (ImagingSelectionError, NotDownloadedError) as error:
        result = _Raised(error)
    except Exception as error:  # noqa: BLE001 - it may not be possible to send it
        result = _Raised(InternalError(type(error).__name__))
    connection.send(result)
    if spool is not None:
        with spool:
            send_handle(connection, spool.fileno(), os.getppid())
