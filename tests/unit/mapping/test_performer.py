"""Who took part: nobody is made up, made one of two, or turned into a person."""

from imaging_selection.dicom.entities import Code, Equipment, Participant
from imaging_selection.mapping.performer import OPERATOR, PERFORMER, Performers


def contained(*people, function=PERFORMER):
    performers = Performers()
    performers.add("role", function, people)
    return [
        {key: value for key, value in each.items() if key != "meta"}
        for each in performers.contained
    ]


def test_two_operators_of_one_name_are_two():
    twice = [Participant(name="Doe^Jane")] * 2

    assert [each["id"] for each in contained(*twice, function=OPERATOR)] == [
        "role-1",
        "role-2",
    ]


def test_an_observing_device_that_only_has_a_name_is_a_device():
    assert contained(Participant(is_device=True, name="Station 113047")) == [
        {
            "resourceType": "Device",
            "id": "role-1",
            "displayName": "Station 113047",
            "name": [{"value": "Station 113047", "type": "user-friendly-name"}],
        }
    ]


def test_the_name_of_a_device_stands_beside_its_model():
    equipment = Equipment(model_name="model-113047", station_name="station-113047")
    (device,) = contained(
        Participant(is_device=True, name="name-113047", equipment=equipment)
    )

    assert device["displayName"] == "model-113047"
    assert [each["value"] for each in device["name"]] == [
        "name-113047",
        "station-113047",
    ]


def test_who_has_neither_name_nor_code_is_nobody():
    assert contained(Participant(), Participant(is_device=True)) == []


def test_a_code_identifies_a_person_and_names_one_who_has_no_name():
    person = Participant(identification=(Code("7", "99STAFF", "Doe^Jane"),))

    assert contained(person) == [
        {
            "resourceType": "Practitioner",
            "id": "role-1",
            "identifier": [{"value": "7", "assigner": {"display": "99STAFF"}}],
            "name": [{"text": "Jane Doe", "family": "Doe", "given": ["Jane"]}],
        }
    ]


def test_a_scheme_with_a_uri_is_the_system_of_the_identifier():
    code = Code("7", "99STAFF", "Doe^Jane", scheme_uid="2.25.113047")
    (person,) = contained(Participant(name="Roe", identification=(code,)))

    assert person["identifier"] == [{"system": "urn:oid:2.25.113047", "value": "7"}]
    assert person["name"] == [{"text": "Roe", "family": "Roe"}]
