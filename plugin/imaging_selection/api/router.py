"""Request -> Response: which path and method is answered by whom.

Neither Orthanc nor SQL is known here. Every error is raised as an exception that
carries facts; `Api.handle` has it answered (`answers`). FHIR R5 http.html.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from http import HTTPStatus
from typing import TYPE_CHECKING

import orjson

from imaging_selection.api.accept import (
    Wanted,
    cors,
    if_changed,
    is_strict,
    negotiate,
    prefers_page,
)
from imaging_selection.api.capability_statement import capability_statement
from imaging_selection.api.definitions import Definitions
from imaging_selection.api.imaging_selection import SelectionRoutes
from imaging_selection.api.referenced import Related
from imaging_selection.api.resources import Directory, DirectoryRoutes
from imaging_selection.api.responses import (
    HttpError,
    answer_to,
    fhir_response,
    json_response,
    not_found,
)
from imaging_selection.api.urls import Links
from imaging_selection.fhir.datatypes import dumps
from imaging_selection.search.parameters import DEFINITIONS, PARAMETERS, RELATED
from imaging_selection.search.parse_criterion import Context
from imaging_selection.viewer.routes import PageRoutes, redirect_to_page

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import tzinfo

    from imaging_selection.api.http import Request, Response
    from imaging_selection.api.ports import Archive, Catalogue, SelectionReader
    from imaging_selection.search.parameters import Parameter

    Handlers = Mapping[str, Callable[..., Response]]

STATUS_PATH = "/imaging-selection/status"


@dataclass(frozen=True, slots=True)
class Site:
    """How the API is reached, from the configuration."""

    fhir_root: str = "/fhir"
    public_base_url: str | None = None
    trust_forwarded_headers: bool = False
    maximum_page_size: int = 500
    cors_origins: tuple[str, ...] = ()
    timezone: tzinfo | None = None
    scheme: str = "http"


class Api:
    """Answers every request below the plugin's routes."""

    def __init__(
        self,
        reader: SelectionReader,
        catalogue: Catalogue,
        archive: Archive,
        site: Site,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._catalogue = catalogue
        self._site = site
        self._clock = clock
        self._links = Links(
            site.fhir_root,
            site.public_base_url,
            site.trust_forwarded_headers,
            site.scheme,
        )
        related = Related(reader, archive)
        self._selections = selections = SelectionRoutes(
            reader, catalogue, related, self._links, self._context_of
        )
        pages = PageRoutes(reader, catalogue, archive, site.fhir_root)
        directories: dict[str, Directory] = {
            **dict.fromkeys(RELATED, related),
            **dict.fromkeys(DEFINITIONS, Definitions()),
        }
        routes: list[tuple[str, Handlers]] = [
            (r"/instances/([^/]+)/imaging-selection", {"GET": selections.of_instance}),
            (
                r"/(series|studies|patients)/([^/]+)/imaging-selection",
                {"GET": selections.below},
            ),
            (STATUS_PATH, {"GET": self._status}),
            (r"/imaging-selection/reconcile", {"POST": self._reconcile}),
            (r"/imaging-selection/?", {"GET": pages.overview}),
            (r"/imaging-selection/site", {"GET": pages.site}),
            (r"/imaging-selection/assets/([^/]+)", {"GET": pages.asset}),
            (
                r"/imaging-selection/structure-sets/([^/]+)",
                {"GET": pages.structure_set},
            ),
            (r"/imaging-selection/structure-sets/([^/]+)/data", {"GET": pages.data}),
            (r"/imaging-selection/series/([^/]+)/slices", {"GET": pages.slices}),
        ]
        fhir_routes: list[tuple[str, Handlers]] = [
            ("/?", {"GET": self._no_whole_system, "POST": self._no_batch}),
            ("/metadata", {"GET": self._metadata}),
            ("/ImagingSelection/?", {"GET": selections.search}),
            ("/ImagingSelection/_search", {"POST": selections.search}),
            ("/ImagingSelection/([^/_$][^/]*)", {"GET": selections.read}),
            ("/ImagingSelection/([^/_$][^/]*)/_history", {"GET": selections.history}),
            (
                "/ImagingSelection/([^/_$][^/]*)/_history/([^/]+)",
                {"GET": selections.vread},
            ),
            (
                r"/ImagingSelection/([^/_$][^/]*)/\$contours",
                {"GET": selections.contours, "POST": selections.contours},
            ),
            ("/Patient/([^/]+)/ImagingSelection", {"GET": selections.search_patient}),
            (
                "/Patient/([^/]+)/ImagingSelection/_search",
                {"POST": selections.search_patient},
            ),
        ]
        for kind, parameters in {**RELATED, **DEFINITIONS}.items():
            routes_of = DirectoryRoutes(
                directories[kind], kind, parameters, self._links, self._context_of
            )
            fhir_routes += [
                (f"/{kind}/?", {"GET": routes_of.search}),
                (f"/{kind}/_search", {"POST": routes_of.search}),
                (f"/{kind}/([^/_$][^/]*)", {"GET": routes_of.read}),
            ]
        root = re.escape(site.fhir_root)
        self._with_page = re.compile(
            rf"/instances/([^/]+)/imaging-selection|{root}/ImagingSelection/([^/_$]+)"
        )
        routes += [(root + path, handlers) for path, handlers in fhir_routes]
        self._routes = [(re.compile(path), handlers) for path, handlers in routes]
        # A route such as /ImagingSelection/([^/]+)/\$contours is an operation.
        paths = "\n".join(path for path, _ in fhir_routes)
        self._operations = tuple(re.findall(r"\\\$([a-z]+)$", paths, re.MULTILINE))

    def handle(self, request: Request) -> Response:
        """Answer a request; never raises."""
        wanted = Wanted()
        try:
            request = self._links.restored(request)
            handler = self._handler(request)
            if prefers_page(request) and (
                found := self._with_page.fullmatch(request.path)
            ):
                handler = partial(self._page_of, selection_id=found[1] or found[2])
            elif not request.path.startswith("/imaging-selection"):
                wanted = negotiate(request)
            response = handler(request)
        except Exception as error:  # noqa: BLE001 - Orthanc would answer in its own way
            response = answer_to(error)
        answer = wanted.write(response)
        if shared := cors(request, self._site.cors_origins):
            return replace(answer, headers={**answer.headers, **shared})
        return answer

    def _handler(self, request: Request) -> Callable[[Request], Response]:
        for path, handlers in self._routes:
            if match := path.fullmatch(request.path):
                if handler := handlers.get(request.method):
                    return lambda request: handler(request, *match.groups())
                raise HttpError(
                    HTTPStatus.METHOD_NOT_ALLOWED,
                    "not-supported",
                    f"{request.method} is not possible here: this server is read-only",
                    expression="http.method",
                    headers={"Allow": ", ".join(handlers)},
                )
        raise not_found(f"nothing is served here; see {self._site.fhir_root}/metadata")

    def _page_of(self, request: Request, selection_id: str) -> Response:
        """Lead a browser to the page of a selection, if there is that selection."""
        stored = self._selections.find(selection_id)
        return redirect_to_page(request.path, stored.orthanc_id, stored.id)

    def _context_of(
        self, request: Request, parameters: Mapping[str, Parameter] = PARAMETERS
    ) -> Context:
        return Context(
            parameters,
            self._links.base_url(request),
            self._site.maximum_page_size,
            is_strict(request),
            self._site.timezone or UTC,
            self._clock(),
        )

    def _metadata(self, request: Request) -> Response:
        statement = capability_statement(
            self._links.base_url(request),
            cors=bool(self._site.cors_origins),
            operations=self._operations,
        )
        body = dumps(statement)
        tag = sha256(body).hexdigest()[:16]
        return if_changed(request, fhir_response(body, headers={"ETag": f'W/"{tag}"'}))

    def _no_batch(self, _request: Request) -> Response:
        raise HttpError(
            HTTPStatus.BAD_REQUEST,
            "not-supported",
            "no batch and no transaction: this server is read-only",
            expression="Bundle",
        )

    def _no_whole_system(self, _request: Request) -> Response:
        root = self._site.fhir_root
        raise HttpError(
            HTTPStatus.BAD_REQUEST,
            "not-supported",
            f"no search over all types: name one; {root}/metadata lists them",
            expression="http.path",
        )

    def _status(self, _request: Request) -> Response:
        return json_response(self._catalogue.status())

    def _reconcile(self, request: Request) -> Response:
        try:
            wanted = orjson.loads(request.body or b"{}")
            force = wanted.pop("force", False)
        except (orjson.JSONDecodeError, AttributeError, TypeError):
            wanted, force = {}, None
        if wanted:  # `Force` must not look like success
            force = None
        if not isinstance(force, bool):
            raise HttpError(
                HTTPStatus.BAD_REQUEST,
                "invalid",
                'the body must be empty or a JSON object such as {"force": true}',
                expression="http.body",
            )
        self._catalogue.reconcile(force=force)
        return json_response({})
