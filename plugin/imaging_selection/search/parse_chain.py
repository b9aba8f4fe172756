"""Parse the parameters that search by other resources: chains, and `_has`.

One step, between types that the store has. FHIR R5 search.html 3.2.1.6.5 (chaining),
3.2.1.6.6 (reverse chaining).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from imaging_selection.errors import SearchError
from imaging_selection.search.criteria import ChainMatch, Criterion, ReverseMatch
from imaging_selection.search.parameter import Element
from imaging_selection.search.parameters import STORED, TYPES
from imaging_selection.search.parse_criterion import (
    Context,
    chains_of,
    parse_criterion,
)

if TYPE_CHECKING:
    from imaging_selection.search.parameter import Parameter

HAS = "_has"


def is_chain(name: str, context: Context) -> bool:
    """Return whether a parameter searches by other resources."""
    if context.resource_type not in STORED:
        return False
    if name.partition(":")[0] == HAS:
        return True
    return "." in name and name not in chains_of(context.resource_type)


def parse_chain(name: str, value: str, context: Context) -> Criterion | None:
    """Parse a chained parameter or `_has`; None if its name is none that is supported.

    Raises
    ------
    SearchError
        The type of the target is ambiguous, or the value is malformed.
    """
    if name.startswith(f"{HAS}:"):
        return _parse_has(name, value, context)
    reference, _, rest = name.partition(".")
    base, _, kind = reference.partition(":")
    parameter = context.parameters.get(base)
    if parameter is None or parameter.element is not Element.REFERENCE:
        return None
    kinds = [each for each in targets_of(parameter) if kind in {"", each}]
    if len(kinds) > 1:
        listed = ", ".join(f"{base}:{each}.{rest}" for each in kinds)
        raise SearchError(f"name the type of the target: {listed}", name, "value")
    inner = [_inner(name, rest, value, context, each) for each in kinds]
    if not inner or inner[0] is None:
        return None
    return Criterion(base, (ChainMatch(kinds[0], inner[0]),))


def targets_of(parameter: Parameter) -> list[str]:
    """Return the types in the store that a reference parameter can lead to."""
    return [each for each in STORED if each in parameter.targets]


def _parse_has(name: str, value: str, context: Context) -> Criterion | None:
    _, kind, reference, rest = [*name.split(":", 3), "", "", ""][:4]
    parameter = TYPES[kind].get(reference) if kind in STORED else None
    if (
        parameter is None
        or parameter.element is not Element.REFERENCE
        or context.resource_type not in parameter.targets
    ):
        return None
    inner = _inner(name, rest, value, context, kind)
    return inner and Criterion(HAS, (ReverseMatch(kind, reference, inner),))


def _inner(
    name: str, rest: str, value: str, context: Context, kind: str
) -> Criterion | None:
    """Parse the parameter of the other resource."""
    context = replace(context, resource_type=kind)
    if rest.partition(":")[0] not in context.parameters:
        return None
    try:
        return parse_criterion(rest, value, context)
    except SearchError as error:
        raise SearchError(str(error), name, error.issue_type) from None
