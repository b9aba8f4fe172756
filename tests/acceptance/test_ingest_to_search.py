"""DICOM in, FHIR out, over HTTP on a real Orthanc."""

import json
import zipfile
from io import BytesIO

import pydicom
import pytest
from fhir.resources.bundle import Bundle
from fhir.resources.capabilitystatement import CapabilityStatement
from fhir.resources.imagingselection import ImagingSelection
from support.builders import ct_image, make_rtstruct, roi
from support.waiting import wait_until

REGION_IN_SPACE = "http://hl7.org/fhir/uv/dicom-sr/StructureDefinition/region-in-space"
RT_STRUCTURE_SET = "1.2.840.10008.5.1.4.1.1.481.3"


def independent_reading(path):
    """Return UIDs and ROI Numbers as pydicom reads them, without our own code."""
    dataset = pydicom.dcmread(path, defer_size=1024, force=True)
    return {
        "instance": str(dataset.SOPInstanceUID),
        "series": str(dataset.SeriesInstanceUID),
        "study": str(dataset.StudyInstanceUID),
        "numbers": [
            str(int(item.ROINumber))
            for item in dataset.get("StructureSetROISequence", ())
        ],
    }


def assert_keeps_the_profile(selection):
    """Assert every rule of region-in-space and of its parent profile."""
    ImagingSelection.model_validate(selection)
    assert selection["meta"]["profile"] == [REGION_IN_SPACE]
    assert selection["status"] == "available"
    assert selection["code"]["coding"] == [
        {
            "system": "http://dicom.nema.org/resources/ontology/DCM",
            "code": "130488",
            "display": "Region In Space",
        }
    ]
    assert selection["subject"]["reference"].startswith("Patient/")
    (instance,) = selection["instance"]
    assert instance["subset"]
    sop_class = instance["sopClass"]
    assert (sop_class["system"], sop_class["code"], sop_class["display"]) == (
        "https://dicom.nema.org/medical/dicom/current/output/chtml/part04/sect_B.5",
        "11.2.840.10008.5.1.4.1.1.481.3",
        "RT Structure Set Storage",
    )
    (extension,) = sop_class["_code"]["extension"]
    assert extension == {
        "url": "http://hl7.org/fhir/StructureDefinition/alternate-codes",
        "valueCodeableConcept": {
            "coding": [
                {
                    "system": "urn:ietf:rfc:3986",
                    "code": f"urn:oid:{RT_STRUCTURE_SET}",
                }
            ]
        },
    }
    (study,) = selection["derivedFrom"]
    assert study["reference"].startswith("ImagingStudy/")
    assert study["identifier"] == {
        "type": {
            "coding": [
                {
                    "system": "http://dicom.nema.org/resources/ontology/DCM",
                    "code": "110180",
                    "display": "Study Instance UID",
                }
            ]
        },
        "system": "urn:dicom:uid",
        "value": f"urn:oid:{selection['studyUid']}",
    }


def test_every_real_structure_set_is_served_with_the_numbers_of_the_file(
    stored_corpus,
):
    client, kept = stored_corpus
    for identity, path in kept.items():
        # Read at once: a client need not wait after it has stored.
        answer = client.get(f"/instances/{identity}/imaging-selection")
        assert answer.status == 200, (path.name, answer.body)
        expected = independent_reading(path)
        selection = answer.json
        assert_keeps_the_profile(selection)
        assert selection["instance"][0]["subset"] == expected["numbers"], path.name
        assert selection["instance"][0]["uid"] == expected["instance"]
        assert selection["seriesUid"] == expected["series"]
        assert selection["studyUid"] == expected["study"]
        for number in expected["numbers"]:
            answer = client.get(f"/fhir/ImagingSelection/{identity}-{number}")
            assert answer.status == 200
            assert_keeps_the_profile(answer.json)
            assert answer.json["instance"][0]["subset"] == [number]

    status = client.wait_until_up_to_date()
    assert status["structureSets"] == len(kept)
    assert status["converted"] == len(kept)
    assert status["failed"] == []


