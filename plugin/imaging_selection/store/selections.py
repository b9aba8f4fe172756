"""The selections as rows: saved a structure set at a time, read, searched, deleted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, select

from imaging_selection.query import Criterion, Order, Place
from imaging_selection.store import ledger
from imaging_selection.store.criteria import (
    candidates_of,
    count_of,
    page_of,
    referenced_of,
)
from imaging_selection.store.schema import SELECTIONS
from imaging_selection.store.shapes import shape_of, shapes_of
from imaging_selection.store.writing import Draft, write

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Connection, RowMapping

    from imaging_selection.query import Query, TokenMatch
    from imaging_selection.store.engine import Database
    from imaging_selection.store.ledger import LedgerEntry


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
    """Matches of a search, and the place after which more follow, if any do."""

    matches: tuple[Stored, ...]
    next_after: Place | None = None


_BY_ID = select(SELECTIONS).where(SELECTIONS.c.id == bindparam("id"))


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
        self.save_all([(entry, drafts)], last_updated)

    def save_all(
        self,
        conversions: Iterable[tuple[LedgerEntry, Iterable[Draft]]],
        last_updated: str,
    ) -> None:
        """Save several structure sets at once, in the order of their ids.

        Nodes that save the same ones wait for each other then, and never both.
        """
        with self._database.transaction(writes=True) as connection:
            for entry, drafts in conversions:
                before = ledger.record(connection, entry)
                write(
                    connection,
                    entry.instance_id,
                    {draft.id: draft for draft in drafts},
                    last_updated,
                    same_index=before == entry.mapping_version,
                )

    def record_failure(self, entry: LedgerEntry) -> None:
        """Note that a structure set could not be converted; what was there stays."""
        with self._database.transaction(writes=True) as connection:
            ledger.record(connection, entry)

    def remove(self, instance_id: str, last_updated: str) -> None:
        """Mark every selection of a structure set deleted, and forget its entry."""
        with self._database.transaction(writes=True) as connection:
            ledger.forget(connection, instance_id)
            write(connection, instance_id, {}, last_updated, same_index=True)

    def read(self, selection_id: str) -> Stored | None:
        """Find a selection by its id; a deleted one too."""
        with self._database.transaction() as connection:
            row = connection.execute(_BY_ID, {"id": selection_id}).mappings().first()
        return _stored(row) if row is not None else None

    def search(self, query: Query) -> Page:
        """Find a page of selections, in the order that the query has."""
        shape, values = shape_of(query)
        with self._database.transaction() as connection:
            candidates = _candidates(connection, query, self._few)
            among = candidates is not None
            statement = page_of(shape, among_candidates=among)
            more = {"candidates": candidates} if among else {}
            rows = connection.execute(statement, {**values, **more}).mappings().all()
        matches = tuple(map(_stored, rows[: query.count]))
        if len(rows) <= query.count:
            return Page(matches)
        return Page(matches, _place(rows[query.count - 1], query.applied_order))

    def count(self, query: Query) -> int:
        """Count the selections that a search finds."""
        shape, values = shape_of(query)
        with self._database.transaction() as connection:
            return connection.scalar(count_of(shape), values) or 0

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
        with self._database.transaction() as connection:
            return list(connection.scalars(statement, values))

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


def _candidates(connection: Connection, query: Query, few: int) -> list[int] | None:
    """List the keys among which the matches are, if some criterion leaves only few.

    One criterion whose index has the order of the result needs no list.
    """
    narrowing = [each for each in query.criteria if each.narrows]
    if len(narrowing) == 1 and query.order is None:
        return None
    for criterion in narrowing:
        (shape,), values = shapes_of([criterion])
        values["limit"] = few + 1
        keys = connection.scalars(candidates_of(shape), values).all()
        if len(keys) <= few:
            return list(keys)
    return None


def _place(row: RowMapping, order: Order) -> Place:
    return Place(order, row[order.column] if order.column else None, row["key"])


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
