"""How patients and studies are kept as Orthanc knows them."""

from zoneinfo import ZoneInfo

import pytest
from imaging_selection.errors import SourceError
from imaging_selection.store.stale import Stale
from support.builders import make_rtstruct, roi
from support.served import Served, structure_set


@pytest.fixture
def served(tmp_path):
    served = Served(tmp_path)
    yield served
    served.related.stop()
    served.database.close()


@pytest.fixture
def ids(served):
    return served.store(structure_set())


def patient_of(served, ids):
    return served.selections.read(ids.patient, "Patient")


def rename(served, ids, name="Changed"):
    served.orthanc.patients[ids.patient]["MainDicomTags"]["PatientName"] = name


def test_a_patient_is_in_the_store_once_something_refers_to_it(served, ids):
    assert b"Family" in patient_of(served, ids).resource
    assert served.selections.read(ids.study, "ImagingStudy").version_id == 1
    assert served.selections.stale(9) == []


def test_a_patient_to_whom_nothing_refers_any_more_is_deleted(served, ids):
    other = served.store(
        make_rtstruct(roi(1), PatientID="patient-1", StudyInstanceUID="2.25.11")
    )
    assert other.patient == ids.patient
    served.remove(ids.instance)
    assert not patient_of(served, ids).deleted
    served.remove(other.instance)
    assert patient_of(served, ids).deleted
    assert served.selections.read(ids.study, "ImagingStudy").deleted


def test_an_announced_change_makes_it_again(served, ids):
    rename(served, ids)
    served.related.announce(ids.patient)
    served.related.catch_up()
    assert b"Changed" in patient_of(served, ids).resource
    assert patient_of(served, ids).version_id == 2


def test_a_deleted_series_leads_to_its_study(served, ids):
    series = served.orthanc.studies[ids.study]["series"]
    gone = series.pop()["ID"]
    served.related.announce(gone)
    served.related.catch_up()
    study = served.selections.read(ids.study, "ImagingStudy")
    assert b'"numberOfSeries":0' in study.resource


def test_an_announcement_of_what_nothing_refers_to_does_nothing(served, ids):
    for name in ("unknown", "another"):
        served.related.announce(name)
    served.related.catch_up()
    assert patient_of(served, ids).version_id == 1


def test_what_did_not_change_keeps_its_version(served, ids):
    for _ in range(3):
        served.related.refresh("Patient", ids.patient)
        served.store(structure_set())
    assert patient_of(served, ids).version_id == 1


def test_in_an_outage_nothing_is_deleted_and_nothing_forgotten(served, ids):
    served.selections.note_stale([("Patient", ids.patient)])
    served.related.announce(ids.patient)
    known, served.orthanc.patient = served.orthanc.patient, _fail
    with pytest.raises(SourceError):
        served.related.catch_up()
    assert not patient_of(served, ids).deleted
    assert [each.id for each in served.selections.stale(9)] == [ids.patient]
    served.orthanc.patient = known
    rename(served, ids)
    served.related.catch_up()
    assert b"Changed" in patient_of(served, ids).resource
    assert served.selections.stale(9) == []


def _fail(_orthanc_id):
    raise SourceError("Orthanc does not answer")


def test_what_is_noted_again_meanwhile_stays_noted(served, ids):
    served.selections.note_stale([("Patient", ids.patient)])
    (first,) = served.selections.stale(9)
    served.selections.note_stale([("Patient", ids.patient)])
    served.selections.save_referred(first, None, "2026-01-02T03:04:05Z")
    (second,) = served.selections.stale(9)
    assert (second.id, second.mark != first.mark) == (ids.patient, True)
    assert isinstance(second, Stale)


def test_a_round_finds_what_was_not_announced(served, ids):
    rename(served, ids)
    served.related._check_all()  # noqa: SLF001 - the thread calls it every few minutes
    assert b"Changed" in patient_of(served, ids).resource


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "UTC"])
def test_a_date_is_found_in_the_zone_of_the_site(tmp_path, zone):
    served = Served(tmp_path, timezone=ZoneInfo(zone))
    ids = served.store(structure_set())
    tags = served.orthanc.patients[ids.patient]["MainDicomTags"]
    tags["PatientBirthDate"] = "19700101"
    served.related.refresh("Patient", ids.patient)
    for value, count in (("1970-01-01", 1), ("1970", 1), ("ge1970", 1), ("lt1970", 0)):
        assert len(served.get(f"Patient?birthdate={value}").ids) == count
    assert len(served.get("ImagingStudy?started=2024-02-29").ids) == 1
    served.database.close()
