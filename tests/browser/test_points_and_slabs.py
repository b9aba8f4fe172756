"""Contours that are more, or elsewhere, than their points: drawn, and said."""

import pytest
from support import phantom
from support.builders import contour, roi
from support.phantom import AXIAL, circle


@pytest.fixture
def page(orthanc, open_page):
    for image in phantom.images(AXIAL):
        orthanc.client.store(image)
    points = "\\".join(str(value) for value in AXIAL.center(1) * 3)
    rois = [
        roi(1, "Markers", contours=[contour(points, "POINT")]),
        roi(
            2,
            "Slab",
            contours=[contour(circle(AXIAL, 1), ContourOffsetVector=r"0\0\1.5")],
        ),
    ]
    stored = orthanc.client.store(phantom.structure_set(*rois, directions=[AXIAL]))
    orthanc.client.wait_until_up_to_date()
    identity = stored.json["ID"]
    page = open_page(
        f"{orthanc.client.url}/imaging-selection/structure-sets/{identity}"
    )
    page.wait_for_selector("#frame[aria-busy=false]")
    page.click("#all")
    page.fill("#slice", "2")
    page.wait_for_selector("#stage[data-slice='2']")
    return page


def test_several_points_are_drawn_as_crosses_and_a_slab_is_said(page):
    markers = page.locator("#overlay [data-roi$='-1']")
    assert "point" in markers.get_attribute("class")
    assert markers.get_attribute("d").count("M") == 2 * 3  # two strokes a point

    notes = page.inner_text("#notes")
    assert "POINT, but there are several points: kept as multipoint" in notes
    assert "the region is a slab, which FHIR cannot say" in notes
