"""FHIR R5 building blocks: codings, identifiers, bundles, outcomes.

A resource is always a `dict` in FHIR's own JSON shape. `checks` holds it to the R5
models, `orjson` writes it: the models' own output would rewrite instants and decimals.
We speak R5 (5.0.0); R6 moves `subset` and the regions elsewhere.

FHIR 5.0.0; HL7 "DICOM SR to FHIR Resource Mapping" 1.0.0.
"""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING, Any

import orjson

from imaging_selection.fhir.canonicals import DICOM_UID

if TYPE_CHECKING:
    from collections.abc import Iterable

Resource = dict[str, Any]

FHIR_VERSION = "5.0.0"
FHIR_JSON = "application/fhir+json; fhirVersion=5.0"

_OID = re.compile(r"[0-2](\.(0|[1-9][0-9]*))+")
_URI = re.compile(r"(https?://|urn:)[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%\-]+")
_CODE = re.compile(r"\S+( \S+)*")


def dumps(resource: Any) -> bytes:
    """Write a resource as compact UTF-8 JSON."""
    return orjson.dumps(resource)


def is_code(text: str) -> bool:
    """Tell whether a text fits the datatype code: no blanks but single inner ones."""
    return _CODE.fullmatch(text) is not None


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
    return {key: value for key, value in kept.items() if value not in ABSENT}


ABSENT: tuple[object, ...] = (None, "", [], {})


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
