"""Which image series the page offers: those of the structure set's own patient."""

import pytest
from imaging_selection import objects
from imaging_selection.host.source import OrthancSource
from imaging_selection.mapping.choices import Choices
from imaging_selection.mapping.rtstruct.imaging_selection import map_structure_set
from imaging_selection.viewer.image_series import MAXIMUM_UIDS, add_image_series
from imaging_selection.viewer.structure_set_json import build_page_json
from support.builders import (
    CT_SERIES,
    FRAME,
    STUDY,
    contour,
    ct_image,
    image_uid,
    make_rtstruct,
    referenced_frame,
    roi,
)
from support.fake_orthanc import FakeOrthanc

MR_SERIES = "2.25.113047510"
OTHER_FRAME = "2.25.113047401"
OTHER_STUDY = "2.25.113047101"


@pytest.fixture
def host():
    host = FakeOrthanc()
    host.start()
    return host


def ct(number, **overrides):
    """An image of the CT; its description tells of which patient it is."""
    patient = overrides.get("PatientID", "own")
    return ct_image(number, **{"SeriesDescription": patient} | overrides)


def mr(number, **overrides):
    return ct(
        number,
        **{
            "SOPInstanceUID": image_uid(number, 2),
            "SeriesInstanceUID": MR_SERIES,
            "SeriesDescription": "MR",
            "Modality": "MR",
        }
        | overrides,
    )


def drawn_on(*uids):
    return [contour(images=[uid]) for uid in uids]


def set_of(*rois, series=None, **overrides):
    """A structure set that lists images by series; by default three of the CT."""
    if series is None:
        series = {CT_SERIES: [image_uid(number) for number in (1, 2, 3)]}
    frames = [referenced_frame(FRAME, {STUDY: series})]
    return make_rtstruct(
        *(rois or [roi(1, contours=drawn_on(image_uid(1)))]),
        **{"ReferencedFrameOfReferenceSequence": frames} | overrides,
    )


def page_of(host, file):
    """Store a structure set; return the JSON of its page."""
    orthanc_id, _ = host.store(file)
    source = OrthancSource(host.module)
    ids = source.instance(orthanc_id).ids
    _, structure_set = objects.read(file)
    selections = map_structure_set(structure_set, ids, Choices()).resources
    page = build_page_json(selections, structure_set, orthanc_id)
    add_image_series(page, ids, source)
    return page


def offered(page):
    """The descriptions of the series that are offered."""
    series = [found for each in page["series"] for found in each["found"]]
    return [each["description"] for each in series + page["sameFrame"]]


def counts(page):
    return page["named"]["here"], page["named"]["images"]


class TestAnotherPatient:
    def test_the_images_of_the_own_patient_alone_are_offered(self, host):
        for patient in ("other", "patient-113047"):
            for number in (1, 2):
                host.store(ct(number, PatientID=patient))
        page = page_of(host, set_of())
        assert offered(page) == ["patient-113047"]
        assert counts(page) == (2, 3)
        assert page["named"]["isOutside"]

    def test_three_other_patients_have_the_series_and_the_own_one_has_not(self, host):
        for patient in ("one", "two", "patient-1130470"):
            host.store(ct(1, PatientID=patient))
        page = page_of(host, set_of())
        assert offered(page) == []
        assert counts(page) == (0, 3)
        assert page["named"]["isOutside"]
        assert page["rois"][0]["series"] == []

    def test_an_image_outside_of_a_series_that_is_here_is_not_counted(self, host):
        host.store(ct(1, PatientID="patient-113047"))
        host.store(ct(2, PatientID="other"))
        page = page_of(host, set_of())
        assert (offered(page), counts(page)) == (["patient-113047"], (1, 3))
        assert page["named"]["isOutside"]

    def test_a_series_uid_alone_leads_to_no_other_patient(self, host):
        host.store(ct(7, PatientID="other"))  # its image is not listed
        page = page_of(host, set_of())
        assert offered(page) == []
        assert page["named"]["isOutside"]

    def test_a_frame_of_reference_leads_to_no_other_patient(self, host):
        host.store(ct(1, PatientID="other"))
        page = page_of(host, set_of(roi(1), series={}))
        assert (offered(page), page["sameFrame"]) == ([], [])

    def test_two_patients_with_the_same_structure_set_each_have_their_images(
        self, host
    ):
        for patient in ("one", "two"):
            host.store(ct(1, PatientID=patient))
        for patient in ("one", "two"):
            page = page_of(host, set_of(PatientID=patient))
            assert offered(page) == [patient]

    def test_without_another_patient_nothing_is_said_of_one(self, host):
        host.store(ct(1, PatientID="patient-113047"))
        assert not page_of(host, set_of())["named"]["isOutside"]


