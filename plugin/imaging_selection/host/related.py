"""Keeps patients and studies in the store as Orthanc knows them.

The store has a Patient or ImagingStudy when a selection or observation refers to it.
It is made again when what refers to it changes, when Orthanc announces a change of the
patient, the study or one of its series, when a client reads it, and in rounds over all
of them, which find what was not announced.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from contextlib import suppress
from dataclasses import replace
from datetime import UTC
from typing import TYPE_CHECKING, Any, Protocol

import orjson

from imaging_selection.errors import ImagingSelectionError
from imaging_selection.fhir.datatypes import dumps
from imaging_selection.mapping.related import map_patient, map_study
from imaging_selection.search.criteria import Criterion, Query, TokenMatch
from imaging_selection.search.extract import Indexed, Token, index_of
from imaging_selection.search.parameters import IMAGING_STUDY, PATIENT, REFERRED
from imaging_selection.store.draft import Draft
from imaging_selection.store.ledger import instant
from imaging_selection.store.stale import Stale

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime, tzinfo

    from imaging_selection.fhir.datatypes import Resource
    from imaging_selection.store.selections import Selections
    from imaging_selection.store.statements import Stored

log = logging.getLogger(__name__)

# A hidden parameter of ImagingStudy: Orthanc's id of a series. The id of a deleted
# series leads to its study, which Orthanc does not name.
_SERIES = ":orthanc-series"
_AT_A_TIME = 50
_REST = 4  # times as long as a check of a round took, but at least:
_LEAST_REST = 0.02  # seconds
_RETRY = 10  # seconds after Orthanc or the store did not answer


class PatientsAndStudies(Protocol):
    """What is asked of Orthanc: see `host.source`."""

    def patient(self, orthanc_id: str) -> dict[str, Any] | None: ...  # noqa: D102
    def study(self, orthanc_id: str) -> dict[str, Any] | None: ...  # noqa: D102
    def series_of_study(self, study_id: str) -> list[dict[str, Any]]: ...  # noqa: D102
    def dicom_web_root(self) -> str | None: ...  # noqa: D102


class Related:
    """Makes patients and studies again, on a thread of its own or for one who waits.

    Parameters
    ----------
    endpoint
        The id of the Endpoint of this Orthanc.
    zone
        Of dates, which a search compares in the same zone.
    round_seconds
        From the beginning of a round over all patients and studies to the next.
    """

    def __init__(  # noqa: PLR0913 - what it is made of, and where it stands
        self,
        source: PatientsAndStudies,
        selections: Selections,
        clock: Callable[[], datetime],
        *,
        endpoint: str,
        zone: tzinfo = UTC,
        round_seconds: float = 300,
    ) -> None:
        self._source = source
        self._selections = selections
        self._clock = clock
        self._endpoint = endpoint
        self._zone = zone
        self._round_seconds = round_seconds
        self._announced: deque[str] = deque()
        self._making = threading.Lock()
        self._wake = threading.Event()
        self._stopping = threading.Event()
        selections.on_stale = self._wake.set
        self._thread = threading.Thread(
            target=self._run, name="imaging-selection-related", daemon=True
        )

    def start(self) -> None:
        """Start the thread."""
        self._wake.set()
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread after its present action."""
        self._stopping.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(timeout=30)

    def announce(self, orthanc_id: str) -> None:
        """Announce that a patient, study or series has changed; never blocks."""
        self._announced.append(orthanc_id)
        self._wake.set()

    def refresh(self, resource_type: str, resource_id: str) -> None:
        """Make a resource again, for one who waits.

        Raises
        ------
        StoreError, SourceError
            The store or Orthanc does not answer.
        """
        self._make(Stale(resource_type, resource_id, ""))

    def catch_up(self) -> None:
        """Make everything again that is announced or noted."""
        while self._announced:
            for name in self._names_of(self._announced[0]):
                self.refresh(*name)
            self._announced.popleft()
        while noted := self._selections.stale(_AT_A_TIME):
            for each in noted:
                if self._stopping.is_set():
                    return
                self._make(each)

    def _run(self) -> None:
        next_round = time.monotonic() + self._round_seconds
        while not self._stopping.is_set():
            self._wake.clear()
            try:
                self.catch_up()
                if time.monotonic() >= next_round:
                    next_round = time.monotonic() + self._round_seconds
                    self._check_all()
            except Exception as error:  # noqa: BLE001 - the thread must not end
                # Its text may contain patient data.
                log.warning("patients and studies: %s", type(error).__name__)
                self._stopping.wait(_RETRY)
            else:
                self._wake.wait(max(0, next_round - time.monotonic()))

    def _check_all(self) -> None:
        """Compare every patient and study with Orthanc, slowly."""
        for resource_type in REFERRED:
            query = Query(count=_AT_A_TIME, resource_type=resource_type)
            while True:
                page = self._selections.search(query)
                for each in page.matches:
                    if self._stopping.is_set():
                        return
                    self._check(resource_type, each.id)
                if page.next_after is None:
                    break
                query = replace(query, after=page.next_after)

    def _check(self, resource_type: str, resource_id: str) -> None:
        """Compare one, then rest, and do what is more urgent than the next."""
        began = time.monotonic()
        with suppress(ImagingSelectionError):  # the next round asks again
            self.refresh(resource_type, resource_id)
        took = time.monotonic() - began
        self._stopping.wait(max(_LEAST_REST, _REST * took))
        self.catch_up()

    def _names_of(self, orthanc_id: str) -> list[tuple[str, str]]:
        """Return the resources in the store that an announced change concerns."""
        names = [
            (resource_type, orthanc_id)
            for resource_type in (PATIENT, IMAGING_STUDY)
            if self._selections.read(orthanc_id, resource_type)
        ]
        of_series = Criterion(_SERIES, (TokenMatch("", orthanc_id),))
        query = Query((of_series,), resource_type=IMAGING_STUDY)
        studies = self._selections.search(query).matches
        return names + [(IMAGING_STUDY, each.id) for each in studies]

    def _make(self, noted: Stale) -> None:
        # One at a time: who asks Orthanc first must not save last.
        with self._making:
            resource = self._resource(noted.resource_type, noted.id)
            stored = self._selections.read(noted.id, noted.resource_type)
            draft = None if resource is None else self._draft(*resource)
            if noted.mark or not _is_same(stored, draft):
                now = instant(self._clock())
                self._selections.save_referred(noted, draft, now)

    def _draft(self, resource: Resource, series_ids: list[str]) -> Draft:
        index = index_of(resource, self._zone)
        hidden = {Token(_SERIES, "", each) for each in series_ids}
        index = Indexed(index.tokens | hidden, index.texts, index.ordered)
        return Draft(resource["resourceType"], resource["id"], dumps(resource), index)

    def _resource(
        self, resource_type: str, resource_id: str
    ) -> tuple[Resource, list[str]] | None:
        """Build a resource, with Orthanc's ids of its series; None if there is none."""
        referring = self._referring(resource_type, resource_id)
        if referring is None:
            return None
        if resource_type == PATIENT:
            patient = self._source.patient(resource_id)
            return (map_patient(patient, referring), []) if patient else None
        study = self._source.study(resource_id)
        if study is None:
            return None
        series = self._source.series_of_study(resource_id)
        has_endpoint = self._source.dicom_web_root() is not None
        endpoint = f"Endpoint/{self._endpoint}" if has_endpoint else None
        mapped = map_study(study, series, referring, endpoint)
        return mapped, [each["ID"] for each in series]

    def _referring(self, resource_type: str, resource_id: str) -> Resource | None:
        """Return a resource that refers to one."""
        match = TokenMatch(resource_type, resource_id)
        for kind, name in REFERRED[resource_type]:
            criterion = Criterion(name, (match,))
            page = self._selections.search(
                Query((criterion,), count=1, resource_type=kind)
            )
            for each in page.matches:
                found: Resource = orjson.loads(each.resource)
                return found
        return None


def _is_same(stored: Stored | None, draft: Draft | None) -> bool:
    """Return whether the store has what it should have."""
    if stored is None or stored.deleted or draft is None:
        return draft is None and (stored is None or stored.deleted)
    versioned = draft.versioned(stored.version_id, stored.last_updated)
    return versioned == bytes(stored.resource)
