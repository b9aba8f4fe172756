"""Conditional reads: 304 for a client that has the current version already.

RFC 9110, 13; FHIR R5 http.html 3.2.0.2.
"""

from __future__ import annotations

from dataclasses import replace
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from imaging_selection.api.http import Request, Response


def not_modified_or(request: Request, response: Response) -> Response:
    """Return 304 without a body if the client has this version, else the response.

    The headers If-None-Match and If-Modified-Since say which version it has; the first
    takes precedence (RFC 9110 13.2.2).
    """
    etags = request.headers.get("if-none-match")
    if etags is not None:
        is_known = _contains(etags, response.headers.get("ETag", ""))
    else:
        is_known = _is_not_after(
            response.headers.get("Last-Modified"),
            request.headers.get("if-modified-since"),
        )
    if not is_known:
        return response
    return replace(response, status=HTTPStatus.NOT_MODIFIED, body=b"")


def _contains(etags: str, etag: str) -> bool:
    """Compare weakly (RFC 9110 8.8.3.2)."""
    if etags.strip() == "*":
        return True
    known = (each.strip().removeprefix("W/") for each in etags.split(","))
    return etag.removeprefix("W/") in known


def _is_not_after(modified: str | None, since: str | None) -> bool:
    if not modified or not since:
        return False
    try:
        return parsedate_to_datetime(modified) <= parsedate_to_datetime(since)
    except (TypeError, ValueError):  # RFC 9110 13.1.3: an invalid date is ignored
        return False
