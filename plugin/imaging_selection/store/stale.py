"""Which resources that others refer to are to be made again from Orthanc.

The transaction that changes what refers to a resource notes this: so a crash loses
nothing, and each node does what another has noted.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import bindparam, delete, select

from imaging_selection.search.parameters import REFERRED
from imaging_selection.store.draft import RESOURCE_TYPES
from imaging_selection.store.engine import upsert
from imaging_selection.store.schema import (
    SELECTIONS,
    STALE,
    TOKENS,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Connection

    from imaging_selection.search.extract import Token

Name = tuple[str, str]  # type and id

_PARAMETERS = {
    (kind, name) for kind, references in REFERRED.items() for _, name in references
}
_TYPES = {number: kind for kind, number in RESOURCE_TYPES.items()}
_REFERRED = (
    select(TOKENS.c.parameter, TOKENS.c.system, TOKENS.c.code)
    .distinct()
    .join(SELECTIONS, SELECTIONS.c.key == TOKENS.c.selection_key)
    .where(
        SELECTIONS.c.orthanc_id == bindparam("of"),
        (TOKENS.c.parameter + "").in_(sorted({name for _, name in _PARAMETERS})),
    )
)
FIRST = select(STALE).limit(bindparam("limit"))
_DONE = delete(STALE).where(
    STALE.c.resource_type == bindparam("type"),
    STALE.c.id == bindparam("name"),
    STALE.c.mark == bindparam("done"),
)


class Stale(NamedTuple):
    """A resource to make again; each note of it has another mark."""

    resource_type: str
    id: str
    mark: str


def referred_by(connection: Connection, orthanc_id: str) -> set[Name]:
    """Return what the resources of an instance refer to, as they are in the store."""
    rows = connection.execute(_REFERRED, {"of": orthanc_id})
    return {
        (row.system, row.code)
        for row in rows
        if (row.system, row.parameter) in _PARAMETERS
    }


def referred_in(tokens: Iterable[Token]) -> set[Name]:
    """Return what a resource refers to, by its tokens."""
    return {
        (each.system, each.code)
        for each in tokens
        if (each.system, each.parameter) in _PARAMETERS
    }


def note(connection: Connection, names: Iterable[Name]) -> None:
    """Note resources, last in a transaction.

    In the order of their names, so that two transactions cannot block each other.
    """
    for resource_type, resource_id in sorted(names):
        values = {"resource_type": RESOURCE_TYPES[resource_type], "id": resource_id}
        upsert(connection, STALE, values | {"mark": uuid.uuid4().hex})


def remove_note(connection: Connection, stale: Stale) -> None:
    """Remove the note of a resource, unless it was noted again."""
    values = {"type": RESOURCE_TYPES[stale.resource_type], "name": stale.id}
    connection.execute(_DONE, values | {"done": stale.mark})


def first_notes(rows: Iterable[tuple[int, str, str]]) -> list[Stale]:
    """Return the rows of `FIRST` with the names of the types."""
    return [Stale(_TYPES[number], name, mark) for number, name, mark in rows]
