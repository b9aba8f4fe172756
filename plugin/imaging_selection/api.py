"""Request -> Response: the FHIR API, and the routes beside Orthanc's own resources.

Neither Orthanc nor SQL is known here. Every error is raised as an exception that
carries facts; `Api.handle` alone turns it into a status and an OperationOutcome.
FHIR R5 http.html.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Protocol

import orjson

from imaging_selection import fhir
from imaging_selection.capability import capability_statement
from imaging_selection.errors import (
    ImagingSelectionError,
    SearchError,
    SourceError,
    StoreError,
)
from imaging_selection.messages import Request, Response
from imaging_selection.search import cursor_of, encode, parse_query

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from imaging_selection.fhir import Resource
    from imaging_selection.search import Query

log = logging.getLogger(__name__)

JSON = "application/json"
STATUS_PATH = "/imaging-selection/status"

_ORTHANC_ID = r"[0-9a-f]{8}(?:-[0-9a-f]{8}){4}"
_INSTANCE_PART = re.compile(rf"({_ORTHANC_ID})(?:-.*)?")


class StoredSelection(Protocol):
    """A selection as the store has it; `resource` is its JSON as it is served."""

    @property
    def id(self) -> str: ...  # noqa: D102
    @property
    def deleted(self) -> bool: ...  # noqa: D102
    @property
    def version_id(self) -> int: ...  # noqa: D102
    @property
    def last_updated(self) -> str: ...  # noqa: D102
    @property
    def resource(self) -> bytes: ...  # noqa: D102


class Page(Protocol):
    """Matches of a search, and the key after which more follow, if any do."""

    @property
    def matches(self) -> tuple[StoredSelection, ...]: ...  # noqa: D102
    @property
    def next_after(self) -> int | None: ...  # noqa: D102


class SelectionReader(Protocol):
    """Where selections are read."""

    def read(self, selection_id: str) -> StoredSelection | None:
        """Find a selection by its id; a deleted one too."""

    def search(self, query: Query) -> Page:
        """Find a page of selections."""

    def count(self, query: Query) -> int:
        """Count the selections that a search finds."""

    def below(self, instance_ids: Iterable[str]) -> tuple[StoredSelection, ...]:
        """List the selections of some structure sets."""


class Entry(Protocol):
    """What became of a structure set; the reason of a failure."""

    @property
    def reason(self) -> str | None: ...  # noqa: D102


class Catalogue(Protocol):
    """The structure sets, as far as requests touch on their conversion."""

    def is_waiting(self, instance_id: str) -> bool:
        """Tell whether the store may be behind Orthanc on a structure set."""

    def entry(self, instance_id: str) -> Entry | None:
        """Tell what became of a structure set, after converting it if that is due.

        None when Orthanc holds no structure set of this id.
        """

    def below(self, level: str, orthanc_id: str) -> list[str] | None:
        """List the structure sets of a series, study or patient; None if unknown."""

    def status(self) -> dict[str, Any]:
        """Tell how complete the store is (route `status`)."""

    def reconcile(self, *, force: bool) -> None:
        """Ask for a sweep now."""


@dataclass(frozen=True, slots=True)
class Site:
    """How the API is reached, from the configuration."""

    fhir_root: str = "/fhir"
    public_base_url: str | None = None
    trust_forwarded_headers: bool = False
    maximum_page_size: int = 500


class _HttpError(Exception):
    """An answer other than 200, with its OperationOutcome."""

    def __init__(
        self,
        status: HTTPStatus,
        issue_type: str,
        diagnostics: str,
        *,
        expression: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(diagnostics)
        self.status = status
        self.headers = headers or {}
        self.outcome = fhir.operation_outcome(
            issue_type, diagnostics, expression=expression
        )


def _not_found(what: str) -> _HttpError:
    return _HttpError(HTTPStatus.NOT_FOUND, "not-found", what)


def unavailable(reason: str) -> Response:
    """Answer 503 with a reason: the plugin runs, but cannot serve."""
    return _fhir_response(
        HTTPStatus.SERVICE_UNAVAILABLE,
        fhir.operation_outcome("transient", reason),
        {"Retry-After": "10"},
    )


def _fhir_response(
    status: HTTPStatus,
    resource: Resource | bytes,
    headers: dict[str, str] | None = None,
) -> Response:
    body = resource if isinstance(resource, bytes) else fhir.dumps(resource)
    return Response(status, body, fhir.FHIR_JSON, headers or {})


def json_response(value: object, status: HTTPStatus = HTTPStatus.OK) -> Response:
    """Answer with plain JSON, on the routes that are not FHIR."""
    return Response(status, orjson.dumps(value), JSON)


def _version(stored: StoredSelection) -> dict[str, str]:
    """Name the version and its time as headers (R5 http.html 3.2.0.2, read)."""
    modified = datetime.fromisoformat(stored.last_updated)
    return {
        "ETag": f'W/"{stored.version_id}"',
        "Last-Modified": format_datetime(modified, usegmt=True),
    }


class Api:
    """Answers every request below the plugin's routes."""

    def __init__(
        self, reader: SelectionReader, catalogue: Catalogue, site: Site
    ) -> None:
        self._reader = reader
        self._catalogue = catalogue
        self._site = site
        root = re.escape(site.fhir_root)
        # (path, {method: handler}): the groups of the path are the handler's arguments.
        self._routes: list[
            tuple[re.Pattern[str], dict[str, Callable[..., Response]]]
        ] = [
            (re.compile(path), handlers)
            for path, handlers in (
                (r"/instances/([^/]+)/imaging-selection", {"GET": self._of_instance}),
                (
                    r"/(series|studies|patients)/([^/]+)/imaging-selection",
                    {"GET": self._below},
                ),
                (rf"{root}/metadata", {"GET": self._metadata}),
                (rf"{root}/ImagingSelection/?", {"GET": self._search}),
                (rf"{root}/ImagingSelection/_search", {"POST": self._search}),
                (rf"{root}/ImagingSelection/([^/_$][^/]*)", {"GET": self._read}),
                (STATUS_PATH, {"GET": self._status}),
                (r"/imaging-selection/reconcile", {"POST": self._reconcile}),
            )
        ]

    def handle(self, request: Request) -> Response:
        """Answer a request; never raises."""
        try:
            return self._route(request)
        except _HttpError as error:
            return _fhir_response(error.status, error.outcome, error.headers)
        except SearchError as error:
            where = f"http.{error.parameter}" if error.parameter else None
            outcome = fhir.operation_outcome(
                error.issue_type, str(error), expression=where
            )
            return _fhir_response(HTTPStatus.BAD_REQUEST, outcome)
        except (SourceError, StoreError) as error:
            return unavailable(str(error))
        except ImagingSelectionError as error:
            outcome = fhir.operation_outcome("exception", str(error))
            return _fhir_response(HTTPStatus.INTERNAL_SERVER_ERROR, outcome)
        except Exception as error:  # noqa: BLE001 - Orthanc would answer in its own way
            # The text of an unforeseen error may hold patient data: named by its kind.
            log.error("request failed: %s", type(error).__name__)  # noqa: TRY400
            outcome = fhir.operation_outcome(
                "exception", f"internal error ({type(error).__name__})"
            )
            return _fhir_response(HTTPStatus.INTERNAL_SERVER_ERROR, outcome)

    def _route(self, request: Request) -> Response:
        for path, handlers in self._routes:
            if match := path.fullmatch(request.path):
                if request.method in handlers:
                    return handlers[request.method](request, *match.groups())
                raise _HttpError(
                    HTTPStatus.METHOD_NOT_ALLOWED,
                    "not-supported",
                    f"{request.method} is not possible here: this server is read-only",
                    headers={"Allow": ", ".join(handlers)},
                )
        raise _not_found(f"nothing is served here; see {self._site.fhir_root}/metadata")

    def _metadata(self, request: Request) -> Response:
        return _fhir_response(
            HTTPStatus.OK, capability_statement(self._base_url(request))
        )

    def _read(self, _request: Request, selection_id: str) -> Response:
        instance = _INSTANCE_PART.fullmatch(selection_id)
        if instance is None:
            raise _not_found("no ImagingSelection has this id")
        return self._selection(instance[1], selection_id)

    def _of_instance(self, _request: Request, instance_id: str) -> Response:
        return self._selection(instance_id, instance_id)

    def _selection(self, instance_id: str, selection_id: str) -> Response:
        """Answer a selection, converted on the spot if the store is behind Orthanc."""
        stored, entry = None, None
        if not self._catalogue.is_waiting(instance_id):
            stored = self._reader.read(selection_id)
        if stored is None:
            entry = self._catalogue.entry(instance_id)
            stored = self._reader.read(selection_id)
        if stored is not None and not stored.deleted:
            return _fhir_response(HTTPStatus.OK, stored.resource, _version(stored))
        if entry is not None and entry.reason is not None:
            raise _HttpError(
                HTTPStatus.UNPROCESSABLE_ENTITY, "processing", entry.reason
            )
        if stored is not None:
            raise _HttpError(HTTPStatus.GONE, "deleted", "this selection was deleted")
        if entry is not None:
            raise _not_found("the structure set has no ImagingSelection of this id")
        raise _not_found("Orthanc holds no RT Structure Set of this id")

    def _below(self, request: Request, level: str, orthanc_id: str) -> Response:
        instance_ids = self._catalogue.below(level, orthanc_id)
        if instance_ids is None:
            raise _not_found(f"Orthanc has no such resource in /{level}")
        reasons = []
        for instance_id in instance_ids:
            entry = self._catalogue.entry(instance_id)
            if entry is not None and entry.reason is not None:
                reasons.append(f"{instance_id}: {entry.reason}")
        matches = self._reader.below(instance_ids)
        base = self._base_url(request)
        bundle = fhir.searchset_bundle(
            self._entries(base, matches),
            self_link=f"{self._origin(request)}{request.path}",
            total=len(matches),
        )
        if reasons:  # what is missing is said, not hidden
            outcome = fhir.operation_outcome(
                "processing", "; ".join(reasons), severity="warning"
            )
            bundle.setdefault("entry", []).append(
                {"resource": outcome, "search": {"mode": "outcome"}}
            )
        return _fhir_response(HTTPStatus.OK, bundle)

    def _search(self, request: Request) -> Response:
        prefer = request.headers.get("prefer", "")
        query = parse_query(
            request.parameters,
            maximum=self._site.maximum_page_size,
            strict="handling=strict" in prefer.replace(" ", ""),
        )
        base = self._base_url(request)
        link = f"{base}/ImagingSelection?"
        if query.count == 0:
            bundle = fhir.searchset_bundle(
                (),
                self_link=link + encode(query.applied),
                total=self._reader.count(query),
            )
            return _fhir_response(HTTPStatus.OK, bundle)
        page = self._reader.search(query)
        following = None
        if page.next_after is not None:
            cursor = ("_cursor", cursor_of(page.next_after))
            following = link + encode([*query.applied, cursor])
        bundle = fhir.searchset_bundle(
            self._entries(base, page.matches),
            self_link=link + encode(query.applied),
            next_link=following,
        )
        return _fhir_response(HTTPStatus.OK, bundle)

    def _entries(
        self, base: str, matches: Iterable[StoredSelection]
    ) -> Iterable[tuple[str, Any]]:
        return (
            (f"{base}/ImagingSelection/{each.id}", orjson.Fragment(each.resource))
            for each in matches
        )

    def _status(self, _request: Request) -> Response:
        return json_response(self._catalogue.status())

    def _reconcile(self, request: Request) -> Response:
        try:
            wanted = orjson.loads(request.body or b"{}")
            force = wanted.get("force", False)
        except (orjson.JSONDecodeError, AttributeError):
            force = None
        if not isinstance(force, bool):
            raise _HttpError(
                HTTPStatus.BAD_REQUEST,
                "invalid",
                'the body must be empty or a JSON object such as {"force": true}',
            )
        self._catalogue.reconcile(force=force)
        return json_response({})

    def _base_url(self, request: Request) -> str:
        if self._site.public_base_url:
            return self._site.public_base_url
        return self._origin(request) + self._site.fhir_root

    def _origin(self, request: Request) -> str:
        """Scheme and host as the client sees them (with the proxy's path, if any)."""
        if self._site.public_base_url:
            return self._site.public_base_url.removesuffix(self._site.fhir_root)
        headers = request.headers if self._site.trust_forwarded_headers else {}
        scheme = headers.get("x-forwarded-proto", "http")
        host = headers.get("x-forwarded-host") or request.headers.get("host")
        prefix = headers.get("x-forwarded-prefix", "").rstrip("/")
        return f"{scheme}://{host or 'localhost'}{prefix}"
