import time

import pytest
from imaging_selection.store.engine import seconds_now
from imaging_selection.store.lease import Held, Leases, is_held
from sqlalchemy import select
from support.waiting import wait_until

TARGET = "clinic-113047"


def nodes(open_database, *names):
    return [Leases(open_database(), name) for name in names]


def test_one_node_has_the_lease_and_may_renew_it(open_database):
    one, two = nodes(open_database, "one", "two")
    one.register(TARGET)
    two.register(TARGET)

    assert one.take(TARGET, 60)
    assert not two.take(TARGET, 60)
    assert one.take(TARGET, 60)


@pytest.mark.slow
def test_a_lease_that_is_not_renewed_goes_to_another_node(open_database):
    one, two = nodes(open_database, "one", "two")
    for each in (one, two):
        each.register(TARGET)

    assert one.take(TARGET, 2)
    assert not two.take(TARGET, 60)
    wait_until(lambda: two.take(TARGET, 60), seconds=20)

    assert not one.take(TARGET, 60)


def test_a_lease_that_its_holder_ends_is_free_at_once(open_database):
    one, two = nodes(open_database, "one", "two")
    one.register(TARGET)
    assert one.take(TARGET, 60)

    two.end(TARGET)
    assert not two.take(TARGET, 60)
    one.end(TARGET)

    assert two.take(TARGET, 60)


def test_an_unknown_target_has_no_lease(database):
    assert not Leases(database, "one").take(TARGET, 60)
    assert Leases(database, "one").settings(TARGET) is None


@pytest.mark.slow
def test_only_the_holder_has_it_and_only_in_its_time(database):
    one = Leases(database, "one")
    one.register(TARGET)
    one.take(TARGET, 2)

    def held(holder):
        with database.transaction() as connection:
            return is_held(connection, Held(TARGET, holder))

    assert [held("one"), held("two")] == [True, False]
    wait_until(lambda: not held("one"), seconds=20)


def test_settings_are_kept_until_others_are_saved(database):
    one = Leases(database, "one")
    one.register(TARGET)
    assert one.settings(TARGET) == ""

    one.save_settings(TARGET, "digest-113047")
    one.register(TARGET)

    assert one.settings(TARGET) == "digest-113047"


def test_the_clock_of_the_database_is_in_seconds_since_1970(database):
    with database.transaction() as connection:
        now = connection.scalar(select(seconds_now(connection)))

    assert abs(now - time.time()) < 5
