from datetime import UTC, datetime

import pytest
from imaging_selection.geometry.checks import is_other_side
from imaging_selection.mapping.choices import Choices
from imaging_selection.objects import measure
from support.builders import contour, make_rtstruct, observation, roi
from support.corpus import FILES
from support.paths import CORPUS, GOLDEN
from support.solids import measured, measured_file, rectangle

NOW = datetime(2026, 1, 2, tzinfo=UTC)
BOX = [rectangle(z) for z in (0, 3, 6, 9, 12)]


def codes(measurement):
    return [each.code for each in measurement.findings]


def test_a_sound_roi_has_no_findings():
    assert codes(measured(*BOX)) == []


@pytest.mark.parametrize(
    ("heights", "expected"),
    [
        ((0, 3, 6, 10.4, 13.4, 16.4), []),
        ((0, 3, 6, 11, 14, 17), ["gap-between-slices"]),
    ],
)
def test_a_gap_between_slices(heights, expected):
    found = measured(*[rectangle(z) for z in heights])
    assert codes(found) == expected
    if expected:
        text = "Slices are missing: 5 mm between contours 3 and 4"
        assert found.findings[0].text == text


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (rectangle(3)[::-1], ["duplicate-contour"]),
        (rectangle(3, center=(1, 0)), []),
    ],
)
def test_a_repeated_contour(other, expected):
    found = measured(*BOX, other)
    assert codes(found) == expected
    assert all("contours 6" in each.text for each in found.findings)


@pytest.mark.parametrize(
    ("beside", "expected"), [(0.09, []), (0.5, ["contour-not-planar"])]
)
def test_a_contour_on_no_plane(beside, expected):
    warped = [*rectangle(15)[:3], (*rectangle(15)[3][:2], 15 + beside)]
    found = measured(*BOX, warped)
    assert codes(found) == expected
    assert all(each.contours == (6,) for each in found.findings)


def test_three_distinct_points_are_enough():
    assert codes(measured(*BOX, [*rectangle(15)[:3], rectangle(15)[0]])) == []


@pytest.mark.parametrize("order", [(0, 2, 1, 3), (0, 1, 2, 3)])
def test_a_contour_that_crosses_itself(order):
    corners = rectangle(15)
    found = measured(*BOX, [corners[k] for k in order])
    is_crossed = order != (0, 1, 2, 3)
    assert codes(found) == ["self-intersecting-contour"] * is_crossed


@pytest.mark.parametrize("points", [[(0, 0, 15)], [(0, 0, 15), (1, 0, 15), (0, 0, 15)]])
def test_a_contour_of_too_few_points_is_named_and_takes_no_volume_away(points):
    found = measured(*BOX, points)
    assert codes(found) == ["too-few-points"]
    assert found.volume == pytest.approx(3)


def test_a_roi_of_too_few_points_alone_is_named():
    assert codes(measured([(0, 0, 15)])) == ["too-few-points"]


@pytest.mark.parametrize(
    ("stray", "expected"),
    [
        (rectangle(6, 1, 1, center=(30, 0)), ["stray-contour"]),
        (rectangle(6, 3, 3, center=(30, 0)), []),
        (rectangle(6, 3, 3, center=(70, 0)), ["stray-contour"]),
        (rectangle(6, 1, 1), []),  # a hole
        (rectangle(15, 1, 1), []),  # the tip
    ],
)
def test_a_stray_contour(stray, expected):
    found = measured(*BOX, stray)
    assert codes(found) == expected
    assert all(each.text.endswith("contours 6") for each in found.findings)


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        ("3.0", []),
        ("3.14", []),
        ("2.8", ["stated-volume-differs"]),
        ("0", []),
        ("", []),
    ],
)
def test_a_stated_volume_that_differs(stated, expected):
    assert codes(measured(*BOX, ROIVolume=stated)) == expected


def within_external(contours, interpreted_type="ORGAN", external=BOX):
    body = [contour([(8 * x, 8 * y, z) for x, y, z in each]) for each in external]
    file = make_rtstruct(
        roi(1, contours=body, observations=[observation("EXTERNAL")]),
        roi(
            2,
            contours=[contour(each) for each in contours],
            observations=[observation(interpreted_type)],
        ),
    )
    return codes(measured_file(file)[2])


@pytest.mark.parametrize(
    ("x", "interpreted_type", "expected"),
    [
        (0, "ORGAN", []),
        (71, "PTV", []),  # 1 mm
        (85, "ORGAN", ["outside-external"]),
        (85, "SUPPORT", []),
    ],
)
def test_an_organ_outside_the_external(x, interpreted_type, expected):
    shifted = [rectangle(z, center=(x, 0)) for z in (0, 3, 6)]
    assert within_external(shifted, interpreted_type) == expected


def test_planes_without_an_external_are_not_judged():
    beside = [rectangle(z, center=(200, 0)) for z in (1.5, 4.5)]
    assert within_external(beside) == []


@pytest.mark.parametrize(
    ("side", "x", "expected"),
    [
        ("Left", 40, False),
        ("Left", -40, True),
        ("Right", 40, True),
        ("Right", 9, False),
    ],
)
def test_a_hint_of_the_other_side(side, x, expected):
    assert is_other_side(side, x, 0) is expected


@pytest.mark.slow
@pytest.mark.skipif(not FILES, reason="no ../shared/rtstruct")
def test_the_findings_of_real_files_are_those_that_were_reviewed(request):
    lines = [
        f"{file}\t{each.roi_number}\t{each.code}\t{each.text}"
        for file in FILES
        for each in measure((CORPUS / file).read_bytes(), Choices(), None, NOW).findings
    ]
    path = GOLDEN / "contour-findings.txt"
    if request.config.getoption("--update-golden"):
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert lines == path.read_text(encoding="utf-8").splitlines()
