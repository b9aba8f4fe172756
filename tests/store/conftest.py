"""A store for each test: every engine that is supported joins as a parameter."""

import pytest
from imaging_selection.store.engine import Database


@pytest.fixture(params=["sqlite"])
def database_url(request, tmp_path):
    """Where an empty store may be made."""
    assert request.param == "sqlite"
    return f"sqlite:///{tmp_path}/store-113047.db"


@pytest.fixture
def open_database(database_url):
    """Opens the store, as often as there are nodes; closes all in the end."""
    opened = []

    def open_one():
        opened.append(Database(database_url))
        return opened[-1]

    yield open_one
    for database in opened:
        database.close()


@pytest.fixture
def database(open_database):
    return open_database()
