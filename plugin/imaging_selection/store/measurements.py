"""Which structure sets are measured, which are to be, and what was measured of them.

A conversion writes that a structure set is to be measured, in the transaction that
saves its selections: so a crash at any moment loses nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import and_, bindparam, func, or_, select, update

from imaging_selection.search.parameters import OBSERVATION
from imaging_selection.store import stale
from imaging_selection.store.ledger import CONVERTED, FAILED, WAITING
from imaging_selection.store.schema import STRUCTURE_SETS
from imaging_selection.store.writing import write

if TYPE_CHECKING:
    from imaging_selection.store.draft import Conversion
    from imaging_selection.store.engine import Database
    from imaging_selection.store.selections import Selections

MEASURED = "measured"

_COLUMNS = STRUCTURE_SETS.c
_IS_CURRENT = and_(
    _COLUMNS.state == CONVERTED, _COLUMNS.mapping_version == bindparam("version")
)
_IS_DUE = or_(
    _COLUMNS.measurement == WAITING,
    and_(
        _COLUMNS.measurement == FAILED,
        _COLUMNS.measurement_retry_at <= bindparam("now"),
    ),
)
_DUE = (
    select(
        _COLUMNS.orthanc_id,
        _COLUMNS.attachment_uuid,
        _COLUMNS.mapping_version,
        _COLUMNS.measurement_attempts,
    )
    .where(_IS_CURRENT, _IS_DUE)
    .limit(bindparam("limit"))
)
_COUNTS = select(
    func.count(),
    *(
        func.count().filter(_IS_CURRENT, _COLUMNS.measurement == state)
        for state in (MEASURED, FAILED)
    ),
).where(_COLUMNS.measurement.is_not(None))
_FAILURES = (
    select(
        _COLUMNS.orthanc_id,
        _COLUMNS.measurement_reason,
        _COLUMNS.measurement_since,
        _COLUMNS.measurement_attempts,
    )
    .where(_COLUMNS.measurement == FAILED)
    .order_by(_COLUMNS.measurement_since, _COLUMNS.orthanc_id)
    .limit(bindparam("limit"))
)
_MEASURED = update(STRUCTURE_SETS).where(
    _COLUMNS.orthanc_id == bindparam("name"),
    _COLUMNS.attachment_uuid == bindparam("uuid"),
    _IS_CURRENT,
    _COLUMNS.measurement.is_not(None),
)

_AWAITS = and_(
    _COLUMNS.measurement_awaits == bindparam("patient"),
    _COLUMNS.measurement == MEASURED,
)
_AWAITING = select(_COLUMNS.orthanc_id).where(_AWAITS).limit(1)
_ARRIVED = update(STRUCTURE_SETS).where(_AWAITS).values(measurement=WAITING)


class Due(NamedTuple):
    """A structure set that is to be measured.

    Attributes
    ----------
    attachment_uuid
        Orthanc's id of the file that was converted; no other one is to be measured.
    attempts
        The number of failures since the last success.
    """

    orthanc_id: str
    attachment_uuid: str
    mapping_version: str
    attempts: int


class Counts(NamedTuple):
    """Numbers of structure sets that are to be measured: all, and by state."""

    known: int
    measured: int
    failed: int

    @property
    def waiting(self) -> int:
        """The number of those that are neither measured nor failed."""
        return self.known - self.measured - self.failed


class Measurements:
    """Saves and reads what was measured.

    Parameters
    ----------
    selections
        Its `on_stale` is called as it says.
    """

    def __init__(self, database: Database, selections: Selections) -> None:
        self._database = database
        self._selections = selections

    def due(self, mapping_version: str, now: str, limit: int) -> list[Due]:
        """Return structure sets that are to be measured now, in no particular order.

        Those of another mapping version are converted again before.
        """
        values = {"version": mapping_version, "now": now, "limit": limit}
        return [Due._make(row) for row in self._database.rows(_DUE, values)]

    def count(self, mapping_version: str) -> Counts:
        """Count the structure sets that are to be measured, or are.

        Those of another mapping version are waiting.
        """
        (counts,) = self._database.rows(_COUNTS, {"version": mapping_version})
        return Counts._make(counts)

    def failures(self, limit: int) -> list[dict[str, object]]:
        """Return the first failures, oldest first, as in the answer of the status."""
        return [
            {"instance": name, "reason": reason, "since": since, "attempts": attempts}
            for name, reason, since, attempts in self._database.rows(
                _FAILURES, {"limit": limit}
            )
        ]

    def images_arrived(self, patient_id: str) -> bool:
        """Have measured again what lacked images of a patient, by Orthanc's id.

        Returns
        -------
        bool
            Whether there is any.
        """
        values = {"patient": patient_id}
        if not self._database.rows(_AWAITING, values):  # nearly always
            return False
        with self._database.transaction() as connection:
            connection.execute(_ARRIVED, values)
        return True

    def save(self, due: Due, measured: Conversion, now: str) -> bool:
        """Replace what was measured of a structure set.

        Parameters
        ----------
        now
            FHIR instant.

        Returns
        -------
        bool
            False, and nothing is saved, if the store has another file of it by now.
        """
        state = {
            "measurement": MEASURED,
            "measurement_reason": None,
            "measurement_since": now,
            "measurement_attempts": 0,
            "measurement_retry_at": None,
            "measurement_findings": measured.findings.decode(),
            "measurement_awaits": measured.awaits,
        }
        with self._database.transaction() as connection:
            # First: a conversion of the same structure set waits here, and writes then.
            if not connection.execute(_MEASURED.values(state), _values(due)).rowcount:
                return False
            referred = write(
                connection,
                due.orthanc_id,
                measured.drafts,
                now,
                same_index=False,
                types={OBSERVATION},
            )
            stale.note(connection, referred)
        if referred:
            self._selections.on_stale()
        return True

    def save_failure(self, due: Due, reason: str, now: str, retry_at: str) -> None:
        """Record that a structure set cannot be measured; what is measured stays."""
        state = {
            "measurement": FAILED,
            "measurement_reason": reason,
            "measurement_attempts": due.attempts + 1,
            "measurement_retry_at": retry_at,
        }
        if due.attempts == 0:
            state["measurement_since"] = now
        with self._database.transaction() as connection:
            connection.execute(_MEASURED.values(state), _values(due))


def _values(due: Due) -> dict[str, str]:
    return {
        "name": due.orthanc_id,
        "uuid": due.attachment_uuid,
        "version": due.mapping_version,
    }
