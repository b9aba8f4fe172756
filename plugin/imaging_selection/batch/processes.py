"""A task for each of many inputs, in several processes, with results in order."""

from __future__ import annotations

from collections import deque
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable
    from concurrent.futures import Future

Input = TypeVar("Input")
Result = TypeVar("Result")


def in_processes(
    task: Callable[[Input, Path], Result], inputs: Iterable[Input], jobs: int
) -> Generator[tuple[Input, Path, Result | None]]:
    """Run a task for each input, and yield the results in the order of the inputs.

    No more than two results a job wait for their turn. A process that ends, killed or
    out of memory, takes no other input with it.

    Parameters
    ----------
    task
        Called with an input and the path of a file that it may write. The file is gone
        after the last result.

    Yields
    ------
    An input, the path, and the result; None if the process ended each time.
    """
    with TemporaryDirectory(prefix="imaging-selection-") as folder:
        pool = _pool(jobs)
        waiting: deque[tuple[Input, Path, Future[Result]]] = deque()
        try:
            for number, each in enumerate(inputs):
                path = Path(folder, str(number))
                try:
                    future = pool.submit(task, each, path)
                except BrokenProcessPool:
                    pool = _pool(jobs)
                    future = pool.submit(task, each, path)
                waiting.append((each, path, future))
                if len(waiting) > 2 * jobs:
                    first = waiting.popleft()
                    yield *first[:2], _result(task, *first)
            for last in waiting:
                yield *last[:2], _result(task, *last)
        finally:
            pool.shutdown(cancel_futures=True)


# Not forked: a copy of this process would write what it has not yet written.
_pool = partial(ProcessPoolExecutor, mp_context=get_context("spawn"))


def _result(
    task: Callable[[Input, Path], Result],
    each: Input,
    path: Path,
    future: Future[Result],
) -> Result | None:
    try:
        return future.result()
    except BrokenProcessPool:  # because of this input, or of another one
        try:
            with _pool(1) as alone:
                return alone.submit(task, each, path).result()
        except BrokenProcessPool:
            return None
