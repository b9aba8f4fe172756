"""May a web page of another origin read a response? Fetch standard, 3.2 (CORS)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

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
    origin = request.headers.get("origin")
    if not origins or not origin:
        return response
    headers = dict(response.headers)
    if "*" in origins:
        headers["Access-Control-Allow-Origin"] = "*"
    else:
        headers["Vary"] = "Accept, Origin"
        if origin in origins:
            headers["Access-Control-Allow-Origin"] = origin
    if "Access-Control-Allow-Origin" in headers:
        headers["Access-Control-Expose-Headers"] = "ETag, Last-Modified"
    return replace(response, headers=headers)
