"""Deliveries to a FHIR server by others, under many crashes of both (`make soak`)."""

import pytest
from support.delivery import (
    Hapi,
    delivering,
    disturbed,
    held_by,
    wait_until_delivered,
)
from support.waiting import wait_until

pytestmark = pytest.mark.soak


def test_all_real_structure_sets_in_spite_of_ten_kills_and_five_restarts(
    start_orthanc, start_hapi, corpus, tmp_path, say
):
    hapi = Hapi(start_hapi, "R5", tmp_path / "data")
    orthanc = start_orthanc(delivering(hapi.url))
    files = [path.read_bytes() for path in corpus.values()]

    disturbed(orthanc, hapi, files, kills=10, restarts=5)

    status = wait_until_delivered(orthanc.client)
    assert (status["refused"], status["held"]) == ([], [])
    wait_until(lambda: held_by(hapi.client) == held_by(orthanc.client), poll=5)
    found = held_by(hapi.client)
    hapi.end()
    say("delivery", resources=len(found), objects=status["delivered"])
