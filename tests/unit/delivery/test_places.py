import pytest
from imaging_selection.delivery.places import Place, Places
from imaging_selection.delivery.target import parse_targets
from imaging_selection.errors import NotYetError

OWN, STUDY = "Patient/own-113047", "ImagingStudy/study-113047"
SYSTEM, OTHER = "urn:oid:2.25.113047", "urn:oid:2.25.113048"
UID = {"system": "urn:dicom:uid", "value": "urn:oid:2.25.7"}


class Client:
    """Finds what it is given, whatever is asked."""

    def __init__(self, *found):
        self.found = found
        self.asked = []

    def search(self, *asked):
        self.asked.append(asked)
        return [each for each in self.found if each["resourceType"] == asked[0]]


def places(*found, **keys):
    settings = {"Name": "clinic", "Url": "https://fhir.example/r5", **keys}
    (target,) = parse_targets([settings])
    made = Places(target, client := Client(*found))
    made.client = client
    return made


def subject(system=SYSTEM, value="mrn-113047", **more):
    identifier = {"system": system, "value": value, **more}
    kept = {key: each for key, each in identifier.items() if each}
    return {"reference": OWN, "type": "Patient", "identifier": kept}


def patient(identity, system=SYSTEM, value="mrn-113047"):
    identifiers = [{"system": OTHER, "value": "x"}, {"system": system, "value": value}]
    return {"resourceType": "Patient", "id": identity, "identifier": identifiers}


def study(identity, subject, identifier=UID):
    return {
        "resourceType": "ImagingStudy",
        "id": identity,
        "identifier": [identifier],
        "subject": subject,
    }


@pytest.mark.parametrize("how", ["wait", "create", "identifier"])
def test_a_patient_that_the_target_has_is_taken_by_system_and_value(how):
    found = places(patient("hospital-1"), OnUnknownPatient=how)

    there = Place("Patient/hospital-1", is_there=True)
    assert found.patient(subject()) == there
    assert found.client.asked == [("Patient", SYSTEM, "mrn-113047")]


def test_an_unknown_patient_is_created_or_left_logical_or_waited_for():
    assert places(OnUnknownPatient="create").patient(subject()) == Place(OWN, True)  # noqa: FBT003
    assert places(OnUnknownPatient="identifier").patient(subject()) == Place(None)
    with pytest.raises(NotYetError, match="no Patient of this identifier"):
        places().patient(subject())


@pytest.mark.parametrize("how", ["wait", "create", "identifier"])
def test_of_two_patients_none_is_guessed(how):
    found = places(patient("a"), patient("b"), OnUnknownPatient=how)

    with pytest.raises(NotYetError, match="has 2 Patients"):
        found.patient(subject())


@pytest.mark.parametrize(
    "stranger",
    [
        patient("a", system=OTHER),
        patient("a", value="mrn-113048"),
        patient("a", value="MRN-113047"),
        {"resourceType": "Patient", "id": "a"},
        {"resourceType": "Patient", "id": "a", "identifier": [None, {}]},
        {"resourceType": "Patient", "id": 7, "identifier": subject()["identifier"]},
    ],
)
@pytest.mark.parametrize("how", ["wait", "create", "identifier"])
def test_a_patient_of_another_identifier_is_never_taken(stranger, how):
    """A server that ignores the parameter answers with all of its patients."""
    with pytest.raises(NotYetError, match="of another identifier"):
        places(stranger, OnUnknownPatient=how).patient(subject())


@pytest.mark.parametrize("how", ["wait", "create", "identifier"])
def test_without_a_patient_id_the_object_waits(how):
    for bare in (subject(value=None), {"reference": OWN}):
        with pytest.raises(NotYetError, match="no Patient ID"):
            places(patient("a"), OnUnknownPatient=how).patient(bare)


