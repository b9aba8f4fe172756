"""The share of ROI Names that follow TG-263, for the status route.

To count all names takes longer than the status may: it happens on a thread, now and
then, while somebody reads the status.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from imaging_selection.errors import ImagingSelectionError
from imaging_selection.mapping.name_compliance import compliance_of

if TYPE_CHECKING:
    from imaging_selection.store.selections import Selections

log = logging.getLogger(__name__)

MAXIMUM_NAMES = 10_000  # different ones that are judged, the most frequent
MAXIMUM_OTHERS = 50  # that are listed
_SECONDS = 30  # from one count to the next, at least
_REST = 20  # times as long as a count took


class NameReport:
    """Counts the names in the store."""

    def __init__(self, selections: Selections) -> None:
        self._selections = selections
        self._last: dict[str, Any] | None = None
        self._next = 0.0  # of the monotonic clock
        self._counting = threading.Lock()
        self._thread: threading.Thread | None = None

    def stop(self) -> None:
        """Wait for a count that runs, and begin no other."""
        self._next = float("inf")
        if self._thread is not None:
            self._thread.join(timeout=30)

    def read(self) -> dict[str, Any] | None:
        """Return the numbers of the last count; None before the first.

        If it is time, another count begins, which this does not wait for.
        """
        if time.monotonic() >= self._next and self._counting.acquire(blocking=False):
            self._thread = threading.Thread(
                target=self._count, name="imaging-selection-names", daemon=True
            )
            self._thread.start()
        return self._last

    def _count(self) -> None:
        began = time.monotonic()
        try:
            with self._selections.limited():
                names, has_more = self._selections.roi_names(MAXIMUM_NAMES)
            found = compliance_of(names)
            self._last = {
                "rois": found.rois,
                "complying": found.complying,
                "others": [asdict(each) for each in found.others[:MAXIMUM_OTHERS]],
                "moreOthers": has_more or len(found.others) > MAXIMUM_OTHERS,
            }
        except ImagingSelectionError as error:
            log.warning("ROI names are not counted: %s", type(error).__name__)
        finally:
            now = time.monotonic()
            self._next = max(self._next, now + max(_SECONDS, _REST * (now - began)))
            self._counting.release()
