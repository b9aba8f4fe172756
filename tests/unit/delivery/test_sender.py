from itertools import chain

import pytest
from imaging_selection.delivery import sender
from support.durability import segmentation, structure_set
from support.waiting import wait_until

from .conftest import settings_of, wait_until_delivered

ROI = "ImagingSelection/{}-{}".format


def refuse(handler, status, body=b"", **headers):
    handler.send(status, body, **headers)
    return True


def logical(resources):
    """Resources with references by identifier to what is none of them."""
    return {
        name: _logical(each, _identifiers(each, resources))
        for name, each in resources.items()
    }


def _identifiers(resource, resources):
    parts = (resource.get(name, ()) for name in ("derivedFrom", "focus"))
    return {
        each["reference"]: each["identifier"]
        for each in (resource["subject"], *chain.from_iterable(parts))
        if each.get("reference") not in {None, *resources} and "identifier" in each
    }


def _logical(value, identifiers):
    if isinstance(value, list):
        return [_logical(each, identifiers) for each in value]
    if not isinstance(value, dict):
        return value
    kept = {key: _logical(each, identifiers) for key, each in value.items()}
    if str(kept.get("reference")) in identifiers:
        kept["identifier"] = identifiers[kept.pop("reference")]
    return kept


def test_a_first_connection_delivers_all_that_exists(site, target):
    for number in range(3):
        site.save(structure_set(number))

    deliveries = site.deliver_to(settings_of(target))

    wait_until_delivered(deliveries, 3)
    assert target.resources == logical(site.stored())
    assert len(target.transactions()) == 3
    assert all(body.count(b'"PUT"') >= 3 for *_, body in target.transactions())


def test_a_reference_to_a_segment_follows_its_segmentation(site, target):
    deliveries = site.deliver_to(settings_of(target))
    site.save(structure_set(1))
    wait_until_delivered(deliveries, 1)
    assert target.resources == logical(site.stored())

    segmentation_ids = site.save(segmentation(1))
    wait_until_delivered(deliveries, 2)
    wait_until(lambda: target.resources == logical(site.stored()))
    assert ROI(segmentation_ids.instance, 1) in target.resources

    site.remove(segmentation_ids.instance)
    wait_until(lambda: target.resources == logical(site.stored()))


def test_what_is_saved_afterwards_is_delivered_once(site, target):
    deliveries = site.deliver_to(settings_of(target))
    wait_until_delivered(deliveries, 0)

    site.save(structure_set(1))
    site.save(structure_set(1))

    wait_until_delivered(deliveries, 1)
    assert target.resources == logical(site.stored())
    assert len(target.puts) == len({*target.puts})


def test_a_content_that_changes_and_shrinks_is_followed(site, target):
    deliveries = site.deliver_to(settings_of(target))
    ids = site.save(structure_set(1, rois=3))
    wait_until_delivered(deliveries, 1)
    assert ROI(ids.instance, 3) in target.resources

    site.save(structure_set(1, rois=2))

    wait_until(lambda: ROI(ids.instance, 3) not in target.resources)
    wait_until_delivered(deliveries, 1)
    assert target.resources == logical(site.stored())


def test_a_deletion_is_followed_and_leaves_nothing_behind(site, target):
    deliveries = site.deliver_to(settings_of(target))
    gone = site.save(structure_set(1))
    kept = site.save(structure_set(2))
    wait_until_delivered(deliveries, 2)

    site.remove(gone.instance)

    wait_until_delivered(deliveries, 1)
    assert target.resources == logical(site.stored())
    assert all(kept.instance in name for name in target.resources)


def test_of_what_is_deleted_before_it_was_delivered_nothing_is_left(site, target):
    target.behave = lambda handler, *_: refuse(handler, 503)
    deliveries = site.deliver_to(settings_of(target))
    ids = site.save(structure_set(1))
    wait_until(lambda: target.requests)
    site.remove(ids.instance)
    target.behave = lambda *_: False

    wait_until_delivered(deliveries, 0)

    assert target.resources == {}


def test_only_the_wanted_types_are_delivered(site, target):
    deliveries = site.deliver_to(settings_of(target, Types=["Observation"]))
    site.save(structure_set(1))

    wait_until_delivered(deliveries, 1)

    assert target.requests == []


def test_other_settings_deliver_everything_again(site, target):
    deliveries = site.deliver_to(settings_of(target))
    site.save(structure_set(1))
    wait_until_delivered(deliveries, 1)
    deliveries.stop()

    again = site.deliver_to(settings_of(target, Types=["ImagingSelection"]))

    wait_until(lambda: len(target.transactions()) == 2)
    wait_until_delivered(again, 1)


