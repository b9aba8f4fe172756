"""What each target has of each object, and what is to be delivered to it.

The transaction that changes the resources of an object notes it for every target, so
that a crash loses nothing. An object has one row for a target however often it
changes, so the outbox is bounded by the store. The row says what the target may have
(`names`), so that what is gone from the store is deleted there.

An object here is an instance of a kind that is converted; or, if the plugin created it
at the target, a patient or a study, whose row is then `is_related`.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson
from sqlalchemy import (
    and_,
    bindparam,
    case,
    delete,
    func,
    literal,
    not_,
    or_,
    select,
    tuple_,
    update,
)

from imaging_selection.search.parameters import REFERRED
from imaging_selection.store import lease
from imaging_selection.store.draft import RESOURCE_TYPES
from imaging_selection.store.engine import insert_of
from imaging_selection.store.ledger import CONVERTED
from imaging_selection.store.schema import (
    DELIVERIES,
    SELECTIONS,
    STRUCTURE_SETS,
    TARGETS,
    TOKENS,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import ColumnElement, Connection

    from imaging_selection.store.engine import Database

PENDING, WAITING, REFUSED = "pending", "waiting", "refused"
DELIVERED = "delivered"

_COLUMNS = DELIVERIES.c
_RELATED = {RESOURCE_TYPES[each] for each in REFERRED}
_TYPES = {number: kind for kind, number in RESOURCE_TYPES.items()}
_THIS = (
    (_COLUMNS.orthanc_id == bindparam("of")),
    (_COLUMNS.target == bindparam("at")),
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


def note(
    connection: Connection,
    orthanc_id: str,
    now: str,
    changed: Iterable[tuple[int, str]] = (),
) -> None:
    """Note for each target that an object has changed, in the same transaction.

    A patient or study is noted only for the targets that have it from the plugin.

    Parameters
    ----------
    changed
        Number of the type and id of each resource of the object.
    """
    if any(number in _RELATED for number, _ in changed):
        statement = update(DELIVERIES).where(_COLUMNS.orthanc_id == orthanc_id)
        connection.execute(statement.values(_noted(now)))
        return
    row = _new_row(orthanc_id, now, is_related=False)
    values = [
        TARGETS.c.name if name == "target" else literal(value, _COLUMNS[name].type)
        for name, value in row.items()
    ]
    # SQLite needs a WHERE before ON CONFLICT (sqlite.org/lang_upsert.html 3.2).
    every = select(*values).where(TARGETS.c.name != "")
    insert = insert_of(DELIVERIES, connection.dialect.name).from_select([*row], every)
    key = [*DELIVERIES.primary_key.columns]
    noted = insert.on_conflict_do_update(index_elements=key, set_=_noted(now))
    connection.execute(noted)


def _noted(now: str) -> dict[str, Any]:
    """Return what a note changes in a row."""
    was_delivered = _COLUMNS.state == DELIVERED
    return {
        "state": PENDING,
        "mark": uuid.uuid4().hex,
        "since": case((was_delivered, now), else_=_COLUMNS.since),
        "due_at": now,
        "attempts": 0,
        "reason": None,
    }


def _new_row(orthanc_id: str, now: str, *, is_related: bool) -> dict[str, Any]:
    return {
        "orthanc_id": orthanc_id,
        "target": "",
        "is_related": is_related,
        "state": PENDING,
        "mark": uuid.uuid4().hex,
        "revision": "",
        "names": "[]",
        "since": now,
        "due_at": None if is_related else now,
        "attempts": 0,
    }


class Outbox:
    """Reads and writes the deliveries to targets."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def due(self, target: str, now: str, limit: int) -> list[Delivery]:
        """Return the deliveries that are due, those that wait longest first."""
        statement = (
            select(DELIVERIES)
            .where(_COLUMNS.target == target, _COLUMNS.due_at <= now)
            .order_by(_COLUMNS.due_at)
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
                    select(_COLUMNS.names).where(*_THIS), values
                )
                row = present.first()
                if row is None:
                    new = _new_row(orthanc_id, now, is_related=True)
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
                connection.execute(this.values(_noted(now)), values)
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
            unchanged = _COLUMNS.mark == delivery.mark
            connection.execute(this.where(unchanged).values(state), values)

    def drop(self, held: lease.Held, delivery: Delivery) -> None:
        """Remove the row of an object of which the target has nothing any more."""
        values = {"of": delivery.orthanc_id, "at": held.target}
        unchanged = _COLUMNS.mark == delivery.mark
        with self._database.transaction() as connection:
            if lease.is_held(connection, held):
                statement = delete(DELIVERIES).where(*_THIS, unchanged)
                connection.execute(statement, values)

    def note_referring(self, delivery: Delivery, ids: Iterable[str], now: str) -> None:
        """Note other objects, for the same target, that refer to some resources."""
        referring = (
            select(SELECTIONS.c.orthanc_id)
            .join(TOKENS, TOKENS.c.selection_key == SELECTIONS.c.key)
            .where(
                TOKENS.c.resource_type.in_({*_TYPES} - _RELATED),
                TOKENS.c.parameter.in_(("derived-from", "has-member")),
                TOKENS.c.code.in_(list(ids)),
                SELECTIONS.c.orthanc_id != delivery.orthanc_id,
            )
        )
        where = [_COLUMNS.target == delivery.target, _COLUMNS.state != PENDING]
        self._note(*where, _COLUMNS.orthanc_id.in_(referring), now=now)

    def again(self, target: str, now: str, orthanc_id: str | None = None) -> None:
        """Make the deliveries due that have a reason; or, if it is given, one object's.

        The latter is delivered even if the target is up to date.
        """
        if orthanc_id is None:
            self._note(_COLUMNS.target == target, _COLUMNS.reason.is_not(None), now=now)
        else:
            this = [_COLUMNS.target == target, _COLUMNS.orthanc_id == orthanc_id]
            self._note(*this, now=now, revision="")

    def _note(self, *where: ColumnElement[bool], now: str, **more: str) -> None:
        """Note rows; locked in the order in which saves lock them."""
        locked = (
            select(_COLUMNS.orthanc_id, _COLUMNS.target)
            .where(*where)
            .order_by(_COLUMNS.orthanc_id)
            .with_for_update()
        )
        statement = update(DELIVERIES).where(
            tuple_(_COLUMNS.orthanc_id, _COLUMNS.target).in_(locked)
        )
        with self._database.transaction() as connection:
            connection.execute(statement.values(_noted(now) | more))

    def compare(
        self, target: str, after: str, limit: int, now: str, *, force: bool
    ) -> str | None:
        """Compare a part of the ledger with what a target has, and note differences.

        Nothing differs, unless a save overlapped the registration of the target, or the
        store was made again.

        Parameters
        ----------
        after
            The id that the part begins after.
        force
            Note every object, to be delivered even if the target is up to date.

        Returns
        -------
        str or None
            The last id of the part; None if it was the last part.
        """
        columns = STRUCTURE_SETS.c
        part = self._database.rows(
            select(columns.orthanc_id, columns.state)
            .where(columns.orthanc_id > after)
            .order_by(columns.orthanc_id)
            .limit(limit)
        )
        last = part[-1].orthanc_id if len(part) == limit else None
        within = [_COLUMNS.target == target, _COLUMNS.orthanc_id > after]
        if last is not None:
            within.append(_COLUMNS.orthanc_id <= last)
        rows = self._database.rows(
            select(_COLUMNS.orthanc_id, _COLUMNS.state, _COLUMNS.is_related).where(
                *within
            )
        )
        known = {row.orthanc_id: row for row in rows}
        converted = {row.orthanc_id for row in part if row.state == CONVERTED}
        gone = {
            row.orthanc_id
            for row in rows
            if not row.is_related and row.state in {DELIVERED, REFUSED}
        }.difference(row.orthanc_id for row in part)
        self._note_all(target, [*converted.difference(known)], now)
        if force:
            self._note(*within, now=now, revision="")
        elif gone:
            self._note(*within, _COLUMNS.orthanc_id.in_(gone), now=now)
        return last

    def _note_all(self, target: str, orthanc_ids: list[str], now: str) -> None:
        """Note objects that have no row."""
        if not orthanc_ids:
            return
        rows = [
            _new_row(each, now, is_related=False) | {"target": target}
            for each in orthanc_ids
        ]
        with self._database.transaction() as connection:
            insert = insert_of(DELIVERIES, connection.dialect.name)
            connection.execute(insert.on_conflict_do_nothing(), rows)

    def count(self, target: str) -> dict[str, tuple[int, str]]:
        """Count the objects of each state, with the first `since` of each.

        Patients and studies count only while they are to be changed.
        """
        is_due = and_(_COLUMNS.state != DELIVERED, _COLUMNS.due_at.is_not(None))
        statement = (
            select(_COLUMNS.state, func.count(), func.min(_COLUMNS.since))
            .where(_COLUMNS.target == target, or_(not_(_COLUMNS.is_related), is_due))
            .group_by(_COLUMNS.state)
        )
        return {row[0]: (row[1], row[2]) for row in self._database.rows(statement)}

    def troubled(self, target: str, state: str, limit: int) -> list[Delivery]:
        """Return the deliveries in a state that have a reason, the oldest first."""
        statement = (
            select(DELIVERIES)
            .where(
                _COLUMNS.target == target,
                _COLUMNS.state == state,
                _COLUMNS.reason.is_not(None),
            )
            .order_by(_COLUMNS.since)
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
