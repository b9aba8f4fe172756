"""Threads of our own, to which a host's threads hand their work over.

What `concurrent.futures` does with a condition and two more locks a job is done with
one here: a job takes less than the hand-over did.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from queue import SimpleQueue
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

Result = TypeVar("Result")


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
    count
        So many jobs are done at a time.
    """

    def __init__(self, count: int, name: str) -> None:
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._lock = Lock()
        self._stopped = False
        self._threads = [
            Thread(target=self._work, name=f"{name}-{number}", daemon=True)
            for number in range(count)
        ]
        for thread in self._threads:
            thread.start()

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
        job.busy.acquire()
        if job.error is not None:
            raise job.error
        result: Result = job.result
        return result

    def stop(self) -> None:
        """Let the threads end once the jobs given so far are done."""
        with self._lock:
            self._stopped = True
            for _ in self._threads:
                self._jobs.put(None)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job.run()
            del job  # an answer may be large, and the next job long in coming
