"""Whatever happens to Orthanc, every ROI is measured, after its selection is there."""

import pytest
from support import phantom
from support.builders import contour, roi
from support.durability import structure_set
from support.measuring import (
    SECTION,
    measure_through_kills,
    round_rois,
    wait_until_measured,
)
from support.phantom import AXIAL, circle
from support.waiting import wait_until


def test_killed_at_any_moment_every_roi_is_measured_once(start_orthanc):
    orthanc = start_orthanc(SECTION)
    client = orthanc.client

    names = measure_through_kills(orthanc, count=8, every=3)

    client.reconcile(force=True)
    wait_until_measured(client, len(names))
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
