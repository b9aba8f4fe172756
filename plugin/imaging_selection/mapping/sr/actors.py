"""Who made a measurement, and with what: `performer` and `device` of an Observation.

R5 has one device: the algorithm, else the observing device, else the equipment that
wrote the report. The others are its parents.

DICOM PS3.3 2025a, C.17.2; the guide's profiles dicom-participant-person,
dicom-participant-device, algorithm-identification, dicom-general-equipment.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final

from imaging_selection.mapping.performer import PERFORMER, REVIEWER, Performers

if TYPE_CHECKING:
    from imaging_selection.dicom.sr.report import Report
    from imaging_selection.fhir.datatypes import Resource
    from imaging_selection.mapping.sr.context import Context

DATA_ABSENT: Final = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
#: In place of a mandatory value that the file does not have.
UNKNOWN: Final = {"extension": [{"url": DATA_ABSENT, "valueCode": "unknown"}]}


#: Observers that each Observation has; the selection of the report has all of them.
MAXIMUM_PEOPLE: Final = 20


def people_of(report: Report, context: Context) -> int:
    """Count the observers of an item."""
    return len(context.observers) + len(report.authors) + len(report.verifiers)


def actors_of(
    report: Report, context: Context, maximum: int = MAXIMUM_PEOPLE
) -> tuple[Resource, list[Resource]]:
    """Build the elements `performer` and `device`, and what they refer to.

    Parameters
    ----------
    maximum
        Of verifiers, and of observers and authors.
    """
    observers = [*context.observers, *report.authors][:maximum]
    people = Performers()
    people.add("verifier", REVIEWER, dict.fromkeys(report.verifiers[:maximum]))
    verified = {each.name for each in report.verifiers}
    people.add(
        "observer",
        PERFORMER,
        [
            each
            for each in dict.fromkeys(observers)
            if not each.is_device and (each.name is None or each.name not in verified)
        ],
    )
    devices = Performers()
    devices.add_equipment(report.equipment)
    if context.algorithm is not None:
        devices.add_algorithms([context.algorithm])
    if len(devices.contained) < 2:  # noqa: PLR2004 - the parent of an algorithm is one
        seen = [each for each in dict.fromkeys(observers) if each.is_device]
        devices.add("device", PERFORMER, seen[:1])
    chain = devices.contained
    for parent, device in pairwise(chain):
        device["parent"] = {"reference": f"#{parent['id']}", "type": "Device"}
    elements = {
        "performer": [each["actor"] for each in people.performers],
        "device": {"reference": f"#{chain[-1]['id']}", "type": "Device"}
        if chain
        else UNKNOWN,
    }
    return elements, [*people.contained, *chain]
