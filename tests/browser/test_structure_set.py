"""The page of a structure set: its table, its viewer, its ways in."""

import json
import re
from dataclasses import replace

import pytest
from browser.proxy import proxy_below
from support import phantom
from support.builders import code, contour, observation, roi
from support.phantom import AXIAL, DIRECTIONS, OBLIQUE, SAGITTAL, STEPS, circle, traced

# As one multi-frame image, in which each frame lies where its functional group says.
FRAMES = replace(OBLIQUE, name="frames", number=4)
SHORT = replace(AXIAL, name="short", number=5)
ELSEWHERE = "2.25.11304749"  # a frame of reference that has no images


def set_of(number, *rois, **overrides):
    return phantom.structure_set(
        *rois, SOPInstanceUID=f"2.25.1130473{number:02}", **overrides
    )


def ring():
    """A wall around a hole, combined by exclusive or."""
    contours = [
        contour(circle(AXIAL, 2, radius), "CLOSEDPLANAR_XOR", [AXIAL.image_uid(2)])
        for radius in (15, 8)
    ]
    return roi(11, "Ring", contours=contours, color=[0, 200, 200])


def odd_ones():
    """ROIs of which something cannot be drawn, or is drawn in another way."""
    point = "\\".join(map(str, AXIAL.center(1)))
    return [
        roi(
            20,
            "Between slices",
            contours=[
                contour(circle(AXIAL, 1, beside=1.4)),
                contour(circle(AXIAL, 6, beside=1.6)),
                contour(circle(AXIAL, 6, beside=40)),
            ],
        ),
        roi(21, "Other frame", ReferencedFrameOfReferenceUID=ELSEWHERE),
        roi(22, "Point", contours=[contour(point, "POINT")], color=[255, 255, 0]),
        roi(
            23,
            "Open",
            contours=[contour(circle(AXIAL, 1)[:20], "OPEN_PLANAR")],
            color=[200, 200, 0],
        ),
        roi(
            24,
            "Names another slice",
            contours=[contour(circle(AXIAL, 3), images=[AXIAL.image_uid(5)])],
        ),
        roi(25, "Broken", contours=[contour("1\\2"), contour(circle(AXIAL, 4))]),
        roi(26, "Empty", contours=None),
        ring(),
    ]


DETAILED = {
    "StructureSetLabel": "Plan 113047",
    "ApprovalStatus": "APPROVED",
    "ReviewerName": "Reviewer^One",
    "ReviewDate": "20210305",
    "ReviewTime": "080910",
    "Manufacturer": "maker-113047",
    "ManufacturerModelName": "model-113047",
    "AccessionNumber": "accession-113047",
}
# Where the light of the image has its middle, and where the contour has.
MIDDLES = """() => {
  const image = document.getElementById("image");
  const canvas = new OffscreenCanvas(image.naturalWidth, image.naturalHeight);
  const context = canvas.getContext("2d");
  context.drawImage(image, 0, 0);
  const { width, height } = canvas;
  const { data } = context.getImageData(0, 0, width, height);
  let [x, y, light] = [0, 0, 0];
  for (let i = 0; i < width * height; i += 1) {
    x += data[4 * i] * ((i % width) + 0.5);
    y += data[4 * i] * (Math.floor(i / width) + 0.5);
    light += data[4 * i];
  }
  const box = document.querySelector("#overlay .shape").getBBox();
  return [[x / light, y / light], [box.x + box.width / 2, box.y + box.height / 2]];
}"""


