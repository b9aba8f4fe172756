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
    assert inventory.count(["b", "c", "gone"]) == (3, 1, {"b"})
