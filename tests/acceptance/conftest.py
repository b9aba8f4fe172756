"""What several acceptance tests share."""

import pytest
from support.orthanc import RunningOrthanc


@pytest.fixture(scope="session")
def stored_corpus(corpus, orthanc_program, tmp_path_factory):  # noqa: ARG001
    """A client of an Orthanc with the real structure sets, and the files by its ids."""
    orthanc = RunningOrthanc(tmp_path_factory.mktemp("corpus")).start()
    kept = {}
    for path in corpus.values():
        answer = orthanc.client.store(path.read_bytes())
        assert answer.status == 200, path.name
        # The first file of a SOP Instance UID stays (OverwriteInstances is false).
        kept.setdefault(answer.json["ID"], path)
    yield orthanc.client, kept
    orthanc.kill()
