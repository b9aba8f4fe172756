"""What a search includes beside its matches: `_include` and `_revinclude`.

FHIR R5 search.html 3.2.1.7.5.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from imaging_selection.api.responses import bad_request
from imaging_selection.search.criteria import Criterion, Query, TokenMatch
from imaging_selection.search.parameters import REFERRED, STORED, TYPES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from imaging_selection.api.endpoint import Endpoints
    from imaging_selection.api.http import Request
    from imaging_selection.api.ports import (
        Catalogue,
        SelectionReader,
        StoredSelection,
    )
    from imaging_selection.api.urls import Urls
    from imaging_selection.search.parse_request import Search

MAXIMUM_REFERRING = 5000  # resources that refer to the matches of one page

# Path of the resource below the FHIR API, and the resource or its JSON.
Entry = tuple[str, Any]


class Included:
    """Reads what the matches of a search refer to, and what refers to them."""

    def __init__(
        self,
        reader: SelectionReader,
        catalogue: Catalogue,
        endpoints: Endpoints,
        urls: Urls,
    ) -> None:
        self._reader = reader
        self._catalogue = catalogue
        self._endpoints = endpoints
        self._urls = urls

    def of(
        self, request: Request, matches: Iterable[StoredSelection], search: Search
    ) -> Iterator[tuple[str, Any]]:
        """Yield the full URL and the content of each resource, once, no match again."""
        resource_type = search.query.resource_type
        matches = list(matches)
        seen = {f"{resource_type}/{each.id}" for each in matches}
        base = self._urls.base_url(request)
        origin = self._urls.origin(request)
        referred = self._referred(matches, search, origin)
        referring = self._referring(matches, search, resource_type)
        for entries in (referred, referring):
            for path, content in entries:
                if path not in seen:
                    seen.add(path)
                    yield f"{base}/{path}", content

    def _referred(
        self, matches: list[StoredSelection], search: Search, origin: str
    ) -> Iterator[Entry]:
        """Read what the matches refer to."""
        if not search.includes:
            return
        parameters = TYPES[search.query.resource_type]
        references = {
            element["reference"]: None
            for each in matches
            for resource in [orjson.loads(each.resource)]
            for name, types in search.includes
            for element in parameters[name].elements(resource)
            if element.get("reference", "").startswith(types)
        }
        for reference in references:
            resource_type, _, resource_id = reference.partition("/")
            content = self._read(resource_type, resource_id, origin)
            if content is not None:
                yield reference, content

    def _read(self, resource_type: str, resource_id: str, origin: str) -> Any:
        """Return a resource or its JSON; None if it is not here."""
        if resource_type not in STORED:
            return self._endpoints.read(resource_type, resource_id, origin)
        stored = self._reader.read(resource_id, resource_type)
        if stored is None and resource_type in REFERRED:
            self._catalogue.refresh(resource_type, resource_id)
            stored = self._reader.read(resource_id, resource_type)
        if stored is None or stored.deleted:
            return None
        return orjson.Fragment(stored.resource)

    def _referring(
        self, matches: list[StoredSelection], search: Search, resource_type: str
    ) -> Iterator[Entry]:
        """Read what refers to the matches.

        Raises
        ------
        HttpError
            400, if there is too much: a part of it would look like all.
        """
        left = MAXIMUM_REFERRING
        for kind, name in search.reverse_includes:
            for each in matches:
                criterion = Criterion(name, (TokenMatch(resource_type, each.id),))
                query = Query((criterion,), count=left, resource_type=kind)
                page = self._reader.search(query)
                left -= len(page.matches)
                if page.next_after is not None or left <= 0:
                    raise bad_request(
                        "too-costly",
                        f"{MAXIMUM_REFERRING} resources or more refer to the matches of"
                        f" this page: use a smaller _count, or search {kind} by {name}",
                        "http._revinclude",
                    )
                for found in page.matches:
                    yield f"{kind}/{found.id}", orjson.Fragment(found.resource)
