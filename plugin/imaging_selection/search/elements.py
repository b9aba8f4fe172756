"""The elements of each type in R5, for `_elements`."""

from __future__ import annotations

_DOMAIN_RESOURCE = (
    *("id", "meta", "implicitRules", "language", "text", "contained"),
    *("extension", "modifierExtension", "identifier", "status"),
)

ELEMENTS: dict[str, frozenset[str]] = {
    "ImagingSelection": frozenset(
        (
            *_DOMAIN_RESOURCE,
            *("subject", "issued", "performer", "basedOn", "category", "code"),
            *("studyUid", "derivedFrom", "endpoint", "seriesUid", "seriesNumber"),
            *("frameOfReferenceUid", "bodySite", "focus", "instance"),
        )
    ),
    "Observation": frozenset(
        (
            *_DOMAIN_RESOURCE,
            *("instantiates", "basedOn", "triggeredBy", "partOf", "category", "code"),
            *("subject", "focus", "encounter", "effective", "issued", "performer"),
            *("value", "dataAbsentReason", "interpretation", "note", "bodySite"),
            *("bodyStructure", "method", "specimen", "device", "referenceRange"),
            *("hasMember", "derivedFrom", "component"),
        )
    ),
    "Patient": frozenset(
        (
            *(each for each in _DOMAIN_RESOURCE if each != "status"),
            *("active", "name", "telecom", "gender", "birthDate", "deceased"),
            *("address", "maritalStatus", "multipleBirth", "photo", "contact"),
            *("communication", "generalPractitioner", "managingOrganization", "link"),
        )
    ),
    "ImagingStudy": frozenset(
        (
            *_DOMAIN_RESOURCE,
            *("modality", "subject", "encounter", "started", "basedOn", "partOf"),
            *("referrer", "endpoint", "numberOfSeries", "numberOfInstances"),
            *("procedure", "location", "reason", "note", "description", "series"),
        )
    ),
}
