import numpy as np
import pytest
from imaging_selection import objects
from imaging_selection.dicom.file import open_dataset
from imaging_selection.geometry.images import Images
from imaging_selection.geometry.points import read_contours
from support.builders import FRAME, contour, image_uid, make_rtstruct, roi
from support.solids import rectangle

OTHER_FRAME = "2.25.113047401"
AXIAL = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0]
SAGITTAL = [0.0, 1.0, 0.0, 0.0, 0.0, -1.0]


def described(number, z, **overrides):
    """An image of 100 columns of 2 mm and 50 rows of 1 mm around the z axis."""
    return {
        "series": "ct",
        "sopInstanceUid": image_uid(number),
        "frameOfReferenceUid": FRAME,
        "position": [-99.0, -24.5, z],
        "orientation": AXIAL,
        "spacing": [1.0, 2.0],
        "rows": 50,
        "columns": 100,
    } | overrides


SLICES = [described(number, 3.0 * number) for number in range(1, 6)]
UIDS = [each["sopInstanceUid"] for each in SLICES]


def codes(points, *, named=(), slices=SLICES, series=(UIDS,), **overrides):
    drawn = contour(points, images=[*named] or None)
    file = make_rtstruct(roi(7, contours=[drawn], **overrides))
    (only,) = objects.read(file)[1].rois
    reading = read_contours(open_dataset(file).data, only)
    found = [*Images(slices, series).check(only, reading.drawn)]
    assert all(each.text.endswith(": contours 1") for each in found)
    assert all(each.roi_number == 7 for each in found)
    return [each.code for each in found]


@pytest.mark.parametrize("named", [(), (image_uid(2),)], ids=["no-image", "its-image"])
@pytest.mark.parametrize(
    ("center", "expected"),
    [
        ((0, 0), []),
        ((90, 0), []),  # to the very edge of the pixels, 100 mm
        ((90.9, 0), []),
        ((91.5, 0), ["outside-images"]),
        ((-91.5, 0), ["outside-images"]),
        ((0, 20.9), []),
        ((0, 21.5), ["outside-images"]),
        ((0, -21.5), ["outside-images"]),
    ],
)
def test_a_contour_beyond_the_edge_of_its_images(center, expected, named):
    assert codes(rectangle(6, center=center), named=named) == expected


@pytest.mark.parametrize(
    ("z", "expected"),
    [
        (6, []),
        (7.5, []),  # halfway to the next
        (16.5, []),  # as far beyond the last one
        (16.7, ["plane-on-no-image"]),
        (1.3, ["plane-on-no-image"]),
    ],
)
def test_a_contour_on_the_plane_of_no_image(z, expected):
    assert codes(rectangle(z)) == expected


def test_where_a_slice_is_missing_half_of_the_larger_distance_counts():
    without = [each for each in SLICES if each["position"][2] != 9]
    series = [[each["sopInstanceUid"] for each in without]]
    assert codes(rectangle(9), slices=without, series=series) == []
    assert codes(rectangle(19), slices=without, series=series) == ["plane-on-no-image"]


def test_an_oblique_contour_lies_on_no_axial_image():
    points = [(0, 0, 5), (10, 0, 6), (10, 10, 6), (0, 10, 5)]
    assert codes(points) == ["plane-on-no-image"]


def test_images_of_any_direction_are_looked_at():
    sagittal = [
        described(
            10 + k, 0, series="mr", orientation=SAGITTAL, position=[3.0 * k, -10, 60]
        )
        for k in range(5)
    ]
    uids = [each["sopInstanceUid"] for each in sagittal]
    points = [(6, 0, 20), (6, 10, 20), (6, 10, 30)]
    both = [*SLICES, *sagittal]
    assert codes(points, slices=both, series=[UIDS, uids]) == []
    assert codes(points) == ["plane-on-no-image"]
    beyond = [(6, 0, 70), (6, 10, 70), (6, 10, 65)]
    assert codes(beyond, slices=both, series=[UIDS, uids]) == ["outside-images"]


def test_another_series_of_the_frame_may_hold_the_contour():
    wide = [
        described(10 + k, 3.0 * k, series="pet", columns=400, position=[-399, -24.5, 6])
        for k in range(1)
    ]
    uids = [each["sopInstanceUid"] for each in wide]
    far = rectangle(6, center=(300, 0))
    assert codes(far, slices=[*SLICES, *wide], series=[UIDS, uids]) == []


class TestWhatIsNotKnown:
    def test_without_all_images_of_the_series_no_plane_is_judged(self):
        some = [*SLICES[:-1]]
        assert codes(rectangle(40), slices=some) == []
        assert codes(rectangle(40), slices=some, named=[image_uid(5)]) == []

    def test_an_image_that_is_named_and_here_is_enough_for_its_extent(self):
        far = rectangle(6, center=(300, 0))
        some = [*SLICES[:-1]]
        assert codes(far, slices=some, named=[image_uid(2)]) == ["outside-images"]
        assert codes(far, slices=some, named=[image_uid(5)]) == []
        assert codes(far, slices=some) == []

    def test_a_series_that_is_named_without_images_may_hold_everything(self):
        assert codes(rectangle(40), series=[UIDS, []]) == []
        assert codes(rectangle(40), series=[UIDS, []], named=[image_uid(2)]) == [
            "plane-on-no-image"
        ]

    @pytest.mark.parametrize(
        "overrides",
        [
            {"position": None},
            {"orientation": None},
            {"orientation": [1.0, 0, 0, 1, 0, 0]},
            {"spacing": [0.0, 1.0]},
            {"rows": 0},
            {"columns": None},
            {"frameOfReferenceUid": None},
        ],
        ids=str,
    )
    def test_an_image_without_a_place_in_space_is_missing(self, overrides):
        slices = [*SLICES[1:], described(1, 3.0, **overrides)]
        assert codes(rectangle(40), slices=slices) == []


class TestAnotherFrameOfReference:
    def test_its_images_hold_no_contour(self):
        elsewhere = [
            described(10 + k, 6.0, frameOfReferenceUid=OTHER_FRAME) for k in range(1)
        ]
        series = [UIDS, [each["sopInstanceUid"] for each in elsewhere]]
        far = rectangle(40)
        slices = [*SLICES, *elsewhere]
        assert codes(far, slices=slices, series=series) == ["plane-on-no-image"]

    def test_a_roi_of_a_frame_without_images_is_not_judged(self):
        far = rectangle(40)
        assert codes(far, ReferencedFrameOfReferenceUID=OTHER_FRAME) == []

    def test_a_contour_that_names_an_image_of_another_frame_says_so(self):
        assert codes(
            rectangle(6),
            named=[image_uid(2)],
            ReferencedFrameOfReferenceUID=OTHER_FRAME,
        ) == ["image-of-other-frame"]


def test_the_place_of_a_slice_needs_no_rounded_numbers():
    turned = np.array([[0.8, 0.6, 0], [-0.6, 0.8, 0]]).ravel().tolist()
    slices = [described(k, 3.0 * k, orientation=turned) for k in (1, 2, 3)]
    series = [[each["sopInstanceUid"] for each in slices]]
    origin = np.array(slices[0]["position"])
    corner = [
        tuple(origin + a * np.array([0.8, 0.6, 0]) + b * np.array([-0.6, 0.8, 0]))
        for a, b in ((0, 0), (190, 0), (190, 45))
    ]
    assert codes(corner, slices=slices, series=series) == []
