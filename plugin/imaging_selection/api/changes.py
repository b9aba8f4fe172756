"""The history of a type, and of all types: what was stored and deleted.

Of each resource only the last change is known: with `_at`, those that changed later are
missing, and a warning says so. FHIR R5 http.html 3.2.0.13.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import orjson

from imaging_selection.api.accept import is_strict
from imaging_selection.api.responses import fhir_response
from imaging_selection.api.urls import with_cursor
from imaging_selection.errors import SearchError
from imaging_selection.fhir.bundles import history_bundle, warning
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

FOREVER = 2**62  # microseconds
# Bundle.issues is a resource with an id of its own.
NOT_KEPT = {
    "resourceType": "OperationOutcome",
    "id": "issues",
    **warning(
        "incomplete",
        "what has changed after the time of _at is not listed: earlier versions, and"
        " what was deleted later, are not kept",
    ),
}
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
        asked = AskedHistory(request, context)
        changes: Sequence[Change] = ()
        following: Position | None = None
        if asked.count:
            changes, following = self._reader.history(
                types, asked.span, asked.count, asked.after
            )
        base = self._urls.base_url(request)
        self_link = self._urls.search_url(request, path, asked.applied)
        cursor = following and format_cursor(following)
        bundle = history_bundle(
            self_link,
            [*_entries(base, changes)],
            next_link=with_cursor(self_link, cursor) if cursor else None,
            issues=self._issues(types, asked),
        )
        now = (context.now - OVERLAP).isoformat(timespec="milliseconds")
        return fhir_response({**bundle, "meta": {"lastUpdated": now}})

    def _issues(self, types: tuple[str, ...], asked: AskedHistory) -> Resource | None:
        """Return a warning if something changed after the time of `_at`."""
        if not asked.is_past:
            return None
        later, _ = self._reader.history(types, (asked.span[1], FOREVER), 1, None)
        return NOT_KEPT if later else None


class AskedHistory:
    """The parameters of a history.

    Attributes
    ----------
    span
        The first moment of a change, and the first after that.

    Raises
    ------
    SearchError
        A value is malformed, or a parameter is not supported.
    """

    def __init__(self, request: Request, context: Context) -> None:
        self._context = context
        self._strict = is_strict(request)
        self.span = NO_DATE, FOREVER
        self.count = min(100, context.maximum)
        self.after: Position | None = None
        self.applied: list[tuple[str, str]] = []
        for name, value in request.parameters:
            if value and name not in {"_format", "_pretty"}:
                self._add(name, value)

    @property
    def is_past(self) -> bool:
        """Whether only what was at an earlier time is asked for."""
        return self.span[1] < FOREVER

    def has(self, stored: StoredSelection) -> bool:
        """Return whether the last change of a resource is one that is asked for."""
        moment = (interval_of(stored.last_updated) or (NO_DATE,))[0]
        return self.span[0] <= moment < self.span[1]

    def _add(self, name: str, value: str) -> None:
        if name == "_since":
            self.span = self._moment(value), self.span[1]
        elif name == "_count":
            if not value.isdecimal() or len(value) > len("1" * 18):
                raise SearchError("_count must be a whole number", name, "value")
            self.count = min(int(value), self._context.maximum)
        elif name == "_cursor":
            self.after = parse_cursor(value, LAST_FIRST)
            return  # the self link is without it
        elif name == "_at":
            self.span = self.span[0], self._end(value)
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

    def _end(self, value: str) -> int:
        interval = interval_of(value, self._context.zone)
        if interval is None:
            raise SearchError("_at is a date or a time", "_at", "value")
        return interval[1]


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
