"""The state of the conversion of each structure set: the proof that nothing is lost."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from datetime import UTC
from typing import TYPE_CHECKING, NamedTuple

import orjson
from sqlalchemy import bindparam, delete, func, or_, select, update

from imaging_selection.store.engine import upsert
from imaging_selection.store.schema import STORE, STRUCTURE_SETS

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection

    from imaging_selection.store.engine import Database

CONVERTED = "converted"
FAILED = "failed"
WAITING = "waiting"
_POSITION = "position in the change log"


def instant(moment: datetime) -> str:
    """Format a time with a zone as a FHIR instant: UTC, milliseconds."""
    text = moment.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """The state of the conversion of one structure set.

    Attributes
    ----------
    state
        `converted` or `failed`.
    attachment_uuid
        Orthanc's id of the file that was read. A new file has a new id.
    mapping_version
        The version of the mapping, with the settings that shape the selections.
    since
        FHIR instant at which this state began.
    attempts
        The number of failures since the last success.
    retry_at
        FHIR instant from which to try again after a failure.
    findings
        JSON array of the findings.
    measurement
        `waiting` if the structure set is to be measured; what follows is then the
        business of `measurements`.
    kind
        What the object is counted as in the status.
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
    measurement: str | None = None
    kind: str = "structureSets"


class State(NamedTuple):
    """The part of an entry that shows whether it is up to date."""

    attachment_uuid: str
    mapping_version: str
    retry_at: str | None
    kind: str


_NAMED = STRUCTURE_SETS.c.orthanc_id == bindparam("name")
_ENTRY = select(*(STRUCTURE_SETS.c[field.name] for field in fields(LedgerEntry))).where(
    _NAMED
)
_CONVERTED = select(
    STRUCTURE_SETS.c.attachment_uuid, STRUCTURE_SETS.c.mapping_version
).where(_NAMED)
# What a conversion says of the measurement: nothing, as it was not made so far.
_NOT_MEASURED = {
    "measurement_reason": None,
    "measurement_since": None,
    "measurement_attempts": 0,
    "measurement_retry_at": None,
    "measurement_findings": "[]",
    "measurement_awaits": None,
}
_STATES = select(
    STRUCTURE_SETS.c.orthanc_id,
    STRUCTURE_SETS.c.attachment_uuid,
    STRUCTURE_SETS.c.mapping_version,
    STRUCTURE_SETS.c.retry_at,
    STRUCTURE_SETS.c.kind,
)
_STATES_AMONG = _STATES.where(
    STRUCTURE_SETS.c.orthanc_id.in_(bindparam("names", expanding=True))
)


class Before(NamedTuple):
    """The file that was converted before, and by which mapping version."""

    attachment_uuid: str | None = None
    mapping_version: str | None = None


def record(connection: Connection, entry: LedgerEntry) -> Before:
    """Write an entry in place of the previous one, first in a transaction.

    A second transaction for the same structure set waits here until the first is
    committed, and then reads what that one wrote.

    Returns
    -------
    Before
        Of the previous entry.
    """
    values = {**asdict(entry), "findings": entry.findings.decode(), **_NOT_MEASURED}
    before = connection.execute(_CONVERTED, {"name": entry.orthanc_id}).first()
    upsert(connection, STRUCTURE_SETS, values)
    return Before(*before) if before else Before()


def forget(connection: Connection, orthanc_id: str) -> None:
    """Remove the entry of a structure set, if any."""
    connection.execute(
        delete(STRUCTURE_SETS).where(STRUCTURE_SETS.c.orthanc_id == orthanc_id)
    )


class Ledger:
    """Reads the ledger, and saves the position in Orthanc's change log."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def read(self, orthanc_id: str) -> LedgerEntry | None:
        """Return the entry of a structure set; None without one."""
        rows = self._database.rows(_ENTRY, {"name": orthanc_id})
        if not rows:
            return None
        row = rows[0]._asdict()
        return LedgerEntry(**{**row, "findings": row["findings"].encode()})

    @property
    def generation(self) -> int:
        """As of `Database`."""
        return self._database.generation

    def states(self, among: list[str] | None = None) -> dict[str, State]:
        """Return the state of every structure set, or of some, by Orthanc id."""
        if among is None:
            rows = self._database.rows(_STATES)
        else:
            rows = self._database.rows(_STATES_AMONG, {"names": among})
        return {row.orthanc_id: State._make(row[1:]) for row in rows}

    def count(self, mapping_version: str) -> dict[str, tuple[int, int]]:
        """Count what a mapping version has converted, and all failures, by kind."""
        columns = STRUCTURE_SETS.c
        counts = [
            func.count().filter(
                columns.state == CONVERTED, columns.mapping_version == mapping_version
            ),
            func.count().filter(columns.state == FAILED),
        ]
        query = select(columns.kind, *counts).group_by(columns.kind)
        rows = self._database.rows(query)
        return {kind: (converted, failed) for kind, converted, failed in rows}

    def due(self, now: str) -> list[str]:
        """Return the failed structure sets whose next attempt is due."""
        columns = STRUCTURE_SETS.c
        query = select(columns.orthanc_id).where(
            columns.state == FAILED, columns.retry_at <= now
        )
        return [orthanc_id for (orthanc_id,) in self._database.rows(query)]

    def outdate(self) -> None:
        """Mark all structure sets as out of date; the next sweep converts them."""
        name = STRUCTURE_SETS.c.orthanc_id
        # Lock in the order of `save_all`, and lock no others, so that neither blocks
        # the other.
        locked = select(name).order_by(name).with_for_update()
        statement = update(STRUCTURE_SETS).where(name.in_(locked))
        with self._database.transaction() as connection:
            connection.execute(statement.values(mapping_version=""))

    def position(self) -> str | None:
        """Return the position in the change log up to which everything is converted."""
        query = select(STORE.c.value).where(STORE.c.name == _POSITION)
        rows = self._database.rows(query)
        return rows[0].value if rows else None

    def save_position(self, position: str) -> None:
        """Save the position in the change log up to which everything is converted."""
        with self._database.transaction() as connection:
            upsert(connection, STORE, {"name": _POSITION, "value": position})

    def failures(self) -> list[dict[str, object]]:
        """Return the failures, oldest first, as in the answer of the status route."""
        columns = STRUCTURE_SETS.c
        query = (
            select(columns.orthanc_id, columns.reason, columns.since, columns.attempts)
            .where(columns.state == FAILED)
            .order_by(columns.since, columns.orthanc_id)
        )
        return [
            {
                "instance": row.orthanc_id,
                "reason": row.reason,
                "since": row.since,
                "attempts": row.attempts,
            }
            for row in self._database.rows(query)
        ]

    def findings(self, limit: int) -> list[dict[str, object]]:
        """Return the first structure sets that have findings, with their findings."""
        columns = STRUCTURE_SETS.c
        query = (
            select(columns.orthanc_id, columns.findings, columns.measurement_findings)
            .where(or_(columns.findings != "[]", columns.measurement_findings != "[]"))
            .order_by(columns.orthanc_id)
            .limit(limit)
        )
        return [
            {
                "instance": row.orthanc_id,
                "findings": [
                    *orjson.loads(row.findings),
                    *orjson.loads(row.measurement_findings),
                ],
            }
            for row in self._database.rows(query)
        ]
