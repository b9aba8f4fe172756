"""Patients, studies, endpoints, and what objects refer to, at a target."""

import pytest
from imaging_selection.delivery import sender
from support.durability import structure_set
from support.waiting import wait_until

from .conftest import SYSTEM, patient_of, settings_of, wait_until_delivered

NAME = "clinic-113047"


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(sender, "MAXIMUM_WAIT", 0.1)
    monkeypatch.setattr(sender, "SOON", 0.05)
    monkeypatch.setattr(sender, "MAXIMUM_PAUSE", 0.1)


def study_of(ids, value, **elements):
    subject = {
        "reference": f"Patient/{ids.patient}",
        "identifier": {"system": SYSTEM, "value": value},
    }
    return {
        "resourceType": "ImagingStudy",
        "id": ids.study,
        "status": "available",
        "subject": subject,
        "identifier": [{"system": "urn:dicom:uid", "value": "urn:oid:2.25.21301"}],
        **elements,
    }


def observation(orthanc_id, selection, ids, value):
    """An Observation of another object that was made on a selection."""
    return {
        "resourceType": "Observation",
        "id": f"{orthanc_id}-1",
        "status": "final",
        "subject": {
            "reference": f"Patient/{ids.patient}",
            "identifier": {"system": SYSTEM, "value": value},
        },
        "derivedFrom": [{"reference": f"ImagingSelection/{selection}"}],
    }


REPORT = "-".join(["00113047"] * 5)


def subjects(target):
    selections = target.of("ImagingSelection").values()
    return {each["subject"].get("reference") for each in selections}


def put(target, resource):
    target.resources[f"{resource['resourceType']}/{resource['id']}"] = resource


def held(deliveries):
    return wait_until(lambda: deliveries.status()[0]["held"])


def test_an_object_waits_for_its_patient_and_is_delivered_once_it_is_known(
    site, target
):
    site.save(structure_set(1))
    deliveries = site.deliver_to(settings_of(target, OnUnknownPatient="wait"))
    (waiting,) = held(deliveries)
    assert waiting["reason"] == "the target has no Patient of this identifier"
    assert deliveries.status()[0]["waiting"] == 1
    assert target.puts == []

    put(target, patient_of("hospital-7", "patient-1"))

    wait_until_delivered(deliveries, 1)
    assert subjects(target) == {"Patient/hospital-7"}
    for each in target.of("ImagingSelection").values():
        assert each["subject"]["identifier"]["value"] == "patient-1"
        for contained in each.get("contained", ()):
            if "patient" in contained:
                assert contained["patient"]["reference"] == "Patient/hospital-7"


def test_objects_of_two_patients_are_not_mixed(site, target):
    put(target, patient_of("hospital-1", "patient-1"))
    put(target, patient_of("hospital-2", "patient-2"))
    one, two = site.save(structure_set(1)), site.save(structure_set(2))

    wait_until_delivered(site.deliver_to(settings_of(target)), 2)

    for ids, patient in ((one, "hospital-1"), (two, "hospital-2")):
        for identity, each in target.of("ImagingSelection").items():
            if identity.startswith(ids.instance):
                assert each["subject"]["reference"] == f"Patient/{patient}"


def test_an_ambiguous_patient_is_listed_and_not_guessed(site, target):
    put(target, patient_of("hospital-1", "patient-1"))
    put(target, patient_of("hospital-2", "patient-1"))
    site.save(structure_set(1))

    (waiting,) = held(site.deliver_to(settings_of(target)))

    assert waiting["reason"] == "the target has 2 Patients of this identifier"
    assert target.puts == []


def test_an_object_whose_resources_are_of_several_patients_is_refused(site, target):
    ids = site.save(structure_set(1))
    first = observation(REPORT, f"{ids.instance}-1", ids, "patient-1")
    second = observation(REPORT, f"{ids.instance}-1", ids, "patient-2")
    site.save_resources(REPORT, first, second | {"id": f"{REPORT}-2"})

    deliveries = site.deliver_to(settings_of(target))

    (refused,) = wait_until(lambda: deliveries.status()[0]["refused"])
    assert refused["instance"] == REPORT
    assert refused["reason"] == "its resources are of several patients"


def test_a_patient_is_created_once_the_store_has_made_it(site, target):
    ids = site.save(structure_set(1))
    other = site.save(structure_set(1, SOPInstanceUID="2.25.113047"))
    deliveries = site.deliver_to(settings_of(target, OnUnknownPatient="create"))
    assert held(deliveries)[0]["reason"] == "the Patient is not made yet"

    site.save_related(patient_of(ids, "patient-1"))

    wait_until_delivered(deliveries, 2)
    assert target.of("Patient") == {ids.patient: patient_of(ids, "patient-1")}
    assert subjects(target) == {f"Patient/{ids.patient}"}
    assert target.puts.count(f"Patient/{ids.patient}") == 1
    assert other.patient == ids.patient


