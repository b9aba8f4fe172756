"""The composition root: build the running plugin from settings and Orthanc."""

from __future__ import annotations

import logging
import os
import time
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import suppress
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from imaging_selection import __version__
from imaging_selection.api.endpoint import ENDPOINT
from imaging_selection.api.router import Api
from imaging_selection.errors import ProcessError, SourceError, StoreError
from imaging_selection.host import jobs
from imaging_selection.host.completeness import completeness
from imaging_selection.host.jobs import FUNCTIONS, MAXIMUM_FINDINGS
from imaging_selection.host.related import Related
from imaging_selection.host.source import OrthancFile
from imaging_selection.mapping.choices import Choices, version_of
from imaging_selection.store.engine import Database
from imaging_selection.store.ledger import Ledger
from imaging_selection.store.selections import Selections
from imaging_selection.sync.change_log import ChangeLog
from imaging_selection.sync.convert import Conversion, Converter
from imaging_selection.sync.inventory import Inventory
from imaging_selection.sync.pool import Call, Here, Pool
from imaging_selection.sync.process import Process, find_python
from imaging_selection.sync.reconcile import Reconciler
from imaging_selection.sync.schedule import Schedule
from imaging_selection.sync.work_queue import WorkQueue
from imaging_selection.sync.worker import Worker
from imaging_selection.viewer.routes import PageHandlers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imaging_selection.api.http import Lane, Request, Response
    from imaging_selection.api.ports import StoredSelection
    from imaging_selection.host.config import Settings
    from imaging_selection.host.source import OrthancSource
    from imaging_selection.ids import OrthancIds
    from imaging_selection.store.ledger import LedgerEntry
    from imaging_selection.sync.ports import Instance

log = logging.getLogger(__name__)

MAXIMUM_WORKERS = 4  # if the setting `Workers` does not say otherwise
LONG_WAIT = 20  # seconds that a request waits while other long ones run
STATUS_SECONDS = 0.08  # that a comparison may take for a status


