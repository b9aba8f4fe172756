import pytest
from imaging_selection.errors import ConfigError
from imaging_selection.host import targets
from imaging_selection.host.config import parse_settings
from imaging_selection.host.targets import deliveries_of
from imaging_selection.store.engine import Database

TARGET = {"Name": "clinic", "Url": "https://fhir.example/r5"}


class Source:
    """Knows one patient, one study and one instance; DICOMweb is loaded."""

    patient = {"patient-113047": {}}.get
    study = {"study-113047": {}}.get
    attachment_uuid = {"instance-113047": "uuid"}.get

    def dicom_web_root(self):
        return "/dicom-web/"


@pytest.fixture
def database(tmp_path):
    database = Database(f"sqlite:///{tmp_path}/store.db")
    yield database
    database.close()


@pytest.fixture
def built(database, monkeypatch):
    """Returns what the deliveries are built with."""

    def build(**section):
        given = {}
        monkeypatch.setattr(
            "imaging_selection.delivery.deliveries.Deliveries",
            lambda *_, **options: given.update(options),
        )
        settings = parse_settings(
            {"ImagingSelection": {"Deliver": [TARGET], **section}}
        )
        targets.deliveries_of(settings, database, Source(), 1)
        return given

    return build


def test_without_targets_there_is_nothing_to_build(database):
    assert deliveries_of(parse_settings({}), database, Source(), 1) is None


def test_what_exists_is_what_orthanc_has(built):
    exists = built()["exists"]

    assert exists("Patient", "patient-113047")
    assert exists("ImagingStudy", "study-113047")
    assert exists(None, "instance-113047")
    for kind in ("Patient", "ImagingStudy", None):
        assert not exists(kind, "other-113047")


def test_the_endpoint_has_an_address_where_one_is_configured(built):
    assert built()["endpoint"]() is None
    endpoint = built(PublicBaseUrl="https://pacs.example/orthanc/fhir")["endpoint"]()
    assert endpoint["address"] == "https://pacs.example/orthanc/dicom-web"


def test_the_interval_is_that_of_the_sweeps(built):
    assert built(ReconcileInterval=7)["compare_seconds"] == 7


def test_a_target_that_cannot_be_served_is_a_problem_of_the_configuration(
    database, monkeypatch
):
    def refuse(_target):
        raise ConfigError(("no",))

    monkeypatch.setattr("imaging_selection.delivery.deliveries.dialect_of", refuse)
    settings = parse_settings({"ImagingSelection": {"Deliver": [TARGET]}})

    with pytest.raises(ConfigError):
        deliveries_of(settings, database, Source(), 1)
