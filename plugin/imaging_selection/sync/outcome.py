"""What becomes of one object: it is converted, fails, is removed, or is current."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple, Protocol

from imaging_selection.errors import BusyError, SourceError, StoppedError
from imaging_selection.store.ledger import (
    CONVERTED,
    FAILED,
    WAITING,
    LedgerEntry,
    instant,
)
from imaging_selection.sync.retry import FILE_RETRY, again_after_outage, reason_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from imaging_selection.store.draft import Conversion, Draft
    from imaging_selection.store.ledger import Ledger, State
    from imaging_selection.store.selections import Selections
    from imaging_selection.sync.ports import Instance, Source

log = logging.getLogger(__name__)

Converted = tuple[LedgerEntry, tuple["Draft", ...]]


class Convert(Protocol):
    """Converts the file of an instance."""

    def __call__(self, instance: Instance, *, wait: float, is_long: bool) -> Conversion:
        """Return what the file becomes; parameters and errors as of `Pool.run`."""


class Outcome(NamedTuple):
    """What became of one object.

    Attributes
    ----------
    found
        The attachment UUID in Orthanc; None when Orthanc does not hold the instance.
    stored
        The attachment UUID in the store; None when the store does not hold the object.
    is_change
        Whether the store was changed, or is once `unsaved` is saved.
    kind
        Of the object; None when Orthanc does not hold it.
    """

    found: str | None
    stored: str | None
    is_change: bool = True
    unsaved: Converted | None = None
    kind: str | None = None


class Outcomes:
    """Makes the outcome of one object after the other; on any thread.

    Parameters
    ----------
    convert
        Converts a file.
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
        ledger: Ledger,
        selections: Selections,
        convert: Convert,
        mapping_version: Callable[[], str],
        clock: Callable[[], datetime],
    ) -> None:
        self._source = source
        self._ledger = ledger
        self._selections = selections
        self._convert = convert
        self._mapping_version = mapping_version
        self._clock = clock

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

    def make(
        self, orthanc_id: str, state: State | None, wait: float, *, is_long: bool
    ) -> Outcome:
        """Convert an object if that would change something, or remove it.

        A failure is saved at once; what was converted is still to be saved.

        Raises
        ------
        StoreError, SourceError
            The store or Orthanc does not answer.
        BusyError, StoppedError
            As `Pool.run`: nothing is known of the file.
        """
        if state and self.is_current(orthanc_id, state):
            stored = state.attachment_uuid
            return Outcome(stored, stored, is_change=False, kind=state.kind)
        instance = self._source.instance(orthanc_id)
        uuid = None if instance is None else instance.attachment_uuid
        kind = None if instance is None else instance.kind
        if instance is not None and kind is not None:
            conversion = self._convert_file(instance, kind, wait, is_long=is_long)
            return Outcome(uuid, uuid, unsaved=conversion, kind=kind)
        if state:
            self._selections.remove(orthanc_id, self.now())
            log.info("removed %s", orthanc_id)
        return Outcome(uuid, stored=None, is_change=state is not None)

    def _convert_file(
        self, instance: Instance, kind: str, wait: float, *, is_long: bool
    ) -> Converted | None:
        """Return what is to be saved; None when a failure was saved instead."""
        name = instance.ids.instance
        entry = LedgerEntry(
            orthanc_id=name,
            state=CONVERTED,
            attachment_uuid=instance.attachment_uuid,
            mapping_version=self._mapping_version(),
            since=self.now(),
            kind=kind,
        )
        try:
            conversion = again_after_outage(
                lambda: self._convert(instance, wait=wait, is_long=is_long),
                lambda: self._source.attachment_uuid(name),
            )
        except (BusyError, StoppedError):  # nothing is known of the file
            raise
        except Exception as error:  # noqa: BLE001 - one bad file stops no other
            if isinstance(error, SourceError):
                self._source.attachment_uuid(name)  # raises if Orthanc does not answer
            self.save_failure(entry, error)
            return None
        entry = replace(
            entry,
            findings=conversion.findings,
            measurement=WAITING if conversion.is_measurable else None,
        )
        return entry, conversion.drafts

    def save_failure(self, entry: LedgerEntry, error: Exception) -> None:
        """Record that an object cannot be converted, or what it became not be saved."""
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
