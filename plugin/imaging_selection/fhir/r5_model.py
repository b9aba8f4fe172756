"""What R5 allows at each place in a resource, by the models of `fhir.resources`.

A model validates two things: the shape of an element (which parts it has, and of what
kind each is), and the type of every value. A model takes milliseconds for both; so a
shape that it has accepted is remembered, and a value is validated by its type alone.
FHIR 5.0.0.
"""

from __future__ import annotations

from types import NoneType
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_origin

from fhir.resources import get_fhir_model_class
from fhir.resources.imagingselection import ImagingSelection
from fhir.resources.observation import Observation
from fhir.resources.resource import Resource as AnyResource
from pydantic import TypeAdapter, ValidationError

from imaging_selection.errors import MappingError

if TYPE_CHECKING:
    from collections.abc import Callable

    from imaging_selection.fhir.datatypes import Resource

Shape = tuple[object, ...]


def validate(resource: Resource) -> None:
    """Validate a whole resource with the model of its type.

    Raises
    ------
    MappingError
        Its text names elements and rules, never a value.
    """
    try:
        model = _model_of(str(resource.get("resourceType"))) or ImagingSelection
        model.model_validate(resource)
    except ValidationError as error:
        problems = {
            f"{'.'.join(map(str, each['loc']))}: {each['type']}"
            for each in error.errors(include_input=False, include_url=False)
        }
        # Not chained: pydantic's own text repeats the values it was given.
        raise MappingError("; ".join(sorted(problems))) from None
    except (KeyError, TypeError):  # the library does not know the resource type
        raise MappingError("contained: not a type of resource") from None


def shape_of(element: Resource) -> Shape:
    """Return the shape of an element: the names of its parts, and the kind of each."""
    return (*element, *map(type, element.values()))


class Place:
    """A place in a resource where an element may stand, and what R5 allows there.

    Attributes
    ----------
    path
        The names of the elements from the root to here.
    takes
        Returns whether a value is of the primitive type of this place.
    shapes
        The shapes that the model has accepted here. Kept without limit: the plugin
        builds few different ones.
    parts
        The places of the parts that were looked up so far.
    is_open
        Any resource may stand here; `part` takes its type as the name.
    """

    __slots__ = ("_model", "is_open", "parts", "path", "shapes", "takes")

    def __init__(
        self, path: str, model: Any = None, takes: Callable[[Any], bool] | None = None
    ) -> None:
        self.path = path
        self.takes = takes or (lambda _: False)
        self.shapes: set[Shape] = set()
        self.parts: dict[str, Place] = {}
        self.is_open = model is AnyResource
        self._model = model

    def part(self, name: str) -> Place:
        """Return the place of a part, also of one that R5 does not define."""
        if name not in self.parts:
            self.parts[name] = self._make(name)
        return self.parts[name]

    def _make(self, name: str) -> Place:
        if self.is_open:
            return Place(self.path, _model_of(name))
        path = f"{self.path}.{name}"
        if self._model is None:
            return Place(path)
        if name == "resourceType":
            own = self._model.__resource_type__
            return Place(path, takes=lambda value: value == own)
        fields = self._model.model_fields.items()
        kinds = (each.annotation for key, each in fields if name == (each.alias or key))
        return _place_of(path, next(kinds, None))


def _model_of(resource_type: str) -> Any:
    try:
        return get_fhir_model_class(resource_type)
    except ValueError:
        return None


def _place_of(path: str, kind: Any) -> Place:
    """Build the place of a type that stands alone, in Optional, or in a list."""
    inner = [each for each in get_args(kind) if each is not NoneType]
    if inner and get_origin(kind) is not Annotated:
        return _place_of(path, inner[0])
    if hasattr(kind, "get_model_klass"):
        return Place(path, kind.get_model_klass())
    if kind is None:
        return Place(path)
    return Place(path, takes=TypeAdapter(kind).validator.isinstance_python)


#: By resource type, of the resources that the plugin builds.
ROOTS = {
    model.__resource_type__: Place(model.__resource_type__, model)
    for model in (ImagingSelection, Observation)
}
