"""Which format the client wants, and how strictly it wants a search to be read.

FHIR R5 http.html 3.2.0.1.10 (content types), search.html (`Prefer`); RFC 9110, 12.5.1.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING

import mimeparse
import orjson

from imaging_selection.api.http import Response
from imaging_selection.api.responses import HttpError, bad_request, fhir_response
from imaging_selection.fhir.datatypes import FHIR_JSON, dumps, indent_json
from imaging_selection.fhir.r4 import R4_JSON
from imaging_selection.search.parse_request import MAXIMUM_CHARACTERS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imaging_selection.api.http import FhirVersion, Request
    from imaging_selection.fhir.datatypes import Resource

# What we send -> its Content-Type, the preferred one first. A generic type is answered
# with itself (R5 http.html); the last FHIR type is that of DSTU 2, still in use.
_OFFERS = {
    "application/fhir+json": FHIR_JSON,
    "application/json": "application/json; charset=utf-8",
    "text/json": "text/json; charset=utf-8",
    "application/json+fhir": FHIR_JSON,
}
# The resources of a search, one a line (Bulk Data Access 2.0.0, Output Formats).
NDJSON = "application/fhir+ndjson"
_LINES = dict.fromkeys((NDJSON, "application/ndjson"), NDJSON)
_PAGE = "text/html"
# What we send -> the versions of FHIR that it may be called.
_VERSIONS: dict[FhirVersion, frozenset[str]] = {
    "5.0": frozenset({"5.0", "5.0.0"}),
    "4.0": frozenset({"4.0", "4.0.1"}),
}
FORM = "application/x-www-form-urlencoded"
# Of a form, in bytes: an escaped character takes up to six times its length.
MAXIMUM_FORM = 6 * MAXIMUM_CHARACTERS


@dataclass(frozen=True, slots=True)
class Format:
    """The format in which a client wants a FHIR resource."""

    content_type: str = FHIR_JSON
    pretty: bool = False

    @classmethod
    def of(cls, version: FhirVersion) -> Format:
        """Return the usual format of a version of FHIR."""
        return cls(R4_JSON if version == "4.0" else FHIR_JSON)

    def apply(self, response: Response) -> Response:
        """Return a response in this format, if it is one of FHIR."""
        if response.content_type != FHIR_JSON:
            return response
        headers = {**response.headers, "Vary": "Accept"}
        # An error is no list of resources.
        content_type = FHIR_JSON if self.content_type == NDJSON else self.content_type
        body = response.body
        if not body:
            return replace(response, headers=headers)
        # A body with contours comes in parts: it is not indented.
        if self.pretty and isinstance(body, bytes):
            body = indent_json(body)
        return Response(response.status, body, content_type, headers)


def requested_format(
    request: Request, version: FhirVersion = "5.0", *, lines: bool = False
) -> Format:
    """Return the format that a client wants; `_format` overrides the header Accept.

    Parameters
    ----------
    lines
        Whether the answer can be resources, one a line (`NDJSON`).

    Raises
    ------
    HttpError
        406 if it wants no JSON, or another version of FHIR; 400 for `_pretty`.
    """
    parameters = dict(request.parameters)
    pretty = parameters.get("_pretty") or "false"
    if pretty not in {"true", "false"}:
        raise bad_request("value", "_pretty is true or false", "http._pretty")
    # The + of a type that was not escaped in the URL arrives as a blank.
    wanted = parameters.get("_format", "").replace(" ", "+")
    if wanted in {"json", "ndjson"}:
        wanted = f"application/fhir+{wanted}"
    accepted = wanted or request.headers.get("accept") or "*/*"
    offers = _OFFERS | (_LINES if lines else {})
    media_type = _preferred(accepted, tuple(offers), version)
    if media_type is None:
        raise HttpError(
            HTTPStatus.NOT_ACCEPTABLE,
            "not-supported",
            f"JSON of FHIR {version} is sent here: application/fhir+json"
            f" (of a search also {NDJSON})",
            expression="http._format" if wanted else "http.Accept",
        )
    sent = offers[media_type]
    if sent == FHIR_JSON:
        sent = Format.of(version).content_type
    return Format(sent, pretty == "true")


def searchset_response(request: Request, bundle: Resource) -> Response:
    """Build the response of a search: its Bundle, or its resources, one a line.

    Of the lines, the links are in the header Link (RFC 8288).

    Raises
    ------
    HttpError
        406 if there are no lines, only the number of matches.
    """
    response = fhir_response(bundle)
    if requested_format(request, lines=True).content_type != NDJSON:
        return response
    if "entry" not in bundle and bundle.get("total"):
        raise HttpError(
            HTTPStatus.NOT_ACCEPTABLE,
            "not-supported",
            "the number of matches is no resource: ask for application/fhir+json",
            expression="http._summary",
        )
    lines = (dumps(each["resource"]) + b"\n" for each in bundle.get("entry", ()))
    links = (f'<{each["url"]}>; rel="{each["relation"]}"' for each in bundle["link"])
    headers = {**response.headers, "Link": ", ".join(links), "Vary": "Accept"}
    return Response(HTTPStatus.OK, b"".join(lines), NDJSON, headers)


def prefers_page(request: Request) -> bool:
    """Return whether a person asks, with a browser, rather than a program.

    A browser prefers `text/html`. A client that says in the URL what it wants of the
    resource, such as `_format`, wants the resource.
    """
    if request.method != "GET" or request.parameters:
        return False
    return _preferred(request.headers.get("accept", ""), (*_OFFERS, _PAGE)) == _PAGE


@lru_cache(maxsize=256)
def _preferred(
    header: str, offers: tuple[str, ...], version: FhirVersion = "5.0"
) -> str | None:
    """Return the offered type that a header prefers; None if it accepts none.

    The most specific range that fits an offer gives its weight (RFC 9110 12.5.1); of
    offers of equal weight, the one that the client names most exactly comes first, then
    the first in our order.

    Examples
    --------
    >>> _preferred("text/html, */*;q=0.1", ("application/json", "text/html"))
    'text/html'
    >>> _preferred("application/json;q=0, */*", ("application/json",)) is None
    True
    """
    ranges = [*_ranges_of(header, version)]
    weights = {
        each: mimeparse.quality_and_fitness_parsed(each, ranges) for each in offers
    }
    best = max(offers, key=weights.__getitem__)
    return best if weights[best][0] > 0 else None


def _ranges_of(
    header: str, version: FhirVersion
) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Parse the media ranges of a header; not those that are none, or of other FHIR."""
    for text in header.lower().split(","):
        try:
            media_range = mimeparse.parse_media_range(text)
        except mimeparse.MimeTypeParseException:
            continue
        if media_range[2].get("fhirversion", version) in _VERSIONS[version]:
            yield media_range


