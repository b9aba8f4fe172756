"""What a client may ask of any answer: its format, its freshness, who may read it.

FHIR R5 http.html 3.2.0.1.10 (content types), 3.2.0.2 (conditional reads); RFC 9110, 12
and 13; the Fetch standard, 3.2 (CORS).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING

import orjson

from imaging_selection.api.responses import HttpError
from imaging_selection.fhir.datatypes import FHIR_JSON, indented

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imaging_selection.api.http import Request, Response

# What an Accept header may ask for -> the Content-Type of the answer. A generic type is
# answered with itself (R5 http.html).
_TYPES = {
    "*/*": FHIR_JSON,
    "application/*": FHIR_JSON,
    "application/fhir+json": FHIR_JSON,
    "application/json+fhir": FHIR_JSON,
    "application/json": "application/json; charset=utf-8",
    "text/*": "text/json; charset=utf-8",
    "text/json": "text/json; charset=utf-8",
}
_FORMATS = {"json": FHIR_JSON, **_TYPES}
_PAGE = "text/html"
_FORM = "application/x-www-form-urlencoded"
_JSON_BODIES = {"application/fhir+json", "application/json"}


@dataclass(frozen=True, slots=True)
class Wanted:
    """How an answer is to be written."""

    content_type: str = FHIR_JSON
    pretty: bool = False

    def write(self, response: Response) -> Response:
        """Give a response of FHIR the wanted form."""
        if response.content_type != FHIR_JSON:
            return response
        response = replace(response, headers={**response.headers, "Vary": "Accept"})
        body = response.body
        if not body:
            return response
        if self.pretty and isinstance(body, bytes):  # contours come in parts, as is
            body = indented(body)
        return replace(response, body=body, content_type=self.content_type)


def negotiate(request: Request) -> Wanted:
    """Find out what a client wants; `_format` stands above the header Accept.

    Raises
    ------
    HttpError
        406 where it wants no JSON, or another version of FHIR; 400 for `_pretty`.
    """
    parameters = dict(request.parameters)
    pretty = parameters.get("_pretty") or "false"
    if pretty not in {"true", "false"}:
        raise HttpError(
            HTTPStatus.BAD_REQUEST,
            "value",
            "_pretty is true or false",
            expression="http._pretty",
        )
    wanted = parameters.get("_format")
    if wanted:
        # The + of a type that was not escaped in the URL arrives as a blank.
        found = _best(wanted.replace(" ", "+"), _FORMATS)
        name = "_format"
    else:
        found = _best(request.headers.get("accept") or "*/*", _TYPES)
        name = "Accept"
    if found is None:
        raise HttpError(
            HTTPStatus.NOT_ACCEPTABLE,
            "not-supported",
            "this server speaks JSON of FHIR 5.0: application/fhir+json",
            expression=f"http.{name}",
        )
    return Wanted(found, pretty == "true")


def prefers_page(request: Request) -> bool:
    """Tell whether a person asks, by a browser, rather than a program.

    A browser wants `text/html` before all else; whoever says in the URL what is wanted
    of the resource, such as `_format`, wants the resource.
    """
    if request.method != "GET" or request.parameters:
        return False
    types = _TYPES | {_PAGE: _PAGE}
    return _best(request.headers.get("accept", ""), types) == _PAGE


def _best(header: str, types: dict[str, str]) -> str | None:
    """Find the type that is wanted most among those we have."""
    best, weight = None, 0.0
    for name, parameters in _media_types(header):
        version = parameters.get("fhirversion", "5.0")
        wanted = _weight(parameters.get("q", "1"))
        if name in types and version in {"5.0", "5.0.0"} and wanted > weight:
            best, weight = types[name], wanted
    return best


def _media_types(header: str) -> Iterator[tuple[str, dict[str, str]]]:
    for part in header.split(","):
        name, *rest = (each.strip().lower() for each in part.split(";"))
        pairs = (each.partition("=") for each in rest)
        yield name, {key.strip(): value.strip(' "') for key, _, value in pairs}


def _weight(text: str) -> float:
    return float(text) if re.fullmatch(r"[01](\.[0-9]{0,3})?", text) else 0.0


def require_form(request: Request) -> None:
    """Refuse the body of a search that is no form (R5 http.html, search by POST)."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if request.body and kind != _FORM:
        raise HttpError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "not-supported",
            f"the parameters of a search are sent as {_FORM}",
            expression="http.Content-Type",
        )


def require_parameters(request: Request) -> None:
    """Refuse the body of an operation that is no Parameters (R5 operations.html)."""
    if not request.body:
        return
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in _JSON_BODIES:
        raise HttpError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "not-supported",
            "the parameters of an operation are sent as application/fhir+json",
            expression="http.Content-Type",
        )
    try:
        resource = orjson.loads(request.body)
    except orjson.JSONDecodeError:
        resource = None
    if not isinstance(resource, dict) or resource.get("resourceType") != "Parameters":
        raise HttpError(
            HTTPStatus.BAD_REQUEST,
            "structure",
            "the body must be empty, or the JSON of a Parameters resource",
            expression="http.body",
        )


def is_strict(request: Request) -> bool:
    """Tell whether `Prefer: handling=strict` was asked for."""
    wishes = re.split("[,;]", request.headers.get("prefer", "").lower())
    return "handling=strict" in (re.sub('[ "]', "", each) for each in wishes)


def if_changed(request: Request, response: Response) -> Response:
    """Answer 304 to a client that has this version already (RFC 9110 13.1)."""
    known = request.headers.get("if-none-match")
    if known is not None:
        tag = response.headers.get("ETag", "").removeprefix("W/")
        tags = (each.strip().removeprefix("W/") for each in known.split(","))
        fresh = known.strip() == "*" or tag in tags
    else:
        fresh = _not_after(
            response.headers.get("Last-Modified"),
            request.headers.get("if-modified-since"),
        )
    if not fresh:
        return response
    return replace(response, status=HTTPStatus.NOT_MODIFIED, body=b"")


def _not_after(modified: str | None, since: str | None) -> bool:
    if not modified or not since:
        return False
    try:
        return parsedate_to_datetime(modified) <= parsedate_to_datetime(since)
    except (TypeError, ValueError):  # RFC 9110: a date that is none is ignored
        return False


def cors(request: Request, origins: tuple[str, ...]) -> dict[str, str]:
    """Say in headers whether a page of another origin may read the answer."""
    if not origins or not (origin := request.headers.get("origin")):
        return {}
    exposed = {"Access-Control-Expose-Headers": "ETag, Last-Modified"}
    if "*" in origins:
        return {"Access-Control-Allow-Origin": "*", **exposed}
    varying = {"Vary": "Accept, Origin"}
    if origin not in origins:
        return varying
    return {"Access-Control-Allow-Origin": origin, **varying, **exposed}
