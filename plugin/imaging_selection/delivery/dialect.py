"""The FHIR version of a target: resources of R5 as they are, or as R4."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imaging_selection.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

    from imaging_selection.delivery.target import Target
    from imaging_selection.fhir.datatypes import Resource


def dialect_of(target: Target) -> Callable[[Resource], list[Resource]]:
    """Return the function that makes of a resource those of the target.

    Raises
    ------
    ConfigError
        This version of the plugin cannot make them.
    """
    if target.fhir_version == "5.0":
        return lambda resource: [resource]
    raise ConfigError((f'Deliver: {target.name} has FhirVersion "4.0"',))
