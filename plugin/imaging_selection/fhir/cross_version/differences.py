"""What differs between R5 and R4 in the types that both have.

Only what the plugin makes: the element maps of the package hl7.fhir.uv.xver-r5.r4 0.1.0
have every other difference too. Each function changes a resource that is its own copy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from imaging_selection.fhir import canonicals
from imaging_selection.fhir import datatypes as fhir
from imaging_selection.fhir.cross_version.extensions import (
    extension_of,
    extensions_of,
    refuse_others,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from imaging_selection.fhir.cross_version.extensions import Kinds
    from imaging_selection.fhir.datatypes import Resource

ALTERNATE_REFERENCE = "http://hl7.org/fhir/StructureDefinition/alternate-reference"
DEVICE_TYPE = f"{canonicals.OWN}/StructureDefinition/r5-device-type"
_PAYLOAD_TYPE = "http://terminology.hl7.org/CodeSystem/endpoint-payload-type"

_INCLUDED: Kinds = {
    "structure": "CodeableConcept",
    "laterality": "CodeableConcept",
    "spatialReference": "Reference",
    "qualifier": "CodeableConcept",
}


def _body_structure(resource: Resource) -> None:
    """Write what is included as an extension; a single one is the location, too."""
    path = "BodyStructure.includedStructure"
    included = resource.pop("includedStructure", [])
    _extend(resource, [extension_of(path, _INCLUDED, each) for each in included])
    if len(included) == 1:
        [only] = included
        sides = [only["laterality"]] if "laterality" in only else []
        resource["location"] = only["structure"]
        if qualifiers := [*sides, *only.get("qualifier", [])]:
            resource["locationQualifier"] = qualifiers


def _device(resource: Resource) -> None:
    """Write names in R4's way; a device has one type there."""
    path = "Device"
    names = [_device_name(each) for each in resource.pop("name", [])]
    shown = resource.get("displayName")
    if shown is not None:
        # For readers who know no extension; `type` is none of R5's codes.
        names.insert(0, {"name": shown, "type": "other"})
    if names:
        resource["deviceName"] = names
    kinds = resource.pop("type", [])
    _extend(
        resource,
        [
            *extensions_of(resource, {"displayName": "String"}, path),
            *({"url": DEVICE_TYPE, "valueCodeableConcept": each} for each in kinds[1:]),
        ],
    )
    resource.pop("displayName", None)
    if kinds:
        resource["type"] = kinds[0]
    for each in resource.get("property", []):
        _device_property(each)


def _device_name(name: Resource) -> Resource:
    refuse_others(name, "Device.name", ("value", "type"))
    parts = {"value": "name", "_value": "_name"}
    return {parts.get(key, key): value for key, value in name.items()}


def _device_property(part: Resource) -> None:
    for name, target in (
        ("valueQuantity", "valueQuantity"),
        ("valueCodeableConcept", "valueCode"),
    ):
        if name in part:
            part[target] = [part.pop(name)]
    others = [name for name in part if name.startswith("value")]
    for name in others:
        if not isinstance(part[name], list):
            kind = name.removeprefix("value")
            value = part.pop(name)
            _extend(part, [extension_of("Device.property.value", kind, value)])


def _observation(resource: Resource) -> None:
    """Write what R4 does not refer to as HL7's extension of a reference."""
    kinds = {"bodyStructure": "Reference"}
    _extend(resource, extensions_of(resource, kinds, "Observation"))
    resource.pop("bodyStructure", None)
    if "derivedFrom" in resource:
        resource["derivedFrom"] = [_source(each) for each in resource["derivedFrom"]]


def _source(reference: Resource) -> Resource:
    is_selection = (
        reference.get("type") == "Basic"
        or reference.get("reference", "").rpartition("/")[0].rpartition("/")[2]
        == "Basic"
    )
    if not is_selection:
        return reference
    return {"extension": [{"url": ALTERNATE_REFERENCE, "valueReference": reference}]}


def _imaging_study(resource: Resource) -> None:
    path = "ImagingStudy"
    if "modality" in resource:
        modalities = resource["modality"]
        resource["modality"] = [_coding(f"{path}.modality", [m]) for m in modalities]
    for series in resource.get("series", []):
        if "modality" in series:
            modality = series["modality"]
            series["modality"] = _coding(f"{path}.series.modality", [modality])


def _endpoint(resource: Resource) -> None:
    """Write the first connection type; the others are extensions of it."""
    kinds = resource["connectionType"]
    resource["connectionType"] = _coding("Endpoint.connectionType", kinds)
    payloads = resource.pop("payload", [])
    types = [kind for each in payloads for kind in each.get("type", [])]
    # R4 demands one; in R5 its absence means any.
    any_type = fhir.concept(fhir.coding(_PAYLOAD_TYPE, "any", "Any"))
    resource["payloadType"] = types or [any_type]
    if media := [each for part in payloads for each in part.get("mimeType", [])]:
        resource["payloadMimeType"] = media


def _coding(path: str, concepts: list[Resource]) -> Resource:
    """Return the coding of concepts; what it does not say is in its extensions."""
    codings = concepts[0].get("coding", [])
    coding: Resource = dict(codings[0]) if codings else {}
    if concepts != [{"coding": [coding]}]:
        _extend(coding, [extension_of(path, "CodeableConcept", c) for c in concepts])
    return coding


def _extend(element: Resource, extensions: list[Any]) -> None:
    if extensions:
        element["extension"] = [*element.get("extension", []), *extensions]


#: Type -> changes a resource of it.
CHANGES: dict[str, Callable[[Resource], None]] = {
    "BodyStructure": _body_structure,
    "Device": _device,
    "Endpoint": _endpoint,
    "ImagingStudy": _imaging_study,
    "Observation": _observation,
}
