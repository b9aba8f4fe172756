"""Which images the viewer offers, opens and draws on."""

from dataclasses import replace

import pytest
from support import phantom
from support.builders import (
    FRAME,
    STUDY,
    contour,
    ct_image,
    make_rtstruct,
    referenced_frame,
    roi,
)
from support.paths import SHARED
from support.phantom import AXIAL, OBLIQUE, SAGITTAL, STEPS, circle, traced

CASES = SHARED / "cases"
# A second series of the frame of reference, of the same planes as the first.
MR = replace(AXIAL, name="MR", number=5, color=(0, 0, 255))
FRAMES = replace(OBLIQUE, name="frames", number=4)


def store(orthanc, *files):
    """Store files in turn; return Orthanc's id of the last one."""
    for file in files:
        answer = orthanc.client.store(file)
        assert answer.status == 200
    orthanc.client.wait_until_up_to_date()
    return answer.json["ID"]


def case(number, structure_set):
    """Return the images of a public case, then its structure set."""
    if not CASES.is_dir():
        pytest.skip("the public cases are not here")
    images = sorted(CASES.glob(f"{number}-*ct-*.dcm"))
    paths = [*images, CASES / f"{number}-{structure_set}.dcm"]
    return [each.read_bytes() for each in paths]


@pytest.fixture
def show(start_orthanc, open_page):
    """Shows the page of a structure set that is stored after its images."""
    orthanc = start_orthanc()

    def show_one(*files, part=""):
        identity = store(orthanc, *files)
        url = f"{orthanc.client.url}/imaging-selection/structure-sets/{identity}"
        page = open_page(url + part.format(identity))
        page.wait_for_selector("main:not([aria-busy])")
        return page

    return show_one


def offered(page):
    labels = page.locator("#series option").all_text_contents()
    return ["".join(c for c in each if c not in "\u2068\u2069") for each in labels[:-1]]


def opened(page):
    return page.locator("#series option:checked").text_content()


def drawn(page):
    shapes = page.locator("#overlay .shape").all()
    return {each.get_attribute("data-roi").rpartition("-")[2] for each in shapes}


class TestPublicCases:
    def test_01_another_patients_images_are_not_offered(self, show):
        page = show(*case("01", "3-rtstruct-of-patient-a"))
        assert offered(page) == ["CT · F01 CT · 2 images"]
        page.wait_for_selector("#overlay .shape")
        assert "2 of 2 images" in page.inner_text("#held")
        assert "also filed under another patient" in page.inner_text("#outside")
        content = page.content()
        assert "OTHER PATIENT" not in content
        assert "AGB-F01-B" not in content

    @pytest.mark.parametrize(
        "name",
        ["rtstruct-names-images-in-contours-only", "rtstruct-with-another-series-uid"],
    )
    def test_02_the_images_are_found_without_the_first(self, show, name):
        page = show(*case("02", name))
        assert offered(page) == ["CT · F02 CT · 2 images"]
        page.wait_for_selector("#overlay .shape")
        assert "2 of 3 images that the structure set names are here" in page.inner_text(
            "#held"
        )
        assert page.inner_text("#elsewhere summary") == (
            "1 contour on no slice of this series"
        )
        assert not page.is_visible("#why")

    def test_11_a_series_of_the_frame_of_reference_is_offered_and_why(self, show):
        page = show(*case("11", "rtstruct-names-its-frame-only"))
        assert offered(page) == ["CT · F11 CT · 2 images · not named in the file"]
        page.wait_for_selector("#overlay .shape")
        held = page.inner_text("#held")
        assert "names no images, only a frame of reference" in held
        assert "the file does not say that it was drawn on them" in held


class TestAnotherPatient:
    def test_three_patients_have_the_images_and_the_own_one_has_not(self, show):
        others = [
            phantom.image(AXIAL, step, PatientID=patient, SeriesDescription=patient)
            for patient in ("other-1", "other-2", "patient-1130470")
            for step in STEPS
        ]
        page = show(*others, phantom.structure_set(traced(AXIAL), directions=[AXIAL]))
        assert offered(page) == []
        assert "none of the images" in page.inner_text("#why")
        assert "0 of 7 images" in page.inner_text("#held")
        assert page.is_visible("#outside")
        assert "other-" not in page.content()
        assert page.locator("#projections .shape").count() == 3 * len(STEPS)

    def test_without_another_patient_nothing_is_said_of_one(self, show):
        files = [*phantom.images(AXIAL), phantom.structure_set(traced(AXIAL))]
        page = show(*files)
        assert not page.is_visible("#outside")

    def test_a_link_to_a_series_finds_what_is_of_its_patient(
        self, start_orthanc, open_page
    ):
        orthanc = start_orthanc()
        client = orthanc.client
        pages = {}
        for patient in ("one", "two"):
            image = phantom.image(AXIAL, 0, PatientID=patient)
            series = client.store(image).json["ParentSeries"]
            file = phantom.structure_set(traced(AXIAL), PatientID=patient)
            store(orthanc, file)
            pages[patient] = f"{client.url}/imaging-selection/?series={series}"
        for patient, url in pages.items():
            page = open_page(url)
            page.wait_for_selector("#result-rows tr")
            cells = page.locator("#result-rows td:nth-child(3)").all_inner_texts()
            assert cells == [patient]
        unknown = "-".join(["0a9b3153"] * 5)
        page = open_page(f"{client.url}/imaging-selection/?series={unknown}")
        page.wait_for_selector("#scope:has-text('not found')")
        assert page.locator("#result-rows tr").count() == 0
        assert all("404" in each for each in page.complaints)
        page.complaints.clear()


