"""Reduce a resource by `_summary` and `_elements` (R5 search.html 3.2.1.7.3)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from imaging_selection.fhir.datatypes import dumps, loads

if TYPE_CHECKING:
    from imaging_selection.fhir.datatypes import Resource

_SUBSETTED = {
    "system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue",
    "code": "SUBSETTED",
    "display": "subsetted",
}
# Always present: what identifies it, and what R5 makes mandatory or modifying.
ALWAYS = ("resourceType", "id", "meta", "status", "code")
# Elements that have one of several types; JSON adds that type to the name.
_CHOICES = ("deceased", "effective", "instantiates", "multipleBirth", "value")
# Type -> its other elements that R5 marks as summary.
_SUMMARY_OF_SELECTION = (
    "identifier",
    "subject",
    "issued",
    "performer",
    "basedOn",
    "category",
    "studyUid",
    "derivedFrom",
    "endpoint",
    "seriesUid",
    "seriesNumber",
    "frameOfReferenceUid",
    "bodySite",
    "focus",
    "instance",
)
SUMMARY = {
    "ImagingSelection": _SUMMARY_OF_SELECTION,
    "Observation": (
        *("identifier", "instantiates", "basedOn", "partOf", "subject", "focus"),
        *("encounter", "effective", "issued", "performer", "value", "hasMember"),
        *("derivedFrom", "component"),
    ),
    "Patient": ("identifier", "name", "gender", "birthDate"),
    "ImagingStudy": (
        *("identifier", "modality", "started", "basedOn", "endpoint"),
        *("numberOfSeries", "numberOfInstances", "description", "series"),
    ),
}
_INSTANCE_SUMMARY = ("uid", "number")
_INNER_REFERENCE = re.compile(rb'"#([A-Za-z0-9.-]+)"')


# The elements that are mandatory in some types only.
MANDATORY = {"ImagingStudy": ("subject",)}


def reduce_resource(content: bytes, summary: str, elements: tuple[str, ...]) -> bytes:
    """Return the part of a resource that the client wants.

    Parameters
    ----------
    content
        Its JSON; each number keeps its digits.
    summary, elements
        Values of `_summary` and `_elements`; empty: absent.
    """
    if not elements and summary in {"", "false"}:
        return content
    resource = loads(content)
    always = (*ALWAYS, *MANDATORY.get(resource["resourceType"], ()))
    if elements:
        kept = _pick(resource, (*always, *elements))
    elif summary == "data":
        kept = {key: value for key, value in resource.items() if key != "text"}
    elif summary == "text":
        kept = _pick(resource, (*always, "text"))
    else:
        kept = _pick(resource, (*always, *SUMMARY[resource["resourceType"]]))
        instances = kept.get("instance", ())
        if instances:
            kept["instance"] = [_pick(each, _INSTANCE_SUMMARY) for each in instances]
    kept = _with_contained(kept, resource)
    meta = {**kept["meta"], "tag": [*kept["meta"].get("tag", ()), _SUBSETTED]}
    if summary != "data":
        meta.pop("profile", None)  # the part may not conform
    kept["meta"] = meta
    return dumps(kept)


def _pick(resource: Resource, names: tuple[str, ...]) -> Resource:
    chosen = tuple(each for each in _CHOICES if each in names)
    return {
        key: value
        for key, value in resource.items()
        if key in names or (chosen and key.startswith(chosen))
    }


def _with_contained(kept: Resource, resource: Resource) -> Resource:
    """Keep the contained resources that the kept part refers to, and no other."""
    named = {*_INNER_REFERENCE.findall(dumps({**kept, "contained": []}))}
    contained = [
        each for each in resource.get("contained", ()) if each["id"].encode() in named
    ]
    if not contained:
        return {key: value for key, value in kept.items() if key != "contained"}
    # In the order of R5, where contained resources come before the elements.
    head = ("resourceType", "id", "meta", "text")
    return {
        **_pick(kept, head),
        "contained": contained,
        **{key: value for key, value in kept.items() if key not in head},
    }
