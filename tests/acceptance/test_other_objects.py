"""Segmentations and reports in, FHIR out, over HTTP on a real Orthanc."""

from imaging_selection import objects
from support.builders import STUDY, image_uid, make_rtstruct, make_seg, roi, segment
from support.builders import segment_frame as frame
from support.synthetic_reports import CASES
from support.waiting import wait_until


def test_a_stored_segmentation_is_served_and_found(start_orthanc):
    client = start_orthanc().client
    file = make_seg(segment(1), segment(2), frames=[frame(1, image_uid(1))])
    identity = client.store(file).json["ID"]

    whole = client.get(f"/instances/{identity}/imaging-selection").json
    assert whole["instance"][0]["subset"] == ["1", "2"]
    one = client.get(f"/fhir/ImagingSelection/{identity}-2").json
    assert one["instance"][0]["subset"] == ["2"]
    found = client.get("/fhir/ImagingSelection?_tag=segment").json
    assert {each["resource"]["id"] for each in found["entry"]} == {
        f"{identity}-1",
        f"{identity}-2",
    }
    status = client.get("/imaging-selection/status").json
    assert (status["converted"], status["failed"]) == (1, [])

    client.request("DELETE", f"/instances/{identity}")
    wait_until(lambda: client.get(f"/fhir/ImagingSelection/{identity}").status == 410)


def test_a_report_refers_to_the_roi_before_and_after_it_is_stored(start_orthanc):
    client = start_orthanc().client
    report = CASES["a_roi_of_a_structure_set"]()
    _, group, *_ = objects.convert(report).resources
    target = group["derivedFrom"][0]["reference"]

    identity = client.store(report).json["ID"]
    whole = client.get(f"/instances/{identity}/imaging-selection").json
    assert whole["code"]["coding"][0]["code"] == "111040"
    assert client.get(f"/fhir/{target}").status == 404

    structure_set = make_rtstruct(
        roi(2), StudyInstanceUID=STUDY, SeriesInstanceUID="2.25.113047210"
    )
    stored = client.store(structure_set).json["ID"]
    assert client.get(f"/instances/{stored}/imaging-selection").status == 200
    assert client.get(f"/fhir/{target}").json["instance"][0]["subset"] == ["2"]

    client.request("DELETE", f"/instances/{stored}")
    wait_until(lambda: client.get(f"/fhir/{target}").status == 410)
