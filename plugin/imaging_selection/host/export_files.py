"""Writes the files of an export: NDJSON from the store, a page at a time."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import IO, TYPE_CHECKING, Self, TypeAlias

from imaging_selection.api.changes import FOREVER
from imaging_selection.api.r4 import name_in
from imaging_selection.fhir.datatypes import dumps
from imaging_selection.fhir.r4 import json_to_r4
from imaging_selection.search.criteria import (
    Criterion,
    DateMatch,
    Query,
    TokenMatch,
    within_patient,
)
from imaging_selection.search.parameters import PATIENT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from imaging_selection.api.bulk_export import Order
    from imaging_selection.api.ports import SelectionReader

FILE_BYTES = 16 << 20
_AT_A_TIME = 100  # resources; some are large
_REST = 0.002  # seconds after each page, in which requests have the interpreter
_DELETIONS = 100  # in a Bundle


@dataclass(slots=True)
class ExportFile:
    """A file of an export; `count` resources, or Bundles of deletions."""

    name: str
    resource_type: str
    count: int = 0


@dataclass(slots=True)
class Job:
    """An export: see `api.bulk_export.Export`."""

    order: Order
    folder: Path
    transaction_time: datetime
    expires: datetime
    done: bool = False
    problem: str | None = None
    resources: int = 0
    size: int = 0
    cancelled: bool = False
    output: list[ExportFile] = field(default_factory=list)
    deleted: list[ExportFile] = field(default_factory=list)


Check: TypeAlias = Callable[[Job], None]


def write_export(job: Job, reader: SelectionReader, check: Check) -> None:
    """Write the files of an export.

    Parameters
    ----------
    check
        Called before each line; it raises to end the export.
    """
    is_r4 = job.order.fhir_version == "4.0"
    for kind in job.order.types:
        name = name_in(job.order.fhir_version, kind)
        with _Files(job, name, name, job.output, check) as files:
            for resource in _resources(job.order, kind, reader):
                files.write(json_to_r4(resource) if is_r4 else resource)
                job.resources += 1
    # Of a deleted resource nobody knows the patient.
    if job.order.since is not None and job.order.patient is None:
        with _Files(job, "deleted", "Bundle", job.deleted, check) as files:
            for bundle in _deletions(job.order, reader):
                files.write(bundle)


def _resources(order: Order, kind: str, reader: SelectionReader) -> Iterator[bytes]:
    query = Query(_criteria_of(order, kind), _AT_A_TIME, resource_type=kind)
    while True:
        page = reader.search(query)
        for each in page.matches:
            yield each.resource
        if page.next_after is None:
            return
        query = replace(query, after=page.next_after)
        time.sleep(_REST)


def _deletions(order: Order, reader: SelectionReader) -> Iterator[bytes]:
    """Yield Bundles of what was deleted, the last one first."""
    after = None
    entries = []
    while True:
        changes, after = reader.history(
            order.types, (order.since or 0, FOREVER), _AT_A_TIME, after
        )
        for each in changes:
            if each.stored.deleted:
                kind = name_in(order.fhir_version, each.resource_type)
                url = f"{kind}/{each.stored.id}"
                entries.append({"request": {"method": "DELETE", "url": url}})
        if entries and (after is None or len(entries) >= _DELETIONS):
            yield dumps(
                {"resourceType": "Bundle", "type": "transaction", "entry": entries}
            )
            entries = []
        if after is None:
            return
        time.sleep(_REST)


class _Files:
    """Writes lines of one type into files of a bounded size."""

    def __init__(
        self,
        job: Job,
        name: str,
        resource_type: str,
        files: list[ExportFile],
        check: Check,
    ) -> None:
        self._job = job
        self._name = name
        self._type = resource_type
        self._files = files
        self._check = check
        self._out: IO[bytes] | None = None
        self._size = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._out:
            self._out.close()

    def write(self, line: bytes) -> None:
        self._check(self._job)
        if self._out is None or self._size + len(line) >= FILE_BYTES:
            self.__exit__()
            name = f"{self._name}.{len(self._files) + 1}.ndjson"
            self._files.append(ExportFile(name, self._type))
            self._out = (self._job.folder / name).open("wb")
            self._size = 0
        self._out.write(line + b"\n")
        self._size += len(line) + 1
        self._job.size += len(line) + 1
        self._files[-1].count += 1


def _criteria_of(order: Order, kind: str) -> tuple[Criterion, ...]:
    criteria = []
    if order.patient is not None:
        criteria.append(
            Criterion("_id", (TokenMatch(None, order.patient),))
            if kind == PATIENT
            else within_patient(order.patient)
        )
    if order.since is not None:
        match = DateMatch("ge", order.since, order.since + 1)
        criteria.append(Criterion("_lastUpdated", (match,)))
    return tuple(criteria)
