"""R5 elements as cross-version extensions (package hl7.fhir.uv.xver-r5.r4).

FHIR R5 versions.html, "Extensions for converting between versions".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, TypeAlias, Union

from imaging_selection.errors import MappingError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from imaging_selection.fhir.datatypes import Resource

_BASE = "http://hl7.org/fhir/5.0/StructureDefinition/extension-"
_DATATYPE = "http://hl7.org/fhir/StructureDefinition/_datatype"
_CODEABLE_REFERENCE = "CodeableReference"

#: What an element is: its type, as it stands in the name of `value[x]`; or its parts.
Kind: TypeAlias = Union[str, "Kinds"]
Kinds: TypeAlias = Mapping[str, Kind]
#: Returns the URL of an extension, by the path of its element.
UrlOf: TypeAlias = Callable[[str], str]

# Of every element. A modifier of an element inside an extension has no place in R4.
_OF_EVERY_ELEMENT = frozenset({"id", "extension"})
_CODEABLE_REFERENCE_PARTS: Kinds = {
    "concept": "CodeableConcept",
    "reference": "Reference",
}


def url_of(path: str) -> str:
    """Return the canonical URL of the extension of an element.

    Examples
    --------
    >>> url_of("ImagingSelection.focus")
    'http://hl7.org/fhir/5.0/StructureDefinition/extension-ImagingSelection.focus'
    """
    return _BASE + path


def name_of(path: str) -> str:
    """Return the name of an element: the URL of an extension inside another one."""
    return path.rpartition(".")[2]


def extensions_of(
    element: Resource,
    kinds: Kinds,
    path: str,
    outer: UrlOf = url_of,
    inner: UrlOf = name_of,
) -> list[Resource]:
    """Build the extensions of those parts of an element that a table has.

    Parameters
    ----------
    path
        The path of `element`, such as `ImagingSelection`.
    outer, inner
        How the URLs of these extensions are written, and of those inside them.

    Raises
    ------
    MappingError
        There is an element inside that the table does not have.
    """
    return [
        extension_of(f"{path}.{name}", kind, value, note, outer, inner)
        for name, kind in kinds.items()
        for value, note in _values(element, name)
    ]


def _values(element: Resource, name: str) -> Iterator[tuple[Any, Any]]:
    """Yield each value of a part, with the id and the extensions of a primitive."""
    value, note = element.get(name), element.get(f"_{name}")
    if isinstance(value, list) or isinstance(note, list):
        yield from zip_longest(value or [], note or [])
    elif value is not None or note is not None:
        yield value, note


def extension_of(  # noqa: PLR0913, PLR0917 - what an extension is made of
    path: str,
    kind: Kind,
    value: Any,
    note: Any = None,
    outer: UrlOf = url_of,
    inner: UrlOf = name_of,
) -> Resource:
    """Build the extension of one value of an element.

    Parameters
    ----------
    note
        The id and the extensions of a primitive (`_name` in JSON).
    """
    url = outer(path)
    if kind == _CODEABLE_REFERENCE:
        datatype = {"url": _DATATYPE, "valueString": _CODEABLE_REFERENCE}
        parts = _CODEABLE_REFERENCE_PARTS
        return _complex(url, value, [datatype], path, parts, name_of)
    if not isinstance(kind, str):
        return _complex(url, value, [], path, kind, inner)
    both = {f"value{kind}": value, f"_value{kind}": note}
    present = {name: each for name, each in both.items() if each is not None}
    return {"url": url, **present}


def _complex(  # noqa: PLR0913, PLR0917 - as above
    url: str,
    value: Resource,
    first: list[Resource],
    path: str,
    kinds: Kinds,
    inner: UrlOf,
) -> Resource:
    refuse_others(value, path, kinds)
    identity = {"id": value["id"]} if "id" in value else {}
    own = value.get("extension", [])
    nested = extensions_of(value, kinds, path, inner, inner)
    return {**identity, "url": url, "extension": [*first, *own, *nested]}


def refuse_others(element: Resource, path: str, known: Iterable[str]) -> None:
    """Refuse an element with parts that are not known: they would be lost.

    Raises
    ------
    MappingError
        Its text names the parts.
    """
    others = {name.removeprefix("_") for name in element} - {*known} - _OF_EVERY_ELEMENT
    if others:
        raise MappingError(f"{path}: not in FHIR R4: {', '.join(sorted(others))}")
