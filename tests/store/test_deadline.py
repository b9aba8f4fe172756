"""The time of a search: all of its statements end together, and nothing else does."""

import threading
import time

import pytest
from imaging_selection.errors import StoreError, TooCostlyError
from imaging_selection.store.deadline import Deadline
from imaging_selection.store.engine import Database
from sqlalchemy import text

SECONDS = 0.3
# More than any machine counts in hours: that such a statement ends is the proof.
COSTLY = text(
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
    " WHERE i < 2000000000) SELECT count(*) FROM n"
)
SOME = text(
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
    " WHERE i < 3000000) SELECT count(*) FROM n"
)
ONE = text("SELECT 1")


@pytest.fixture
def limited_database(database_url):
    database = Database(database_url, search_seconds=SECONDS)
    database.ping()
    yield database
    database.close()


def assert_too_costly(database, statement=COSTLY):
    with pytest.raises(TooCostlyError) as caught:
        database.rows(statement)
    assert "SearchSeconds" in str(caught.value)


def test_a_costly_statement_ends_with_the_time_of_its_search(limited_database):
    with limited_database.limited():
        begun = time.monotonic()
        assert_too_costly(limited_database)
        assert time.monotonic() - begun > SECONDS * 0.9  # it had its time


def test_the_statements_of_a_search_share_its_time(limited_database):
    with limited_database.limited():
        assert_too_costly(limited_database)
        assert_too_costly(limited_database, ONE)


def test_a_search_inside_a_search_has_no_more_time(limited_database):
    with limited_database.limited():
        time.sleep(SECONDS)
        with limited_database.limited(), pytest.raises(TooCostlyError):
            limited_database.rows(ONE)


def test_the_next_search_has_its_own_time(limited_database):
    for _ in range(2):
        with limited_database.limited():
            assert_too_costly(limited_database)
    assert limited_database.rows(ONE) == [(1,)]


def test_a_search_that_was_ended_is_no_outage(limited_database):
    generation = limited_database.generation
    with limited_database.limited():
        assert_too_costly(limited_database)
    limited_database.ping()
    assert limited_database.generation == generation


@pytest.mark.slow
def test_only_searches_are_limited(limited_database):
    """The worker reads and writes on a thread without a deadline."""
    limited_database.rows(SOME)
    with limited_database.limited():
        time.sleep(SECONDS)
        with limited_database.transaction() as connection:
            assert connection.execute(ONE).all() == [(1,)]
        found = []
        other = threading.Thread(target=lambda: found.append(limited_database.ping()))
        other.start()
        other.join()
        assert found == [None]


def test_many_costly_searches_at_once_end_each(limited_database):
    ended = []

    def search():
        with limited_database.limited():
            assert_too_costly(limited_database)
            ended.append(True)

    threads = [threading.Thread(target=search) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ended) == 8


def test_another_error_within_the_time_is_told_as_it_is(limited_database):
    with limited_database.limited(), pytest.raises(StoreError):
        limited_database.rows(text("SELECT nothing FROM nowhere"))


def test_a_deadline_is_of_its_thread():
    deadline = Deadline()
    assert not deadline.is_set
    assert not deadline.is_over()
    with deadline.limited(0):
        time.sleep(0.01)
        assert deadline.is_over()
        assert deadline.remaining < 0
        seen = []
        thread = threading.Thread(target=lambda: seen.append(deadline.is_set))
        thread.start()
        thread.join()
        assert seen == [False]
    assert not deadline.is_set
