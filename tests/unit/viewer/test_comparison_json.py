import json

import pytest
from imaging_selection.errors import UnusableError
from imaging_selection.host.jobs import compare
from support.builders import STRUCTURE_SET, contour, make_rtstruct, reference, roi
from support.paths import EXAMPLE_FILE
from support.solids import rectangle

BOX = [contour(rectangle(z)) for z in (0, 3, 6)]
WIDER = [contour(rectangle(z, 30)) for z in (0, 3, 6)]


def compared(before, after, **overrides):
    files = make_rtstruct(*before), make_rtstruct(*after, **overrides)
    return compare(*files, ("one", "other"), "Latin1")


def changes(comparison):
    return [each["changes"] for each in comparison["rois"]]


def test_equal_structure_sets_have_no_changes():
    file = EXAMPLE_FILE.read_bytes()
    comparison = compare(file, file, ("one", "other"), "Latin1")
    assert comparison["rois"]
    assert not any(changes(comparison))
    json.dumps(comparison, allow_nan=False)


def test_rois_are_added_and_removed():
    comparison = compared([roi(1, "a"), roi(2, "b")], [roi(1, "a"), roi(3, "c")])
    assert changes(comparison) == [[], ["removed"], ["added"]]
    assert comparison["rois"][1]["to"] is None
    assert comparison["rois"][2]["from"] is None
    assert comparison["from"]["instance"] == "one"
    assert comparison["rois"][1]["from"]["selection"] == "one-2"
    assert comparison["rois"][2]["to"]["selection"] == "other-3"


def test_a_roi_is_renamed_recolored_and_drawn_anew():
    comparison = compared(
        [roi(1, "a", contours=BOX, color=[1, 2, 3])],
        [roi(1, "b", contours=WIDER, color=[1, 2, 4])],
    )
    assert changes(comparison) == [["renamed", "recolored", "contours"]]
    (one,) = comparison["rois"]
    assert one["volumes"] == [1.8, 2.7]
    assert one["dice"] == pytest.approx(0.8)
    assert one["slices"][0]["distance"] == pytest.approx(5)
    assert one["to"] == {
        "selection": "other-1",
        "number": 1,
        "name": "b",
        "colors": ["#010204"],
    }


def test_names_hold_rois_together_that_were_numbered_anew():
    comparison = compared([roi(1, "a"), roi(2, "b")], [roi(1, "b"), roi(2, "a")])
    assert [
        (each["from"]["name"], each["to"]["name"], each["changes"])
        for each in comparison["rois"]
    ] == [("a", "a", ["renumbered"]), ("b", "b", ["renumbered"])]


def test_a_repeated_name_is_no_key():
    comparison = compared([roi(1, "a"), roi(2, "a")], [roi(2, "a"), roi(1, "a")])
    assert changes(comparison) == [[], []]


def test_the_predecessor_is_known_as_such():
    predecessor = reference(STRUCTURE_SET, "1.2.840.10008.5.1.4.1.1.481.3")
    comparison = compared(
        [roi(1)],
        [roi(1)],
        SOPInstanceUID="2.25.7",
        PredecessorStructureSetSequence=[predecessor],
    )
    assert comparison["isPredecessor"]


def test_other_frames_of_reference_are_not_compared_by_their_numbers():
    other = roi(1, contours=BOX, ReferencedFrameOfReferenceUID="2.25.99")
    (one,) = compared([roi(1, contours=BOX)], [other])["rois"]
    assert one["refused"] == "they are not in one frame of reference"
    assert "dice" not in one


def test_two_patients_are_never_compared():
    with pytest.raises(UnusableError, match="two patients"):
        compared([roi(1)], [roi(1)], PatientID="other-113047")
