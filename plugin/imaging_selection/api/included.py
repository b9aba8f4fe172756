"""What a search includes beside its matches: `_include` and `_revinclude`.

FHIR R5 search.html 3.2.1.7.5.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from imaging_selection.api.responses import HttpError, bad_request
from imaging_selection.search.criteria import Criterion, Query, TokenMatch
from imaging_selection.search.parameters import REFERRED, STORED, TYPES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from imaging_selection.api.endpoint import Endpoints
    from imaging_selection.api.http import Request
    from imaging_selection.api.ports import (
        Catalogue,
        SelectionReader,
        StoredSelection,
    )
    from imaging_selection.api.urls import Urls
    from imaging_selection.search.parse_include import Include
    from imaging_selection.search.parse_request import Search

# Resources that refer to what is on one page, and those that iterations include.
MAXIMUM_REFERRING = 5000

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
        """Yield the full URL and the content of each resource, once, no match again.

        Raises
        ------
        HttpError
            400, if there is too much: a part of it would look like all.
        """
        kind = search.query.resource_type
        fresh: dict[str, Any] = {
            f"{kind}/{each.id}": bytes(each.resource) for each in matches
        }
        seen, included = {*fresh}, 0
        base, origin = self._urls.base_url(request), self._urls.origin(request)
        includes, reverse = search.includes, search.reverse_includes
        while fresh and (includes or reverse):
            stored = {p: each for p, each in fresh.items() if isinstance(each, bytes)}
            fresh = {}
            for path, content in (
                *self._referred(stored, includes, origin),
                *self._referring(stored, reverse, MAXIMUM_REFERRING - included),
            ):
                if path not in seen:
                    seen.add(path)
                    fresh[path] = content
                    is_stored = isinstance(content, bytes)
                    yield (
                        f"{base}/{path}",
                        orjson.Fragment(content) if is_stored else content,
                    )
            included += len(fresh)
            includes = tuple(each for each in includes if each.iterates)
            reverse = tuple(each for each in reverse if each.iterates)
            if included > MAXIMUM_REFERRING and (includes or reverse):
                raise _too_much("http._include")

    def _referred(
        self, resources: Mapping[str, bytes], includes: Iterable[Include], origin: str
    ) -> Iterator[Entry]:
        """Read what resources refer to."""
        references = {
            element["reference"]: None
            for path, content in resources.items()
            for followed in [[e for e in includes if path.startswith(f"{e.source}/")]]
            for resource in [orjson.loads(content) if followed else {}]
            for each in followed
            for element in TYPES[each.source][each.parameter].elements(resource)
            if element.get("reference", "").partition("/")[0] in each.targets
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
        return bytes(stored.resource)

    def _referring(
        self, resources: Iterable[str], includes: Iterable[Include], left: int
    ) -> Iterator[Entry]:
        """Read what refers to resources, given by their paths."""
        for include in includes:
            for path in resources:
                resource_type, _, resource_id = path.partition("/")
                if resource_type not in include.targets:
                    continue
                match = TokenMatch(resource_type, resource_id)
                criterion = Criterion(include.parameter, (match,))
                query = Query((criterion,), left, resource_type=include.source)
                page = self._reader.search(query)
                left -= len(page.matches)
                if page.next_after is not None or left <= 0:
                    raise _too_much(
                        "http._revinclude",
                        f", or search {include.source} by {include.parameter}",
                    )
                for found in page.matches:
                    yield f"{include.source}/{found.id}", bytes(found.resource)


def _too_much(expression: str, advice: str = "") -> HttpError:
    return bad_request(
        "too-costly",
        f"{MAXIMUM_REFERRING} resources or more would be included with the matches of"
        f" this page: use a smaller _count{advice}",
        expression,
    )
