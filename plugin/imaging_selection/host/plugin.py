"""The composition root: settings and a source of DICOM become a running plugin."""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Protocol

import orjson

from imaging_selection import __version__
from imaging_selection.api.ports import Archive
from imaging_selection.api.referenced import ENDPOINT
from imaging_selection.api.responses import json_response, unavailable
from imaging_selection.api.router import STATUS_PATH, Api, Site
from imaging_selection.dicom.rtstruct.reader import parse_structure_set
from imaging_selection.errors import SourceError, StoreError
from imaging_selection.fhir.datatypes import dumps
from imaging_selection.mapping.rtstruct.imaging_selection import (
    Choices,
    build_selections,
    findings_of,
    version_of,
)
from imaging_selection.search.extract import index_of
from imaging_selection.store.engine import Database
from imaging_selection.store.ledger import Ledger
from imaging_selection.store.selections import Selections
from imaging_selection.store.writing import Draft
from imaging_selection.sync.convert import Conversion
from imaging_selection.sync.worker import Ingest
from imaging_selection.sync.worker import Source as IngestSource
from imaging_selection.viewer.routes import degraded_page

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imaging_selection.api.http import Request, Response
    from imaging_selection.host.config import Settings
    from imaging_selection.ids import OrthancIds
    from imaging_selection.store.ledger import LedgerEntry

log = logging.getLogger(__name__)

# Structure sets whose findings the status lists, and findings of each: of an archive,
# nearly all have some, and a search by `_tag` finds them.
MOST_FINDINGS = 100
COUNT_SECONDS = 2.0  # that a status may take while Orthanc's structure sets are counted


class Source(IngestSource, Archive, Protocol):
    """What the plugin asks of Orthanc."""

    def measure(self, name: str, value: float) -> None:
        """Publish a metric."""

    def below(self, level: str, orthanc_id: str) -> list[str] | None:
        """List the RTSTRUCT instances of a series, study or patient; None if unknown.

        `level` is `series`, `studies` or `patients`.
        """


def convert(file: bytes, ids: OrthancIds, choices: Choices) -> Conversion:
    """Turn a DICOM file into what the store keeps of it."""
    structure_set = parse_structure_set(file)
    drafts = tuple(
        Draft(
            resource_type=resource["resourceType"],
            id=resource["id"],
            content=dumps(resource),
            index=index_of(resource),
        )
        for resource in build_selections(structure_set, ids, choices)
    )
    # The resources have all of them; the status does with the first.
    findings = findings_of(structure_set)[:MOST_FINDINGS]
    return Conversion(drafts, orjson.dumps(findings))


