"""The page of a report and of a segmentation, in a real browser on a real Orthanc."""

import pytest
from support.builders import (
    RT_STRUCTURE_SET_STORAGE,
    SEGMENTATION_STORAGE,
    code,
    make_rtstruct,
    make_seg,
    make_sr,
    number,
    reference,
    roi,
    segment,
)
from support.synthetic_reports import (
    CASES,
    DIAMETER,
    LOWER_LIMIT,
    LUNG,
    MM,
    SITE,
    UPPER_LIMIT,
    VOLUME,
    about,
    coded,
    group,
    in_space,
    measurements,
    plane,
    segment_of,
    text,
    tracked,
)

RAN = "window.ran113047=1"
HOSTILE = f"<script>{RAN}</script><img src=x onerror={RAN}>"
QUOTES = f"""\'"><svg onload={RAN}> \u202edrawkcab"""
STUDY = "2.25.113047131"
STRUCTURES, SEGMENTS, GONE = "2.25.113047132", "2.25.113047133", "2.25.113047134"
EVIDENCE = {
    STUDY: {
        "2.25.113047142": [reference(STRUCTURES, RT_STRUCTURE_SET_STORAGE)],
        "2.25.113047143": [reference(SEGMENTS, SEGMENTATION_STORAGE)],
        "2.25.113047144": [reference(GONE, RT_STRUCTURE_SET_STORAGE)],
    }
}
FILES = {
    "structure set": make_rtstruct(
        roi(1, "Lung"),
        roi(2, "Larynx"),
        StudyInstanceUID=STUDY,
        SeriesInstanceUID="2.25.113047142",
        SOPInstanceUID=STRUCTURES,
    ),
    "segmentation": make_seg(
        segment(1, "Liver"),
        segment(2, QUOTES, TrackingID=HOSTILE, TrackingUID="2.25.113047905"),
        StudyInstanceUID=STUDY,
        SeriesInstanceUID="2.25.113047143",
        SOPInstanceUID=SEGMENTS,
        ContentLabel="LABEL",
    ),
    "report": make_sr(
        measurements(
            group(
                *tracked("lesion 1"),
                coded(SITE, LUNG, relationship="HAS CONCEPT MOD"),
                in_space("2", STRUCTURES),
                number(
                    "31112.2000",
                    MM,
                    VOLUME,
                    about(LOWER_LIMIT, "20.0"),
                    about(UPPER_LIMIT, "29.50"),
                ),
                coded(
                    code("RID36042", "RADLEX", "Malignancy"), code("1", "99X", "low")
                ),
            ),
            group(segment_of(1, uid=SEGMENTS), number("1.50", MM, DIAMETER)),
            group(in_space("1", GONE), number("2", MM, DIAMETER)),
            group(plane("POINT", [1, 2]), number(None, MM, DIAMETER)),
        ),
        text(code("113047", "99OWN", "Own remark"), "said elsewhere"),
        evidence=EVIDENCE,
        StudyInstanceUID=STUDY,
        SeriesInstanceUID="2.25.113047145",
        SOPInstanceUID="2.25.113047135",
    ),
    "hostile report": make_sr(
        measurements(
            group(
                *tracked(HOSTILE),
                number("1", code("mm", "UCUM", HOSTILE[:60]), code("1", "99X", QUOTES)),
                text(code("2", "99X", HOSTILE[:60]), QUOTES),
            )
        ),
        text(code("3", "99X", QUOTES), HOSTILE),
        StudyInstanceUID="2.25.113047151",
        SeriesInstanceUID="2.25.113047152",
        SOPInstanceUID="2.25.113047153",
        PatientID=HOSTILE[:60],
        AccessionNumber=QUOTES[:16],
        Manufacturer=HOSTILE[:60],
        ConceptNameCodeSequence=code("126000", "DCM", HOSTILE[:60]),
    ),
    "large report": CASES["numbers_of_all_sorts"](),
}


@pytest.fixture(scope="module")
def ids(orthanc):
    stored = {
        name: orthanc.client.store(each).json["ID"] for name, each in FILES.items()
    }
    orthanc.client.wait_until_up_to_date()
    return stored


@pytest.fixture
def show(orthanc, ids, open_page):
    def show_one(name, folder="instances", part=""):
        url = f"{orthanc.client.url}/imaging-selection/{folder}/{ids[name]}{part}"
        page = open_page(url)
        page.wait_for_selector("#main:not([aria-busy])")
        return page

    return show_one


def cells(page):
    return [
        [cell.inner_text() for cell in row.locator("th, td").all()]
        for row in page.locator("#rows tbody tr").all()
    ]


def plain(rows):
    """Drop what isolates texts, and the link to FHIR."""
    return [
        [each.replace("\u2068", "").replace("\u2069", "") for each in row[:-1]]
        for row in rows
    ]


def test_a_report_is_a_table_of_measurements_with_their_digits(show):
    page = show("report")
    first, volume, evaluation, second, diameter, third, gone, fourth, absent = plain(
        cells(page)
    )
    assert first[0].split("\n") == ["Measurement Group", "lesion 1"]
    assert (first[3], first[5]) == ("Lung", "ROI 2 · Larynx")
    assert volume[:3] == [
        "Volume",
        "31112.2000 millimeter",
        "20.0 millimeter to 29.50 millimeter",
    ]
    assert evaluation[:2] == ["Malignancy", "low"]
    assert second[5] == diameter[5] == "Segment 1 · Liver"
    assert diameter[1] == "1.50 millimeter"
    assert third[5] == gone[5] == "ROI 1 (not in Orthanc)"
    assert fourth[5] == absent[5] == "Image Region: point"
    assert absent[1] == "no value: unknown"
    assert page.inner_text("#content-title") == "Measurements and evaluations (9)"


