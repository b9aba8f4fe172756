import random
import threading


def test_what_is_announced_is_pending_until_it_is_confirmed(inventory):
    inventory.announce(["a"])
    assert (len(inventory), inventory.pending) == (1, 1)
    assert inventory.is_pending("a")
    inventory.confirm("a", inventory.announcement("a"), "uuid-1")
    assert (len(inventory), inventory.pending) == (1, 0)
    assert not inventory.is_pending("a")


def test_what_is_confirmed_as_deleted_is_not_counted(inventory):
    inventory.announce(["a"])
    inventory.confirm("a", inventory.announcement("a"), None)
    assert (len(inventory), inventory.pending) == (0, 0)


def test_what_is_announced_again_is_not_confirmed_by_an_earlier_look(inventory):
    inventory.announce(["a"])
    announcement = inventory.announcement("a")
    inventory.announce(["a"])
    inventory.confirm("a", announcement, "uuid-1")
    assert inventory.is_pending("a")


def test_another_announcement_does_not_hide_how_long_it_has_waited(inventory):
    inventory.announce(["a"])
    before = inventory.lag
    inventory.announce(["a"])
    assert inventory.lag >= before > 0


def test_nothing_pending_has_no_lag(inventory):
    assert inventory.lag == 0


def test_the_pending_come_first(inventory):
    inventory.announce(["a", "b"])
    inventory.confirm("a", inventory.announcement("a"), "uuid-1")
    assert inventory.ids() == ["b", "a"]


def test_many_threads_announce_and_confirm_without_losing_any(inventory):
    names = [f"name-{k}" for k in range(500)]
    threads = [
        threading.Thread(target=inventory.announce, args=(names,)) for _ in "1234"
    ]
    for thread in threads:
        thread.start()
    for name in names:
        inventory.confirm(name, inventory.announcement(name), "uuid-1")
    for thread in threads:
        thread.join()
    assert len(inventory) == 500


def test_the_failed_are_counted_among_the_confirmed_that_are_there(inventory):
    inventory.announce(["a", "b", "c"])
    for name in ("a", "b"):
        inventory.confirm(name, inventory.announcement(name), "uuid-1")
    counts = inventory.count(["b", "c", "gone"])
    assert (counts.known, counts.pending, counts.failed) == (3, 1, {"b"})


def test_the_objects_are_counted_by_kind(inventory):
    inventory.learn({"a": "reports", "b": "reports", "c": "segmentations"})
    inventory.announce(["a", "b", "c"])
    assert inventory.count([]).by_kind == {
        "reports": (2, 2, 0),
        "segmentations": (1, 1, 0),
    }
    inventory.confirm("a", inventory.announcement("a"), "uuid-1")
    inventory.confirm("c", inventory.announcement("c"), None)
    assert inventory.count(["a", "b"]).by_kind == {
        "reports": (2, 1, 1),
        "segmentations": (0, 0, 0),
    }


def test_a_kind_may_be_learnt_later_and_may_change(inventory):
    inventory.announce(["a", "b"])
    assert inventory.count([]).by_kind == {}
    inventory.learn({"a": "reports"})
    inventory.confirm("b", inventory.announcement("b"), "uuid-1", "segmentations")
    assert inventory.count([]).by_kind == {
        "reports": (1, 1, 0),
        "segmentations": (1, 0, 0),
    }
    inventory.learn({"a": "segmentations"})  # overwritten by another kind of object
    inventory.confirm("a", inventory.announcement("a"), "uuid-2")
    assert inventory.count([]).by_kind == {
        "reports": (0, 0, 0),
        "segmentations": (2, 0, 0),
    }


def test_what_a_request_has_converted_is_counted_before_it_is_announced(inventory):
    inventory.confirm("a", None, "uuid-1", "reports")
    assert inventory.count([]).by_kind == {"reports": (1, 0, 0)}
    inventory.confirm("a", None, None, "reports")
    assert inventory.count([]).by_kind == {"reports": (0, 0, 0)}
    inventory.confirm("unknown", None, None)
    assert inventory.count([]).by_kind == {"reports": (0, 0, 0)}


def test_the_counts_by_kind_are_those_of_the_objects_whatever_happens(inventory):
    chance = random.Random(113047)  # noqa: S311 - the same events in each run
    for _ in range(5000):
        name = chance.choice("abcdef")
        kind = chance.choice(["reports", "segmentations"])
        act = chance.randrange(3)
        if act == 0:
            inventory.learn({name: kind})
            inventory.announce([name])
        elif act == 1:
            inventory.confirm(name, inventory.announcement(name), "uuid-1", kind)
        else:
            inventory.confirm(name, inventory.announcement(name), None)
        counts = inventory.count([])
        assert sum(known for known, *_ in counts.by_kind.values()) == counts.known
        assert sum(each[1] for each in counts.by_kind.values()) == counts.pending
