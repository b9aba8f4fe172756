"""The history of a type, and of all types: what was stored and deleted.

Of each resource only the last change is known. FHIR R5 http.html 3.2.0.13.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import orjson

from imaging_selection.api.accept import is_strict
from imaging_selection.api.responses import fhir_response
from imaging_selection.api.urls import with_cursor
from imaging_selection.errors import SearchError
from imaging_selection.fhir.bundles import history_bundle
from imaging_selection.search.criteria import LAST_FIRST
from imaging_selection.search.cursor import format_cursor, parse_cursor
from imaging_selection.search.extract import NO_DATE
from imaging_selection.search.normalize import interval_of
from imaging_selection.search.parameters import STORED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from imaging_selection.api.http import Request, Response
    from imaging_selection.api.ports import Change, SelectionReader, StoredSelection
    from imaging_selection.api.urls import Urls
    from imaging_selection.fhir.datatypes import Resource
    from imaging_selection.search.criteria import Position
    from imaging_selection.search.parse_criterion import Context

# A transaction may end so much later than the time that it gives to its resources.
OVERLAP = timedelta(minutes=1)


class Changes:
    """Handles the requests for a history of a type, or of all types."""

    def __init__(
        self,
        reader: SelectionReader,
        urls: Urls,
        context_of: Callable[[Request, str], Context],
    ) -> None:
        self._reader = reader
        self._urls = urls
        self._context_of = context_of

    def of_type(self, resource_type: str, request: Request) -> Response:
        """Return the history of a type."""
        return self._history(request, (resource_type,), f"{resource_type}/_history")

    def of_all(self, request: Request) -> Response:
        """Return the history of all types."""
        return self._history(request, STORED, "_history")

    def _history(self, request: Request, types: tuple[str, ...], path: str) -> Response:
        context = self._context_of(request, types[0])
        asked = _Asked(context, strict=is_strict(request))
        for name, value in request.parameters:
            asked.add(name, value)
        changes: Sequence[Change] = ()
        following: Position | None = None
        if asked.count:
            changes, following = self._reader.history(
                types, asked.since, asked.count, asked.after
            )
        base = self._urls.base_url(request)
        self_link = self._urls.search_url(request, path, asked.applied)
        cursor = following and format_cursor(following)
        bundle = history_bundle(
            self_link,
            [*_entries(base, changes)],
            next_link=with_cursor(self_link, cursor) if cursor else None,
        )
        now = (context.now - OVERLAP).isoformat(timespec="milliseconds")
        return fhir_response({**bundle, "meta": {"lastUpdated": now}})


class _Asked:
    """The parameters of a history."""

    def __init__(self, context: Context, *, strict: bool) -> None:
        self._context = context
        self._strict = strict
        self.since = NO_DATE
        self.count = min(100, context.maximum)
        self.after: Position | None = None
        self.applied: list[tuple[str, str]] = []

    def add(self, name: str, value: str) -> None:
        """Parse one parameter.

        Raises
        ------
        SearchError
            Its value is malformed, or it is not supported.
        """
        if not value or name in {"_format", "_pretty"}:
            return
        if name == "_since":
            self.since = self._moment(value)
        elif name == "_count":
            if not value.isdecimal() or len(value) > len("1" * 18):
                raise SearchError("_count must be a whole number", name, "value")
            self.count = min(int(value), self._context.maximum)
        elif name == "_cursor":
            self.after = parse_cursor(value, LAST_FIRST)
            return  # the self link is without it
        elif name == "_at":
            raise SearchError(
                "what a resource was at an earlier time is not kept",
                name,
                "not-supported",
            )
        elif self._strict:
            raise SearchError(f"{name} is not supported", name, "not-supported")
        else:
            return
        self.applied.append((name, value))

    def _moment(self, value: str) -> int:
        interval = interval_of(value, self._context.zone)
        if interval is None or "T" not in value:
            raise SearchError("_since is an instant", "_since", "value")
        return interval[0]


def _entries(base: str, changes: Iterable[Change]) -> Iterable[Resource]:
    for each in changes:
        path = f"{each.resource_type}/{each.stored.id}"
        yield history_entry(f"{base}/{path}", path, each.stored)


def history_entry(url: str, path: str, stored: StoredSelection) -> Resource:
    """Build the entry of a version: what was stored, or that it was deleted.

    Parameters
    ----------
    path
        The type and the id.
    """
    entry: Resource = {"fullUrl": url}
    method, status = "DELETE", "204"
    if not stored.deleted:
        method, status = "PUT", "200"
        entry["resource"] = orjson.Fragment(stored.resource)
    return {
        **entry,
        "request": {"method": method, "url": path},
        "response": {
            "status": status,
            "etag": f'W/"{stored.version_id}"',
            "lastModified": stored.last_updated,
        },
    }