@pytest.fixture(scope="module")
def ids(orthanc):
    store = orthanc.client.store
    short = [phantom.image(SHORT, step) for step in (0, 1)]
    images = [*phantom.images(*DIRECTIONS), phantom.multi_frame(FRAMES), *short]
    for image in images:
        store(image)
    larynx = observation(
        "ORGAN",
        RTROIIdentificationCodeSequence=code("4596009", "SCT", "Larynx"),
    )
    files = {
        "three": set_of(
            1,
            traced(AXIAL, ROIVolume="12.5", observations=[larynx]),
            traced(SAGITTAL, ROIVolume="7.25"),
            traced(OBLIQUE, observations=[observation("PTV")]),
            roi(9, "Nothing drawn", contours=None, color=None),
            **DETAILED,
        ),
        "odd": set_of(2, *odd_ones(), directions=[AXIAL]),
        "without images": set_of(
            3,
            roi(
                1,
                "Alone",
                color=[255, 0, 0],
                ReferencedFrameOfReferenceUID=ELSEWHERE,
            ),
            ReferencedFrameOfReferenceSequence=None,
        ),
        "oblique alone": set_of(5, traced(OBLIQUE)),
        "frames": set_of(6, traced(FRAMES), directions=[FRAMES]),
        "uneven": set_of(7, traced(AXIAL), directions=[AXIAL, SHORT]),
        "many": set_of(4, *phantom.many_rois(110), directions=[AXIAL]),
    }
    stored = {name: store(file).json["ID"] for name, file in files.items()}
    orthanc.client.wait_until_up_to_date()
    return stored


@pytest.fixture
def show(orthanc, ids, open_page):
    def show_one(name, part="", **options):
        address = f"{orthanc.client.url}/imaging-selection/structure-sets/{ids[name]}"
        page = open_page(address + part, **options)
        page.wait_for_selector("main:not([aria-busy])")
        return page

    return show_one


def series(page, direction):
    option = page.locator("#series option", has_text=direction.name)
    page.select_option("#series", option.get_attribute("value"))
    page.wait_for_selector("#frame[aria-busy=false]")
    page.wait_for_load_state("networkidle")


def names(page):
    cells = page.locator("#rois tbody tr:not([hidden]) th.name .said").all()
    return [cell.inner_text() for cell in cells]


def drawn(page):
    """What is drawn on the slice that is shown: ROI Number -> shapes."""
    shapes = page.locator("#overlay .shape").all()
    numbers = [each.get_attribute("data-roi").rpartition("-")[2] for each in shapes]
    return {number: numbers.count(number) for number in numbers}


def slice_number(page):
    return int(page.get_attribute("#stage", "data-slice"))


def wait_for_slice(page, number):
    page.wait_for_selector(f"#stage[data-slice='{number}']")


class TestWhatItIs:
    def test_the_head_tells_what_the_file_says(self, show):
        page = show("three")
        assert page.inner_text("h1") == "Plan 113047"
        facts = page.inner_text("#facts")
        for fact in (
            "patient-113047",
            "APPROVED by One Reviewer, 2021-03-05 08:09:10",
            "maker-113047 · model-113047",
            "accession-113047",
            "2021-03-04 05:06:07",
        ):
            assert fact in facts

    def test_the_patients_name_is_nowhere(self, show):
        page = show("three")
        assert "Patient113047" not in page.content()

    def test_an_unknown_id_is_told(self, orthanc, open_page):
        unknown = "-".join(["0a9b3153"] * 5)
        page = open_page(
            f"{orthanc.client.url}/imaging-selection/structure-sets/{unknown}"
        )
        page.wait_for_selector("#trouble:has-text('has no RT Structure Set')")
        assert all("404" in each for each in page.complaints)
        page.complaints.clear()