def test_a_created_patient_follows_what_orthanc_knows_and_goes_at_last(site, target):
    ids = site.save(structure_set(1))
    site.save_related(patient_of(ids, "patient-1"))
    deliveries = site.deliver_to(settings_of(target, OnUnknownPatient="create"))
    wait_until_delivered(deliveries, 1)

    changed = patient_of(ids, "patient-1", gender="other")
    site.save_related(changed)
    wait_until(lambda: target.of("Patient") == {ids.patient: changed})

    site.save_related(changed | {"text": "gone"})
    site.remove(ids.instance)

    wait_until(lambda: target.resources == {})
    wait_until_delivered(deliveries, 0)


def test_a_created_patient_that_somebody_deleted_is_created_again(site, target):
    ids = site.save(structure_set(1))
    site.save_related(patient_of(ids, "patient-1"))
    deliveries = site.deliver_to(settings_of(target, OnUnknownPatient="create"))
    wait_until_delivered(deliveries, 1)
    target.resources.clear()

    deliveries.resend(NAME, force=False, orthanc_id=ids.instance)

    wait_until(lambda: ids.instance in target.of("ImagingSelection"))
    assert target.of("Patient").keys() == {ids.patient}


def test_a_patient_that_others_refer_to_stays(site, target):
    ids = site.save(structure_set(1))
    site.save_related(patient_of(ids, "patient-1"))
    deliveries = site.deliver_to(settings_of(target, OnUnknownPatient="create"))
    wait_until_delivered(deliveries, 1)
    reference = {"reference": f"Patient/{ids.patient}"}
    put(target, {"resourceType": "Encounter", "id": "e", "subject": reference})

    site.save_related(patient_of(ids, "patient-1") | {"text": "gone"})
    site.remove(ids.instance)

    wait_until_delivered(deliveries, 0)
    assert target.resources.keys() == {"Encounter/e", f"Patient/{ids.patient}"}
    status = deliveries.status()[0]
    assert (status["held"], status["refused"]) == ([], [])


def test_a_patient_of_the_hospital_is_neither_changed_nor_deleted(site, target):
    own = patient_of("hospital-1", "patient-1", gender="female")
    put(target, own)
    ids = site.save(structure_set(1))
    site.save_related(patient_of(ids, "patient-1"))
    deliveries = site.deliver_to(settings_of(target, OnUnknownPatient="create"))
    wait_until_delivered(deliveries, 1)

    site.save_related(patient_of(ids, "patient-1", gender="other"))
    site.save_related(patient_of(ids, "patient-1") | {"text": "gone"})
    site.remove(ids.instance)

    wait_until_delivered(deliveries, 0)
    assert target.resources == {"Patient/hospital-1": own}


def test_a_system_of_the_target_stands_in_the_patient_that_is_created(site, target):
    site.choices = type(site.choices)()  # no system of the site
    ids = site.save(structure_set(1))
    site.save_related({**patient_of(ids, "x"), "identifier": [{"value": "patient-1"}]})
    keys = {"OnUnknownPatient": "create", "PatientIdentifierSystem": SYSTEM}

    wait_until_delivered(site.deliver_to(settings_of(target, **keys)), 1)

    (created,) = target.of("Patient").values()
    assert created["identifier"] == [{"system": SYSTEM, "value": "patient-1"}]
    for each in target.of("ImagingSelection").values():
        assert each["subject"]["identifier"]["system"] == SYSTEM


def study_at(target, ids):
    """Where the structure set says that its study is."""
    return target.of("ImagingSelection")[ids.instance]["derivedFrom"][0]["reference"]


def test_a_study_is_created_with_its_patient(site, target):
    put(target, patient_of("hospital-1", "patient-1"))
    ids = site.save(structure_set(1))
    site.save_related(study_of(ids, "patient-1"))

    deliveries = site.deliver_to(settings_of(target, OnUnknownStudy="create"))

    wait_until_delivered(deliveries, 1)
    (created,) = target.of("ImagingStudy").values()
    assert created["subject"]["reference"] == "Patient/hospital-1"
    assert study_at(target, ids) == f"ImagingStudy/{ids.study}"
    site.save_related(study_of(ids, "patient-1", description="other"))
    wait_until(
        lambda: target.of("ImagingStudy")[ids.study].get("description") == "other"
    )


