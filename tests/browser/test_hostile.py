"""Texts of DICOM files are texts: nothing of them runs, nothing breaks the page."""

import pytest
from support import phantom
from support.builders import code, contour, image_uid, observation, roi
from support.phantom import AXIAL, circle

RAN = "window.ran113047=1"
SCRIPT = f"<script>{RAN}</script><img src=x onerror={RAN}>"
QUOTES = f"""'"><svg onload={RAN}>`${{{RAN}}}</style></textarea>&lt;&amp;"""
RIGHT_TO_LEFT = "\u202edrawkcab\u202c \u2067\u05d0\u05d1\u05d2 \u200f\u0627\u0628"
CONTROLS = "tab\tbell\x07 javascript:alert(1)"
LONG = "W" * 65_000  # an explicit VR could not hold a longer one
HOSTILE = {
    "script": SCRIPT,
    "quotes": QUOTES,
    "right-to-left": RIGHT_TO_LEFT,
    "controls": CONTROLS,
    "long": LONG,
}


def everywhere(text, number):
    """A structure set with a text in each attribute that is shown, and a slice."""
    uids = {
        "StudyInstanceUID": f"2.25.11304781{number}",
        "FrameOfReferenceUID": f"2.25.11304782{number}",
    }
    patient = {"PatientID": text[:60], "PatientName": text[:60]}
    image = phantom.image(
        AXIAL,
        1,
        SOPInstanceUID=image_uid(number, 7),
        SeriesInstanceUID=f"2.25.11304783{number}",
        SeriesDescription=text,
        StudyDescription=text,
        Modality=text[:16],
        **uids,
        **patient,
    )
    listed = {
        "FrameOfReferenceUID": uids["FrameOfReferenceUID"],
        "RTReferencedStudySequence": {
            "ReferencedSOPClassUID": "1.2.840.10008.3.1.2.3.1",
            "ReferencedSOPInstanceUID": uids["StudyInstanceUID"],
            "RTReferencedSeriesSequence": {
                "SeriesInstanceUID": f"2.25.11304783{number}",
                "ContourImageSequence": {
                    "ReferencedSOPClassUID": "1.2.840.10008.5.1.4.1.1.2",
                    "ReferencedSOPInstanceUID": image_uid(number, 7),
                },
            },
        },
    }
    hostile = roi(
        1,
        text,
        contours=[contour(circle(AXIAL, 1))],
        observations=[
            observation(
                text,
                ROIObservationLabel=text,
                ROIObservationDescription=text,
                ROIInterpreter=text,
                RTROIIdentificationCodeSequence=code(text, text, text),
            )
        ],
        color=[255, 0, 0],
        ROIDescription=text,
        ROIVolume=text,
        ROIGenerationAlgorithm=text,
        ReferencedFrameOfReferenceUID=uids["FrameOfReferenceUID"],
    )
    twin = roi(2, text, contours=None)  # findings speak of names that repeat
    structure_set = phantom.structure_set(
        hostile,
        twin,
        SOPInstanceUID=f"2.25.11304784{number}",
        SeriesInstanceUID=f"2.25.11304785{number}",
        StudyInstanceUID=uids["StudyInstanceUID"],
        **patient,
        ReferencedFrameOfReferenceSequence=listed,
        StructureSetLabel=text,
        StructureSetName=text,
        StructureSetDescription=text,
        StructureSetDate=text,
        ApprovalStatus=text,
        ReviewerName=text,
        AccessionNumber=text,
        Manufacturer=text,
        ManufacturerModelName=text,
        SoftwareVersions=text,
        StationName=text,
        InstitutionName=text,
        StudyDescription=text,
        SeriesDescription=text,
        OperatorsName=text,
        Modality="RTSTRUCT",
    )
    return image, structure_set


@pytest.fixture(scope="module")
def ids(orthanc):
    stored = {}
    for number, (name, text) in enumerate(HOSTILE.items()):
        image, structure_set = everywhere(text, number)
        assert orthanc.client.store(image).status == 200
        stored[name] = orthanc.client.store(structure_set).json["ID"]
    orthanc.client.wait_until_up_to_date()
    return stored


def assert_nothing_ran(page):
    assert page.evaluate("window.ran113047 === undefined")
    # No element but those that the pages make, and no attribute that runs.
    made = page.evaluate("document.querySelectorAll('main script, main style').length")
    assert made == 0
    assert page.locator("main img:not(#image)").count() == 0
    runs = page.evaluate(
        """[...document.querySelectorAll("*")].some((each) => [...each.attributes]
          .some(({ name, value }) => name.startsWith("on")
            || (name === "href" && !/^(https?:|[./#])/.test(value))))"""
    )
    assert not runs


def assert_nothing_is_wider_than_the_page(page):
    wide = "[document.documentElement.scrollWidth, window.innerWidth]"
    width, room = page.evaluate(wide)
    assert width <= room


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_text_stays_a_text(orthanc, ids, open_page, name):
    text = HOSTILE[name]
    page = open_page(
        f"{orthanc.client.url}/imaging-selection/structure-sets/{ids[name]}"
    )
    page.wait_for_selector("#overlay .shape")
    page.locator("tbody button.count").first.click()
    page.locator("[data-action=fhir]").first.click()
    page.wait_for_selector("#resource-json:has-text('ImagingSelection')")
    page.keyboard.press("Escape")
    assert_nothing_ran(page)
    assert_nothing_is_wider_than_the_page(page)
    shown = page.locator("#rois tbody tr th.name .said").first
    assert shown.evaluate("(each) => each.tagName") == "BDI"
    # What XML cannot hold, no resource can; of the rest nothing is lost.
    printable = "".join(
        each for each in text if each.isprintable() or each in RIGHT_TO_LEFT
    )
    told = shown.text_content()
    assert [each for each in told if each in printable] == list(printable)
    tall = shown.bounding_box()["height"]
    assert tall < 40


@pytest.mark.usefixtures("ids")
def test_hostile_texts_are_found_and_stay_texts(orthanc, open_page):
    page = open_page(f"{orthanc.client.url}/imaging-selection/")
    page.wait_for_selector("#result-rows tr")
    assert page.locator("#result-rows tr").count() == len(HOSTILE)
    assert_nothing_ran(page)
    for text in (SCRIPT, QUOTES):
        page.fill("#search [name=name]", text[:40])
        page.click("#search button[type=submit]")
        page.wait_for_selector("#hits:has-text('of 2 matches')")
        assert_nothing_ran(page)
        assert_nothing_is_wider_than_the_page(page)


def test_the_direction_of_a_text_turns_nothing_around_it(orthanc, ids, open_page):
    page = open_page(
        f"{orthanc.client.url}/imaging-selection/structure-sets/{ids['right-to-left']}"
    )
    page.wait_for_selector("#overlay .shape")
    row = page.locator("#rois tbody tr").first
    number, name = row.locator("td").nth(1), row.locator("th.name")
    assert number.bounding_box()["x"] < name.bounding_box()["x"]
    isolated = row.locator("bdi").first.evaluate(
        "(each) => getComputedStyle(each).unicodeBidi"
    )
    assert isolated == "isolate"
    # An option can hold no element: each text in it is isolated by characters of ours.
    steering = set("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067")
    for option in page.locator("#series option").all():
        told = option.text_content()
        assert not steering & set(told)
        assert told.count("\u2068") == told.count("\u2069")
