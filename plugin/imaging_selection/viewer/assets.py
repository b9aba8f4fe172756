"""The files that the pages consist of: those of the folder `static`.

The files contain no data: the pages fetch it as JSON. The browser may neither load nor
run anything inline or from another server (Content Security Policy Level 3).
"""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from http import HTTPStatus
from importlib import resources

from imaging_selection.api.http import Response

_TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'self'"
)
#: Of every response of a page.
HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    # The browser asks each time, and gets 304: an update takes effect at once.
    "Cache-Control": "no-cache",
}
_EXPLORER = "orthanc-explorer.js"  # runs in Orthanc's page, not in ours


def page_response(name: str) -> Response | None:
    """Build the response of a file of the pages; None if there is none of this name."""
    if name not in _contents():
        return None
    body = _contents()[name]
    tag = sha256(body).hexdigest()[:16]
    kind = _TYPES[name.rpartition(".")[2]]
    return Response(HTTPStatus.OK, body, kind, HEADERS | {"ETag": f'"{tag}"'})


def explorer_script() -> str:
    """Return the JavaScript that adds the plugin's button to Orthanc Explorer."""
    return _contents()[_EXPLORER].decode()


@cache
def _contents() -> dict[str, bytes]:
    folder = resources.files("imaging_selection") / "viewer" / "static"
    return {each.name: each.read_bytes() for each in folder.iterdir() if each.is_file()}
