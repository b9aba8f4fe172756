"""Several Orthancs on one PostgreSQL, with the plugin on each ."""

import time

import pytest
from support.durability import (
    Sender,
    any_object,
    assert_same,
    contents,
    stream,
    structure_set,
    wait_for,
)
from support.orthanc import plugins
from support.waiting import wait_until


@pytest.fixture
def start_nodes(start_orthanc, postgres, tmp_path):
    """Starts Orthancs on one database of the test's own."""
    database = tmp_path.name
    options = {
        "Plugins": plugins("Python", "PostgreSQLIndex", "PostgreSQLStorage"),
        "OverwriteInstances": True,
        "PostgreSQL": postgres.create(database)
        | {
            "EnableIndex": True,
            "EnableStorage": True,
            "Lock": False,
            "MaximumConnectionRetries": 60,
            "ConnectionRetryInterval": 1,
        },
    }

    def start(*names, **section):
        own = options | ({"ImagingSelection": section} if section else {})
        return [start_orthanc(own, name=name) for name in names]

    return start


def test_a_node_that_dies_is_made_up_for_by_the_other(start_nodes):
    one, two = start_nodes("one", "two")
    acts, kept = stream(24, 4)
    clients = [one.client, two.client]
    senders = [
        Sender(clients if number % 2 else clients[::-1], each)
        for number, each in enumerate(acts)
    ]
    while sum(sender.done for sender in senders) < sum(map(len, acts)) // 2:
        time.sleep(0.001)
    one.kill()
    wait_for(senders)

    assert_same(two.client, kept)
    one.start()
    assert_same(one.client, kept)


def test_nodes_that_convert_the_same_file_leave_one_result(start_nodes):
    one, two = start_nodes("one", "two")
    files = [any_object(number, rois=5) for number in range(9)]
    senders = [
        Sender([node.client], [("store", file) for file in files])
        for node in (one, two)
    ]
    wait_for(senders)
    for node in (one, two):
        node.client.reconcile(force=True)

    for node in (one, two):
        status = node.client.wait_until_up_to_date()
        assert status["store"] == "postgresql"
        assert status["structureSets"] == status["converted"] == 9
    assert contents(one.client) == contents(two.client)
    for kind in ("ImagingSelection", "Observation"):
        for resource in one.client.pages(f"/fhir/{kind}"):
            assert resource["meta"]["versionId"] == "1"


def test_what_a_node_that_dies_has_not_measured_another_measures(start_nodes):
    one, two = start_nodes("one", "two", Measurements=True)
    for number in range(8):
        (one, two)[number % 2].client.store(structure_set(number, rois=5))
    one.kill()

    def measured():
        status = two.client.status()
        found = status["measurements"] or {}
        return found.get("measured") == status["structureSets"] == 8

    wait_until(measured)
    found = [*two.client.pages("/fhir/Observation", [("_count", "200")])]
    assert len(found) == 8 * 5
    assert {each["meta"]["versionId"] for each in found} == {"1"}


def test_postgresql_may_go_and_come_back_in_mid_stream(start_nodes, postgres):
    (node,) = start_nodes("node")
    acts, kept = stream(16, 2)
    senders = [Sender([node.client], each) for each in acts]
    while sum(sender.done for sender in senders) < sum(map(len, acts)) // 3:
        time.sleep(0.001)

    postgres.stop()
    time.sleep(2)
    postgres.start()

    wait_for(senders)
    assert_same(node.client, kept)


def test_a_store_that_is_out_leaves_storing_alone(start_orthanc, postgres):
    postgres.create("store_alone")
    url = postgres.url("store_alone")
    client = start_orthanc({"ImagingSelection": {"DatabaseUrl": url}}).client
    client.store(structure_set(1))
    client.wait_until_up_to_date()

    postgres.stop()
    stored = client.store(structure_set(2))
    answer = client.get(f"/fhir/ImagingSelection/{stored.json['ID']}")
    search = client.get("/fhir/ImagingSelection")
    status = client.status()
    postgres.start()

    assert stored.status == 200
    for each in (answer, search):
        assert (each.status, each.headers["Retry-After"]) == (503, "10")
        assert each.json["resourceType"] == "OperationOutcome"
    assert status["problems"]
    assert status["waiting"] > 0
    assert client.wait_until_up_to_date()["converted"] == 2
