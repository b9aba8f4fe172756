"""One sweep over everything that Orthanc holds, in small steps."""

from __future__ import annotations

import logging
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING

from imaging_selection.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from imaging_selection.store.ledger import State
    from imaging_selection.sync.inventory import Inventory
    from imaging_selection.sync.outcome import Outcomes
    from imaging_selection.sync.ports import Source

log = logging.getLogger(__name__)

BATCH = 8  # objects that are saved in one transaction, if they convert quickly

# Modalities (PS3.3 C.7.3.1.1.1) of series that consist of hundreds of images.
IMAGE_MODALITIES = frozenset(
    {
        *("CR", "CT", "DX", "IO", "MG", "MR", "NM", "OT", "PT", "PX", "RF"),
        *("RTIMAGE", "SM", "US", "XA", "XC"),
    }
)


class Sweep:
    """Reads series for unknown objects, then checks every known object.

    Parameters
    ----------
    states
        The ledger's states when the sweep began.
    series_ids
        The series to read.
    every_instance
        Read every instance of those series. Otherwise, of a series of images, one
        instance stands for all.
    started
        FHIR instant.

    Attributes
    ----------
    total
        The number of series to read and objects to check.
    """

    def __init__(  # noqa: PLR0913 - `reconcile` names each
        self,
        source: Source,
        inventory: Inventory,
        outcomes: Outcomes,
        states: Mapping[str, State],
        series_ids: list[str],
        *,
        every_instance: bool,
        started: str,
    ) -> None:
        self._source = source
        self._inventory = inventory
        self._outcomes = outcomes
        self._states = states
        self._series_ids = deque(series_ids)
        self._every_instance = every_instance
        self._names: deque[str] | None = None  # of the objects to check
        self._outdated: list[str] = []  # of the objects to convert
        self.started = started
        self.total = len(series_ids)

    @property
    def done(self) -> int:
        """The number of series and objects that are done."""
        left = len(self._series_ids) + len(self._names or ()) + len(self._outdated)
        return max(0, self.total - left)

    @property
    def unread_series_ids(self) -> list[str]:
        """The series that are still to be read."""
        return list(self._series_ids)

    @property
    def must_read_every_instance(self) -> bool:
        """Whether every instance of the unread series is to be read."""
        return self._every_instance and bool(self._series_ids)

    def step(self, convert: Callable[[list[str]], list[str]]) -> bool:
        """Do a small part of the sweep.

        A step that raises loses nothing: its series or object is tried again after the
        others.

        Parameters
        ----------
        convert
            Converts objects; returns those that it had no time for.

        Returns
        -------
        bool
            Whether the sweep is complete.
        """
        if self._series_ids:
            self._read_next_series()
        elif self._names is None:
            self._names = deque(dict.fromkeys([*self._inventory.ids(), *self._states]))
            self.total += len(self._names)
            log.info("sweep: %d objects to check", len(self._names))
        elif self._names:
            self._check(self._names.popleft())
        is_last = self._names is not None and not self._names
        if self._outdated and (is_last or len(self._outdated) >= BATCH):
            names, self._outdated = self._outdated, []
            self._outdated = convert(names)
        is_complete = is_last and not self._outdated
        if is_complete:
            log.info("sweep: complete")
        return is_complete

    def _read_next_series(self) -> None:
        series_id = self._series_ids.popleft()
        try:
            self._read_series(series_id)
        except Exception:
            self._series_ids.append(series_id)
            raise

    def _read_series(self, series_id: str) -> None:
        """Announce the objects of a series that are not known."""
        series = self._source.series(series_id)
        if series is None:
            return
        asked = series.orthanc_ids
        if series.modality in IMAGE_MODALITIES and not self._every_instance:
            asked = asked[:1]
        kinds = {
            name: kind
            for name in asked
            if name not in self._inventory and (kind := self._source.kind_of(name))
        }
        self._inventory.learn(kinds)
        self._inventory.announce(kinds)

    def _check(self, orthanc_id: str) -> None:
        """Confirm an object if the store is up to date, else have it converted."""
        announcement = self._inventory.announcement(orthanc_id)
        state = self._states.get(orthanc_id)
        with suppress(SourceError):  # the conversion asks Orthanc again
            if state and self._outcomes.is_current(orthanc_id, state):
                self._inventory.confirm(
                    orthanc_id, announcement, state.attachment_uuid, state.kind
                )
                return
        self._outdated.append(orthanc_id)
