"""`$export`: everything as files, made in the background.

HL7 Bulk Data Access 2.0.0 (asynchronous request pattern, FHIR R5 async-bulk.html). A
request begins an export; its status is polled, and names files of NDJSON at last.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC
from email.utils import format_datetime
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Protocol

from imaging_selection.api.http import Response, Route
from imaging_selection.api.r4 import BELOW, name_in
from imaging_selection.api.responses import (
    HttpError,
    bad_request,
    fhir_response,
    json_response,
    not_found,
)
from imaging_selection.api.urls import Urls
from imaging_selection.errors import SearchError
from imaging_selection.fhir.bundles import operation_outcome
from imaging_selection.search.normalize import interval_of
from imaging_selection.search.parameters import STORED
from imaging_selection.search.patient_parameters import refuse_if_patient

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime, tzinfo

    from imaging_selection.api.http import FhirVersion, Request
    from imaging_selection.api.ports import SiteSettings
    from imaging_selection.fhir.datatypes import Resource

NDJSON = "application/fhir+ndjson"
_FORMATS = {NDJSON, "application/ndjson", "ndjson"}
_POLL_SECONDS = 2
_IGNORED = {"_format", "_pretty"}


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be exported.

    Attributes
    ----------
    url
        The URL of the request.
    types
        Of the types that the store has.
    since
        Only what has changed since then: microseconds since 1970.
    patient
        Only of the patient with this id.
    fhir_version
        The version of FHIR that the resources are written in.
    """

    url: str
    types: tuple[str, ...] = STORED
    since: int | None = None
    patient: str | None = None
    fhir_version: FhirVersion = "5.0"


