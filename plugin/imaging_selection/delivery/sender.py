"""Sends to one target what it does not have, on a thread of its own.

Only the node that has the lease of the target sends. What it has sent is certain when
the target has answered and the store has saved that: after a crash in between it is
sent again, which changes nothing.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from imaging_selection.errors import (
    ImagingSelectionError,
    NotYetError,
    SourceError,
    StoreError,
    TargetError,
    TargetRefusedError,
)
from imaging_selection.store.lease import Held
from imaging_selection.store.ledger import instant
from imaging_selection.store.notes import DELIVERED, PENDING, REFUSED, WAITING
from imaging_selection.store.outbox import Settled

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from imaging_selection.delivery.exchange import Exchange
    from imaging_selection.delivery.fhir_client import FhirClient
    from imaging_selection.delivery.planner import Plan, Planner
    from imaging_selection.delivery.target import Target
    from imaging_selection.store.lease import Leases
    from imaging_selection.store.notes import Notes
    from imaging_selection.store.outbox import Delivery, Outbox

log = logging.getLogger(__name__)

LEASE_SECONDS = 30.0
BEAT_SECONDS = 5.0
AT_A_TIME = 50  # deliveries that are read together
COMPARED = 500  # objects that are compared together
MAXIMUM_PAUSE = 300.0  # seconds until a target that does not answer is asked again
MAXIMUM_WAIT = 3600.0  # seconds until an object is tried again
SOON = 30.0
_CONFLICTS = {409, 412}
_MAXIMUM_CONFLICTS = 5  # then a patient or study stays at the target: others use it


def jittered(
    first: float, attempts: int, maximum: float, chance: random.Random
) -> float:
    """Return a delay between 0 and one that doubles with each failure ("full jitter").

    Nodes and targets that failed at the same time do not come back at the same time.
    """
    return chance.uniform(0, min(first * 2.0 ** min(attempts, 16), maximum))


class Sender:
    """The sender of a target.

    Parameters
    ----------
    compare_seconds
        From one comparison of all objects with the target's to the next.
    pause
        Seconds between two looks at what is due.
    """

    def __init__(  # noqa: PLR0913 - the composition root names each
        self,
        target: Target,
        *,
        outbox: Outbox,
        notes: Notes,
        leases: Leases,
        planner: Planner,
        client: FhirClient,
        exchange: Exchange,
        clock: Callable[[], datetime],
        compare_seconds: float,
        pause: float = 1,
        chance: random.Random | None = None,
    ) -> None:
        self.target = target
        self.problem: str | None = None
        self._name = target.name
        self._outbox = outbox
        self._notes = notes
        self._leases = leases
        self._planner = planner
        self._client = client
        self._exchange = exchange
        self._clock = clock
        self._compare_seconds = compare_seconds
        self._pause = pause
        self._chance = chance or random.Random()  # noqa: S311 - of delays
        self._held = Held(target.name, leases.holder)
        self._held_until = 0.0  # of the monotonic clock
        self._next_beat = 0.0
        self._next_comparison = 0.0
        self._compared: str | None = None  # where a comparison goes on
        self._forced = False  # in the present comparison
        self._is_targets = False  # whether the problem is one of the target
        self._failures = 0  # of the target, in a row
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(
            target=self._run, name=f"imaging-selection-{target.name}", daemon=True
        )

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """End the present request, and the thread; another node may go on at once."""
        self._stopping.set()
        self._wake.set()
        self._exchange.stop()
        if self._thread.is_alive():
            self._thread.join(timeout=30)
        with suppress(ImagingSelectionError):
            self._leases.end(self._name)
        self._exchange.close()

    def wake(self) -> None:
        """Look at once at the settings, and at what is due."""
        self._next_beat = 0.0
        self._wake.set()

    @property
    def is_sending(self) -> bool:
        """Whether this node has the lease."""
        return time.monotonic() < self._held_until

    def beat(self) -> None:
        """Renew the lease during a long request, and limit the request's time."""
        self._exchange.check_time()
        if self.is_sending:
            self._take()

    def _take(self) -> bool:
        """Take or renew the lease."""
        with self._lock:
            began = time.monotonic()
            is_taken = self._leases.take(self._name, LEASE_SECONDS)
            self._held_until = began + LEASE_SECONDS if is_taken else 0.0
            return is_taken

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._wake.clear()
            try:
                wait = self._step()
            except TargetError as error:
                wait = self._delay_of(error)
            except Exception as error:  # noqa: BLE001 - the thread must not end
                # Its text may have patient data.
                self._begin_problem(f"cannot deliver ({type(error).__name__})")
                self._is_targets = False
                wait = jittered(self._pause, 4, MAXIMUM_PAUSE, self._chance)
            if wait:
                self._wake.wait(wait)

    def _step(self) -> float:
        """Do the next few deliveries; return the seconds until the next step."""
        if not self._is_mine():
            return self._pause
        is_comparing = self._compare()
        due = self._outbox.due(self._name, self._now(), AT_A_TIME)
        for each in due:
            if self._stopping.is_set() or not self.is_sending:
                return 0
            self._deliver(each)
        if not self._is_targets:
            self._end_problem()
        return 0 if due or is_comparing else self._pause

    def _is_mine(self) -> bool:
        """Return whether this node sends; see now and then what the settings are."""
        now = time.monotonic()
        if now < self._next_beat:
            return self.is_sending
        self._next_beat = now + BEAT_SECONDS
        was_mine = self.is_sending
        settings = self._leases.settings(self._name)
        if settings is None:
            self._leases.register(self._name)
        is_mine = self._take()
        is_forced = settings != self.target.digest
        if is_mine and (not was_mine or is_forced or now >= self._next_comparison):
            self._begin_comparison(is_forced=is_forced)
        return is_mine

    def _begin_comparison(self, *, is_forced: bool) -> None:
        self._next_comparison = time.monotonic() + self._compare_seconds
        if self._compared is None or is_forced > self._forced:
            self._compared = ""
            self._forced = is_forced

    def _compare(self) -> bool:
        """Compare some objects with the target's; return whether more are left."""
        if self._compared is None:
            return False
        self._compared = self._notes.compare(
            self._name, self._compared, COMPARED, self._now(), force=self._forced
        )
        if self._compared is None and self._forced:
            self._leases.save_settings(self._name, self.target.digest)
            self._forced = False
        return self._compared is not None

    def _deliver(self, delivery: Delivery) -> None:
        """Deliver an object, and save what became of it.

        Raises
        ------
        TargetError, StoreError, SourceError
            One does not answer.
        """
        try:
            settled = self._attempt(delivery)
        except TargetError as error:
            if not error.is_down and not self._stopping.is_set():
                # It may be due to this object.
                self._settle(delivery, self._later(delivery, str(error)))
            raise
        except (StoreError, SourceError):
            raise
        except Exception as error:  # noqa: BLE001 - one object holds up no other
            settled = self._failed(delivery, error)
        if settled is None:
            self._outbox.drop(self._held, delivery)
        else:
            self._settle(delivery, settled)

    def _failed(self, delivery: Delivery, error: Exception) -> Settled | None:
        """Return what becomes of an object that cannot be delivered at present."""
        if isinstance(error, NotYetError):
            seconds = SOON if error.is_soon else MAXIMUM_WAIT
            return self._later(delivery, str(error), seconds)
        is_own = isinstance(error, ImagingSelectionError)
        reason = str(error) if is_own else f"internal error ({type(error).__name__})"
        status = error.status if isinstance(error, TargetRefusedError) else 0
        log.warning(
            "not delivered to %s: %s (%d)", self._name, delivery.orthanc_id, status
        )
        if status not in _CONFLICTS:
            return Settled(REFUSED, reason=reason, attempts=delivery.attempts + 1)
        if delivery.is_related and delivery.attempts >= _MAXIMUM_CONFLICTS:
            return None
        return self._later(delivery, reason)

    def _attempt(self, delivery: Delivery) -> Settled | None:
        """Send an object; None if nothing of it is left anywhere."""
        plan = self._planner.plan(delivery)
        revision = plan.revisions[delivery.orthanc_id]
        names = [each.name for each in plan.puts[delivery.orthanc_id]]
        is_new = revision != delivery.revision or len(plan.puts) > 1
        if plan.entries and (is_new or plan.deletes):
            self._send(delivery, plan)
        if plan.is_gone and not self._outbox.is_in_ledger(delivery.orthanc_id):
            return None
        return Settled(DELIVERED, revision=revision, names=names)

    def _send(self, delivery: Delivery, plan: Plan) -> None:
        names = {
            owner: tuple(each.name for each in entries)
            for owner, entries in plan.puts.items()
        }
        if not self._outbox.intend(self._held, self._now(), names):
            self._held_until = 0.0
            raise NotYetError("another node sends to the target")
        if plan.deletes and not delivery.attempts:
            self._note_referring(delivery, [each.name for each in plan.deletes])
        self._client.transact(plan.entries)
        self._end_problem()
        for owner, entries in plan.puts.items():
            if owner != delivery.orthanc_id:
                self._settle_created(owner, [each.name for each in entries], plan)
        if not delivery.revision:
            self._note_referring(delivery, names[delivery.orthanc_id])

    def _note_referring(self, delivery: Delivery, names: Any) -> None:
        ids = [each.partition("/")[2] for each in names]
        self._notes.note_referring(self._name, delivery.orthanc_id, ids, self._now())

    def _settle_created(self, owner: str, names: list[str], plan: Plan) -> None:
        created = self._outbox.read(self._name, owner)
        if created is not None:
            revision = plan.revisions[owner]
            # Pending, because a change before there was a row has noted nothing.
            settled = Settled(PENDING, self._now(), revision=revision, names=names)
            self._settle(created, settled)

    def _settle(self, delivery: Delivery, settled: Settled) -> None:
        self._outbox.settle(self._held, delivery, settled, self._now())

    def _later(
        self, delivery: Delivery, reason: str, maximum: float = MAXIMUM_WAIT
    ) -> Settled:
        """Return that an object is tried again after a while."""
        seconds = self._pause + jittered(
            2 * self._pause, delivery.attempts, maximum, self._chance
        )
        due_at = instant(self._clock() + timedelta(seconds=seconds))
        return Settled(WAITING, due_at, reason, delivery.attempts + 1)

    def _delay_of(self, error: TargetError) -> float:
        """Return the seconds to leave a target alone that does not answer."""
        self._begin_problem(str(error))
        self._is_targets = True
        delay = jittered(self._pause, self._failures, MAXIMUM_PAUSE, self._chance)
        self._failures += 1
        return max(delay, self._pause / 10) + (error.retry_after or 0.0)

    def _begin_problem(self, problem: str) -> None:
        if self.problem != problem and not self._stopping.is_set():
            log.warning("delivery to %s: %s", self._name, problem)
        self.problem = problem

    def _end_problem(self) -> None:
        if self.problem is not None:
            log.warning("delivery to %s works again", self._name)
        self.problem = None
        self._failures = 0

    def _now(self) -> str:
        return instant(self._clock())
