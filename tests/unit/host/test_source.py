import json

import pytest
from imaging_selection.errors import SourceError
from imaging_selection.host.source import UIDS_AT_ONCE, OrthancSource
from imaging_selection.ids import OrthancIds
from imaging_selection.objects import ids_of
from imaging_selection.sync.ports import Instance, Series
from support.builders import CT_SERIES, ct_image, image_uid, make_rtstruct, roi
from support.fake_archive import OrthancException
from support.fake_orthanc import FakeOrthanc
from support.reading import parse_structure_set

UNKNOWN = "0a9b3153-2512774b-2d9580de-1fc3dcf6-3bd83918"
FILE = make_rtstruct(roi(1, "Larynx"))
OTHER_BYTES = make_rtstruct(roi(1, "Larynx"), roi(2, "Mandible"))
SIBLING = make_rtstruct(roi(1), SOPInstanceUID="2.25.113047301")
IDS = ids_of(parse_structure_set(FILE))


@pytest.fixture
def host():
    host = FakeOrthanc()
    host.start()
    return host


@pytest.fixture
def source(host):
    return OrthancSource(host.module)


def test_an_instance_is_described(host, source):
    structure_set, _ = host.store(FILE)
    image, _ = host.store(ct_image())
    described = source.instance(structure_set)
    uuid = described.attachment_uuid
    assert described == Instance(IDS, uuid, len(FILE), kind="structureSets")
    assert source.file_size(structure_set) == len(FILE)
    assert source.instance(image).kind is None


def test_another_file_has_another_attachment_uuid():
    host = FakeOrthanc({"OverwriteInstances": True})
    host.start()
    source = OrthancSource(host.module)
    identity, _ = host.store(FILE)
    before = source.instance(identity).attachment_uuid
    host.store(OTHER_BYTES)
    assert source.instance(identity).attachment_uuid != before
    assert source.file(identity) == OTHER_BYTES


@pytest.mark.parametrize(
    "identity",
    [UNKNOWN, UNKNOWN.upper(), "", ".", "../series", "a b", "é", f"{UNKNOWN}\n"],
)
def test_what_orthanc_does_not_have_is_none(source, identity):
    assert source.instance(identity) is None
    assert source.instances_below("studies", identity) is None


def test_the_series_are_listed_with_what_is_in_them(host, source):
    assert source.series_ids() == []
    stored = (host.store(FILE)[0], host.store(SIBLING)[0])
    host.store(ct_image())
    assert len(source.series_ids()) == 2
    assert source.series(IDS.series) == Series("RTSTRUCT", stored)
    assert source.series(UNKNOWN) is None


def test_a_file_has_an_attachment_uuid_until_it_is_deleted(host, source):
    identity, _ = host.store(FILE)
    assert source.attachment_uuid(identity) == source.instance(identity).attachment_uuid
    host.delete(identity)
    assert source.attachment_uuid(identity) is None


def test_the_change_log_is_read_from_a_number_on(host, source):
    assert (source.changes(0, 9), source.last_change()) == ([], None)
    host.store(FILE)
    first, *_, last = source.changes(0, 9)
    assert (first.number, first.kind, first.resource_id) == (
        *(1, "NewInstance"),
        IDS.instance,
    )
    assert source.last_change() == last
    assert source.changes(last.number - 1, 9) == [last]
    assert source.changes(0, 1) == [first]
    assert source.changes(last.number, 9) == []


def test_a_metric_is_published(host, source):
    source.measure("imaging_selection_113047", 7)
    assert host.metrics == {"imaging_selection_113047": 7.0}


@pytest.mark.parametrize(
    ("resource_type", "identity"),
    [("series", IDS.series), ("studies", IDS.study), ("patients", IDS.patient)],
)
def test_the_convertible_instances_below_are_listed(
    host, source, resource_type, identity
):
    stored = [host.store(FILE)[0], host.store(SIBLING)[0]]
    host.store(ct_image())
    assert source.instances_below(resource_type, identity) == stored


def test_below_a_series_of_images_there_is_none(host, source):
    identity, _ = host.store(ct_image())
    series = source.instance(identity).ids.series
    assert source.instances_below("series", series) == []


def test_images_are_found_by_their_uids_of_every_patient(host, source):
    stored = {
        host.store(ct_image(number, PatientID=patient))[0]
        for patient in ("one", "two", "three")
        for number in (1, 2)
    }
    host.store(ct_image(3))
    uids = [image_uid(1), "2.25.9", image_uid(2), image_uid(1)]
    found = source.find_images(uids)
    assert {each["ID"] for each in found} == stored
    assert len(found) == len(stored)
    assert source.find_images([]) == []
    series = source.find_series([CT_SERIES, "2.25.9"])
    assert len(series) == 4
    assert {each["ParentSeries"] for each in found} < {each["ID"] for each in series}