class Plugin:
    """The running plugin: hears of Orthanc's instances, answers requests.

    It is the API's `Catalogue`: ledger, worker and Orthanc seen together.

    Parameters
    ----------
    database_url
        SQLAlchemy URL of the store.
    scheme
        What Orthanc speaks: http or https.
    """

    def __init__(
        self, settings: Settings, source: Source, database_url: str, scheme: str
    ) -> None:
        self._configured = Choices(
            settings.levels,
            settings.sop_class_coding,
            settings.timezone,
            settings.patient_identifier_system,
            settings.accession_number_system,
        )
        self._source = source
        self._database = Database(database_url)
        self._ledger = Ledger(self._database)
        selections = Selections(self._database)
        self._ingest = Ingest(
            source,
            lambda file, ids: convert(file, ids, self._choices),
            selections,
            self._ledger,
            mapping_version=self._mapping_version,
            interval=settings.reconcile_interval,
            report=self._publish,
        )
        site = Site(
            settings.fhir_root,
            settings.public_base_url,
            settings.trust_forwarded_headers,
            settings.maximum_page_size,
            settings.cors_origins,
            settings.timezone,
            scheme,
        )
        self.handle = Api(selections, self, source, site).handle
        self.start = self._ingest.start
        self.arrived = self._ingest.arrived
        self.left = self._ingest.left
        self.is_waiting = self._ingest.is_waiting
        self.reconcile = self._ingest.reconcile
        self.file = source.file

    @cached_property
    def _choices(self) -> Choices:
        """What shapes the resources. Orthanc tells no plugin of the others at first."""
        present = self._source.dicom_web_root() is not None
        endpoint = f"Endpoint/{ENDPOINT}" if present else None
        return replace(self._configured, endpoint=endpoint)

    def _mapping_version(self) -> str:
        return version_of(self._choices)

    def stop(self) -> None:
        """Stop the worker and let go of the store."""
        self._ingest.stop()
        self._database.close()

    def entry(self, orthanc_id: str) -> LedgerEntry | None:
        """Tell what became of a structure set, after converting it if that is due."""
        if not self.is_waiting(orthanc_id):
            entry = self._ledger.read(orthanc_id)
            if entry is not None:
                return entry
        return self._ingest.update(orthanc_id)

    def below(self, level: str, orthanc_id: str) -> list[str] | None:
        """List the structure sets of a series, study or patient; None if unknown."""
        # The store first: if it is out, Orthanc's index may be, and a question to
        # Orthanc then holds up every thread until it has given up on its database.
        self._ledger.place()
        return self._source.below(level, orthanc_id)

    def status(self) -> dict[str, Any]:
        """Compare Orthanc with the store: nothing is lost when `waiting` is 0.

        Answered in an outage too: whatever cannot be proven then is waiting.
        """
        problems: list[str] = []
        failures: list[dict[str, object]] = []
        findings: list[dict[str, object]] = []
        stored = 0
        self._ingest.wait_until_counted(COUNT_SECONDS)
        try:
            stored, _ = self._ledger.count(self._mapping_version())  # see `below`
            self._ingest.follow()
            failures = self._ledger.failures()
            findings = self._ledger.findings(MOST_FINDINGS + 1)
            stored, _ = self._ledger.count(self._mapping_version())
        except (SourceError, StoreError) as error:
            problems.append(str(error))
            stored = 0
        if self._ingest.problem and self._ingest.problem not in problems:
            problems.append(self._ingest.problem)
        if self._ingest.is_forced:
            stored = 0
        names = {str(each["instance"]) for each in failures}
        total, pending, names = self._ingest.census.tally(names)
        failed = [each for each in failures if each["instance"] in names]
        if not self._ingest.is_counted:
            problems.append("Orthanc's structure sets are still being counted")
            if not pending:  # there may be more, and nothing is proven before
                total, pending = total + 1, 1
        # Both must say so: what is remembered as settled, and the rows of the store.
        converted = max(0, min(total - pending - len(failed), stored))
        waiting = total - converted - len(failed)
        return {
            "version": __version__,
            "mappingVersion": self._mapping_version(),
            "store": self._database.kind,
            "structureSets": total,
            "converted": converted,
            "waiting": waiting,
            "failed": failed,
            "removing": self._ingest.removing,
            "lagSeconds": round(self._ingest.lag, 3),
            "sweep": self._ingest.progress(),
            "findings": findings[:MOST_FINDINGS],
            "moreFindings": len(findings) > MOST_FINDINGS,
            "problems": problems,
        }

    def _publish(self) -> None:
        stored = failed = 0
        with suppress(StoreError):  # nothing is proven then: all are waiting
            stored, failed = self._ledger.count(self._mapping_version())
            if not self._ingest.census.pending and stored + failed < len(
                self._ingest.census
            ):
                log.warning("rows are missing in the store")
                self.reconcile()
        total, pending, _ = self._ingest.census.tally(())
        converted = max(0, min(total - pending - failed, stored))
        for name, value in (
            ("converted", converted),
            ("waiting", max(0, total - converted - failed)),
            ("failed", failed),
            ("lag_seconds", self._ingest.lag),
        ):
            self._source.measure(f"imaging_selection_{name}", value)


class Degraded:
    """Stands in for the plugin when the configuration cannot be used.

    Orthanc goes on; every route answers 503 with the reason.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        self._problems = tuple(problems)

    def handle(self, request: Request) -> Response:
        """Say what is wrong."""
        if request.path == STATUS_PATH:
            status = {"version": __version__, "problems": self._problems}
            return json_response(status, HTTPStatus.SERVICE_UNAVAILABLE)
        if page := degraded_page(request):
            return page
        return unavailable("; ".join(self._problems), passes=False)

    def start(self) -> None:
        """Nothing to start."""

    def stop(self) -> None:
        """Nothing to stop."""

    def arrived(self, orthanc_id: str) -> None:
        """Nothing: a sweep will find it once the configuration is mended."""

    def left(self, orthanc_id: str) -> None:
        """Nothing, likewise."""
