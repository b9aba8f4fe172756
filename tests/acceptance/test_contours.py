"""`$contours` and `?contours=true`, through the host: in memory and for real."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from fhir.resources.imagingselection import ImagingSelection
from imaging_selection.host.callbacks import install
from support.builders import contour, ct_image, image_uid, make_rtstruct, roi
from support.fake_orthanc import FakeOrthanc
from support.fake_releases import RELEASES
from support.independent import read_contours, same_regions

FHIR_JSON = "application/fhir+json; fhirVersion=5.0"
LINE = contour(rb"1.50\2\3.0\4\5\6", "OPEN_PLANAR")
FILE = make_rtstruct(
    roi(7, contours=[LINE, contour(rb"7\8\9", images=[image_uid(1)])]),
    roi(3, contours=[contour(rb"1\2\3", "POINT")]),
)


@pytest.fixture
def start_fake(tmp_path):
    """Starts a host in memory, of any release, with the plugin."""
    started = []

    def start(version="1.10.1"):
        url = f"sqlite:///{tmp_path / version}.db"
        settings = {"ImagingSelection": {"DatabaseUrl": url}}
        fake = FakeOrthanc(settings, version=version)
        install(fake.module, fake.program)
        fake.start()
        started.append(fake)
        return fake

    yield start
    for fake in started:
        fake.stop()
        assert fake.violations == []


def regions_of(selection):
    return selection["instance"][0].get("imageRegion3D", [])


@pytest.mark.parametrize("version", RELEASES)
def test_the_answer_is_the_same_in_one_piece_and_streamed(start_fake, version):
    fake = start_fake(version)
    identity, _ = fake.store(FILE)
    answer = fake.get(f"/fhir/ImagingSelection/{identity}-7/$contours")
    assert (answer.status, answer.header("Content-Type")) == (200, [FHIR_JSON])
    assert b"[1.50,2,3.0,4,5,6]" in answer.body
    assert len(regions_of(answer.json)) == 2
    assert bool(answer.header("Content-Length")) == (version == "1.10.1")
    ImagingSelection.model_validate(answer.json)


def test_the_plain_answer_has_no_contours_and_the_routes_agree(start_fake):
    fake = start_fake()
    identity, _ = fake.store(FILE)
    plain = fake.get(f"/instances/{identity}/imaging-selection")
    assert regions_of(plain.json) == []
    same = fake.get(f"/instances/{identity}/imaging-selection?contours=false")
    assert same.body == plain.body
    drawn = fake.get(f"/instances/{identity}/imaging-selection?contours=true")
    assert len(regions_of(drawn.json)) == 3
    operation = fake.get(f"/fhir/ImagingSelection/{identity}/$contours")
    assert operation.body == drawn.body
    # Its version is that of the selection, which says nothing of the coordinates.
    assert plain.header("ETag") != []
    assert drawn.header("ETag") == []


@pytest.mark.parametrize(
    ("target", "status", "code"),
    [
        pytest.param(
            "/fhir/ImagingSelection/{id}-images-1/$contours", 400, "not-supported",
            id="source-images",
        ),
        pytest.param(
            "/fhir/ImagingSelection/{id}-99/$contours", 404, "not-found",
            id="no-such-roi",
        ),
        pytest.param(
            "/fhir/ImagingSelection/113047/$contours", 404, "not-found", id="no-id"
        ),
        pytest.param(
            "/fhir/ImagingSelection/{id}/$unheard-of", 404, "not-found",
            id="another-operation",
        ),
        pytest.param(
            "/instances/{id}/imaging-selection?contours=maybe", 400, "value",
            id="neither-true-nor-false",
        ),
        pytest.param(
            "/instances/{image}/imaging-selection?contours=true", 404, "not-found",
            id="an-image",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_answered_is_an_outcome(start_fake, target, status, code):
    fake = start_fake()
    identity, _ = fake.store(FILE)
    image, _ = fake.store(ct_image())
    answer = fake.get(target.format(id=identity, image=image))
    assert (answer.status, answer.json["resourceType"]) == (status, "OperationOutcome")
    assert answer.json["issue"][0]["code"] == code


def test_more_at_once_than_there_are_turns_are_all_answered(start_fake):
    fake = start_fake("1.12.7")
    identity, _ = fake.store(FILE)
    target = f"/fhir/ImagingSelection/{identity}/$contours"
    with ThreadPoolExecutor(40) as clients:
        answers = list(clients.map(fake.get, [target] * 200))
    assert {answer.body for answer in answers} == {answers[0].body}
    assert answers[0].status == 200


def test_every_real_structure_set_is_served_with_its_contours(stored_corpus):
    client, kept = stored_corpus
    for identity, path in kept.items():
        answer = client.get(f"/fhir/ImagingSelection/{identity}/$contours")
        assert answer.status == 200, path.name
        made = json.loads(answer.body, parse_float=str, parse_int=str)
        numbers = {int(number) for number in made["instance"][0].get("subset", ())}
        expected = [
            contour.region
            for number, contours in read_contours(path)
            if number in numbers
            for contour in contours
        ]
        regions = [
            (region["regionType"], region["coordinate"]) for region in regions_of(made)
        ]
        assert same_regions(regions, expected), path.name
