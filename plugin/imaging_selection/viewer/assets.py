"""The pages for people, and what they are made of: files of the folder `static`.

They are the same for everybody: what they show they fetch as JSON. Nothing from
elsewhere and nothing inline may run or be loaded (Content Security Policy Level 3).
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
#: Says to every answer of a page: be what you are, and tell nobody where you were.
HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    # Asked for anew each time, and answered with 304: an update is seen at once.
    "Cache-Control": "no-cache",
}
_EXPLORER = "orthanc-explorer.js"  # runs in Orthanc's page, not in ours


def page_response(name: str) -> Response | None:
    """Answer with a file of the pages; None if there is none of this name."""
    if name not in _contents():
        return None
    body = _contents()[name]
    tag = sha256(body).hexdigest()[:16]
    kind = _TYPES[name.rpartition(".")[2]]
    return Response(HTTPStatus.OK, body, kind, HEADERS | {"ETag": f'"{tag}"'})


def explorer_script() -> str:
    """Give the JavaScript that puts our button into Orthanc Explorer."""
    return _contents()[_EXPLORER].decode()


@cache
def _contents() -> dict[str, bytes]:
    folder = resources.files("imaging_selection") / "viewer" / "static"
    return {each.name: each.read_bytes() for each in folder.iterdir() if each.is_file()}
