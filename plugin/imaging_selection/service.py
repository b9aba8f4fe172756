"""The composition root: settings and a source of DICOM become a running plugin."""

from __future__ import annotations

import logging
from collections import Counter
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Protocol

import orjson

from imaging_selection import __version__
from imaging_selection.answers import json_response, unavailable
from imaging_selection.api import STATUS_PATH, Api, Site
from imaging_selection.fhir import dumps
from imaging_selection.ingest import Conversion, DicomSource, Ingest
from imaging_selection.mapping import (
    Choices,
    build_selections,
    findings_of,
    version_of,
)
from imaging_selection.protocols import Archive
from imaging_selection.rtstruct import parse_structure_set
from imaging_selection.search_index import index_of
from imaging_selection.store.engine import Database
from imaging_selection.store.ledger import CONVERTED, Ledger
from imaging_selection.store.selections import Draft, Selections

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imaging_selection.config import Settings
    from imaging_selection.identity import OrthancIds
    from imaging_selection.messages import Request, Response
    from imaging_selection.store.ledger import LedgerEntry

log = logging.getLogger(__name__)


class Source(DicomSource, Archive, Protocol):
    """What the plugin asks of Orthanc."""

    def below(self, level: str, orthanc_id: str) -> list[str] | None:
        """List the RTSTRUCT instances of a series, study or patient; None if unknown.

        `level` is `series`, `studies` or `patients`.
        """


def convert(file: bytes, ids: OrthancIds, choices: Choices) -> Conversion:
    """Turn a DICOM file into what the store keeps of it."""
    structure_set = parse_structure_set(file)
    drafts = tuple(
        Draft(
            id=resource["id"],
            content=dumps(resource),
            index=index_of(resource),
        )
        for resource in build_selections(structure_set, ids, choices)
    )
    return Conversion(drafts, orjson.dumps(findings_of(structure_set)))


class Plugin:
    """The running plugin: hears of Orthanc's instances, answers requests.

    It is the API's `Catalogue`: ledger, worker and Orthanc seen together.

    Parameters
    ----------
    database_url
        SQLAlchemy URL of the store.
    """

    def __init__(self, settings: Settings, source: Source, database_url: str) -> None:
        choices = Choices(
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
        self._mapping_version = version_of(choices)
        self._ingest = Ingest(
            source,
            partial(convert, choices=choices),
            selections,
            self._ledger,
            mapping_version=self._mapping_version,
            interval=settings.reconcile_interval,
        )
        site = Site(
            settings.fhir_root,
            settings.public_base_url,
            settings.trust_forwarded_headers,
            settings.maximum_page_size,
            settings.cors_origins,
            settings.timezone,
        )
        self.handle = Api(selections, self, source, site).handle
        self.start = self._ingest.start
        self.arrived = self._ingest.arrived
        self.left = self._ingest.left
        self.is_waiting = self._ingest.is_waiting
        self.reconcile = self._ingest.reconcile
        self.below = source.below
        self.file = source.file

    def stop(self) -> None:
        """Stop the worker and let go of the store."""
        self._ingest.stop()
        self._database.close()

    def entry(self, instance_id: str) -> LedgerEntry | None:
        """Tell what became of a structure set, after converting it if that is due."""
        if not self.is_waiting(instance_id):
            entry = self._ledger.read(instance_id)
            if entry is not None:
                return entry
        return self._ingest.update(instance_id)

    def status(self) -> dict[str, Any]:
        """Compare Orthanc with the ledger: nothing is lost when `waiting` is 0."""
        states = self._ledger.states()
        present = self._source.structure_sets()
        settled = {
            name
            for name in present & states.keys()
            if states[name].mapping_version == self._mapping_version
            and not self.is_waiting(name)
        }
        known = Counter(states[name].state for name in settled)
        failures = self._ledger.failures()
        return {
            "version": __version__,
            "mappingVersion": self._mapping_version,
            "store": self._database.kind,
            "structureSets": len(present),
            "converted": known[CONVERTED],
            "waiting": len(present) - len(settled),
            "failed": [each for each in failures if each["instance"] in settled],
            "removing": len(states.keys() - present),
            "lagSeconds": round(self._ingest.lag, 3),
            "findings": self._ledger.findings(),
            "problems": [],
        }


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
        return unavailable("; ".join(self._problems))

    def start(self) -> None:
        """Nothing to start."""

    def stop(self) -> None:
        """Nothing to stop."""

    def arrived(self, instance_id: str) -> None:
        """Nothing: a sweep will find it once the configuration is mended."""

    def left(self, instance_id: str) -> None:
        """Nothing, likewise."""
