"""What R5 says of each place in a selection, as the models of `fhir.resources` have it.

A model judges two things: which elements there are and of what kind each (a shape), and
every value by its type. Only together do they take long: a shape that a model has
passed needs no second look, and the type of a value tells at once. FHIR 5.0.0.
"""

from __future__ import annotations

from types import NoneType
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_origin

from fhir.resources import get_fhir_model_class
from fhir.resources.imagingselection import ImagingSelection
from fhir.resources.resource import Resource as AnyResource
from pydantic import TypeAdapter, ValidationError

from imaging_selection.errors import MappingError

if TYPE_CHECKING:
    from collections.abc import Callable

    from imaging_selection.fhir.datatypes import Resource

Shape = tuple[object, ...]


def validate(resource: Resource) -> None:
    """Have the model judge a whole ImagingSelection.

    Raises
    ------
    MappingError
        It names elements and rules, never a value.
    """
    try:
        ImagingSelection.model_validate(resource)
    except ValidationError as error:
        problems = {
            f"{'.'.join(map(str, each['loc']))}: {each['type']}"
            for each in error.errors(include_input=False, include_url=False)
        }
        # Not chained: pydantic's own text repeats the values it was given.
        raise MappingError("; ".join(sorted(problems))) from None
    except (KeyError, TypeError):  # from the library's look into its table of types
        raise MappingError("contained: not a type of resource") from None


def shape_of(element: Resource) -> Shape:
    """Tell the shape of an element: its parts by name, and what kind each is."""
    return (*element, *map(type, element.values()))


def _takes_nothing(_value: Any) -> bool:
    return False


class Place:
    """Where an element may stand, and what R5 says of it there.

    Attributes
    ----------
    path
        The names of the elements that lead here.
    takes
        Tells whether a value is of the primitive type that is due here.
    shapes
        Those that the model passed here, for good: they are of our making, and few.
    parts
        The places of the parts that were asked for so far.
    is_open
        Any resource may stand here; its type is the name of its part.
    """

    __slots__ = ("_model", "is_open", "parts", "path", "shapes", "takes")

    def __init__(
        self, path: str, model: Any = None, takes: Callable[[Any], bool] | None = None
    ) -> None:
        self.path = path
        self.takes = takes or _takes_nothing
        self.shapes: set[Shape] = set()
        self.parts: dict[str, Place] = {}
        self.is_open = model is AnyResource
        self._model = model

    def part(self, name: str) -> Place:
        """Give the place of a part; of one that R5 does not know, too."""
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
    """Make a place of what stands in Optional, in a list, or alone."""
    inner = [each for each in get_args(kind) if each is not NoneType]
    if inner and get_origin(kind) is not Annotated:
        return _place_of(path, inner[0])
    if hasattr(kind, "get_model_klass"):
        return Place(path, kind.get_model_klass())
    if kind is None:
        return Place(path)
    return Place(path, takes=TypeAdapter(kind).validator.isinstance_python)


SELECTION = Place("ImagingSelection", ImagingSelection)