def require_form(request: Request) -> None:
    """Refuse the body of a search that is not a form (R5 http.html, search by POST)."""
    if request.body:
        _require_content_type(request, FORM)
    if len(request.body) > MAXIMUM_FORM:
        raise HttpError(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            "too-costly",
            f"more than {MAXIMUM_FORM} bytes: ask in several searches",
            expression="http.body",
        )
    if request.method == "POST" and not request.parameters:
        raise bad_request(
            "required",
            "no parameter has arrived: Orthanc passes on none of those in the URL of a"
            " POST; send them in the body",
            "http.body",
        )


def require_json(request: Request) -> None:
    """Refuse a request that is not sent as JSON, with a body or without.

    A browser sends this content type to another origin only if that permits it (Fetch
    standard, 3.2), and Orthanc does not: a form on a foreign page has no effect.
    """
    _require_content_type(request, "application/json")


def require_fhir_json(request: Request) -> None:
    """Refuse a body that is not sent as the JSON of a resource."""
    _require_content_type(request, "application/fhir+json", "application/json")


def require_parameters(request: Request) -> None:
    """Refuse the body of an operation that is no Parameters (R5 operations.html)."""
    if not request.body:
        return
    require_fhir_json(request)
    try:
        resource = orjson.loads(request.body)
    except orjson.JSONDecodeError:
        resource = None
    if not isinstance(resource, dict) or resource.get("resourceType") != "Parameters":
        raise bad_request(
            "structure",
            "the body must be empty, or the JSON of a Parameters resource",
            "http.body",
        )


def _require_content_type(request: Request, *types: str) -> None:
    content_type = request.headers.get("content-type", "").partition(";")[0]
    if content_type.strip().lower() not in types:
        raise HttpError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "not-supported",
            f"the body must be sent as {types[0]}",
            expression="http.Content-Type",
        )


def is_strict(request: Request) -> bool:
    """Return whether the client sent `Prefer: handling=strict`."""
    preferences = re.split("[,;]", request.headers.get("prefer", "").lower())
    return "handling=strict" in (re.sub('[ "]', "", each) for each in preferences)
