"""FHIR clients of other projects read from a real Orthanc with the plugin."""

import asyncio
import json
import subprocess
from pathlib import Path

import pytest
from fhirpy import AsyncFHIRClient, SyncFHIRClient
from fhirpy.base.exceptions import OperationOutcome, ResourceNotFound
from support.builders import make_rtstruct, roi
from support.hapi_server import classpath_of

HERE = Path(__file__).parent
ROIS = 9


@pytest.fixture(scope="module")
def archive(shared_orthanc):
    """The FHIR root of an Orthanc with two patients, and the reference of one."""
    client = shared_orthanc.client
    for number in range(2):
        file = make_rtstruct(
            *map(roi, range(1, ROIS + 1)),
            PatientID=f"clients-{number}",
            StudyInstanceUID=f"2.25.4711{number}",
            SeriesInstanceUID=f"2.25.4712{number}",
            SOPInstanceUID=f"2.25.4713{number}",
        )
        identity = client.store(file).json["ID"]
    client.wait_until_up_to_date()
    selection = client.get(f"/fhir/ImagingSelection/{identity}").json
    return f"{client.url}/fhir", selection["subject"]["reference"]


def run(*command, folder):
    ended = subprocess.run(
        list(map(str, command)), cwd=folder, capture_output=True, check=False, text=True
    )
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout.splitlines()[-1])


def test_fhirpy_pages_to_the_end_and_reads_errors(archive):
    url, patient = archive
    client = SyncFHIRClient(url)

    search = client.resources("ImagingSelection").search(patient=patient)
    found = search.limit(3).fetch_all()

    assert len({each.id for each in found}) == len(found) > ROIS
    assert search.count() == len(found)
    assert client.reference("ImagingSelection", found[0].id).to_resource() == found[0]
    subject = found[0].subject.to_resource()
    assert subject.resourceType == "Patient"
    assert client.resources("Patient").search(_id=subject.id).first().id == subject.id
    named = client.resources("ImagingSelection").search(roi_name__contains="113047")
    assert named.limit(100).fetch()
    included = search.include("ImagingSelection", "subject").fetch_raw()
    assert included.entry[-1]["resource"]["id"] == subject.id
    with pytest.raises(ResourceNotFound):
        client.reference("ImagingSelection", "unknown-113047").to_resource()
    with pytest.raises(OperationOutcome) as error:
        client.resources("ImagingSelection").search(issued="23.May.2009").fetch()
    assert error.value.resource["issue"][0]["expression"] == ["http.issued"]


def test_fhirpy_works_asynchronously(archive):
    url, patient = archive

    async def fetch():
        client = AsyncFHIRClient(url)
        search = client.resources("ImagingSelection").search(patient=patient).limit(2)
        return [each.id async for each in search]

    found = asyncio.run(fetch())
    assert len(set(found)) == len(found) > ROIS


@pytest.mark.parametrize(
    "script",
    [
        pytest.param("client.js", id="fhir-kit-client"),
        pytest.param("smart.js", id="fhirclient-of-smart"),
    ],
)
def test_clients_of_javascript(archive, npm, script):
    folder = HERE / "node"
    if not (folder / "node_modules" / "fhirclient").is_dir():
        command = [npm, "install", "--no-audit", "--no-fund", "--silent"]
        subprocess.run(command, cwd=folder, check=True)

    said = run("node", script, *archive, folder=folder)

    assert said["seen"] > ROIS


@pytest.mark.filterwarnings("ignore")  # of pandas, and of what it uses
def test_fhir_pyrate_makes_a_data_frame_of_paged_searches(archive):
    from fhir_pyrate import Pirate  # noqa: PLC0415 - it takes seconds

    url, patient = archive
    pirate = Pirate(auth=None, base_url=url)
    frame = pirate.steal_bundles_to_dataframe(
        resource_type="ImagingSelection",
        request_params={
            "patient.identifier": "clients-1",
            "derived-from:ImagingStudy.modality": "RTSTRUCT",
            "_sort": "_id",
            "_count": 4,
        },
        num_pages=-1,
        fhir_paths=[
            ("id", "id"),
            ("patient", "subject.reference"),
            ("name", "bodySite.concept.text"),
        ],
    )
    assert len(frame) == len({*frame["id"]}) > ROIS
    assert {*frame["patient"]} == {patient}
    assert frame["name"].notna().sum() >= ROIS


def test_hapis_generic_client_of_java(archive, java):
    folder = HERE / "hapi"
    path = classpath_of(folder, java)

    said = run("java", "-cp", path, "HapiClient", *archive, folder=folder)

    assert said["seen"] > ROIS
