"""What is measured, checked and compared, in a real browser on a real Orthanc."""

import pytest
from support import phantom
from support.builders import contour, reference, roi
from support.measuring import wait_until_measured
from support.phantom import AXIAL, STEPS, circle, structure_set, traced

RT_STRUCTURE_SET = "1.2.840.10008.5.1.4.1.1.481.3"
OUTSIDE, BESIDE = 3, 5  # contours, by their place from 1


@pytest.fixture(scope="module")
def orthanc(start_orthanc_for_module):
    section = {"Measurements": True, "Names": {"TG-263": True}}
    return start_orthanc_for_module({"ImagingSelection": section})


def drawn(radius):
    return [
        contour(circle(AXIAL, step, radius), images=[AXIAL.image_uid(step)])
        for step in STEPS
    ]


def related(label, uid):
    """A structure set of the same patient, of little content."""
    return structure_set(
        roi(8, "same", contours=drawn(4)),
        directions=[AXIAL],
        StructureSetLabel=label,
        SOPInstanceUID=uid,
    )


@pytest.fixture(scope="module")
def ids(orthanc):
    """Orthanc's ids of an earlier structure set, and of a later one with findings."""
    client = orthanc.client
    for image in phantom.images(AXIAL):
        client.store(image)
    before = structure_set(
        traced(AXIAL, ROIName="Heart", contours=drawn(12)),
        roi(8, "same", contours=drawn(4), color=[0, 0, 255]),
        roi(9, "gone", contours=drawn(6), color=[0, 200, 0]),
        directions=[AXIAL],
        StructureSetLabel="earlier-113047",
        SOPInstanceUID="2.25.113047991",
    )
    contours = drawn(15)
    contours[OUTSIDE - 1] = contour(circle(AXIAL, OUTSIDE - 1, 90))
    contours[BESIDE - 1] = contour(circle(AXIAL, BESIDE - 1, 15, beside=500))
    after = structure_set(
        traced(AXIAL, ROIName="heart", contours=contours),
        roi(8, "same", contours=drawn(4), color=[0, 0, 255]),
        directions=[AXIAL],
        StructureSetLabel="later-113047",
        SOPInstanceUID="2.25.113047992",
        PredecessorStructureSetSequence=[reference("2.25.113047991", RT_STRUCTURE_SET)],
    )
    again, any_other = (
        related("later-113047", "2.25.113047993"),
        related("other-113047", "2.25.113047994"),
    )
    files = (before, after, again, any_other)
    stored = [client.store(file).json["ID"] for file in files]
    wait_until_measured(client, len(stored))
    return stored


@pytest.fixture
def page(orthanc, ids, open_page):
    address = f"{orthanc.client.url}/imaging-selection/structure-sets/{ids[1]}"
    page = open_page(address)
    page.wait_for_selector("#frame[aria-busy=false]")
    page.wait_for_selector("#main:not([aria-busy])")
    return page


def row_of(page, name):
    return page.locator("#rois tbody tr", has=page.get_by_text(name, exact=True))


def test_the_table_has_the_measured_volume(page):
    cells = row_of(page, "same").locator("td").all_inner_texts()
    area = 3.14159 * 4**2 * len(STEPS) * phantom.GAP / 1000
    assert float(cells[-2]) == pytest.approx(area, rel=0.01)


def test_a_click_on_a_finding_goes_to_its_contour(page):
    row_of(page, "heart").locator("button.count").click()
    detail = page.locator("tr.detail")
    assert "Outside the extent of the images: contours 3" in detail.inner_text()

    detail.locator(f"[data-contour='{OUTSIDE}']").first.click()
    page.wait_for_selector(f"#stage[data-slice='{OUTSIDE}'] #overlay .shape.marked")
    marked = page.locator("#overlay .shape.marked")
    assert marked.count() == 1
    assert marked.get_attribute("data-contours") == str(OUTSIDE)

    page.locator("#slice").fill(str(OUTSIDE + 1))
    page.wait_for_selector(f"#stage[data-slice='{OUTSIDE + 1}']")
    assert page.locator("#overlay .shape.marked").count() == 0