def test_without_a_system_nobody_is_searched():
    bare = subject(system=None)
    for how, place in (
        ("create", Place(OWN, is_own=True, is_there=True)),
        ("identifier", Place(None)),
    ):
        found = places(patient("a"), OnUnknownPatient=how)
        assert found.patient(bare) == place
        assert found.client.asked == []
    with pytest.raises(NotYetError, match="set PatientIdentifierSystem"):
        places(patient("a")).patient(bare)


def test_the_system_of_the_target_completes_an_identifier_of_nobody_else():
    found = places(patient("a"), PatientIdentifierSystem=SYSTEM)

    assert found.patient(subject(system=None)) == Place("Patient/a", is_there=True)
    assert found.completed(subject(OTHER)["identifier"])["system"] == OTHER
    foreign = subject(system=None, assigner={"display": "elsewhere"})["identifier"]
    assert found.completed(foreign) == foreign
    assert found.completed({}) == {}


def test_the_patient_that_the_plugin_created_is_its_own():
    own = patient("own-113047")

    created = places(own, OnUnknownPatient="create").patient(subject())
    assert created == Place(OWN, is_own=True, is_there=True)
    assert places(own).patient(subject()) == Place(OWN, is_there=True)


def reference(identifier=UID):
    return {"reference": STUDY, "type": "ImagingStudy", "identifier": identifier}


HERE = Place("Patient/hospital-1")


@pytest.mark.parametrize(
    "said",
    [
        {"reference": "Patient/hospital-1"},
        {"reference": "Patient/hospital-1/_history/3"},
        {"reference": "https://fhir.example/r5/Patient/hospital-1"},
        {"identifier": subject()["identifier"]},
    ],
)
@pytest.mark.parametrize("how", ["create", "identifier"])
def test_a_study_of_the_same_patient_is_taken(said, how):
    found = places(study("s", said), OnUnknownStudy=how)

    assert found.study(reference(), subject(), HERE) == Place(
        "ImagingStudy/s", is_there=True
    )
    assert found.client.asked == [("ImagingStudy", UID["system"], UID["value"])]


@pytest.mark.parametrize(
    "said",
    [
        {"reference": "Patient/hospital-2"},
        {"reference": "https://other.example/r5/Patient/hospital-1"},
        {"identifier": subject(OTHER)["identifier"]},
        {"identifier": subject(value="other")["identifier"]},
        {"display": "somebody"},
        None,
    ],
)
@pytest.mark.parametrize("how", ["create", "identifier"])
def test_a_study_of_another_patient_is_never_taken(said, how):
    found = places(study("s", said), OnUnknownStudy=how)

    with pytest.raises(NotYetError, match="of another patient"):
        found.study(reference(), subject(), HERE)


def test_of_two_studies_none_is_guessed():
    here = {"reference": "Patient/hospital-1"}
    found = places(study("s", here), study("t", here))

    with pytest.raises(NotYetError, match="has 2 ImagingStudies"):
        found.study(reference(), subject(), HERE)


def test_the_study_of_the_same_patient_is_taken_of_those_of_one_uid():
    found = places(
        study("s", {"reference": "Patient/hospital-2"}),
        study("t", {"reference": "Patient/hospital-1"}),
    )

    place = found.study(reference(), subject(), HERE)

    assert place == Place("ImagingStudy/t", is_there=True)


def test_an_unknown_study_is_created_or_left_logical():
    created = places(OnUnknownStudy="create").study(reference(), subject(), HERE)

    assert created == Place(STUDY, is_own=True)
    assert places().study(reference(), subject(), HERE) == Place(None)
    assert places().study(reference({}), subject(), HERE) == Place(None)


def test_a_study_of_a_logical_patient_is_compared_by_identifier():
    nowhere = Place(None)
    found = places(study("s", {"reference": "Patient/x"}))
    with pytest.raises(NotYetError, match="of another patient"):
        found.study(reference(), subject(), nowhere)
    found = places(study("s", {"identifier": subject()["identifier"]}))
    assert found.study(reference(), subject(), nowhere) == Place(
        "ImagingStudy/s", is_there=True
    )
