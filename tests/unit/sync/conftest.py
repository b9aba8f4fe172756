import pytest
from support.syncing import Syncing
from support.waiting import wait_until


@pytest.fixture
def syncing():
    return Syncing()


@pytest.fixture
def source(syncing):
    return syncing.source


@pytest.fixture
def store(syncing):
    return syncing.store


@pytest.fixture
def convert(syncing):
    return syncing.convert


@pytest.fixture
def clock(syncing):
    return syncing.clock


@pytest.fixture
def inventory(syncing):
    return syncing.inventory


@pytest.fixture
def queue(syncing):
    return syncing.queue


@pytest.fixture
def change_log(syncing):
    return syncing.change_log


@pytest.fixture
def converter(syncing):
    return syncing.converter


@pytest.fixture
def reconciler(syncing):
    return syncing.reconciler


@pytest.fixture
def worker(syncing):
    yield syncing.worker
    if syncing.convert.gate is not None:
        syncing.convert.gate.set()
    syncing.worker.stop()


@pytest.fixture
def idle(worker, source, store):
    """The worker after its first sweep, which found one object."""
    source.keep("first")
    worker.start()
    wait_until(lambda: "first" in store.entries)
    return worker
