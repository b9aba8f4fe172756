"""The pages' own routes, in process and inside the strict fake."""

import json
from itertools import chain

import pytest
from imaging_selection import objects
from imaging_selection.host.callbacks import install
from imaging_selection.host.source import OrthancSource
from imaging_selection.objects import OBJECTS, ids_of
from imaging_selection.viewer.assets import explorer_script
from imaging_selection.viewer.routes import SLICES_AT_ONCE
from support.builders import (
    CT_SERIES,
    contour,
    ct_image,
    image_uid,
    make_rtstruct,
    make_seg,
    roi,
    segment,
)
from support.fake_archive import OrthancException
from support.fake_orthanc import FakeOrthanc
from support.reading import parse_structure_set
from support.solids import rectangle
from support.waiting import wait_until

FILE = make_rtstruct(roi(1, "Larynx"), roi(2, "Mandible"))
IDS = ids_of(parse_structure_set(FILE))
BROWSER = (
    "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,"
    "image/webp,*/*;q=0.8"
)
PAGE = f"/imaging-selection/structure-sets/{IDS.instance}"
SEGMENTATION = make_seg(segment(1), segment(2))
OTHER = ids_of(objects.read(SEGMENTATION)[1]).instance
OTHER_PAGE = f"/imaging-selection/instances/{OTHER}"
UNKNOWN = "0a9b3153-2512774b-2d9580de-1fc3dcf6-3bd83918"


@pytest.fixture(params=["1.10.1", "1.13.0"])
def host(request, tmp_path):
    configuration = {"IndexDirectory": str(tmp_path), "ImagingSelection": {}}
    host = FakeOrthanc(configuration, version=request.param)
    install(host.module)
    host.start()
    yield host
    host.stop()
    assert host.violations == []


class TestPages:
    @pytest.mark.parametrize(
        "path", ["/imaging-selection", "/imaging-selection/", PAGE, OTHER_PAGE]
    )
    def test_a_page_lets_nothing_in_from_elsewhere(self, host, path):
        answer = host.get(path)
        assert answer.status == 200
        assert answer.header("Content-Type") == ["text/html; charset=utf-8"]
        [policy] = answer.header("Content-Security-Policy")
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert {*answer.header("X-Content-Type-Options")} == {"nosniff"}
        assert answer.header("Referrer-Policy") == ["no-referrer"]
        for inline in (b"<style", b" style=", b" onclick=", b"javascript:"):
            assert inline not in answer.body

    def test_every_part_that_a_page_names_is_served(self, host):
        for name, kind in (
            ("style.css", "text/css; charset=utf-8"),
            ("overview.js", "text/javascript; charset=utf-8"),
            ("structure-set.js", "text/javascript; charset=utf-8"),
            ("instance.js", "text/javascript; charset=utf-8"),
            ("icon.svg", "image/svg+xml"),
        ):
            answer = host.get(f"/imaging-selection/assets/{name}")
            assert answer.status == 200
            assert answer.header("Content-Type") == [kind]

    @pytest.mark.parametrize("name", ["other.js", "..", "%2e%2e%2fpage.py"])
    def test_nothing_else_is_served(self, host, name):
        assert host.get(f"/imaging-selection/assets/{name}").status == 404

    def test_what_a_browser_has_is_not_sent_again(self, host):
        path = "/imaging-selection/assets/style.css"
        [tag] = host.get(path).header("ETag")
        answer = host.get(path, if_none_match=tag)
        assert (answer.status, answer.body) == (304, b"")

    def test_orthanc_explorer_gets_its_button(self, host):
        assert host.explorer == explorer_script()
        for uid in OBJECTS:
            assert f'"{uid}"' in host.explorer


