"""The status route and the metrics: Orthanc compared with the store."""

from __future__ import annotations

import logging
import time
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from imaging_selection import __version__
from imaging_selection.errors import SourceError, StoreError
from imaging_selection.host.completeness import Completeness, completeness
from imaging_selection.host.jobs import MAXIMUM_FINDINGS
from imaging_selection.objects import GROUPS

if TYPE_CHECKING:
    from collections.abc import Callable

    from imaging_selection.delivery.deliveries import Deliveries
    from imaging_selection.host.files import Files
    from imaging_selection.host.names import NameReport
    from imaging_selection.host.source import OrthancSource
    from imaging_selection.store.engine import Database
    from imaging_selection.store.ledger import Ledger
    from imaging_selection.store.measurements import Measurements
    from imaging_selection.sync.inventory import Counts, Inventory
    from imaging_selection.sync.reconcile import Reconciler
    from imaging_selection.sync.schedule import Schedule
    from imaging_selection.sync.work_queue import WorkQueue
    from imaging_selection.sync.worker import Worker

log = logging.getLogger(__name__)

MAXIMUM_FAILURES = 100  # of measurements, in one answer
# Kind of objects -> in the name of its metrics.
_METRICS = {
    "structureSets": "structure_sets",
    "segmentations": "segmentations",
    "reports": "reports",
}
STATUS_SECONDS = 0.08  # that a comparison may take for an answer