class TestSeriesOfARoi:
    """The CT and the MR have one frame of reference and the same planes."""

    @pytest.fixture
    def files(self):
        rois = [traced(AXIAL), traced(MR)]
        both = phantom.structure_set(*rois, directions=[AXIAL, MR])
        return [*phantom.images(AXIAL, MR), both]

    def test_a_roi_leads_to_the_series_that_it_was_drawn_on(self, show, files):
        page = show(*files)
        for name, direction in (("Disc MR", MR), ("Disc axial", AXIAL)):
            row = page.locator("#rois tbody tr", has_text=name)
            row.locator("[data-action=first]").click()
            page.wait_for_selector(
                f"#series option:checked:has-text('{direction.name}')", state="attached"
            )
            page.wait_for_selector("#frame[aria-busy=false]")
            assert str(direction.number) in drawn(page)

    def test_a_link_to_a_roi_does_too(self, show, files):
        page = show(*files, part="#{}-5")
        page.wait_for_selector(
            "#series option:checked:has-text('MR')", state="attached"
        )

    def test_a_box_that_is_checked_alone_does_too(self, show, files):
        page = show(*files)
        page.click("#none")
        page.get_by_role("checkbox", name="Disc MR").check()
        page.wait_for_selector(
            "#series option:checked:has-text('MR')", state="attached"
        )
        page.wait_for_selector("#overlay .shape")
        assert drawn(page) == {"5"}

    def test_a_person_may_choose_another_series_and_is_told(self, show, files):
        page = show(*files)
        option = page.locator("#series option", has_text="axial")
        page.select_option("#series", option.get_attribute("value"))
        page.wait_for_selector("#frame[aria-busy=false]")
        page.click("#none")
        page.get_by_role("checkbox", name="Disc MR").check()
        page.wait_for_selector("#overlay .shape")
        assert "axial" in opened(page)
        page.wait_for_selector("#notes:has-text('Disc MR: drawn on another series')")

    def test_what_was_drawn_on_the_mr_alone_is_shown_on_it_at_first(self, show):
        alone = phantom.structure_set(traced(MR), directions=[AXIAL, MR])
        page = show(*phantom.images(AXIAL, MR), alone)
        assert "MR" in opened(page)
        page.wait_for_selector("#overlay .shape")
        assert page.locator("#notes li").count() == 0


class TestSeveralSeries:
    def test_one_list_may_name_images_of_several_series(self, show):
        names = [each.image_uid(step) for each in (AXIAL, SAGITTAL) for step in STEPS]
        frames = [referenced_frame(FRAME, {STUDY: {"2.25.9": names}})]
        file = make_rtstruct(
            traced(AXIAL),
            traced(SAGITTAL),
            ReferencedFrameOfReferenceSequence=frames,
        )
        page = show(*phantom.images(AXIAL, SAGITTAL), file)
        assert len(offered(page)) == 2
        assert "14 of 14 images" in page.inner_text("#held")
        row = page.locator("#rois tbody tr", has_text="Disc sagittal")
        row.locator("[data-action=first]").click()
        page.wait_for_selector("#overlay [data-roi$='-2']")
        assert "sagittal" in opened(page)

    def test_a_series_of_another_study_says_so(self, show):
        images = [
            phantom.image(AXIAL, step, StudyInstanceUID="2.25.113047109")
            for step in STEPS
        ]
        page = show(*images, phantom.structure_set(traced(AXIAL), directions=[AXIAL]))
        assert offered(page) == ["CT · phantom axial · 7 images · another study"]

    def test_a_multi_frame_image_counts_once(self, show):
        file = phantom.structure_set(traced(FRAMES), directions=[FRAMES])
        page = show(phantom.multi_frame(FRAMES), file)
        assert "1 of 7 images" in page.inner_text("#held")
        page.wait_for_selector("#overlay .shape")

    def test_a_series_is_named_without_its_images(self, show):
        file = make_rtstruct(
            roi(1, contours=None),
            ReferencedFrameOfReferenceSequence=None,
            SourceSeriesInformationSequence=[
                {"SeriesInstanceUID": uid} for uid in (AXIAL.series_uid, "2.25.9")
            ],
        )
        page = show(phantom.image(AXIAL, 0), file)
        assert "1 of 2 series that it names without images is here" in page.inner_text(
            "#held"
        )


class TestFrameOfReferenceAlone:
    def test_a_plain_ct_is_offered_but_no_dose(self, show):
        dose = ct_image(
            1,
            SeriesInstanceUID="2.25.113047521",
            SOPInstanceUID="2.25.113047522",
            Modality="RTDOSE",
            SeriesDescription="dose",
        )
        file = phantom.structure_set(traced(AXIAL, contours=_unnamed()), directions=[])
        page = show(*phantom.images(AXIAL), dose, file)
        assert offered(page) == [
            "CT · phantom axial · 7 images · not named in the file"
        ]
        page.wait_for_selector("#overlay .shape")

    def test_a_study_without_such_a_series_is_said_to_have_none(self, show):
        images = [
            phantom.image(AXIAL, step, FrameOfReferenceUID="2.25.113047409")
            for step in STEPS
        ]
        file = phantom.structure_set(roi(1), directions=[])
        page = show(*images, file)
        assert offered(page) == []
        assert "none of its frame of reference are in its study" in page.inner_text(
            "#why"
        )


def _unnamed():
    """Contours that name no image."""
    return [contour(circle(AXIAL, step)) for step in STEPS]
