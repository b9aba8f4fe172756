"""Search parameters: one table, from which parsing, indexing and capability follow.

`PARAMETERS` says what each is called, its type, and how its values are drawn from a
resource. `parse_query` turns the pairs of a request into a `Query`; `index_values`
turns a resource into the values that the store keeps. FHIR R5 search.html; R5
ImagingSelection search parameters.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from imaging_selection.errors import SearchError
from imaging_selection.fhir import DICOM_UID, Resource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

DEFAULT_PAGE_SIZE = 50


class ParameterType(StrEnum):
    """The search parameter types of R5 that we use."""

    TOKEN = "token"  # noqa: S105 - the type's name
    REFERENCE = "reference"


@dataclass(frozen=True, slots=True)
class Value:
    """One value: the system and code of a token, the type and id of a reference."""

    system: str
    code: str


@dataclass(frozen=True, slots=True)
class Parameter:
    """One search parameter of ImagingSelection.

    Attributes
    ----------
    definition
        Canonical URL of its SearchParameter.
    values
        Draws the parameter's values from a resource.
    target
        Of a reference: the type that a bare id means.
    """

    name: str
    type: ParameterType
    definition: str
    documentation: str
    values: Callable[[Resource], Iterable[Value]]
    target: str = ""


def _references(target: str, *references: Resource) -> Iterator[Value]:
    for reference in references:
        kind, _, identity = reference.get("reference", "").rpartition("/")
        if kind == target:
            yield Value(kind, identity)


def _identifiers(resource: Resource) -> Iterator[Value]:
    for identifier in resource.get("identifier", ()):
        yield Value(identifier.get("system", ""), identifier["value"])


_CORE = "http://hl7.org/fhir/SearchParameter/"

PARAMETERS: dict[str, Parameter] = {
    parameter.name: parameter
    for parameter in (
        Parameter(
            "_id",
            ParameterType.TOKEN,
            _CORE + "Resource-id",
            "The logical id of the selection",
            lambda resource: [Value("", resource["id"])],
        ),
        Parameter(
            "identifier",
            ParameterType.TOKEN,
            _CORE + "clinical-identifier",
            "SOP Instance UID or Conceptual Volume UID; urn:oid: may be left out",
            _identifiers,
        ),
        Parameter(
            "patient",
            ParameterType.REFERENCE,
            _CORE + "clinical-patient",
            "The patient: Orthanc's patient id",
            lambda resource: _references("Patient", resource.get("subject", {})),
            target="Patient",
        ),
        Parameter(
            "study-uid",
            ParameterType.TOKEN,
            _CORE + "ImagingSelection-study-uid",
            "Study Instance UID; urn:oid: may be written before it",
            lambda resource: [Value("", resource["studyUid"])],
        ),
    )
}


@dataclass(frozen=True, slots=True)
class Criterion:
    """One parameter of a search: it is met when any of the values is met.

    Attributes
    ----------
    values
        Alternatives; a system of None means "of any system".
    """

    parameter: str
    values: tuple[tuple[str | None, str], ...]


@dataclass(frozen=True, slots=True)
class Query:
    """A search as it will be applied.

    Attributes
    ----------
    criteria
        All must be met.
    count
        The most matches on a page; 0 asks for the total alone.
    after
        Where the page starts: the key of the last match of the page before.
    applied
        The pairs of the request that took effect, for the self link.
    """

    criteria: tuple[Criterion, ...] = ()
    count: int = DEFAULT_PAGE_SIZE
    after: int | None = None
    applied: tuple[tuple[str, str], ...] = ()


def index_values(resource: Resource) -> set[tuple[str, Value]]:
    """List every (parameter, value) under which a resource is to be found."""
    return {
        (name, value)
        for name, parameter in PARAMETERS.items()
        for value in parameter.values(resource)
    }


def parse_query(
    pairs: Iterable[tuple[str, str]], *, maximum: int, strict: bool = False
) -> Query:
    """Read the parameters of a search.

    Parameters
    ----------
    maximum
        The most matches that a page may hold; a larger `_count` is lowered to it.
    strict
        `Prefer: handling=strict`: an unknown parameter is an error, else it is ignored
        and the self link lacks it.

    Raises
    ------
    SearchError
        A value that cannot be read, or a modifier that is not supported.
    """
    criteria = []
    applied = []
    count, after = min(DEFAULT_PAGE_SIZE, maximum), None
    for name, value in pairs:
        if not value:
            continue  # R5 search.html: an empty parameter is ignored, no error
        if name == "_cursor":  # a place, not a condition: no part of the self link
            after = _parse_cursor(value)
            continue
        if name == "_count":
            count = min(_parse_count(value), maximum)
        elif name.partition(":")[0] in PARAMETERS:
            criteria.append(_parse_criterion(name, value))
        elif name not in {"_format", "_pretty"}:  # those two are the caller's concern
            if strict:
                raise SearchError(
                    f"the parameter {name} is not supported (GET metadata lists them)",
                    name,
                    "not-supported",
                )
            continue
        applied.append((name, value))
    return Query(tuple(criteria), count, after, tuple(applied))


def _parse_count(value: str) -> int:
    if not value.isdecimal() or len(value) > 9:  # noqa: PLR2004 - fits any integer
        raise SearchError("_count must be a whole number", "_count", "value")
    return int(value)


def cursor_of(key: int) -> str:
    """Spell the place after a match, for the next link."""
    return base64.urlsafe_b64encode(f"1:{key}".encode()).decode().rstrip("=")


def _parse_cursor(value: str) -> int:
    try:
        text = base64.urlsafe_b64decode(value + "=" * (-len(value) % 4)).decode()
        form, _, key = text.partition(":")
        if form == "1" and key.isdecimal() and len(key) < 19:  # noqa: PLR2004 - int64
            return int(key)
    except (binascii.Error, UnicodeError, ValueError):
        pass
    raise SearchError(
        "_cursor is not one of this server's: follow the next link", "_cursor", "value"
    )


def _parse_criterion(name: str, value: str) -> Criterion:
    base, _, modifier = name.partition(":")
    parameter = PARAMETERS[base]
    if modifier and modifier != parameter.target:
        raise SearchError(
            f"the modifier :{modifier} is not supported on {base}",
            name,
            "not-supported",
        )
    read = _token if parameter.type is ParameterType.TOKEN else _reference
    values = [read(parameter, name, each) for each in split(value, ",") if each]
    return Criterion(parameter.name, tuple(values))


def split(text: str, separator: str) -> list[str]:
    r"""Split at a separator that no backslash escapes, and unescape the parts.

    Examples
    --------
    >>> split(r"a\,b,c", ",")
    ['a\\,b', 'c']
    """
    parts, part, escaped = [], "", False
    for letter in text:
        if letter == separator and not escaped:
            parts.append(part)
            part = ""
            continue
        escaped = letter == "\\" and not escaped
        part += letter
    return [*parts, part]


def unescape(text: str) -> str:
    r"""Take the backslashes of `\,` `\|` `\$` `\\` away (R5 search.html 3.2.1.5.7)."""
    plain, escaped = "", False
    for letter in text:
        if escaped and letter not in ",|$\\":
            plain += "\\"
        escaped = letter == "\\" and not escaped
        plain += "" if escaped else letter
    return plain


def _token(parameter: Parameter, name: str, text: str) -> tuple[str | None, str]:
    system, *rest = map(unescape, split(text, "|"))
    if len(rest) > 1:
        raise SearchError(r"more than one | in a token (write \| for data)", name)
    code = rest[0] if rest else system
    if parameter.name == "study-uid":  # type id: bare, though clients write it as a URI
        return None, code.removeprefix("urn:oid:")
    if parameter.name == "identifier" and system in {DICOM_UID, code}:
        bare = code.removeprefix("urn:oid:")
        if bare.replace(".", "").isdecimal():
            code = f"urn:oid:{bare}"
    return (system if rest else None), code


def _reference(parameter: Parameter, name: str, text: str) -> tuple[str | None, str]:
    kind, _, identity = unescape(text).rpartition("/")
    kind = kind.rpartition("/")[2] or parameter.target
    if not identity:
        raise SearchError("a reference is an id, Type/id or a URL", name, "value")
    return kind, identity


def encode(pairs: Iterable[tuple[str, str]]) -> str:
    """Write pairs as the query of a URL."""
    return urlencode(list(pairs))
