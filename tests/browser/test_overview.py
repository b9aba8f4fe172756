"""The page of completeness and search, in a real browser on a real Orthanc."""

import re

import pytest
from support.builders import make_rtstruct, observation, roi
from support.phantom import many_rois

COPIES = 30  # more than a page of the search holds


def numbered(number, *rois, **overrides):
    return make_rtstruct(
        *rois,
        SOPInstanceUID=f"2.25.1130473{number:03}",
        PatientID=f"patient-{number:03}",
        StudyInstanceUID=f"2.25.1130471{number:03}",
        SeriesInstanceUID=f"2.25.1130472{number:03}",
        **overrides,
    )


BROKEN = numbered(900, roi(1)).replace(b"2.25.1130471900", b"2.25.11304719_x")


@pytest.fixture(scope="module")
def ids(orthanc):
    """Structure sets to find, one that does not convert; ids by number."""
    stored = {}
    for number in range(COPIES):
        rois = [
            roi(1, f"Common {number:03}", observations=[observation("ORGAN")]),
            roi(2, "Larynx" if number == 7 else "Other", contours=None),
        ]
        if number == 7:
            rois.append(roi(3, "Boost", observations=[observation("PTV")]))
        answer = orthanc.client.store(numbered(number, *rois))
        stored[number] = answer.json["ID"]
    stored["broken"] = orthanc.client.store(BROKEN).json["ID"]
    orthanc.client.wait_until_up_to_date()
    return stored


@pytest.fixture
def page(orthanc, ids, open_page):  # noqa: ARG001 - there must be something to show
    page = open_page(f"{orthanc.client.url}/imaging-selection/")
    page.wait_for_selector("#result-rows tr")
    return page


def search(page, **fields):
    for name, value in fields.items():
        field = page.locator(f"#search [name={name}]")
        if name == "finding":
            field.select_option(value)
        else:
            field.fill(value)
    page.click("#search button[type=submit]")
    page.wait_for_selector("#hits:not(:has-text('Searching'))")


def texts(page, selector="#result-rows td:first-child a"):
    return [each.inner_text() for each in page.locator(selector).all()]


def test_completeness_is_told_at_a_glance(page):
    page.wait_for_selector("#verdict.bad")
    shown = {
        name: page.inner_text(f"#{name}")
        for name in ("total", "converted", "waiting", "failed")
    }
    assert shown == {
        "total": str(COPIES + 1),
        "converted": str(COPIES),
        "waiting": "0",
        "failed": "1",
    }
    assert "1 structure set could not be converted" in page.inner_text("#verdict")


def test_a_failure_is_listed_with_its_reason_and_can_be_tried_again(orthanc, page, ids):
    page.wait_for_selector("#failures")
    assert ids["broken"] in page.inner_text("#failure-rows")
    assert "StudyInstanceUID" in page.inner_text("#failure-rows")
    before = orthanc.client.status()["sweep"]["started"]

    with page.expect_response("**/imaging-selection/reconcile") as asked:
        page.click("#retry")

    assert asked.value.status == 200
    assert asked.value.request.method == "POST"
    assert "being compared" in page.inner_text("#asked")
    after = orthanc.client.wait_until_up_to_date()
    page.wait_for_selector("#verdict.bad")
    assert after["sweep"]["started"] > before


@pytest.mark.usefixtures("ids")
def test_a_sweep_shows_how_far_it_is(orthanc, open_page):
    """The states of a sweep, one after the other, as the status route would tell."""
    status = orthanc.client.status()
    told = [
        status | {"waiting": 1, "sweep": {**status["sweep"], **sweep}}
        for sweep in (
            {"running": True, "done": 0, "total": 0},
            {"running": True, "done": 250, "total": 1000},
            {"running": False, "done": 1000, "total": 1000},
        )
    ]
    place = 0

    def prepare(page):
        page.route(
            "**/imaging-selection/status",
            lambda route: route.fulfill(json=told[place]),
        )

    page = open_page(f"{orthanc.client.url}/imaging-selection/", prepare)
    # How much there is to do is not known yet: the bar has no value.
    page.wait_for_selector("#progress:not([value])")
    place = 1
    page.wait_for_selector("#progress-text:has-text('250 of 1,000')")
    bar = page.evaluate("[progress.value, progress.max, progress.position]")
    assert bar == [250, 1000, 0.25]
    place = 2
    page.wait_for_selector("#sweep", state="hidden")


def test_a_sweep_is_seen_while_it_runs(start_orthanc, open_page):
    client = start_orthanc().client
    for number in range(6):
        client.store(numbered(number, *many_rois(110)))
    client.wait_until_up_to_date()
    page = open_page(f"{client.url}/imaging-selection/")
    page.wait_for_selector("#verdict.good")
    # To convert all of this again takes longer than to look how far it is.
    client.reconcile(force=True)
    page.click("#reconcile")
    page.wait_for_selector("#sweep")
    page.wait_for_selector("#sweep", state="hidden")
    page.wait_for_selector("#verdict.good")


