"""The searches that the two servers answer differently, and why.

Each reason is one of three: ours is right (by R5), the peer's limit, a choice that R5
leaves to a server.
"""

from enum import StrEnum

from peers.searches import OWN


class Reason(StrEnum):
    OURS = "ours is right"
    PEER = "the peer's limit"
    CHOICE = "a choice"


GROUPS = (
    (
        Reason.OURS,
        (
            "an element that is there is not missing, whatever the index has of it:"
            " text without a code, a contained resource, an identifier alone"
        ),
        (
            "ImagingSelection?based-on:missing=false",
            "ImagingSelection?body-site:missing=true",
            "ImagingSelection?body-site:missing=false",
            "ImagingSelection?body-structure:missing=true",
            "ImagingSelection?body-structure:missing=false",
            "ImagingSelection?category:missing=true",
            "ImagingSelection?derived-from:missing=true",
            "ImagingSelection?derived-from:missing=false",
            (
                "ImagingSelection?patient={patient}&body-site:missing=false"
                "&status=available"
            ),
            "Observation?body-structure:missing=true",
            "Observation?performer:missing=true",
            "Observation?device:missing=true",
            "Observation?value-concept:missing=false",
            "ImagingStudy?based-on:missing=true",
        ),
    ),
    (
        Reason.OURS,
        "ge and le include the whole period that the parameter names",
        (
            "ImagingSelection?issued=ge2018",
            "ImagingSelection?issued=le2018",
            "Patient?birthdate=ge1970",
            "ImagingStudy?started=ge2018&modality=RTSTRUCT",
            "ImagingStudy?started=ge2018-03",
            "ImagingStudy?started=le2018-03",
            "ImagingSelection?derived-from:ImagingStudy.started=ge2018",
            "Patient?_has:ImagingStudy:patient:started=ge2020",
        ),
    ),
    (
        Reason.OURS,
        "the number 1 stands for 0.5 up to 1.5, and 0.5 belongs to that",
        ("Observation?value-quantity=1", "Observation?value-quantity=ne1"),
    ),
    (
        Reason.OURS,
        "|code finds only codes without a system",
        ("ImagingSelection?_tag=|roi",),
    ),
    (
        Reason.PEER,
        "a tag needs a code, and :missing of profiles and tags has no effect",
        (
            f"ImagingSelection?_tag={OWN}/selection-level|",
            "ImagingSelection?_profile:missing=true",
            "ImagingSelection?_profile:missing=false",
            "ImagingSelection?_tag:missing=true",
        ),
    ),
    (
        Reason.PEER,
        ":identifier of a reference is not supported",
        (
            "ImagingSelection?based-on:identifier=1",
            "ImagingSelection?derived-from:identifier={studyUid}",
            "ImagingSelection?derived-from:identifier=urn:dicom:uid|urn:oid:{studyUid}",
            "ImagingSelection?patient:identifier={mrn}",
            "ImagingSelection?subject:identifier={mrn}",
            "Observation?part-of:identifier=2.25.113047100",
            "Observation?patient:identifier=patient-113047",
            "ImagingStudy?patient:identifier={mrn}",
            "ImagingStudy?based-on:identifier=1",
        ),
    ),
    (
        Reason.PEER,
        "compartments of these types are not served",
        (
            "Patient/{patient}/ImagingSelection?_tag=roi",
            "Patient/{patient}/ImagingStudy?status=available",
            "Patient/{measuredPatient}/Observation?status=final",
        ),
    ),
    (
        Reason.CHOICE,
        "a UID is found with urn:oid: and without it",
        (
            "ImagingSelection?identifier={instanceUid}",
            "ImagingSelection?identifier=urn:dicom:uid|{instanceUid}",
            "ImagingSelection?sop-class={sopClass}",
            "ImagingStudy?identifier={studyUid}",
        ),
    ),
    (
        Reason.CHOICE,
        "what is not supported has no effect, with a warning; the peer refuses it",
        ("ImagingSelection?nonsense=1", "ImagingSelection?_sort=nonsense"),
    ),
    (
        Reason.CHOICE,
        (
            "sorting: what lacks the value comes first; of a name, the family name"
            " counts; texts are compared without case and accents"
        ),
        (
            "ImagingSelection?patient={patient}&_sort=roi-name",
            "ImagingSelection?issued:missing=false&_sort=-issued,roi-name",
            "Patient?birthdate:missing=false&_sort=-birthdate,name",
            "Patient?name:missing=false&_sort=name",
        ),
    ),
)

DIFFERENCES = {
    search: (reason, why) for reason, why, searches in GROUPS for search in searches
}
