"""Segmentations and reports in, FHIR out, over HTTP on a real Orthanc."""

import pytest
from imaging_selection import objects
from support.builders import STUDY, image_uid, make_rtstruct, make_seg, roi, segment
from support.builders import segment_frame as frame
from support.durability import KINDS, report
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


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0)], ids=["before", "after"])
def test_what_was_measured_on_a_roi_and_a_segment_is_found_whatever_came_first(
    shared_orthanc, order
):
    client = shared_orthanc.client
    files = [make(113048) for make in KINDS]
    stored = [None] * 3
    for number in order:
        stored[number] = client.store(files[number]).json["ID"]
    client.wait_until_up_to_date()
    structure_set, segmentation, report = stored

    def measured_on(selection):
        url = f"/fhir/ImagingSelection?_id={selection}"
        bundle = client.get(f"{url}&_revinclude=Observation:derived-from").json
        return [
            entry["resource"]["id"]
            for entry in bundle.get("entry", ())
            if entry["resource"]["resourceType"] == "Observation"
        ]

    try:
        for target, group in ((f"{structure_set}-2", 1), (f"{segmentation}-2", 2)):
            found = measured_on(target)
            prefix = f"{report}-1.1.{group}"
            assert {*found} == {prefix, f"{prefix}.2", f"{prefix}.3"}
            observation = client.get(f"/fhir/Observation/{prefix}.2").json
            reference = observation["derivedFrom"][0]["reference"]
            assert client.get(f"/fhir/{reference}").json["id"] == target

        client.request("DELETE", f"/instances/{structure_set}")
        gone = f"{structure_set}-2"
        wait_until(lambda: client.get(f"/fhir/ImagingSelection/{gone}").status == 410)
        assert measured_on(gone) == []
        # The report still says on what it was measured, and finds it again.
        again = client.get(f"/fhir/Observation?derived-from=ImagingSelection/{gone}")
        assert len(again.json["entry"]) == 3
        client.store(files[0])
        wait_until(lambda: len(measured_on(gone)) == 3)
    finally:
        for each in stored:
            client.request("DELETE", f"/instances/{each}")


def test_the_status_counts_each_kind(start_orthanc):
    client = start_orthanc().client
    for make in KINDS:
        client.store(make(1))
    client.store(report(2, StudyInstanceUID="1.2.not_a_uid"))
    client.wait_until_up_to_date()

    one = {"total": 1, "converted": 1, "waiting": 0, "failed": 0}
    expected = {
        "structureSets": one,
        "segmentations": one,
        "reports": {"total": 2, "converted": 1, "waiting": 0, "failed": 1},
    }
    assert client.status()["kinds"] == expected
    client.reconcile(force=True)
    wait_until(lambda: client.status()["kinds"] == expected)
