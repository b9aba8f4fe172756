"""Which images contours are checked against: those of the own patient alone."""

from datetime import UTC, datetime

import orjson
import pytest
from imaging_selection.host.jobs import images, measure
from imaging_selection.host.source import OrthancSource
from imaging_selection.mapping.choices import Choices
from imaging_selection.viewer import contour_images
from imaging_selection.viewer.contour_images import find_slices
from support import phantom
from support.builders import contour, roi
from support.fake_orthanc import FakeOrthanc
from support.phantom import AXIAL, DIRECTIONS, circle, structure_set, traced

NOW = datetime(2026, 1, 2, tzinfo=UTC)
HIGH = 900.0  # mm beside its plane
BESIDE = traced(AXIAL, contours=[contour(circle(AXIAL, 3, beside=HIGH))])


@pytest.fixture
def host():
    host = FakeOrthanc()
    host.start()
    return host


@pytest.fixture
def check(host):
    """Stores a structure set; the findings about its contours, by ROI Number."""

    def check_one(file, rest=lambda: None):
        orthanc_id, _ = host.store(file)
        source = OrthancSource(host.module)
        ids = source.instance(orthanc_id).ids
        slices = find_slices(images(file, "Latin1"), ids, source, rest)
        drafts = measure(file, ids, Choices(), NOW, slices).drafts
        return [
            [tag["code"] for tag in orjson.loads(each.content)["meta"].get("tag", ())]
            for each in drafts
        ]

    return check_one


def test_contours_along_discs_on_images_of_any_direction_are_sound(host, check):
    for image in phantom.images(*DIRECTIONS):
        host.store(image)
    rois = [traced(each) for each in DIRECTIONS]
    assert check(structure_set(*rois)) == [[], [], []]


def test_contours_on_frames_of_one_image_are_sound(host, check):
    host.store(phantom.multi_frame(AXIAL))
    uid = AXIAL.image_uid(0)
    drawn = [contour(circle(AXIAL, step), images=[uid]) for step in phantom.STEPS]
    beside = contour(circle(AXIAL, 3, beside=HIGH), images=[uid])
    rois = [traced(AXIAL, contours=drawn), roi(9, contours=[beside])]
    assert check(structure_set(*rois, directions=[])) == [
        [],
        ["no-slice-spacing", "plane-on-no-image"],
    ]


def test_what_lies_beside_the_images_is_found(host, check):
    for image in phantom.images(AXIAL):
        host.store(image)
    far = traced(AXIAL, contours=[contour(circle(AXIAL, 3, radius=100))])
    assert check(structure_set(far, directions=[AXIAL])) == [
        ["no-slice-spacing", "outside-images"]
    ]
    assert check(
        structure_set(BESIDE, directions=[AXIAL], SOPInstanceUID="2.25.1130471")
    ) == [["no-slice-spacing", "plane-on-no-image"]]


def test_images_of_another_patient_with_the_same_uids_are_others(host, check):
    for image in phantom.images(AXIAL):
        host.store(image.replace(b"patient-113047", b"patient-113048"))
    assert check(structure_set(BESIDE, directions=[AXIAL])) == [["no-slice-spacing"]]


def test_without_any_image_nothing_is_judged(check):
    assert check(structure_set(BESIDE, directions=[AXIAL])) == [["no-slice-spacing"]]


def test_too_many_images_are_not_asked_for(host, check, monkeypatch):
    monkeypatch.setattr(contour_images, "MAXIMUM_IMAGES", len(phantom.STEPS) - 1)
    for image in phantom.images(AXIAL):
        host.store(image)
    rests = []
    file = structure_set(BESIDE, directions=[AXIAL])
    assert check(file, lambda: rests.append(1)) == [["no-slice-spacing"]]
    assert rests == []


def test_orthanc_rests_between_two_questions(host, check):
    for image in phantom.images(AXIAL):
        host.store(image)
    rests = []
    check(structure_set(BESIDE, directions=[AXIAL]), lambda: rests.append(1))
    assert len(rests) == len(phantom.STEPS)


def test_the_images_of_a_structure_set_are_named_once():
    file = structure_set(traced(AXIAL), directions=[AXIAL])
    assert images(file, "Latin1") == [AXIAL.image_uid(k) for k in phantom.STEPS]