def test_the_studies_of_images_are_those_of_every_patient(host, source):
    stored = [
        source.instance(host.store(ct_image(number, PatientID=patient))[0]).ids.study
        for patient, number in (("one", 1), ("two", 1), ("two", 2), ("three", 3))
    ]
    assert source.studies_of_images([image_uid(1)]) == sorted({*stored[:2]})
    assert source.studies_of_images([image_uid(2), "2.25.9"]) == [stored[2]]
    for other in ([], ["2.25.9"], ["*"], ["2.25.?"], [image_uid(1)[:-1] + "*"], [""]):
        assert source.studies_of_images(other) == []


@pytest.mark.parametrize("limit", [1, 2, 5])
def test_all_images_are_found_whatever_limit_orthanc_has(limit):
    host = FakeOrthanc({"LimitFindInstances": limit})
    host.start()
    source = OrthancSource(host.module)
    uids = [image_uid(number) for number in range(1, 12)]
    stored = {
        host.store(ct_image(n, SOPInstanceUID=uid))[0] for n, uid in enumerate(uids)
    }
    assert {each["ID"] for each in source.find_images(uids)} == stored


def test_many_uids_are_looked_for_in_several_queries(host, source):
    stored, _ = host.store(ct_image())
    unknown = [f"2.25.1130479{number}" for number in range(UIDS_AT_ONCE)]
    [found] = source.find_images([*unknown, image_uid(1)])
    assert found["ID"] == stored


def test_a_uid_is_not_another_one_in_the_other_case(host, source):
    host.store(ct_image(SOPInstanceUID="2.25.abc"))
    assert source.find_images(["2.25.ABC"]) == []


def test_the_studies_of_a_patient_name_their_series(host, source):
    host.store(FILE)
    image, _ = host.store(ct_image())
    host.store(ct_image(PatientID="other"))
    series = source.instance(image).ids.series
    [study] = source.studies_of_patient(IDS.patient)
    assert study["ID"] == IDS.study
    assert {*study["Series"]} == {IDS.series, series}
    assert source.studies_of_patient(UNKNOWN) == []
    assert source.image_series(series)["ParentStudy"] == IDS.study
    assert source.image_series(UNKNOWN) is None


def test_a_file_that_is_not_there_is_an_error_of_the_source(source):
    with pytest.raises(SourceError, match="has no file of the instance"):
        source.file(UNKNOWN)


@pytest.mark.parametrize(
    "ask",
    [
        pytest.param(lambda source: source.instance(UNKNOWN), id="instance"),
        pytest.param(lambda source: source.file(UNKNOWN), id="file"),
        pytest.param(lambda source: source.attachment_uuid(UNKNOWN), id="attachment"),
        pytest.param(lambda source: source.series_ids(), id="series"),
        pytest.param(lambda source: source.series(UNKNOWN), id="one-series"),
        pytest.param(lambda source: source.changes(0, 1), id="changes"),
        pytest.param(lambda source: source.last_change(), id="last-change"),
        pytest.param(lambda source: source.find_images(["2.25.9"]), id="images"),
        pytest.param(lambda source: source.find_series(["2.25.9"]), id="series-by-uid"),
        pytest.param(lambda source: source.studies_of_patient(UNKNOWN), id="studies"),
        pytest.param(
            lambda source: source.instances_below("studies", UNKNOWN), id="below"
        ),
    ],
)
def test_an_orthanc_that_does_not_answer_is_not_an_orthanc_without_it(
    host, source, ask
):
    host.broken = OrthancException(11, "Error with the database engine")
    with pytest.raises(SourceError, match=r"does not answer \(error 11\)"):
        ask(source)


@pytest.mark.parametrize(
    ("plugins", "section", "root"),
    [
        (["python"], {}, None),
        (["dicom-web", "python"], {}, "/dicom-web/"),
        (["dicom-web", "python"], {"Root": "/web/"}, "/web/"),
        (["dicom-web", "python"], {"Enable": False}, None),
        (["python"], {"Root": "/web/"}, None),
    ],
)
def test_dicomweb_has_a_root_when_loaded_and_on(host, plugins, section, root):
    host.plugins = plugins
    host.configuration = {"DicomWeb": section}
    assert OrthancSource(host.module).dicom_web_root() == root


def test_what_is_asked_before_the_start_is_asked_again(host, source):
    host.plugins = ["dicom-web", "python"]
    host.started = False
    with pytest.raises(SourceError):
        source.dicom_web_root()
    host.started = True
    assert source.dicom_web_root() == "/dicom-web/"


def test_the_ids_are_orthancs_own(host, source):
    identity, _ = host.store(FILE)
    resource = json.loads(host.module.RestApiGet(f"/instances/{identity}"))
    ids = source.instance(identity).ids
    assert ids == OrthancIds(
        ids.patient, ids.study, resource["ParentSeries"], resource["ID"]
    )
