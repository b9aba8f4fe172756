"""Do the contours lie on the images? By the pixels that a screen shows of both."""

from pathlib import Path

import imaging_selection
import pytest
from browser.pictures import Picture, deviation
from support import phantom
from support.phantom import AXIAL, DIRECTIONS

ALLOWED = 1.0  # pixels of the image
SHIFT_ALLOWED = 0.25  # half a pixel off is what a wrong convention of centres gives
HIDE_LETTERS = """document.querySelectorAll('.side').forEach((each) => {
  each.style.visibility = 'hidden';
})"""
GEOMETRY = Path(imaging_selection.__file__).parent / "viewer" / "static" / "geometry.js"


@pytest.fixture(scope="module")
def instance(orthanc):
    for image in phantom.images(*DIRECTIONS):
        orthanc.client.store(image)
    rois = [phantom.traced(each) for each in DIRECTIONS]
    return orthanc.client.store(phantom.structure_set(*rois)).json["ID"]


@pytest.fixture
def show(orthanc, instance, open_page):
    """Opens the page at the ROI and the series of a direction."""

    def show_one(direction, prepare=None):
        address = f"{orthanc.client.url}/imaging-selection/structure-sets/{instance}"
        page = open_page(address, prepare)
        series = page.locator("#series option", has_text=direction.name)
        page.select_option("#series", series.get_attribute("value"))
        page.wait_for_selector("#frame[aria-busy=false]")
        page.click("#none")
        page.wait_for_selector("#overlay .shape", state="detached")
        return page

    return show_one


def go_to(page, step):
    page.locator("#slice").fill(str(step + 1))
    page.wait_for_selector(f"#stage[data-slice='{step + 1}']")


def draw(page, direction):
    name = f"Disc {direction.name}"
    page.get_by_role("checkbox", name=name).check()
    page.wait_for_selector("#overlay .shape")


def paint_of(direction):
    """How much of a ROI's colour is in a colour: that of its fill is too weak."""
    lit = [axis for axis in range(3) if direction.color[axis]]
    dark = [axis for axis in range(3) if not direction.color[axis]]
    return lambda color: max(
        0, min(color[axis] for axis in lit) - max(color[axis] for axis in dark)
    )


def measure(browser, page, direction, step):
    """Deviation of the drawn contour from the disc of a slice, on the screen."""
    stage = page.locator("#stage")
    go_to(page, step)
    # The letters at the sides would be taken for light.
    page.evaluate(HIDE_LETTERS)
    page.click("#none")
    bare = Picture.of(browser, stage.screenshot())
    draw(page, direction)
    drawn = Picture.of(browser, stage.screenshot())
    per_pixel = (bare.width / phantom.COLUMNS, bare.height / phantom.ROWS)
    return deviation(bare, drawn, per_pixel, paint_of(direction))


@pytest.mark.parametrize("step", [0, 6])
@pytest.mark.parametrize("direction", DIRECTIONS, ids=lambda each: each.name)
def test_contours_lie_on_the_edges_that_they_trace(browser, show, direction, step):
    page = show(direction)
    found = measure(browser, page, direction, step)

    assert found.most <= ALLOWED, found
    assert found.shift <= SHIFT_ALLOWED, found


def altered(old, new):
    """Serve the geometry with another formula: what the tests above must not pass."""
    source = GEOMETRY.read_text(encoding="utf-8")
    assert source.count(old) == 1
    body = source.replace(old, new)

    def prepare(page):
        page.route(
            "**/geometry.js",
            lambda route: route.fulfill(body=body, content_type="text/javascript"),
        )

    return prepare


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param(
            "plane.right) / plane.perColumn + 0.5",
            "plane.right) / plane.perColumn + 2.5",
            id="two-pixels-to-the-right",
        ),
        pytest.param(
            "plane.down) / plane.perRow + 0.5",
            "plane.down) / plane.perRow",
            id="pixels-counted-from-their-corner",
        ),
        pytest.param(
            "perRow: spacing[0], perColumn: spacing[1]",
            "perRow: spacing[1], perColumn: spacing[0]",
            id="spacings-mixed-up",
        ),
    ],
)
def test_a_wrong_place_is_seen(browser, show, old, new):
    page = show(AXIAL, altered(old, new))
    found = measure(browser, page, AXIAL, 3)

    assert found.most > ALLOWED or found.shift > SHIFT_ALLOWED, found
