"""What a search parameter is: its name, its type, and the elements that it searches.

FHIR R5 search.html, searchparameter.html.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from imaging_selection.fhir.canonicals import OWN

if TYPE_CHECKING:
    from collections.abc import Callable

    from imaging_selection.fhir.datatypes import Resource


class ParameterType(StrEnum):
    """The search parameter types of R5 in use."""

    TOKEN = "token"  # noqa: S105 - the type's name
    STRING = "string"
    REFERENCE = "reference"
    DATE = "date"
    QUANTITY = "quantity"
    URI = "uri"


class Element(StrEnum):
    """The datatype that a parameter searches, by its FHIR name where it has one."""

    CODE = "code"  # also `id`, and the numbers of `subset`
    BOUND_CODE = "code of one code system"
    UID = "id"  # a DICOM UID in an element of type id
    CODING = "Coding"
    SOP_CLASS = "Coding of a SOP Class"
    CONCEPT = "CodeableConcept"
    IDENTIFIER = "Identifier"
    REFERENCE = "Reference"
    CANONICAL = "canonical"
    URI = "uri"
    TEXT = "string"
    INSTANT = "instant"
    PERIOD = "Period"  # also dateTime and date: each lasts as long as it is precise
    NAME = "HumanName"
    STRING = "string of any number"
    QUANTITY = "Quantity"


@dataclass(frozen=True, slots=True)
class Parameter:
    """One search parameter.

    Attributes
    ----------
    path
        The elements that it searches: names from the resource inwards, joined by dots;
        several such paths are joined by `|`.
    documentation
        What it finds, for the CapabilityStatement and the documentation.
    definition
        Canonical URL of its SearchParameter.
    only
        The condition on the resources it searches: as FHIRPath, and in Python.
    targets
        The types that a reference may have. With one target, a bare id means that type.
    system
        The code system that the binding of a code implies.
    """

    name: str
    element: Element
    path: str
    documentation: str
    definition: str = ""
    only: tuple[str, Callable[[Resource], bool]] | None = None
    targets: tuple[str, ...] = ()
    system: str = ""

    @property
    def type(self) -> ParameterType:
        """The type, which follows from the element."""
        return _TYPES.get(self.element, ParameterType.TOKEN)

    @property
    def is_own(self) -> bool:
        """Whether this server defines the parameter, not R5."""
        return self.definition.startswith(OWN)

    @property
    def base(self) -> str:
        """The type of resource that the definition of the parameter is for."""
        return self.definition.rpartition("/")[2].partition("-")[0]

    @property
    def expression(self) -> str:
        """The elements, as FHIRPath."""
        where = f".where({self.only[0]})" if self.only else ""
        paths = (f"{self.base}{where}.{path}" for path in self.path.split("|"))
        return " | ".join(paths)

    @property
    def has_text(self) -> bool:
        """Whether the elements have text that `:text` can find."""
        return self.element in _WITH_TEXT

    @property
    def is_ordered(self) -> bool:
        """Whether a column of the store has the value. A resource has at most one."""
        return self.element in {Element.TEXT, Element.INSTANT}

    @property
    def is_range(self) -> bool:
        """Whether the index keeps the values in order, among the tokens."""
        return self.type in _IN_ORDER and not self.is_ordered

    def elements(self, resource: Resource) -> list[Any]:
        """Return the elements that the parameter searches, each object once."""
        if self.only is not None and not self.only[1](resource):
            return []
        found = (
            each for path in self.path.split("|") for each in _reach(resource, path)
        )
        return list({id(each): each for each in found}.values())


def _reach(resource: Resource, path: str) -> list[Any]:
    reached: list[Any] = [resource]
    for name in path.split("."):
        parts = [each[name] for each in reached if name in each]
        if not parts:
            return []
        reached = [
            each
            for part in parts
            for each in (part if isinstance(part, list) else (part,))
        ]
    return reached


_WITH_TEXT = {Element.CODING, Element.CONCEPT, Element.IDENTIFIER, Element.SOP_CLASS}
_TYPES = {
    Element.REFERENCE: ParameterType.REFERENCE,
    Element.CANONICAL: ParameterType.REFERENCE,
    Element.URI: ParameterType.URI,
    Element.TEXT: ParameterType.STRING,
    Element.INSTANT: ParameterType.DATE,
    Element.PERIOD: ParameterType.DATE,
    Element.NAME: ParameterType.STRING,
    Element.STRING: ParameterType.STRING,
    Element.QUANTITY: ParameterType.QUANTITY,
}
_IN_ORDER = {ParameterType.STRING, ParameterType.DATE, ParameterType.QUANTITY}


_RESOURCE = "http://hl7.org/fhir/SearchParameter/Resource-"
CLINICAL = "http://hl7.org/fhir/SearchParameter/clinical-"

# Those of every type.
ID = Parameter("_id", Element.CODE, "id", "The logical id", _RESOURCE + "id")
LAST_UPDATED = Parameter(
    "_lastUpdated",
    Element.INSTANT,
    "meta.lastUpdated",
    "When the resource last changed on this server",
    _RESOURCE + "lastUpdated",
)
PROFILE = Parameter(
    "_profile",
    Element.CANONICAL,
    "meta.profile",
    "The URL of a profile that the resource claims",
    _RESOURCE + "profile",
    targets=("StructureDefinition",),
)
