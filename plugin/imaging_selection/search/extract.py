"""A resource becomes index entries: every value under which a search may find it.

What each parameter looks at stands in `search.PARAMETERS`; here is how an element of
each kind becomes tokens, folded text, or a place in a sorted column. FHIR R5
search.html 3.2.1.5.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from imaging_selection.fhir.canonicals import DICOM_UID
from imaging_selection.search.normalize import (
    INSTANT,
    LONGEST,
    bare_uid,
    fold,
    interval_of,
    shorten,
    true_sop_class,
)
from imaging_selection.search.parameters import (
    PARAMETERS,
    Element,
    Parameter,
    ParameterType,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from imaging_selection.fhir.datatypes import Resource

# The name under which the index keeps what a resource has nothing of.
MISSING = ":missing"
# What stands in a sorted column in place of a date that is missing: before them all.
NO_DATE = -(2**62)
STATUSES = "http://hl7.org/fhir/imagingselection-status"  # implied by its binding


class Token(NamedTuple):
    """One value of a token or a reference: system and code, or type and id.

    A code of no characters stands for any code of the system.
    """

    parameter: str
    system: str
    code: str


@dataclass(frozen=True, slots=True)
class Indexed:
    """Everything under which a resource is to be found.

    Attributes
    ----------
    tokens
        Of tokens and references; under `MISSING`, the names of what it lacks.
    texts
        (parameter, folded text) for `:text`.
    columns
        Of text and dates: column to value.
    """

    tokens: frozenset[Token] = frozenset()
    texts: frozenset[tuple[str, str]] = frozenset()
    columns: dict[str, str | int] = field(default_factory=dict)


def index_of(resource: Resource) -> Indexed:
    """Draw every value of a selection that a search may ask for."""
    tokens: set[Token] = set()
    texts: set[tuple[str, str]] = set()
    columns: dict[str, str | int] = {}
    for name, parameter in PARAMETERS.items():
        elements = parameter.elements(resource)
        tokens.update(_tokens(parameter, elements))
        if parameter.column and name not in _OF_THE_STORE:
            columns |= columns_of(parameter, elements)
        texts.update((name, text) for text in _texts(parameter, elements))
    return Indexed(frozenset(tokens), frozenset(texts), columns)


# What the store alone knows, and what is therefore never missing.
_OF_THE_STORE = {"_lastUpdated"}


def tokens_of(
    resource: Resource, parameters: Mapping[str, Parameter]
) -> frozenset[Token]:
    """Draw every token and reference of a resource, and the names of what it lacks."""
    return frozenset(
        token
        for parameter in parameters.values()
        for token in _tokens(parameter, parameter.elements(resource))
    )


def columns_of(parameter: Parameter, elements: list[str]) -> dict[str, str | int]:
    """Give the columns of a text or a date, of which there is one at most."""
    column = parameter.column
    value = elements[0] if elements else ""
    if parameter.type is ParameterType.STRING:
        return {column: fold(value)[:LONGEST], f"{column}_exact": value}
    # An instant is a point in time (R5 search.html 3.2.1.5.9), whatever its digits.
    low, _ = interval_of(value) or (NO_DATE, NO_DATE)
    return {f"{column}_low": low, f"{column}_high": low + INSTANT}


def _tokens(parameter: Parameter, elements: list[Any]) -> Iterator[Token]:
    """Draw the tokens of a parameter from the elements that it looks at."""
    name = parameter.name
    if not elements and name not in _OF_THE_STORE:
        yield Token(MISSING, "", name)
    elif parameter.element is Element.REFERENCE:
        yield from _reference_tokens(parameter, elements)
    elif not parameter.column:
        draw = _TOKENS[parameter.element]
        yield from _with_systems(name, (pair for e in elements for pair in draw(e)))


def _reference_tokens(parameter: Parameter, elements: list[Any]) -> Iterator[Token]:
    name = parameter.name
    for element in elements:
        kind, _, identity = element.get("reference", "").rpartition("/")
        if kind in parameter.targets:
            yield Token(name, kind, shorten(identity))
        if "identifier" in element:
            tokens = _identifier_tokens(element["identifier"])
            yield from _with_systems(f"{name}:identifier", tokens)


def _with_systems(name: str, pairs: Iterable[tuple[str, str]]) -> Iterator[Token]:
    """Make tokens of system and code, and one of each system for any of its codes."""
    systems = set()
    for system, code in pairs:
        systems.add(system)
        yield Token(name, shorten(system), shorten(code))
    for system in systems - {""}:
        yield Token(name, shorten(system), "")


def _identifier_tokens(element: Resource) -> Iterator[tuple[str, str]]:
    if "value" in element:
        yield element.get("system", ""), bare_uid(element["value"])


def _coding_tokens(element: Resource) -> Iterator[tuple[str, str]]:
    if "code" in element:
        yield element.get("system", ""), element["code"]


def _sop_class_tokens(element: Resource) -> Iterator[tuple[str, str]]:
    alternates = element.get("_code", {}).get("extension", ())
    codings = (
        coding
        for extension in alternates
        for coding in extension["valueCodeableConcept"]["coding"]
    )
    for coding in (element, *codings):
        for system, code in _coding_tokens(coding):
            yield system, true_sop_class(code)


def _concept_tokens(element: Resource) -> Iterator[tuple[str, str]]:
    for coding in element.get("coding", ()):
        yield from _coding_tokens(coding)


_TOKENS: dict[Element, Callable[[Any], Iterable[tuple[str, str]]]] = {
    Element.CODE: lambda code: [("", code)],
    Element.STATUS: lambda code: [(STATUSES, code)],
    Element.UID: lambda uid: [(DICOM_UID, bare_uid(uid))],
    Element.CANONICAL: lambda url: [("", url)],
    Element.URI: lambda url: [("", url)],
    Element.CODING: _coding_tokens,
    Element.SOP_CLASS: _sop_class_tokens,
    Element.CONCEPT: _concept_tokens,
    Element.IDENTIFIER: _identifier_tokens,
}


def _texts(parameter: Parameter, elements: list[Any]) -> Iterator[str]:
    if parameter.has_text:
        for element in elements:
            for text in _TEXTS[parameter.element](element):
                yield fold(text)[:LONGEST]


def _coding_texts(element: Resource) -> Iterator[str]:
    if "display" in element:
        yield element["display"]


def _concept_texts(element: Resource) -> Iterator[str]:
    if "text" in element:
        yield element["text"]
    for coding in element.get("coding", ()):
        yield from _coding_texts(coding)


_TEXTS: dict[Element, Callable[[Any], Iterable[str]]] = {
    Element.CODING: _coding_texts,
    Element.SOP_CLASS: _coding_texts,
    Element.CONCEPT: _concept_texts,
    Element.IDENTIFIER: lambda identifier: _concept_texts(identifier.get("type", {})),
}
