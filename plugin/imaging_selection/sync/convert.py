"""Make the store agree with what Orthanc holds of an object, or of a few."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from imaging_selection.errors import SourceError, StoreError
from imaging_selection.store.ledger import CONVERTED, FAILED, LedgerEntry, instant
from imaging_selection.sync.retry import FILE_RETRY, reason_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from imaging_selection.ids import OrthancIds
    from imaging_selection.store.ledger import Ledger, State
    from imaging_selection.store.selections import Selections
    from imaging_selection.store.writing import Draft
    from imaging_selection.sync.inventory import Inventory
    from imaging_selection.sync.ports import Instance, Source

log = logging.getLogger(__name__)

BATCH_SECONDS = 0.05  # a request for one object may have to wait so long
_MAXIMUM_ATTEMPTS = 5  # to convert a file that is overwritten again and again

Converted = tuple[LedgerEntry, tuple["Draft", ...]]


@dataclass(frozen=True, slots=True)
class Conversion:
    """What an object became.

    Attributes
    ----------
    drafts
        Its resources.
    findings
        The findings about the file, as a JSON array.
    """

    drafts: tuple[Draft, ...]
    findings: bytes


class _Outcome(NamedTuple):
    """What became of one object.

    Attributes
    ----------
    found
        The attachment UUID in Orthanc; None when Orthanc does not hold the instance.
    stored
        The attachment UUID in the store; None when the store does not hold the object.
    is_change
        Whether the store was changed, or is once `unsaved` is saved.
    """

    found: str | None
    stored: str | None
    is_change: bool = True
    unsaved: Converted | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """What became of several objects, by Orthanc id.

    Attributes
    ----------
    left
        There was no time for these.
    confirmed
        The store agrees with Orthanc on these.
    changed
        Orthanc has another file of these by now: they must be converted again.
    """

    left: list[str]
    confirmed: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)


class Converter:
    """Converts, saves and removes objects.

    Parameters
    ----------
    convert
        File and Orthanc's ids -> resources; a pure function.
    mapping_version
        Returns the version of `convert`; objects that another version converted are
        converted again. It is not called before Orthanc has started.
    clock
        Returns the present time, with a time zone.
    """

    def __init__(  # noqa: PLR0913 - the composition root names each
        self,
        *,
        source: Source,
        inventory: Inventory,
        ledger: Ledger,
        selections: Selections,
        convert: Callable[[bytes, OrthancIds], Conversion],
        mapping_version: Callable[[], str],
        clock: Callable[[], datetime],
    ) -> None:
        self._source = source
        self._inventory = inventory
        self._ledger = ledger
        self._selections = selections
        self._convert = convert
        self._mapping_version = mapping_version
        self._clock = clock
        # The worker and a request may want the same object at the same time.
        self._one_at_a_time = threading.Lock()

    def now(self) -> str:
        """Return the present time as a FHIR instant."""
        return instant(self._clock())

    def is_current(self, orthanc_id: str, state: State) -> bool:
        """Return whether another conversion of the object would change nothing.

        Orthanc is asked last: a change since the state was read is seen.
        """
        return (
            state.mapping_version == self._mapping_version()
            and (state.retry_at is None or state.retry_at > self.now())
            and state.attachment_uuid == self._source.attachment_uuid(orthanc_id)
        )

    def update(self, orthanc_id: str) -> LedgerEntry | None:
        """Make the store agree with Orthanc on one object.

        Returns
        -------
        LedgerEntry or None
            What became of it; None when Orthanc holds no such object.

        Raises
        ------
        StoreError, SourceError
            The store or Orthanc does not answer; the object stays pending.
        """
        with self._one_at_a_time:
            for _ in range(_MAXIMUM_ATTEMPTS):
                if self._update([orthanc_id], float("inf")).confirmed:
                    return self._ledger.read(orthanc_id)
        raise SourceError("Orthanc keeps changing the file of the instance")

    def update_batch(self, orthanc_ids: list[str]) -> Result:
        """Make the store agree with Orthanc on as many objects as is done quickly.

        What is converted is saved in one transaction.

        Raises
        ------
        StoreError, SourceError
            As `update` does.
        """
        with self._one_at_a_time:
            return self._update(orthanc_ids, BATCH_SECONDS)

    def _update(self, orthanc_ids: list[str], seconds: float) -> Result:
        announcements = {
            name: self._inventory.announcement(name) for name in orthanc_ids
        }
        states = self._ledger.states(orthanc_ids)
        names = deque(sorted(orthanc_ids))  # the order that `save_all` requires
        outcomes: dict[str, _Outcome] = {}
        until = time.monotonic() + seconds
        while names and time.monotonic() < until:
            name = names.popleft()
            outcomes[name] = self._outcome_of(name, states.get(name))
        unsaved = [each.unsaved for each in outcomes.values() if each.unsaved]
        if unsaved:
            self._save(unsaved)
        result = Result(left=list(names))
        for name, outcome in outcomes.items():
            # Orthanc is asked again after the store was changed: another node may have
            # stored and converted another file meanwhile.
            found = outcome.found
            if outcome.is_change and self._source.attachment_uuid(name) != found:
                result.changed.append(name)
            else:
                self._inventory.confirm(name, announcements[name], outcome.stored)
                result.confirmed.append(name)
        return result

    def _outcome_of(self, orthanc_id: str, state: State | None) -> _Outcome:
        if state and self.is_current(orthanc_id, state):
            stored = state.attachment_uuid
            return _Outcome(stored, stored, is_change=False)
        instance = self._source.instance(orthanc_id)
        uuid = None if instance is None else instance.attachment_uuid
        if instance is not None and instance.is_convertible:
            return _Outcome(uuid, uuid, unsaved=self._convert_file(instance))
        if state:
            self._selections.remove(orthanc_id, self.now())
            log.info("removed %s", orthanc_id)
        return _Outcome(uuid, stored=None, is_change=state is not None)

    def _convert_file(self, instance: Instance) -> Converted | None:
        """Return what is to be saved; None when a failure was saved instead."""
        name = instance.ids.instance
        entry = LedgerEntry(
            orthanc_id=name,
            state=CONVERTED,
            attachment_uuid=instance.attachment_uuid,
            mapping_version=self._mapping_version(),
            since=self.now(),
        )
        try:
            conversion = self._convert(self._source.file(name), instance.ids)
        except Exception as error:  # noqa: BLE001 - one bad file stops no other
            if isinstance(error, SourceError):
                self._source.attachment_uuid(name)  # raises if Orthanc does not answer
            self._save_failure(entry, error)
            return None
        return replace(entry, findings=conversion.findings), conversion.drafts

    def _save(self, conversions: list[Converted]) -> None:
        """Save all in one transaction; if the store refuses one, each by itself."""
        try:
            self._selections.save_all(conversions, self.now())
        except StoreError:  # an outage, and no fault of the files
            raise
        except Exception as error:  # noqa: BLE001 - as in `_convert_file`
            if len(conversions) > 1:
                for each in conversions:
                    self._save([each])
            else:
                self._save_failure(conversions[0][0], error)
            return
        for entry, drafts in conversions:
            log.info("converted %s: %d selections", entry.orthanc_id, len(drafts))

    def _save_failure(self, entry: LedgerEntry, error: Exception) -> None:
        before = self._ledger.read(entry.orthanc_id)
        is_same_file = (
            before is not None and before.attachment_uuid == entry.attachment_uuid
        )
        since, attempts = entry.since, 1
        if before is not None and is_same_file and before.state == FAILED:
            since, attempts = before.since, before.attempts + 1
        delay = timedelta(seconds=FILE_RETRY.delay(attempts))
        entry = replace(
            entry,
            state=FAILED,
            reason=reason_of(error),
            since=since,
            attempts=attempts,
            retry_at=instant(self._clock() + delay),
            findings=b"[]",
        )
        if before is None or is_same_file:
            self._selections.record_failure(entry)
        else:  # the stored selections describe a file that no longer exists
            self._selections.save_all([(entry, ())], entry.since)
        log.warning("cannot convert %s: %s", entry.orthanc_id, entry.reason)
