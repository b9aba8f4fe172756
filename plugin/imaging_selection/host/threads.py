"""Pools of threads that run functions for Orthanc's threads.

Python runs one thread at a time, so that few threads do more than many, which compete
for the interpreter. But a few may all wait, for a database or for Orthanc, while others
could run: so a pool is small, and grows while functions wait. A call costs one lock;
`concurrent.futures` takes longer than most of the functions here.

What is answered at once, what may search for seconds, and what waits for a process have
pools of their own: none of them takes the threads of another.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeVar

from imaging_selection.errors import BusyError, StoppedError

if TYPE_CHECKING:
    from collections.abc import Callable

Result = TypeVar("Result")

GROW_SECONDS = 0.05  # that a call waits before a further thread is started
WAIT_SECONDS = 10  # that a call waits for a thread


@dataclass(slots=True)
class _Call:
    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    result: Any = None
    error: BaseException | None = None
    running: Any = field(default_factory=Lock)  # held until the function has returned
    taken: Any = field(default_factory=Lock)  # by who runs it, or by who gives up

    def run(self) -> None:
        if not self.taken.acquire(blocking=False):
            return
        try:
            self.result = self.function(*self.arguments)
        except BaseException as error:  # noqa: BLE001 - raised again by `Threads.run`
            self.error = error
        self.running.release()


class Threads:
    """The pool; it runs calls in the order in which they came.

    Parameters
    ----------
    minimum
        The number of threads that always exist.
    maximum
        The number of threads while calls wait.
    """

    def __init__(self, minimum: int, maximum: int, name: str) -> None:
        self._name = name
        self._calls: SimpleQueue[_Call | None] = SimpleQueue()  # None: end a thread
        self._lock = Lock()
        self._stopped = False
        self._minimum = minimum
        self._spare = maximum - minimum
        for _ in range(minimum):
            self._start(self._serve)

    def run(self, function: Callable[..., Result], *arguments: Any) -> Result:
        """Call a function on one of the threads; return its result, or raise its error.

        Raises
        ------
        StoppedError
            The pool has been stopped.
        BusyError
            All threads were busy for `WAIT_SECONDS`.
        """
        call = _Call(function, arguments)
        call.running.acquire()
        with self._lock:  # no call may follow the None at the end of the queue
            if self._stopped:
                raise StoppedError("Orthanc is stopping")
            self._calls.put(call)
        until = monotonic() + WAIT_SECONDS
        while not call.running.acquire(timeout=GROW_SECONDS):
            self._grow()
            if monotonic() > until and call.taken.acquire(blocking=False):
                raise BusyError("too many such requests at a time")
        if call.error is not None:
            raise call.error
        result: Result = call.result
        return result

    def stop(self) -> None:
        """End the threads once the present calls are done."""
        with self._lock:
            self._stopped = True
            for _ in range(self._minimum):
                self._calls.put(None)

    def _start(self, target: Callable[[], None]) -> None:
        Thread(target=target, name=self._name, daemon=True).start()

    def _serve(self) -> None:
        while (call := self._calls.get()) is not None:
            call.run()
            del call  # its result may be large, and the next call may come late

    def _grow(self) -> None:
        with self._lock:
            if self._stopped or not self._spare or self._calls.empty():
                return
            self._spare -= 1
        self._start(self._serve_until_empty)

    def _serve_until_empty(self) -> None:
        try:
            while (call := self._calls.get_nowait()) is not None:
                call.run()
            self._calls.put(call)  # this None is for a thread of `_serve`
        except Empty:
            pass
        finally:
            with self._lock:
                self._spare += 1
