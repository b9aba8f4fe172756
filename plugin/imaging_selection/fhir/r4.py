"""R5 resources as R4 (4.0.1): `to_r4`, for any resource of the plugin, or a Bundle.

By HL7's cross-version package hl7.fhir.uv.xver-r5.r4 0.1.0: what R4 has no element for
becomes an extension, and nothing is lost. The tables are in `cross_version`.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import orjson

from imaging_selection.fhir import canonicals
from imaging_selection.fhir.cross_version.differences import CHANGES
from imaging_selection.fhir.cross_version.extensions import extension_of
from imaging_selection.fhir.cross_version.imaging_selection import PROFILE, basic_of
from imaging_selection.fhir.datatypes import dumps
from imaging_selection.fhir.radiotherapy_volume import radiotherapy_volume

if TYPE_CHECKING:
    from imaging_selection.fhir.cross_version.imaging_selection import Form
    from imaging_selection.fhir.datatypes import Resource

__all__ = ["PROFILE", "R4_JSON", "R4_VERSION", "json_to_r4", "to_r4"]
__all__ += ["radiotherapy_volume"]

R4_JSON = "application/fhir+json; fhirVersion=4.0"
R4_VERSION = "4.0.1"

#: The profiles that the R5 resource claims; none of them is one of R4.
R5_PROFILE = f"{canonicals.OWN}/StructureDefinition/r5-profile"

_SELECTION = "ImagingSelection"
_IN_PATH = re.compile(rf"(^|/){_SELECTION}(?=[/?]|$)")
_COORDINATES = re.compile(rb'"coordinate":\[([^\]"]+)\]')
_COORDINATE = re.compile(rb'\{"url":"([^"]*)","valueDecimal":"#([0-9]+)"\}')


def to_r4(resource: Resource, form: Form = "Extensions") -> Resource:
    """Convert a resource of R5 to R4; the argument stays as it is.

    Parameters
    ----------
    resource
        A resource that the plugin makes, or a Bundle of them. Numbers may be of any
        type: they are passed on.
    form
        How a selection is written: see `cross_version.imaging_selection`.

    Raises
    ------
    MappingError
        It has an element for which R4 has no place.

    Examples
    --------
    >>> to_r4({"resourceType": "Patient", "id": "a"})
    {'resourceType': 'Patient', 'id': 'a'}
    """
    copied: Resource = _copied(resource)
    return _converted(copied, form)


def json_to_r4(body: bytes, form: Form = "Extensions") -> bytes:
    """Convert the JSON of a resource; every number keeps its digits.

    Coordinates are not parsed: there may be millions of them.
    """
    lists: list[bytes] = []

    def keep(found: re.Match[bytes]) -> bytes:
        lists.append(found[1])
        return b'"coordinate":["#%d"]' % (len(lists) - 1)

    def restore(found: re.Match[bytes]) -> bytes:
        before = b'{"url":"%s","valueDecimal":' % found[1]
        numbers = lists[int(found[2])].replace(b",", b"}," + before)
        return before + numbers + b"}"

    # Inside a JSON string, a quotation mark has a backslash before it: no text of a
    # resource can look like these lists.
    text = _COORDINATES.sub(keep, body)
    digits = orjson.Fragment
    resource = json.loads(text, parse_float=digits, parse_int=digits)
    return _COORDINATE.sub(restore, dumps(to_r4(resource, form)))


def _copied(value: Any) -> Any:
    """Return a deep copy, with references to selections as R4 has them."""
    if isinstance(value, list):
        return [_copied(each) for each in value]
    if not isinstance(value, dict):
        return value
    copied = {key: _copied(each) for key, each in value.items()}
    if isinstance(copied.get("reference"), str):
        copied["reference"] = _IN_PATH.sub(r"\1Basic", copied["reference"])
    if copied.get("type") == _SELECTION:
        copied["type"] = "Basic"
    if "resourceReference" in copied:  # of a RelatedArtifact
        reference = copied.pop("resourceReference")
        path = "RelatedArtifact.resourceReference"
        own = copied.get("extension", [])
        copied["extension"] = [*own, extension_of(path, "Reference", reference)]
    return copied


def _converted(resource: Resource, form: Form) -> Resource:
    kind = resource["resourceType"]
    if kind == "Bundle":
        return _bundle(resource, form)
    if "contained" in resource:
        contained = [_converted(each, form) for each in resource["contained"]]
        resource["contained"] = contained
    _set_profiles_aside(resource)
    if kind == _SELECTION:
        return basic_of(resource, form)
    if kind in CHANGES:
        CHANGES[kind](resource)
    return resource


def _set_profiles_aside(resource: Resource) -> None:
    profiles = resource.get("meta", {}).pop("profile", [])
    if not profiles:
        return
    if not resource["meta"]:
        del resource["meta"]
    claims = [{"url": R5_PROFILE, "valueCanonical": each} for each in profiles]
    resource["extension"] = [*claims, *resource.get("extension", [])]


def _bundle(bundle: Resource, form: Form) -> Resource:
    for link in bundle.get("link", []):
        link["url"] = _in_url(link["url"])
    for entry in bundle.get("entry", []):
        if "fullUrl" in entry:
            entry["fullUrl"] = _in_url(entry["fullUrl"])
        if "resource" in entry:
            entry["resource"] = _converted(entry["resource"], form)
    return bundle


def _in_url(url: str) -> str:
    path, mark, query = url.partition("?")
    return _IN_PATH.sub(r"\1Basic", path) + mark + query
