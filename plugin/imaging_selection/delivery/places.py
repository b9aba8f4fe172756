"""Where the patient and the study of an object are at a target.

They are other resources there, which have the same identifier: system and value, both.
Nothing is guessed: of several, none is taken.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from imaging_selection.errors import NotYetError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from imaging_selection.delivery.fhir_client import FhirClient
    from imaging_selection.delivery.target import Target
    from imaging_selection.fhir.datatypes import Resource


class Place(NamedTuple):
    """Where a patient or study is at the target.

    Attributes
    ----------
    reference
        Type and id; None for a logical reference.
    is_own
        It is the one of the plugin, to be created if it is not there yet.
    is_there
        The target has it; or it could not be asked.
    """

    reference: str | None
    is_own: bool = False
    is_there: bool = False


class Places:
    """Finds patients and studies at one target."""

    def __init__(self, target: Target, client: FhirClient) -> None:
        self._target = target
        self._client = client

    def completed(self, identifier: Resource) -> Resource:
        """Return a patient's identifier with the system of the target's patients.

        Unless it has a system, or names who assigned it: that is somebody else.
        """
        system = self._target.patient_identifier_system
        if not system or not identifier or identifier.keys() & {"system", "assigner"}:
            return identifier
        return {**identifier, "system": system}

    def patient(self, reference: Resource) -> Place:
        """Return the place of a patient, by a reference as the plugin serves it.

        Raises
        ------
        NotYetError
            The target does not have the patient, or it is not certain which one it is.
        TargetRefusedError, TargetError
            As `FhirClient.search`.
        """
        identifier = self.completed(reference.get("identifier", {}))
        system, value = identifier.get("system"), identifier.get("value")
        if not value:
            raise NotYetError("there is no Patient ID, so the patient is not known")
        how = self._target.on_unknown_patient
        if not system and how == "wait":
            raise NotYetError(
                "the Patient ID has no system: set PatientIdentifierSystem"
            )
        found = self._found("Patient", str(system), value) if system else []
        own = reference["reference"]
        if len(found) > 1:
            raise NotYetError(
                f"the target has {len(found)} Patients of this identifier"
            )
        if found:
            place = f"Patient/{found[0]['id']}"
            is_own = place == own and how == "create"
            return Place(place, is_own=is_own, is_there=True)
        if how == "wait":
            raise NotYetError("the target has no Patient of this identifier")
        if how == "create":
            return Place(own, is_own=True, is_there=not system)
        return Place(None)

    def study(self, reference: Resource, subject: Resource, patient: Place) -> Place:
        """Return the place of a study of a patient.

        Parameters
        ----------
        subject
            The reference to the patient, as the plugin serves it.
        patient
            Where the patient is.

        Raises
        ------
        NotYetError
            It is not certain which study it is, or the target has it of another
            patient.
        TargetRefusedError, TargetError
            As `FhirClient.search`.
        """
        identifier = reference.get("identifier", {})
        system, value = identifier.get("system"), identifier.get("value")
        found = self._found("ImagingStudy", system, value) if system and value else []
        own = reference["reference"]
        same = [each for each in found if self._is_of(each, subject, patient)]
        if found and not same:
            raise NotYetError("the target has this ImagingStudy of another patient")
        if len(same) > 1:
            raise NotYetError(f"the target has {len(same)} ImagingStudies of this UID")
        creates = self._target.on_unknown_study == "create"
        if same:
            place = f"ImagingStudy/{same[0]['id']}"
            return Place(place, is_own=place == own and creates, is_there=True)
        return Place(own, is_own=True) if creates else Place(None)

    def _found(self, resource_type: str, system: str, value: str) -> list[Resource]:
        """Search by identifier; a server that ignored it would find anybody."""
        found = self._client.search(resource_type, system, value)
        exact = [each for each in found if _has_identifier(each, system, value)]
        if found and not exact:
            raise NotYetError(
                f"the target answers with a {resource_type} of another identifier"
            )
        return exact

    def _is_of(self, study: Resource, subject: Resource, patient: Place) -> bool:
        """Return whether a study of the target is of a patient."""
        said = study.get("subject")
        if not isinstance(said, dict):
            return False
        if patient.reference is not None and said.get("reference"):
            return self._relative(said["reference"]) == patient.reference
        identifier = said.get("identifier")
        wanted = self.completed(subject.get("identifier", {}))
        return (
            isinstance(identifier, dict)
            and bool(wanted.get("value"))
            and all(identifier.get(each) == wanted.get(each) for each in _KEYS)
        )

    def _relative(self, reference: Any) -> str:
        """Return a reference of the target relative to its base."""
        text = str(reference).partition("/_history/")[0]
        own = urlsplit(self._target.url)
        parts = urlsplit(text)
        if parts.netloc and parts.netloc != own.netloc:
            return text
        return parts.path.removeprefix(own.path).lstrip("/") if parts.netloc else text


_KEYS = ("system", "value")


def _has_identifier(resource: Mapping[str, Any], system: str, value: str) -> bool:
    identifiers = resource.get("identifier")
    if not isinstance(resource.get("id"), str) or not isinstance(identifiers, list):
        return False
    return any(
        isinstance(each, dict)
        and (each.get("system"), each.get("value")) == (system, value)
        for each in identifiers
    )
