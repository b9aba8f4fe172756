"""What holds the worker up, if anything does, and how long it waits each time."""

from __future__ import annotations

import logging
import time

from imaging_selection.errors import ImagingSelectionError

log = logging.getLogger(__name__)

FIRST_PAUSES, LONGEST_PAUSES = 0.2, 10


class Outage:
    """Of the store or of Orthanc; one that is over is told of once.

    Attributes
    ----------
    problem
        A sentence free of patient data; None when nothing holds the worker up.
    """

    def __init__(self) -> None:
        self.problem: str | None = None
        self._pauses = 0.0
        self._since = 0.0  # of the monotonic clock

    @property
    def seconds(self) -> float:
        """How long it has lasted; 0 when there is none."""
        return time.monotonic() - self._since if self.problem else 0.0

    def goes_on(self, error: Exception) -> float:
        """Take note of a failure; how many pauses to wait before the next attempt."""
        # Of an unforeseen error only the kind is free of patient data.
        known = isinstance(error, ImagingSelectionError)
        text = str(error) if known else f"internal error ({type(error).__name__})"
        if self.problem is None:
            self._since = time.monotonic()
            log.warning("waiting: %s", text)
        self.problem = text
        self._pauses = min(max(self._pauses * 2, FIRST_PAUSES), LONGEST_PAUSES)
        return self._pauses

    def ends(self) -> None:
        """Take note that what could not be done was done."""
        if self.problem is not None:
            log.warning("works again")
            self.problem = None
            self._pauses = 0.0