def uid_of(site, ids):
    stored = site.stored()[f"ImagingSelection/{ids.instance}"]
    uid = stored["derivedFrom"][0]["identifier"]["value"]
    return {"identifier": [{"system": "urn:dicom:uid", "value": uid}]}


def test_a_study_of_the_hospital_is_found_by_its_uid(site, target):
    put(target, patient_of("hospital-1", "patient-1"))
    ids = site.save(structure_set(1))
    subject = {"reference": "Patient/hospital-1"}
    study = study_of(
        ids, "patient-1", id="study-7", subject=subject, **uid_of(site, ids)
    )
    put(target, study)

    wait_until_delivered(site.deliver_to(settings_of(target)), 1)

    assert study_at(target, ids) == "ImagingStudy/study-7"


def test_a_study_of_another_patient_is_not_referred_to(site, target):
    put(target, patient_of("hospital-1", "patient-1"))
    put(target, patient_of("hospital-2", "patient-2"))
    ids = site.save(structure_set(1))
    subject = {"reference": "Patient/hospital-2"}
    study = study_of(
        ids, "patient-1", id="study-7", subject=subject, **uid_of(site, ids)
    )
    put(target, study)

    (waiting,) = held(site.deliver_to(settings_of(target)))

    assert waiting["reason"] == "the target has this ImagingStudy of another patient"
    assert target.puts == []


def test_an_endpoint_comes_along_where_its_address_is_known(site, target):
    site.choices = type(site.choices)(endpoint="Endpoint/dicom-web")
    site.endpoint = {"resourceType": "Endpoint", "id": "dicom-web", "address": "x"}
    ids = site.save(structure_set(1))
    wait_until_delivered(site.deliver_to(settings_of(target)), 1)

    selection = target.of("ImagingSelection")[ids.instance]
    assert selection["endpoint"] == [{"reference": "#dicom-web"}]
    assert site.endpoint in selection["contained"]

    site.started.pop().stop()
    site.endpoint = None
    site.save(structure_set(1, rois=3))
    wait_until_delivered(site.deliver_to(settings_of(target)), 1)
    for each in target.of("ImagingSelection").values():
        assert "endpoint" not in each


def test_what_others_refer_to_comes_first_and_goes_last(site, target):
    """The report is saved first, and the structure set is deleted before it."""
    ids = ids_later = site.save(structure_set(1))
    selection = f"{ids.instance}-1"
    site.save_resources(REPORT, observation(REPORT, selection, ids, "patient-1"))
    deliveries = site.deliver_to(settings_of(target))
    wait_until_delivered(deliveries, 2)
    (made,) = target.of("Observation").values()
    assert made["derivedFrom"] == [{"reference": f"ImagingSelection/{selection}"}]

    site.remove(ids_later.instance)

    wait_until_delivered(deliveries, 1)
    (made,) = target.of("Observation").values()
    assert made["derivedFrom"] == [{"display": f"ImagingSelection/{selection}"}]
    assert target.of("ImagingSelection") == {}


def test_a_reference_is_logical_until_the_target_has_what_it_refers_to(site, target):
    ids = site.save(structure_set(1))
    selection = f"{ids.instance}-1"

    def refuses_the_structure_set(handler, _method, body):
        is_it = f'"PUT","url":"ImagingSelection/{selection}"'.encode() in body
        return is_it and (
            handler.send(422, b'{"resourceType":"OperationOutcome","issue":[]}') or True
        )

    target.behave = refuses_the_structure_set
    deliveries = site.deliver_to(settings_of(target))
    wait_until(lambda: deliveries.status()[0]["refused"])
    site.save_resources(REPORT, observation(REPORT, selection, ids, "patient-1"))
    wait_until_delivered(deliveries, 1)
    (made,) = target.of("Observation").values()
    assert made["derivedFrom"] == [{"display": f"ImagingSelection/{selection}"}]

    target.behave = lambda *_: False
    deliveries.resend(NAME, force=False)

    wait_until(
        lambda: (
            target.of("Observation")[f"{REPORT}-1"]["derivedFrom"]
            == [{"reference": f"ImagingSelection/{selection}"}]
        )
    )
    wait_until_delivered(deliveries, 2)


def test_what_the_store_has_lost_for_a_while_is_not_deleted(site, target):
    ids = site.save(structure_set(1))
    deliveries = site.deliver_to(settings_of(target), compare_seconds=0.05)
    wait_until_delivered(deliveries, 1)

    site.selections.remove(ids.instance, "2021-03-04T05:06:08.000Z")

    assert held(deliveries)[0]["reason"] == "it is not converted yet"
    assert f"ImagingSelection/{ids.instance}" in target.resources
    site.held.discard(ids.instance)
    wait_until(lambda: target.resources == {})
