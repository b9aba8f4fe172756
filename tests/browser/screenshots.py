"""Take the screenshots of the README: `make screenshots`.

Of the bundled example with images made for it: what they show was never a patient.
"""

import tempfile
import time
from math import hypot
from pathlib import Path

from browser.conftest import launch
from playwright.sync_api import sync_playwright
from support.builders import ct_image, make_rtstruct, observation, roi
from support.example import CT_SERIES, FRAME, IMAGES, STUDY, make_example
from support.orthanc import RunningOrthanc
from support.paths import TESTS

FOLDER = TESTS / "screenshots"
SIDE, SPACING = 256, 1.0  # pixels, mm
CORNER = (-SIDE / 2 * SPACING, 10 - SIDE / 2 * SPACING)
NAMES = ("BODY", "PTV 60", "CTV", "Bladder", "Rectum", "Femoral head L", "Lung R")
PATIENTS = 14


def noise(x, y, z):
    """What a scanner adds: the same each time."""
    mixed = (x * 374761393 + y * 668265263 + z * 2147483647) & 0xFFFFFFFF
    mixed = ((mixed ^ (mixed >> 13)) * 1274126177) & 0xFFFFFFFF
    return ((mixed >> 16) & 3) * 6 - 9


def hounsfield(x, y, z):
    """How dense the example's patient is at a place, in Hounsfield units."""

    def within(center, axes):
        return hypot((x - center[0]) / axes[0], (y - center[1]) / axes[1]) <= 1

    if not within((0, 10), (82.3, 101.7)):
        return -1000
    if not within((0, 10), (79, 98)):
        return -90  # fat below the skin
    tissues = (
        ((0.4, 61.2), (5.9, 5.3), 25),  # cord
        ((0.4, 62), (13, 12), 420),  # bone around it
        ((0.4, 45), (19, 13), 330),
        ((2.3, -21.4), (8.1, 9.3), -980),  # air
        ((2.3, -21.4), (17.2, 14.9), 90),
        ((18.2, -8.3), (11.4, 9.8), 75),
        ((57.1, 12.6), (9.7, 15.4), -25),
        ((-56.8, 12.9), (9.4, 15.1), -25),
        ((0, -66), (9, 7), -980 if z > 0 else 40),
    )
    for center, axes, value in tissues:
        if within(center, axes):
            return value
    return 50 if hypot(x / 70, (y - 10) / 88) <= 1 else 5


def image(number, z, uid):
    """Build a slice of the example's CT."""
    pixels = [
        hounsfield(CORNER[0] + SPACING * column, CORNER[1] + SPACING * row, z)
        + noise(column // 3, row // 3, number)
        + 1024
        for row in range(SIDE)
        for column in range(SIDE)
    ]
    return ct_image(
        number,
        SOPInstanceUID=uid,
        SeriesInstanceUID=CT_SERIES,
        StudyInstanceUID=STUDY,
        FrameOfReferenceUID=FRAME,
        StudyDate="20260826",
        StudyDescription="Example: head and neck",
        SeriesDescription="Planning CT",
        PatientName="EXAMPLE^ImagingSelection",
        PatientID="EXAMPLE-1",
        ImagePositionPatient=[*CORNER, z],
        PixelSpacing=[SPACING, SPACING],
        Rows=SIDE,
        Columns=SIDE,
        WindowCenter=40,
        WindowWidth=400,
        PixelData=("OW", [max(0, value) for value in pixels]),
    )


def others():
    """Build structure sets for the overview; one that cannot be converted."""
    for number in range(PATIENTS):
        uids = {
            "PatientID": f"EXAMPLE-{number + 2}",
            "StudyInstanceUID": f"2.25.2608270{number:02}",
            "SeriesInstanceUID": f"2.25.2608271{number:02}",
            "SOPInstanceUID": f"2.25.2608272{number:02}",
            "TimezoneOffsetFromUTC": "+0200",
            "StructureSetDate": f"202608{number + 10}",
        }
        rois = [
            roi(k, name, observations=[observation(("ORGAN", "PTV")[k % 2])])
            for k, name in enumerate(NAMES[: 3 + number % 5], start=1)
        ]
        if number % 4 == 1:
            rois.append(roi(9, "Template", contours=None))
        file = make_rtstruct(*rois, **uids)
        if number == PATIENTS - 1:
            uid = uids["StudyInstanceUID"].encode()
            file = file.replace(uid, uid[:-1] + b"x")
        yield file


def take(orthanc, browser):
    """Show the pages, and write what is seen."""
    client = orthanc.client
    for number, (z, uid) in enumerate(IMAGES.items(), start=1):
        client.store(image(number, z, uid))
    instance = client.store(make_example()).json["ID"]
    for file in others():
        client.store(file)
    client.wait_until_up_to_date()

    def page_of(path, **options):
        context = browser.new_context(**options)
        page = context.new_page()
        page.goto(f"{client.url}/imaging-selection/{path}")
        page.wait_for_load_state("networkidle")
        time.sleep(1)  # what moves has come to rest: a picture, not a test
        return page

    page = page_of("", viewport={"width": 1280, "height": 1080})
    page.screenshot(path=FOLDER / "overview.png")
    size = {"width": 1400, "height": 860}
    page = page_of(f"structure-sets/{instance}", viewport=size)
    page.screenshot(path=FOLDER / "structure-set.png")
    page = page_of(
        f"structure-sets/{instance}",
        viewport={"width": 1000, "height": 900},
        color_scheme="dark",
    )
    page.locator(".viewer").screenshot(path=FOLDER / "viewer.png")


def main():
    """Start an Orthanc and a browser of our own, and use both."""
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        orthanc = RunningOrthanc(Path(folder) / "orthanc").start()
        browser = launch(playwright)
        try:
            take(orthanc, browser)
        finally:
            browser.close()
            orthanc.stop()


if __name__ == "__main__":
    main()
