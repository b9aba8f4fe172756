import pytest
from imaging_selection.viewer.image_planes import slices_of

PLANE = {
    "ImagePositionPatient": r"-1.5\2\3e1",
    "ImageOrientationPatient": r"1\0\0\0\1\0",
    "PixelSpacing": r"1.5\1.25",
    "SliceThickness": "3 ",
    "WindowCenter": r"40\-600",
    "WindowWidth": r"400\1500",
}
IMAGE = {
    "SOPInstanceUID": "2.25.113047",
    "FrameOfReferenceUID": "2.25.113048",
    "InstanceNumber": "7",
    "Rows": "512",
    "Columns": "256",
}


def test_a_slice_tells_where_it_lies():
    assert slices_of("a-113047", IMAGE | PLANE) == [
        {
            "instance": "a-113047",
            "frame": None,
            "frames": 1,
            "sopInstanceUid": "2.25.113047",
            "instanceNumber": 7,
            "frameOfReferenceUid": "2.25.113048",
            "rows": 512,
            "columns": 256,
            "position": [-1.5, 2.0, 30.0],
            "orientation": [1.0, 0.0, 0.0, 0.0, 1.0, 0.0],
            "spacing": [1.5, 1.25],
            "thickness": 3.0,
            "windows": [[40.0, 400.0], [-600.0, 1500.0]],
        }
    ]


@pytest.mark.parametrize(
    ("keyword", "value", "name"),
    [
        pytest.param("ImagePositionPatient", r"1\2", "position", id="too-few"),
        pytest.param("ImagePositionPatient", r"1\2\3\4", "position", id="too-many"),
        pytest.param("ImagePositionPatient", r"1\x\3", "position", id="no-number"),
        pytest.param("ImagePositionPatient", r"1\inf\3", "position", id="infinite"),
        pytest.param("ImagePositionPatient", r"1_0\1\3", "position", id="python's"),
        pytest.param("ImagePositionPatient", "1\\\u0661\\3", "position", id="no-ascii"),
        pytest.param("ImageOrientationPatient", "", "orientation", id="empty"),
        pytest.param("PixelSpacing", None, "spacing", id="null"),
        pytest.param("SliceThickness", r"1\2", "thickness", id="two-thicknesses"),
        pytest.param("Rows", "-5", "rows", id="negative"),
        pytest.param("Columns", "², ", "columns", id="no-ascii"),
        pytest.param("FrameOfReferenceUID", "", "frameOfReferenceUid", id="no-frame"),
        pytest.param("InstanceNumber", [], "instanceNumber", id="items"),
        pytest.param("Rows", "9" * 5000, "rows", id="too-long-for-an-integer"),
    ],
)
def test_what_cannot_be_used_is_absent(keyword, value, name):
    [slice_] = slices_of("a", IMAGE | PLANE | {keyword: value})
    assert slice_[name] is None


@pytest.mark.parametrize(
    ("centers", "widths", "expected"),
    [
        ("40", "400", [[40.0, 400.0]]),
        (r"40\50", "400", [[40.0, 400.0]]),
        ("40", "0", []),
        ("x", "400", []),
        ("40", None, []),
    ],
)
def test_windows_are_pairs(centers, widths, expected):
    tags = {"WindowCenter": centers, "WindowWidth": widths}
    [slice_] = slices_of("a", IMAGE | PLANE | tags)
    assert slice_["windows"] == expected


def test_each_frame_lies_where_its_functional_groups_say():
    shared = {
        "PlaneOrientationSequence": [{"ImageOrientationPatient": r"1\0\0\0\1\0"}],
        "PixelMeasuresSequence": [{"PixelSpacing": r"2\2", "SliceThickness": "5"}],
    }
    frames = [
        {
            "PlanePositionSequence": [{"ImagePositionPatient": rf"0\0\{z}"}],
            "FrameVOILUTSequence": [{"WindowCenter": "1", "WindowWidth": "2"}],
            "Unknown": "text",
        }
        for z in (0, 5)
    ]
    slices = slices_of(
        "a",
        IMAGE
        | {
            "NumberOfFrames": "2",
            "SharedFunctionalGroupsSequence": [shared],
            "PerFrameFunctionalGroupsSequence": frames,
        },
    )
    assert [each["frame"] for each in slices] == [0, 1]
    assert [each["position"] for each in slices] == [[0.0, 0.0, 0.0], [0.0, 0.0, 5.0]]
    assert {each["thickness"] for each in slices} == {5.0}
    assert slices[1]["spacing"] == [2.0, 2.0]
    assert slices[0]["windows"] == [[1.0, 2.0]]


@pytest.mark.parametrize("groups", [None, [], [{}], "text", [None] * 30])
def test_frames_that_lie_nowhere_are_counted(groups):
    tags = {"NumberOfFrames": "30", "PerFrameFunctionalGroupsSequence": groups}
    [slice_] = slices_of("a", IMAGE | PLANE | tags)
    assert (slice_["frames"], slice_["position"]) == (30, None)