class TestNegotiation:
    @pytest.mark.parametrize(
        "path",
        [
            f"/instances/{IDS.instance}/imaging-selection",
            f"/fhir/ImagingSelection/{IDS.instance}",
        ],
    )
    def test_people_are_led_to_the_page(self, host, path):
        host.store(FILE)
        answer = host.get(path, accept=BROWSER)
        assert answer.status == 303
        assert answer.header("Location") == [f"../..{PAGE}"]
        assert answer.header("Vary") == ["Accept"]
        assert answer.header("Cache-Control") == ["no-store"]

    def test_a_roi_is_a_part_of_the_page(self, host):
        host.store(FILE)
        selection = f"{IDS.instance}-2"
        answer = host.get(f"/fhir/ImagingSelection/{selection}", accept="text/html")
        assert answer.header("Location") == [f"../..{PAGE}#{selection}"]

    @pytest.mark.parametrize("part", ["", "-2"])
    def test_another_object_than_a_structure_set_has_a_page_of_its_own(
        self, host, part
    ):
        host.store(SEGMENTATION)
        selection = f"{OTHER}{part}"
        answer = host.get(f"/fhir/ImagingSelection/{selection}", accept="text/html")
        anchor = f"#{selection}" if part else ""
        assert answer.header("Location") == [f"../..{OTHER_PAGE}{anchor}"]

    def test_the_data_of_another_object_is_where_its_page_is(self, host):
        host.store(SEGMENTATION)
        data = host.get(f"/imaging-selection/structure-sets/{OTHER}/data").json
        assert data == {"page": f"instances/{OTHER}"}

    @pytest.mark.parametrize(
        ("query", "accept"),
        [
            ("", "*/*"),
            ("", "application/fhir+json"),
            ("", "text/html;q=0.5, application/json"),
            ("", "text/*"),
            ("?_format=json", BROWSER),
            ("?_pretty=true", BROWSER),
        ],
    )
    def test_programs_get_the_resource(self, host, query, accept):
        host.store(FILE)
        path = f"/fhir/ImagingSelection/{IDS.instance}{query}"
        answer = host.get(path, accept=accept)
        assert answer.status == 200
        assert answer.json["id"] == IDS.instance
        assert answer.header("Vary") == ["Accept"]

    def test_what_an_answer_varies_with_is_all_said(self, tmp_path):
        section = {"CorsOrigins": ["https://viewer.example.org"]}
        host = FakeOrthanc(
            {"IndexDirectory": str(tmp_path), "ImagingSelection": section}
        )
        install(host.module)
        host.start()
        host.store(FILE)
        answer = host.get(
            f"/fhir/ImagingSelection/{IDS.instance}", origin="https://other.example.org"
        )
        host.stop()
        assert answer.header("Vary") == ["Accept, Origin"]

    @pytest.mark.parametrize("selection", [UNKNOWN, "x", f"{IDS.instance}-7"])
    def test_there_is_no_page_of_nothing(self, host, selection):
        host.store(FILE)
        path = f"/fhir/ImagingSelection/{selection}"
        assert host.get(path, accept=BROWSER).status == 404

    def test_where_there_is_no_page_a_browser_gets_json(self, host):
        assert host.get("/fhir/metadata", accept=BROWSER).status == 200
        assert host.get("/fhir/metadata", accept="text/html").status == 406


