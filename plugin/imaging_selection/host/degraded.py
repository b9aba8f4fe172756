"""What runs in place of the plugin when the configuration cannot be used."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from imaging_selection import __version__
from imaging_selection.api.responses import json_response, unavailable
from imaging_selection.api.router import STATUS_PATH
from imaging_selection.viewer.routes import degraded_page

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imaging_selection.api.http import Lane, Request, Response


class Degraded:
    """Orthanc runs, and every route answers 503 with the reason."""

    def __init__(self, problems: Sequence[str]) -> None:
        self._problems = tuple(problems)

    def handle(self, request: Request) -> Response:
        """Answer with the problems."""
        if request.path == STATUS_PATH:
            status = {"version": __version__, "problems": self._problems}
            return json_response(status, HTTPStatus.SERVICE_UNAVAILABLE)
        if page := degraded_page(request):
            return page
        return unavailable("; ".join(self._problems), transient=False)

    def lane_of(self, _request: Request) -> Lane:
        """Return that no request waits for anything."""
        return "status"

    def start(self) -> None:
        """Do nothing."""

    def stop(self) -> None:
        """Do nothing."""

    def arrived(self, orthanc_id: str, kind: str) -> None:
        """Do nothing: a sweep finds the instance once the configuration is right."""

    def ignore(self, orthanc_id: str) -> None:
        """Do nothing."""

    def departed(self, orthanc_id: str) -> None:
        """Do nothing, for the same reason."""

    def changed(self, orthanc_id: str) -> None:
        """Do nothing, for the same reason."""
