"""The search parameters of Observation (R5 Observation search parameters)."""

from __future__ import annotations

from imaging_selection.fhir.canonicals import OWN
from imaging_selection.search.parameter import (
    CLINICAL,
    ID,
    LAST_UPDATED,
    PROFILE,
    Element,
    Parameter,
)

_OBSERVATION = "http://hl7.org/fhir/SearchParameter/Observation-"
_OWN = f"{OWN}/SearchParameter/Observation-"

_REQUESTS = (
    *("CarePlan", "DeviceRequest", "ImmunizationRecommendation", "MedicationRequest"),
    *("NutritionOrder", "ServiceRequest"),
)
_SOURCES = (
    *("DocumentReference", "GenomicStudy", "ImagingSelection", "ImagingStudy"),
    *("MolecularSequence", "Observation", "QuestionnaireResponse"),
)
_EVENTS = (
    *("GenomicStudy", "ImagingStudy", "Immunization", "MedicationAdministration"),
    *("MedicationDispense", "MedicationStatement", "Procedure"),
)
_PERFORMERS = (
    *("CareTeam", "Organization", "Patient", "Practitioner", "PractitionerRole"),
    "RelatedPerson",
)
_SUBJECTS = (
    *("BiologicallyDerivedProduct", "Device", "Group", "Location", "Medication"),
    *("NutritionProduct", "Organization", "Patient", "Practitioner", "Procedure"),
    "Substance",
)


def _concept(
    name: str, path: str, documentation: str, definition: str = ""
) -> Parameter:
    definition = definition or _OBSERVATION + name
    return Parameter(name, Element.CONCEPT, path, documentation, definition)


def _reference(
    name: str, path: str, documentation: str, *targets: str, definition: str = ""
) -> Parameter:
    definition = definition or _OBSERVATION + name
    element = Element.REFERENCE
    return Parameter(name, element, path, documentation, definition, targets=targets)


OBSERVATION_PARAMETERS: dict[str, Parameter] = {
    parameter.name: parameter
    for parameter in (
        ID,
        LAST_UPDATED,
        PROFILE,
        Parameter(
            "_tag",
            Element.CODING,
            "meta.tag",
            "A tag, such as a finding about the file",
            "http://hl7.org/fhir/SearchParameter/Resource-tag",
        ),
        _reference(
            "based-on",
            "basedOn",
            "The imaging request; known by Accession Number: based-on:identifier",
            *_REQUESTS,
        ),
        _concept(
            "body-site",
            "bodySite",
            "The finding site, where it is coded on the observation itself",
            _OWN + "body-site",
        ),
        _reference(
            "body-structure",
            "bodyStructure",
            "The BodyStructure; one that is contained: only :missing finds it",
            "BodyStructure",
            definition=_OWN + "body-structure",
        ),
        _concept("category", "category", "The category, such as imaging"),
        _concept("code", "code", "What was measured or judged", CLINICAL + "code"),
        _concept("combo-code", "code|component.code", "As code, of components too"),
        Parameter(
            "date",
            Element.PERIOD,
            "effectiveDateTime|effectivePeriod|effectiveInstant",
            "When it was observed: a time, or a period",
            CLINICAL + "date",
        ),
        _reference(
            "derived-from",
            "derivedFrom",
            "What it was observed on, such as the selection of a ROI",
            *_SOURCES,
        ),
        _reference(
            "device",
            "device",
            "The Device; one that is contained: only :missing finds it",
            *("Device", "DeviceMetric"),
        ),
        _reference(
            "has-member",
            "hasMember",
            "A member of a group of measurements",
            *("MolecularSequence", "Observation", "QuestionnaireResponse"),
        ),
        Parameter(
            "identifier",
            Element.IDENTIFIER,
            "identifier",
            "Tracking UID or Observation UID; urn:oid: may be left out",
            CLINICAL + "identifier",
        ),
        _concept("method", "method", "How it was measured"),
        _reference("part-of", "partOf", "The study that it belongs to", *_EVENTS),
        _reference(
            "patient",
            "subject",
            "The patient: Orthanc's patient id; by Patient ID: patient:identifier",
            "Patient",
            definition=CLINICAL + "patient",
        ),
        _reference(
            "performer",
            "performer",
            "Who observed it; one that is contained: only :missing finds it",
            *_PERFORMERS,
        ),
        Parameter(
            "status",
            Element.BOUND_CODE,
            "status",
            "Such as preliminary or final",
            _OBSERVATION + "status",
            system="http://hl7.org/fhir/observation-status",
        ),
        _reference("subject", "subject", "As patient", *_SUBJECTS),
        _concept("value-concept", "valueCodeableConcept", "A value that is coded"),
        Parameter(
            "value-quantity",
            Element.QUANTITY,
            "valueQuantity",
            "A number with its unit as written: no unit is converted",
            _OBSERVATION + "value-quantity",
        ),
    )
}