class TestData:
    def test_the_server_is_described(self, host):
        site = host.get("/imaging-selection/site").json
        assert site["fhirRoot"] == "/fhir"
        assert site["levelSystem"].endswith("/CodeSystem/selection-level")
        assert site["findings"]["no-roi"] == "No ROI"

    def test_a_structure_set_is_shown_with_what_orthanc_has_of_it(self, host):
        host.store(FILE)
        image, _ = host.store(ct_image())
        answer = host.get(f"{PAGE}/data")
        assert answer.status == 200
        assert answer.header("Cache-Control") == ["no-store"]
        shown = answer.json
        assert [each["name"] for each in shown["rois"]] == ["Larynx", "Mandible"]
        assert shown["selections"][:2] == [IDS.instance, f"{IDS.instance}-1"]
        assert shown["study"]["id"] == IDS.study
        [series] = shown["series"]
        assert (series["seriesInstanceUid"], series["listed"]) == (CT_SERIES, 1)
        [found] = series["found"]
        assert (found["modality"], found["instances"]) == ("CT", 1)
        slices = host.get(f"{PAGE}/series/{found['series']}/slices").json
        assert [each["instance"] for each in slices["slices"]] == [image]

    def test_what_was_measured_is_shown(self, tmp_path):
        section = {"Measurements": True, "Workers": 0}
        host = FakeOrthanc(
            {"IndexDirectory": str(tmp_path), "ImagingSelection": section}
        )
        install(host.module, pause=0.01)
        host.start()
        box = [contour(rectangle(z)) for z in (0, 3, 3, 6)]
        host.store(make_rtstruct(roi(1, contours=box)))

        def first_roi():
            (shown,) = host.get(f"{PAGE}/data").json["rois"]
            return shown

        assert wait_until(lambda: first_roi()["measured"]) == 1.8
        (found,) = first_roi()["findings"]
        host.stop()
        assert (found["code"], found["contours"]) == ("duplicate-contour", [3])

    @pytest.mark.parametrize("level", ["StructureSet", "Roi", "SourceImages"])
    def test_the_page_shows_all_whatever_levels_are_stored(self, tmp_path, host, level):
        section = {"Levels": [level]}
        folder = tmp_path / level
        folder.mkdir()
        other = FakeOrthanc(
            {"IndexDirectory": str(folder), "ImagingSelection": section}
        )
        install(other.module)
        other.start()
        for each in (host, other):
            each.store(FILE)
        shown = other.get(f"{PAGE}/data").json
        other.stop()
        expected = host.get(f"{PAGE}/data").json
        stored = {
            "StructureSet": [IDS.instance],
            "Roi": [f"{IDS.instance}-1", f"{IDS.instance}-2"],
            "SourceImages": [f"{IDS.instance}-images-1"],
        }
        assert shown.pop("selections") == stored[level]
        assert expected.pop("selections") == [*chain(*stored.values())]
        assert shown == expected

    def test_images_that_orthanc_does_not_have_are_none(self, host):
        host.store(FILE)
        [series] = host.get(f"{PAGE}/data").json["series"]
        assert series["found"] == []

    def test_a_series_without_its_uid_is_found_by_an_image(self, host):
        image, _ = host.store(ct_image())
        host.store(
            make_rtstruct(
                roi(1),
                ReferencedFrameOfReferenceSequence={
                    "FrameOfReferenceUID": "2.25.113047400",
                    "RTReferencedStudySequence": {
                        "ReferencedSOPInstanceUID": "2.25.113047100",
                        "RTReferencedSeriesSequence": {
                            "ContourImageSequence": {
                                "ReferencedSOPInstanceUID": image_uid(1)
                            }
                        },
                    },
                },
            )
        )
        [series] = host.get(f"{PAGE}/data").json["series"]
        [found] = series["found"]
        parent = json.loads(host.module.RestApiGet(f"/instances/{image}"))
        assert found["series"] == parent["ParentSeries"]

    @pytest.mark.parametrize("identity", [UNKNOWN, "x"])
    def test_what_is_no_structure_set_has_no_data(self, host, identity):
        path = f"/imaging-selection/structure-sets/{identity}/data"
        assert host.get(path).status == 404

    def test_one_that_cannot_be_converted_says_why(self, host):
        identity, _ = host.store(make_rtstruct(roi(1), StudyInstanceUID="no_uid"))
        answer = host.get(f"/imaging-selection/structure-sets/{identity}/data")
        assert answer.status == 422
        assert "StudyInstanceUID" in answer.json["issue"][0]["diagnostics"]


