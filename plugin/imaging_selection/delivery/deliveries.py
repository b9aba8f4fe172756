"""All targets: their senders, and what became of what is delivered."""

from __future__ import annotations

import logging
import threading
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from imaging_selection.delivery.dialect import dialect_of
from imaging_selection.delivery.exchange import Exchange
from imaging_selection.delivery.fhir_client import FhirClient
from imaging_selection.delivery.login import Login
from imaging_selection.delivery.places import Places
from imaging_selection.delivery.planner import Planner
from imaging_selection.delivery.sender import BEAT_SECONDS, Sender
from imaging_selection.store.lease import Leases
from imaging_selection.store.ledger import instant
from imaging_selection.store.notes import (
    DELIVERED,
    PENDING,
    REFUSED,
    WAITING,
    Notes,
)
from imaging_selection.store.outbox import Outbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from imaging_selection.delivery.target import Target
    from imaging_selection.fhir.datatypes import Resource
    from imaging_selection.store.engine import Database
    from imaging_selection.store.outbox import Delivery

log = logging.getLogger(__name__)

LISTED = 100  # deliveries of each state in the status
_ONLY_NODE = "only node"


class Deliveries:
    """Delivers to all targets.

    Parameters
    ----------
    endpoint, exists
        As of `Planner`.
    compare_seconds, pause
        As of `Sender`.
    """

    def __init__(  # noqa: PLR0913 - the composition root names each
        self,
        targets: Iterable[Target],
        database: Database,
        *,
        endpoint: Callable[[], Resource | None],
        exists: Callable[[str | None, str], bool],
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        compare_seconds: float = 300,
        pause: float = 1,
    ) -> None:
        self._clock = clock
        self._outbox = Outbox(database)
        self._notes = Notes(database)
        # SQLite is for one node, which goes on at once after a crash.
        is_alone = database.kind == "sqlite"
        self._leases = Leases(database, _ONLY_NODE if is_alone else uuid.uuid4().hex)
        self._senders: dict[str, Sender] = {}
        for target in targets:
            exchange = Exchange(target.ca_file)
            client = FhirClient(target.url, exchange, Login(target, exchange))
            planner = Planner(
                target,
                self._outbox,
                Places(target, client),
                dialect=dialect_of(target),
                endpoint=endpoint,
                exists=exists,
            )
            self._senders[target.name] = Sender(
                target,
                outbox=self._outbox,
                notes=self._notes,
                leases=self._leases,
                planner=planner,
                client=client,
                exchange=exchange,
                clock=clock,
                compare_seconds=compare_seconds,
                pause=pause,
            )
        self._stopping = threading.Event()
        self._beating = threading.Thread(
            target=self._beat, name="imaging-selection-leases", daemon=True
        )

    def start(self) -> None:
        """Start the senders."""
        for each in self._senders.values():
            each.start()
        if self._senders:
            self._beating.start()

    def stop(self) -> None:
        """Stop the senders."""
        self._stopping.set()
        for each in self._senders.values():
            each.stop()
        if self._beating.is_alive():
            self._beating.join(timeout=30)

    def _beat(self) -> None:
        while not self._stopping.wait(BEAT_SECONDS):
            for each in self._senders.values():
                try:
                    each.beat()
                except Exception as error:  # noqa: BLE001 - the thread must not end
                    log.warning("no lease: %s", type(error).__name__)

    def resend(self, name: str, *, force: bool, orthanc_id: str | None = None) -> bool:
        """Try again what could not be delivered.

        Parameters
        ----------
        force
            Deliver everything again.
        orthanc_id
            Deliver this object again, and no other.

        Returns
        -------
        bool
            Whether there is such a target.
        """
        sender = self._senders.get(name)
        if sender is None:
            return False
        if force:
            self._leases.save_settings(name, "")
        self._notes.again(name, instant(self._clock()), orthanc_id)
        sender.wake()
        return True

    def status(self) -> list[dict[str, Any]]:
        """Return the state of each target, for the status route.

        Raises
        ------
        StoreError
            The store does not answer.
        """
        return [self._status_of(each) for each in self._senders.values()]

    def measures(self) -> list[tuple[str, float]]:
        """Return the numbers of each target, by the names of metrics."""
        found = []
        for sender in self._senders.values():
            name = sender.target.name.replace("-", "_").lower()
            numbers = self._numbers_of(sender)
            found += [(f"delivery_{name}_{key}", numbers[key]) for key in numbers]
        return found

    def _numbers_of(self, sender: Sender) -> dict[str, float]:
        counts = self._outbox.count(sender.target.name)
        late = [counts[each][1] for each in (PENDING, WAITING) if each in counts]
        now = self._clock()
        since = datetime.fromisoformat(min(late)) if late else now
        return {
            "delivered": counts.get(DELIVERED, (0, ""))[0],
            "waiting": sum(counts.get(each, (0,))[0] for each in (PENDING, WAITING)),
            "refused": counts.get(REFUSED, (0, ""))[0],
            "lag_seconds": max(0.0, (now - since).total_seconds()),
        }

    def _status_of(self, sender: Sender) -> dict[str, Any]:
        name = sender.target.name
        numbers = self._numbers_of(sender)
        held = self._outbox.troubled(name, WAITING, LISTED)
        refused = self._outbox.troubled(name, REFUSED, LISTED)
        return {
            "name": name,
            "url": sender.target.url,
            "fhirVersion": sender.target.fhir_version,
            "isSender": sender.is_sending,
            "delivered": numbers["delivered"],
            "waiting": numbers["waiting"],
            "lagSeconds": round(numbers["lag_seconds"], 3),
            "problem": sender.problem,
            "held": [_described(each) for each in held],
            "refused": [_described(each) for each in refused],
            "refusedCount": numbers["refused"],
        }


def _described(delivery: Delivery) -> dict[str, Any]:
    return {
        "instance": delivery.orthanc_id,
        "reason": delivery.reason,
        "since": delivery.since,
        "attempts": delivery.attempts,
    }