def test_what_cannot_be_converted_is_named_and_loses_nothing_else(shared_orthanc):
    client = shared_orthanc.client
    good = client.store(make_rtstruct(roi(1))).json["ID"]
    bad = client.store(
        make_rtstruct(
            roi(1),
            SOPInstanceUID="2.25.1130472",
            StudyInstanceUID="1.2.not_a_uid",
            PatientID="patient-113047",
        )
    ).json["ID"]

    answer = client.get(f"/instances/{bad}/imaging-selection")

    assert answer.status == 422
    outcome = answer.json
    assert outcome["resourceType"] == "OperationOutcome"
    assert "StudyInstanceUID" in outcome["issue"][0]["diagnostics"]
    assert "113047" not in outcome["issue"][0]["diagnostics"]
    status = client.wait_until_up_to_date()
    assert [each["instance"] for each in status["failed"]] == [bad]
    total = status["converted"] + len(status["failed"]) + status["waiting"]
    assert total == status["structureSets"]
    assert client.get(f"/instances/{good}/imaging-selection").status == 200
    client.request("DELETE", f"/instances/{bad}")
    wait_until(lambda: not client.status()["failed"])


def test_c_store_and_zip_upload_touch_nothing_but_structure_sets(
    start_orthanc, run, tmp_path
):
    orthanc = start_orthanc()
    client = orthanc.client
    files = {
        "a.dcm": ct_image(1),
        "b.dcm": make_rtstruct(roi(1), roi(2)),
        "c.dcm": ct_image(2),
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    sent = run(
        "storescu",
        "--required",
        "-aec",
        "ORTHANC",
        "127.0.0.1",
        orthanc.configuration["DicomPort"],
        *(tmp_path / name for name in files),
    )
    # storescu proposes no context for a structure set unless it reads the files.
    if sent.returncode:
        sent = run(
            "storescu",
            "127.0.0.1",
            orthanc.configuration["DicomPort"],
            *(tmp_path / name for name in files),
        )
    assert sent.returncode == 0, sent.stderr
    archive = BytesIO()
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.writestr("ct", ct_image(3))
        zipped.writestr(
            "rtstruct", make_rtstruct(roi(7), SOPInstanceUID="2.25.1130473")
        )
    assert client.store(archive.getvalue()).status == 200

    status = client.wait_until_up_to_date()

    assert client.get("/statistics").json["CountInstances"] == 5
    assert (status["structureSets"], status["converted"]) == (2, 2)
    uids = {
        selection["instance"][0]["uid"]
        for selection in client.pages("/fhir/ImagingSelection")
        if "region-in-space" in str(selection["meta"].get("profile"))
    }
    assert len(uids) == 2
    images = client.get("/series").json
    assert len(images) == 2  # the plugin adds no series, no attachment, no metadata
    for identity in client.get("/instances").json:
        attachments = client.get(f"/instances/{identity}/attachments").json
        assert set(attachments) <= {"dicom", "dicom-until-pixel-data"}


def test_other_bytes_under_the_same_uid_never_show_what_orthanc_does_not_keep(
    start_orthanc,
):
    first = make_rtstruct(roi(1), roi(2))
    second = make_rtstruct(roi(1), roi(2), roi(3))
    for overwrite, expected in ((False, ["1", "2"]), (True, ["1", "2", "3"])):
        client = start_orthanc(
            {"OverwriteInstances": overwrite}, name=f"overwrite-{overwrite}"
        ).client
        identity = client.store(first).json["ID"]
        path = f"/instances/{identity}/imaging-selection"
        assert client.get(path).json["instance"][0]["subset"] == ["1", "2"]
        client.store(second)

        selection = client.get(path).json

        assert selection["instance"][0]["subset"] == expected
        client.wait_until_up_to_date()
        assert client.get(path).json == selection
        third = client.get(f"/fhir/ImagingSelection/{identity}-3")
        assert third.status == (200 if overwrite else 404)
        version = 2 if overwrite else 1
        assert selection["meta"]["versionId"] == str(version)


@pytest.mark.parametrize(
    "break_it",
    [
        pytest.param(lambda file: file[132:], id="no-preamble"),
        pytest.param(lambda _: make_rtstruct(roi(1), header="none"), id="no-meta"),
        pytest.param(lambda _: ct_image(1), id="ct-image"),
        pytest.param(lambda file: file[: len(file) // 2], id="truncated"),
        pytest.param(lambda _: b"", id="empty"),
        pytest.param(lambda _: b"Dear radiologist, see attached.", id="text"),
    ],
)
def test_odd_uploads_get_clear_answers_and_orthanc_lives_on(shared_orthanc, break_it):
    client = shared_orthanc.client
    file = make_rtstruct(
        roi(1, "ROI-NAME-113047"),
        PatientName="NAME-113047",
        PatientID="ID-113047",
        SOPInstanceUID="2.25.1130474",
    )

    answer = client.store(break_it(file))

    assert answer.status in {200, 400}, answer.body
    if answer.status == 200:
        read = client.get(f"/instances/{answer.json['ID']}/imaging-selection")
        assert read.status in {200, 404, 422}
        if read.status != 200:
            assert read.json["resourceType"] == "OperationOutcome"
    assert client.get("/system").status == 200
    log = shared_orthanc.log
    assert "Traceback" not in log
    assert "113047" not in log


def test_a_restart_forgets_nothing(start_orthanc):
    orthanc = start_orthanc()
    identity = orthanc.client.store(make_rtstruct(roi(1))).json["ID"]
    path = f"/instances/{identity}/imaging-selection"
    before = orthanc.client.get(path)
    orthanc.stop()

    orthanc.start()

    after = orthanc.client.get(path)
    assert after.json == before.json
    assert after.headers["ETag"] == before.headers["ETag"] == 'W/"1"'


def test_a_search_pages_to_the_end_and_each_filter_holds(start_orthanc):
    client = start_orthanc().client
    for number in range(3):
        file = make_rtstruct(
            *map(roi, range(1, 5)),
            PatientID=f"patient-{number}",
            StudyInstanceUID=f"2.25.99{number}",
            SOPInstanceUID=f"2.25.88{number}",
            SeriesInstanceUID=f"2.25.77{number}",
        )
        identity = client.store(file).json["ID"]
    client.wait_until_up_to_date()
    everything = list(client.pages("/fhir/ImagingSelection", [("_count", "4")]))
    patient = client.get(f"/fhir/ImagingSelection/{identity}").json["subject"][
        "reference"
    ]

    by_patient = list(client.pages("/fhir/ImagingSelection", [("patient", patient)]))
    by_study = list(
        client.pages("/fhir/ImagingSelection", [("study-uid", "urn:oid:2.25.992")])
    )
    by_id = list(client.pages("/fhir/ImagingSelection", [("_id", identity)]))

    ids = [each["id"] for each in everything]
    assert len(ids) == len(set(ids))
    assert len([i for i in ids if "images" not in i]) == 3 * 5
    regions = [each for each in by_patient if each["subject"]["reference"] == patient]
    assert regions == by_patient
    assert {each["id"] for each in by_study if "images" not in each["id"]} == {
        each["id"] for each in by_patient if "images" not in each["id"]
    }
    assert [each["id"] for each in by_id] == [identity]
    bundle = client.get("/fhir/ImagingSelection", [("_count", "2"), ("nonsense", "1")])
    Bundle.model_validate(bundle.json)
    links = {link["relation"]: link["url"] for link in bundle.json["link"]}
    assert links["self"] == f"{client.url}/fhir/ImagingSelection?_count=2"


@pytest.mark.parametrize("level", ["series", "studies", "patients"])
def test_every_level_of_orthanc_lists_the_selections_below_it(shared_orthanc, level):
    client = shared_orthanc.client
    file = make_rtstruct(
        roi(1),
        PatientID="levels",
        StudyInstanceUID="2.25.661",
        SeriesInstanceUID="2.25.662",
        SOPInstanceUID="2.25.663",
    )
    stored = client.store(file).json
    parent = {
        "series": stored["ParentSeries"],
        "studies": stored["ParentStudy"],
        "patients": stored["ParentPatient"],
    }[level]

    answer = client.get(f"/{level}/{parent}/imaging-selection")

    assert answer.status == 200
    Bundle.model_validate(answer.json)
    ids = [entry["resource"]["id"] for entry in answer.json["entry"]]
    assert ids[:2] == [stored["ID"], f"{stored['ID']}-1"]
    assert client.get(f"/{level}/{'0' * 40}/imaging-selection").status == 404


def test_metadata_declares_a_read_only_r5_server(shared_orthanc):
    answer = shared_orthanc.client.get("/fhir/metadata")

    assert answer.headers["Content-Type"] == "application/fhir+json; fhirVersion=5.0"
    statement = answer.json
    CapabilityStatement.model_validate(statement)
    (rest,) = statement["rest"]
    (resource,) = [r for r in rest["resource"] if r["type"] == "ImagingSelection"]
    assert REGION_IN_SPACE in resource["supportedProfile"]


@pytest.mark.parametrize(
    ("section", "named"),
    [
        pytest.param({"Nonsense": 1}, "ImagingSelection.Nonsense", id="unknown-key"),
        pytest.param({"Timezone": "Mars/Base"}, "Timezone", id="bad-value"),
    ],
)
def test_a_bad_configuration_stops_the_plugin_and_not_orthanc(
    start_orthanc, section, named
):
    orthanc = start_orthanc({"ImagingSelection": section})
    client = orthanc.client

    stored = client.store(make_rtstruct(roi(1)))

    assert stored.status == 200
    for path in (
        f"/instances/{stored.json['ID']}/imaging-selection",
        "/fhir/metadata",
        "/fhir/ImagingSelection",
    ):
        answer = client.get(path)
        assert answer.status == 503
        assert named in answer.json["issue"][0]["diagnostics"]
    status = client.get("/imaging-selection/status")
    assert status.status == 503
    assert named in " ".join(status.json["problems"])
    assert named in orthanc.log


def test_a_site_can_keep_its_own_script_and_callbacks(start_orthanc, tmp_path):
    script = tmp_path / "site" / "site_script.py"
    script.parent.mkdir()
    script.write_text(
        """
import json, sys
import orthanc
from imaging_selection.host.callbacks import prepare

seen = []
plugin = prepare(orthanc)

def on_stored(dicom, orthanc_id):
    seen.append(orthanc_id)
    plugin.on_stored(dicom, orthanc_id)

def on_change(change, level, resource_id):
    plugin.on_change(change, level, resource_id)

orthanc.RegisterOnStoredInstanceCallback(on_stored)
orthanc.RegisterOnChangeCallback(on_change)
orthanc.RegisterRestCallback(
    "/seen", lambda output, uri, **request:
    output.AnswerBuffer(json.dumps(seen), "application/json")
)
"""
    )
    client = start_orthanc({"PythonScript": str(script)}).client

    identity = client.store(make_rtstruct(roi(1))).json["ID"]

    assert client.get("/seen").json == [identity]
    assert client.wait_until_up_to_date()["converted"] == 1
    assert client.get(f"/fhir/ImagingSelection/{identity}").status == 200


def test_a_large_resource_is_checked_on_a_thread_with_a_stack_of_its_own(start_orthanc):
    # Orthanc's HTTP threads have 100 kB of stack, which the check overflows: a read
    # that converts on the spot once ended Orthanc with a segmentation fault.
    client = start_orthanc().client
    for number in range(20):
        file = make_rtstruct(*map(roi, range(1, 30)), SOPInstanceUID=f"2.25.55{number}")
        identity = client.store(file).json["ID"]
        assert client.get(f"/instances/{identity}/imaging-selection").status == 200
    assert json.loads(client.get("/system").body)["Name"]
