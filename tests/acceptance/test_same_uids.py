"""The same UIDs under two patients: what is of one never leads to what is of the other.

Orthanc's ids include the Patient ID, so both exist: made by an anonymization that keeps
the UIDs, by a wrong merge, or by a second archive.
"""

from urllib.parse import urlencode

import pytest
from support.builders import (
    CT_SERIES,
    SERIES,
    STRUCTURE_SET,
    STUDY,
    contour,
    ct_image,
    image_uid,
    make_rtstruct,
    roi,
)
from support.orthanc import plugins
from support.paths import SHARED

CASES = SHARED / "cases"
PATIENTS = ("patient-a", "patient-b")
UIDS = [image_uid(number) for number in (1, 2, 3)]


@pytest.fixture(scope="module")
def orthanc(start_orthanc_for_module):
    # Fewer results than there are images: Orthanc must be asked again.
    return start_orthanc_for_module(
        {"Plugins": plugins("Python", "DicomWeb"), "LimitFindInstances": 2}
    )


@pytest.fixture(scope="module")
def client(orthanc):
    return orthanc.client


@pytest.fixture(scope="module")
def stored(client):
    """Orthanc's ids of the structure set and of all above it, by Patient ID.

    Each patient has two of the three images; only the first is of both.
    """
    kept = {}
    contours = [contour(images=[uid]) for uid in UIDS]
    for patient, numbers in zip(PATIENTS, ((1, 2), (1, 3)), strict=True):
        for number in numbers:
            image = ct_image(number, PatientID=patient, SeriesDescription=patient)
            images = client.store(image).json["ParentSeries"]
        file = make_rtstruct(roi(1, patient, contours=contours), PatientID=patient)
        answer = client.store(file).json
        kept[patient] = {
            "instances": answer["ID"],
            "series": answer["ParentSeries"],
            "studies": answer["ParentStudy"],
            "patients": answer["ParentPatient"],
            "images": images,
        }
    client.wait_until_up_to_date()
    return kept


def matches(bundle):
    return [
        entry["resource"]
        for entry in bundle["entry"]
        if entry["search"]["mode"] == "match"
    ]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("study-uid", STUDY),
        ("series-uid", SERIES),
        ("series-uid", CT_SERIES),
        ("instance-uid", STRUCTURE_SET),
        ("instance-uid", UIDS[0]),
        ("identifier", f"urn:oid:{STRUCTURE_SET}"),
        ("derived-from:identifier", f"urn:oid:{STUDY}"),
    ],
)
def test_a_search_by_uid_returns_the_objects_of_each_patient(
    client, stored, name, value
):
    """They are resources of their own, each with its subject and its references."""
    query = urlencode({name: value, "_include": "*"})
    bundle = client.get(f"/fhir/ImagingSelection?{query}").json
    found = {each["subject"]["identifier"]["value"] for each in matches(bundle)}
    assert found == {*PATIENTS}
    for selection in matches(bundle):
        own = stored[selection["subject"]["identifier"]["value"]]
        assert selection["id"].startswith(own["instances"])
        assert_all_references_are_of(own, selection)


def assert_all_references_are_of(own, selection):
    assert selection["subject"]["reference"] == f"Patient/{own['patients']}"
    for reference in selection.get("derivedFrom", ()):
        assert reference["reference"] == f"ImagingStudy/{own['studies']}"
    for reference in selection.get("focus", ()):
        assert own["instances"] in reference["reference"]


