"""Threads of our own, to which a host's threads hand their work over.

Python runs one thread at a time. Few of them get more done than many, which are for
ever taking the interpreter from each other; but a few may all be held up, by a database
or by Orthanc, while others could go on. So there are few, and more when a job has to
wait. A job costs one lock: `concurrent.futures` takes longer than most jobs do.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

Result = TypeVar("Result")

PATIENCE = 0.05  # seconds that a job waits before a further thread is started


class StoppedError(Exception):
    """The threads have been stopped."""


@dataclass(slots=True)
class _Job:
    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    result: Any = None
    error: BaseException | None = None
    busy: Any = field(default_factory=Lock)  # held until the job is done

    def run(self) -> None:
        try:
            self.result = self.function(*self.arguments)
        except BaseException as error:  # noqa: BLE001 - it is raised where it was asked
            self.error = error
        self.busy.release()


class Threads:
    """Threads that do jobs for others, in the order in which they were given.

    Parameters
    ----------
    few
        So many there are always.
    most
        So many there are when jobs have to wait.
    """

    def __init__(self, few: int, most: int, name: str) -> None:
        self._name = name
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._lock = Lock()
        self._stopped = False
        self._few = few
        self._spare = most - few
        for _ in range(few):
            self._start(self._work)

    def do(self, function: Callable[..., Result], *arguments: Any) -> Result:
        """Have one of the threads call a function; its result, or what it raises.

        Raises
        ------
        StoppedError
            There are no threads any more.
        """
        job = _Job(function, arguments)
        job.busy.acquire()
        with self._lock:  # no job may come behind the end of the queue
            if self._stopped:
                raise StoppedError
            self._jobs.put(job)
        while not job.busy.acquire(timeout=PATIENCE):
            self._help()
        if job.error is not None:
            raise job.error
        result: Result = job.result
        return result

    def stop(self) -> None:
        """Let the threads end once the jobs given so far are done."""
        with self._lock:
            self._stopped = True
            for _ in range(self._few):
                self._jobs.put(None)

    def _start(self, work: Callable[[], None]) -> None:
        Thread(target=work, name=self._name, daemon=True).start()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job.run()
            del job  # an answer may be large, and the next job long in coming

    def _help(self) -> None:
        with self._lock:
            if self._stopped or not self._spare or self._jobs.empty():
                return
            self._spare -= 1
        self._start(self._work_off)

    def _work_off(self) -> None:
        """Do jobs until none waits."""
        try:
            while (job := self._jobs.get_nowait()) is not None:
                job.run()
            self._jobs.put(job)  # the end, which is for another
        except Empty:
            pass
        finally:
            with self._lock:
                self._spare += 1
