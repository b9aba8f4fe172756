"""When a failed action is tried again."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from imaging_selection.errors import ImagingSelectionError, SourceError

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger(__name__)

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Retry:
    """Delays that double with each failure in a row, up to a maximum.

    Examples
    --------
    >>> [Retry(first=1, maximum=5).delay(attempts) for attempts in (1, 2, 3, 4)]
    [1.0, 2.0, 4.0, 5]
    """

    first: float
    maximum: float

    def delay(self, attempts: int) -> float:
        """Return the delay after so many failed attempts in a row, 1 or more."""
        return min(self.first * 2.0 ** min(attempts - 1, 16), self.maximum)


FILE_RETRY = Retry(first=60, maximum=6 * 3600)  # in seconds
OUTAGE_RETRY = Retry(first=0.2, maximum=10)  # in the worker's pauses


def again_after_outage(
    act: Callable[[], Result], require_orthanc: Callable[[], object]
) -> Result:
    """Do something with a file of Orthanc; again if Orthanc answers only then.

    So the end of an outage is not taken for a fault of the file.

    Parameters
    ----------
    require_orthanc
        Raises SourceError if Orthanc does not answer.

    Raises
    ------
    SourceError
        Orthanc does not answer, or not about this file.
    """
    try:
        return act()
    except SourceError:
        require_orthanc()
        return act()


def reason_of(error: Exception) -> str:
    """Return a sentence about an error, free of patient data.

    Only the messages of the package's own errors are known to be free of it: of any
    other error, the class is named.
    """
    is_own = isinstance(error, ImagingSelectionError)
    return str(error) if is_own else f"internal error ({type(error).__name__})"


class Outage:
    """The time during which the store or Orthanc does not answer.

    Its begin and its end are logged, the failures in between are not.

    Attributes
    ----------
    problem
        A sentence free of patient data; None when there is no outage.
    """

    def __init__(self) -> None:
        self.problem: str | None = None
        self._attempts = 0
        self._since = 0.0  # of the monotonic clock

    @property
    def seconds(self) -> float:
        """The duration so far; 0 when there is no outage."""
        return time.monotonic() - self._since if self.problem else 0.0

    def add_failure(self, error: Exception) -> float:
        """Count a failure; return how many pauses to wait before the next attempt."""
        reason = reason_of(error)
        if self.problem is None:
            self._since = time.monotonic()
            log.warning("outage, conversions wait: %s", reason)
        self.problem = reason
        self._attempts += 1
        return OUTAGE_RETRY.delay(self._attempts)

    def end(self) -> None:
        """End the outage, if there is one: an action has succeeded."""
        if self.problem is not None:
            log.warning("the outage is over")
            self.problem = None
            self._attempts = 0
