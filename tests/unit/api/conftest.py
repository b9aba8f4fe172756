import pytest
from support.served import Served, structure_set


@pytest.fixture
def served(tmp_path):
    served = Served(tmp_path)
    yield served
    served.database.close()


@pytest.fixture
def ids(served):
    return served.store(structure_set())
