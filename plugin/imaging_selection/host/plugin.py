"""The composition root: build the running plugin from settings and Orthanc."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from imaging_selection.api.bulk_export import BulkExport
from imaging_selection.api.endpoint import ENDPOINT
from imaging_selection.api.http import FHIR_VERSIONS
from imaging_selection.api.router import Api
from imaging_selection.host.exports import Exports
from imaging_selection.host.files import Files
from imaging_selection.host.names import NameReport
from imaging_selection.host.related import Related
from imaging_selection.host.status import Status
from imaging_selection.host.targets import deliveries_of
from imaging_selection.mapping.choices import Choices, Names, version_of
from imaging_selection.store.engine import Database
from imaging_selection.store.ledger import Ledger
from imaging_selection.store.measurements import Measurements
from imaging_selection.store.selections import Selections
from imaging_selection.sync.change_log import ChangeLog
from imaging_selection.sync.convert import Converter
from imaging_selection.sync.inventory import Inventory
from imaging_selection.sync.measure import Measurer
from imaging_selection.sync.outcome import Outcomes
from imaging_selection.sync.reconcile import Reconciler
from imaging_selection.sync.schedule import Schedule
from imaging_selection.sync.work_queue import WorkQueue
from imaging_selection.sync.worker import Worker
from imaging_selection.viewer.routes import PageHandlers

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from imaging_selection.api.http import Lane, Request, Response
    from imaging_selection.api.ports import StoredSelection
    from imaging_selection.host.config import Settings
    from imaging_selection.host.source import OrthancSource
    from imaging_selection.ids import OrthancIds
    from imaging_selection.store.draft import Conversion
    from imaging_selection.store.ledger import LedgerEntry
    from imaging_selection.sync.ports import Instance


class Plugin:
    """The running plugin: the store, the worker and the API, built from the settings.

    It is the API's `Catalogue`.

    Parameters
    ----------
    database_url
        As `Database` takes it.
    exports
        The folder for the files of exports.
    pause
        Seconds between two reads of Orthanc's change log; other waits are multiples.
    """

    def __init__(
        self,
        settings: Settings,
        source: OrthancSource,
        database_url: str,
        *,
        exports: Path | None = None,
        pause: float = 1,
    ) -> None:
        self._settings = settings
        self._source = source
        self._database = Database(database_url, settings.search_seconds)
        self._ledger = Ledger(self._database)
        selections = Selections(self._database)
        self._files = Files(source, settings)
        queue, inventory = WorkQueue(), Inventory()
        schedule = Schedule(settings.reconcile_interval, _now)
        change_log = ChangeLog(source, inventory)
        outcomes = Outcomes(
            source=source,
            ledger=self._ledger,
            selections=selections,
            convert=self._convert,
            mapping_version=self._mapping_version,
            clock=_now,
        )
        self._converter = Converter(
            source=source,
            inventory=inventory,
            ledger=self._ledger,
            selections=selections,
            outcomes=outcomes,
            threads=self._files.threads,
        )
        self._measurements = Measurements(self._database, selections)
        self._measurer = Measurer(
            source=source,
            measurements=self._measurements,
            measure=self._measure,
            is_idle=lambda: not inventory.pending,
            mapping_version=self._mapping_version,
            clock=_now,
            pause=pause,
        )
        selections.on_measurable = self._measurer.wake
        reconciler = Reconciler(
            source=source,
            inventory=inventory,
            change_log=change_log,
            outcomes=outcomes,
            ledger=self._ledger,
            schedule=schedule,
        )
        self._worker = Worker(
            queue=queue,
            inventory=inventory,
            change_log=change_log,
            converter=self._converter,
            outcomes=outcomes,
            reconciler=reconciler,
            schedule=schedule,
            ledger=self._ledger,
            has_long_room=self._files.has_long_room,
            ping=self._database.ping,
            report=self._report,
            pause=pause,
        )
        self._related = Related(
            source,
            selections,
            _now,
            endpoint=ENDPOINT,
            zone=settings.timezone or UTC,
            round_seconds=settings.reconcile_interval,
        )
        self._deliveries = deliveries_of(settings, self._database, source, pause)
        self._status = Status(
            source=source,
            deliveries=self._deliveries,
            database=self._database,
            ledger=self._ledger,
            queue=queue,
            inventory=inventory,
            schedule=schedule,
            reconciler=reconciler,
            worker=self._worker,
            files=self._files,
            measurements=self._measurements if settings.measurements else None,
            names=NameReport(selections) if (settings.names or Names()).tg263 else None,
            mapping_version=self._mapping_version,
        )
        pages = PageHandlers(
            selections,
            self,
            source,
            describe=self._describe,
            fhir_root=settings.fhir_root,
            levels=settings.levels,
        )
        self._exports = (
            Exports(
                selections,
                exports,
                megabytes=settings.export_megabytes,
                hours=settings.export_hours,
                clock=_now,
            )
            if exports and settings.export_megabytes
            else None
        )
        further = [*pages.routes()]
        if self._exports:
            for version in FHIR_VERSIONS:
                further += BulkExport(self._exports, settings, version).routes()
        self._api = Api(selections, self, source, settings, further_routes=further)

    @cached_property
    def _choices(self) -> Choices:
        # When first needed: Orthanc lists its plugins only once it has started.
        has_dicom_web = self._source.dicom_web_root() is not None
        return Choices(
            levels=self._settings.levels,
            sop_class_coding=self._settings.sop_class_coding,
            timezone=self._settings.timezone,
            patient_identifier_system=self._settings.patient_identifier_system,
            accession_number_system=self._settings.accession_number_system,
            endpoint=f"Endpoint/{ENDPOINT}" if has_dicom_web else None,
            default_encoding=self._settings.default_encoding,
            measurements=self._settings.measurements,
            names=self._settings.names or Names(),
        )

    def _report(self) -> None:
        self._status.publish_metrics()

    def _mapping_version(self) -> str:
        return version_of(self._choices)

    def _convert(self, instance: Instance, *, wait: float, is_long: bool) -> Conversion:
        return self._files.convert(instance, self._choices, wait, is_long=is_long)

    def _measure(self, instance: Instance, issued: datetime) -> Conversion:
        return self._files.measure(instance, self._choices, issued)

    def _describe(
        self, ids: OrthancIds, selections: list[bytes], measured: list[bytes]
    ) -> dict[str, Any]:
        encoding = self._choices.default_encoding
        return self._files.describe(ids, selections, measured, encoding)

    def start(self) -> None:
        """Start the worker, and the processes that read files."""
        self._worker.start()
        self._related.start()
        self._files.start()
        if self._settings.measurements:
            self._measurer.start()
        if self._exports:
            self._exports.start()
        if self._deliveries:
            self._deliveries.start()

    def stop(self) -> None:
        """Stop the worker and close the store."""
        if self._deliveries:
            self._deliveries.stop()
        self._files.stop()
        self._measurer.stop()
        if self._exports:
            self._exports.stop()
        self._worker.stop()
        self._related.stop()
        self._converter.stop()
        self._status.stop()
        self._database.close()

    def arrived(self, orthanc_id: str, kind: str) -> None:
        """Announce an instance to convert, new or overwritten; never blocks."""
        self._worker.arrived(orthanc_id, kind)

    def ignore(self, orthanc_id: str) -> None:
        """Announce a new instance that is not to be converted; never blocks."""
        self._worker.ignore(orthanc_id)

    def departed(self, orthanc_id: str) -> None:
        """Announce a deleted instance of any kind; never blocks."""
        self._worker.departed(orthanc_id)

    def changed(self, orthanc_id: str) -> None:
        """Announce that a patient, study or series has changed; never blocks."""
        self._related.announce(orthanc_id)
        if self._settings.measurements:
            self._measurer.announce(orthanc_id)

    def refresh(self, resource_type: str, resource_id: str) -> None:
        """Make a Patient or ImagingStudy again from what Orthanc knows now."""
        self._related.refresh(resource_type, resource_id)

    def handle(self, request: Request) -> Response:
        """Answer a request."""
        return self._api.handle(request)

    def lane_of(self, request: Request) -> Lane:
        """Return what a request will wait for."""
        return self._api.lane_of(request)

    def is_waiting(self, orthanc_id: str) -> bool:
        """Return whether the store may be out of date for an instance."""
        return self._worker.is_waiting(orthanc_id)

    def entry(self, orthanc_id: str) -> LedgerEntry | None:
        """Return what became of an instance; it is converted first if it waits.

        None when Orthanc holds no convertible instance of this id.
        """
        if not self.is_waiting(orthanc_id):
            entry = self._ledger.read(orthanc_id)
            if entry is not None:
                return entry
        return self._converter.update(orthanc_id)

    def contours(self, selection: StoredSelection) -> Iterator[bytes]:
        """Write a selection with its contours, as JSON in parts."""
        return self._files.contours(selection.orthanc_id, selection.resource)

    def compare(self, before: str, after: str) -> dict[str, Any]:
        """Compare two structure sets."""
        encoding = self._choices.default_encoding
        return self._files.compare(before, after, encoding)

    def status(self) -> dict[str, Any]:
        """Compare Orthanc with the store: see `Status.read`."""
        return self._status.read()

    def below(self, resource_type: str, orthanc_id: str) -> list[str] | None:
        """Return the convertible instances of a series, study or patient."""
        # The store first: if it does not answer, Orthanc's index on the same server
        # does not either, and a question to Orthanc would block every Python thread.
        self._database.ping()
        return self._source.instances_below(resource_type, orthanc_id)

    def reconcile(self, *, force: bool) -> None:
        """Request a sweep now; `force` converts everything again."""
        self._worker.reconcile(force=force)

    def resend(self, name: str, *, force: bool, orthanc_id: str | None) -> bool:
        """Deliver to a target again: see `Deliveries.resend`."""
        deliveries = self._deliveries
        return deliveries is not None and deliveries.resend(
            name, force=force, orthanc_id=orthanc_id
        )


def _now() -> datetime:
    return datetime.now(UTC)
