"""One structure set settled: the store made to agree with what Orthanc keeps of it."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from imaging_selection.errors import (
    ImagingSelectionError,
    RefusedError,
    SourceError,
    StoreError,
)
from imaging_selection.fhir.datatypes import instant
from imaging_selection.store.ledger import CONVERTED, FAILED, LedgerEntry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from imaging_selection.ids import OrthancIds
    from imaging_selection.store.ledger import State
    from imaging_selection.store.writing import Draft

log = logging.getLogger(__name__)

RETRY_FIRST = timedelta(minutes=1)
RETRY_LONGEST = timedelta(hours=6)
TOGETHER_SECONDS = 0.05  # who asks for one meanwhile waits as long
_ROUNDS = 5  # in which a file that is overwritten all the time may be caught


@dataclass(frozen=True, slots=True)
class Instance:
    """An instance that Orthanc holds, as far as the plugin must know it.

    Attributes
    ----------
    attachment_uuid
        Names the file that Orthanc keeps for it; another file has another mark.
    """

    ids: OrthancIds
    attachment_uuid: str
    is_structure_set: bool


@dataclass(frozen=True, slots=True)
class Conversion:
    """What a structure set became: its selections, and its findings as JSON."""

    drafts: tuple[Draft, ...]
    findings: bytes


class DicomSource(Protocol):
    """What is asked of Orthanc to convert."""

    def instance(self, orthanc_id: str) -> Instance | None:
        """Describe an instance; None when Orthanc has none of this id."""

    def attachment_uuid(self, orthanc_id: str) -> str | None:
        """Name the file that Orthanc keeps for an instance; None: no such instance."""

    def file(self, orthanc_id: str) -> bytes:
        """Fetch the DICOM file that Orthanc keeps."""


class Entries(Protocol):
    """What became of each structure set."""

    def read(self, orthanc_id: str) -> LedgerEntry | None:
        """Find the entry of a structure set."""

    def states(self, among: list[str] | None = None) -> dict[str, State]:
        """List the state of every structure set, or of some, by instance id."""


class Writer(Protocol):
    """Where conversions go."""

    def save(
        self, entry: LedgerEntry, drafts: Iterable[Draft], last_updated: str
    ) -> None:
        """Make the store hold exactly these selections of a structure set."""

    def save_all(
        self,
        conversions: Iterable[tuple[LedgerEntry, Iterable[Draft]]],
        last_updated: str,
    ) -> None:
        """Save several at once; they are in the order of their ids."""

    def record_failure(self, entry: LedgerEntry) -> None:
        """Note that a structure set could not be converted."""

    def remove(self, orthanc_id: str, last_updated: str) -> None:
        """Mark every selection of a structure set deleted."""


class Settler:
    """Converts, saves and removes structure sets, one or a few at a time.

    Parameters
    ----------
    convert
        Bytes of a file and Orthanc's ids to selections; pure.
    mapping_version
        Names what `convert` is; entries of another are converted again. Not asked
        before Orthanc has started.
    clock
        Gives the present time, aware.
    """

    def __init__(  # noqa: PLR0913 - each is another side of the act
        self,
        source: DicomSource,
        convert: Callable[[bytes, OrthancIds], Conversion],
        writer: Writer,
        entries: Entries,
        *,
        mapping_version: Callable[[], str],
        clock: Callable[[], datetime],
    ) -> None:
        self._source = source
        self._convert = convert
        self._writer = writer
        self._entries = entries
        self._mapping_version = mapping_version
        self._clock = clock
        self._one_at_a_time = threading.Lock()

    def is_current(self, state: State | LedgerEntry, attachment_uuid: str) -> bool:
        """Tell whether an entry is what settling would make of this file now."""
        return (
            state.attachment_uuid == attachment_uuid
            and state.mapping_version == self._mapping_version()
            and (state.retry_at is None or state.retry_at > self._now())
        )

    def settle(self, orthanc_id: str) -> LedgerEntry | None:
        """Make the store agree with Orthanc on one instance, now.

        Returns
        -------
        LedgerEntry or None
            What became of it; None when Orthanc holds no structure set of this id.

        Raises
        ------
        StoreError, SourceError
            The store or Orthanc does not answer; nothing was changed.
        """
        with self._one_at_a_time:  # the worker and a request may want the same one
            entry = self._entries.read(orthanc_id)
            for _ in range(_ROUNDS):
                mark = self._source.attachment_uuid(orthanc_id)
                # Asked again after each change, ours being the last word then: another
                # node may have stored, and seen to, another file in the meantime.
                if mark is None and entry is None:
                    return None
                if mark and entry and self.is_current(entry, mark):
                    return entry
                entry, is_final = self._settle(orthanc_id, entry)
                if is_final:
                    return entry
        raise SourceError("Orthanc keeps changing the file of the instance")

    def settle_together(
        self, orthanc_ids: list[str]
    ) -> tuple[dict[str, str], list[str]]:
        """Convert and save in one transaction as many of these as is quickly done.

        Returns
        -------
        marks, untouched
            The file mark of each on which the store agrees with Orthanc now, and those
            that there was no time for. The others are to be settled one by one.

        Raises
        ------
        StoreError, SourceError
            The store or Orthanc does not answer; nothing was changed.
        """
        with self._one_at_a_time:
            states = self._entries.states(orthanc_ids)
            marks: dict[str, str] = {}
            conversions = []
            until = time.monotonic() + TOGETHER_SECONDS
            # In order: two nodes that save the same ones wait for each other once.
            names = deque(sorted(orthanc_ids))
            while names and time.monotonic() < until:
                name = names.popleft()
                instance = self._source.instance(name)
                if instance is None or not instance.is_structure_set:
                    continue
                if name in states and self.is_current(
                    states[name], instance.attachment_uuid
                ):
                    marks[name] = instance.attachment_uuid
                elif conversion := self._conversion(instance):
                    conversions.append(conversion)
            with suppress(RefusedError):  # told of the one that it is about, by itself
                if conversions:
                    self._writer.save_all(conversions, self._now())
                marks |= {
                    entry.orthanc_id: entry.attachment_uuid
                    for entry, _ in conversions
                    if self._source.attachment_uuid(entry.orthanc_id)
                    == entry.attachment_uuid
                }
            return marks, list(names)

    def _conversion(
        self, instance: Instance
    ) -> tuple[LedgerEntry, tuple[Draft, ...]] | None:
        name = instance.ids.instance
        try:
            conversion = self._convert(self._source.file(name), instance.ids)
        except Exception:  # noqa: BLE001 - settled by itself, it fails with a reason
            return None
        log.info("converted %s: %d selections", name, len(conversion.drafts))
        entry = replace(self._entry(instance), findings=conversion.findings)
        return entry, conversion.drafts

    def _entry(self, instance: Instance) -> LedgerEntry:
        return LedgerEntry(
            orthanc_id=instance.ids.instance,
            state=CONVERTED,
            attachment_uuid=instance.attachment_uuid,
            mapping_version=self._mapping_version(),
            since=self._now(),
        )

    def _settle(
        self, orthanc_id: str, before: LedgerEntry | None
    ) -> tuple[LedgerEntry | None, bool]:
        instance = self._source.instance(orthanc_id)
        if instance is not None and instance.is_structure_set:
            return self._convert_and_save(instance, before), False
        if before is not None:
            self._writer.remove(orthanc_id, self._now())
            log.info("removed %s", orthanc_id)
        return None, instance is not None

    def _convert_and_save(
        self, instance: Instance, before: LedgerEntry | None
    ) -> LedgerEntry:
        name = instance.ids.instance
        entry = self._entry(instance)
        try:
            conversion = self._convert(self._source.file(name), instance.ids)
            entry = replace(entry, findings=conversion.findings)
            self._writer.save(entry, conversion.drafts, entry.since)
        except StoreError:  # an outage: to be tried again, and no fault of the file
            raise
        except Exception as error:  # noqa: BLE001 - one bad file stops no other
            if isinstance(error, SourceError):
                self._source.attachment_uuid(
                    name
                )  # raises when Orthanc as a whole is out
            return self._record_failure(entry, before, error)
        log.info("converted %s: %d selections", name, len(conversion.drafts))
        return entry

    def _record_failure(
        self, entry: LedgerEntry, before: LedgerEntry | None, error: Exception
    ) -> LedgerEntry:
        # Only our own sentences are free of patient data; of others, the kind.
        known = isinstance(error, ImagingSelectionError)
        reason = str(error) if known else f"internal error ({type(error).__name__})"
        since, attempts = entry.since, 1
        same_file = (
            before is not None and before.attachment_uuid == entry.attachment_uuid
        )
        if before is not None and same_file and before.state == FAILED:
            since, attempts = before.since, before.attempts + 1
        wait = min(RETRY_FIRST * 2 ** min(attempts - 1, 16), RETRY_LONGEST)
        entry = replace(
            entry,
            state=FAILED,
            reason=reason,
            since=since,
            attempts=attempts,
            retry_at=instant(self._clock() + wait),
            findings=b"[]",
        )
        if before is None or same_file:
            self._writer.record_failure(entry)
        else:  # what the store has speaks of a file that is no more
            self._writer.save(entry, (), entry.since)
        log.warning("cannot convert %s: %s", entry.orthanc_id, reason)
        return entry

    def _now(self) -> str:
        return instant(self._clock())