class TestEveryImageIsLookedFor:
    @pytest.fixture
    def host(self, host):
        """The first of three images is absent."""
        for number in (2, 3):
            host.store(ct_image(number, SeriesDescription="CT"))
        return host

    @pytest.mark.parametrize(
        "overrides",
        [
            pytest.param({}, id="all-is-right"),
            pytest.param(
                {"ReferencedFrameOfReferenceSequence": None}, id="contours-alone"
            ),
            pytest.param(
                {"series": {"2.25.9": [image_uid(k) for k in (1, 2, 3)]}},
                id="another-series-uid",
            ),
            pytest.param(
                {"series": {"": [image_uid(k) for k in (1, 2, 3)]}},
                id="no-series-uid",
            ),
        ],
    )
    def test_the_series_is_found_by_any_of_its_images(self, host, overrides):
        contours = drawn_on(*(image_uid(k) for k in (1, 2, 3)))
        page = page_of(host, set_of(roi(1, contours=contours), **overrides))
        assert (offered(page), counts(page)) == (["CT"], (2, 3))
        [series] = page["rois"][0]["series"]
        assert series == page["series"][0]["found"][0]["series"]

    def test_images_of_one_list_may_be_of_several_series(self, host):
        host.store(mr(1))
        names = [image_uid(1, 2), image_uid(2), image_uid(3)]
        page = page_of(
            host, set_of(roi(1, contours=drawn_on(*names)), series={"2.25.9": names})
        )
        assert offered(page) == ["CT", "MR"]  # that of most images first
        assert counts(page) == (3, 3)

    def test_an_image_may_be_in_another_study_of_the_patient(self, host):
        host.store(mr(1, StudyInstanceUID=OTHER_STUDY))
        page = page_of(host, set_of(series={MR_SERIES: [image_uid(1, 2)]}))
        [found] = page["series"][0]["found"]
        assert (found["description"], found["isOfOtherStudy"]) == ("MR", True)

    def test_a_multi_frame_image_is_one_image(self, host):
        host.store(mr(1, NumberOfFrames=7))
        frames = [
            {"ReferencedSOPInstanceUID": image_uid(1, 2), "ReferencedFrameNumber": k}
            for k in range(1, 8)
        ]
        contours = [contour(images=[each]) for each in frames]
        page = page_of(
            host, set_of(roi(1, contours=contours), series={MR_SERIES: frames})
        )
        assert (offered(page), counts(page)) == (["MR"], (1, 1))

    def test_a_series_that_is_named_without_images_is_found(self, host):
        page = page_of(
            host,
            set_of(
                roi(1),
                ReferencedFrameOfReferenceSequence=None,
                SourceSeriesInformationSequence={"SeriesInstanceUID": CT_SERIES},
            ),
        )
        assert (offered(page), counts(page)) == (["CT"], (0, 0))

    def test_what_is_not_looked_for_is_counted(self, host):
        many = [f"2.25.11304799{k}" for k in range(MAXIMUM_UIDS)]
        listed = {CT_SERIES: [*many, image_uid(2)]}
        page = page_of(host, set_of(roi(1), series=listed))
        assert page["named"]["unsought"] == 1
        assert offered(page) == ["CT"]  # by its UID


