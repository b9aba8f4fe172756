"""A store for each test: every engine that is supported joins as a parameter."""

import itertools

import pytest
from imaging_selection.store.engine import Database
from support.outbox import TARGET, Node

_NUMBERS = itertools.count()


@pytest.fixture(
    params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)]
)
def database_url(request, tmp_path):
    """Where an empty store may be made."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/store-113047.db"
    postgres = request.getfixturevalue("postgres")
    name = f"store{next(_NUMBERS)}"
    postgres.create(name)
    return postgres.url(name)


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


@pytest.fixture
def node(database):
    """A node that delivers to one target, which it may send to."""
    node = Node(database)
    node.leases.register(TARGET)
    assert node.leases.take(TARGET, 60)
    return node