class Plugin:
    """The running plugin: the store, the worker and the API, built from the settings.

    It is the API's `Catalogue`.

    Parameters
    ----------
    database_url
        As `Database` takes it.
    pause
        Seconds between two reads of Orthanc's change log; other waits are multiples.
    """

    def __init__(
        self,
        settings: Settings,
        source: OrthancSource,
        database_url: str,
        *,
        pause: float = 1,
    ) -> None:
        self._settings = settings
        self._source = source
        self._database = Database(database_url, settings.search_seconds)
        self._ledger = Ledger(self._database)
        selections = Selections(self._database)
        self._without_processes: str | None = None  # the reason
        self._runner = self._new_runner()
        self._comparing = ThreadPoolExecutor(2, "imaging-selection-status")
        self._last_status: tuple[float, dict[str, Any]] | None = None
        self._queue = WorkQueue()
        self._inventory = Inventory()
        self._schedule = Schedule(settings.reconcile_interval, _now)
        change_log = ChangeLog(source, self._inventory)
        self._converter = Converter(
            source=source,
            inventory=self._inventory,
            ledger=self._ledger,
            selections=selections,
            convert=self._convert,
            threads=self._runner.threads,
            mapping_version=self._mapping_version,
            clock=_now,
        )
        self._reconciler = Reconciler(
            source=source,
            inventory=self._inventory,
            change_log=change_log,
            converter=self._converter,
            ledger=self._ledger,
            schedule=self._schedule,
        )
        self._worker = Worker(
            queue=self._queue,
            inventory=self._inventory,
            change_log=change_log,
            converter=self._converter,
            reconciler=self._reconciler,
            schedule=self._schedule,
            ledger=self._ledger,
            has_long_room=self._runner.has_long_room,
            ping=self._database.ping,
            report=self._publish_metrics,
            pause=pause,
        )
        self._related = Related(
            source,
            selections,
            _now,
            endpoint=ENDPOINT,
            round_seconds=settings.reconcile_interval,
        )
        pages = PageHandlers(
            selections,
            self,
            source,
            describe=self._page,
            fhir_root=settings.fhir_root,
            levels=settings.levels,
        )
        self._api = Api(
            selections, self, source, settings, further_routes=pages.routes()
        )

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
        )

    def _new_runner(self) -> Pool | Here:
        """Start the processes that read files; without them, this process does."""
        settings = self._settings
        if settings.workers == 0:
            return Here(FUNCTIONS)
        memory = settings.worker_memory << 20
        try:
            python = settings.worker_python or find_python()
            command = [python, "-m", jobs.__name__]
            pool = Pool(
                lambda: Process(command, memory),
                settings.workers or min(os.cpu_count() or 1, MAXIMUM_WORKERS),
                memory=memory,
                seconds=settings.worker_seconds,
            )
            pool.start()
        except ProcessError as error:
            self._without_processes = str(error)
            log.warning("files are read in Orthanc's own process: %s", error)
            return Here(FUNCTIONS)
        return pool

    def _convert(self, instance: Instance, *, wait: float, is_long: bool) -> Conversion:
        file = OrthancFile(self._source, instance.ids.instance, instance.size)
        call = Call("convert", file, (instance.ids, self._choices), is_conversion=True)
        conversion: Conversion = self._runner.run(call, wait=wait, is_long=is_long)
        return conversion

    def _mapping_version(self) -> str:
        return version_of(self._choices)

    def start(self) -> None:
        """Start the worker."""
        self._worker.start()
        self._related.start()

    def stop(self) -> None:
        """Stop the worker and close the store."""
        self._runner.stop()
        self._worker.stop()
        self._related.stop()
        self._converter.stop()
        self._comparing.shutdown(cancel_futures=True)
        self._database.close()

    def arrived(self, orthanc_id: str) -> None:
        """Announce an instance to convert, new or overwritten; never blocks."""
        self._worker.arrived(orthanc_id)

    def ignore(self, orthanc_id: str) -> None:
        """Announce a new instance that is not to be converted; never blocks."""
        self._worker.ignore(orthanc_id)

    def departed(self, orthanc_id: str) -> None:
        """Announce a deleted instance of any kind; never blocks."""
        self._worker.departed(orthanc_id)

    def changed(self, orthanc_id: str) -> None:
        """Announce that a patient, study or series has changed; never blocks."""
        self._related.announce(orthanc_id)

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
        file = self._file(selection.orthanc_id)
        call = Call("contours", file, (selection.resource,))
        parts: Iterator[bytes] = self._runner.run(call, wait=LONG_WAIT)
        return parts

    def _page(self, ids: OrthancIds, selections: list[bytes]) -> dict[str, Any]:
        arguments = ids, selections, self._choices.default_encoding
        call = Call("page", self._file(ids.instance), arguments)
        page: dict[str, Any] = self._runner.run(call, wait=LONG_WAIT)
        return page

    def _file(self, orthanc_id: str) -> OrthancFile:
        return OrthancFile(self._source, orthanc_id, self._source.file_size(orthanc_id))

    def below(self, resource_type: str, orthanc_id: str) -> list[str] | None:
        """Return the convertible instances of a series, study or patient."""
        # The store first: if it does not answer, Orthanc's index on the same server
        # does not either, and a question to Orthanc would block every Python thread.
        self._database.ping()
        return self._source.instances_below(resource_type, orthanc_id)

    def reconcile(self, *, force: bool) -> None:
        """Request a sweep now; `force` converts everything again."""
        self._worker.reconcile(force=force)

    def status(self) -> dict[str, Any]:
        """Compare Orthanc with the store: nothing is missing when `waiting` is 0.

        If one of them is slow, these are the numbers of the last comparison, and a
        problem says so. In an outage every object is waiting that cannot be checked.
        """
        comparison = self._comparing.submit(self._compare)
        try:
            return comparison.result(STATUS_SECONDS)
        except FutureTimeoutError:
            comparison.cancel()
        then, last = self._last_status or (None, self._describe(0, [], []))
        age = "" if then is None else f", {time.monotonic() - then:.0f} seconds old"
        slow = f"the store or Orthanc is slow: these numbers are not certain{age}"
        return last | {"problems": [*last["problems"], slow]}

    def _compare(self) -> dict[str, Any]:
        began = time.monotonic()
        self._reconciler.wait_until_counted(STATUS_SECONDS / 2)
        try:
            self._database.ping()  # the store first, as in `below`
            self._worker.read_changes()
            failures = self._ledger.failures()
            findings = self._ledger.findings(MAXIMUM_FINDINGS + 1)
            stored, _ = self._count_rows()
        except (SourceError, StoreError) as error:
            status = self._describe(0, [], [], str(error))
        else:
            status = self._describe(stored, failures, findings)
        self._last_status = began, status
        return status

    def _describe(
        self,
        stored: int,
        failures: list[dict[str, object]],
        findings: list[dict[str, object]],
        *problems_found: str,
    ) -> dict[str, Any]:
        problems = [*problems_found]
        if self._without_processes:
            problems.append(
                f"files are read in Orthanc's own process: {self._without_processes}"
            )
        if self._worker.problem and self._worker.problem not in problems:
            problems.append(self._worker.problem)
        counts = self._inventory.count(str(each["instance"]) for each in failures)
        is_counted = self._reconciler.is_counted
        if not is_counted:
            problems.append("Orthanc's structure sets are still being counted")
        numbers = completeness(
            known=counts.known,
            pending=counts.pending,
            failed=len(counts.failed),
            stored=stored,
            is_counted=is_counted,
        )
        return {
            "version": __version__,
            "mappingVersion": self._mapping_version(),
            "store": self._database.kind,
            "processes": self._runner.size,
            "structureSets": numbers.known,
            "converted": numbers.converted,
            "waiting": numbers.waiting,
            "failed": [each for each in failures if each["instance"] in counts.failed],
            "removing": len(self._queue.departures),
            "lagSeconds": round(self._worker.lag, 3),
            "sweep": self._reconciler.progress(),
            "findings": findings[:MAXIMUM_FINDINGS],
            "moreFindings": len(findings) > MAXIMUM_FINDINGS,
            "problems": problems,
        }

    def _count_rows(self) -> tuple[int, int]:
        """Count the objects that the store has converted, and those that failed.

        Of the converted ones none counts when all are to be converted again. To be
        called before the inventory is counted, where they are pending soon after.
        """
        stored, failed = self._ledger.count(self._mapping_version())
        return 0 if self._schedule.is_forced else stored, failed

    def _publish_metrics(self) -> None:
        stored = failed = 0
        with suppress(StoreError):  # then every object is waiting
            stored, failed = self._count_rows()
            is_idle = not self._inventory.pending and not self._schedule.is_requested
            if is_idle and stored + failed < len(self._inventory):
                log.warning("rows are missing in the store: a sweep begins")
                self.reconcile(force=False)
        counts = self._inventory.count(())
        numbers = completeness(
            known=counts.known,
            pending=counts.pending,
            failed=failed,
            stored=stored,
            is_counted=self._reconciler.is_counted,
        )
        for name, value in (
            ("converted", numbers.converted),
            ("waiting", numbers.waiting),
            ("failed", numbers.failed),
            ("lag_seconds", self._worker.lag),
        ):
            self._source.measure(f"imaging_selection_{name}", value)


def _now() -> datetime:
    return datetime.now(UTC)