class File(Protocol):
    """A file of an export."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def resource_type(self) -> str: ...  # noqa: D102
    @property
    def count(self) -> int: ...  # noqa: D102


class Export(Protocol):
    """The state of an export."""

    @property
    def order(self) -> Order: ...  # noqa: D102

    @property
    def done(self) -> bool: ...  # noqa: D102

    @property
    def problem(self) -> str | None:
        """Why it has failed."""

    @property
    def resources(self) -> int:
        """How many resources are written so far."""

    @property
    def transaction_time(self) -> datetime:
        """What changed before this moment is in the export."""

    @property
    def expires(self) -> datetime:
        """When the files are removed."""

    @property
    def output(self) -> Sequence[File]: ...  # noqa: D102
    @property
    def deleted(self) -> Sequence[File]: ...  # noqa: D102


class Exports(Protocol):
    """The exports, which are made in the background."""

    def begin(self, order: Order) -> str:
        """Begin an export, and return its id, which nobody can guess.

        Raises
        ------
        BusyError
            There is no room for another one.
        """

    def find(self, export_id: str) -> Export | None:
        """Return an export; None if there is none of this id, or it has expired."""

    def read(self, export_id: str, name: str) -> Iterator[bytes] | None:
        """Return a file of an export, in parts; None if there is none."""

    def remove(self, export_id: str) -> bool:
        """Cancel an export, or remove its files; False if there is none."""


def wants_file(request: Request) -> bool:
    """Return whether a request is for a file of an export, which is large."""
    return "/$export/" in request.path and request.path.endswith(".ndjson")


class BulkExport:
    """Handles the requests for exports, in one version of FHIR."""

    def __init__(
        self, exports: Exports, settings: SiteSettings, version: FhirVersion = "5.0"
    ) -> None:
        below = BELOW if version == "4.0" else ""
        self._exports = exports
        self._version = version
        self._root = settings.fhir_root + below
        self._zone = settings.timezone or UTC
        self._urls = Urls(settings, below)

    def routes(self) -> Iterator[Route]:
        """List the routes."""
        version = self._version
        one = f"{self._root}/$export/{{id}}"
        for method, path, handler, operation in (
            *(
                ("GET", f"{self._root}{each}/$export", self._begin_at(each), "$export")
                for each in ("", "/Patient", "/Patient/{id}")
            ),
            ("GET", one, self._status, "export-status"),
            ("DELETE", one, self._remove, "export-status"),
        ):
            yield Route(method, path, handler, operation, fhir_version=version)
        yield Route("GET", f"{one}/{{name}}", self._read, "export-file", "json")

    def _begin_at(self, path: str) -> Callable[..., Response]:
        return partial(self._begin, path)

    def _begin(self, path: str, request: Request, patient: str = "") -> Response:
        if "respond-async" not in re.split(
            r"[,;\s]+", request.headers.get("prefer", "").lower()
        ):
            text = "an export needs the header Prefer: respond-async"
            raise bad_request("required", text, "http.Prefer")
        base = self._urls.base_url(request)
        asked = _Asked(self._version)
        for name, value in request.parameters:
            asked.add(name, value, self._zone)
        where = path.replace("{id}", patient).strip("/")
        url = self._urls.search_url(request, f"{where}/$export".strip("/"), asked.pairs)
        order = Order(url, asked.types, asked.since, patient or None, self._version)
        export_id = self._exports.begin(order)
        outcome = operation_outcome(
            "informational", "the export has begun", severity="information"
        )
        headers = {"Content-Location": f"{base}/$export/{export_id}"}
        return fhir_response(outcome, HTTPStatus.ACCEPTED, headers)

    def _status(self, request: Request, export_id: str) -> Response:
        export = self._find(export_id)
        if export.problem:
            raise HttpError(
                HTTPStatus.INTERNAL_SERVER_ERROR, "exception", export.problem
            )
        if not export.done:
            progress = f"{export.resources} resources"
            headers = {"X-Progress": progress, "Retry-After": str(_POLL_SECONDS)}
            outcome = operation_outcome(
                "informational", progress, severity="information"
            )
            return fhir_response(outcome, HTTPStatus.ACCEPTED, headers)
        below = f"{self._urls.base_url(request)}/$export/{export_id}"
        response = json_response(
            {
                "transactionTime": export.transaction_time.isoformat(
                    timespec="milliseconds"
                ),
                "request": export.order.url,
                "requiresAccessToken": True,  # as of every route of Orthanc
                "output": [_entry(below, each) for each in export.output],
                "deleted": [_entry(below, each) for each in export.deleted],
                "error": [],
            }
        )
        expires = {"Expires": format_datetime(export.expires, usegmt=True)}
        return replace(response, headers={**response.headers, **expires})

    def _read(self, _request: Request, export_id: str, name: str) -> Response:
        self._find(export_id)
        parts = self._exports.read(export_id, name)
        if parts is None:
            raise not_found("the export has no such file")
        headers = {"Cache-Control": "private, no-store"}
        return Response(HTTPStatus.OK, parts, NDJSON, headers)

    def _remove(self, _request: Request, export_id: str) -> Response:
        if not self._exports.remove(export_id):
            raise _unknown()
        text = "the export is cancelled, and its files are removed"
        outcome = operation_outcome("informational", text, severity="information")
        return fhir_response(outcome, HTTPStatus.ACCEPTED)

    def _find(self, export_id: str) -> Export:
        export = self._exports.find(export_id)
        if export is None:
            raise _unknown()
        return export


def _unknown() -> HttpError:
    return not_found("there is no such export, or it has expired")


def _entry(below: str, file: File) -> Resource:
    return {
        "type": file.resource_type,
        "url": f"{below}/{file.name}",
        "count": file.count,
    }


class _Asked:
    """The parameters of an export."""

    def __init__(self, version: FhirVersion) -> None:
        self._types = {name_in(version, each): each for each in STORED}
        self.types: tuple[str, ...] = STORED
        self.since: int | None = None
        self.pairs: list[tuple[str, str]] = []

    def add(self, name: str, value: str, zone: tzinfo) -> None:
        """Take a parameter; one that has no effect would export more than was asked.

        Raises
        ------
        SearchError
            It is malformed, or not supported.
        """
        if name in _IGNORED:
            return
        refuse_if_patient(name, "")
        if name == "_outputFormat":
            self._require_format(value)
        elif name == "_type":
            self._add_types(value)
        elif name == "_since":
            interval = interval_of(value, zone)
            if interval is None:
                raise SearchError("_since is an instant", name, "value")
            self.since = interval[0]
        else:
            raise SearchError(f"{name} is not supported here", name, "not-supported")
        self.pairs.append((name, value))

    def _require_format(self, value: str) -> None:
        # The + of a type that was not escaped in the URL arrives as a blank.
        if value.replace(" ", "+") not in _FORMATS:
            text = f"_outputFormat is {NDJSON}"
            raise SearchError(text, "_outputFormat", "not-supported")

    def _add_types(self, value: str) -> None:
        wanted = {each.strip() for each in value.split(",")}
        self.types = tuple(each for name, each in self._types.items() if name in wanted)
        if len(self.types) < len(wanted):
            listed = ", ".join(self._types)
            raise SearchError(f"_type is some of {listed}", "_type", "not-supported")
