"""Which selection is found, and what is said of one that is not there."""

import pytest
from imaging_selection.errors import SourceError
from support.served import parse_r5, structure_set

UNKNOWN = "0a9b3153-2512774b-2d9580de-1fc3dcf6-3bd83918"


@pytest.mark.usefixtures("ids")
@pytest.mark.parametrize(
    "path",
    [
        "ImagingSelection/unknown-113047",
        "ImagingSelection/x",
        f"ImagingSelection/{UNKNOWN}",
        f"ImagingSelection/{UNKNOWN}-1",
        f"/instances/{UNKNOWN}/imaging-selection",
        "/instances/x/imaging-selection",
        f"/instances/{UNKNOWN}/fhir",
        "/instances/x/fhir",
        "/instances/é\n/imaging-selection",
    ],
)
def test_what_is_not_there_is_not_found(served, path):
    answer = served.get(path)
    assert (answer.status, answer.issue["code"]) == (404, "not-found")
    assert answer.issue["expression"] == ["ImagingSelection.id"]
    parse_r5(answer.json)


def test_a_roi_that_the_structure_set_does_not_have_is_not_found(served, ids):
    answer = served.get(f"ImagingSelection/{ids.instance}-77")
    assert (answer.status, answer.issue["code"]) == (404, "not-found")
    assert answer.issue["expression"] == ["ImagingSelection.id"]


def test_a_roi_is_no_instance_of_orthanc(served, ids):
    path = f"/instances/{ids.instance}-1/imaging-selection"
    assert served.get(path).status == 404
    assert served.get(f"/instances/{ids.instance}-1/fhir").status == 404


def test_what_was_deleted_is_gone(served, ids):
    served.remove(ids.instance)

    for name in (ids.instance, f"{ids.instance}-1"):
        read = served.get(f"ImagingSelection/{name}")
        assert (read.status, read.issue["code"]) == (410, "deleted")
        assert read.issue["expression"] == ["ImagingSelection.id"]
    everything = served.get(f"/instances/{ids.instance}/fhir")
    assert (everything.status, everything.issue["code"]) == (410, "deleted")
    history = served.get(f"ImagingSelection/{ids.instance}/_history")
    parse_r5(history.json)
    assert history.json["entry"][0]["request"]["method"] == "DELETE"
    assert served.get("ImagingSelection").ids == []


def test_what_cannot_be_converted_is_refused_with_the_reason(served):
    served.fail(UNKNOWN, "reason-113047")
    for path in (
        f"/instances/{UNKNOWN}/imaging-selection",
        f"/instances/{UNKNOWN}/fhir",
        f"ImagingSelection/{UNKNOWN}-1",
    ):
        answer = served.get(path)
        assert (answer.status, answer.issue["code"]) == (422, "processing")
        assert answer.issue["diagnostics"] == "reason-113047"
        assert answer.issue["expression"] == ["ImagingSelection.instance"]


def test_what_is_in_the_store_is_not_asked_of_orthanc(served, ids):
    def fail(_orthanc_id):
        raise SourceError("Orthanc does not answer")

    served.orthanc.entry = fail
    assert served.get(f"ImagingSelection/{ids.instance}-1").status == 200


def test_what_is_not_yet_in_the_store_is_converted_on_the_spot(served):
    ids = served.convert_on_request(structure_set())
    assert served.get(f"ImagingSelection/{ids.instance}-1").status == 200


def test_all_that_waits_is_converted_before_it_is_answered(served):
    ids = served.convert_on_request(structure_set(rois=2))
    bundle = served.get(f"/instances/{ids.instance}/fhir").json
    assert [entry["resource"]["id"] for entry in bundle["entry"]] == [
        ids.instance,
        f"{ids.instance}-1",
        f"{ids.instance}-2",
        f"{ids.instance}-images-1",
    ]


def test_what_a_failure_leaves_in_the_store_is_served(served, ids):
    served.fail(ids.instance, "reason-113047")
    for path in ("imaging-selection", "fhir"):
        assert served.get(f"/instances/{ids.instance}/{path}").status == 200


def test_what_waits_is_converted_before_it_is_answered(served, ids):
    served.convert_on_request(structure_set(rois=2))
    served.orthanc.waiting.add(ids.instance)
    answer = served.get(f"ImagingSelection/{ids.instance}")
    assert answer.json["instance"][0]["subset"] == ["1", "2"]
    assert served.get(f"ImagingSelection/{ids.instance}-3").status == 410
