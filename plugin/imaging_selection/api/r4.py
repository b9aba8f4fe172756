"""The same resources in R4, for reading: `[base]/r4`.

A request is answered as in R5, and the answer is converted. FHIR R4 http.html,
search.html; CapabilityStatement of R4.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Protocol

from imaging_selection import __version__
from imaging_selection.api.definitions import BULK, DATE
from imaging_selection.api.http import Route
from imaging_selection.api.responses import bad_request, fhir_response
from imaging_selection.errors import SearchError
from imaging_selection.fhir.datatypes import FHIR_JSON
from imaging_selection.fhir.r4 import PROFILE, R4_VERSION, json_to_r4
from imaging_selection.fhir.xhtml import narrative_of
from imaging_selection.search.parameters import (
    IMAGING_SELECTION,
    IMAGING_STUDY,
    OBSERVATION,
    PATIENT,
    TYPES,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from imaging_selection.api.http import FhirVersion, Request, Response
    from imaging_selection.api.urls import Urls
    from imaging_selection.fhir.datatypes import Resource

BELOW = "/r4"
BASIC = "Basic"
_OF_ALL = ("_id", "_lastUpdated", "identifier")
#: Type of R5 -> those of its search parameters that R4 has with the same meaning.
PARAMETERS: Mapping[str, tuple[str, ...]] = {
    IMAGING_SELECTION: (*_OF_ALL, "_tag", "code", "patient", "subject"),
    OBSERVATION: (
        *(*_OF_ALL, "_tag", "category", "code", "combo-code", "date", "has-member"),
        *("method", "part-of", "patient", "status", "subject"),
        *("value-concept", "value-quantity"),
    ),
    PATIENT: (*_OF_ALL, "birthdate", "family", "gender", "given", "name"),
    IMAGING_STUDY: (
        *(*_OF_ALL, "modality", "patient", "series", "started", "status", "subject"),
    ),
    "Endpoint": ("_id", "identifier"),
}
_OF_RESULTS = ("_count", "_sort", "_total", "_cursor", "_format", "_pretty")
_DOCUMENTATION = f"""\
Read-only. The resources of the R5 API in R4, by HL7's cross-version package
hl7.fhir.uv.xver-r5.r4 0.1.0: an ImagingSelection is a {BASIC} with extensions. Results
of a search: _count, _sort (_id, _lastUpdated), _total, _format, _pretty, and pages. Any
other parameter is an error.
"""


class Handlers(Protocol):
    """The handlers of one type in R5."""

    def read(self, request: Request, resource_id: str) -> Response:
        """Return a resource."""

    def search(self, request: Request) -> Response:
        """Return the result of a search."""


class R4:
    """Handles the requests for R4.

    Parameters
    ----------
    handlers
        By type of R5; their URLs are those of R4.
    has_exports
        Returns whether `$export` is served.
    """

    def __init__(
        self,
        root: str,
        handlers: Mapping[str, Handlers],
        urls: Urls,
        has_exports: Callable[[], bool],
    ) -> None:
        self._root = root + BELOW
        self._has_exports = has_exports
        self._handlers = handlers
        self._urls = urls

    def routes(self) -> Iterator[Route]:
        """List the routes: metadata, and read and search of each type."""
        for path, handler, operation in self._paths():
            yield Route("GET", path, handler, operation, fhir_version="4.0")
            if operation == "search-type":
                by_form = f"{path}_search"
                yield Route("POST", by_form, handler, operation, fhir_version="4.0")

    def _paths(self) -> Iterator[tuple[str, partial[Response], str]]:
        yield f"{self._root}/", partial(self._refuse), "search-system"
        yield f"{self._root}/metadata", partial(self._metadata), "capabilities"
        for kind in PARAMETERS:
            path = f"{self._root}/{name_of(kind)}/"
            yield path, partial(self._search, kind), "search-type"
            yield f"{path}{{id}}", partial(self._read, kind), "read"

    def _read(self, kind: str, request: Request, resource_id: str) -> Response:
        for name, value in request.parameters:
            if name not in _OF_RESULTS and value:
                raise _unsupported(name, "a read")
        return _converted(self._handlers[kind].read(request, resource_id))

    def _search(self, kind: str, request: Request) -> Response:
        known = {*PARAMETERS[kind], *_OF_RESULTS}
        for name, _ in request.parameters:
            if name.partition(":")[0].partition(".")[0] not in known:
                raise _unsupported(name, name_of(kind))
        return _converted(self._handlers[kind].search(_for_bundle(request)))

    def _refuse(self, _request: Request) -> Response:
        text = f"no search over all types: name one; {self._root}/metadata lists them"
        raise bad_request("not-supported", text, "http.path")

    def _metadata(self, request: Request) -> Response:
        base = self._urls.base_url(request)
        return fhir_response(capability_statement(base, exports=self._has_exports()))


def name_in(version: FhirVersion, kind: str) -> str:
    """Return a type of R5 as a version of FHIR names it."""
    return name_of(kind) if version == "4.0" else kind


def name_of(kind: str) -> str:
    """Return the type in R4 of a type of R5."""
    return BASIC if kind == IMAGING_SELECTION else kind


def _unsupported(name: str, where: str) -> SearchError:
    return SearchError(f"this parameter has no effect on {where} in R4", name)


def _for_bundle(request: Request) -> Request:
    """Return a request whose answer in R5 is a Bundle, whatever it asks for."""
    parameters = (each for each in request.parameters if each[0] != "_format")
    headers = request.headers | {"accept": FHIR_JSON}
    return replace(request, parameters=tuple(parameters), headers=headers)


def _converted(response: Response) -> Response:
    body = response.body
    if not body or not isinstance(body, bytes):
        return response  # 304
    return replace(response, body=json_to_r4(body))


def capability_statement(base_url: str, *, exports: bool = False) -> Resource:
    """Build the CapabilityStatement of R4."""
    bulk = [f"{BULK}/CapabilityStatement/bulk-data"]
    operation = {"name": "export", "definition": f"{BULK}/OperationDefinition/export"}
    return {
        "resourceType": "CapabilityStatement",
        "text": narrative_of("Orthanc ImagingSelection, R4", [("Address", base_url)]),
        "status": "active",
        "date": DATE,
        "kind": "instance",
        "software": {"name": "Orthanc ImagingSelection", "version": __version__},
        "implementation": {"description": "Orthanc", "url": base_url},
        **({"instantiates": bulk} if exports else {}),
        "fhirVersion": R4_VERSION,
        "format": ["application/fhir+json", "json"],
        "rest": [
            {
                "mode": "server",
                "documentation": _DOCUMENTATION,
                "security": {"description": "Orthanc's own users and permissions"},
                "resource": [_resource(kind) for kind in PARAMETERS],
                **({"operation": [operation]} if exports else {}),
            }
        ],
    }


def _resource(kind: str) -> Resource:
    name = name_of(kind)
    profiles = {"supportedProfile": [PROFILE]} if name == BASIC else {}
    return {
        "type": name,
        **profiles,
        "interaction": [{"code": code} for code in ("read", "search-type")],
        "searchParam": [
            {
                "name": each,
                "type": TYPES[kind][each].type.value,
                "documentation": TYPES[kind][each].documentation,
            }
            for each in PARAMETERS[kind]
        ],
    }
