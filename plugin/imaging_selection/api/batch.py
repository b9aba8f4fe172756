"""A batch: reads and searches, several in one request.

FHIR R5 http.html 3.2.0.12 (batch/transaction).
"""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

import orjson

from imaging_selection.api.accept import require_fhir_json
from imaging_selection.api.http import Request, Response
from imaging_selection.api.responses import (
    HttpError,
    bad_request,
    error_response,
    fhir_response,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from imaging_selection.api.urls import Urls
    from imaging_selection.fhir.datatypes import Resource

MAXIMUM_ENTRIES = 100
MAXIMUM_BODY = 1_000_000  # bytes of the request
MAXIMUM_ANSWER = 64_000_000  # bytes of all resources in the response together

# Headers of the request that are not about its entries.
_OF_THE_WHOLE = {"accept", "content-type", "content-length", "x-original-uri"}
# Element of an entry -> the header that it stands for.
_CONDITIONS = {
    "ifNoneMatch": "if-none-match",
    "ifModifiedSince": "if-modified-since",
}


class Batch:
    """Handles a batch.

    Parameters
    ----------
    root
        The path of the FHIR API.
    answer
        Answers the request of an entry; never raises.
    """

    def __init__(
        self, root: str, urls: Urls, answer: Callable[[Request], Response]
    ) -> None:
        self._root = root
        self._urls = urls
        self._answer = answer

    def handle(self, request: Request) -> Response:
        """Answer each entry, in order, with a status of its own."""
        entries = _entries_of(request)
        bundle: Resource = {"resourceType": "Bundle", "type": "batch-response"}
        answered = [*self._answers(request, entries)]
        return fhir_response({**bundle, "entry": answered} if answered else bundle)

    def _answers(self, request: Request, entries: list[Any]) -> Iterator[Resource]:
        left = MAXIMUM_ANSWER
        for each in entries:
            if left <= 0:
                reason = f"more than {MAXIMUM_ANSWER} bytes: ask in several batches"
                status = HTTPStatus.UNPROCESSABLE_ENTITY
                response = error_response(HttpError(status, "too-costly", reason))
            else:
                response = self._answer_entry(request, each)
            left -= len(response.body) if isinstance(response.body, bytes) else 0
            yield _entry_of(response)

    def _answer_entry(self, request: Request, entry: Any) -> Response:
        try:
            return self._answer(self._request_of(request, entry))
        except HttpError as error:
            return error_response(error)

    def _request_of(self, request: Request, entry: Any) -> Request:
        """Return the request that an entry stands for.

        Raises
        ------
        HttpError
            405 if it is no GET; 400 if it cannot be read.
        """
        asked = entry.get("request") if isinstance(entry, dict) else None
        asked = asked if isinstance(asked, dict) else {}
        url, method = asked.get("url"), asked.get("method")
        if not isinstance(url, str) or not isinstance(method, str):
            what = "an entry needs request.method and request.url"
            raise bad_request("required", what, "Bundle.entry.request")
        if method != "GET":
            raise HttpError(
                HTTPStatus.METHOD_NOT_ALLOWED,
                "not-supported",
                "the entries of a batch are GETs: this server is read-only",
                expression="Bundle.entry.request.method",
            )
        relative = url.removeprefix(self._urls.base_url(request)).lstrip("/")
        try:
            parts = urlsplit(relative)
        except ValueError:
            parts = urlsplit("//")
        if parts.scheme or parts.netloc or not parts.path:
            what = "the url of an entry is relative to that of this server"
            raise bad_request("value", what, "Bundle.entry.request.url")
        path = f"{self._root}/{unquote(parts.path, errors='surrogateescape')}"
        pairs = parse_qsl(parts.query, keep_blank_values=True, errors="surrogateescape")
        headers = {k: v for k, v in request.headers.items() if k not in _OF_THE_WHOLE}
        headers = {k: v for k, v in headers.items() if not k.startswith("if-")}
        for element, header in _CONDITIONS.items():
            if isinstance(asked.get(element), str):
                headers[header] = asked[element]
        headers["x-forwarded-prefix"] = self._urls.prefix(request)
        return Request("GET", path, tuple(pairs), headers)


def _entries_of(request: Request) -> list[Any]:
    """Parse the Bundle of a request.

    Raises
    ------
    HttpError
        It is no batch, or too large.
    """
    require_fhir_json(request)
    if len(request.body) > MAXIMUM_BODY:
        raise HttpError(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            "too-costly",
            f"more than {MAXIMUM_BODY} bytes: ask in several batches",
            expression="http.body",
        )
    try:
        bundle = orjson.loads(request.body)
    except orjson.JSONDecodeError:
        bundle = None
    if not isinstance(bundle, dict) or bundle.get("resourceType") != "Bundle":
        raise bad_request(
            "structure", "the body must be a Bundle, as JSON", "http.body"
        )
    if bundle.get("type") != "batch":
        text = "only a Bundle of type batch is answered: this server is read-only"
        raise bad_request("not-supported", text, "Bundle.type")
    entries = bundle.get("entry", [])
    if not isinstance(entries, list) or len(entries) > MAXIMUM_ENTRIES:
        text = f"a batch has at most {MAXIMUM_ENTRIES} entries"
        raise bad_request("too-costly", text, "Bundle.entry")
    return entries


def _entry_of(response: Response) -> Resource:
    """Build the entry of a response (R5 Bundle.entry.response)."""
    status = HTTPStatus(response.status)
    answer: Resource = {"status": f"{status.value} {status.phrase}"}
    if "ETag" in response.headers:
        answer["etag"] = response.headers["ETag"]
    if "Last-Modified" in response.headers:
        modified = parsedate_to_datetime(response.headers["Last-Modified"])
        answer["lastModified"] = modified.isoformat()
    if not response.body:
        return {"response": answer}
    content = orjson.Fragment(response.body)
    if status >= HTTPStatus.BAD_REQUEST:
        return {"response": {**answer, "outcome": content}}
    return {"resource": content, "response": answer}
