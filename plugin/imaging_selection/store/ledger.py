"""What became of each structure set: the proof that nothing is lost."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING, NamedTuple

import orjson
from sqlalchemy import bindparam, delete, func, select, update

from imaging_selection.store.engine import upsert
from imaging_selection.store.schema import STORE, STRUCTURE_SETS

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection

    from imaging_selection.store.engine import Database

CONVERTED = "converted"
FAILED = "failed"
_PLACE = "place in Orthanc"


def instant(moment: datetime) -> str:
    """Format a time with a zone as a FHIR instant: UTC, milliseconds."""
    text = moment.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """What became of one structure set.

    Attributes
    ----------
    state
        `converted` or `failed`.
    attachment_uuid
        Names the file that Orthanc kept when it was read: another mark, another file.
    mapping_version
        What made the selections: the mapping's version and the settings that shape it.
    since
        FHIR instant at which the present state began.
    attempts
        How often it has failed in a row; 0 when it has not.
    retry_at
        FHIR instant from which a failed one is tried again.
    findings
        JSON array of the findings.
    """

    orthanc_id: str
    state: str
    attachment_uuid: str
    mapping_version: str
    since: str
    reason: str | None = None
    attempts: int = 0
    retry_at: str | None = None
    findings: bytes = b"[]"


class State(NamedTuple):
    """As much of an entry as tells whether it is up to date."""

    attachment_uuid: str
    mapping_version: str
    retry_at: str | None


_NAMED = STRUCTURE_SETS.c.orthanc_id == bindparam("name")
_ENTRY = select(STRUCTURE_SETS).where(_NAMED)
_MAPPING_VERSION = select(STRUCTURE_SETS.c.mapping_version).where(_NAMED)
_STATES = select(
    STRUCTURE_SETS.c.orthanc_id,
    STRUCTURE_SETS.c.attachment_uuid,
    STRUCTURE_SETS.c.mapping_version,
    STRUCTURE_SETS.c.retry_at,
)
_STATES_AMONG = _STATES.where(
    STRUCTURE_SETS.c.orthanc_id.in_(bindparam("names", expanding=True))
)


def record(connection: Connection, entry: LedgerEntry) -> str | None:
    """Write an entry over whatever stood there; the first act of a transaction.

    Whoever records the same structure set at once waits here for the other to commit:
    what is read afterwards is what the other has written.

    Returns
    -------
    str or None
        The mapping version of what stood there.
    """
    values = {
        "orthanc_id": entry.orthanc_id,
        "state": entry.state,
        "attachment_uuid": entry.attachment_uuid,
        "mapping_version": entry.mapping_version,
        "since": entry.since,
        "reason": entry.reason,
        "attempts": entry.attempts,
        "retry_at": entry.retry_at,
        "findings": entry.findings.decode(),
    }
    before = connection.scalar(_MAPPING_VERSION, {"name": entry.orthanc_id})
    upsert(connection, STRUCTURE_SETS, values)
    return before


def forget(connection: Connection, orthanc_id: str) -> None:
    """Remove the entry of a structure set, if any."""
    connection.execute(
        delete(STRUCTURE_SETS).where(STRUCTURE_SETS.c.orthanc_id == orthanc_id)
    )


class Ledger:
    """Reads the ledger, and remembers how far Orthanc has been read for it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def read(self, orthanc_id: str) -> LedgerEntry | None:
        """Find the entry of a structure set."""
        rows = self._database.rows(_ENTRY, {"name": orthanc_id})
        if not rows:
            return None
        row = rows[0]._asdict()
        return LedgerEntry(**{**row, "findings": row["findings"].encode()})

    @property
    def generation(self) -> int:
        """Grows when the ledger was made anew: what was read of it is then void."""
        return self._database.generation

    def states(self, among: list[str] | None = None) -> dict[str, State]:
        """Return the state of every structure set, or of some, by Orthanc id."""
        if among is None:
            rows = self._database.rows(_STATES)
        else:
            rows = self._database.rows(_STATES_AMONG, {"names": among})
        return {row.orthanc_id: State._make(row[1:]) for row in rows}

    def count(self, mapping_version: str) -> tuple[int, int]:
        """Count the structure sets converted by this mapping, and all the failed."""
        columns = STRUCTURE_SETS.c
        query = select(
            func.count().filter(
                columns.state == CONVERTED, columns.mapping_version == mapping_version
            ),
            func.count().filter(columns.state == FAILED),
        )
        with self._database.transaction() as connection:
            row = connection.execute(query).one()
        return row[0], row[1]

    def due(self, now: str) -> list[str]:
        """List the failed structure sets that are to be tried again by now."""
        columns = STRUCTURE_SETS.c
        query = select(columns.orthanc_id).where(
            columns.state == FAILED, columns.retry_at <= now
        )
        with self._database.transaction() as connection:
            return list(connection.scalars(query))

    def outdate(self) -> None:
        """Have every structure set converted again, by whichever node sweeps first."""
        name = STRUCTURE_SETS.c.orthanc_id
        with self._database.transaction(writes=True) as connection:
            # In the order in which several are saved: neither waits for the other.
            connection.execute(select(name).order_by(name).with_for_update())
            connection.execute(update(STRUCTURE_SETS).values(mapping_version=""))

    def place(self) -> str | None:
        """Recall how far Orthanc was read when all of that was settled."""
        query = select(STORE.c.value).where(STORE.c.name == _PLACE)
        with self._database.transaction() as connection:
            return connection.scalar(query)

    def remember(self, place: str) -> None:
        """Note how far Orthanc has been read, everything up to there being settled."""
        with self._database.transaction(writes=True) as connection:
            upsert(connection, STORE, {"name": _PLACE, "value": place})

    def failures(self) -> list[dict[str, object]]:
        """List what could not be converted, oldest first, as the status route shows."""
        columns = STRUCTURE_SETS.c
        query = (
            select(columns.orthanc_id, columns.reason, columns.since, columns.attempts)
            .where(columns.state == FAILED)
            .order_by(columns.since, columns.orthanc_id)
        )
        with self._database.transaction() as connection:
            return [
                {
                    "instance": row.orthanc_id,
                    "reason": row.reason,
                    "since": row.since,
                    "attempts": row.attempts,
                }
                for row in connection.execute(query)
            ]

    def findings(self, limit: int) -> list[dict[str, object]]:
        """List the first structure sets that have findings, with them."""
        columns = STRUCTURE_SETS.c
        query = (
            select(columns.orthanc_id, columns.findings)
            .where(columns.findings != "[]")
            .order_by(columns.orthanc_id)
            .limit(limit)
        )
        with self._database.transaction() as connection:
            return [
                {"instance": row.orthanc_id, "findings": orjson.loads(row.findings)}
                for row in connection.execute(query)
            ]
