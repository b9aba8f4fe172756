"""Several Orthancs on one PostgreSQL deliver to one server: one of them sends."""

import time
from collections import Counter

import pytest
from support.delivery import delivering, delivery_of, held_by, wait_until_delivered
from support.durability import structure_set
from support.fhir_target import FhirTarget
from support.orthanc import plugins
from support.waiting import wait_until

COUNT = 24
SLOWLY = 0.1  # seconds of a transaction, so that the sender is killed in the middle


@pytest.fixture
def target():
    target = FhirTarget()
    target.behave = lambda *_: time.sleep(SLOWLY)
    yield target
    target.stop()


@pytest.fixture
def nodes(start_orthanc, postgres, target, tmp_path):
    options = delivering(target.url, OnUnknownPatient="identifier") | {
        "Plugins": plugins("Python", "PostgreSQLIndex", "PostgreSQLStorage"),
        "PostgreSQL": postgres.create(tmp_path.name)
        | {"EnableIndex": True, "EnableStorage": True, "Lock": False},
    }
    options["ImagingSelection"]["Deliver"][0]["OnUnknownStudy"] = "identifier"
    return [start_orthanc(options, name=name) for name in ("one", "two")]


def test_when_the_sending_node_dies_the_other_goes_on_without_a_gap(nodes, target):
    wait_until(lambda: sum(delivery_of(n.client)["isSender"] for n in nodes) == 1)
    nodes.sort(key=lambda node: not delivery_of(node.client)["isSender"])
    sending, other = nodes
    for number in range(COUNT):
        nodes[number % 2].client.store(structure_set(number))
    wait_until(lambda: len(target.of("ImagingSelection")) > COUNT)

    sending.kill()
    assert len(target.of("ImagingSelection")) < 4 * COUNT

    status = wait_until_delivered(other.client, COUNT)
    assert status["refused"] == []
    assert status["isSender"]
    stored = held_by(other.client, types=["ImagingSelection"])
    assert held_by_target(target) == stored.keys()
    again = {name[:61] for name, count in Counter(target.puts).items() if count > 1}
    assert len(again) <= 1  # the one that was being sent


def held_by_target(target):
    return {name for name in target.resources if name.startswith("ImagingSelection/")}
