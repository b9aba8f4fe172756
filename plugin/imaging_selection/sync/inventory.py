"""The objects that Orthanc holds, as far as known, and which of them are pending."""

from __future__ import annotations

import threading
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

# The lock is released after so many objects: a callback of Orthanc may wait for it.
_AT_ONCE = 1000


@dataclass(slots=True, eq=False)
class _Pending:
    since: float  # of the monotonic clock


class Counts(NamedTuple):
    """Numbers of objects, counted at one moment.

    Attributes
    ----------
    failed
        The objects that failed, without those that are pending or unknown.
    by_kind
        Kind -> how many are known, pending, and failed.
    """

    known: int
    pending: int
    failed: set[str]
    by_kind: Mapping[str, tuple[int, int, int]]


class Inventory:
    """The known objects, each pending or confirmed.

    An object is pending from the moment it is announced until the store is known to
    agree with Orthanc on it. Every method may be called from any thread, and none waits
    for Orthanc or for the store.
    """

    def __init__(self) -> None:
        # Orthanc id -> attachment UUID; None: not confirmed so far.
        self._attachment_uuids: dict[str, str | None] = {}
        self._pending: dict[str, _Pending] = {}
        self._kinds: dict[str, str] = {}  # of the known objects, as far as known
        self._known_of: Counter[str | None] = Counter()
        self._pending_of: Counter[str | None] = Counter()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """Return the number of known objects."""
        return len(self._attachment_uuids)

    def __contains__(self, orthanc_id: str) -> bool:
        """Return whether this is a known object."""
        return orthanc_id in self._attachment_uuids

    def ids(self) -> list[str]:
        """Return all known objects, the pending ones first."""
        with self._lock:
            pending, known = list(self._pending), list(self._attachment_uuids)
        return list(dict.fromkeys([*pending, *known]))

    def learn(self, kinds: Mapping[str, str]) -> None:
        """Note the kinds of objects that are known, or are announced next."""
        names = list(kinds.items())
        for start in range(0, len(names), _AT_ONCE):
            with self._lock:
                for name, kind in names[start : start + _AT_ONCE]:
                    self._learn(name, kind)

    def _learn(self, name: str, kind: str) -> None:
        before = self._kinds.get(name)
        if before == kind:
            return
        self._kinds[name] = kind
        for objects, counts in (
            (self._attachment_uuids, self._known_of),
            (self._pending, self._pending_of),
        ):
            if name in objects:
                counts[before] -= 1
                counts[kind] += 1

    def announce(self, orthanc_ids: Iterable[str]) -> None:
        """Make objects pending that are new, changed, or to be checked again."""
        now = time.monotonic()
        names = list(orthanc_ids)
        for start in range(0, len(names), _AT_ONCE):
            with self._lock:
                for name in names[start : start + _AT_ONCE]:
                    kind = self._kinds.get(name)
                    if name not in self._attachment_uuids:
                        self._attachment_uuids[name] = None
                        self._known_of[kind] += 1
                    before = self._pending.get(name)
                    self._pending_of[kind] += before is None
                    # A new value each time: an update that runs now may have read the
                    # state before, and must not confirm the object.
                    self._pending[name] = _Pending(before.since if before else now)

    def announcement(self, orthanc_id: str) -> object:
        """Return a value for `confirm` that the next announcement makes invalid.

        It must be taken before Orthanc is asked about the object.
        """
        return self._pending.get(orthanc_id)

    def confirm(
        self,
        orthanc_id: str,
        announcement: object,
        attachment_uuid: str | None,
        kind: str | None = None,
    ) -> None:
        """Record that the store agrees with Orthanc on an object.

        Parameters
        ----------
        announcement
            From `announcement`; if there was another one since, the object stays
            pending.
        attachment_uuid
            Of the converted file; None: Orthanc and the store do not hold the object.
        kind
            Of the object, if it is known here.
        """
        with self._lock:
            if self._pending.get(orthanc_id) is not announcement:
                return
            if kind is not None:
                self._learn(orthanc_id, kind)
            kind = self._kinds.get(orthanc_id)
            if self._pending.pop(orthanc_id, None) is not None:
                self._pending_of[kind] -= 1
            if attachment_uuid is None:
                self._known_of[kind] -= orthanc_id in self._attachment_uuids
                self._attachment_uuids.pop(orthanc_id, None)
                self._kinds.pop(orthanc_id, None)
            else:
                self._known_of[kind] += orthanc_id not in self._attachment_uuids
                self._attachment_uuids[orthanc_id] = attachment_uuid

    def confirmed_uuid(self, orthanc_id: str) -> str | None:
        """Return the attachment UUID that was confirmed last, if any."""
        return self._attachment_uuids.get(orthanc_id)

    def is_pending(self, orthanc_id: str) -> bool:
        """Return whether the store may be out of date for an object."""
        return orthanc_id in self._pending

    @property
    def pending(self) -> int:
        """The number of pending objects."""
        return len(self._pending)

    @property
    def lag(self) -> float:
        """Seconds since the oldest pending object was announced; 0 if none is."""
        with self._lock:  # in the order of the first announcement
            first = next(iter(self._pending.values()), None)
        return 0.0 if first is None else time.monotonic() - first.since

    def count(self, failed: Iterable[str]) -> Counts:
        """Count the objects.

        Parameters
        ----------
        failed
            The objects that, by the store, could not be converted.
        """
        with self._lock:
            confirmed = {
                name
                for name in failed
                if name in self._attachment_uuids and name not in self._pending
            }
            failed_of = Counter(map(self._kinds.get, confirmed))
            return Counts(
                len(self._attachment_uuids),
                len(self._pending),
                confirmed,
                {
                    kind: (known, self._pending_of[kind], failed_of[kind])
                    for kind, known in self._known_of.items()
                    if kind is not None
                },
            )
