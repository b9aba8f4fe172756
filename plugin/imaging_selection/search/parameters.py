"""The tables of search parameters, which everything about search follows.

`TYPES` has the parameters of each type of resource: name, type and elements. The index
(`extract`), the parser (`parse_request`), the columns of the store (`store.schema`),
the CapabilityStatement and the SearchParameter resources are made from it. FHIR R5
search.html; R5 ImagingSelection search parameters.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imaging_selection.fhir.canonicals import LEVEL_SYSTEM, OWN
from imaging_selection.search.observation_parameters import OBSERVATION_PARAMETERS
from imaging_selection.search.parameter import (
    CLINICAL,
    ID,
    LAST_UPDATED,
    PROFILE,
    Element,
    Parameter,
)
from imaging_selection.search.related_parameters import (
    IMAGING_STUDY_PARAMETERS,
    PATIENT_PARAMETERS,
)

if TYPE_CHECKING:
    from imaging_selection.fhir.datatypes import Resource

IMAGING_SELECTION = "ImagingSelection"
OBSERVATION = "Observation"
PATIENT = "Patient"
IMAGING_STUDY = "ImagingStudy"


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


_TAG = "http://hl7.org/fhir/SearchParameter/Resource-tag"
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
        ID,
        LAST_UPDATED,
        PROFILE,
        Parameter(
            "_tag",
            Element.CODING,
            "meta.tag",
            "Level, approval status or finding: each has a code system of its own",
            _TAG,
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
            CLINICAL + "identifier",
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
            CLINICAL + "patient",
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
            Element.BOUND_CODE,
            "status",
            "Always available: what is deleted is no longer found",
            _SELECTION + "status",
            system="http://hl7.org/fhir/imagingselection-status",
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

_CONFORMANCE = "http://hl7.org/fhir/SearchParameter/CanonicalResource-"
_URL = Parameter("url", Element.URI, "url", "The canonical URL", f"{_CONFORMANCE}url")

# Type -> its parameters, for what is neither in the store nor a definition.
RELATED: dict[str, dict[str, Parameter]] = {
    "Endpoint": {
        "_id": ID,
        "identifier": Parameter(
            "identifier",
            Element.IDENTIFIER,
            "identifier",
            "Finds nothing: the endpoint has no identifier",
            "http://hl7.org/fhir/SearchParameter/Endpoint-identifier",
        ),
    },
}
# The types that say who a patient is: no parameter of theirs is ever ignored.
IDENTIFYING = frozenset({IMAGING_STUDY, PATIENT})
# Type -> its parameters, for the definitions that this server publishes.
DEFINITIONS: dict[str, dict[str, Parameter]] = {
    kind: {"_id": ID, "url": _URL}
    for kind in (
        *("CodeSystem", "OperationDefinition"),
        *("SearchParameter", "StructureDefinition"),
    )
}

# Type -> its parameters: all that is searched.
TYPES: dict[str, dict[str, Parameter]] = {
    IMAGING_SELECTION: PARAMETERS,
    OBSERVATION: OBSERVATION_PARAMETERS,
    PATIENT: PATIENT_PARAMETERS,
    IMAGING_STUDY: IMAGING_STUDY_PARAMETERS,
    **RELATED,
    **DEFINITIONS,
}
# The types that the store has.
STORED = (IMAGING_SELECTION, OBSERVATION, PATIENT, IMAGING_STUDY)
# Of these, the type that objects refer to -> the parameters by which they do. Orthanc
# has the facts; the store has those that something refers to.
REFERRED: dict[str, tuple[tuple[str, str], ...]] = {
    PATIENT: ((IMAGING_SELECTION, "patient"), (OBSERVATION, "patient")),
    IMAGING_STUDY: ((IMAGING_SELECTION, "derived-from"), (OBSERVATION, "part-of")),
}

# The parameters that have a column in the store: it has an index in the order of each.
ORDERED = {
    name: parameter for name, parameter in PARAMETERS.items() if parameter.is_ordered
}
# Type -> what `_sort` can name -> the parameter in whose column the store has the value
# that it sorts by: of several values the first, of a period its beginning.
SORTABLE: dict[str, dict[str, str]] = {
    IMAGING_SELECTION: {name: name for name in ("_id", *ORDERED)},
    OBSERVATION: {"_id": "_id", "_lastUpdated": "_lastUpdated", "date": "issued"},
    PATIENT: {
        "_id": "_id",
        "_lastUpdated": "_lastUpdated",
        "birthdate": "issued",
        "name": "roi-name",
    },
    IMAGING_STUDY: {"_id": "_id", "_lastUpdated": "_lastUpdated", "started": "issued"},
}
# Type -> the reference parameters that `_include` can follow.
INCLUDES: dict[str, tuple[str, ...]] = {
    IMAGING_SELECTION: ("derived-from", "endpoint", "patient", "subject"),
    OBSERVATION: ("derived-from", "has-member", "part-of", "patient", "subject"),
    PATIENT: (),
    IMAGING_STUDY: ("endpoint", "patient", "subject"),
}
# Type -> the references to it that `_revinclude` can follow back: type and parameter.
REVERSE_INCLUDES: dict[str, tuple[tuple[str, str], ...]] = {
    IMAGING_SELECTION: ((OBSERVATION, "derived-from"),),
    OBSERVATION: ((OBSERVATION, "derived-from"), (OBSERVATION, "has-member")),
    PATIENT: (
        *((kind, "patient") for kind in (IMAGING_SELECTION, IMAGING_STUDY)),
        (OBSERVATION, "patient"),
    ),
    IMAGING_STUDY: (
        (IMAGING_SELECTION, "derived-from"),
        *((OBSERVATION, name) for name in ("derived-from", "part-of")),
    ),
}
