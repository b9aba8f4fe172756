"""Whatever happens to Orthanc, every ROI is measured, after its selection is there."""

import json
import time
from datetime import UTC, datetime

import pytest
from imaging_selection import objects
from imaging_selection.mapping.choices import Choices
from support import phantom
from support.builders import contour, make_rtstruct, roi
from support.durability import (
    contents,
    identity_of,
    made_of,
    structure_set,
    version_of,
)
from support.phantom import AXIAL, circle
from support.solids import disc
from support.waiting import wait_until

SECTION = {"ImagingSelection": {"Measurements": True}, "StableAge": 1}


def round_rois(number, rois=4, slices=12):
    """Build a structure set whose ROIs take some time to measure."""
    drawn = [contour(disc(3 * k, 10 + number)) for k in range(slices)]
    return make_rtstruct(
        *(roi(k, f"roi-{number}-{k}", contours=drawn) for k in range(1, rois + 1)),
        PatientID=f"patient-{number}",
        StudyInstanceUID=f"2.25.2230{number}",
        SeriesInstanceUID=f"2.25.2231{number}",
        SOPInstanceUID=f"2.25.2232{number}",
    )


def observations(client):
    """Return every Observation by id, without its version and times."""
    found = {}
    for each in client.pages("/fhir/Observation", [("_count", "200")]):
        for key in ("versionId", "lastUpdated"):
            del each["meta"][key]
        if not each["meta"]:
            del each["meta"]
        del each["issued"]
        found[each["id"]] = each
    return found


def measured_of(files):
    made = {}
    for file in files:
        measured = objects.measure(file, Choices(), None, datetime.now(UTC))
        for resource in measured.resources:
            each = json.loads(json.dumps(resource))
            del each["issued"]
            made[each["id"]] = each
    return made


def wait_until_measured(client, count):
    def measured():
        status = client.status()
        found = status["measurements"]
        is_all = found["measured"] + len(found["failed"]) == count
        return is_all and not found["waiting"] and not status["waiting"] and status

    return wait_until(measured)


def test_killed_at_any_moment_every_roi_is_measured_once(start_orthanc):
    orthanc = start_orthanc(SECTION)
    client = orthanc.client
    files = [round_rois(number) for number in range(8)]
    for number, file in enumerate(files):
        assert client.store(file).status == 200
        if number % 3 == 1:
            # Some are converted and not measured, one is measured at this moment.
            time.sleep(0.15 * number)
            orthanc.kill()
            orthanc.start()

    status = wait_until_measured(client, len(files))

    assert (status["failed"], status["measurements"]["failed"]) == ([], [])
    assert observations(client) == measured_of(files)
    assert contents(client) == made_of(files)
    names = [identity_of(file) for file in files]
    assert {version_of(client, name) for name in names} == {"1"}

    client.reconcile(force=True)
    wait_until_measured(client, len(files))
    again = client.get(f"/fhir/Observation/{names[0]}-1-v").json
    assert again["meta"]["versionId"] == "1"


@pytest.fixture(scope="module")
def measuring(start_orthanc_for_module):
    return start_orthanc_for_module(SECTION | {"OverwriteInstances": True}).client


def test_a_selection_is_there_before_it_is_measured(measuring):
    file = round_rois(113, rois=40)
    name = measuring.store(file).json["ID"]
    assert measuring.get(f"/fhir/ImagingSelection/{name}-1").status == 200
    assert measuring.get(f"/fhir/Observation/{name}-40-v").status == 404
    wait_until(lambda: measuring.get(f"/fhir/Observation/{name}-40-v").status == 200)


def test_an_overwritten_file_is_measured_again(measuring):
    name = measuring.store(round_rois(114, rois=2)).json["ID"]
    one, two = (f"/fhir/Observation/{name}-{number}-v" for number in (1, 2))
    wait_until(lambda: measuring.get(two).status == 200)
    volume = measuring.get(one).json["valueQuantity"]["value"]

    measuring.store(round_rois(114, rois=1, slices=6))

    wait_until(lambda: measuring.get(two).status == 410)
    wait_until(
        lambda: (
            measuring.get(one).status == 200
            and measuring.get(one).json["valueQuantity"]["value"] < volume
        )
    )


def test_what_is_deleted_takes_its_measurements_along(measuring):
    name = measuring.store(structure_set(115)).json["ID"]
    path = f"/fhir/Observation/{name}-1-v"
    wait_until(lambda: measuring.get(path).status == 200)
    measuring.request("DELETE", f"/instances/{name}")
    wait_until(lambda: measuring.get(path).status == 410)


def test_contours_are_checked_against_images_that_come_later(measuring):
    drawn = contour(circle(AXIAL, 3, radius=100))
    file = phantom.structure_set(roi(7, contours=[drawn]), directions=[AXIAL])
    name = measuring.store(file).json["ID"]

    def codes():
        answer = measuring.get(f"/fhir/Observation/{name}-7-v")
        tags = answer.json["meta"].get("tag", ()) if answer.status == 200 else ()
        return [each["code"] for each in tags]

    wait_until(lambda: codes() == ["no-slice-spacing"])

    for image in phantom.images(AXIAL):
        measuring.store(image)

    wait_until(lambda: codes() == ["no-slice-spacing", "outside-images"])