class TestTable:
    def test_a_row_tells_what_the_file_says_of_a_roi(self, show):
        page = show("three")
        row = page.locator("#rois tbody tr").first
        assert row.locator("td, th").all_inner_texts()[1:8] == [
            "1",
            "Disc axial",
            "",
            "ORGAN",
            "Larynx",
            "12.5",
            "7",
        ]
        color = row.locator(".swatch").evaluate(
            "(each) => getComputedStyle(each).backgroundColor"
        )
        assert color == "rgb(255, 0, 0)"

    def test_a_roi_without_a_colour_gets_none(self, show):
        page = show("three")
        last = page.locator("#rois tbody tr").last
        assert last.locator(".swatch.uncolored").count() == 1
        assert last.locator("input").is_disabled()

    @pytest.mark.parametrize(
        ("words", "expected"),
        [
            ("oblique", ["Disc oblique"]),
            ("DISC ptv", ["Disc oblique"]),
            ("larynx", ["Disc axial"]),
            ("without contours", ["Nothing drawn"]),
            ("no such thing", []),
        ],
    )
    def test_the_filter_keeps_what_has_all_words(self, show, words, expected):
        page = show("three")
        page.fill("#filter", words)
        assert names(page) == expected

    def test_a_column_sorts_both_ways_and_absent_values_come_last(self, show):
        page = show("three")
        volume = page.get_by_role("button", name="Volume")
        volume.click()
        head = page.locator("th[aria-sort=ascending]")
        assert head.inner_text() == "Volume ▲".removesuffix(" ▲")
        up = ["Disc sagittal", "Disc axial", "Disc oblique", "Nothing drawn"]
        assert names(page) == up
        volume.click()
        down = ["Disc axial", "Disc sagittal", "Disc oblique", "Nothing drawn"]
        assert names(page) == down
        assert page.locator("th[aria-sort=descending]").count() == 1

    def test_findings_open_below_their_roi(self, show):
        page = show("three")
        page.get_by_role("button", name="1 finding").click()
        assert "The ROI has no contours" in page.inner_text("tr.detail")

    def test_the_fhir_json_of_a_roi_can_be_copied(self, orthanc, ids, show):
        page = show("three")
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        row = page.locator("#rois tbody tr").first
        row.locator("[data-action=fhir]").click()
        page.wait_for_selector("#resource-json:has-text('ImagingSelection')")
        url = page.input_value("#resource-url")
        selection = f"{ids['three']}-1"
        assert url == f"{orthanc.client.url}/fhir/ImagingSelection/{selection}"
        page.click("#copy-json")
        page.wait_for_selector("#copied:has-text('Copied')")
        copied = json.loads(page.evaluate("navigator.clipboard.readText()"))
        served = orthanc.client.get(f"/fhir/ImagingSelection/{selection}").json
        assert copied == served
        page.click("#copy-url")
        assert page.evaluate("navigator.clipboard.readText()") == url
        page.keyboard.press("Escape")
        page.wait_for_selector("#resource", state="hidden")

    def test_without_a_clipboard_it_is_copied_the_old_way(self, show):
        # Over plain HTTP from another machine, browsers have none.
        page = show(
            "three",
            prepare=lambda page: page.add_init_script(
                "Object.defineProperty(window, 'isSecureContext', { value: false })"
            ),
        )
        page.locator("[data-action=fhir]").first.click()
        page.wait_for_selector("#resource-json:has-text('ImagingSelection')")
        page.click("#copy-url")
        page.wait_for_selector("#copied:has-text('Copied')")


