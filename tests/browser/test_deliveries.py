"""The deliveries to other servers on the overview, in a real browser."""

import json

import pytest
from support.delivery import NAME, delivering
from support.durability import structure_set
from support.fhir_target import FhirTarget, outcome

HOSTILE = "<img src=x onerror=alert(113047)>"


@pytest.fixture
def target():
    target = FhirTarget()
    refusal = json.dumps(outcome(HOSTILE)).encode()
    target.behave = lambda handler, *_: handler.send(422, refusal) or True
    yield target
    target.stop()


def test_a_refusal_is_shown_with_its_reason_and_sent_again_by_the_button(
    start_orthanc, open_page, target
):
    client = start_orthanc(delivering(target.url, OnUnknownPatient="identifier")).client
    name = client.store(structure_set(1)).json["ID"]
    page = open_page(f"{client.url}/imaging-selection/")
    page.wait_for_selector("#undelivered-rows tr")

    shown = page.locator("#undelivered-rows tr").inner_text()
    assert name in shown
    assert f"422: {HOSTILE}" in shown
    assert page.locator("#delivery-rows tr").inner_text().startswith(NAME)

    target.behave = lambda *_: False
    page.click("#delivery-rows button")

    page.wait_for_selector("#undelivered", state="hidden")
    page.wait_for_selector("#delivery-rows td:nth-child(2):has-text('1')")
    assert NAME in page.locator("#resent").inner_text()


def test_without_other_servers_nothing_is_shown_of_them(orthanc, open_page):
    page = open_page(f"{orthanc.client.url}/imaging-selection/")
    page.wait_for_selector("#hits:not(:empty)")

    assert not page.locator("#deliveries").is_visible()
