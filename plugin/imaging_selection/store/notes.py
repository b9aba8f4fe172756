"""What is noted for the targets: the objects that they may not have as the store has.

The transaction that changes the resources of an object notes it for every target, so
that a crash loses nothing. An object has one row for a target however often it
changes, so there are never more rows than objects.
"""

from __future__ import annotations

import uuid
from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    String,
    bindparam,
    case,
    literal,
    not_,
    or_,
    select,
    tuple_,
    update,
)

from imaging_selection.search.extract import FOCUS
from imaging_selection.search.parameters import REFERRED
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

    from sqlalchemy import ColumnElement, Connection, Executable

    from imaging_selection.store.engine import Database

PENDING, WAITING, REFUSED = "pending", "waiting", "refused"
DELIVERED = "delivered"

COLUMNS = DELIVERIES.c
RELATED = {RESOURCE_TYPES[each] for each in REFERRED}


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
    values = {"of": orthanc_id, "now": now, "mark": uuid.uuid4().hex}
    if any(number in RELATED for number, _ in changed):
        connection.execute(_NOTED, values)
    else:
        connection.execute(_noting(connection.dialect.name), values)


@cache
def _noting(dialect: str) -> Executable:
    """Build the statement once: to build it takes longer than to run it."""
    new = new_row("", "", is_related=False)
    row: dict[str, Any]
    row = {name: literal(new[name], COLUMNS[name].type) for name in new}
    row |= {
        "orthanc_id": _bound("of"),
        "mark": _bound("mark"),
        "target": TARGETS.c.name,
    }
    row |= dict.fromkeys(("since", "due_at"), _bound("now"))
    # SQLite needs a WHERE before ON CONFLICT (sqlite.org/lang_upsert.html 3.2).
    every = select(*row.values()).where(TARGETS.c.name != "")
    insert = insert_of(DELIVERIES, dialect).from_select([*row], every)
    key = [*DELIVERIES.primary_key.columns]
    noted_again = noted(_bound("now"), _bound("mark"))
    return insert.on_conflict_do_update(index_elements=key, set_=noted_again)


def _bound(name: str) -> Any:
    return bindparam(name, type_=String)


def noted(now: Any, mark: Any = None) -> dict[str, Any]:
    """Return what a note changes in a row; the mark is a new one if none is given."""
    was_delivered = COLUMNS.state == DELIVERED
    return {
        "state": PENDING,
        "mark": uuid.uuid4().hex if mark is None else mark,
        "since": case((was_delivered, now), else_=COLUMNS.since),
        "due_at": now,
        "attempts": 0,
        "reason": None,
    }


def new_row(orthanc_id: str, now: str, *, is_related: bool) -> dict[str, Any]:
    """Return a row of an object that a target does not have yet.

    A patient or study is sent with an object that refers to it, and not alone.
    """
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


_NOTED = (
    update(DELIVERIES)
    .where(COLUMNS.orthanc_id == _bound("of"))
    .values(noted(_bound("now"), _bound("mark")))
)


class Notes:
    """Notes objects for targets, though they have not changed."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def note_referring(
        self, target: str, orthanc_id: str, ids: Iterable[str], now: str
    ) -> None:
        """Note the objects that refer to resources of another, for the same target."""
        referring = (
            select(SELECTIONS.c.orthanc_id)
            .join(TOKENS, TOKENS.c.selection_key == SELECTIONS.c.key)
            .where(
                TOKENS.c.resource_type.in_({*RESOURCE_TYPES.values()} - RELATED),
                TOKENS.c.parameter.in_(("derived-from", "has-member", FOCUS)),
                TOKENS.c.code.in_(list(ids)),
                SELECTIONS.c.orthanc_id != orthanc_id,
            )
        )
        where = [COLUMNS.target == target, COLUMNS.state != PENDING]
        self._note(*where, COLUMNS.orthanc_id.in_(referring), now=now)

    def again(self, target: str, now: str, orthanc_id: str | None = None) -> None:
        """Make the deliveries due that have a reason; or, if it is given, one object's.

        The latter is delivered even if the target is up to date.
        """
        if orthanc_id is None:
            self._note(COLUMNS.target == target, COLUMNS.reason.is_not(None), now=now)
        else:
            this = [COLUMNS.target == target, COLUMNS.orthanc_id == orthanc_id]
            self._note(*this, now=now, revision="")

    def _note(self, *where: ColumnElement[bool], now: str, **more: str) -> None:
        """Note rows; locked in the order in which saves lock them."""
        locked = (
            select(COLUMNS.orthanc_id, COLUMNS.target)
            .where(*where)
            .order_by(COLUMNS.orthanc_id)
            .with_for_update()
        )
        statement = update(DELIVERIES).where(
            tuple_(COLUMNS.orthanc_id, COLUMNS.target).in_(locked)
        )
        with self._database.transaction() as connection:
            connection.execute(statement.values(noted(now) | more))

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
        states = self._states(after, limit)
        rows = self._database.rows(
            select(COLUMNS.orthanc_id, COLUMNS.state, COLUMNS.is_related)
            .where(COLUMNS.target == target, COLUMNS.orthanc_id > after)
            .order_by(COLUMNS.orthanc_id)
            .limit(limit)
        )
        # Each list is complete up to its end, if it was cut.
        ends = [max(each) for each in (states, _ids(rows)) if len(each) == limit]
        last = min(ends, default=None)
        within = [COLUMNS.target == target, COLUMNS.orthanc_id > after]
        if last is not None:
            within.append(COLUMNS.orthanc_id <= last)
            states = {each: states[each] for each in states if each <= last}
            rows = [each for each in rows if each.orthanc_id <= last]
        converted = {each for each in states if states[each] == CONVERTED}
        self._note_all(target, [*converted.difference(_ids(rows))], now)
        gone = {
            each.orthanc_id
            for each in rows
            if not each.is_related and each.state in {DELIVERED, REFUSED}
        }.difference(states)
        if force:  # but for what was to be created, and was not
            has = or_(not_(COLUMNS.is_related), COLUMNS.revision != "")
            self._note(*within, has, now=now, revision="")
        elif gone := gone - self._alive(gone):
            self._note(*within, COLUMNS.orthanc_id.in_(gone), now=now)
        return last

    def _states(self, after: str, limit: int) -> dict[str, str]:
        """Return the state of the conversion of some objects."""
        columns = STRUCTURE_SETS.c
        statement = (
            select(columns.orthanc_id, columns.state)
            .where(columns.orthanc_id > after)
            .order_by(columns.orthanc_id)
            .limit(limit)
        )
        return {row.orthanc_id: row.state for row in self._database.rows(statement)}

    def _alive(self, orthanc_ids: set[str]) -> set[str]:
        """Return those objects that have resources, though the ledger is being made."""
        name = SELECTIONS.c.orthanc_id
        if not orthanc_ids:
            return set()
        statement = (
            select(name)
            .distinct()
            .where(name.in_(orthanc_ids), not_(SELECTIONS.c.deleted))
        )
        return {each.orthanc_id for each in self._database.rows(statement)}

    def _note_all(self, target: str, orthanc_ids: list[str], now: str) -> None:
        """Note objects that have no row."""
        if not orthanc_ids:
            return
        rows = [
            new_row(each, now, is_related=False) | {"target": target}
            for each in orthanc_ids
        ]
        with self._database.transaction() as connection:
            insert = insert_of(DELIVERIES, connection.dialect.name)
            connection.execute(insert.on_conflict_do_nothing(), rows)


def _ids(rows: Iterable[Any]) -> list[str]:
    return [each.orthanc_id for each in rows]
