"""The FHIR version of a target: resources of R5 as they are, or as R4."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imaging_selection.fhir.r4 import to_r4
from imaging_selection.fhir.radiotherapy_volume import radiotherapy_volume

if TYPE_CHECKING:
    from collections.abc import Callable

    from imaging_selection.delivery.target import Target
    from imaging_selection.fhir.datatypes import Resource


def dialect_of(target: Target) -> Callable[[Resource], list[Resource]]:
    """Return the function that makes of a resource those of the target."""
    if target.fhir_version == "5.0":
        return lambda resource: [resource]

    def converted(resource: Resource) -> list[Resource]:
        made: list[Resource] = [to_r4(resource, target.r4_form)]
        if target.radiotherapy_volume and (volume := radiotherapy_volume(resource)):
            made.append(volume)
        return made

    return converted