def test_a_new_structure_set_appears_by_itself(orthanc, page):
    total = int(page.inner_text("#total"))
    identity = orthanc.client.store(numbered(800, roi(1, "Late"))).json["ID"]
    page.wait_for_selector(f"#total:has-text('{total + 1}')")
    orthanc.client.request("DELETE", f"/instances/{identity}")
    page.wait_for_selector(f"#total:text-is('{total}')")


@pytest.mark.usefixtures("ids")
def test_a_page_that_nobody_sees_asks_for_nothing(orthanc, open_page):
    page = open_page(
        f"{orthanc.client.url}/imaging-selection/", lambda page: page.clock.install()
    )
    page.wait_for_selector("#result-rows tr")
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.clock.run_for(60_000)
    page.wait_for_load_state("networkidle")
    assert {url.rpartition("/")[2] for url in asked} == {"status"}
    page.evaluate(
        """() => {
          Object.defineProperty(document, "hidden", { value: true });
          document.dispatchEvent(new Event("visibilitychange"));
        }"""
    )
    page.wait_for_load_state("networkidle")
    asked.clear()
    page.clock.run_for(60_000)
    page.wait_for_load_state("networkidle")
    assert asked == []


def test_without_a_question_all_structure_sets_come_page_by_page(page):
    assert page.inner_text("#hits") == f"1 to 25 of {COPIES} matches"
    first = page.locator("#result-rows tr").all_inner_texts()
    page.click("#next")
    page.wait_for_selector(f"#hits:has-text('26 to {COPIES}')")
    second = page.locator("#result-rows tr").all_inner_texts()
    assert len({*first, *second}) == COPIES
    assert not page.is_visible("#next")
    page.click("#previous")
    page.wait_for_selector("#hits:has-text('1 to 25')")
    assert page.locator("#result-rows tr").all_inner_texts() == first


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({"name": "ryn"}, ["Larynx · ROI 2"], id="part-of-a-name"),
        pytest.param({"type": "ptv"}, ["Boost · ROI 3"], id="type"),
        pytest.param({"patient": "patient-007"}, ["Structure set · 3 ROIs"], id="id"),
        pytest.param(
            {"patient": "patient-007", "finding": "roi-without-contours"},
            ["Structure set · 3 ROIs"],
            id="finding-of-a-patient",
        ),
        pytest.param(
            {"name": "larynx", "finding": "roi-without-contours"},
            ["Larynx · ROI 2"],
            id="finding-of-a-roi",
        ),
        pytest.param({"name": "nothing, $|\\ like this"}, [], id="nothing"),
    ],
)
def test_a_search_finds(page, fields, expected):
    search(page, **fields)
    page.wait_for_function(
        "(count) => document.querySelectorAll('#result-rows tr').length === count",
        arg=len(expected),
    )
    assert texts(page) == expected
    if not expected:
        assert page.inner_text("#hits") == "Nothing found."


def test_a_hit_leads_to_the_page_of_its_structure_set(page, ids):
    search(page, name="larynx")
    page.click("#result-rows a:has-text('Larynx')")
    page.wait_for_selector("#rois tr.target")
    assert page.url.endswith(f"/structure-sets/{ids[7]}#{ids[7]}-2")
    assert "Larynx" in page.inner_text("#rois tr.target")


def test_a_finding_leads_to_the_structure_sets_that_have_it(page):
    page.click("#finding-list button:has-text('ROI without contours')")
    page.wait_for_selector(f"#hits:has-text('of {COPIES} matches')")
    chosen = page.locator("#search [name=finding]").input_value()
    assert chosen == "roi-without-contours"


def test_another_page_may_send_people_to_one_study(orthanc, ids, open_page):
    study = orthanc.client.get(f"/instances/{ids[7]}/study").json["ID"]
    url = f"{orthanc.client.url}/imaging-selection/?study={study}"
    page = open_page(url)
    page.wait_for_selector("#hits:has-text('1 to 1 of 1 match')")
    assert page.is_visible("#scope")


@pytest.mark.usefixtures("ids")
def test_without_a_slash_at_the_end_it_is_the_same_page(orthanc, open_page):
    page = open_page(f"{orthanc.client.url}/imaging-selection")
    page.wait_for_selector("#result-rows tr")


def test_the_keyboard_reaches_everything(page):
    reached = set()
    for _ in range(24):
        page.keyboard.press("Tab")
        reached.add(
            page.evaluate(
                "document.activeElement.id || document.activeElement.name"
                " || document.activeElement.className"
            )
        )
    assert {"skip", "explorer", "metadata", "reconcile", "retry"} <= reached
    assert {"name", "patient", "type", "finding"} <= reached


def test_every_control_has_a_name(page):
    tree = page.locator("body").aria_snapshot()
    assert not re.findall(
        r"^\s*- (?:button|link|textbox|combobox)\s*$", tree, re.MULTILINE
    )


def test_a_configuration_that_cannot_be_used_is_told(start_orthanc, open_page):
    broken = start_orthanc({"ImagingSelection": {"Nonsense": 1}})
    page = open_page(f"{broken.client.url}/imaging-selection/")
    page.wait_for_selector("#trouble:has-text('Nonsense')")
    # Of the answers with status 503, the console says that much and no more.
    assert all("503" in each for each in page.complaints)
    page.complaints.clear()
