"""Save, read, search and delete the resources that objects became.

Each row has the type of its resource.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, func, select

from imaging_selection.search.criteria import LAST_FIRST, Position
from imaging_selection.search.parameters import IMAGING_SELECTION, OBSERVATION
from imaging_selection.store import ledger, notes, stale
from imaging_selection.store.draft import RESOURCE_TYPES, Draft
from imaging_selection.store.history import Change, change_of, history_of
from imaging_selection.store.schema import EXACT_COLUMNS, SELECTIONS, SORT_COLUMNS
from imaging_selection.store.shapes import Values, split_criteria, split_query
from imaging_selection.store.statements import (
    STORED,
    Stored,
    count_of,
    count_up_to_limit,
    page_of,
    sort_page,
)
from imaging_selection.store.writing import write

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from contextlib import AbstractContextManager

    from imaging_selection.search.criteria import Query
    from imaging_selection.store.engine import Database
    from imaging_selection.store.ledger import LedgerEntry
    from imaging_selection.store.stale import Name, Stale


@dataclass(frozen=True, slots=True)
class Page:
    """Matches of a search; `next_after` is the last position if more follow."""

    matches: tuple[Stored, ...]
    next_after: Position | None = None


_NOT_MEASURED = RESOURCE_TYPES.keys() - {OBSERVATION}

_ROI_NAME = EXACT_COLUMNS["roi-name"]
_ROI_NAMES = (
    select(_ROI_NAME.label("name"), func.count().label("count"))
    .where(
        SELECTIONS.c.resource_type == RESOURCE_TYPES[IMAGING_SELECTION],
        SELECTIONS.c.deleted.is_(False),
        SORT_COLUMNS["roi-name"] > "",
    )
    .group_by(_ROI_NAME)
    .order_by(func.count().desc())
    .limit(bindparam("limit"))
)
_BY_ID = select(*STORED).where(
    SELECTIONS.c.resource_type == bindparam("resource_type"),
    SELECTIONS.c.id == bindparam("id"),
)


class Selections:
    """Saves and reads resources.

    Parameters
    ----------
    maximum_candidates
        If a criterion has at most this number of matches, a search reads each of them.

    Attributes
    ----------
    on_stale
        Called when there is something for `stale`, on any thread.
    on_measurable
        Called when there is something to measure, on any thread.
    """

    def __init__(self, database: Database, maximum_candidates: int = 1000) -> None:
        self._database = database
        self._maximum_candidates = maximum_candidates
        self.on_stale: Callable[[], object] = lambda: None
        self.on_measurable: Callable[[], object] = lambda: None

    def save_all(
        self,
        conversions: Iterable[tuple[LedgerEntry, Iterable[Draft]]],
        last_updated: str,
    ) -> None:
        """Replace the resources of instances, in one transaction: see `write`.

        The instances must be in the order of their ids. Two nodes that save the same
        ones wait for each other, and in that order they cannot block each other.
        """
        with self._database.transaction() as connection:
            referred: set[Name] = set()
            is_measurable = False
            for entry, drafts in conversions:
                before = ledger.record(connection, entry)
                if before.attachment_uuid is None:
                    # The targets may be behind a store that was lost.
                    notes.note(connection, entry.orthanc_id, last_updated)
                # What was measured of the same file stays until it is measured again.
                is_kept = (
                    entry.measurement is not None
                    and before.attachment_uuid == entry.attachment_uuid
                )
                is_measurable |= entry.measurement is not None
                referred |= write(
                    connection,
                    entry.orthanc_id,
                    drafts,
                    last_updated,
                    same_index=before.mapping_version == entry.mapping_version,
                    types=_NOT_MEASURED if is_kept else RESOURCE_TYPES,
                )
            stale.note(connection, referred)
        self._tell(referred)
        if is_measurable:
            self.on_measurable()

    def record_failure(self, entry: LedgerEntry) -> None:
        """Record that an instance cannot be converted; its resources stay."""
        with self._database.transaction() as connection:
            ledger.record(connection, entry)

    def remove(self, orthanc_id: str, last_updated: str) -> None:
        """Mark all resources of an instance as deleted, and remove its entry."""
        with self._database.transaction() as connection:
            ledger.forget(connection, orthanc_id)
            referred = write(connection, orthanc_id, (), last_updated, same_index=True)
            stale.note(connection, referred)
        self._tell(referred)

    def _tell(self, referred: set[Name]) -> None:
        if referred:
            self.on_stale()

    def note_stale(self, names: Iterable[Name]) -> None:
        """Note resources that are to be made again."""
        with self._database.transaction() as connection:
            stale.note(connection, names)

    def stale(self, limit: int) -> list[Stale]:
        """Return some of the resources that are to be made again."""
        return stale.first_notes(self._database.tuples(stale.FIRST, {"limit": limit}))

    def save_referred(
        self, noted: Stale, draft: Draft | None, last_updated: str
    ) -> None:
        """Save a resource that others refer to, or mark it as deleted without one."""
        drafts = [draft] if draft else []
        with self._database.transaction() as connection:
            stale.remove_note(connection, noted)
            write(connection, noted.id, drafts, last_updated, same_index=False)

    def limited(self) -> AbstractContextManager[None]:
        """As of `Database`."""
        return self._database.limited()

    def read(
        self, resource_id: str, resource_type: str = IMAGING_SELECTION
    ) -> Stored | None:
        """Return the resource with an id, also if it is deleted."""
        values = {"resource_type": RESOURCE_TYPES[resource_type], "id": resource_id}
        rows = self._database.tuples(_BY_ID, values)
        if not rows:
            return None
        stored = Stored._make(rows[0])
        return stored._replace(deleted=bool(stored.deleted))  # SQLite has integers

    def search(self, query: Query) -> Page:
        """Return a page of resources, in the order of the query."""
        shape, values = split_query(query)
        statement = page_of(shape, self._number_of_narrow(query))
        rows = sort_page(self._database.tuples(statement, values), shape.order)
        width = len(STORED)
        matches = tuple(Stored._make(row[:width]) for row in rows[: query.count])
        if len(rows) <= query.count:
            return Page(matches)
        last = rows[query.count - 1]
        value = last[width] if shape.order.parameter else None
        position = Position(shape.order, value, last[0], tuple(last[width + 1 :]))
        return Page(matches, position)

    def _number_of_narrow(self, query: Query) -> int | None:
        """Return the number of a criterion that has few matches, if one has.

        A single criterion needs none if its index has the order of the result.
        """
        narrowing = [n for n, each in enumerate(query.criteria) if each.narrows]
        if len(narrowing) == 1 and query.order is None:
            only = query.criteria[narrowing[0]]
            narrowing = [] if only.leads else narrowing
        for number in narrowing:
            (shape,), values = split_criteria([query.criteria[number]])
            values["limit"] = self._maximum_candidates + 1
            statement = count_up_to_limit(shape, query.resource_type)
            ((count,),) = self._database.tuples(statement, values)
            if count <= self._maximum_candidates:
                return number
        return None

    def history(
        self,
        types: tuple[str, ...],
        span: tuple[int, int],
        count: int,
        after: Position | None,
    ) -> tuple[list[Change], Position | None]:
        """Return the last change of each resource, the last one first.

        Parameters
        ----------
        span
            Only changes from the first moment on, and before the second: microseconds
            since 1970.
        after
            The position of the last change of the previous page.

        Returns
        -------
        changes, position
            The position is None if no more follow.
        """
        since, before = span
        values: Values = {"since": since, "before": before, "limit": count + 1}
        if after is not None:
            values |= {"after_value": after.value, "after_key": after.key}
        statement = history_of(types, continues=after is not None)
        rows = self._database.tuples(statement, values)
        changes = [change_of(row) for row in rows[:count]]
        if len(rows) <= count or not changes:
            return changes, None
        last = changes[-1]
        return changes, Position(LAST_FIRST, last.moment, last.stored.key)

    def count(self, query: Query) -> int:
        """Count all matches of a search."""
        shape, values = split_query(replace(query, order=None, after=None))
        ((count,),) = self._database.tuples(count_of(shape), values)
        return int(count)

    def roi_names(self, limit: int) -> tuple[list[tuple[str, int]], bool]:
        """Count the ROIs of each name as written, the most frequent names first.

        Returns
        -------
        names, has_more
            Whether there are more names than the limit.
        """
        rows = self._database.rows(_ROI_NAMES, {"limit": limit + 1})
        return [(row.name, row.count) for row in rows[:limit]], len(rows) > limit

    def below(
        self, orthanc_ids: Iterable[str], resource_type: str = IMAGING_SELECTION
    ) -> tuple[Stored, ...]:
        """Return the resources of some instances, in the order of their keys."""
        statement = (
            select(*STORED)
            .where(
                SELECTIONS.c.orthanc_id.in_(list(orthanc_ids)),
                SELECTIONS.c.resource_type == RESOURCE_TYPES[resource_type],
                SELECTIONS.c.deleted.is_(False),
            )
            .order_by(SELECTIONS.c.key)
        )
        return tuple(Stored._make(row) for row in self._database.rows(statement))