@pytest.mark.parametrize("patient", PATIENTS)
class TestOnePatient:
    def test_what_a_selection_refers_to_is_of_its_patient(
        self, client, stored, patient
    ):
        own = stored[patient]
        path = f"/fhir/ImagingSelection?_id={own['instances']}&_include=*"
        bundle = client.get(path).json
        included = {
            (each["resource"]["resourceType"], each["resource"]["id"])
            for each in bundle["entry"]
            if each["search"]["mode"] == "include"
        }
        assert included >= {
            ("Patient", own["patients"]),
            ("ImagingStudy", own["studies"]),
        }
        assert len({kind for kind, _ in included}) == len(included)
        study = client.get(f"/fhir/ImagingStudy/{own['studies']}").json
        assert study["subject"]["identifier"]["value"] == patient
        assert study["numberOfInstances"] == 3  # two images and the structure set
        described = {each.get("description") for each in study["series"]}
        assert described == {None, patient}

    @pytest.mark.parametrize("level", ["instances", "series", "studies", "patients"])
    def test_the_routes_of_orthancs_resources_stay_within_it(
        self, client, stored, patient, level
    ):
        answer = client.get(f"/{level}/{stored[patient][level]}/imaging-selection").json
        found = [answer] if level == "instances" else matches(answer)
        assert found
        for each in found:
            assert_all_references_are_of(stored[patient], each)

    def test_its_compartment_has_its_selections_alone(self, client, stored, patient):
        own = stored[patient]
        path = f"/fhir/Patient/{own['patients']}/ImagingSelection?study-uid={STUDY}"
        found = matches(client.get(path).json)
        assert found
        for each in found:
            assert_all_references_are_of(own, each)

    def test_the_page_offers_its_images_alone(self, client, stored, patient):
        own = stored[patient]
        page = f"/imaging-selection/structure-sets/{own['instances']}"
        shown = client.get(f"{page}/data").json
        [series] = shown["series"]
        [found] = series["found"]
        assert found["series"] == own["images"]
        assert (found["description"], found["instances"]) == (patient, 2)
        assert shown["study"]["id"] == own["studies"]
        assert shown["rois"][0]["series"] == [own["images"]]
        assert shown["named"] == {
            "images": 3,
            "here": 2,
            "isOutside": True,
            "unsought": 0,
        }

    def test_slices_are_those_of_its_series_alone(self, client, stored, patient):
        page = f"/imaging-selection/structure-sets/{stored[patient]['instances']}"
        for other in PATIENTS:
            answer = client.get(f"{page}/series/{stored[other]['images']}/slices")
            assert answer.status == (200 if other == patient else 404)

    def test_contours_are_those_of_its_file(self, client, stored, patient):
        identity = f"{stored[patient]['instances']}-1"
        resource = client.get(f"/fhir/ImagingSelection/{identity}/$contours").json
        assert resource["bodySite"]["concept"]["text"] == patient


def test_a_search_of_studies_by_uid_returns_that_of_each_patient(client, stored):
    query = urlencode({"identifier": f"urn:oid:{STUDY}"})
    found = matches(client.get(f"/fhir/ImagingStudy?{query}").json)
    assert {each["id"]: each["subject"]["reference"] for each in found} == {
        own["studies"]: f"Patient/{own['patients']}" for own in stored.values()
    }


@pytest.mark.usefixtures("stored")
def test_dicomweb_which_knows_uids_alone_serves_neither_patients_image(client):
    study = f"/dicom-web/studies/{STUDY}/series/{CT_SERIES}"
    assert client.get(f"{study}/instances/{UIDS[0]}/metadata").status == 404
    assert client.get(f"{study}/metadata").status == 404
    # An image that one of them alone has is no question.
    assert client.get(f"{study}/instances/{UIDS[1]}/metadata").status == 200


@pytest.mark.parametrize(
    ("number", "structure_set", "counts", "offered"),
    [
        ("01", "3-rtstruct-of-patient-a", (2, 2), ["F01 CT"]),
        ("02", "rtstruct-names-images-in-contours-only", (2, 3), ["F02 CT"]),
        ("02", "rtstruct-with-another-series-uid", (2, 3), ["F02 CT"]),
        ("11", "rtstruct-names-its-frame-only", (0, 0), ["F11 CT"]),
    ],
)
def test_a_public_case_has_its_images(client, number, structure_set, counts, offered):
    if not CASES.is_dir():
        pytest.skip("the public cases are not here")
    for path in sorted(CASES.glob(f"{number}-*ct-*.dcm")):
        client.store(path.read_bytes())
    file = (CASES / f"{number}-{structure_set}.dcm").read_bytes()
    identity = client.store(file).json["ID"]
    page = f"/imaging-selection/structure-sets/{identity}"
    shown = client.get(f"{page}/data").json
    found = [each for series in shown["series"] for each in series["found"]]
    found += shown["sameFrame"]
    assert [each["description"] for each in found] == offered
    assert (shown["named"]["here"], shown["named"]["images"]) == counts
    assert shown["named"]["isOutside"] is (number == "01")
    path = f"{page}/series/{found[0]['series']}/slices"
    assert len(client.get(path).json["slices"]) == 2
