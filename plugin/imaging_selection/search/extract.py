"""Extract the index entries of a resource: all values by which a search can find it.

`parameters` names the elements of each search parameter. Here an element of each
datatype becomes tokens, folded texts, or a value that is kept in order. FHIR R5
search.html 3.2.1.5.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC
from typing import TYPE_CHECKING, Any, NamedTuple

from imaging_selection.fhir.canonicals import DICOM_UID
from imaging_selection.fhir.datatypes import dumps
from imaging_selection.ids import instance_of
from imaging_selection.search.normalize import (
    bare_uid,
    fold_entry,
    interval_of,
    of_type,
    shorten,
    true_sop_class,
)
from imaging_selection.search.parameter import Element, Parameter, ParameterType
from imaging_selection.search.parameters import SORTABLE, TYPES
from imaging_selection.search.ranges import period_of, range_entries, texts_of_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from datetime import tzinfo

    from imaging_selection.fhir.datatypes import Resource

# The name in the index for the parameters of which a resource has no element.
MISSING = ":missing"
# The name in the index for what a selection has in focus, if another object became it:
# no search finds it, but who follows the references of others does.
FOCUS = ":focus"
# The index value of a missing date: it sorts before all dates.
NO_DATE = -(2**62)


class Token(NamedTuple):
    """One value of a token or a reference: system and code, or type and id.

    An empty code stands for any code of the system. A value that is kept in order is a
    token too: see `search.ranges`.
    """

    parameter: str
    system: str
    code: str


@dataclass(frozen=True, slots=True)
class Indexed:
    """The index entries of a resource.

    Attributes
    ----------
    tokens
        Of tokens, references and values in order; as `MISSING`, the parameters without
        an element.
    texts
        (parameter, folded text) for `:text`.
    ordered
        What has a column, by the parameter of `SORTABLE`: a text as written, or a date
        as microseconds since 1970.
    """

    tokens: frozenset[Token] = frozenset()
    texts: frozenset[tuple[str, str]] = frozenset()
    ordered: dict[str, str | int] = field(default_factory=dict)


# The store alone knows their values, so that they are never missing.
_KNOWN_BY_STORE = {"_lastUpdated"}


class Indexer:
    """Extracts the index entries of resources.

    Those of one object have most elements in common; what was extracted once is not
    extracted again.

    Parameters
    ----------
    zone
        The zone of dates without an offset.
    """

    def __init__(self, zone: tzinfo = UTC) -> None:
        self._zone = zone
        self._known: dict[
            tuple[str, str, bytes], tuple[frozenset[Token], frozenset[tuple[str, str]]]
        ] = {}

    def index_of(self, resource: Resource) -> Indexed:
        """Return all index entries of a resource."""
        kind, zone = resource["resourceType"], self._zone
        parameters = TYPES[kind]
        tokens: set[Token] = set()
        texts: set[tuple[str, str]] = set()
        ordered: dict[str, str | int] = {}
        for name, parameter in parameters.items():
            elements = parameter.elements(resource)
            key = kind, name, dumps(elements)  # a Decimal may be among them
            known = self._known.get(key)
            if known is None:
                known = self._known[key] = (
                    frozenset(_tokens(parameter, elements, zone)),
                    frozenset((name, text) for text in _texts(parameter, elements)),
                )
            tokens |= known[0]
            texts |= known[1]
            if parameter.is_ordered and name not in _KNOWN_BY_STORE:
                ordered[name] = ordered_value(parameter, elements)
        for name, column in SORTABLE[kind].items():
            if parameters[name].is_range:
                ordered[column] = first_of(parameters[name], resource, zone)
        tokens.update(_others_in_focus(resource))
        return Indexed(frozenset(tokens), frozenset(texts), ordered)


def _others_in_focus(resource: Resource) -> Iterator[Token]:
    own = instance_of(resource["id"])
    for each in resource.get("focus", ()):
        kind, _, identity = each.get("reference", "").rpartition("/")
        if kind and instance_of(identity) != own:
            yield Token(FOCUS, kind, shorten(identity))


def index_of(resource: Resource, zone: tzinfo = UTC) -> Indexed:
    """Return all index entries of one resource; `zone` as of `Indexer`."""
    return Indexer(zone).index_of(resource)


def tokens_of(
    resource: Resource, parameters: Mapping[str, Parameter]
) -> frozenset[Token]:
    """Return the tokens and references of a resource."""
    return frozenset(
        token
        for parameter in parameters.values()
        for token in _tokens(parameter, parameter.elements(resource), UTC)
    )


def first_of(parameter: Parameter, resource: Resource, zone: tzinfo) -> str | int:
    """Return the first value of a parameter that the index keeps in order."""
    elements = parameter.elements(resource)
    if parameter.type is ParameterType.STRING:
        return next((text for each in elements for text in texts_of_name(each)), "")
    periods = [period_of(each, zone) for each in elements]
    return min((start for start, _ in periods if start > NO_DATE), default=NO_DATE)


def ordered_value(parameter: Parameter, elements: list[str]) -> str | int:
    """Return the value of a text or a date, of which a resource has at most one."""
    value = elements[0] if elements else ""
    if parameter.type is ParameterType.STRING:
        return value
    # An instant is a point in time, whatever its precision (R5 search.html 3.2.1.5.9).
    return (interval_of(value) or (NO_DATE,))[0]


def _tokens(parameter: Parameter, elements: list[Any], zone: tzinfo) -> Iterator[Token]:
    name = parameter.name
    if not elements and name not in _KNOWN_BY_STORE:
        yield Token(MISSING, "", name)
    elif parameter.element is Element.REFERENCE:
        yield from _reference_tokens(parameter, elements)
    elif parameter.is_range:
        for element in elements:
            for system, code in range_entries(parameter, element, zone):
                yield Token(name, system, code)
    elif parameter.element is Element.BOUND_CODE:
        pairs = ((parameter.system, code) for code in elements)
        yield from _with_systems(name, pairs)
    elif not parameter.is_ordered:
        yield from _tokens_of_elements(parameter, elements)


def _tokens_of_elements(parameter: Parameter, elements: list[Any]) -> Iterator[Token]:
    if parameter.element is Element.IDENTIFIER:
        yield from _of_type_tokens(parameter.name, elements)
    tokens_of_element = _TOKENS[parameter.element]
    pairs = (pair for each in elements for pair in tokens_of_element(each))
    yield from _with_systems(parameter.name, pairs)


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
    """Yield a token for each system and code, and one for any code of each system."""
    systems = set()
    for system, code in pairs:
        systems.add(system)
        yield Token(name, shorten(system), shorten(code))
    for system in systems - {""}:
        yield Token(name, shorten(system), "")


def _of_type_tokens(name: str, elements: list[Any]) -> Iterator[Token]:
    """Yield a token for each type and value of identifiers, for `:of-type`."""
    for element in elements:
        for system, code in _concept_tokens(element.get("type", {})):
            for _, value in _identifier_tokens(element):
                yield Token(f"{name}:of-type", shorten(system), of_type(code, value))


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
        texts_of_element = _TEXTS[parameter.element]
        yield from (fold_entry(text) for e in elements for text in texts_of_element(e))


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
