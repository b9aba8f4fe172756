"""FHIR R5 building blocks: codings, bundles, outcomes, and the check of a resource.

A resource is always a `dict` in FHIR's own JSON shape. The R5 models of
`fhir.resources` check it, `orjson` writes it: the library's own output would rewrite
instants and decimals. We speak R5 (5.0.0); R6 moves `subset` and the regions elsewhere.

FHIR 5.0.0; HL7 "DICOM SR to FHIR Resource Mapping" 1.0.0.
"""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import orjson
from fhir.resources.imagingselection import ImagingSelection
from pydantic import ValidationError

from imaging_selection.errors import MappingError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

Resource = dict[str, Any]

FHIR_VERSION = "5.0.0"
FHIR_JSON = "application/fhir+json; fhirVersion=5.0"

GUIDE = "http://hl7.org/fhir/uv/dicom-sr/StructureDefinition"
REGION_IN_SPACE = f"{GUIDE}/region-in-space"

# Our own code systems, for tags. Served by the API under these canonical URLs.
OWN = "https://orthanc-imaging-selection.github.io/fhir"
LEVELS = f"{OWN}/CodeSystem/selection-level"
APPROVAL = f"{OWN}/CodeSystem/approval-status"
FINDINGS = f"{OWN}/CodeSystem/finding"

DICOM_UID = "urn:dicom:uid"
DCM = "http://dicom.nema.org/resources/ontology/DCM"
URI = "urn:ietf:rfc:3986"
V2_0203 = "http://terminology.hl7.org/CodeSystem/v2-0203"

_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_OID = re.compile(r"[0-2](\.(0|[1-9][0-9]*))+")
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:\S+")
_CODE = re.compile(r"\S+( \S+)*")
_XHTML_DIV = "{http://www.w3.org/1999/xhtml}div"

# R5 required bindings of what we emit: the models take any text for a code.
_REQUIRED: dict[str, frozenset[str]] = {
    "ImagingSelection.status": frozenset({"available", "entered-in-error", "unknown"}),
    "ImagingSelection.text.status": frozenset(
        {"generated", "extensions", "additional", "empty"}
    ),
    "ImagingSelection.instance.imageRegion3D.regionType": frozenset(
        {"point", "multipoint", "polyline", "polygon", "ellipse", "ellipsoid"}
    ),
}

# R5 reference targets of what we emit: the models take any reference.
_TARGETS: dict[str, frozenset[str]] = {
    "subject": frozenset({"Patient"}),
    "patient": frozenset({"Patient"}),
    "derivedFrom": frozenset({"ImagingStudy"}),
    "basedOn": frozenset({"ServiceRequest"}),
    "focus": frozenset({"ImagingSelection"}),
    "actor": frozenset({"Device", "Practitioner"}),
    "bodySite": frozenset({"BodyStructure"}),
    "parent": frozenset({"Device"}),
    "spatialReference": frozenset({"ImagingSelection"}),
}


def dumps(resource: Any) -> bytes:
    """Write a resource as compact UTF-8 JSON."""
    return orjson.dumps(resource)


def is_code(text: str) -> bool:
    """Tell whether a text fits the datatype code: no blanks but single inner ones."""
    return _CODE.fullmatch(text) is not None


def coding(
    system: str | None, code: str | None, display: str | None = None
) -> Resource:
    """Build a Coding; absent parts are left out."""
    parts = {"system": system, "code": code, "display": display}
    return {key: value for key, value in parts.items() if value}


def concept(*codings: Resource, text: str | None = None) -> Resource:
    """Build a CodeableConcept; absent parts are left out."""
    built: Resource = {"coding": list(codings)} if codings else {}
    if text:
        built["text"] = text
    return built


def without_absent(elements: Resource) -> Resource:
    """Leave out what is None or empty, at any depth: FHIR JSON has no empty element."""
    kept = {
        key: without_absent(value) if isinstance(value, dict) else value
        for key, value in elements.items()
    }
    return {key: value for key, value in kept.items() if value not in _ABSENT}


_ABSENT: tuple[object, ...] = (None, "", [], {})


def urn_oid(uid: str) -> str:
    """Spell a DICOM UID as a URI, the form that `Identifier.value` takes."""
    return f"urn:oid:{uid}"


def identifier_system(issuer: str | None) -> str | None:
    """Spell an issuer's Universal Entity ID, an OID or a URI, as an identifier system.

    None where it is neither.
    """
    if issuer and _OID.fullmatch(issuer):
        return urn_oid(issuer)
    return issuer if issuer and _URI.fullmatch(issuer) else None


