"""What each target has of each object, and what is to be delivered to it.

A row says what the target may have (`names`), so that what is gone from the store is
deleted there. `notes` says when it is due.

An object here is an instance of a kind that is converted; or, if the plugin created it
at the target, a patient or a study, whose row is then `is_related`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import orjson
from sqlalchemy import (
    and_,
    bindparam,
    delete,
    func,
    not_,
    or_,
    select,
    update,
)

from imaging_selection.store import lease
from imaging_selection.store.draft import RESOURCE_TYPES
from imaging_selection.store.notes import COLUMNS, DELIVERED, new_row, noted
from imaging_selection.store.schema import (
    DELIVERIES,
    SELECTIONS,
    STRUCTURE_SETS,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from imaging_selection.store.engine import Database

_TYPES = {number: kind for kind, number in RESOURCE_TYPES.items()}
_THIS = (
    (COLUMNS.orthanc_id == bindparam("of")),
    (COLUMNS.target == bindparam("at")),
)


class Delivery(NamedTuple):
    """The state of an object at a target.

    Attributes
    ----------
    mark
        Another one each time that the object is noted.
    revision
        The digest of what was delivered last; empty if nothing was.
    names
        Type and id of what the target may have of the object.
    since
        FHIR instant since which the target is not up to date, or else is.
    attempts
        The number of failures since then.
    """

    orthanc_id: str
    target: str
    is_related: bool
    state: str
    mark: str
    revision: str
    names: frozenset[str]
    since: str
    attempts: int
    reason: str | None


class Resource(NamedTuple):
    """A resource in the store; `content` is its JSON, and empty if it is deleted."""

    resource_type: str
    id: str
    content: bytes


class Settled(NamedTuple):
    """What became of an attempt to deliver; `due_at` as of the table.

    Attributes
    ----------
    revision, names
        As of `Delivery`; None: as before.
    """

    state: str
    due_at: str | None = None
    reason: str | None = None
    attempts: int = 0
    revision: str | None = None
    names: Iterable[str] | None = None


class Outbox:
    """Reads and writes the deliveries to targets."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def due(self, target: str, now: str, limit: int) -> list[Delivery]:
        """Return the deliveries that are due, those that wait longest first."""
        statement = (
            select(DELIVERIES)
            .where(COLUMNS.target == target, COLUMNS.due_at <= now)
            .order_by(COLUMNS.due_at)
            .limit(limit)
        )
        return [_delivery_of(row) for row in self._database.rows(statement)]

    def read(self, target: str, orthanc_id: str) -> Delivery | None:
        """Return the delivery of an object to a target, if there is one."""
        values = {"of": orthanc_id, "at": target}
        rows = self._database.rows(select(DELIVERIES).where(*_THIS), values)
        return _delivery_of(rows[0]) if rows else None

    def resources(self, orthanc_id: str) -> list[Resource]:
        """Return the resources of an object, those that are deleted too."""
        columns = SELECTIONS.c
        statement = (
            select(columns.resource_type, columns.id, columns.resource)
            .where(columns.orthanc_id == orthanc_id)
            .order_by(columns.key)
        )
        return [
            Resource(_TYPES[number], identity, bytes(content))
            for number, identity, content in self._database.rows(statement)
        ]

    def resource(self, resource_type: str, resource_id: str) -> bytes:
        """Return the JSON of a resource; empty if there is none."""
        columns = SELECTIONS.c
        statement = select(columns.resource).where(
            columns.resource_type == RESOURCE_TYPES[resource_type],
            columns.id == resource_id,
            not_(columns.deleted),
        )
        rows = self._database.rows(statement)
        return bytes(rows[0].resource) if rows else b""

    def is_in_ledger(self, orthanc_id: str) -> bool:
        """Return whether an object of this id is converted, or has failed."""
        name = STRUCTURE_SETS.c.orthanc_id
        return bool(self._database.rows(select(name).where(name == orthanc_id)))

    def intend(
        self, held: lease.Held, now: str, names: dict[str, tuple[str, ...]]
    ) -> bool:
        """Note what a target may have soon, before it is sent.

        Parameters
        ----------
        names
            By the id of an object; one without a row gets one, which is `is_related`.

        Returns
        -------
        bool
            Whether this node may send.
        """
        with self._database.transaction() as connection:
            if not lease.is_held(connection, held):
                return False
            for orthanc_id, added in sorted(names.items()):
                values = {"of": orthanc_id, "at": held.target}
                present = connection.execute(
                    select(COLUMNS.names).where(*_THIS), values
                )
                row = present.first()
                if row is None:
                    new = new_row(orthanc_id, now, is_related=True)
                    new |= {"target": held.target, "names": _encoded(added, orthanc_id)}
                    connection.execute(DELIVERIES.insert(), new)
                    continue
                known = _decoded(row.names, orthanc_id)
                if not known.issuperset(added):
                    every = _encoded(known.union(added), orthanc_id)
                    changed = update(DELIVERIES).where(*_THIS).values(names=every)
                    connection.execute(changed, values)
        return True

    def settle(
        self, held: lease.Held, delivery: Delivery, settled: Settled, now: str
    ) -> None:
        """Save what became of an attempt; a note that came meanwhile stays.

        If another node sends to the target by now, it delivers the object again, as it
        may have been overtaken by this node.
        """
        values = {"of": delivery.orthanc_id, "at": held.target}
        this = update(DELIVERIES).where(*_THIS)
        with self._database.transaction() as connection:
            if not lease.is_held(connection, held):
                connection.execute(this.values(noted(now)), values)
                return
            has: dict[str, Any] = {}
            if settled.revision is not None:
                has["revision"] = settled.revision
            if settled.names is not None:
                has["names"] = _encoded(settled.names, delivery.orthanc_id)
            if has:
                connection.execute(this.values(has), values)
            is_new = settled.state == DELIVERED != delivery.state
            state = {
                "state": settled.state,
                "due_at": settled.due_at,
                "reason": settled.reason,
                "attempts": settled.attempts,
                **({"since": now} if is_new else {}),
            }
            unchanged = COLUMNS.mark == delivery.mark
            connection.execute(this.where(unchanged).values(state), values)

    def drop(self, held: lease.Held, delivery: Delivery) -> None:
        """Remove the row of an object of which the target has nothing any more."""
        values = {"of": delivery.orthanc_id, "at": held.target}
        unchanged = COLUMNS.mark == delivery.mark
        with self._database.transaction() as connection:
            if lease.is_held(connection, held):
                statement = delete(DELIVERIES).where(*_THIS, unchanged)
                connection.execute(statement, values)

    def count(self, target: str) -> dict[str, tuple[int, str]]:
        """Count the objects of each state, with the first `since` of each.

        Patients and studies count only while they are to be changed.
        """
        is_due = and_(COLUMNS.state != DELIVERED, COLUMNS.due_at.is_not(None))
        statement = (
            select(COLUMNS.state, func.count(), func.min(COLUMNS.since))
            .where(COLUMNS.target == target, or_(not_(COLUMNS.is_related), is_due))
            .group_by(COLUMNS.state)
        )
        return {row[0]: (row[1], row[2]) for row in self._database.rows(statement)}

    def troubled(self, target: str, state: str, limit: int) -> list[Delivery]:
        """Return the first deliveries in a state that has a reason."""
        statement = (
            select(DELIVERIES)
            .where(COLUMNS.target == target, COLUMNS.state == state)
            .order_by(COLUMNS.is_related, COLUMNS.due_at, COLUMNS.since)  # an index
            .limit(limit)
        )
        return [_delivery_of(row) for row in self._database.rows(statement)]


def _delivery_of(row: Any) -> Delivery:
    values = {name: getattr(row, name) for name in Delivery._fields}
    return Delivery(**values | {"names": _decoded(row.names, row.orthanc_id)})


def _encoded(names: Iterable[str], orthanc_id: str) -> str:
    """Format names as JSON, in a short form: nearly all have the id of the object."""
    return orjson.dumps(
        [each.replace(orthanc_id, "*") for each in sorted(names)]
    ).decode()


def _decoded(names: str, orthanc_id: str) -> frozenset[str]:
    return frozenset(each.replace("*", orthanc_id) for each in orjson.loads(names))