class TestViewer:
    def test_what_is_drawn_follows_the_boxes(self, show):
        page = show("three")
        series(page, AXIAL)
        wait_for_slice(page, 1)
        assert drawn(page) == {"1": 1}
        page.get_by_role("checkbox", name="Disc axial").uncheck()
        assert drawn(page) == {}
        page.click("#all")
        page.wait_for_selector("#overlay .shape")
        assert drawn(page) == {"1": 1}
        page.click("#none")
        assert drawn(page) == {}

    def test_contours_are_fetched_when_they_are_first_drawn(self, show):
        asked = []
        page = show(
            "three",
            prepare=lambda page: page.on(
                "request", lambda request: asked.append(request.url)
            ),
        )
        for _ in range(2):
            page.click("#none")
            page.click("#all")
        contours = [url for url in asked if url.endswith("/$contours")]
        assert len(contours) == len({*contours}) == 3  # not of the ROI without any

    def test_each_roi_is_drawn_on_its_own_series_alone(self, show):
        page = show("three")
        for direction in DIRECTIONS:
            series(page, direction)
            wait_for_slice(page, 1)
            page.fill("#slice", "4")
            wait_for_slice(page, 4)
            assert drawn(page) == {str(direction.number): 1}
            elsewhere = page.inner_text("#elsewhere summary")
            assert elsewhere == "14 contours on no slice of this series"

    def test_the_slider_the_wheel_and_the_keys_move_through_the_slices(self, show):
        page = show("three")
        series(page, AXIAL)
        page.fill("#slice", "3")
        wait_for_slice(page, 3)
        assert "3 of 7" in page.inner_text("#place")
        page.focus("#frame")
        for key, expected in (
            ("ArrowUp", 4),
            ("ArrowDown", 3),
            ("End", 7),
            ("Home", 1),
            ("PageUp", 7),
        ):
            page.keyboard.press(key)
            wait_for_slice(page, expected)
        page.hover("#frame")
        page.mouse.wheel(0, 100)
        wait_for_slice(page, 6)
        page.mouse.wheel(0, -100)
        wait_for_slice(page, 7)
        assert page.input_value("#slice") == "7"

    def test_image_and_contours_are_of_one_slice(self, show):
        page = show("three")
        series(page, AXIAL)
        page.focus("#frame")
        for _ in STEPS:
            shown = page.evaluate(
                """() => [document.getElementById("image").src,
                  document.getElementById("stage").dataset.instance]"""
            )
            assert f"/instances/{shown[1]}/" in shown[0]
            page.keyboard.press("ArrowUp")

    def test_a_slow_image_does_not_leave_contours_on_another(self, show):
        """The contours change when their image is there, not before."""
        held = []
        page = show("three")
        series(page, AXIAL)
        page.fill("#slice", "1")
        wait_for_slice(page, 1)
        before = page.get_attribute("#image", "src")
        page.route("**/rendered?*", lambda route: held.append(route))  # noqa: PLW0108 - it is marked
        page.fill("#slice", "6")
        while not held:
            page.wait_for_timeout(10)
        assert slice_number(page) == 1
        assert page.get_attribute("#image", "src") == before
        for route in held:
            route.continue_()
        page.unroute("**/rendered?*")
        wait_for_slice(page, 6)
        assert page.get_attribute("#image", "src") != before

    def test_a_series_is_not_seen_before_its_first_image_is_there(self, show):
        held = []
        page = show("three")
        series(page, AXIAL)
        page.fill("#slice", "7")
        wait_for_slice(page, 7)
        page.route("**/rendered?*", lambda route: held.append(route))  # noqa: PLW0108
        option = page.locator("#series option", has_text=SAGITTAL.name)
        page.select_option("#series", option.get_attribute("value"))
        while not held:
            page.wait_for_timeout(10)
        assert not page.is_visible("#stage")
        for route in held:
            route.continue_()
        page.unroute("**/rendered?*")
        page.wait_for_selector("#frame[aria-busy=false]")
        assert drawn(page) == {"2": 1}

    def test_a_series_may_have_fewer_slices_than_the_one_before(self, show):
        page = show("uneven")
        page.select_option("#series", index=0)
        page.wait_for_selector("#slice[max='7']:enabled")
        page.fill("#slice", "7")
        wait_for_slice(page, 7)
        page.select_option("#series", index=1)
        page.wait_for_selector("#slice[max='2']:enabled")
        assert page.inner_text("#place").startswith("1 of 2")

    def test_a_roi_leads_to_its_first_slice(self, show):
        page = show("odd")
        row = page.locator("#rois tbody tr", has_text="Ring")
        row.locator("[data-action=first]").click()
        wait_for_slice(page, 3)
        assert drawn(page)["11"] == 1  # one shape of two contours

    def test_a_roi_of_another_series_leads_there(self, show):
        page = show("three")
        series(page, AXIAL)
        row = page.locator("#rois tbody tr", has_text="Disc oblique")
        row.locator("[data-action=first]").click()
        page.wait_for_selector("#overlay [data-roi$='-3']")
        chosen = page.locator("#series option:checked").inner_text()
        assert OBLIQUE.name in chosen

    def test_the_series_that_is_drawn_on_is_opened_first(self, show):
        page = show("oblique alone")
        page.wait_for_selector("#overlay [data-roi$='-3']")
        assert OBLIQUE.name in page.locator("#series option:checked").inner_text()

    def test_windows_are_those_of_the_images_and_of_ct(self, show):
        page = show("three")
        series(page, AXIAL)
        labels = page.locator("#window option").all_inner_texts()
        assert labels[:2] == ["Of the images (500 / 1000)", "Full range of each image"]
        with page.expect_request("**/rendered?window-center=-600&window-width=1500"):
            page.select_option("#window", label="Lung (-600 / 1500)")
        with page.expect_request("**/preview"):
            page.select_option("#window", "full")

    def test_the_frames_of_an_image_are_its_slices(self, show):
        page = show("frames")
        page.fill("#slice", "6")
        wait_for_slice(page, 6)
        assert drawn(page) == {"4": 1}
        assert "/frames/5/rendered?" in page.get_attribute("#image", "src")
        assert "6 of 7" in page.inner_text("#place")
        lit, shape = page.evaluate(MIDDLES)
        assert max(abs(a - b) for a, b in zip(lit, shape, strict=True)) < 0.5

    def test_the_image_can_be_made_larger(self, show):
        page = show("three")
        before = page.locator("#stage").bounding_box()["width"]
        page.click("#larger")
        assert page.locator("#stage").bounding_box()["width"] > 1.4 * before
        assert page.inner_text("#zoomed") == "150 %"

    def test_the_sides_of_the_patient_are_named(self, show):
        page = show("three")
        sides = {}
        for direction in DIRECTIONS:
            series(page, direction)
            wait_for_slice(page, 1)
            sides[direction.name] = [
                page.inner_text(f"#stage .side.{side}")
                for side in ("left", "right", "top", "bottom")
            ]
        assert sides["axial"] == ["R", "L", "A", "P"]
        assert sides["sagittal"] == ["A", "P", "H", "F"]
        assert sides["oblique"] == ["RA", "LP", "AFL", "PHR"]