def uid_identifier(uid: str, kind: Resource | None = None) -> Resource:
    """Build the Identifier of a DICOM UID (R5 ImagingSelection.identifier)."""
    identifier: Resource = {"system": DICOM_UID, "value": urn_oid(uid)}
    return {"type": kind, **identifier} if kind else identifier


def instant(moment: datetime) -> str:
    """Spell an aware time as a FHIR instant, to the millisecond, in UTC."""
    text = moment.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def operation_outcome(
    issue_type: str,
    diagnostics: str,
    *,
    severity: str = "error",
    expression: str | None = None,
) -> Resource:
    """Build an OperationOutcome with one issue (R5 OperationOutcome)."""
    issue: Resource = {
        "severity": severity,
        "code": issue_type,
        "diagnostics": diagnostics,
    }
    if expression:
        issue["expression"] = [expression]
    return {"resourceType": "OperationOutcome", "issue": [issue]}


def searchset_bundle(
    entries: Iterable[tuple[str, Resource]],
    *,
    self_link: str,
    next_link: str | None = None,
    total: int | None = None,
) -> Resource:
    """Build a searchset Bundle (R5 http.html, search.html).

    Parameters
    ----------
    entries
        (full URL, resource) of each match, in order.
    self_link
        The search as it was really applied; R5 demands it (bdl-18).
    """
    links = [{"relation": "self", "url": self_link}]
    if next_link:
        links.append({"relation": "next", "url": next_link})
    bundle: Resource = {"resourceType": "Bundle", "type": "searchset"}
    if total is not None:
        bundle["total"] = total
    bundle["link"] = links
    entry = [
        {"fullUrl": url, "resource": resource, "search": {"mode": "match"}}
        for url, resource in entries
    ]
    if entry:  # an empty array is no FHIR JSON
        bundle["entry"] = entry
    return bundle


def collection_bundle(resources: Iterable[Resource]) -> Resource:
    """Build a collection Bundle, for resources that no server serves.

    R5 bdl-15 wants a `fullUrl` in each entry: a UUID made of type and id, so that the
    same resource always has the same one.
    """
    entry = [
        {"fullUrl": _urn_uuid(resource), "resource": resource} for resource in resources
    ]
    bundle: Resource = {"resourceType": "Bundle", "type": "collection"}
    return {**bundle, "entry": entry} if entry else bundle


def _urn_uuid(resource: Resource) -> str:
    name = f"{resource['resourceType']}/{resource['id']}"
    return uuid.uuid5(uuid.NAMESPACE_URL, name).urn


class Checker:
    """Checks resources against the R5 model, and for what the models let pass.

    An element that several resources share is checked once: one checker serves the
    selections of one structure set, and half of what they say is the same.
    """

    def __init__(self) -> None:
        # By path and content of an element: its R5 model, and our own notes of it.
        self._models: dict[bytes, Any] = {}
        self._notes: dict[bytes, _Notes] = {}

    def check(self, resource: Resource) -> None:
        """Check an ImagingSelection, with its contained resources.

        Raises
        ------
        MappingError
            It names the element at fault and the rule, never the value.
        """
        kind = resource["resourceType"]
        parts = {key: self._known(f"{kind}.{key}", resource[key]) for key in resource}
        try:
            model = ImagingSelection.model_validate(parts)
        except ValidationError as error:
            problems = {
                f"{'.'.join(map(str, each['loc']))}: {each['type']}"
                for each in error.errors(include_input=False, include_url=False)
            }
            # Not chained: pydantic's own text repeats the values it was given.
            raise MappingError("; ".join(sorted(problems))) from None
        for key, value in resource.items():
            self._remember(f"{kind}.{key}", value, _part(model, key))
        if problems := {*self._problems(resource)}:
            raise MappingError("; ".join(sorted(problems)))

    def _known(self, path: str, value: Any) -> Any:
        """Put models in the place of the elements that were checked before."""
        if isinstance(value, dict):
            model = self._models.get(_key_of(path, value))
            return model or {
                key: self._known(f"{path}.{key}", value[key]) for key in value
            }
        if isinstance(value, list) and path not in _NUMBERS:
            return [self._known(path, each) for each in value]
        return value

    def _remember(self, path: str, value: Any, model: Any) -> None:
        if isinstance(value, list) and path not in _NUMBERS:
            for each, its_model in zip(value, model, strict=True):
                self._remember(path, each, its_model)
        elif isinstance(value, dict):
            key = _key_of(path, value)
            if key not in self._models:
                self._models[key] = model
                for name, part in value.items():
                    self._remember(f"{path}.{name}", part, _part(model, name))

    def _problems(self, resource: Resource) -> Iterator[str]:
        contained = {each["id"]: each for each in resource.get("contained", ())}
        notes = self._note(resource["resourceType"], resource)
        yield from notes.problems
        for path, target in notes.references:
            yield from _reference_problems(path, target, contained)
        used = {target.removeprefix("#") for _, target in notes.references}
        for unused in contained.keys() - used:  # dom-3
            yield f"contained: {contained[unused]['resourceType']} is not referred to"
        if len(contained) < len(resource.get("contained", ())):
            yield "contained: two resources with one id"
        for instance in resource.get("instance", ()):
            yield from _text_problems("ImagingSelection.instance.uid", instance["uid"])

    def _note(self, path: str, value: Any) -> _Notes:
        if isinstance(value, str):
            return _Notes(tuple(_text_problems(path, value)))
        if isinstance(value, dict) and value:
            key = _key_of(path, value)
            if key not in self._notes:
                self._notes[key] = self._note_parts(path, value)
            return self._notes[key]
        if isinstance(value, list) and value:
            if path not in _NUMBERS:
                return _joined(self._note(path, each) for each in value)
            odd = len(value) % 3
            return _Notes((f"{path}: not a multiple of 3 numbers",) if odd else ())
        return _Notes((f"{path}: empty",) if value in _ABSENT else ())

    def _note_parts(self, path: str, value: Resource) -> _Notes:
        notes = _joined(self._note(f"{path}.{key}", value[key]) for key in value)
        target = value.get("reference")
        if not isinstance(target, str):
            return notes
        return _Notes(notes.problems, (*notes.references, (path, target)))


