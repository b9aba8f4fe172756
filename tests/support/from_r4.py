"""The way back from R4 to R5, which shares no code with the package.

It reads the extensions by their URLs, and knows of R5 only which elements are lists.
"""

import copy
import re

XVER = "http://hl7.org/fhir/5.0/StructureDefinition/extension-"
OWN = "https://orthanc-imaging-selection.github.io/fhir/StructureDefinition/"
DATATYPE = "http://hl7.org/fhir/StructureDefinition/_datatype"
ALTERNATE = "http://hl7.org/fhir/StructureDefinition/alternate-reference"
LISTS = {
    *("performer", "basedOn", "category", "derivedFrom", "endpoint", "focus"),
    *("instance", "subset", "imageRegion2D", "imageRegion3D", "coordinate"),
    *("includedStructure", "qualifier"),
}


def from_r4(resource):
    """Return the resource of R5 that a resource of R4 was made from."""
    return _read(_renamed(copy.deepcopy(resource)))


def _renamed(value):
    if isinstance(value, list):
        return [_renamed(each) for each in value]
    if not isinstance(value, dict):
        return value
    value = {key: _renamed(each) for key, each in value.items()}
    if isinstance(value.get("reference"), str):
        value["reference"] = re.sub(
            r"(^|/)Basic/", r"\1ImagingSelection/", value["reference"]
        )
    if value.get("type") == "Basic":
        value["type"] = "ImagingSelection"
    for found in _taken(value, f"{XVER}RelatedArtifact.resourceReference"):
        value["resourceReference"] = found["valueReference"]
    return value


def _taken(element, url, key="extension"):
    """Take the extensions of a URL out of an element."""
    every = element.get(key, [])
    found = [each for each in every if each["url"] == url]
    rest = [each for each in every if each["url"] != url]
    if found:
        element[key] = rest
        if not rest:
            del element[key]
    return found


def _read(resource):
    kind = resource["resourceType"]
    if "contained" in resource:
        resource["contained"] = [_read(each) for each in resource["contained"]]
    if kind == "Basic":
        resource = _selection(resource)
    elif kind in READERS:
        READERS[kind](resource)
    profiles = [each["valueCanonical"] for each in _taken(resource, f"{OWN}r5-profile")]
    if profiles:
        resource["meta"] = {"profile": profiles, **resource.get("meta", {})}
    return resource


def _selection(basic):
    path = f"{XVER}ImagingSelection"
    del basic["code"], basic["meta"]["profile"]
    if not basic["meta"]:
        del basic["meta"]
    basic["resourceType"] = "ImagingSelection"
    single = _taken(basic, path)
    if single:
        basic |= _parts(single[0]["extension"])
    else:
        ours = [
            each
            for key in ("modifierExtension", "extension")
            for each in [*basic.get(key, [])]
            if each["url"].startswith(path)
            for each in _taken(basic, each["url"], key)
        ]
        basic |= _parts(ours)
    return basic


def _parts(extensions):
    """Read extensions as elements; what is none of R5 stays an extension."""
    element = {}
    for each in extensions:
        url = each["url"]
        if url == DATATYPE:
            continue
        if ":" in url and not url.startswith(XVER):
            element.setdefault("extension", []).append(each)
            continue
        name = url.rpartition("/")[2].rpartition(".")[2]
        value, note = _value(each)
        if name in LISTS:
            element.setdefault(name, []).append(value)
            element.setdefault(f"_{name}", []).append(note)
        else:
            element |= {name: value, f"_{name}": note}
    return {
        key: value
        for key, value in element.items()
        if value is not None
        and (not key.startswith("_") or value != [None] * len(value))
    }


def _value(extension):
    if "extension" in extension:
        identity = {"id": extension["id"]} if "id" in extension else {}
        return identity | _parts(extension["extension"]), None
    names = [key.removeprefix("_") for key in extension if key != "url"]
    return extension.get(names[0]), extension.get(f"_{names[0]}")


def _body_structure(resource):
    for key in ("location", "locationQualifier"):
        resource.pop(key, None)
    found = _taken(resource, f"{XVER}BodyStructure.includedStructure")
    resource["includedStructure"] = [_parts(each["extension"]) for each in found]


def _device(resource):
    names = resource.pop("deviceName", [])
    shown = _taken(resource, f"{XVER}Device.displayName")
    if shown:
        resource["displayName"] = shown[0]["valueString"]
        assert names.pop(0) == {"name": resource["displayName"], "type": "other"}
    if names:
        resource["name"] = [
            {"value": each["name"], "type": each["type"]} for each in names
        ]
    kinds = [resource.pop("type")] if "type" in resource else []
    others = _taken(resource, f"{OWN}r5-device-type")
    kinds += [each["valueCodeableConcept"] for each in others]
    if kinds:
        resource["type"] = kinds
    for each in resource.get("property", []):
        for found in _taken(each, f"{XVER}Device.property.value"):
            each |= {key: value for key, value in found.items() if key != "url"}


def _observation(resource):
    for each in _taken(resource, f"{XVER}Observation.bodyStructure"):
        resource["bodyStructure"] = each["valueReference"]
    if "derivedFrom" in resource:
        resource["derivedFrom"] = [
            each["extension"][0]["valueReference"]
            if each.get("extension", [{}])[0].get("url") == ALTERNATE
            else each
            for each in resource["derivedFrom"]
        ]


def _concepts(coding, path):
    if coding is None:
        return None
    found = _taken(coding, XVER + path)
    return [each["valueCodeableConcept"] for each in found] or [{"coding": [coding]}]


def _imaging_study(resource):
    path = "ImagingStudy.modality"
    for key in ("modality",):
        if key in resource:
            resource[key] = [_concepts(each, path)[0] for each in resource[key]]
    for series in resource.get("series", []):
        [series["modality"]] = _concepts(
            series["modality"], "ImagingStudy.series.modality"
        )


def _endpoint(resource):
    path = "Endpoint.connectionType"
    resource["connectionType"] = _concepts(resource["connectionType"], path)
    assert resource.pop("payloadType")[0]["coding"][0]["code"] == "any"
    resource["payload"] = [{"mimeType": resource.pop("payloadMimeType")}]


READERS = {
    "BodyStructure": _body_structure,
    "Device": _device,
    "Endpoint": _endpoint,
    "ImagingStudy": _imaging_study,
    "Observation": _observation,
}
