"""Parse `_include` and `_revinclude`: what a search returns beside its matches.

FHIR R5 search.html 3.2.1.7.5.
"""

from __future__ import annotations

from dataclasses import dataclass

from imaging_selection.errors import SearchError
from imaging_selection.search.parameters import (
    INCLUDES,
    REVERSE_INCLUDES,
    STORED,
    TYPES,
)

ITERATE = ":iterate"


@dataclass(frozen=True, slots=True, order=True)
class Include:
    """References to follow: from a type, by one of its parameters, to some types.

    Attributes
    ----------
    iterates
        Follow them from what is included too, not only from the matches.
    """

    source: str
    parameter: str
    targets: tuple[str, ...]
    iterates: bool = False


def parse_include(name: str, value: str, resource_type: str) -> list[Include]:
    """Parse a value of `_include` or `_include:iterate`.

    Raises
    ------
    SearchError
        The reference is none that can be followed.
    """
    iterates = name.endswith(ITERATE)
    sources = STORED if iterates else (resource_type,)
    every = [(kind, each) for kind in sources for each in INCLUDES[kind]]
    kind, _, rest = value.partition(":")
    reference, _, target = rest.partition(":")
    found = [(kind, reference)]
    if value == "*":
        found = every
    elif reference == "*" and not target:
        found = [each for each in every if each[0] == kind]
    known = found and {*found} <= {*every}
    if not known or (target and target not in TYPES[kind][reference].targets):
        raise _refused(name, every)
    return sorted(
        Include(kind, each, (target,) if target else targets, iterates)
        for kind, each in found
        for targets in [TYPES[kind][each].targets]
    )


def parse_reverse_include(name: str, value: str, resource_type: str) -> list[Include]:
    """Parse a value of `_revinclude` or `_revinclude:iterate`.

    Raises
    ------
    SearchError
        The reference is none that can be followed back.
    """
    iterates = name.endswith(ITERATE)
    targets = STORED if iterates else (resource_type,)
    every = {
        (*each, target): None
        for target in targets
        for each in REVERSE_INCLUDES.get(target, ())
    }
    kind, _, rest = value.partition(":")
    reference, _, target = rest.partition(":")
    found = [
        each
        for each in every
        if value == "*" or (each[:2] == (kind, reference) and target in {"", each[2]})
    ]
    if not found:
        raise _refused(name, [each[:2] for each in every])
    return [
        Include(source, parameter, (target,), iterates)
        for source, parameter, target in found
    ]


def _refused(name: str, every: list[tuple[str, str]]) -> SearchError:
    listed = ", ".join(dict.fromkeys(":".join(each) for each in every))
    return SearchError(
        f"only these can be included: {listed}",
        name.removesuffix(ITERATE),
        "not-supported",
    )
