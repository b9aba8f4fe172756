"""The check of a resource before it is stored: the R5 models, and what they let pass.

The models of `fhir.resources` know elements, types and cardinalities. They take any
code for a required binding, any reference target, ids of any length, empty arrays and
any narrative: those are checked here. FHIR 5.0.0; dom-3, txt-1, txt-2.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import orjson
from fhir.resources.imagingselection import ImagingSelection
from pydantic import ValidationError

from imaging_selection.errors import MappingError
from imaging_selection.fhir import ABSENT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from imaging_selection.fhir import Resource

_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
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
    "endpoint": frozenset({"Endpoint"}),
    "focus": frozenset({"ImagingSelection"}),
    "actor": frozenset({"Device", "Practitioner"}),
    "bodySite": frozenset({"BodyStructure"}),
    "parent": frozenset({"Device"}),
    "spatialReference": frozenset({"ImagingSelection"}),
}


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
        return _Notes((f"{path}: empty",) if value in ABSENT else ())

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
