"""The selections as rows: saved a structure set at a time, read, searched, deleted."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import delete, func, insert, select, update

from imaging_selection.store import ledger
from imaging_selection.store.criteria import clause_of
from imaging_selection.store.schema import SELECTIONS, VALUES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Connection, RowMapping

    from imaging_selection.search import Query, Value
    from imaging_selection.store.engine import Database
    from imaging_selection.store.ledger import LedgerEntry


@dataclass(frozen=True, slots=True)
class Draft:
    """A selection on its way into the store.

    Attributes
    ----------
    content
        The resource as JSON, without version.
    values
        Every (parameter, value) under which it is to be found.
    """

    id: str
    content: bytes
    values: frozenset[tuple[str, Value]]

    def versioned(self, version_id: int, last_updated: str) -> bytes:
        """Write version and time into `meta`, without parsing the content again."""
        meta = f'"meta":{{"versionId":"{version_id}","lastUpdated":"{last_updated}",'
        return self.content.replace(b'"meta":{', meta.encode(), 1)


@dataclass(frozen=True, slots=True)
class Stored:
    """A selection as the store has it; `resource` is its JSON as it is served."""

    key: int
    id: str
    instance_id: str
    deleted: bool
    version_id: int
    last_updated: str
    resource: bytes


@dataclass(frozen=True, slots=True)
class Page:
    """Matches of a search, and the key after which more follow, if any do."""

    matches: tuple[Stored, ...]
    next_after: int | None = None


class Selections:
    """Saves and finds selections."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def save(
        self, entry: LedgerEntry, drafts: Iterable[Draft], last_updated: str
    ) -> None:
        """Make the store hold exactly these selections of a structure set.

        One transaction. A selection whose content is as before keeps its version and
        time; one that is no more is marked deleted. Two nodes that save the same
        structure set at once do so one after the other.

        Parameters
        ----------
        last_updated
            FHIR instant that changed selections get.
        """
        with self._database.transaction(writes=True) as connection:
            before = ledger.record(connection, entry)
            same_index = before == entry.mapping_version
            wanted = {draft.id: draft for draft in drafts}
            present = {row["id"]: row for row in _rows(connection, entry.instance_id)}
            for name, draft in wanted.items():
                _save(
                    connection,
                    entry.instance_id,
                    draft,
                    present.get(name),
                    last_updated,
                    same_index=same_index,
                )
            for name in present.keys() - wanted.keys():
                _mark_deleted(connection, present[name], last_updated)

    def record_failure(self, entry: LedgerEntry) -> None:
        """Note that a structure set could not be converted; what was there stays."""
        with self._database.transaction(writes=True) as connection:
            ledger.record(connection, entry)

    def remove(self, instance_id: str, last_updated: str) -> None:
        """Mark every selection of a structure set deleted, and forget its entry."""
        with self._database.transaction(writes=True) as connection:
            ledger.forget(connection, instance_id)
            for row in _rows(connection, instance_id):
                _mark_deleted(connection, row, last_updated)

    def read(self, selection_id: str) -> Stored | None:
        """Find a selection by its id; a deleted one too."""
        query = select(SELECTIONS).where(SELECTIONS.c.id == selection_id)
        with self._database.transaction() as connection:
            row = connection.execute(query).mappings().first()
        return _stored(row) if row is not None else None

    def search(self, query: Query) -> Page:
        """Find a page of selections, oldest key first."""
        statement = select(SELECTIONS).where(clause_of(query))
        if query.after is not None:
            statement = statement.where(SELECTIONS.c.key > query.after)
        statement = statement.order_by(SELECTIONS.c.key).limit(query.count + 1)
        with self._database.transaction() as connection:
            rows = connection.execute(statement).mappings().all()
        matches = tuple(map(_stored, rows[: query.count]))
        more = len(rows) > query.count
        return Page(matches, matches[-1].key if more and matches else None)

    def count(self, query: Query) -> int:
        """Count the selections that a search finds."""
        statement = select(func.count()).select_from(SELECTIONS).where(clause_of(query))
        with self._database.transaction() as connection:
            return connection.scalar(statement) or 0

    def below(self, instance_ids: Iterable[str]) -> tuple[Stored, ...]:
        """List the selections of some structure sets, in the order they were made."""
        statement = (
            select(SELECTIONS)
            .where(
                SELECTIONS.c.instance_id.in_(list(instance_ids)),
                SELECTIONS.c.deleted.is_(False),
            )
            .order_by(SELECTIONS.c.key)
        )
        with self._database.transaction() as connection:
            return tuple(map(_stored, connection.execute(statement).mappings()))


def _stored(row: RowMapping) -> Stored:
    return Stored(
        row["key"],
        row["id"],
        row["instance_id"],
        row["deleted"],
        row["version_id"],
        row["last_updated"],
        row["resource"],
    )


def _rows(connection: Connection, instance_id: str) -> list[RowMapping]:
    query = select(SELECTIONS).where(SELECTIONS.c.instance_id == instance_id)
    return list(connection.execute(query).mappings())


def _save(  # noqa: PLR0913 - a row has that many sides
    connection: Connection,
    instance_id: str,
    draft: Draft,
    present: RowMapping | None,
    last_updated: str,
    *,
    same_index: bool,
) -> None:
    digest = hashlib.sha256(draft.content).hexdigest()
    if present is None:
        key, version_id = None, 1
    elif present["digest"] == digest and not present["deleted"]:
        if not same_index:  # what is searched for may have changed, the content not
            _drop_values(connection, present["key"])
            _insert_values(connection, present["key"], draft)
        return
    else:
        key, version_id = present["key"], present["version_id"] + 1
    row = {
        "id": draft.id,
        "instance_id": instance_id,
        "deleted": False,
        "version_id": version_id,
        "last_updated": last_updated,
        "digest": digest,
        "resource": draft.versioned(version_id, last_updated),
    }
    if key is None:
        statement = insert(SELECTIONS).values(row).returning(SELECTIONS.c.key)
        key = connection.execute(statement).scalar_one()
    else:
        connection.execute(
            update(SELECTIONS).where(SELECTIONS.c.key == key).values(row)
        )
        _drop_values(connection, key)
    _insert_values(connection, key, draft)


def _insert_values(connection: Connection, key: int, draft: Draft) -> None:
    connection.execute(
        insert(VALUES),
        [
            {
                "parameter": parameter,
                "code": value.code,
                "system": value.system,
                "selection_key": key,
            }
            for parameter, value in draft.values
        ],
    )


def _mark_deleted(connection: Connection, row: RowMapping, last_updated: str) -> None:
    if row["deleted"]:
        return
    connection.execute(
        update(SELECTIONS)
        .where(SELECTIONS.c.key == row["key"])
        .values(
            deleted=True,
            version_id=row["version_id"] + 1,
            last_updated=last_updated,
            digest="",
            resource=b"",  # what Orthanc deleted must not live on here
        )
    )
    _drop_values(connection, row["key"])


def _drop_values(connection: Connection, key: int) -> None:
    connection.execute(delete(VALUES).where(VALUES.c.selection_key == key))