def test_a_contour_on_no_slice_is_shown_without_images(page):
    row_of(page, "heart").locator("button.count").click()
    item = page.locator("tr.detail li", has_text="On the plane of no image")
    item.locator(f"[data-contour='{BESIDE}']").click()
    page.wait_for_selector("#projections .shape.marked")
    marked = page.locator("#projections .shape.marked")
    assert marked.count() == 3  # once in each projection
    assert page.locator("#stage").is_hidden()


def test_another_structure_set_is_compared_and_overlaid(page, ids):
    page.select_option("#other", ids[0])
    page.wait_for_selector("#compared-rows tr")
    rows = [
        [cell.strip() for cell in row.locator("th, td").all_inner_texts()]
        for row in page.locator("#compared-rows tr").all()
    ]
    changes = {row[0].split("\n")[0]: row[1] for row in rows}
    assert changes == {
        "heart": "renamed, contours changed",
        "same": "same",
        "gone": "removed",
    }
    assert "before: Heart" in rows[0][0]
    same = next(row for row in rows if row[0] == "same")
    assert same[4:] == ["1.000", "0.0"]
    assert same[2] == same[3] != ""

    page.wait_for_selector("#overlay .shape.other")
    others = page.locator("#overlay .shape.other")
    names = {each.get_attribute("data-roi") for each in others.all()}
    assert f"{ids[0]}-9" in names  # what is gone is drawn all the same
    assert all(name.startswith(ids[0]) for name in names)

    assert "The other one is the predecessor" in page.inner_text("#comparison-told")

    page.uncheck("#overlaid")
    page.wait_for_selector("#overlay .shape.other", state="detached")
    page.check("#overlaid")
    page.wait_for_selector("#overlay .shape.other")
    page.click("#none")
    row_of(page, "same").locator("input").check()
    page.wait_for_selector(f"#overlay .shape.other[data-roi='{ids[0]}-8']")
    row_of(page, "same").locator("input").uncheck()
    page.wait_for_selector(
        f"#overlay .shape.other[data-roi='{ids[0]}-8']", state="detached"
    )

    page.select_option("#other", "")
    page.wait_for_selector("#overlay .shape.other", state="detached")
    assert page.locator("#compared").is_hidden()


def test_relatives_are_offered_first(page, ids):
    offered = [
        option.inner_text().translate(dict.fromkeys((0x2068, 0x2069)))
        for option in page.locator("#other option").all()
    ]
    assert offered == [
        "none",
        f"earlier-113047 · predecessor · {ids[0][:8]}",
        f"later-113047 · same label · {ids[2][:8]}",
        f"other-113047 · {ids[3][:8]}",
    ]


def test_the_largest_distance_leads_to_its_slice(page, ids):
    page.select_option("#other", ids[0])
    row = page.locator("#compared-rows tr", has_text="heart")
    row.locator("button").click()
    page.wait_for_selector(f"#stage[data-slice='{OUTSIDE}']")


def test_a_comparison_has_an_address(orthanc, open_page, ids):
    address = f"{orthanc.client.url}/imaging-selection/structure-sets/{ids[1]}"
    page = open_page(f"{address}?compare={ids[0]}")
    page.wait_for_selector("#compared-rows tr")
    assert "earlier-113047" in page.locator("#other option:checked").inner_text()


def test_the_overview_shows_measurements_and_names(orthanc, open_page):
    page = open_page(f"{orthanc.client.url}/imaging-selection/")
    page.wait_for_selector("#name-rows tr")
    assert page.inner_text("#measured") == "4 structure sets measured."
    assert page.inner_text("#compliance") == ("1 of 7 ROI names (14 %) follow TG-263.")
    assert page.locator("#name-rows tr").all_inner_texts() == [
        "same\t4\t",
        "gone\t1\t",
        "heart\t1\tHeart",
    ]
