"""Answers of the API, those to errors among them.

Every error is an exception that carries facts; `answer_to` alone turns one into a
status and an OperationOutcome (R5 http.html 3.2.0.7).
"""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import TYPE_CHECKING

import orjson

from imaging_selection.api.http import Response
from imaging_selection.errors import (
    DicomError,
    ImagingSelectionError,
    SearchError,
    SourceError,
    StoreError,
    WithoutContoursError,
)
from imaging_selection.fhir import datatypes as fhir

if TYPE_CHECKING:
    from imaging_selection.fhir.datatypes import Resource

log = logging.getLogger(__name__)

JSON = "application/json"


# The first that fits names the answer to an error, and what is at fault.
_INSTANCE = "ImagingSelection.instance"
_ERRORS: dict[type[Exception], tuple[HTTPStatus, str, str | None]] = {
    WithoutContoursError: (HTTPStatus.BAD_REQUEST, "not-supported", _INSTANCE),
    DicomError: (HTTPStatus.UNPROCESSABLE_ENTITY, "processing", _INSTANCE),
    Exception: (HTTPStatus.INTERNAL_SERVER_ERROR, "exception", None),
}


class HttpError(Exception):
    """An answer other than 200, with its OperationOutcome.

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
        self.outcome = fhir.operation_outcome(
            issue_type, diagnostics, expression=expression
        )


def not_found(what: str, expression: str = "http.path") -> HttpError:
    """Say that there is no such thing."""
    return HttpError(HTTPStatus.NOT_FOUND, "not-found", what, expression=expression)


def fhir_response(
    resource: Resource | bytes,
    status: HTTPStatus = HTTPStatus.OK,
    headers: dict[str, str] | None = None,
) -> Response:
    """Answer with a resource, or with its JSON."""
    body = resource if isinstance(resource, bytes) else fhir.dumps(resource)
    return Response(status, body, fhir.FHIR_JSON, headers or {})


def json_response(value: object, status: HTTPStatus = HTTPStatus.OK) -> Response:
    """Answer with plain JSON, on the routes that are not FHIR."""
    return Response(status, orjson.dumps(value), JSON)


def unavailable(reason: str, *, passes: bool = True) -> Response:
    """Answer 503 with a reason: the plugin runs, but cannot serve.

    Parameters
    ----------
    passes
        It does so by itself: asking again may help.
    """
    return fhir_response(
        fhir.operation_outcome("transient" if passes else "exception", reason),
        HTTPStatus.SERVICE_UNAVAILABLE,
        {"Retry-After": "10"} if passes else {},
    )


def answer_to(error: Exception) -> Response:
    """Answer to what went wrong."""
    if isinstance(error, HttpError):
        return fhir_response(error.outcome, error.status, error.headers)
    if isinstance(error, SearchError):
        where = f"http.{error.parameter}" if error.parameter else None
        outcome = fhir.operation_outcome(error.issue_type, str(error), expression=where)
        return fhir_response(outcome, HTTPStatus.BAD_REQUEST)
    if isinstance(error, StoreError | SourceError):
        return unavailable(str(error))
    if isinstance(error, ImagingSelectionError):
        reason = str(error)
    else:
        # The text of an unforeseen error may hold patient data: named by its kind.
        log.error("request failed: %s", type(error).__name__)
        reason = f"internal error ({type(error).__name__})"
    status, issue_type, where = next(
        answer for kind, answer in _ERRORS.items() if isinstance(error, kind)
    )
    outcome = fhir.operation_outcome(issue_type, reason, expression=where)
    return fhir_response(outcome, status)
