"""The table of routes: Request -> Response.

Neither Orthanc nor SQL is known here. Every error is raised as an exception that
carries facts; `Api.handle` turns it into a response. FHIR R5 http.html.
"""

from __future__ import annotations

from contextlib import nullcontext
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING

import orjson

from imaging_selection.api.accept import (
    Format,
    is_strict,
    requested_format,
)
from imaging_selection.api.batch import Batch
from imaging_selection.api.capability_statement import capability_statement
from imaging_selection.api.changes import Changes
from imaging_selection.api.conditional import not_modified_or
from imaging_selection.api.cors import with_cors_headers
from imaging_selection.api.definitions import Definitions
from imaging_selection.api.deliveries import DeliveryHandlers
from imaging_selection.api.endpoint import Endpoints
from imaging_selection.api.everything import Everything
from imaging_selection.api.http import Route
from imaging_selection.api.imaging_selection import SelectionHandlers, wants_contours
from imaging_selection.api.included import Included
from imaging_selection.api.r4 import BELOW, R4, Handlers
from imaging_selection.api.resources import ResourceHandlers, ResourceReader
from imaging_selection.api.responses import (
    HttpError,
    bad_request,
    error_response,
    fhir_response,
    json_response,
    not_found,
)
from imaging_selection.api.route_table import RouteTable, refuse_unfit
from imaging_selection.api.selection_lookup import require_orthanc_id
from imaging_selection.api.stored import StoredHandlers
from imaging_selection.api.urls import Urls
from imaging_selection.fhir.datatypes import dumps
from imaging_selection.search.parameters import (
    DEFINITIONS,
    IDENTIFYING,
    IMAGING_SELECTION,
    PATIENT,
    RELATED,
    STORED,
)
from imaging_selection.search.parse_criterion import Context

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from contextlib import AbstractContextManager

    from imaging_selection.api.http import Lane, Request, Response
    from imaging_selection.api.ports import (
        Archive,
        Catalogue,
        SelectionReader,
        SiteSettings,
    )

STATUS_PATH = "/imaging-selection/status"
_OF_PATIENT = "Patient/{id}"
# The operations whose answers are searchsets: those can be one resource a line.
_SEARCHES = {"search-type", "search-compartment", "$everything"}
_LIMITED = {*_SEARCHES, "history-type", "history-system", "batch"}
_NOT_IN_BATCHES = {"batch", "$contours", "$export", "export-status"}


#: By operation; all others search.
LANES: Mapping[str, Lane] = {
    **dict.fromkeys(
        ("capabilities", "status", "reconcile", "resend", "site"), "status"
    ),
    **dict.fromkeys(("asset", "overview", "structure-set"), "status"),
    **dict.fromkeys(("$export", "export-status"), "status"),
    **dict.fromkeys(("read", "vread", "history-instance", "page"), "read"),
    **dict.fromkeys(("$contours", "structure-set-data", "slices", "compare"), "file"),
    "export-file": "file",
}


