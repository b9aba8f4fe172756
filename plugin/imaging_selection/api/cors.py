"""What may a web page of another origin do? Fetch standard, 3.2 (CORS)."""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING

from imaging_selection.api.responses import HttpError

if TYPE_CHECKING:
    from imaging_selection.api.http import Request, Response


def with_cors_headers(
    request: Request, response: Response, origins: tuple[str, ...]
) -> Response:
    """Return a response with the headers that permit its origin to read it.

    Parameters
    ----------
    origins
        Those that may, such as `https://viewer.example.org`; `*`: all.
    """
    if not origins:
        return response
    origin = request.headers.get("origin")
    headers = dict(response.headers)
    if "*" not in origins:
        # Without the header Origin too: a cache may give the answer to another page.
        headers["Vary"] = ", ".join([*filter(None, [headers.get("Vary")]), "Origin"])
        if origin in origins:
            headers["Access-Control-Allow-Origin"] = origin
    elif origin:
        headers["Access-Control-Allow-Origin"] = "*"
    if "Access-Control-Allow-Origin" in headers:
        headers["Access-Control-Expose-Headers"] = "ETag, Last-Modified"
    return replace(response, headers=headers)


def refuse_other_pages(request: Request) -> None:
    """Refuse a request with an effect that a page of another origin has sent.

    A browser sends the user's password for Orthanc with it, whoever made the page. It
    says in Sec-Fetch-Site where the page is from (W3C Fetch Metadata, 2.3); programs do
    not send this header, and `none` is the user's own doing.

    Raises
    ------
    HttpError
        403.
    """
    if request.headers.get("sec-fetch-site", "none") not in {"none", "same-origin"}:
        raise HttpError(
            HTTPStatus.FORBIDDEN,
            "forbidden",
            "a page of another origin may not do this",
            expression="http.Sec-Fetch-Site",
        )
