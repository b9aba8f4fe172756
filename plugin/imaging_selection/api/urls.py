"""Addresses as the client sees them, behind proxies too.

The configuration says the address, or else the request does: its Host header, and what
a trusted proxy adds. FHIR R5 http.html, 3.1.0.1.2 (service base URL).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, unquote, urlencode

if TYPE_CHECKING:
    from collections.abc import Iterable

    from imaging_selection.api.http import Request

_HOST = re.compile(r"[A-Za-z0-9.\-_:\[\]]{1,255}")


@dataclass(frozen=True, slots=True)
class Links:
    """Makes the addresses of this server.

    Attributes
    ----------
    fhir_root
        The path of the FHIR API in Orthanc.
    public_base_url
        The address of `fhir_root` as clients see it; None: from each request.
    trusts_proxy
        Headers that a proxy sets are believed.
    scheme
        What Orthanc itself speaks: http or https.
    """

    fhir_root: str = "/fhir"
    public_base_url: str | None = None
    trusts_proxy: bool = False
    scheme: str = "http"

    def restored(self, request: Request) -> Request:
        """Give a request the parameters back that Orthanc does not hand on.

        Of a GET, it keeps only the last of a repeated name; of a POST, none that stand
        in the URL. A trusted proxy passes the whole of it as X-Original-URI.
        """
        original = request.headers.get("x-original-uri", "")
        address = original.partition("#")[0]
        if not self.trusts_proxy or "?" not in address:
            return request  # a path alone takes no parameter away
        query = address.partition("?")[2]
        pairs = parse_qsl(query, keep_blank_values=True, errors="surrogateescape")
        body = request.parameters if request.method == "POST" else ()
        return replace(request, parameters=(*pairs, *body))

    def base_url(self, request: Request) -> str:
        """Give the address of the FHIR API."""
        if self.public_base_url:
            return self.public_base_url
        return self.origin(request) + self.fhir_root

    def origin(self, request: Request) -> str:
        """Give the address of Orthanc: scheme, host, and the proxy's path if any."""
        if self.public_base_url:
            return self.public_base_url.removesuffix(self.fhir_root)
        host = request.headers.get("host")
        if not self.trusts_proxy and host and _HOST.fullmatch(host):  # as a rule
            return f"{self.scheme}://{host}"
        headers = request.headers if self.trusts_proxy else {}
        scheme = _first(headers.get("x-forwarded-proto")).lower() or self.scheme
        host = _first(headers.get("x-forwarded-host")) or host
        if not host or not _HOST.fullmatch(host):
            host = "localhost"
        if scheme not in {"http", "https"}:
            scheme = self.scheme
        return f"{scheme}://{host}{_prefix(request, headers)}"

    def search_url(
        self, request: Request, path: str, pairs: Iterable[tuple[str, str]]
    ) -> str:
        """Give the address of a search below the FHIR API."""
        query = urlencode(list(pairs))
        address = f"{self.base_url(request)}/{quote(path)}"
        return f"{address}?{query}" if query else address


def _first(header: str | None) -> str:
    """Take the value that the proxy nearest to the client has set."""
    return (header or "").partition(",")[0].strip()


def _prefix(request: Request, headers: dict[str, str]) -> str:
    """Find the path under which a proxy shows Orthanc."""
    given = headers.get("x-forwarded-prefix")
    if given is not None:
        return _path(_first(given))
    original = unquote(re.split("[?#]", headers.get("x-original-uri", ""))[0])
    found = original.startswith("/") and original.endswith(request.path)
    return _path(original.removesuffix(request.path)) if found else ""


def _path(text: str) -> str:
    """Spell a path with one slash before each part; none that leads elsewhere."""
    parts = [part for part in text.split("/") if part]
    return "" if {".", ".."} & {*parts} else quote("".join(f"/{p}" for p in parts))
