"""URLs as the client sees them, behind proxies too.

They begin with the configured address, or else with that of the request: its header
Host, and what a trusted proxy adds. FHIR R5 http.html, 3.1.0.1.2 (service base URL).
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import lru_cache, partial
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, quote_plus, unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable

    from imaging_selection.api.http import Request
    from imaging_selection.api.ports import SiteSettings

_HOST = re.compile(r"[A-Za-z0-9.\-_:\[\]]{1,255}")


class Urls:
    """Builds the URLs of this server.

    Parameters
    ----------
    below
        Where another version of FHIR has its API, below that of R5: a path.
    """

    def __init__(self, settings: SiteSettings, below: str = "") -> None:
        self._fhir_root = settings.fhir_root
        self._below = below
        self._public_base_url = settings.public_base_url
        self._trusts_proxy = settings.trust_forwarded_headers
        self._scheme = settings.scheme

    def with_original_parameters(self, request: Request) -> Request:
        """Return a request with the parameters that Orthanc does not pass on.

        Of a GET, Orthanc keeps only the last value of a repeated parameter; of a POST,
        none of the URL. A trusted proxy passes the whole URL as X-Original-URI.
        """
        original = request.headers.get("x-original-uri", "")
        address = original.partition("#")[0]
        if not self._trusts_proxy or "?" not in address:
            return request  # without a query, Orthanc's parameters stay
        query = address.partition("?")[2]
        pairs = parse_qsl(query, keep_blank_values=True, errors="surrogateescape")
        body = request.parameters if request.method == "POST" else ()
        return replace(request, parameters=(*pairs, *body))

    def base_url(self, request: Request) -> str:
        """Return the URL of the FHIR API."""
        if self._public_base_url:
            return self._public_base_url + self._below
        return self.origin(request) + self._fhir_root + self._below

    def origin(self, request: Request) -> str:
        """Return the URL of Orthanc: scheme, host, and the proxy's path if any."""
        if self._public_base_url:
            return self._public_base_url.removesuffix(self._fhir_root)
        host = request.headers.get("host")
        if not self._trusts_proxy and host and _is_host(host):  # the common case
            return f"{self._scheme}://{host}"
        headers = request.headers if self._trusts_proxy else {}
        scheme = _first(headers.get("x-forwarded-proto")).lower() or self._scheme
        host = _first(headers.get("x-forwarded-host")) or host
        if not host or not _is_host(host):
            host = "localhost"
        if scheme not in {"http", "https"}:
            scheme = self._scheme
        return f"{scheme}://{host}{_prefix(request, headers)}"

    def prefix(self, request: Request) -> str:
        """Return the path under which a trusted proxy serves Orthanc; often empty."""
        return _prefix(request, request.headers) if self._trusts_proxy else ""

    def search_url(
        self, request: Request, path: str, pairs: Iterable[tuple[str, str]]
    ) -> str:
        """Return the URL of a search below the FHIR API."""
        query = "&".join(f"{_escaped(name)}={_escaped(value)}" for name, value in pairs)
        address = f"{self.base_url(request)}/{_quoted(path)}"
        return f"{address}?{query}" if query else address


# Clients search few paths; `$` of an operation and `*` need no escape (RFC 3986, 3.3).
_quoted = lru_cache(maxsize=64)(partial(quote, safe="/$*"))
_escaped = lru_cache(maxsize=256)(quote_plus)


def with_cursor(search_url: str, cursor: str) -> str:
    """Return the URL of another page of a search; a cursor needs no escape."""
    return f"{search_url}{'&' if '?' in search_url else '?'}_cursor={cursor}"


@lru_cache(maxsize=16)  # clients use few names
def _is_host(text: str) -> bool:
    """Return whether a URL may name this host: brackets hold an IPv6 address."""
    try:
        return bool(_HOST.fullmatch(text) and urlsplit(f"//{text}").hostname)
    except ValueError:
        return False


def _first(header: str | None) -> str:
    """Return the value that the proxy nearest to the client has set."""
    return (header or "").partition(",")[0].strip()


def _prefix(request: Request, headers: dict[str, str]) -> str:
    """Return the path under which a proxy serves Orthanc."""
    given = headers.get("x-forwarded-prefix")
    if given is not None:
        return _path(_first(given))
    original = unquote(re.split("[?#]", headers.get("x-original-uri", ""))[0])
    found = original.startswith("/") and original.endswith(request.path)
    return _path(original.removesuffix(request.path)) if found else ""


def _path(text: str) -> str:
    """Return a path with one slash before each part; empty if it leads upwards."""
    parts = [part for part in text.split("/") if part]
    return "" if {".", ".."} & {*parts} else quote("".join(f"/{p}" for p in parts))
