"""Build the CapabilityStatement from the tables of `search`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imaging_selection import __version__
from imaging_selection.api.definitions import BULK, CONTOURS, DATE, PATIENT_EXPORT
from imaging_selection.fhir import datatypes as fhir
from imaging_selection.fhir.canonicals import REGION_IN_SPACE, SOURCE_IMAGES
from imaging_selection.fhir.datatypes import FHIR_VERSION, Resource
from imaging_selection.fhir.xhtml import narrative_of
from imaging_selection.search.parameters import (
    IDENTIFYING,
    IMAGING_SELECTION,
    INCLUDES,
    PATIENT,
    REVERSE_INCLUDES,
    SORTABLE,
    STORED,
    TYPES,
)
from imaging_selection.search.parse_request import (
    MAXIMUM_CHARACTERS,
    MAXIMUM_VALUES,
    PRICE_WITHOUT_INDEX,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

_SORTS = "; ".join(f"{kind} by {', '.join(SORTABLE[kind])}" for kind in STORED)
DOCUMENTATION = f"""\
Read-only. What is stored in Orthanc, as {" and ".join(STORED)} resources,
and what these refer to. Results of a search: _count, _total, _format, _pretty, and for
these _summary, _elements, _include, _revinclude and _sort:
{_SORTS}.
Without _sort, matches come in the order of the index that finds them. The self
link shows what was applied. Unknown parameters have no effect; with
Prefer: handling=strict they are an error. One that may name a patient is always an
error, and so is each on {" and ".join(sorted(IDENTIFYING))}, an empty one too. Times
without an offset are in the zone that the server is configured with, or else in UTC.
Chained parameters and _has, of one step, between these four types:
patient.name, derived-from:ImagingStudy.modality,
_has:Observation:derived-from:code. Patient/[id]/ImagingSelection and
Patient/[id]/ImagingStudy are searches in the compartment of a patient, and
Patient/[id]/* is one over all types, by _id, _lastUpdated, _type and _count. A batch
has GETs only. With _format=ndjson, a search returns one resource a line.

A search has a limited time (then 422, too-costly), at most {MAXIMUM_VALUES} values,
where one without an index (:contains, :text, ne) counts as {PRICE_WITHOUT_INDEX}, and
at most {MAXIMUM_CHARACTERS} characters. The same parameter with the same value counts
once, however often it is written. _include takes what searchInclude lists, and
_revinclude what searchRevInclude lists; each takes * for all of them.
_include:iterate and _revinclude:iterate take those of all types, and follow them from
what is included too. Units are
compared as they are written, not converted.

Limits of Orthanc's interface for plugins: of a parameter repeated in the URL of a GET,
only the last one arrives, unless a trusted proxy passes the header X-Original-URI; POST
[base]/ImagingSelection/_search takes them all, but only those of its body. HEAD and
OPTIONS are answered with 404 by Orthanc itself, so that a browser cannot ask in advance
whether it may read from another origin. A 405 has no OperationOutcome, and from Orthanc
1.12.4 on an error has a second Content-Type, text/plain.
"""
_CODE = """\
The search parameter `code` means ImagingSelection.code. Its definition in R5
(clinical-code) says ImagingSelection.status, which is an error of the specification;
use `status` for that.
"""
_IMPLEMENTATION_GUIDE = (
    "http://hl7.org/fhir/uv/dicom-sr/ImplementationGuide/hl7.fhir.uv.dicom-sr"
)


def capability_statement(
    base_url: str, *, cors: bool = False, operations: Iterable[str] = ()
) -> Resource:
    """Build the CapabilityStatement (`GET [base]/metadata`).

    Parameters
    ----------
    cors
        Whether pages of other origins may read from the server.
    operations
        The names of the FHIR operations.
    """
    operations = [*operations]
    exports = "export" in operations
    selection = {
        "supportedProfile": [REGION_IN_SPACE, SOURCE_IMAGES],
        "documentation": _CODE,
    }
    return {
        "resourceType": "CapabilityStatement",
        "text": narrative_of("Orthanc ImagingSelection", [("Address", base_url)]),
        "status": "active",
        "date": DATE,
        "kind": "instance",
        "software": {"name": "Orthanc ImagingSelection", "version": __version__},
        "implementation": {"description": "Orthanc", "url": base_url},
        "fhirVersion": FHIR_VERSION,
        "format": ["application/fhir+json", "json"],
        **(
            {"instantiates": [f"{BULK}/CapabilityStatement/bulk-data"]}
            if exports
            else {}
        ),
        "implementationGuide": [_IMPLEMENTATION_GUIDE],
        "rest": [
            {
                "mode": "server",
                "documentation": DOCUMENTATION,
                "security": {
                    "cors": cors,
                    "description": "Orthanc's own users and permissions",
                },
                "resource": [
                    fhir.without_absent(
                        _resource(kind)
                        | (selection if kind == IMAGING_SELECTION else {})
                        | {"operation": _operations_of(kind, operations)}
                    )
                    for kind in (*STORED, *sorted(TYPES.keys() - {*STORED}))
                ],
                "interaction": [{"code": "batch"}, {"code": "history-system"}],
                **_of_system(operations),
                "compartment": ["http://hl7.org/fhir/CompartmentDefinition/patient"],
            }
        ],
    }


_EVERYTHING = "http://hl7.org/fhir/OperationDefinition/Patient-everything"
_SYSTEM = ""
# Operation -> its types and its definitions.
_OPERATIONS = {
    "contours": ((IMAGING_SELECTION, CONTOURS),),
    "everything": ((PATIENT, _EVERYTHING),),
    "export": (
        (_SYSTEM, f"{BULK}/OperationDefinition/export"),
        (PATIENT, f"{BULK}/OperationDefinition/patient-export"),
        (PATIENT, PATIENT_EXPORT),
    ),
}


def _of_system(operations: Iterable[str]) -> Resource:
    found = _operations_of(_SYSTEM, operations)
    return {"operation": found} if found else {}


def _operations_of(kind: str, names: Iterable[str]) -> list[Resource]:
    return [
        {"name": name, "definition": definition}
        for name in names
        for of_type, definition in _OPERATIONS[name]
        if of_type == kind
    ]


def _resource(kind: str) -> Resource:
    is_stored = kind in STORED
    interactions = ("vread", "history-instance", "history-type") if is_stored else ()
    return {
        "type": kind,
        "interaction": [
            {"code": code} for code in ("read", *interactions, "search-type")
        ],
        **(_versioning(kind) if is_stored else {"versioning": "no-version"}),
        "searchParam": [
            {
                "name": parameter.name,
                "definition": parameter.definition,
                "type": parameter.type.value,
                "documentation": parameter.documentation,
            }
            for parameter in TYPES[kind].values()
        ],
    }


def _versioning(kind: str) -> Resource:
    """Describe what the types have that the store has."""
    includes = (f"{kind}:{name}" for name in INCLUDES[kind])
    reverse = (":".join(each) for each in REVERSE_INCLUDES[kind])
    return {
        "versioning": "versioned",
        "readHistory": False,
        "conditionalRead": "full-support",
        "referencePolicy": ["literal", "logical", "local"],
        "searchInclude": ["*", *includes] if INCLUDES[kind] else [],
        "searchRevInclude": ["*", *reverse],
    }