def test_the_same_settings_deliver_nothing_again(site, target):
    deliveries = site.deliver_to(settings_of(target))
    site.save(structure_set(1))
    wait_until_delivered(deliveries, 1)
    deliveries.stop()
    site.save(structure_set(2))

    again = site.deliver_to(settings_of(target))

    wait_until_delivered(again, 2)
    assert len(target.transactions()) == 2


def test_each_target_gets_everything(site, target):
    deliveries = site.deliver_to(
        settings_of(target), settings_of(target, Name="other-113047")
    )
    site.save(structure_set(1))

    wait_until_delivered(deliveries, 1)
    wait_until(lambda: len(target.transactions()) == 2)
    assert [each["name"] for each in deliveries.status()] == [
        "clinic-113047",
        "other-113047",
    ]


def closed_in_the_middle(handler, _method, _body):
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{")
    handler.close_connection = True
    return True


def closed_at_once(handler, _method, _body):
    handler.close_connection = True
    return True


def huge(handler, _method, _body):
    return refuse(handler, 200, b" " * (17 << 20))


def compressed(handler, _method, _body):
    return refuse(handler, 200, b"\x1f\x8b113047", content_encoding="gzip")


BAD = {
    "500": lambda handler, *_: refuse(handler, 500, b"{}"),
    "429": lambda handler, *_: refuse(handler, 429, b"", retry_after="0"),
    "503-with-a-page": lambda handler, *_: refuse(handler, 503, b"<html>"),
    "garbage": lambda handler, *_: refuse(handler, 200, b"\xff\x00 113047"),
    "no-object": lambda handler, *_: refuse(handler, 200, b"[]"),
    "another-resource": lambda handler, *_: refuse(
        handler, 200, b'{"resourceType": "Patient"}'
    ),
    "too-few-entries": lambda handler, *_: refuse(
        handler, 200, b'{"resourceType": "Bundle", "type": "transaction-response"}'
    ),
    "nothing": lambda handler, *_: refuse(handler, 200),
    "closes-in-the-middle": closed_in_the_middle,
    "closes-at-once": closed_at_once,
    "huge": huge,
    "compressed": compressed,
    "redirect": lambda handler, *_: refuse(
        handler, 307, location="http://127.0.0.1:9/elsewhere"
    ),
    "login": lambda handler, *_: refuse(handler, 401),
    "page-not-found": lambda handler, *_: refuse(handler, 404, b"<html>"),
}


@pytest.mark.slow
@pytest.mark.parametrize("path", ["/fhir", "/fhir/Patient/_search"])
@pytest.mark.parametrize("behave", BAD.values(), ids=BAD.keys())
def test_after_a_bad_answer_it_is_delivered_all_the_same(
    site, target, monkeypatch, behave, path
):
    monkeypatch.setattr(sender, "MAXIMUM_PAUSE", 0.1)
    monkeypatch.setattr(sender, "MAXIMUM_WAIT", 0.1)
    site.save(structure_set(1))
    target.behave = lambda handler, *more: (
        handler.path == path and behave(handler, *more)
    )
    deliveries = site.deliver_to(settings_of(target))
    problem = wait_until(lambda: deliveries.status()[0]["problem"])
    assert deliveries.status()[0]["waiting"] == 1
    assert deliveries.status()[0]["refused"] == []
    assert "113047" not in problem

    target.behave = lambda *_: False

    wait_until_delivered(deliveries, 1)
    assert target.resources == logical(site.stored())
    wait_until(lambda: deliveries.status()[0]["problem"] is None)


def test_a_target_that_is_not_there_is_waited_for(site, target, monkeypatch):
    monkeypatch.setattr(sender, "MAXIMUM_PAUSE", 0.1)
    target.stop()
    site.save(structure_set(1))
    deliveries = site.deliver_to(settings_of(target))
    wait_until(lambda: deliveries.status()[0]["problem"])
    assert deliveries.status()[0]["lagSeconds"] > 0

    back = target.restarted()

    wait_until_delivered(deliveries, 1)
    back.stop()


def test_retry_after_is_obeyed(site, target):
    times = []

    def busy(handler, *_):
        times.append(sender.time.monotonic())
        return len(times) == 1 and refuse(handler, 429, retry_after="1")

    target.behave = busy
    site.save(structure_set(1))

    wait_until_delivered(site.deliver_to(settings_of(target)), 1)

    assert times[1] - times[0] >= 1


def test_a_refusal_is_listed_with_its_reason_and_retried_on_request(site, target):
    refused = site.save(structure_set(1))
    site.save(structure_set(2))

    def refuses_one(handler, _method, body):
        text = b'{"resourceType": "OperationOutcome", "issue": [{"diagnostics": "no"}]}'
        return refused.instance.encode() in body and refuse(handler, 422, text)

    target.behave = refuses_one
    deliveries = site.deliver_to(settings_of(target))
    wait_until_delivered(deliveries, 1)
    (listed,) = deliveries.status()[0]["refused"]
    assert listed["instance"] == refused.instance
    assert listed["reason"] == "422: no"
    assert listed["attempts"] == 1
    assert deliveries.status()[0]["refusedCount"] == 1

    target.behave = lambda *_: False
    assert deliveries.resend("clinic-113047", force=False)

    wait_until_delivered(deliveries, 2)
    assert deliveries.status()[0]["refused"] == []


def test_a_refused_object_is_tried_again_when_it_changes(site, target):
    ids = site.save(structure_set(1))
    target.behave = lambda handler, *_: refuse(
        handler, 400, b'{"resourceType": "OperationOutcome", "issue": []}'
    )
    deliveries = site.deliver_to(settings_of(target))
    wait_until(lambda: deliveries.status()[0]["refused"])

    target.behave = lambda *_: False
    site.save(structure_set(1, rois=4))

    wait_until_delivered(deliveries, 1)
    assert ROI(ids.instance, 4) in target.resources


def test_an_object_that_a_target_fails_on_holds_up_no_other(site, target):
    bad = site.save(structure_set(1))
    target.behave = lambda handler, _, body: (
        bad.instance.encode() in body and refuse(handler, 500)
    )
    deliveries = site.deliver_to(settings_of(target))
    wait_until(lambda: deliveries.status()[0]["held"])
    for number in range(2, 6):
        site.save(structure_set(number))

    wait_until(lambda: deliveries.status()[0]["delivered"] == 4)

    (held,) = deliveries.status()[0]["held"]
    assert held["instance"] == bad.instance
    assert held["reason"] == "the target answers with status 500"


def test_everything_is_delivered_again_on_request(site, target):
    ids = site.save(structure_set(1))
    deliveries = site.deliver_to(settings_of(target), compare_seconds=0.1)
    wait_until_delivered(deliveries, 1)
    target.resources.clear()

    assert deliveries.resend("clinic-113047", force=False)
    wait_until_delivered(deliveries, 1)
    assert target.resources == {}  # nothing had failed
    assert deliveries.resend("clinic-113047", force=False, orthanc_id=ids.instance)
    wait_until(lambda: target.resources == logical(site.stored()))
    target.resources.clear()
    assert deliveries.resend("clinic-113047", force=True)
    wait_until(lambda: target.resources == logical(site.stored()))

    assert not deliveries.resend("no-target", force=True)


def test_a_crash_between_the_answer_and_its_record_leaves_nothing_behind(site, target):
    """The target has three ROIs, the store does not know, and one of them goes."""

    def accepts_and_dies(handler, method, body):
        if handler.path != "/fhir":
            return False
        target.answer(method, "/fhir", body)
        return closed_at_once(handler, method, body)

    target.behave = accepts_and_dies
    ids = site.save(structure_set(1, rois=3))
    deliveries = site.deliver_to(settings_of(target))
    wait_until(lambda: ROI(ids.instance, 3) in target.resources)
    deliveries.stop()
    site.save(structure_set(1, rois=2))
    target.behave = lambda *_: False

    wait_until_delivered(site.deliver_to(settings_of(target)), 1)

    assert target.resources == logical(site.stored())


def test_a_stop_ends_a_request_that_waits_for_the_target(site, target):
    answer = sender.threading.Event()
    target.behave = lambda *_: answer.wait(20)
    site.save(structure_set(1))
    deliveries = site.deliver_to(settings_of(target))
    wait_until(lambda: target.requests)

    begun = sender.time.monotonic()
    deliveries.stop()

    assert sender.time.monotonic() - begun < 5
    answer.set()
    names = {each.name for each in sender.threading.enumerate()}
    assert not any("clinic-113047" in name for name in names)


def test_no_log_has_what_a_target_says_or_what_is_delivered(site, target, caplog):
    site.save(structure_set(1))
    text = b'{"resourceType": "OperationOutcome", "issue": [{"diagnostics": "Doe"}]}'
    target.behave = lambda handler, *_: refuse(handler, 422, text)
    deliveries = site.deliver_to(settings_of(target))

    (listed,) = wait_until(lambda: deliveries.status()[0]["refused"])

    assert listed["reason"] == "422: Doe"
    assert "not delivered" in caplog.text
    assert "Doe" not in caplog.text
    assert "patient-1" not in caplog.text


def test_delays_are_spread_between_nothing_and_a_bound_that_doubles():
    class Highest:
        def uniform(self, low, high):
            assert low == 0
            return high

    delays = [sender.jittered(1, attempts, 5, Highest()) for attempts in range(4)]

    assert delays == [1, 2, 4, 5]
    assert sender.jittered(1, 10_000, 5, Highest()) == 5
