"""Find the route of a request, and refuse a request that its route must not answer."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING

from imaging_selection.api.accept import prefers_page, require_json
from imaging_selection.api.cors import refuse_other_pages
from imaging_selection.api.responses import HttpError
from imaging_selection.search.patient_parameters import refuse_if_patient

if TYPE_CHECKING:
    from collections.abc import Iterable

    from imaging_selection.api.http import Request, Route


class RouteTable:
    """The routes by their paths."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._by_path: dict[str, list[Route]] = {}
        self._by_pattern: dict[re.Pattern[str], list[Route]] = {}
        for route in routes:
            if "{" in route.path:
                pattern = _pattern_of(route.path)
                self._by_pattern.setdefault(pattern, []).append(route)
                continue
            for path in {route.path, route.path.removesuffix("/")}:
                self._by_path.setdefault(path, []).append(route)

    def find(self, request: Request) -> tuple[Route, tuple[str, ...]] | None:
        """Return the route of a request, and the values of its path, or None.

        Raises
        ------
        HttpError
            405, when the path is served, but not with this method.
        """
        path = request.path
        if path in self._by_path:
            return _route_for(request, self._by_path[path]), ()
        # No id has a control character.
        patterns = self._by_pattern if path.isprintable() else {}
        for pattern, routes in patterns.items():
            if found := pattern.fullmatch(path):
                return _route_for(request, routes), found.groups()
        return None


def refuse_unfit(request: Request, route: Route) -> None:
    """Refuse a request that a route must not answer, whatever it is for."""
    if route.has_effect:
        refuse_other_pages(request)
        require_json(request)
    if route.ignores_parameters:
        for name, value in request.parameters:
            refuse_if_patient(name, value)


def _pattern_of(path: str) -> re.Pattern[str]:
    """Compile the path of a route that has parts in braces.

    A part in braces is one segment, which begins with neither `_` nor `$`: those begin
    the names of FHIR's interactions and operations.
    """
    return re.compile(re.sub(r"\\{\w+\\}", "([^/_$][^/]*)", re.escape(path)))


def _route_for(request: Request, routes: list[Route]) -> Route:
    """Choose among the routes of one path.

    Raises
    ------
    HttpError
        405, when none has the method of the request.
    """
    found = [each for each in routes if each.method == request.method]
    if not found:
        raise HttpError(
            HTTPStatus.METHOD_NOT_ALLOWED,
            "not-supported",
            f"{request.method} is not possible here: this server is read-only",
            expression="http.method",
            headers={"Allow": ", ".join(dict.fromkeys(each.method for each in routes))},
        )
    wants_page = len(found) > 1 and prefers_page(request)
    return next(
        (each for each in found if (each.media == "page") == wants_page), found[0]
    )
