"""The selections as rows: saved a structure set at a time, read, searched, deleted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import bindparam, select

from imaging_selection.search.criteria import Criterion, Place
from imaging_selection.store import ledger
from imaging_selection.store.criteria import (
    STORED,
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

    from imaging_selection.search.criteria import Query, TokenMatch
    from imaging_selection.store.engine import Database
    from imaging_selection.store.ledger import LedgerEntry


class Stored(NamedTuple):
    """A selection as the store has it; `resource` is its JSON as it is served."""

    key: int
    id: str
    orthanc_id: str
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
                    entry.orthanc_id,
                    {draft.id: draft for draft in drafts},
                    last_updated,
                    same_index=before == entry.mapping_version,
                )

    def record_failure(self, entry: LedgerEntry) -> None:
        """Note that a structure set could not be converted; what was there stays."""
        with self._database.transaction(writes=True) as connection:
            ledger.record(connection, entry)

    def remove(self, orthanc_id: str, last_updated: str) -> None:
        """Mark every selection of a structure set deleted, and forget its entry."""
        with self._database.transaction(writes=True) as connection:
            ledger.forget(connection, orthanc_id)
            write(connection, orthanc_id, {}, last_updated, same_index=True)

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

    def below(self, orthanc_ids: Iterable[str]) -> tuple[Stored, ...]:
        """List the selections of some structure sets, in the order they were made."""
        statement = (
            select(*STORED)
            .where(
                SELECTIONS.c.orthanc_id.in_(list(orthanc_ids)),
                SELECTIONS.c.deleted.is_(False),
            )
            .order_by(SELECTIONS.c.key)
        )
        return tuple(Stored._make(row) for row in self._database.rows(statement))
