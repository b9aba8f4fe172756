"""The files of Orthanc, and what is made of them in processes or, without any, here."""

from __future__ import annotations

import logging
import os
from dataclasses import replace
from threading import Event, Thread
from typing import TYPE_CHECKING, Any, NamedTuple

from imaging_selection.errors import ProcessError, StoppedError
from imaging_selection.host import jobs
from imaging_selection.sync.pool import Call, Here, Pool
from imaging_selection.sync.process import NICE, Process, find_python
from imaging_selection.viewer.contour_images import MAXIMUM_IMAGES, find_slices

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from imaging_selection.host.config import Settings
    from imaging_selection.host.source import OrthancSource
    from imaging_selection.ids import OrthancIds
    from imaging_selection.mapping.choices import Choices
    from imaging_selection.store.draft import Conversion
    from imaging_selection.sync.download import Download
    from imaging_selection.sync.ports import Instance

log = logging.getLogger(__name__)

MAXIMUM_WORKERS = 4  # if the setting `Workers` does not say otherwise
LATER = 10  # seconds after the start of Orthanc
MEASURING_NICE = 15  # conversions come first
REST = 0.005  # seconds, between two questions about images
WAIT_SECONDS = 20  # that a request waits while other long ones run


class OrthancFile(NamedTuple):
    """The DICOM file of an instance, read only when it is needed."""

    source: OrthancSource
    orthanc_id: str
    size: int

    def read(self) -> bytes:
        """Return its bytes."""
        return self.source.file(self.orthanc_id)

    def download(self) -> Download | None:
        """Return where another process can get it; None if that is not possible."""
        return self.source.download(self.orthanc_id, self.size)


