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
}