class Status:
    """Compares Orthanc with the store."""

    def __init__(  # noqa: PLR0913 - the composition root names each
        self,
        *,
        source: OrthancSource,
        database: Database,
        ledger: Ledger,
        queue: WorkQueue,
        inventory: Inventory,
        schedule: Schedule,
        reconciler: Reconciler,
        worker: Worker,
        files: Files,
        measurements: Measurements | None,
        names: NameReport | None,
        mapping_version: Callable[[], str],
        deliveries: Deliveries | None = None,
    ) -> None:
        self._source = source
        self._deliveries = deliveries
        self._database = database
        self._ledger = ledger
        self._queue = queue
        self._inventory = inventory
        self._schedule = schedule
        self._reconciler = reconciler
        self._worker = worker
        self._files = files
        self._measurements = measurements
        self._names = names
        self._mapping_version = mapping_version
        self._comparing = ThreadPoolExecutor(2, "imaging-selection-status")
        self._last: tuple[float, dict[str, Any]] | None = None  # and when it began

    def stop(self) -> None:
        """Wait for the comparisons that run, and begin no more."""
        self._comparing.shutdown(cancel_futures=True)
        if self._names is not None:
            self._names.stop()

    def read(self) -> dict[str, Any]:
        """Compare Orthanc with the store: nothing is missing when `waiting` is 0.

        If one of them is slow, these are the numbers of the last comparison, and a
        problem says so. In an outage every object is waiting that cannot be checked.
        """
        comparison = self._comparing.submit(self._compare)
        try:
            return comparison.result(STATUS_SECONDS)
        except FutureTimeoutError:
            comparison.cancel()
        then, last = self._last or (None, self._describe({}, [], [], None))
        age = "" if then is None else f", {time.monotonic() - then:.0f} seconds old"
        slow = f"the store or Orthanc is slow: these numbers are not certain{age}"
        return last | {"problems": [*last["problems"], slow]}

    def _compare(self) -> dict[str, Any]:
        began = time.monotonic()
        self._reconciler.wait_until_counted(STATUS_SECONDS / 2)
        try:
            self._database.ping()  # the store first, as in `Plugin.below`
            self._worker.read_changes()
            failures = self._ledger.failures()
            findings = self._ledger.findings(MAXIMUM_FINDINGS + 1)
            stored = self._count_rows()
            measured = self._measured()
            deliveries = self._deliveries.status() if self._deliveries else []
        except (SourceError, StoreError) as error:
            status = self._describe({}, [], [], None, str(error))
        else:
            status = self._describe(stored, failures, findings, measured)
            status["deliveries"] = deliveries
        self._last = began, status
        return status

    def _describe(
        self,
        stored: dict[str, tuple[int, int]],
        failures: list[dict[str, object]],
        findings: list[dict[str, object]],
        measured: dict[str, object] | None,
        *problems_found: str,
    ) -> dict[str, Any]:
        problems = [*problems_found]
        if self._files.problem:
            problems.append(self._files.problem)
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
            stored=sum(converted for converted, _ in stored.values()),
            is_counted=is_counted,
        )
        return {
            "version": __version__,
            "mappingVersion": self._mapping_version(),
            "store": self._database.kind,
            "processes": self._files.processes,
            "structureSets": numbers.total,
            "converted": numbers.converted,
            "waiting": numbers.waiting,
            "failed": [each for each in failures if each["instance"] in counts.failed],
            "kinds": {
                kind: numbers_of_kind(counts, stored, kind)._asdict() for kind in GROUPS
            },
            "removing": len(self._queue.departures),
            "lagSeconds": round(self._worker.lag, 3),
            "sweep": self._reconciler.progress(),
            "findings": findings[:MAXIMUM_FINDINGS],
            "moreFindings": len(findings) > MAXIMUM_FINDINGS,
            "measurements": measured,
            "names": self._names.read() if self._names else None,
            "deliveries": [],
            "problems": problems,
        }

    def _measured(self) -> dict[str, object] | None:
        """Return what is measured, and what is not; None if nothing is to be."""
        if self._measurements is None:
            return None
        counts = self._measurements.count(self._mapping_version())
        failures = self._measurements.failures(MAXIMUM_FAILURES + 1)
        return {
            "measured": counts.measured,
            "waiting": counts.waiting,
            "failed": failures[:MAXIMUM_FAILURES],
            "moreFailed": len(failures) > MAXIMUM_FAILURES,
        }

    def _count_rows(self) -> dict[str, tuple[int, int]]:
        """Count the objects that the store has converted, and those that failed.

        By kind. Of the converted ones none counts when all are to be converted again.
        To be called before the inventory is counted, where they are pending soon after.
        """
        rows = self._ledger.count(self._mapping_version())
        is_forced = self._schedule.is_forced
        return {
            kind: (0 if is_forced else converted, failed)
            for kind, (converted, failed) in rows.items()
        }

    def publish_metrics(self) -> None:
        """Publish the numbers as Orthanc's metrics; sweep if rows are missing."""
        rows: dict[str, tuple[int, int]] = {}
        with suppress(StoreError):  # then every object is waiting
            rows = self._count_rows()
            is_swept = self._reconciler.is_running or self._schedule.is_requested
            is_idle = not self._inventory.pending and not is_swept
            if is_idle and sum(map(sum, rows.values())) < len(self._inventory):
                log.warning("rows are missing in the store: a sweep begins")
                self._worker.reconcile()
        counts = self._inventory.count(())
        numbers = completeness(
            known=counts.known,
            pending=counts.pending,
            failed=sum(failed for _, failed in rows.values()),
            stored=sum(converted for converted, _ in rows.values()),
            is_counted=self._reconciler.is_counted,
        )
        self._measure("", numbers)
        self._source.measure("imaging_selection_lag_seconds", self._worker.lag)
        for kind in GROUPS:
            _, failed = rows.get(kind, (0, 0))
            of_kind = numbers_of_kind(counts, rows, kind, failed)
            self._measure(f"_{_METRICS[kind]}", of_kind)
        if self._deliveries:
            with suppress(StoreError):
                for name, value in self._deliveries.measures():
                    self._source.measure(f"imaging_selection_{name}", value)

    def _measure(self, kind: str, numbers: Completeness) -> None:
        for name in ("converted", "waiting", "failed"):
            value = getattr(numbers, name)
            self._source.measure(f"imaging_selection_{name}{kind}", value)


def numbers_of_kind(
    counts: Counts,
    stored: dict[str, tuple[int, int]],
    kind: str,
    failed: int | None = None,
) -> Completeness:
    """Compute how complete the store is for one kind of objects.

    Parameters
    ----------
    failed
        How many failed; None: as many as the inventory has counted.
    """
    known, pending, confirmed = counts.by_kind.get(kind, (0, 0, 0))
    converted, _ = stored.get(kind, (0, 0))
    return completeness(
        known=known,
        pending=pending,
        failed=confirmed if failed is None else failed,
        stored=converted,
        is_counted=True,  # what is not counted yet is of no known kind
    )