def test_each_measurement_leads_to_its_roi_in_the_viewer(show, ids):
    page = show("report")
    page.click("#rows tbody tr:nth-child(2) a:has-text('Larynx')")
    page.wait_for_selector("#rois tr.target")
    assert page.url.endswith(
        f"/structure-sets/{ids['structure set']}#{ids['structure set']}-2"
    )
    assert "Larynx" in page.inner_text("#rois tr.target")


def test_a_measurement_leads_to_its_segment(show, ids):
    page = show("report")
    page.click("#rows a:has-text('Liver') >> nth=0")
    page.wait_for_selector("#rows tr.target")
    assert page.url.endswith(
        f"/instances/{ids['segmentation']}#{ids['segmentation']}-1"
    )


def test_what_has_no_place_in_the_table_is_there_as_text(show):
    page = show("report")
    page.click("#narrative summary")
    assert "said elsewhere" in page.inner_text("#narrative ul")
    assert page.locator("#findings li").count() > 0
    assert page.locator("#facts").inner_text().count("Report") == 1


def test_the_segments_of_a_segmentation_are_listed(show):
    page = show("segmentation")
    one, two = plain(cells(page))
    assert one[:4] == ["1", "Liver", "Tissue · Liver", "Liver"]
    assert HOSTILE in two[4]
    assert page.inner_text("h1") == "LABEL"
    assert page.inner_text("#content-title") == "Segments (2)"


@pytest.mark.parametrize("name", ["hostile report", "segmentation"])
def test_texts_of_a_file_are_texts(show, name):
    page = show(name)
    assert page.evaluate("window.ran113047") is None
    assert page.locator("main script, main img, main svg").count() == 0
    assert "onerror" in page.inner_text("#rows")


def test_numbers_keep_the_digits_of_the_file(show):
    page = show("large report")
    values = [row[1] for row in plain(cells(page))]
    assert "31112.20 millimeter" in values
    assert "-119.0738525390625 millimeter" in values


@pytest.mark.parametrize("name", ["report", "segmentation", "structure set"])
@pytest.mark.parametrize("folder", ["instances", "structure-sets"])
def test_every_address_leads_to_the_page_of_its_kind(show, ids, name, folder):
    page = show(name, folder)
    expected = "structure-sets" if name == "structure set" else "instances"
    page.wait_for_url(f"**/{expected}/{ids[name]}")
    page.wait_for_selector("tbody tr")


def test_a_browser_is_led_from_a_resource_to_its_row(orthanc, ids, open_page):
    page = open_page(
        f"{orthanc.client.url}/fhir/ImagingSelection/{ids['segmentation']}-2"
    )
    page.wait_for_selector("#rows tr.target")
    assert page.url.endswith(
        f"/instances/{ids['segmentation']}#{ids['segmentation']}-2"
    )


def test_an_unknown_instance_is_said_to_be_unknown(orthanc, ids, open_page):
    unknown = ids["report"].replace(ids["report"][:8], "00000000", 1)
    page = open_page(f"{orthanc.client.url}/imaging-selection/instances/{unknown}")
    page.wait_for_selector("#trouble:visible")
    assert "Orthanc has no instance" in page.inner_text("#trouble")
    page.complaints.clear()  # the browser tells of the answer 404


@pytest.mark.parametrize(
    ("name", "label"),
    [("report", "Show the report"), ("segmentation", "Show the segmentation")],
)
def test_orthanc_explorer_has_a_button(orthanc, ids, open_page, name, label):
    page = open_page(
        f"{orthanc.client.url}/app/explorer.html#instance?uuid={ids[name]}"
    )
    button = page.locator("a#imaging-selection-button")
    button.wait_for()
    assert button.inner_text().strip() == label
    with page.context.expect_page() as opened:
        button.click()
    opened.value.wait_for_selector("#rows tbody tr")
    page.complaints.clear()  # of Orthanc's own page


def test_the_overview_counts_and_finds_each_kind(orthanc, ids, open_page):
    page = open_page(f"{orthanc.client.url}/imaging-selection/")
    page.wait_for_selector("#result-rows tr")
    kinds = page.inner_text("#kinds")
    assert "1 structure set, 1 converted" in kinds
    assert "1 segmentation, 1 converted" in kinds
    assert "3 reports, 3 converted" in kinds
    page.wait_for_selector("#verdict.good")
    assert "every object" in page.inner_text("#verdict")
    for kind, found in (
        ("segmentation", "Segmentation · 2 segments"),
        ("report", "Report"),
    ):
        page.select_option("#search [name=kind]", kind)
        assert page.locator("#search [name=name]").is_disabled()
        page.click("#search button[type=submit]")
        page.wait_for_selector(f"#result-rows a:has-text('{found}')")
    page.click(f"#result-rows a[href*='{ids['report']}']")
    page.wait_for_selector("#rows tbody tr")
    page.set_viewport_size({"width": 390, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_a_finding_is_searched_in_every_kind(orthanc, ids, open_page):
    page = open_page(f"{orthanc.client.url}/imaging-selection/")
    page.wait_for_selector("#result-rows tr")
    page.click("#finding-list button:has-text('Measurement without a value')")
    page.wait_for_selector(f"#result-rows a[href*='{ids['report']}']")
