"""The references of a resource, as they are at a target.

A reference to what the target does not have under this id stays as a logical one
(R5 references.html 2.1.3.0.4): with its identifier, or else with the id as its text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from imaging_selection.fhir.datatypes import Resource


def references_in(value: Any) -> Iterator[Resource]:
    """Yield the references of a resource that lead out of it."""
    if isinstance(value, list):
        for each in value:
            yield from references_in(each)
    elif isinstance(value, dict):
        if is_literal(value):
            yield value
        for each in value.values():
            yield from references_in(each)


def is_literal(value: Resource) -> bool:
    """Return whether an object is a reference that leads out of its resource."""
    reference = value.get("reference")
    return isinstance(reference, str) and not reference.startswith("#")


def relocated(value: Any, place: Callable[[Resource], Resource]) -> Any:
    """Return a resource with other references.

    Parameters
    ----------
    place
        Returns what replaces a reference.
    """
    if isinstance(value, list):
        return [relocated(each, place) for each in value]
    if not isinstance(value, dict):
        return value
    if is_literal(value):
        return place(value)
    return {key: relocated(each, place) for key, each in value.items()}


def at(reference: Resource, place: str | None) -> Resource:
    """Return a reference to another place, or a logical one if there is none."""
    if place is not None:
        return {**reference, "reference": place}
    logical = {key: each for key, each in reference.items() if key != "reference"}
    if "identifier" not in logical:  # ref-2
        logical.setdefault("display", reference["reference"])
    return logical


def with_endpoint(resource: Resource, endpoint: Resource | None) -> Resource:
    """Return a resource that contains the Endpoint that it refers to.

    Several Orthancs may deliver to a target, and each has an Endpoint of the same id.
    Without one, its address not being known, there is no reference.
    """
    if "endpoint" not in resource:
        return resource
    changed = {key: each for key, each in resource.items() if key != "endpoint"}
    if endpoint is not None:
        contained = {key: each for key, each in endpoint.items() if key != "text"}
        changed["contained"] = [*resource.get("contained", ()), contained]
        changed["endpoint"] = [{"reference": f"#{endpoint['id']}"}]
    return changed