class TestWhatIsNotDrawn:
    def test_contours_on_no_slice_are_listed_with_the_reason(self, show):
        page = show("odd")
        assert "on no slice" in page.inner_text("#elsewhere summary")
        page.click("#elsewhere summary")
        rows = [
            row.locator("td").all_inner_texts()
            for row in page.locator("#elsewhere tbody tr").all()
        ]
        assert rows == [
            [
                "Between slices",
                "2",
                "2, 3",
                "On the plane of none of its slices.",
            ],
            [
                "Other frame",
                "1",
                "1",
                "The ROI is in another frame of reference than these images.",
            ],
        ]

    def test_what_lies_beside_a_plane_is_drawn_on_the_nearest_and_told(self, show):
        page = show("odd")
        page.fill("#slice", "2")
        wait_for_slice(page, 2)
        assert drawn(page)["20"] == 1
        assert "up to 1.40 mm beside the plane" in page.inner_text("#told")

    def test_a_contour_lies_where_its_coordinates_are(self, show):
        page = show("odd")
        page.fill("#slice", "4")
        wait_for_slice(page, 4)
        assert drawn(page)["24"] == 1
        page.fill("#slice", "6")
        wait_for_slice(page, 6)
        assert "24" not in drawn(page)
        assert "names an image of this series" in page.inner_text("#notes")

    def test_what_was_left_out_of_the_resource_is_told(self, show):
        page = show("odd")
        assert "Contour Data does not divide into x, y and z" in page.inner_text(
            "#notes"
        )
        page.fill("#slice", "5")
        wait_for_slice(page, 5)
        assert drawn(page)["25"] == 1

    def test_geometric_types_are_drawn_as_what_they_are(self, show):
        page = show("odd")
        page.fill("#slice", "2")
        wait_for_slice(page, 2)
        point, line = (
            page.locator(f"#overlay [data-roi$='-{number}']") for number in (22, 23)
        )
        assert "point" in point.get_attribute("class")
        assert line.get_attribute("fill") == "none"
        assert not line.get_attribute("d").endswith("Z")

    def test_without_images_the_contours_are_seen_from_three_sides(self, show):
        page = show("without images")
        assert "names no images" in page.inner_text("#why")
        assert page.locator("#projections svg").count() == 3
        captions = page.locator("#projections figcaption").all_inner_texts()
        assert [text.partition(",")[0] for text in captions] == [
            "Axial",
            "Coronal",
            "Sagittal",
        ]
        assert page.locator("#projections .shape").count() == 3
        assert not page.is_visible("#stage")

    def test_images_that_orthanc_does_not_hold_are_told(self, start_orthanc, open_page):
        client = start_orthanc().client
        identity = client.store(set_of(9, traced(AXIAL))).json["ID"]
        page = open_page(f"{client.url}/imaging-selection/structure-sets/{identity}")
        page.wait_for_selector("#projections .shape")
        assert "Orthanc holds none of the images" in page.inner_text("#why")

    def test_where_there_are_no_selections_of_rois_that_is_told(
        self, start_orthanc, open_page
    ):
        section = {"Levels": ["StructureSet"]}
        client = start_orthanc({"ImagingSelection": section}).client
        identity = client.store(set_of(9, traced(AXIAL))).json["ID"]
        page = open_page(f"{client.url}/imaging-selection/structure-sets/{identity}")
        page.wait_for_selector("#notes:has-text('setting Levels')")
        assert page.locator("[data-action=fhir]").is_disabled()


