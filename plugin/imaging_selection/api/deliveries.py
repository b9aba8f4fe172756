"""`POST /imaging-selection/deliveries/{name}/resend`: deliver to a target again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from imaging_selection.api.responses import bad_request, json_response, not_found
from imaging_selection.api.selection_lookup import require_orthanc_id

if TYPE_CHECKING:
    from imaging_selection.api.http import Request, Response
    from imaging_selection.api.ports import Catalogue


class DeliveryHandlers:
    """Handles the requests about targets."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def resend(self, request: Request, name: str) -> Response:
        """Try again what could not be delivered; `force`: all; `instance`: that one."""
        wanted = _parsed(request)
        force, instance = wanted.pop("force", False), wanted.pop("instance", None)
        if wanted or not isinstance(force, bool):  # an unknown key, such as `Force`
            raise bad_request(
                "invalid",
                'the body must be empty or a JSON object with "force" (true or false)'
                ' or "instance" (Orthanc\'s id)',
                "http.body",
            )
        if instance is not None:
            require_orthanc_id(str(instance))
        if not self._catalogue.resend(name, force=force, orthanc_id=instance):
            raise not_found("no target has this name", "http.name")
        return json_response({})


def _parsed(request: Request) -> dict[str, Any]:
    try:
        wanted = orjson.loads(request.body or b"{}")
    except orjson.JSONDecodeError:
        wanted = None
    return wanted if isinstance(wanted, dict) else {"": wanted}
