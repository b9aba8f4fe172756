"""The selections as rows: saved a structure set at a time, read, searched, deleted."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import bindparam, delete, insert, select, update

from imaging_selection.query import Criterion, Place
from imaging_selection.search import PARAMETERS
from imaging_selection.search_index import columns_of
from imaging_selection.store import ledger
from imaging_selection.store.criteria import (
    STORED,
    candidates_of,
    count_of,
    page_of,
    referenced_of,
)
from imaging_selection.store.schema import SELECTIONS, TEXTS, TOKENS
from imaging_selection.store.shapes import shape_of, shapes_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Connection, RowMapping

    from imaging_selection.query import Query, TokenMatch
    from imaging_selection.search_index import Indexed
    from imaging_selection.store.engine import Database
    from imaging_selection.store.ledger import LedgerEntry


@dataclass(frozen=True, slots=True)
class Draft:
    """A selection on its way into the store.

    Attributes
    ----------
    content
        The resource as JSON, without version.
    index
        Everything under which it is to be found.
    """

    id: str
    content: bytes
    index: Indexed

    def versioned(self, version_id: int, last_updated: str) -> bytes:
        """Write version and time into `meta`, without parsing the content again."""
        meta = f'"meta":{{"versionId":"{version_id}","lastUpdated":"{last_updated}",'
        return self.content.replace(b'"meta":{', meta.encode(), 1)


class Stored(NamedTuple):
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
    """Matches of a search, and the place after which more follow, if any do."""

    matches: tuple[Stored, ...]
    next_after: Place | None = None


_BY_ID = select(*STORED).where(SELECTIONS.c.id == bindparam("id"))


class Selections:
    """Saves and finds selections.

    Parameters
    ----------
    few
        So many matches of one criterion are looked at one by one.
    """

    def __init__(self, database: Database, few: int = 1000) -> None:
        self._database = database
        self._few = few

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
            new = [draft for name, draft in wanted.items() if name not in present]
            _insert(connection, entry.instance_id, new, last_updated)
            for name in wanted.keys() & present.keys():
                _save_again(
                    connection,
                    wanted[name],
                    present[name],
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
        rows = self._database.rows(_BY_ID, {"id": selection_id})
        return Stored._make(rows[0]) if rows else None

    def search(self, query: Query) -> Page:
        """Find a page of selections, in the order that the query has."""
        shape, values = shape_of(query)
        candidates = self._candidates(query)
        among = candidates is not None
        statement = page_of(shape, among_candidates=among)
        more = {"candidates": candidates} if among else {}
        rows = self._database.rows(statement, values | more)
        matches = tuple(Stored._make(row[:-1]) for row in rows[: query.count])
        if len(rows) <= query.count:
            return Page(matches)
        order, last = query.applied_order, rows[query.count - 1]
        value = last.place if order.column else None
        return Page(matches, Place(order, value, last.key))

    def _candidates(self, query: Query) -> list[int] | None:
        """List the keys among which the matches are, if some criterion leaves only few.

        One criterion whose index has the order of the result needs no list.
        """
        narrowing = [each for each in query.criteria if each.narrows]
        if len(narrowing) == 1 and query.order is None:
            return None
        for criterion in narrowing:
            (shape,), values = shapes_of([criterion])
            values["limit"] = self._few + 1
            keys = self._database.rows(candidates_of(shape), values)
            if len(keys) <= self._few:
                return [key for (key,) in keys]
        return None

    def count(self, query: Query) -> int:
        """Count the selections that a search finds."""
        shape, values = shape_of(query)
        ((count,),) = self._database.rows(count_of(shape), values)
        return int(count)

    def referenced(
        self,
        parameter: str,
        kind: str,
        identifiers: tuple[TokenMatch, ...],
        after: str,
        limit: int,
    ) -> list[str]:
        """List the ids of a type that selections refer to, in order, from one on.

        Parameters
        ----------
        parameter
            Of the reference.
        identifiers
            When there are any: those of which the reference has one.
        """
        criteria = [Criterion(f"{parameter}:identifier", identifiers)]
        (named,), values = shapes_of(criteria)
        statement = referenced_of(parameter, kind, named if identifiers else None)
        values |= {"after": after, "limit": limit}
        return [identity for (identity,) in self._database.rows(statement, values)]

    def below(self, instance_ids: Iterable[str]) -> tuple[Stored, ...]:
        """List the selections of some structure sets, in the order they were made."""
        statement = (
            select(*STORED)
            .where(
                SELECTIONS.c.instance_id.in_(list(instance_ids)),
                SELECTIONS.c.deleted.is_(False),
            )
            .order_by(SELECTIONS.c.key)
        )
        return tuple(Stored._make(row) for row in self._database.rows(statement))


def _rows(connection: Connection, instance_id: str) -> list[RowMapping]:
    query = select(SELECTIONS).where(SELECTIONS.c.instance_id == instance_id)
    return list(connection.execute(query).mappings())


def _insert(
    connection: Connection, instance_id: str, drafts: list[Draft], last_updated: str
) -> None:
    if not drafts:
        return
    rows = [
        {"instance_id": instance_id, **_row(draft, 1, last_updated)} for draft in drafts
    ]
    statement = insert(SELECTIONS).returning(
        SELECTIONS.c.key, sort_by_parameter_order=True
    )
    keys = connection.scalars(statement, rows)
    indexes = (draft.index for draft in drafts)
    _insert_index(connection, zip(keys, indexes, strict=True))


def _save_again(
    connection: Connection,
    draft: Draft,
    present: RowMapping,
    last_updated: str,
    *,
    same_index: bool,
) -> None:
    changed = present["digest"] != _digest(draft) or present["deleted"]
    if changed:
        values = _row(draft, present["version_id"] + 1, last_updated)
    elif same_index:
        return
    else:  # what is searched for may have changed, the content not
        values = draft.index.columns
    key = present["key"]
    connection.execute(update(SELECTIONS).where(SELECTIONS.c.key == key).values(values))
    _drop_index(connection, key)
    _insert_index(connection, [(key, draft.index)])


def _row(draft: Draft, version_id: int, last_updated: str) -> dict[str, Any]:
    return {
        "id": draft.id,
        "deleted": False,
        "version_id": version_id,
        "last_updated": last_updated,
        "digest": _digest(draft),
        "resource": draft.versioned(version_id, last_updated),
        **draft.index.columns,
        **_moment(last_updated),
    }


def _digest(draft: Draft) -> str:
    return hashlib.sha256(draft.content).hexdigest()


def _moment(last_updated: str) -> dict[str, str | int]:
    return columns_of(PARAMETERS["_lastUpdated"], [last_updated])


def _insert_index(
    connection: Connection, indexes: Iterable[tuple[int, Indexed]]
) -> None:
    tokens, texts = [], []
    for key, index in indexes:
        tokens += [
            {
                "parameter": token.parameter,
                "code": token.code,
                "system": token.system,
                "selection_key": key,
            }
            for token in index.tokens
        ]
        texts += [
            {"selection_key": key, "parameter": parameter, "value": text}
            for parameter, text in index.texts
        ]
    for table, rows in ((TOKENS, tokens), (TEXTS, texts)):
        if rows:
            connection.execute(insert(table), rows)


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
            # What Orthanc deleted must not live on here.
            resource=b"",
            **{**_NOTHING, **_moment(last_updated)},
        )
    )
    _drop_index(connection, row["key"])


_NOTHING = {
    name: value
    for parameter in PARAMETERS.values()
    if parameter.column
    for name, value in columns_of(parameter, []).items()
}


def _drop_index(connection: Connection, key: int) -> None:
    for table in (TOKENS, TEXTS):
        connection.execute(delete(table).where(table.c.selection_key == key))
