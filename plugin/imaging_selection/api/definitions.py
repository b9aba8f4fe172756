"""The definitions of this server, as resources that it serves.

The profile and its own extensions (files of `data`), its own SearchParameters, the
CodeSystems of its tags, the operations `$contours` and `Patient/[id]/$export`. FHIR
5.0.0.
"""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING

import orjson

from imaging_selection import __version__
from imaging_selection.fhir import canonicals
from imaging_selection.fhir import datatypes as fhir
from imaging_selection.fhir.xhtml import narrative_of
from imaging_selection.mapping.tags import CODE_SYSTEMS
from imaging_selection.search.parameter import Parameter, ParameterType
from imaging_selection.search.parameters import TYPES
from imaging_selection.search.parse_criterion import PREFIXES, modifiers_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imaging_selection.fhir.datatypes import Resource
    from imaging_selection.mapping.tags import TagSystem

# The day of the last change to what the server can do.
DATE = "2026-11-27"
BULK = "http://hl7.org/fhir/uv/bulkdata"
CONTOURS = f"{canonicals.OWN}/OperationDefinition/ImagingSelection-contours"
PATIENT_EXPORT = f"{canonicals.OWN}/OperationDefinition/Patient-export"


class Definitions:
    """Reads the definitions, by type and id."""

    def __init__(self) -> None:
        self._resources = {
            (each["resourceType"], each["id"]): each for each in all_definitions()
        }

    def read(
        self, resource_type: str, resource_id: str, _origin: str
    ) -> Resource | None:
        """Return a definition; None if there is none."""
        return self._resources.get((resource_type, resource_id))

    def ids(self, resource_type: str) -> list[str]:
        """Return the ids of a type, in order."""
        return sorted(name for each, name in self._resources if each == resource_type)


def all_definitions() -> Iterator[Resource]:
    """Yield every definition."""
    folder = resources.files("imaging_selection") / "data"
    for file in sorted(folder.iterdir(), key=lambda each: each.name):
        if file.name.startswith("StructureDefinition-"):
            yield orjson.loads(file.read_bytes())
    own = {
        parameter.definition: parameter
        for parameters in TYPES.values()
        for parameter in parameters.values()
        if parameter.is_own
    }
    yield from map(search_parameter, own.values())
    for url, system in CODE_SYSTEMS.items():
        yield _code_system(url, system)
    yield _contours()
    yield _patient_export()


def _canonical(resource_type: str, url: str, name: str, description: str) -> Resource:
    return {
        "resourceType": resource_type,
        "id": url.rpartition("/")[2],
        "text": narrative_of(f"{resource_type} {name}", [("Description", description)]),
        "url": url,
        "version": __version__,
        "name": name,
        "status": "active",
        "experimental": False,
        "date": DATE,
        "publisher": "Orthanc ImagingSelection",
        "description": description,
    }


def search_parameter(parameter: Parameter) -> Resource:
    """Build the definition of a search parameter of the plugin's own."""
    words = parameter.name.split("-")
    name = parameter.base + "".join(word.capitalize() for word in words)
    has_prefix = parameter.type in {ParameterType.DATE, ParameterType.QUANTITY}
    return fhir.without_absent(
        {
            **_canonical(
                "SearchParameter", parameter.definition, name, parameter.documentation
            ),
            "code": parameter.name,
            "base": [parameter.base],
            "type": parameter.type.value,
            "expression": parameter.expression,
            "processingMode": "normal",
            "target": list(parameter.targets),
            "multipleOr": True,
            "multipleAnd": True,
            "comparator": list(PREFIXES) if has_prefix else [],
            "modifier": modifiers_of(parameter),
        }
    )


def _code_system(url: str, system: TagSystem) -> Resource:
    words = url.rpartition("/")[2].split("-")
    name = "".join(word.capitalize() for word in words)
    concepts = [{"code": code, **each._asdict()} for code, each in system.codes.items()]
    return {
        **_canonical("CodeSystem", url, name, system.title),
        "title": system.title,
        "caseSensitive": True,
        "content": "complete",
        "count": len(concepts),
        "concept": concepts,
    }


def _contours() -> Resource:
    return {
        **_canonical(
            "OperationDefinition",
            CONTOURS,
            "Contours",
            "The same selection, with instance.imageRegion3D filled from Contour Data "
            "(3006,0050), its digits exactly as in the file",
        ),
        "kind": "operation",
        "affectsState": False,
        "code": "contours",
        "resource": ["ImagingSelection"],
        "system": False,
        "type": False,
        "instance": True,
        "parameter": [
            {
                "name": "return",
                "use": "out",
                "min": 1,
                "max": "1",
                "documentation": "The selection, with its regions",
                "type": "ImagingSelection",
            }
        ],
    }


def _patient_export() -> Resource:
    parameters = (
        ("_outputFormat", "string", "application/fhir+ndjson, the only one"),
        ("_since", "instant", "Only what has changed since then"),
        ("_type", "string", "Types, with a comma between them"),
    )
    return {
        **_canonical(
            "OperationDefinition",
            PATIENT_EXPORT,
            "PatientExport",
            "Export of all that the store has of one patient, asynchronous as exports"
            " of HL7's Bulk Data Access",
        ),
        "kind": "operation",
        "affectsState": False,
        "code": "export",
        "resource": ["Patient"],
        "system": False,
        "type": False,
        "instance": True,
        "parameter": [
            {
                "name": name,
                "use": "in",
                "min": 0,
                "max": "1",
                "documentation": documentation,
                "type": kind,
            }
            for name, kind, documentation in parameters
        ],
    }
