"""What is to be sent so that a target has an object as the store has it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from imaging_selection.delivery.places import Place
from imaging_selection.delivery.references import (
    at,
    references_in,
    relocated,
    with_endpoint,
)
from imaging_selection.delivery.transaction import (
    Entry,
    entry_of,
    parsed,
    revision_of,
)
from imaging_selection.errors import NotYetError, UnusableError
from imaging_selection.fhir.datatypes import dumps
from imaging_selection.ids import instance_of
from imaging_selection.store.notes import PENDING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from imaging_selection.delivery.places import Places
    from imaging_selection.delivery.target import Target
    from imaging_selection.fhir.datatypes import Resource
    from imaging_selection.store.outbox import Delivery, Outbox
    from imaging_selection.store.outbox import Resource as Stored

PATIENT, STUDY = "Patient", "ImagingStudy"
_MAXIMUM_WAITS = 5  # for an object that another one refers to


@dataclass(slots=True)
class Plan:
    """What is to be sent.

    Attributes
    ----------
    puts
        By the id of the object; those of the object itself and, if they are to be
        created, of its patient and study.
    deletes
        What the target may have of the object, and the store has not.
    revisions
        Of each object in `puts`: as of `Delivery`.
    """

    puts: dict[str, list[Entry]] = field(default_factory=dict)
    deletes: list[Entry] = field(default_factory=list)
    revisions: dict[str, str] = field(default_factory=dict)

    @property
    def is_gone(self) -> bool:
        """Whether the store has nothing of the object."""
        return not next(iter(self.puts.values()))

    @property
    def entries(self) -> list[Entry]:
        """All entries; what others refer to first."""
        own, *others = self.puts.values()
        return [*(each for part in others for each in part), *own, *self.deletes]


class Planner:
    """Makes plans for one target.

    Parameters
    ----------
    dialect
        Makes of a resource those of the target.
    endpoint
        Returns the Endpoint of this Orthanc; None if its address is not known.
    exists
        Returns whether Orthanc has the patient, study or instance of an id, given the
        type of the resource that it becomes; None for an instance.
    """

    def __init__(  # noqa: PLR0913 - the composition root names each
        self,
        target: Target,
        outbox: Outbox,
        places: Places,
        *,
        dialect: Callable[[Resource], list[Resource]],
        endpoint: Callable[[], Resource | None],
        exists: Callable[[str | None, str], bool],
    ) -> None:
        self._target = target
        self._outbox = outbox
        self.places = places
        self._dialect = dialect
        self.endpoint = endpoint
        self._exists = exists

    def plan(self, delivery: Delivery) -> Plan:
        """Return what is to be sent of an object; no puts if it is gone.

        Raises
        ------
        NotYetError
            It cannot be delivered yet.
        UnusableError
            Its resources are of several patients.
        StoreError, SourceError, TargetError, TargetRefusedError
            One does not answer, or the target refuses the search for a patient.
        """
        stored = self._outbox.resources(delivery.orthanc_id)
        alive = [
            each
            for each in stored
            if each.content
            and (delivery.is_related or each.resource_type in self._target.types)
        ]
        if not alive:
            kinds = {each.resource_type for each in stored}
            self._check_gone(delivery, kinds)
        plan = Plan()
        resources = _Placed(self, plan, delivery, alive).resources()
        self._add(plan, delivery.orthanc_id, resources)
        wanted = {each.name for each in plan.puts[delivery.orthanc_id]}
        gone = sorted(delivery.names - wanted)
        plan.deletes = [Entry(each) for each in gone]
        return plan

    def _add(self, plan: Plan, owner: str, resources: Iterable[Resource]) -> None:
        entries = [
            entry_of(each) for resource in resources for each in self._dialect(resource)
        ]
        plan.puts[owner] = entries
        plan.revisions[owner] = revision_of(self._target.digest, entries)

    def _check_gone(self, delivery: Delivery, kinds: set[str]) -> None:
        """Raise if the store may have nothing only because it is made again."""
        orthanc_id = delivery.orthanc_id
        if kinds and delivery.is_related:  # marked as deleted: nothing refers to it
            return
        if self._outbox.is_in_ledger(orthanc_id):
            return  # converted to nothing that is delivered, or it failed
        if delivery.is_related:
            (kind,) = {each.split("/")[0] for each in delivery.names} or {PATIENT}
            exists = self._exists(kind, orthanc_id)
        else:
            exists = self._exists(None, orthanc_id)
        if exists:
            raise NotYetError("it is not converted yet", is_soon=True)

    def created(self, plan: Plan, place: Place, placed: _Placed) -> None:
        """Add a patient or study that is to be created to a plan."""
        reference = place.reference
        if not place.is_own or reference is None:
            return
        kind, owner = reference.split("/")
        known = self._outbox.read(self._target.name, owner)
        is_there = place.is_there and known is not None and bool(known.revision)
        if owner in plan.puts or is_there:
            return
        content = self._outbox.resource(kind, owner)
        if not content:
            raise NotYetError(f"the {kind} is not made yet", is_soon=True)
        plan.puts[owner] = []  # it is being added
        self._add(plan, owner, [placed.placed(parsed(content))])

    def has(self, reference: str, delivery: Delivery) -> bool:
        """Return whether a target has a resource of another object.

        Raises
        ------
        NotYetError
            It will have it soon.
        """
        kind, _, identity = reference.partition("/")
        if kind not in self._target.types or not self._outbox.resource(kind, identity):
            return False
        other = self._outbox.read(self._target.name, instance_of(identity))
        if other is None:
            return False
        waits = delivery.attempts < _MAXIMUM_WAITS
        if other.state == PENDING and other.reason is None and waits:
            raise NotYetError("it refers to an object that comes first", is_soon=True)
        ids = {each.partition("/")[2] for each in other.names}
        return bool(other.revision) and identity in ids


class _Placed:
    """The resources of one object, with the references that they have at the target."""

    def __init__(
        self, planner: Planner, plan: Plan, delivery: Delivery, alive: list[Stored]
    ) -> None:
        self._planner = planner
        self._plan = plan
        self._delivery = delivery
        self._alive = alive
        self._own = {f"{each.resource_type}/{each.id}" for each in alive}
        self._places: dict[str, Place] = {}
        self._identifiers: dict[str, Resource] = {}
        self._subject: Resource = {}
        plan.puts[delivery.orthanc_id] = []  # the object itself is the first

    def resources(self) -> Iterator[Resource]:
        """Yield them; what is to be created is added to the plan before the first.

        Each is parsed twice, because all together could fill the memory.
        """
        found: dict[bytes, Resource] = {}
        for one in self._alive:
            found |= {dumps(each): each for each in references_in(parsed(one.content))}
        every = [*found.values()]
        self._find_identifiers(every)
        self._find_patient([each for each in every if _kind(each) == PATIENT])
        for each in every:
            if _kind(each) == STUDY:
                self._find_study(each)
        for one in self._alive:
            yield self.placed(parsed(one.content))

    def _find_identifiers(self, references: list[Resource]) -> None:
        for each in references:
            identifier = each.get("identifier")
            if identifier and _kind(each) == PATIENT:
                identifier = self._planner.places.completed(identifier)
            if identifier:
                self._identifiers[each["reference"]] = identifier

    def _find_patient(self, references: list[Resource]) -> None:
        if not references:
            return
        subjects = {
            tuple(map(each["identifier"].get, ("system", "value")))
            for each in references
            if "identifier" in each
        }
        if len(subjects) > 1 or len({each["reference"] for each in references}) > 1:
            raise UnusableError("its resources are of several patients")
        # A reference of a contained resource may have no identifier.
        self._subject = max(references, key=len)
        self._find(
            self._planner.places.patient(self._subject), self._subject["reference"]
        )

    def _find_study(self, reference: Resource) -> None:
        name = reference["reference"]
        if name in self._places or name in self._own:
            return
        patient = self._places.get(self._subject.get("reference", ""))
        if patient is not None:
            place = self._planner.places.study(reference, self._subject, patient)
            self._find(place, name)

    def _find(self, place: Place, name: str) -> None:
        self._places[name] = place
        self._planner.created(self._plan, place, self)

    def placed(self, resource: Resource) -> Resource:
        """Return a resource as it is at the target."""
        changed: Resource = relocated(resource, self._reference)
        if resource["resourceType"] == PATIENT:
            completed = self._planner.places.completed
            identifiers = resource.get("identifier", [])
            changed["identifier"] = [completed(each) for each in identifiers]
        if "endpoint" not in resource:
            return changed
        return with_endpoint(changed, self._planner.endpoint())

    def _reference(self, reference: Resource) -> Resource:
        name = reference["reference"]
        if name in self._own or _kind(reference) == "Endpoint":
            return reference
        if _kind(reference) in {PATIENT, STUDY}:
            place = self._places.get(name, Place(None)).reference
            return at(self._completed(reference, is_logical=place is None), place)
        has = self._planner.has(name, self._delivery)
        return at(reference, name if has else None)

    def _completed(self, reference: Resource, *, is_logical: bool) -> Resource:
        """Return a reference to a patient or study with its identifier.

        A reference of a contained resource has none; as a logical one it needs it.
        """
        known = self._identifiers.get(reference["reference"])
        if not known or not (is_logical or "identifier" in reference):
            return reference
        return {**reference, "identifier": known}


def _kind(reference: Resource) -> str:
    return str(reference["reference"]).partition("/")[0]
