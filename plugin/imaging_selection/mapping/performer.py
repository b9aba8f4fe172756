"""Who and what made a selection: performers, and the resources that describe them.

People and devices are contained in the selection: the file does not identify them well
enough for resources of their own, and two people may have the same name.

DICOM PS3.3 2025a, C.7.5.1, C.8.8.5, C.8.8.8, C.8.8.16; the guide's profiles
dicom-general-equipment, dicom-participant-device, dicom-participant-person,
algorithm-identification.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imaging_selection.dicom.entities import Equipment
from imaging_selection.fhir import canonicals
from imaging_selection.fhir import datatypes as fhir
from imaging_selection.mapping.person_name import human_name_of
from imaging_selection.mapping.terminology import coding_of, concept_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from imaging_selection.dicom.entities import Algorithm, Code, Participant
    from imaging_selection.dicom.rtstruct.structure_set import Roi
    from imaging_selection.fhir.datatypes import Resource

_PARTICIPATION = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
PERFORMER = fhir.coding(_PARTICIPATION, "PRF", "performer")
OPERATOR = fhir.coding(_PARTICIPATION, "SPRF", "secondary performer")
REVIEWER = fhir.coding(_PARTICIPATION, "VRF", "verifier")


class Performers:
    """The performers of one selection, and the contained resources that they refer to.

    A performer without any values is left out.
    """

    def __init__(self) -> None:
        self.performers: list[Resource] = []
        self.contained: list[Resource] = []

    def copy(self) -> Performers:
        """Return a copy, to which more can be added."""
        copied = Performers()
        copied.performers = [*self.performers]
        copied.contained = [*self.contained]
        return copied

    def add_equipment(self, equipment: Equipment) -> None:
        """Add the system that wrote the file."""
        self._add("equipment", _device(equipment, "dicom-general-equipment"))

    def add_algorithms(self, algorithms: Iterable[Algorithm]) -> None:
        """Add the algorithms; their parent is the equipment, if that is known."""
        parent = any(each["id"] == "equipment" for each in self.contained)
        for number, algorithm in enumerate(algorithms, 1):
            self._add(f"algorithm-{number}", _algorithm(algorithm, has_parent=parent))

    def add(self, role: str, function: Resource, people: Iterable[Participant]) -> None:
        """Add people or devices in a role, such as `operator`."""
        for number, participant in enumerate(people, 1):
            if participant.is_device:
                equipment = participant.equipment or Equipment()
                profile = "dicom-participant-device"
                actor = _device(equipment, profile, participant.name)
            else:
                actor = _practitioner(participant)
            duty = participant.organizational_role
            text = (duty.meaning or duty.value) if duty else None
            concept = fhir.concept(function, text=text)
            self._add(f"{role}-{number}", actor, concept)

    def _add(
        self, identity: str, actor: Resource, function: Resource | None = None
    ) -> None:
        if not actor:
            return
        kind = actor["resourceType"]
        self.contained.append({"resourceType": kind, "id": identity} | actor)
        performer = {"actor": {"reference": f"#{identity}", "type": kind}}
        self.performers.append(
            {"function": function, **performer} if function else performer
        )


def interpreters_of(roi: Roi) -> Iterator[Participant]:
    """Yield who interpreted a ROI, observation by observation (C.8.8.8)."""
    for observation in roi.observations:
        if observation.interpreter is not None:
            yield observation.interpreter
        yield from observation.interpreters


def _device(
    equipment: Equipment, profile: str, own_name: str | None = None
) -> Resource:
    """Build a Device; in the guide, its name is the model."""
    uid = equipment.device_uid
    elements = fhir.without_absent(
        {
            "identifier": [fhir.uid_identifier(uid)] if uid else [],
            "displayName": equipment.model_name or equipment.manufacturer or own_name,
            "manufacturer": equipment.manufacturer,
            "serialNumber": equipment.serial_number,
            "name": [
                {"value": each, "type": "user-friendly-name"}
                for each in (own_name, equipment.station_name)
                if each
            ],
            "modelNumber": equipment.model_name,
            "version": [{"value": each} for each in equipment.software_versions],
            "owner": {"display": equipment.institution_name},
        }
    )
    return _profiled("Device", profile, elements)


def _algorithm(algorithm: Algorithm, *, has_parent: bool) -> Resource:
    """Build the Device of an algorithm (PS3.3 10.16; algorithm-identification)."""
    kinds = [each for each in (algorithm.family, algorithm.name_code) if each]
    parameters = {
        "type": fhir.concept(text="Algorithm Parameters"),
        "valueString": algorithm.parameters,
    }
    elements = fhir.without_absent(
        {
            "displayName": algorithm.name,
            "manufacturer": algorithm.source,
            "type": [concept_of(kind) for kind in kinds],
            "version": [{"value": algorithm.version}] if algorithm.version else [],
            "property": [parameters] if algorithm.parameters else [],
        }
    )
    if elements and has_parent:
        elements["parent"] = {"reference": "#equipment", "type": "Device"}
    return _profiled("Device", "algorithm-identification", elements)


def _practitioner(person: Participant) -> Resource:
    identifiers = [_identifier_of(code) for code in person.identification]
    name = human_name_of_person(person)
    elements = fhir.without_absent(
        {"identifier": identifiers, "name": [name] if name else []}
    )
    return _profiled("Practitioner", "dicom-participant-person", elements)


def human_name_of_person(person: Participant) -> Resource:
    """Build the name of a person; empty where the file has none.

    A code that identifies a person has the name as its meaning (PS3.3 10.1).
    """
    meanings = (code.meaning for code in person.identification)
    return human_name_of(person.name or next(filter(None, meanings), ""))


def _identifier_of(code: Code) -> Resource:
    """Build the identifier of a person; a scheme without a URI becomes the assigner."""
    coding = coding_of(code)
    return fhir.without_absent(
        {
            "system": coding["system"] if coding else None,
            "value": code.value,
            "assigner": {"display": None if coding else code.designator},
        }
    )


def _profiled(kind: str, profile: str, elements: Resource) -> Resource:
    if not elements:
        return {}
    return {
        "resourceType": kind,
        "meta": {"profile": [f"{canonicals.GUIDE}/{profile}"]},
        **elements,
    }
