"""FHIR R5 datatypes: codings, identifiers; and the JSON of a resource.

A resource is always a `dict` in the shape of FHIR's JSON. `checks` validates it with
the R5 models, and `orjson` serializes it: the models' own serialization would change
instants and decimals. This is R5 (5.0.0); R6 moves `subset` and the regions elsewhere.

FHIR 5.0.0; HL7 "DICOM SR to FHIR Resource Mapping" 1.0.0.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any

import orjson

from imaging_selection.fhir.canonicals import DICOM_UID

Resource = dict[str, Any]

FHIR_VERSION = "5.0.0"
FHIR_JSON = "application/fhir+json; fhirVersion=5.0"

_OID = re.compile(r"[0-2](\.(0|[1-9][0-9]*))+")
_NUMBERS = re.compile(r"[0-9]+(\.[0-9]+)*")
_URI = re.compile(r"(https?://|urn:)[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%\-]+")
_CODE = re.compile(r"\S+( \S+)*")


def dumps(resource: Any) -> bytes:
    """Return a resource as compact UTF-8 JSON; a Decimal keeps its digits.

    Examples
    --------
    >>> from decimal import Decimal
    >>> dumps({"value": Decimal("1.50")})
    b'{"value":1.50}'
    """
    return orjson.dumps(resource, default=_decimal)


def _decimal(value: Any) -> orjson.Fragment:
    if isinstance(value, Decimal):
        return orjson.Fragment(str(value))
    raise TypeError(type(value).__name__)


def is_code(text: str) -> bool:
    """Return whether a text is a FHIR code: no blanks except single ones inside."""
    return _CODE.fullmatch(text) is not None


def loads(body: bytes) -> Any:
    """Parse JSON that is to be written again: every number keeps its digits.

    A number is a fragment of JSON, which nothing can be compared with.

    Examples
    --------
    >>> dumps(loads(b'{"value":1.50,"other":[-0,1E+400]}'))
    b'{"value":1.50,"other":[-0,1E+400]}'
    """
    digits = orjson.Fragment  # a float would lose trailing zeros
    return json.loads(body, parse_float=digits, parse_int=digits)


def indent_json(body: bytes) -> bytes:
    """Indent JSON for people; every number keeps its digits.

    Examples
    --------
    >>> print(indent_json(b'{"a":[1.50],"b":[]}').decode())
    {
      "a": [
        1.50
      ],
      "b": []
    }
    """
    return orjson.dumps(loads(body), option=orjson.OPT_INDENT_2)


def coding(
    system: str | None, code: str | None, display: str | None = None
) -> Resource:
    """Build a Coding without the parts that are absent."""
    parts = {"system": system, "code": code, "display": display}
    return {key: value for key, value in parts.items() if value}


def concept(*codings: Resource, text: str | None = None) -> Resource:
    """Build a CodeableConcept without the parts that are absent."""
    built: Resource = {"coding": list(codings)} if codings else {}
    if text:
        built["text"] = text
    return built


def without_absent(elements: Resource) -> Resource:
    """Remove what is None or empty, in nested objects too, but not inside lists.

    FHIR JSON has no empty element.
    """
    kept = {
        key: without_absent(value) if isinstance(value, dict) else value
        for key, value in elements.items()
    }
    return {key: value for key, value in kept.items() if value not in ABSENT}


ABSENT: tuple[object, ...] = (None, "", [], {})


def urn_oid(uid: str) -> str:
    """Format a DICOM UID as a URI, the form of `Identifier.value`."""
    return f"urn:oid:{uid}"


def identifier_system(issuer: str | None) -> str | None:
    """Format an issuer's Universal Entity ID, an OID or a URI, as an identifier system.

    None if it is neither.
    """
    if issuer and _OID.fullmatch(issuer):
        return urn_oid(issuer)
    return issuer if issuer and _URI.fullmatch(issuer) else None


def is_oid_of_uid(uid: str) -> bool:
    """Return whether a DICOM UID can stand after `urn:oid:`: it is numbers and dots.

    Leading zeros do not matter: an OID is read number by number.
    """
    return _NUMBERS.fullmatch(uid) is not None


def uid_identifier(uid: str, kind: Resource | None = None) -> Resource:
    """Build the Identifier of a DICOM UID (R5 ImagingSelection.identifier).

    The value of an illegal UID, such as one with letters, is the UID alone: `urn:oid:`
    before it would be no URN (RFC 3061).
    """
    value = urn_oid(uid) if is_oid_of_uid(uid) else uid
    identifier: Resource = {"system": DICOM_UID, "value": value}
    return {"type": kind, **identifier} if kind else identifier
