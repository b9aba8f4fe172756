from support.durability import structure_set
from support.waiting import wait_until

from .conftest import settings_of, wait_until_delivered


def refuse(handler, *_):
    handler.send(422, b'{"resourceType": "OperationOutcome", "issue": []}')
    return True


def test_the_status_says_of_each_target_what_it_has(site, target):
    deliveries = site.deliver_to(settings_of(target))
    site.save(structure_set(1))

    status = wait_until_delivered(deliveries, 1)

    assert status == {
        "name": "clinic-113047",
        "url": target.url,
        "fhirVersion": "5.0",
        "isSender": True,
        "delivered": 1,
        "waiting": 0,
        "lagSeconds": 0,
        "problem": None,
        "held": [],
        "refused": [],
        "refusedCount": 0,
    }


def test_the_numbers_are_metrics(site, target):
    target.behave = refuse
    deliveries = site.deliver_to(settings_of(target))
    site.save(structure_set(1))
    wait_until(lambda: deliveries.status()[0]["refused"])

    assert dict(deliveries.measures()) == {
        "delivery_clinic_113047_delivered": 0,
        "delivery_clinic_113047_waiting": 0,
        "delivery_clinic_113047_refused": 1,
        "delivery_clinic_113047_lag_seconds": 0,
    }


def test_what_the_plugin_itself_cannot_make_is_refused_and_holds_up_nothing(
    site, target, monkeypatch
):
    def fail(_target):
        def convert(resource):
            if resource["id"].startswith(bad.instance):
                raise KeyError("patient-113047")
            return [resource]

        return convert

    monkeypatch.setattr("imaging_selection.delivery.deliveries.dialect_of", fail)
    bad = site.save(structure_set(1))
    deliveries = site.deliver_to(settings_of(target))
    site.save(structure_set(2))

    wait_until_delivered(deliveries, 1)

    (refused,) = deliveries.status()[0]["refused"]
    assert refused["instance"] == bad.instance
    assert refused["reason"] == "internal error (KeyError)"


def test_an_outage_of_the_store_ends_by_itself(site, target, monkeypatch):
    site.save(structure_set(1))
    deliveries = site.deliver_to(settings_of(target))
    wait_until_delivered(deliveries, 1)
    outbox = type(site.started[0]._outbox)  # noqa: SLF001 - the store is to fail
    due = outbox.due

    def fail(*_):
        raise OSError("patient-113047")

    monkeypatch.setattr(outbox, "due", fail)
    problem = wait_until(lambda: deliveries.status()[0]["problem"])
    assert problem == "cannot deliver (OSError)"
    monkeypatch.setattr(outbox, "due", due)

    wait_until(lambda: deliveries.status()[0]["problem"] is None)
