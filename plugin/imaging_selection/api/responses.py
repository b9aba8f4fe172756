"""Build responses, those to errors among them.

Every error is an exception that carries facts; `error_response` alone turns one into a
status and an OperationOutcome (R5 http.html 3.2.0.7).
"""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import TYPE_CHECKING

import orjson

from imaging_selection.api.http import Response
from imaging_selection.errors import (
    BusyError,
    DicomError,
    ExceededError,
    ImagingSelectionError,
    SearchError,
    SourceError,
    StoppedError,
    StoreError,
    TooCostlyError,
    WithoutContoursError,
)
from imaging_selection.fhir.bundles import operation_outcome
from imaging_selection.fhir.datatypes import FHIR_JSON, dumps

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imaging_selection.fhir.datatypes import Resource

log = logging.getLogger(__name__)

# Of the classes that an error is of, the first: status, issue type, what is at fault.
_INSTANCE = "ImagingSelection.instance"
_ERRORS: dict[type[Exception], tuple[HTTPStatus, str, str | None]] = {
    ExceededError: (HTTPStatus.UNPROCESSABLE_ENTITY, "too-costly", _INSTANCE),
    TooCostlyError: (HTTPStatus.UNPROCESSABLE_ENTITY, "too-costly", "http"),
    WithoutContoursError: (HTTPStatus.BAD_REQUEST, "not-supported", _INSTANCE),
    DicomError: (HTTPStatus.UNPROCESSABLE_ENTITY, "processing", _INSTANCE),
    Exception: (HTTPStatus.INTERNAL_SERVER_ERROR, "exception", None),
}


class HttpError(Exception):
    """A response other than 200, with its OperationOutcome.

    Parameters
    ----------
    issue_type
        A code of FHIR's issue-type.
    diagnostics
        What is wrong, and what to do about it.
    expression
        What is at fault: FHIRPath, or `http.` and the name of a header, a parameter or
        another part of the request.
    """

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
        self.outcome = operation_outcome(issue_type, diagnostics, expression=expression)


def not_found(what: str, expression: str = "http.path") -> HttpError:
    """Build the error for what does not exist."""
    return HttpError(HTTPStatus.NOT_FOUND, "not-found", what, expression=expression)


def bad_request(issue_type: str, what: str, expression: str) -> HttpError:
    """Build the error for a request that is wrong, or that is not supported."""
    return HttpError(HTTPStatus.BAD_REQUEST, issue_type, what, expression=expression)


# No proxy may keep what a user may read; a browser asks each time, and with the ETag
# often gets a 304 (RFC 9111 5.2.2).
_CACHING = {"Cache-Control": "private, no-cache"}


def fhir_response(
    resource: Resource | bytes | Iterator[bytes],
    status: HTTPStatus = HTTPStatus.OK,
    headers: dict[str, str] | None = None,
) -> Response:
    """Build the response of a resource, or of its JSON, which may come in parts."""
    body = dumps(resource) if isinstance(resource, dict) else resource
    return Response(status, body, FHIR_JSON, _CACHING | (headers or {}))


def json_response(value: object, status: HTTPStatus = HTTPStatus.OK) -> Response:
    """Build a response of plain JSON, for the routes that are not FHIR."""
    # A copy: a handler may add a header to its own answer.
    return Response(status, orjson.dumps(value), "application/json", {**_CACHING})


def unavailable(reason: str, *, transient: bool = True) -> Response:
    """Build a 503 with its reason: the plugin runs, but cannot serve.

    Parameters
    ----------
    transient
        Whether the trouble may end by itself: the client may try again.
    """
    return fhir_response(
        operation_outcome("transient" if transient else "exception", reason),
        HTTPStatus.SERVICE_UNAVAILABLE,
        {"Retry-After": "10"} if transient else {},
    )


def error_response(error: Exception) -> Response:
    """Build the response to an error."""
    if isinstance(error, HttpError):
        return fhir_response(error.outcome, error.status, error.headers)
    if isinstance(error, SearchError):
        where = f"http.{error.parameter}" if error.parameter else None
        outcome = operation_outcome(error.issue_type, str(error), expression=where)
        return fhir_response(outcome, HTTPStatus.BAD_REQUEST)
    if isinstance(error, StoreError | SourceError | BusyError | StoppedError):
        return unavailable(str(error))
    if isinstance(error, ImagingSelectionError):
        reason = str(error)
    else:
        # The text of an unforeseen error may contain patient data.
        log.error("request failed: %s", type(error).__name__)
        reason = f"internal error ({type(error).__name__})"
    status, issue_type, where = next(
        answer for kind, answer in _ERRORS.items() if isinstance(error, kind)
    )
    outcome = operation_outcome(issue_type, reason, expression=where)
    return fhir_response(outcome, status)
