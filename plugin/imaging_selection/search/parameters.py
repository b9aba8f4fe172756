"""The table of search parameters, which everything about search follows.

`PARAMETERS` has the name, the type and the elements of each. The index (`extract`), the
parser (`parse_request`), the columns of the store (`store.schema`), the
CapabilityStatement and the SearchParameter resources are made from it. FHIR R5
search.html; R5 ImagingSelection search parameters.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from imaging_selection.fhir.canonicals import LEVEL_SYSTEM, OWN

if TYPE_CHECKING:
    from collections.abc import Callable

    from imaging_selection.fhir.datatypes import Resource


IMAGING_SELECTION = "ImagingSelection"


class ParameterType(StrEnum):
    """The search parameter types of R5 in use."""

    TOKEN = "token"  # noqa: S105 - the type's name
    STRING = "string"
    REFERENCE = "reference"
    DATE = "date"
    URI = "uri"


class Element(StrEnum):
    """The datatype that a parameter searches, by its FHIR name where it has one."""

    CODE = "code"  # also `id`, and the numbers of `subset`
    STATUS = "code of imagingselection-status"
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


@dataclass(frozen=True, slots=True)
class Parameter:
    """One search parameter.

    Attributes
    ----------
    path
        The elements that it searches: names from the resource inwards, joined by dots.
    documentation
        What it finds, for the CapabilityStatement and the documentation.
    definition
        Canonical URL of its SearchParameter.
    only
        The condition on the resources it searches: as FHIRPath, and in Python.
    targets
        The types that a reference may have. With one target, a bare id means that type.
    """

    name: str
    element: Element
    path: str
    documentation: str
    definition: str = ""
    only: tuple[str, Callable[[Resource], bool]] | None = None
    targets: tuple[str, ...] = ()

    @property
    def type(self) -> ParameterType:
        """The type, which follows from the element."""
        return _TYPES.get(self.element, ParameterType.TOKEN)

    @property
    def is_own(self) -> bool:
        """Whether this server defines the parameter, not R5."""
        return self.definition.startswith(OWN)

    @property
    def expression(self) -> str:
        """The elements, as FHIRPath."""
        where = f".where({self.only[0]})" if self.only else ""
        return f"ImagingSelection{where}.{self.path}"

    @property
    def has_text(self) -> bool:
        """Whether the elements have text that `:text` can find."""
        return self.element in _WITH_TEXT

    @property
    def is_ordered(self) -> bool:
        """Whether the index keeps the value in order. A resource has at most one."""
        return self.type in {ParameterType.STRING, ParameterType.DATE}

    def elements(self, resource: Resource) -> list[Any]:
        """Return the elements that the parameter searches, each object once."""
        if self.only is not None and not self.only[1](resource):
            return []
        reached: list[Any] = [resource]
        for name in self.path.split("."):
            parts = [each[name] for each in reached if name in each]
            if not parts:
                return []
            reached = [
                each
                for part in parts
                for each in (part if isinstance(part, list) else (part,))
            ]
        if len(reached) == 1:
            return reached
        return list({id(each): each for each in reached}.values())


_WITH_TEXT = {Element.CODING, Element.CONCEPT, Element.IDENTIFIER, Element.SOP_CLASS}
_TYPES = {
    Element.REFERENCE: ParameterType.REFERENCE,
    Element.CANONICAL: ParameterType.REFERENCE,
    Element.URI: ParameterType.URI,
    Element.TEXT: ParameterType.STRING,
    Element.INSTANT: ParameterType.DATE,
}


def _is_region(resource: Resource) -> bool:
    codings = resource["code"].get("coding", ())
    return any(each.get("code") == "130488" for each in codings)


def _is_roi(resource: Resource) -> bool:
    """Return whether this is the selection of one ROI.

    The `bodySite` of a structure set is not the name of a ROI.
    """
    return any(
        tag.get("system") == LEVEL_SYSTEM and tag.get("code") == "roi"
        for tag in resource.get("meta", {}).get("tag", ())
    )


_RESOURCE = "http://hl7.org/fhir/SearchParameter/Resource-"
_CLINICAL = "http://hl7.org/fhir/SearchParameter/clinical-"
_SELECTION = "http://hl7.org/fhir/SearchParameter/ImagingSelection-"
_OWN = f"{OWN}/SearchParameter/ImagingSelection-"

_REQUESTS = ("Appointment", "AppointmentResponse", "CarePlan", "ServiceRequest", "Task")
_SUBJECTS = (
    *("Device", "Group", "Location", "Medication", "Organization"),
    *("Patient", "Practitioner", "Procedure", "Specimen", "Substance"),
)

PARAMETERS: dict[str, Parameter] = {
    parameter.name: parameter
    for parameter in (
        Parameter("_id", Element.CODE, "id", "The logical id", _RESOURCE + "id"),
        Parameter(
            "_lastUpdated",
            Element.INSTANT,
            "meta.lastUpdated",
            "When the selection last changed on this server",
            _RESOURCE + "lastUpdated",
        ),
        Parameter(
            "_profile",
            Element.CANONICAL,
            "meta.profile",
            "The URL of a profile that the selection claims",
            _RESOURCE + "profile",
            targets=("StructureDefinition",),
        ),
        Parameter(
            "_tag",
            Element.CODING,
            "meta.tag",
            "Level, approval status or finding: each has a code system of its own",
            _RESOURCE + "tag",
        ),
        Parameter(
            "based-on",
            Element.REFERENCE,
            "basedOn",
            "The imaging request; known by Accession Number: based-on:identifier",
            _SELECTION + "based-on",
            targets=_REQUESTS,
        ),
        Parameter(
            "body-site",
            Element.CONCEPT,
            "bodySite.concept",
            "What the ROI outlines, as the file codes it",
            _SELECTION + "body-site",
        ),
        Parameter(
            "body-structure",
            Element.REFERENCE,
            "bodySite.reference",
            "The BodyStructure, which is contained: only :missing finds anything",
            _SELECTION + "body-structure",
            targets=("BodyStructure",),
        ),
        Parameter(
            "category",
            Element.CONCEPT,
            "category",
            "RT ROI Interpreted Type and Therapeutic Role; the file's term: :text",
            _OWN + "category",
        ),
        Parameter(
            "code",
            Element.CONCEPT,
            "code",
            "ImagingSelection.code; R5's own definition says .status by mistake",
            _OWN + "code",
        ),
        Parameter(
            "derived-from",
            Element.REFERENCE,
            "derivedFrom",
            "The study: Orthanc's study id; by its UID: derived-from:identifier",
            _SELECTION + "derived-from",
            targets=("DocumentReference", "ImagingStudy"),
        ),
        Parameter(
            "endpoint",
            Element.REFERENCE,
            "endpoint",
            "The DICOMweb endpoint of this Orthanc, where that plugin is loaded",
            _OWN + "endpoint",
            targets=("Endpoint",),
        ),
        Parameter(
            "frame-of-reference",
            Element.UID,
            "frameOfReferenceUid",
            "Frame of Reference UID; urn:oid: may be written before it",
            _OWN + "frame-of-reference",
        ),
        Parameter(
            "identifier",
            Element.IDENTIFIER,
            "identifier",
            "SOP Instance UID or Conceptual Volume UID; urn:oid: may be left out",
            _CLINICAL + "identifier",
        ),
        Parameter(
            "instance-uid",
            Element.UID,
            "instance.uid",
            "SOP Instance UID of the structure set, or of a source image",
            _OWN + "instance-uid",
        ),
        Parameter(
            "issued",
            Element.INSTANT,
            "issued",
            "When the ROI or the structure set was made",
            _SELECTION + "issued",
        ),
        Parameter(
            "patient",
            Element.REFERENCE,
            "subject",
            "The patient: Orthanc's patient id; by Patient ID: patient:identifier",
            _CLINICAL + "patient",
            targets=("Patient",),
        ),
        Parameter(
            "roi-name",
            Element.TEXT,
            "bodySite.concept.text",
            "ROI Name, from its beginning; without case and accents",
            _OWN + "roi-name",
            only=("meta.tag.where(code = 'roi').exists()", _is_roi),
        ),
        Parameter(
            "roi-number",
            Element.CODE,
            "instance.subset",
            "ROI Number",
            _OWN + "roi-number",
            only=("code.coding.where(code = '130488').exists()", _is_region),
        ),
        Parameter(
            "series-uid",
            Element.UID,
            "seriesUid",
            "Series Instance UID; urn:oid: may be written before it",
            _OWN + "series-uid",
        ),
        Parameter(
            "sop-class",
            Element.SOP_CLASS,
            "instance.sopClass",
            "SOP Class UID; the guide's misspelt code finds the same as the true one",
            _OWN + "sop-class",
        ),
        Parameter(
            "status",
            Element.STATUS,
            "status",
            "Always available: what is deleted is no longer found",
            _SELECTION + "status",
        ),
        Parameter(
            "study-uid",
            Element.UID,
            "studyUid",
            "Study Instance UID; urn:oid: may be written before it",
            _SELECTION + "study-uid",
        ),
        Parameter(
            "subject",
            Element.REFERENCE,
            "subject",
            "As patient",
            _SELECTION + "subject",
            targets=_SUBJECTS,
        ),
    )
}

_ID = PARAMETERS["_id"]
_CONFORMANCE = "http://hl7.org/fhir/SearchParameter/CanonicalResource-"
_URL = Parameter("url", Element.URI, "url", "The canonical URL", f"{_CONFORMANCE}url")


def _known_by(documentation: str, definition: str) -> dict[str, Parameter]:
    identifier = Parameter(
        "identifier", Element.IDENTIFIER, "identifier", documentation, definition
    )
    return {"_id": _ID, "identifier": identifier}


# Type -> its parameters, for the resources that selections refer to.
RELATED: dict[str, dict[str, Parameter]] = {
    "Endpoint": _known_by(
        "Finds nothing: the endpoint has no identifier",
        "http://hl7.org/fhir/SearchParameter/Endpoint-identifier",
    ),
    "ImagingStudy": {
        **_known_by(
            "Study Instance UID; urn:oid: may be left out", f"{_CLINICAL}identifier"
        ),
        "patient": PARAMETERS["patient"],
        "subject": Parameter(
            "subject",
            Element.REFERENCE,
            "subject",
            "As patient",
            "http://hl7.org/fhir/SearchParameter/ImagingStudy-subject",
            targets=("Device", "Group", "Patient"),
        ),
    },
    "Patient": _known_by(
        "Patient ID", "http://hl7.org/fhir/SearchParameter/Patient-identifier"
    ),
}
# Those of them that say who a patient is: no parameter of theirs is ever ignored.
IDENTIFYING = frozenset({"ImagingStudy", "Patient"})
# Type -> its parameters, for the definitions that this server publishes.
DEFINITIONS: dict[str, dict[str, Parameter]] = {
    kind: {"_id": _ID, "url": _URL}
    for kind in (
        *("CodeSystem", "OperationDefinition"),
        *("SearchParameter", "StructureDefinition"),
    )
}

# The parameters that `_sort` can name: the store has an index in the order of each.
SORTABLE = (
    "_id",
    *(name for name, parameter in PARAMETERS.items() if parameter.is_ordered),
)

# The elements of R5's ImagingSelection, for `_elements`.
ELEMENTS = frozenset(
    (
        *("id", "meta", "implicitRules", "language", "text", "contained"),
        *("extension", "modifierExtension", "identifier", "status", "subject"),
        *("issued", "performer", "basedOn", "category", "code", "studyUid"),
        *("derivedFrom", "endpoint", "seriesUid", "seriesNumber"),
        *("frameOfReferenceUid", "bodySite", "focus", "instance"),
    )
)
