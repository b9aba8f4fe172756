"""FHIR R5 building blocks: codings, bundles, outcomes, and the check of a resource.

A resource is always a `dict` in FHIR's own JSON shape. The R5 models of
`fhir.resources` check it, `orjson` writes it: the library's own output would rewrite
instants and decimals. We speak R5 (5.0.0); R6 moves `subset` and the regions elsewhere.

FHIR 5.0.0; HL7 "DICOM SR to FHIR Resource Mapping" 1.0.0.
"""

from __future__ import annotations

import re
import uuid
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
_XHTML_DIV = "{http://www.w3.org/1999/xhtml}div"

# R5 required bindings of what we emit: the models take any text for a code.
_REQUIRED: dict[str, frozenset[str]] = {
    "ImagingSelection.status": frozenset({"available", "entered-in-error", "unknown"}),
    "text.status": frozenset({"generated", "extensions", "additional", "empty"}),
    "imageRegion3D.regionType": frozenset(
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


_JSON_PARTS = re.compile(rb'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^"{}\[\],:]+')


def indented(body: bytes) -> bytes:
    """Indent compact JSON for people; every number keeps its digits.

    Examples
    --------
    >>> print(indented(b'{"a":[1.50],"b":[]}').decode())
    {
      "a": [
        1.50
      ],
      "b": []
    }
    """
    parts = _JSON_PARTS.findall(body)
    written: list[bytes] = []
    depth = 0
    for part, following in zip(parts, [*parts[1:], b""], strict=True):
        if part in b"}]":
            depth -= 1
            if written[-1] not in (b"{", b"["):
                written.append(_line(depth))
        written.append(b": " if part == b":" else part)
        depth += part in b"{["
        if part in b"{[," and following not in (b"}", b"]"):
            written.append(_line(depth))
    return b"".join(written)


def _line(depth: int) -> bytes:
    return b"\n" + b"  " * depth


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


def warning(issue_type: str, diagnostics: str) -> Resource:
    """Build an OperationOutcome that stands beside the matches of a search."""
    return operation_outcome(issue_type, diagnostics, severity="warning")


def searchset_bundle(  # noqa: PLR0913 - what R5 says of a searchset
    entries: Iterable[tuple[str, Resource]],
    *,
    self_link: str,
    next_link: str | None = None,
    total: int | None = None,
    included: Iterable[tuple[str, Resource]] = (),
    outcomes: Iterable[Resource] = (),
) -> Resource:
    """Build a searchset Bundle (R5 http.html, search.html).

    Parameters
    ----------
    entries
        (full URL, resource) of each match, in order.
    self_link
        The search as it was really applied; R5 demands it (bdl-18).
    included
        (full URL, resource) of what the matches refer to.
    outcomes
        OperationOutcomes about the search, none graver than a warning.
    """
    links = [{"relation": "self", "url": self_link}]
    if next_link:
        links.append({"relation": "next", "url": next_link})
    bundle: Resource = {"resourceType": "Bundle", "type": "searchset"}
    if total is not None:
        bundle["total"] = total
    bundle["link"] = links
    entry = [
        *(_entry("match", *each) for each in entries),
        *(_entry("include", *each) for each in included),
        *(_entry("outcome", _urn_of(each), each) for each in outcomes),
    ]
    if entry:  # an empty array is no FHIR JSON
        bundle["entry"] = entry
    return bundle


def _urn_of(resource: Resource) -> str:
    return uuid.uuid5(uuid.NAMESPACE_URL, dumps(resource).decode()).urn


def _entry(mode: str, url: str, resource: Resource) -> Resource:
    return {"fullUrl": url, "resource": resource, "search": {"mode": mode}}


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


def check(resource: Resource) -> None:
    """Check a resource against the R5 model, and for what the models let pass.

    Parameters
    ----------
    resource
        An ImagingSelection, with its contained resources.

    Raises
    ------
    MappingError
        It names the element at fault and the rule, never the value.
    """
    try:
        ImagingSelection.model_validate(resource)
    except ValidationError as error:
        problems = {
            f"{'.'.join(map(str, each['loc']))}: {each['type']}"
            for each in error.errors(include_input=False, include_url=False)
        }
        # Not chained: pydantic's own text repeats the values it was given.
        raise MappingError("; ".join(sorted(problems))) from None
    problems = set(_problems(resource))
    if problems:
        raise MappingError("; ".join(sorted(problems)))


def _problems(resource: Resource) -> Iterator[str]:
    contained = {each["id"]: each for each in resource.get("contained", ())}
    used = set()
    for path, value in _walk(resource, resource["resourceType"]):
        if isinstance(value, str):
            yield from _text_problems(path, value)
        elif not value:
            yield f"{path}: empty"
        elif path.endswith("imageRegion3D.coordinate") and len(value) % 3:
            yield f"{path}: not a multiple of 3 numbers"
        elif isinstance(value, dict) and isinstance(value.get("reference"), str):
            used.add(value["reference"].removeprefix("#"))
            yield from _reference_problems(path, value["reference"], contained)
    for unused in contained.keys() - used:  # dom-3
        yield f"contained: {contained[unused]['resourceType']} is not referred to"
    if len(contained) < len(resource.get("contained", ())):
        yield "contained: two resources with one id"


def _walk(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Every element below, with its path (indexes left out), parents first."""
    yield path, value
    if isinstance(value, dict):
        for key, child in value.items():
            if not isinstance(child, int | float):
                yield from _walk(child, f"{path}.{key}")
    elif isinstance(value, list):
        for child in value:
            if not isinstance(child, int | float):  # coordinates
                yield from _walk(child, path)


def _text_problems(path: str, value: str) -> Iterator[str]:
    element = path.rpartition(".")[2]
    if element in _IDS and not _ID.fullmatch(value):
        yield f"{path}: not 1 to 64 letters, digits, '-' or '.'"
    if value != value.strip():
        yield f"{path}: blanks around the text"
    if element == "div":
        yield from _narrative_problems(path, value)
    for suffix, codes in _REQUIRED.items():
        if path.endswith(suffix) and value not in codes:
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
