"""What the store holds is what a HAPI FHIR server holds, whatever happens to either."""

from contextlib import suppress

import pytest
from imaging_selection.delivery.dialect import dialect_of
from imaging_selection.delivery.target import parse_targets
from support.delivery import (
    Hapi,
    delivering,
    disturbed,
    held_by,
    resend,
    target_of,
    wait_until_delivered,
)
from support.durability import identity_of, structure_set
from support.paths import EXAMPLE_FILE
from support.waiting import wait_until

R4_TYPES = ("Patient", "ImagingStudy", "Basic", "Observation", "BodyStructure")


@pytest.fixture(scope="module")
def hapi(start_hapi, tmp_path_factory):
    hapi = Hapi(start_hapi, "R5", tmp_path_factory.mktemp("hapi-data"))
    yield hapi
    hapi.end()


@pytest.fixture
def assert_same(hapi):
    """Asserts that the server has what an Orthanc has, beside what it had before."""
    before = held_by(hapi.client)

    def same(orthanc):
        status = wait_until_delivered(orthanc.client)
        assert status["refused"] == []
        assert status["held"] == []
        # The store makes patients and studies a moment after what refers to them.
        with suppress(AssertionError):
            wait_until(lambda: held() == held_by(orthanc.client), seconds=20, poll=1)
        assert held() == held_by(orthanc.client)

    def held():
        found = held_by(hapi.client)
        return {name: found[name] for name in found.keys() - before.keys()}

    return same


def test_overwrites_deletions_and_another_mapping_are_followed(
    start_orthanc, hapi, assert_same
):
    orthanc = start_orthanc(delivering(hapi.url))
    client = orthanc.client
    for number in range(4):
        client.store(structure_set(number, rois=3))
    assert_same(orthanc)

    client.store(structure_set(0, rois=1))
    client.request("DELETE", f"/instances/{identity_of(structure_set(1))}")
    assert_same(orthanc)
    section = orthanc.configuration["ImagingSelection"]
    orthanc.restart_with(**section, Levels=["StructureSet"])
    assert_same(orthanc)
    resend(client, force=True)
    assert_same(orthanc)
    for number in range(4):
        client.request("DELETE", f"/instances/{identity_of(structure_set(number))}")

    assert_same(orthanc)

    assert held_by(client) == {}


def test_all_real_structure_sets_arrive_in_spite_of_kills_and_restarts(
    start_orthanc, hapi, corpus, assert_same
):
    orthanc = start_orthanc(delivering(hapi.url))
    files = [path.read_bytes() for path in corpus.values()]

    disturbed(orthanc, hapi, files, kills=2, restarts=1)

    assert_same(orthanc)


def test_an_r4_server_gets_everything_as_r4(start_orthanc, start_hapi, tmp_path):
    hapi = Hapi(start_hapi, "R4", tmp_path / "data")
    keys = {"FhirVersion": "4.0", "RadiotherapyVolume": True}
    orthanc = start_orthanc(delivering(hapi.url, **keys))
    for file in (EXAMPLE_FILE.read_bytes(), structure_set(1), structure_set(2)):
        orthanc.client.store(file)
    orthanc.client.request("DELETE", f"/instances/{identity_of(structure_set(2))}")
    (target,) = parse_targets([target_of(hapi.url, **keys)])

    def expected():
        stored = held_by(orthanc.client).values()
        every = [each for one in stored for each in dialect_of(target)(one)]
        return {f"{each['resourceType']}/{each['id']}": each for each in every}

    status = wait_until_delivered(orthanc.client)
    assert (status["refused"], status["held"]) == ([], [])
    with suppress(AssertionError):
        wait_until(lambda: held_by(hapi.client, types=R4_TYPES) == expected(), poll=1)
    assert held_by(hapi.client, types=R4_TYPES) == expected()
    hapi.end()