class TestSeriesOfARoi:
    """CT and MR of one frame of reference are both there, and both listed."""

    @pytest.fixture
    def series(self, host):
        for image in (ct_image(1), ct_image(2), mr(1), mr(2)):
            host.store(image)
        source = OrthancSource(host.module)
        return {
            each["MainDicomTags"]["Modality"]: each["ID"]
            for each in source.find_series([CT_SERIES, MR_SERIES])
        }

    def test_it_is_the_series_of_the_images_that_its_contours_name(self, host, series):
        page = page_of(
            host,
            set_of(
                roi(1, contours=drawn_on(image_uid(1, 2), image_uid(2, 2))),
                roi(2, contours=drawn_on(image_uid(1))),
                roi(3, contours=drawn_on(*(image_uid(1, k) for k in (1, 2)))),
                roi(4, contours=[contour()]),
                roi(5, contours=None),
                series={
                    CT_SERIES: [image_uid(1), image_uid(2)],
                    MR_SERIES: [image_uid(1, 2), image_uid(2, 2)],
                },
            ),
        )
        assert [each["series"] for each in page["rois"]] == [
            [series["MR"]],
            [series["CT"]],
            [series["CT"], series["MR"]],
            [],
            [],
        ]

    def test_contours_that_name_no_image_are_on_the_only_series_of_the_frame(
        self, host, series
    ):
        listed = {MR_SERIES: [image_uid(1, 2)]}
        page = page_of(host, set_of(roi(1), series=listed))
        assert page["rois"][0]["series"] == [series["MR"]]

    def test_most_contours_decide_the_order(self, host, series):
        contours = drawn_on(image_uid(1), image_uid(1, 2), image_uid(2, 2))
        page = page_of(host, set_of(roi(1, contours=contours)))
        assert page["rois"][0]["series"] == [series["MR"], series["CT"]]


class TestFrameOfReferenceAlone:
    def test_a_series_of_the_frame_in_the_same_study_is_offered(self, host):
        for image in (
            ct(1),
            mr(1, FrameOfReferenceUID=OTHER_FRAME),
            mr(2, SeriesInstanceUID="2.25.9", Modality="RTDOSE"),
            mr(3, SeriesInstanceUID="2.25.8", Rows=None),
            mr(4, SeriesInstanceUID="2.25.7", StudyInstanceUID=OTHER_STUDY),
        ):
            host.store(image)
        page = page_of(host, set_of(roi(1), series={}))
        assert [each["description"] for each in page["sameFrame"]] == ["own"]
        assert page["series"] == []

    def test_a_study_that_is_named_without_its_series_is_looked_into(self, host):
        host.store(mr(1, StudyInstanceUID=OTHER_STUDY))
        host.store(mr(1, StudyInstanceUID=OTHER_STUDY, PatientID="other"))
        frames = [referenced_frame(FRAME, {OTHER_STUDY: {}})]
        file = set_of(roi(1), ReferencedFrameOfReferenceSequence=frames)
        [found] = page_of(host, file)["sameFrame"]
        assert found["isOfOtherStudy"]

    def test_one_frame_may_have_images_and_another_may_have_none(self, host):
        host.store(ct(1))
        host.store(mr(1, FrameOfReferenceUID=OTHER_FRAME))
        other = roi(2, ReferencedFrameOfReferenceUID=OTHER_FRAME)
        page = page_of(host, set_of(roi(1), other))
        assert [each["description"] for each in page["sameFrame"]] == ["MR"]
        assert len(page["series"]) == 1

    def test_where_images_are_named_no_others_are_offered(self, host):
        host.store(mr(1))
        page = page_of(host, set_of())
        assert (offered(page), page["sameFrame"]) == ([], [])

    def test_it_may_be_that_of_rois_alone(self, host):
        host.store(ct(1))
        file = set_of(roi(1), ReferencedFrameOfReferenceSequence=None)
        assert len(page_of(host, file)["sameFrame"]) == 1
