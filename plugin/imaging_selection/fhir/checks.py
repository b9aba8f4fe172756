"""Check a resource before it is stored, with the R5 models and with rules beyond them.

The models of `fhir.resources` check elements, types and cardinalities. They accept any
code for a required binding, any reference target, ids of any length, empty arrays and
any narrative: those are checked here. FHIR 5.0.0; dom-3, txt-1, txt-2.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

from imaging_selection.errors import MappingError
from imaging_selection.fhir.datatypes import ABSENT
from imaging_selection.fhir.r5_model import ROOTS, shape_of, validate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imaging_selection.fhir.datatypes import Resource
    from imaging_selection.fhir.r5_model import Place, Shape

_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_XHTML_DIV = "{http://www.w3.org/1999/xhtml}div"

# Required bindings of R5 in our resources: the models accept any text as a code.
_REQUIRED: dict[str, frozenset[str]] = {
    "ImagingSelection.status": frozenset({"available", "entered-in-error", "unknown"}),
    "ImagingSelection.text.status": frozenset(
        {"generated", "extensions", "additional", "empty"}
    ),
    "Observation.status": frozenset({"preliminary", "final", "unknown"}),
    "Observation.text.status": frozenset({"generated"}),
    "ImagingSelection.instance.imageRegion2D.regionType": frozenset(
        {"point", "polyline", "interpolated", "circle", "ellipse"}
    ),
    "ImagingSelection.instance.imageRegion3D.regionType": frozenset(
        {"point", "multipoint", "polyline", "polygon", "ellipse", "ellipsoid"}
    ),
}

# Reference targets of R5 in our resources: the models accept any reference.
_TARGETS: dict[str, frozenset[str]] = {
    "subject": frozenset({"Patient"}),
    "patient": frozenset({"Patient"}),
    "derivedFrom": frozenset({"ImagingStudy"}),
    "Observation.derivedFrom": frozenset({"ImagingSelection", "Observation"}),
    "hasMember": frozenset({"Observation"}),
    "partOf": frozenset({"ImagingStudy"}),
    "performer": frozenset({"Practitioner"}),
    "device": frozenset({"Device"}),
    "bodyStructure": frozenset({"BodyStructure"}),
    "basedOn": frozenset({"ServiceRequest"}),
    "endpoint": frozenset({"Endpoint"}),
    "focus": frozenset({"ImagingSelection"}),
    "actor": frozenset({"Device", "Practitioner"}),
    "bodySite": frozenset({"BodyStructure"}),
    "parent": frozenset({"Device"}),
    "spatialReference": frozenset({"ImagingSelection"}),
    "resourceReference": frozenset({"ImagingSelection"}),  # of RelatedArtifact
}


class Checker:
    """Checks the resources of one DICOM object.

    A text is checked once at each place: half of the text repeats from selection to
    selection.
    """

    def __init__(self) -> None:
        self._sound: set[tuple[Place, str]] = set()

    def check(self, resource: Resource) -> None:
        """Check an ImagingSelection or Observation, with its contained resources.

        Raises
        ------
        MappingError
            Its text names the element at fault and the rule, never the value.
        """
        survey = _Survey(self._sound)
        kind = str(resource.get("resourceType"))
        survey.element(ROOTS.get(kind, ROOTS["ImagingSelection"]), resource)
        if survey.unknown_shapes or survey.has_wrong_type:
            validate(resource)
            for place, shape in survey.unknown_shapes:
                place.shapes.add(shape)
        if problems := {*survey.problems, *_reference_problems(survey)}:
            raise MappingError("; ".join(sorted(problems)))


class _Survey:
    """One walk through a resource.

    Attributes
    ----------
    unknown_shapes
        The shapes that the model has not accepted yet, each with its place.
    has_wrong_type
        A value is not of its type: the model has the message for it.
    problems
        Broken rules that the models do not check.
    references
        The target of each reference, by the path to it.
    contained
        The contained resources.
    """

    def __init__(self, sound: set[tuple[Place, str]]) -> None:
        self._sound = sound
        self.unknown_shapes: list[tuple[Place, Shape]] = []
        self.has_wrong_type = False
        self.problems: list[str] = []
        self.references: list[tuple[str, str]] = []
        self.contained: list[Resource] = []

    def element(self, place: Place, element: Resource) -> None:
        """Visit an element and everything in it."""
        if place.is_open:
            self.contained.append(element)
            place = place.part(str(element.get("resourceType")))
        shape = shape_of(element)
        if shape not in place.shapes:
            self.unknown_shapes.append((place, shape))
        parts = place.parts
        for name, value in element.items():
            part = parts.get(name) or place.part(name)
            if isinstance(value, list):
                self._list(part, value)
            else:
                self._value(part, value)
        if isinstance(target := element.get("reference"), str):
            self.references.append((place.path, target))

    def _list(self, place: Place, values: list[Any]) -> None:
        if not values:
            self.problems.append(f"{place.path}: empty")
        if place.path in _NUMBERS and len(values) % 3:
            self.problems.append(f"{place.path}: not a multiple of 3 numbers")
        for each in values:
            self._value(place, each)

    def _value(self, place: Place, value: Any) -> None:
        if isinstance(value, str):
            if (place, value) not in self._sound:
                self._text(place, value)
        elif isinstance(value, dict) and value:
            self.element(place, value)
        elif value in ABSENT:
            self.problems.append(f"{place.path}: empty")
        elif not place.takes(value):
            self.has_wrong_type = True

    def _text(self, place: Place, text: str) -> None:
        if not place.takes(text):
            self.has_wrong_type = True
        elif problems := [*_text_problems(place.path, text)]:
            self.problems += problems
        else:
            self._sound.add((place, text))


_NUMBERS = frozenset({"ImagingSelection.instance.imageRegion3D.coordinate"})


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
        root = ET.fromstring(div)  # noqa: S314 - our own text; expat limits entities
    except ET.ParseError:
        yield f"{path}: not well-formed XHTML"
        return
    if root.tag != _XHTML_DIV or not "".join(root.itertext()).strip():
        yield f"{path}: not an XHTML div with text"  # txt-1, txt-2


def _reference_problems(survey: _Survey) -> Iterator[str]:
    contained = {each.get("id", ""): each for each in survey.contained}
    for path, target in survey.references:
        yield from _target_problems(path, target, contained)
    used = {target.removeprefix("#") for _, target in survey.references}
    for unused in contained.keys() - used:  # dom-3
        yield f"contained: {contained[unused]['resourceType']} is not referred to"
    if len(contained) < len(survey.contained):
        yield "contained: two resources with one id"


def _target_problems(
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
    targets = _TARGETS.get(path) or _TARGETS.get(element, frozenset())
    if kind not in targets:
        yield f"{path}: no reference to {' or '.join(sorted(targets)) or 'anything'}"