class TestWaysIn:
    def test_the_resource_is_a_page_for_people_and_json_for_programs(
        self, orthanc, ids, open_page
    ):
        selection = f"{ids['three']}-3"
        url = f"{orthanc.client.url}/fhir/ImagingSelection/{selection}"
        page = open_page(url)
        page.wait_for_selector("#rois tr.target")
        assert "Disc oblique" in page.inner_text("#rois tr.target")
        page.goto(f"{url}?_format=json")
        assert json.loads(page.inner_text("body"))["id"] == selection
        for accept in ("*/*", "application/fhir+json", "application/json"):
            answer = orthanc.client.get(
                f"/fhir/ImagingSelection/{selection}", accept=accept
            )
            assert answer.json["id"] == selection

    def test_orthancs_own_route_leads_to_the_page_too(self, orthanc, ids, open_page):
        page = open_page(
            f"{orthanc.client.url}/instances/{ids['three']}/imaging-selection"
        )
        page.wait_for_selector("#rois tbody tr")
        assert page.url.endswith(f"/imaging-selection/structure-sets/{ids['three']}")

    def test_orthanc_explorer_has_a_button_on_structure_sets_alone(
        self, orthanc, ids, open_page
    ):
        explorer = f"{orthanc.client.url}/app/explorer.html#instance?uuid="
        page = open_page(explorer + ids["three"])
        button = page.locator("a#imaging-selection-button")
        button.wait_for()
        with page.context.expect_page() as opened:
            button.click()
        opened.value.wait_for_selector("#rois tbody tr")
        assert ids["three"] in opened.value.url
        series = orthanc.client.get(f"/instances/{ids['three']}/series").json
        study = orthanc.client.get(f"/studies/{series['ParentStudy']}/series").json
        image = next(
            each["Instances"][0]
            for each in study
            if each["MainDicomTags"]["Modality"] == "CT"
        )
        other = open_page(explorer + image)
        with other.expect_response("**/metadata/SopClassUid"):
            other.reload()
        other.wait_for_load_state("networkidle")
        assert other.locator("#imaging-selection-button").count() == 0
        # What Orthanc's own page complains of is its own affair.
        for each in (page, other):
            each.complaints.clear()


def test_a_proxy_may_show_orthanc_below_a_path(orthanc, ids, open_page):
    """Everything that the pages ask for lies below it: elsewhere there is nothing."""
    with proxy_below("/below/here", orthanc.client.url) as url:
        page = open_page(f"{url}/imaging-selection/")
        page.click(f"#result-rows a[href*='{ids['three']}']")
        page.wait_for_selector("#overlay .shape")
        page.goto(f"{url}/instances/{ids['three']}/imaging-selection")
        page.wait_for_selector("#overlay .shape")
        assert page.url == f"{url}/imaging-selection/structure-sets/{ids['three']}"
        page.click("text=All structure sets")
        page.wait_for_selector("#result-rows tr")


def test_a_hundred_rois_are_there_and_usable(show):
    page = show("many")
    assert len(names(page)) == 110
    assert len(drawn(page)) == 110
    page.fill("#filter", "107")  # a number, and a name
    assert names(page) == ["ROI 007 of many", "ROI 107 of many"]


def test_the_page_is_usable_where_there_is_little_room(show):
    page = show("many")
    page.set_viewport_size({"width": 390, "height": 800})
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= 390


def test_every_control_has_a_name(show):
    page = show("three")
    tree = page.locator("main").aria_snapshot()
    controls = r"^\s*- (?:button|link|textbox|combobox|checkbox|slider|searchbox)\s*$"
    assert not re.findall(controls, tree, re.MULTILINE)
