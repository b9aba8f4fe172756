"""The search parameters of Patient and ImagingStudy (R5 search parameters of both)."""

from __future__ import annotations

from imaging_selection.fhir.canonicals import OWN
from imaging_selection.search.parameter import (
    CLINICAL,
    ID,
    LAST_UPDATED,
    Element,
    Parameter,
)

_INDIVIDUAL = "http://hl7.org/fhir/SearchParameter/individual-"
_PATIENT = "http://hl7.org/fhir/SearchParameter/Patient-"
_STUDY = "http://hl7.org/fhir/SearchParameter/ImagingStudy-"
_OWN = f"{OWN}/SearchParameter/ImagingStudy-"

PATIENT_PARAMETERS: dict[str, Parameter] = {
    parameter.name: parameter
    for parameter in (
        ID,
        LAST_UPDATED,
        Parameter(
            "birthdate",
            Element.PERIOD,
            "birthDate",
            "Patient's Birth Date",
            _INDIVIDUAL + "birthdate",
        ),
        Parameter(
            "family",
            Element.STRING,
            "name.family",
            "The family name, from its beginning; without case and accents",
            _INDIVIDUAL + "family",
        ),
        Parameter(
            "gender",
            Element.BOUND_CODE,
            "gender",
            "Patient's Sex",
            _INDIVIDUAL + "gender",
            system="http://hl7.org/fhir/administrative-gender",
        ),
        Parameter(
            "given",
            Element.STRING,
            "name.given",
            "A given name, from its beginning; without case and accents",
            _INDIVIDUAL + "given",
        ),
        Parameter(
            "identifier",
            Element.IDENTIFIER,
            "identifier",
            "Patient ID",
            _PATIENT + "identifier",
        ),
        Parameter(
            "name",
            Element.NAME,
            "name",
            "Any part of the name, from its beginning; without case and accents",
            _PATIENT + "name",
        ),
    )
}

IMAGING_STUDY_PARAMETERS: dict[str, Parameter] = {
    parameter.name: parameter
    for parameter in (
        ID,
        LAST_UPDATED,
        Parameter(
            "based-on",
            Element.REFERENCE,
            "basedOn",
            "The imaging request; known by Accession Number: based-on:identifier",
            _STUDY + "based-on",
            targets=("Appointment", "CarePlan", "ServiceRequest", "Task"),
        ),
        Parameter(
            "description",
            Element.STRING,
            "description",
            "Study Description, from its beginning; without case and accents",
            _OWN + "description",
        ),
        Parameter(
            "endpoint",
            Element.REFERENCE,
            "endpoint",
            "The DICOMweb endpoint of this Orthanc, where that plugin is loaded",
            _STUDY + "endpoint",
            targets=("Endpoint",),
        ),
        Parameter(
            "identifier",
            Element.IDENTIFIER,
            "identifier",
            "Study Instance UID; urn:oid: may be left out",
            CLINICAL + "identifier",
        ),
        Parameter(
            "instance",
            Element.UID,
            "series.instance.uid",
            "SOP Instance UID of an image in Orthanc; the resource lists no instances",
            _STUDY + "instance",
        ),
        Parameter(
            "modality",
            Element.CONCEPT,
            "series.modality",
            "The Modality of a series",
            _STUDY + "modality",
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
            "series",
            Element.UID,
            "series.uid",
            "Series Instance UID; urn:oid: may be written before it",
            _STUDY + "series",
        ),
        Parameter(
            "started",
            Element.PERIOD,
            "started",
            "Study Date",
            _STUDY + "started",
        ),
        Parameter(
            "status",
            Element.BOUND_CODE,
            "status",
            "Always available",
            _STUDY + "status",
            system="http://hl7.org/fhir/imagingstudy-status",
        ),
        Parameter(
            "subject",
            Element.REFERENCE,
            "subject",
            "As patient",
            _STUDY + "subject",
            targets=("Device", "Group", "Patient"),
        ),
    )
}
