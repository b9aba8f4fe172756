"""Measures structure sets in the background, one at a time, when nothing else is to do.

What is to be measured is in the store: a crash, or an outage, only delays it. A
measurement that fails takes nothing away from the selections.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import deque
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from imaging_selection.errors import BusyError, SourceError, StoppedError, StoreError
from imaging_selection.store.ledger import instant
from imaging_selection.sync.retry import FILE_RETRY, again_after_outage, reason_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from imaging_selection.store.draft import Conversion
    from imaging_selection.store.measurements import Due, Measurements
    from imaging_selection.sync.ports import Instance, Source

log = logging.getLogger(__name__)

AT_A_TIME = 20  # that are read from the store
LOOK_PAUSES = 5  # between two looks into the store, without a hint
# Nothing is measured until so long nothing was saved: between two structure sets of a
# stream there is no time for it. In a stream that does not end, one is measured after
# the longer time.
QUIET_PAUSES, LONGEST_PAUSES = 2, 60
OUTAGE_PAUSES = 10


class Measure(Protocol):
    """Measures the file of an instance."""

    def __call__(self, instance: Instance, issued: datetime) -> Conversion:
        """Return what was measured; raises as `Pool.run`."""


class Measurer:
    """Measures on a thread of its own what the store says is to be measured.

    Parameters
    ----------
    measure
        Measures a file.
    is_idle
        Returns whether nothing waits to be converted: only then is anything measured.
    mapping_version
        As of `Outcomes`.
    clock
        Returns the present time, with a time zone.
    pause
        As of `Worker`.
    """

    def __init__(  # noqa: PLR0913 - the composition root names each
        self,
        *,
        source: Source,
        measurements: Measurements,
        measure: Measure,
        is_idle: Callable[[], bool],
        mapping_version: Callable[[], str],
        clock: Callable[[], datetime],
        pause: float = 1,
    ) -> None:
        self._source = source
        self._measurements = measurements
        self._measure = measure
        self._is_idle = is_idle
        self._mapping_version = mapping_version
        self._clock = clock
        self._pause = pause
        self._announced: deque[str] = deque()
        # Of the monotonic clock: when something was saved, and measured.
        self._saved, self._measured = -math.inf, time.monotonic()
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(
            target=self._run, name="imaging-selection-measure", daemon=True
        )

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread after its present action."""
        self._stopping.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(timeout=30)

    def wake(self) -> None:
        """Announce that something was saved that is to be measured; never blocks."""
        self._saved = time.monotonic()
        self._wake.set()

    def announce(self, orthanc_id: str) -> None:
        """Announce that a patient, study or series has changed; never blocks.

        What lacked images of the patient is measured again.
        """
        self._announced.append(orthanc_id)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._wake.clear()
            try:
                has_measured = self.measure_some()
            except StoppedError:
                return
            except Exception as error:  # noqa: BLE001 - the thread must not end
                log.warning("measurements wait: %s", reason_of(error))
                self._stopping.wait(OUTAGE_PAUSES * self._pause)
            else:
                if not has_measured:
                    pauses = LOOK_PAUSES if self._is_quiet() else 1
                    self._wake.wait(pauses * self._pause)

    def measure_some(self) -> bool:
        """Measure some of what is due, if nothing waits to be converted, or soon may.

        Returns
        -------
        bool
            Whether the state of any structure set is another one now.

        Raises
        ------
        StoreError, SourceError
            The store or Orthanc does not answer.
        StoppedError
            As `Pool.run`.
        """
        has_measured = False
        if not self._is_quiet():
            return has_measured
        while self._announced:
            self._measurements.images_arrived(self._announced[0])
            self._announced.popleft()
        now = instant(self._clock())
        for due in self._measurements.due(self._mapping_version(), now, AT_A_TIME):
            if self._stopping.is_set() or not self._is_quiet():
                break
            has_measured |= self._measure_one(due)
            self._measured = time.monotonic()
        return has_measured

    def _is_quiet(self) -> bool:
        now = time.monotonic()
        since_saved = (now - self._saved) / self._pause
        since_measured = (now - self._measured) / self._pause
        is_time = since_saved >= QUIET_PAUSES or since_measured >= LONGEST_PAUSES
        return is_time and self._is_idle()

    def _measure_one(self, due: Due) -> bool:
        """Measure one; False if another file of it is to be converted before."""
        instance = self._source.instance(due.orthanc_id)
        if instance is None or instance.attachment_uuid != due.attachment_uuid:
            return False
        issued = self._clock()
        try:
            measured = again_after_outage(
                lambda: self._measure(instance, issued),
                lambda: self._source.attachment_uuid(due.orthanc_id),
            )
        except (BusyError, StoppedError, StoreError):
            raise
        except Exception as error:  # noqa: BLE001 - one bad file stops no other
            if isinstance(error, SourceError):
                self._source.attachment_uuid(due.orthanc_id)  # raises in an outage
            self._save_failure(due, error)
            return True
        # The file that was read is the one that was converted, if it is there still.
        if self._source.attachment_uuid(due.orthanc_id) != due.attachment_uuid:
            return False
        return self._save(due, measured)

    def _save(self, due: Due, measured: Conversion) -> bool:
        now = instant(self._clock())
        try:
            is_saved = self._measurements.save(due, measured, now)
        except StoreError:
            raise
        except Exception as error:  # noqa: BLE001 - the store refuses the content
            self._save_failure(due, error)
            return True
        log.info("measured %s: %d ROIs", due.orthanc_id, len(measured.drafts))
        return is_saved

    def _save_failure(self, due: Due, error: Exception) -> None:
        delay = timedelta(seconds=FILE_RETRY.delay(due.attempts + 1))
        now = self._clock()
        reason = reason_of(error)
        self._measurements.save_failure(due, reason, instant(now), instant(now + delay))
        log.warning("cannot measure %s: %s", due.orthanc_id, reason)