class TestSlices:
    @pytest.fixture(autouse=True)
    def structure_set(self, host):
        return host.store(FILE)[0]

    def test_slices_come_so_many_at_a_time(self, host):
        count = SLICES_AT_ONCE + 3
        stored = {
            host.store(ct_image(k, SOPInstanceUID=image_uid(k)))[0]
            for k in range(1, count + 1)
        }
        source = OrthancSource(host.module)
        series = source.instance(next(iter(stored))).ids.series
        first = host.get(f"{PAGE}/series/{series}/slices").json
        assert (len(first["slices"]), first["next"]) == (SLICES_AT_ONCE, SLICES_AT_ONCE)
        path = f"{PAGE}/series/{series}/slices?from={first['next']}"
        rest = host.get(path).json
        assert (len(rest["slices"]), rest["next"], rest["total"]) == (3, None, count)
        seen = {each["instance"] for each in first["slices"] + rest["slices"]}
        assert seen == stored

    @pytest.mark.parametrize("start", ["-1", "x", "", "²", "9" * 5000])
    def test_a_place_that_is_no_number_is_refused(self, host, start):
        path = f"{PAGE}/series/{UNKNOWN}/slices?from={start}"
        assert host.get(path).status == 400

    def test_an_unknown_series_has_no_slices(self, host):
        assert host.get(f"{PAGE}/series/{UNKNOWN}/slices").status == 404

    def test_a_series_of_another_patient_has_no_slices_here(self, host):
        """The same series under three patients: each is that of one page."""
        source = OrthancSource(host.module)
        series = {}
        for patient in ("patient-113047", "two", "three"):
            image, _ = host.store(ct_image(PatientID=patient))
            series[patient] = source.instance(image).ids.series
        for patient in ("patient-113047", "two"):
            structure_set, _ = host.store(make_rtstruct(roi(1), PatientID=patient))
            page = f"/imaging-selection/structure-sets/{structure_set}"
            for other, identity in series.items():
                answer = host.get(f"{page}/series/{identity}/slices")
                assert answer.status == (200 if other == patient else 404)

    def test_a_structure_set_that_is_not_there_has_no_slices(self, host):
        image, _ = host.store(ct_image())
        series = OrthancSource(host.module).instance(image).ids.series
        page = f"/imaging-selection/structure-sets/{UNKNOWN}"
        assert host.get(f"{page}/series/{series}/slices").status == 404

    def test_an_orthanc_that_does_not_answer_is_told(self, host):
        host.broken = OrthancException(11, "Error with the database engine")
        assert host.get(f"{PAGE}/series/{UNKNOWN}/slices").status == 503
        host.broken = None


class TestDegraded:
    @pytest.fixture
    def broken(self, tmp_path):
        section = {"Nonsense": 1}
        host = FakeOrthanc(
            {"IndexDirectory": str(tmp_path), "ImagingSelection": section}
        )
        install(host.module)
        return host

    def test_people_get_the_page_that_tells_what_is_wrong(self, broken):
        answer = broken.get("/imaging-selection/", accept=BROWSER)
        assert answer.status == 200
        assert b"overview.js" in answer.body
        assert broken.get("/imaging-selection/assets/overview.js").status == 200

    def test_programs_get_the_reason(self, broken):
        for path in ("/imaging-selection/", "/imaging-selection/site", f"{PAGE}/data"):
            answer = broken.get(path)
            assert answer.status == 503
            assert "Nonsense" in answer.json["issue"][0]["diagnostics"]


@pytest.mark.parametrize(
    "section",
    [{}, {"Levels": ["StructureSet"]}],
    ids=["stored", "made-for-the-page"],
)
def test_a_page_shows_undeclared_text_by_orthancs_default_encoding(tmp_path, section):
    file = make_rtstruct(roi(1, b"\xcf\xe5\xf7"), SpecificCharacterSet=None)
    host = FakeOrthanc(
        {
            "IndexDirectory": str(tmp_path),
            "DefaultEncoding": "Windows1251",
            "ImagingSelection": section,
        }
    )
    install(host.module)
    host.start()
    orthanc_id, _ = host.store(file)
    path = f"/imaging-selection/structure-sets/{orthanc_id}/data"
    (shown,) = json.loads(host.get(path).body)["rois"]
    host.stop()
    assert shown["name"] == "Печ"