class Files:
    """Runs the functions of `jobs` on files of Orthanc.

    Every method but `start` and `stop` raises as `Pool.run` does, and what the function
    raises.

    Attributes
    ----------
    problem
        Why Orthanc's own process reads the files; None if it should, or does not.
    """

    def __init__(self, source: OrthancSource, settings: Settings) -> None:
        self._source = source
        self.problem: str | None = None
        self._runner = self._new_runner(settings)
        self._measuring = self._new_measuring(settings)
        self.threads = self._runner.threads
        self._stopping = Event()

    def _new_runner(self, settings: Settings) -> Pool | Here:
        """Return what reads files: processes, which start when Orthanc has started."""
        if settings.workers == 0:
            return Here(jobs.FUNCTIONS)
        try:
            return new_pool(
                settings.workers or min(os.cpu_count() or 1, MAXIMUM_WORKERS),
                memory=settings.worker_memory << 20,
                seconds=settings.worker_seconds,
                python=settings.worker_python,
            )
        except ProcessError as error:
            return self._without_processes(error)

    def _new_measuring(self, settings: Settings) -> Pool | Here:
        """Return what measures: a process for that alone, of the lowest priority.

        It starts with the first measurement, and stays: to load the geometry takes
        longer than most measurements.
        """
        if isinstance(self._runner, Here):
            return self._runner
        return new_pool(
            1,
            memory=settings.worker_memory << 20,
            seconds=settings.worker_seconds,
            quick_seconds=settings.worker_seconds,
            python=settings.worker_python,
            nice=MEASURING_NICE,
        )

    def _without_processes(self, error: ProcessError) -> Here:
        self.problem = f"files are read in Orthanc's own process: {error}"
        log.warning("%s", self.problem)
        return Here(jobs.FUNCTIONS)

    @property
    def processes(self) -> int:
        """The number of processes for quick files; 0: this process reads them."""
        return self._runner.size

    def has_long_room(self) -> bool:
        """Return whether a file that takes long can be converted."""
        return self._runner.has_long_room()

    def start(self) -> None:
        """Start the processes, without waiting for them."""
        Thread(target=self._start, daemon=True).start()

    def _start(self) -> None:
        """Start one process, and the others when Orthanc is no longer busy starting."""
        try:
            self._runner.start(1)
            if not self._stopping.wait(LATER):
                self._runner.start(self._runner.size)
        except StoppedError:
            pass
        except ProcessError as error:
            self._runner = self._without_processes(error)

    def stop(self) -> None:
        """End the processes; calls that run raise StoppedError."""
        self._stopping.set()
        self._runner.stop()
        self._measuring.stop()

    def convert(
        self, instance: Instance, choices: Choices, wait: float, *, is_long: bool
    ) -> Conversion:
        """Convert the file of an instance."""
        file = OrthancFile(self._source, instance.ids.instance, instance.size)
        call = Call("convert", file, (instance.ids, choices), is_conversion=True)
        conversion: Conversion = self._run(call, wait, is_long=is_long)
        return conversion

    def measure(
        self, instance: Instance, choices: Choices, issued: datetime
    ) -> Conversion:
        """Measure the ROIs of an instance, and check them against their images."""
        ids = instance.ids
        file = OrthancFile(self._source, ids.instance, instance.size)
        named = self._run_measuring("images", file, choices.default_encoding)
        slices = find_slices(named, ids, self._source, self._rest)
        measured: Conversion = self._run_measuring(
            "measure", file, ids, choices, issued, slices
        )
        here = {each["sopInstanceUid"] for each in slices}
        lacks_images = len(named) <= MAXIMUM_IMAGES and not here.issuperset(named)
        return replace(measured, awaits=ids.patient if lacks_images else None)

    def _rest(self) -> None:
        if self._stopping.wait(REST):
            raise StoppedError("Orthanc is stopping")

    def _run_measuring(self, function: str, file: OrthancFile, *arguments: Any) -> Any:
        call = Call(function, file, arguments)
        try:
            return self._measuring.run(call)
        except ProcessError as error:  # as in `_run`
            self._measuring = self._without_processes(error)
            return self._measuring.run(call)

    def contours(self, orthanc_id: str, selection: bytes) -> Iterator[bytes]:
        """Write a selection with its contours, as JSON in parts."""
        call = Call("contours", self._file(orthanc_id), (selection,))
        parts: Iterator[bytes] = self._run(call, WAIT_SECONDS)
        return parts

    def describe(
        self,
        ids: OrthancIds,
        selections: list[bytes],
        measured: list[bytes],
        default_encoding: str,
    ) -> dict[str, Any]:
        """Describe an instance for its page: see `jobs.page`."""
        arguments = ids, selections, measured, default_encoding
        call = Call("page", self._file(ids.instance), arguments)
        page: dict[str, Any] = self._run(call, WAIT_SECONDS)
        return page

    def compare(self, before: str, after: str, default_encoding: str) -> dict[str, Any]:
        """Compare two instances: see `jobs.compare`."""
        arguments = self._file(after).read(), (before, after), default_encoding
        call = Call("compare", self._file(before), arguments)
        comparison: dict[str, Any] = self._run(call, WAIT_SECONDS)
        return comparison

    def _file(self, orthanc_id: str) -> OrthancFile:
        return OrthancFile(self._source, orthanc_id, self._source.file_size(orthanc_id))

    def _run(self, call: Call, wait: float, *, is_long: bool = False) -> Any:
        """Run a function on a file; in this process if no other can be started."""
        try:
            return self._runner.run(call, wait=wait, is_long=is_long)
        except ProcessError as error:
            self._runner.stop()
            self._runner = self._without_processes(error)
            return self._runner.run(call)


def new_pool(  # noqa: PLR0913 - what a pool needs
    size: int,
    *,
    memory: int,
    seconds: float,
    quick_seconds: float | None = None,
    python: str | None = None,
    nice: int = NICE,
) -> Pool:
    """Return the pool of processes that do the work of `jobs`.

    Parameters
    ----------
    size, memory, seconds, quick_seconds
        As `Pool` takes them.
    python
        The interpreter; None: it is found.
    nice
        As `serve` takes it.

    Raises
    ------
    ProcessError
        No interpreter is found.
    """
    command = [python or find_python(), "-m", jobs.__name__, str(nice)]
    return Pool(
        lambda: Process(command, memory),
        size,
        memory=memory,
        seconds=seconds,
        quick_seconds=quick_seconds,
    )