class Api:
    """Answers every request below the plugin's routes.

    Parameters
    ----------
    further_routes
        Routes that this package does not know, such as those of the pages.

    Attributes
    ----------
    routes
        The whole table.
    """

    def __init__(  # noqa: PLR0913 - everything that the API needs of the outside
        self,
        reader: SelectionReader,
        catalogue: Catalogue,
        archive: Archive,
        settings: SiteSettings,
        *,
        further_routes: Iterable[Route] = (),
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._reader = reader
        self._catalogue = catalogue
        self._settings = settings
        self._clock = clock
        self._urls = Urls(settings)
        self._changes = Changes(reader, self._urls, self._context_of)
        everything = Everything(reader, catalogue, self._urls, self._context_of)
        self._batch = Batch(settings.fhir_root, self._urls, self._answer_entry)
        endpoints = Endpoints(archive)
        included = Included(reader, catalogue, endpoints, self._urls)
        outside = reader, catalogue, archive
        parts = (*outside, included, self._urls, self._context_of)
        selections = SelectionHandlers(IMAGING_SELECTION, *parts)
        readers: dict[str, ResourceReader] = {
            **dict.fromkeys(RELATED, endpoints),
            **dict.fromkeys(DEFINITIONS, Definitions()),
        }
        self.routes = (
            *self._routes_of_server(),
            *self._routes_of_stored(IMAGING_SELECTION, selections),
            *self._contours_routes(selections),
            Route(
                "GET",
                f"{settings.fhir_root}/{_OF_PATIENT}/$everything",
                everything.of_patient,
                "$everything",
            ),
            *self._routes_of_compartment(everything),
            *(
                route
                for each in STORED
                if each != IMAGING_SELECTION
                for route in self._routes_of_stored(each, StoredHandlers(each, *parts))
            ),
            *self._plain_routes(selections),
            *self._routes_of_other_resources(readers),
            *self._routes_of_r4(archive, endpoints),
            *further_routes,
        )
        self._table = RouteTable(self.routes)

    def _plain_routes(self, selections: SelectionHandlers) -> Iterator[Route]:
        """List the routes beside the FHIR API: Orthanc's resources, and the plugin."""
        yield Route(
            "GET", "/instances/{id}/imaging-selection", selections.of_instance, "read"
        )
        yield Route("GET", "/instances/{id}/fhir", selections.collection, "collection")
        for each in ("series", "studies", "patients"):
            handler = partial(selections.below, each)
            yield Route("GET", f"/{each}/{{id}}/imaging-selection", handler, "search")
        yield Route("GET", STATUS_PATH, self._status, "status", "json")
        path = "/imaging-selection/compare"
        yield Route("GET", path, self._compare, "compare", "json")
        path = "/imaging-selection/reconcile"
        yield Route("POST", path, self._reconcile, "reconcile", "json")
        path = "/imaging-selection/deliveries/{name}/resend"
        yield Route(
            "POST", path, DeliveryHandlers(self._catalogue).resend, "resend", "json"
        )

    def _routes_of_server(self) -> tuple[Route, ...]:
        """List the routes of the FHIR API for the server."""
        root = self._settings.fhir_root
        return (
            Route("GET", f"{root}/", self._refuse_search_system, "search-system"),
            Route("POST", f"{root}/", self._batch.handle, "batch"),
            Route("GET", f"{root}/metadata", self._metadata, "capabilities"),
            Route("GET", f"{root}/_history", self._changes.of_all, "history-system"),
        )

    def _routes_of_stored(
        self, resource_type: str, handlers: StoredHandlers
    ) -> tuple[Route, ...]:
        """List the routes of the FHIR API for a type that the store has."""
        root = self._settings.fhir_root
        every = f"{root}/{resource_type}/"
        one = f"{every}{{id}}"
        of_patient = f"{root}/{_OF_PATIENT}/{resource_type}"
        search, within = handlers.search, handlers.search_patient
        return (
            Route("GET", every, search, "search-type"),
            Route("POST", f"{every}_search", search, "search-type"),
            Route("GET", one, handlers.read, "read"),
            Route(
                "GET",
                f"{every}_history",
                partial(self._changes.of_type, resource_type),
                "history-type",
            ),
            Route("GET", f"{one}/_history", handlers.history, "history-instance"),
            Route("GET", f"{one}/_history/{{version}}", handlers.vread, "vread"),
            *(
                ()
                if resource_type == PATIENT
                else (
                    Route("GET", of_patient, within, "search-type"),
                    Route("POST", f"{of_patient}/_search", within, "search-type"),
                )
            ),
        )

    def _routes_of_compartment(self, everything: Everything) -> tuple[Route, ...]:
        of_patient = f"{self._settings.fhir_root}/{_OF_PATIENT}"
        search, operation = everything.compartment, "search-compartment"
        return (
            Route("GET", f"{of_patient}/*", search, operation),
            Route("POST", f"{of_patient}/_search", search, operation),
        )

    def _contours_routes(self, selections: SelectionHandlers) -> tuple[Route, ...]:
        path = f"{self._settings.fhir_root}/ImagingSelection/{{id}}/$contours"
        return (
            Route("GET", path, selections.contours, "$contours"),
            Route("POST", path, selections.contours, "$contours"),
        )

    def _routes_of_other_resources(
        self, readers: Mapping[str, ResourceReader]
    ) -> Iterator[Route]:
        """List the routes of what selections refer to, and of the definitions."""
        for resource_type in (*RELATED, *DEFINITIONS):
            handlers = ResourceHandlers(
                readers[resource_type],
                resource_type,
                self._urls,
                self._context_of,
            )
            path = f"{self._settings.fhir_root}/{resource_type}/"
            yield Route("GET", path, handlers.search, "search-type")
            yield Route("POST", f"{path}_search", handlers.search, "search-type")
            yield Route("GET", f"{path}{{id}}", handlers.read, "read")

    def _routes_of_r4(self, archive: Archive, endpoints: Endpoints) -> Iterator[Route]:
        urls = Urls(self._settings, BELOW)
        included = Included(self._reader, self._catalogue, endpoints, urls)
        outside = self._reader, self._catalogue, archive
        parts = (*outside, included, urls, self._context_of)
        handlers: dict[str, Handlers] = {
            each: StoredHandlers(each, *parts) for each in STORED
        }
        for each in RELATED:
            handlers[each] = ResourceHandlers(endpoints, each, urls, self._context_of)
        root = self._settings.fhir_root
        yield from R4(root, handlers, urls, self._has_exports).routes()

    def _has_exports(self) -> bool:
        return any(each.operation == "$export" for each in self.routes)

    def handle(self, request: Request) -> Response:
        """Answer a request; never raises."""
        wanted = Format()
        try:
            request = self._urls.with_original_parameters(request)
            route, parts = self._route_of(request)
            if route.media == "fhir":
                version = route.fhir_version
                wanted = Format.of(version)
                lines = route.operation in _SEARCHES and version == "5.0"
                wanted = requested_format(request, version, lines=lines)
            response = self._respond(request, route, parts)
        except Exception as error:  # noqa: BLE001 - Orthanc would answer in its own way
            response = error_response(error)
        response = wanted.apply(response)
        return with_cors_headers(request, response, self._settings.cors_origins)

    def _respond(
        self, request: Request, route: Route, parts: tuple[str, ...]
    ) -> Response:
        refuse_unfit(request, route)
        with self._limited(route):
            response: Response = route.handler(request, *parts)
        return response

    def _answer_entry(self, request: Request) -> Response:
        """Answer the request of an entry of a batch; never raises."""
        try:
            route, parts = self._route_of(request)
            _refuse_in_batch(route)
            requested_format(request)
            return self._respond(request, route, parts)
        except Exception as error:  # noqa: BLE001 - the other entries are answered
            return error_response(error)

    def lane_of(self, request: Request) -> Lane:
        """Return what a request will wait for; never raises."""
        if wants_contours(request):
            return "file"
        try:
            route, _ = self._route_of(request)
        except HttpError:
            return "status"
        return LANES.get(route.operation, "search")

    def _limited(self, route: Route) -> AbstractContextManager[None]:
        """Limit the time of a search; other requests may wait for a conversion."""
        is_search = route.operation in _LIMITED
        return self._reader.limited() if is_search else nullcontext()

    def _route_of(self, request: Request) -> tuple[Route, tuple[str, ...]]:
        """Find the route of a request, and the values of its path."""
        if found := self._table.find(request):
            return found
        root = self._settings.fhir_root
        raise not_found(f"nothing is served here; see {root}/metadata")

    def _context_of(
        self, request: Request, resource_type: str = IMAGING_SELECTION
    ) -> Context:
        return Context(
            resource_type,
            self._urls.base_url(request),
            self._settings.maximum_page_size,
            is_strict(request),
            self._settings.timezone or UTC,
            self._clock(),
            resource_type in IDENTIFYING,
        )

    def _metadata(self, request: Request) -> Response:
        operations = dict.fromkeys(each.operation for each in self.routes)
        statement = capability_statement(
            self._urls.base_url(request),
            cors=bool(self._settings.cors_origins),
            operations=[each[1:] for each in operations if each.startswith("$")],
        )
        body = dumps(statement)
        etag = f'W/"{sha256(body).hexdigest()[:16]}"'
        return not_modified_or(request, fhir_response(body, headers={"ETag": etag}))

    def _refuse_search_system(self, _request: Request) -> Response:
        root = self._settings.fhir_root
        text = f"no search over all types: name one; {root}/metadata lists them"
        raise bad_request("not-supported", text, "http.path")

    def _status(self, _request: Request) -> Response:
        return json_response(self._catalogue.status())

    def _compare(self, request: Request) -> Response:
        parameters = dict(request.parameters)
        if parameters.keys() != {"from", "to"}:
            text = "from and to are needed: Orthanc's ids of two structure sets"
            raise bad_request("required", text, "http.from")
        before, after = parameters["from"], parameters["to"]
        for each in (before, after):
            require_orthanc_id(each)
            if self._catalogue.entry(each) is None:
                raise not_found("Orthanc has no RT Structure Set of this id", "http.id")
        return json_response(self._catalogue.compare(before, after))

    def _reconcile(self, request: Request) -> Response:
        try:
            wanted = orjson.loads(request.body or b"{}")
            force = wanted.pop("force", False)
        except (orjson.JSONDecodeError, AttributeError, TypeError):
            wanted, force = {}, None
        if wanted:  # an unknown key, such as `Force`, is an error
            force = None
        if not isinstance(force, bool):
            raise bad_request(
                "invalid",
                'the body must be empty or a JSON object such as {"force": true}',
                "http.body",
            )
        self._catalogue.reconcile(force=force)
        return json_response({})


def _refuse_in_batch(route: Route) -> None:
    """Refuse what is no resource, or one of any size."""
    is_other = route.media != "fhir" or route.fhir_version != "5.0"
    if is_other or route.operation in _NOT_IN_BATCHES:
        text = "this is not answered in a batch: ask for it alone"
        raise bad_request("not-supported", text, "Bundle.entry.request.url")
