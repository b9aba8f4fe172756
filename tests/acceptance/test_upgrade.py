"""An upgrade is a restart: the sweep rebuilds the store of any earlier version."""

import shutil

import pytest
from support.durability import assert_same, structure_set
from support.paths import TESTS

FILES = [structure_set(number) for number in range(4)]
STORES = sorted((TESTS / "data" / "stores").glob("*.db"))


@pytest.mark.parametrize("store", STORES, ids=lambda path: path.stem)
def test_the_store_of_an_earlier_state_is_rebuilt_by_itself(
    start_orthanc, shared_orthanc, store
):
    orthanc = start_orthanc({"ImagingSelection": {"Enable": False}})
    names = [orthanc.client.store(file).json["ID"] for file in FILES]
    orthanc.kill()
    shutil.copy(store, orthanc.store_path)

    orthanc.restart_with(Enable=True)
    client = orthanc.client
    at_once = {client.get(f"/fhir/ImagingSelection/{name}").status for name in names}
    status = client.wait_until_up_to_date()

    assert at_once == {200}
    assert (status["converted"], status["failed"], status["problems"]) == (4, [], [])
    assert_same(client, FILES)
    fresh = shared_orthanc.client.status()
    assert status["mappingVersion"] == fresh["mappingVersion"]


def test_there_is_a_store_to_upgrade_from():
    assert STORES