# Coordinates: numbers, thousands of them, of which only the count is looked at.
_NUMBERS = frozenset({"ImagingSelection.instance.imageRegion3D.coordinate"})


@dataclass(frozen=True, slots=True)
class _Notes:
    """What is wrong within an element, and the references that it makes, by path."""

    problems: tuple[str, ...] = ()
    references: tuple[tuple[str, str], ...] = ()


def _joined(parts: Iterable[_Notes]) -> _Notes:
    all_parts = tuple(parts)
    return _Notes(
        tuple(problem for part in all_parts for problem in part.problems),
        tuple(reference for part in all_parts for reference in part.references),
    )


def _part(model: Any, key: str) -> Any:
    """Get an element of a model; `_code`, of the primitive `code`, has another name."""
    return getattr(model, f"{key[1:]}__ext" if key.startswith("_") else key, None)


def _key_of(path: str, element: Resource) -> bytes:
    """Name an element by path and content.

    Images differ in their UID alone, which is checked apart: one stands for all.
    """
    if path == "ImagingSelection.instance":
        element = {**element, "uid": "1.2"}
    return path.encode() + orjson.dumps(element)


def _text_problems(path: str, value: str) -> Iterator[str]:
    element = path.rpartition(".")[2]
    if element in _IDS and not _ID.fullmatch(value):
        yield f"{path}: not 1 to 64 letters, digits, '-' or '.'"
    if value != value.strip():
        yield f"{path}: blanks around the text"
    if element == "div":
        yield from _narrative_problems(path, value)
    if value not in _REQUIRED.get(path, (value,)):
        yield f"{path}: not a code of the required binding"


_IDS = frozenset({"id", "studyUid", "seriesUid", "frameOfReferenceUid", "uid"})


def _narrative_problems(path: str, div: str) -> Iterator[str]:
    try:
        root = ET.fromstring(div)  # noqa: S314 - our own text; expat expands no bombs
    except ET.ParseError:
        yield f"{path}: not well-formed XHTML"
        return
    if root.tag != _XHTML_DIV or not "".join(root.itertext()).strip():
        yield f"{path}: not an XHTML div with text"  # txt-1, txt-2


def _reference_problems(
    path: str, target: str, contained: dict[str, Resource]
) -> Iterator[str]:
    element = path.rpartition(".")[2]
    if element == "reference":  # the Reference inside a CodeableReference
        element = path.split(".")[-2]
    if target == "#":
        kind = "ImagingSelection"
    elif target.startswith("#"):
        kind = contained.get(target[1:], {}).get("resourceType", "")
    else:
        kind = target.split("/")[-2] if "/" in target else ""
    targets = _TARGETS.get(element, frozenset())
    if kind not in targets:
        yield f"{path}: no reference to {' or '.join(sorted(targets)) or 'anything'}"
