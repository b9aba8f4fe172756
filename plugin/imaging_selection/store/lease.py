"""Which node sends to a target: the one that has the lease.

The lease ends by the clock of the database if its holder does not renew it: another
node takes it over then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import or_, select, update

from imaging_selection.store.engine import insert_of, seconds_now
from imaging_selection.store.schema import TARGETS

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from imaging_selection.store.engine import Database

_COLUMNS = TARGETS.c


class Held(NamedTuple):
    """A lease that a node has, or had."""

    target: str
    holder: str


def is_held(connection: Connection, held: Held) -> bool:
    """Return whether a node has the lease; it then keeps it in this transaction."""
    statement = (
        select(_COLUMNS.name)
        .where(
            _COLUMNS.name == held.target,
            _COLUMNS.holder == held.holder,
            _COLUMNS.held_until > seconds_now(connection),
        )
        .with_for_update()
    )
    return connection.execute(statement).first() is not None


class Leases:
    """Takes, renews and ends the leases of one node.

    Parameters
    ----------
    holder
        The name of this node. Two that run at the same time have different ones.
    """

    def __init__(self, database: Database, holder: str) -> None:
        self._database = database
        self.holder = holder

    def settings(self, target: str) -> str | None:
        """Return the digest of `save_settings`; None if the target is not known."""
        query = select(_COLUMNS.settings).where(_COLUMNS.name == target)
        rows = self._database.rows(query)
        return rows[0].settings if rows else None

    def register(self, target: str) -> None:
        """Make a target known: what changes from now on is noted for it."""
        row = {"name": target, "settings": "", "holder": "", "held_until": 0.0}
        with self._database.transaction() as connection:
            insert = insert_of(TARGETS, connection.dialect.name)
            connection.execute(insert.on_conflict_do_nothing(), row)

    def save_settings(self, target: str, digest: str) -> None:
        """Save the digest of the settings by which all objects were compared.

        With another one, such as an empty one, all are delivered again.
        """
        statement = update(TARGETS).where(_COLUMNS.name == target)
        with self._database.transaction() as connection:
            connection.execute(statement.values(settings=digest))

    def take(self, target: str, seconds: float) -> bool:
        """Take or renew the lease of a target; False if another node has it."""
        with self._database.transaction() as connection:
            now = seconds_now(connection)
            statement = (
                update(TARGETS)
                .where(
                    _COLUMNS.name == target,
                    or_(
                        _COLUMNS.holder == self.holder,
                        _COLUMNS.held_until <= now,
                    ),
                )
                .values(holder=self.holder, held_until=now + seconds)
            )
            return connection.execute(statement).rowcount == 1

    def end(self, target: str) -> None:
        """End the lease of a target, if this node has it."""
        statement = update(TARGETS).where(
            _COLUMNS.name == target, _COLUMNS.holder == self.holder
        )
        with self._database.transaction() as connection:
            connection.execute(statement.values(held_until=0.0))
