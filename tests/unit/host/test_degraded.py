import orjson
import pytest
from imaging_selection import __version__
from imaging_selection.api.http import Request
from imaging_selection.host.degraded import Degraded


@pytest.fixture
def degraded():
    return Degraded(["first-113047 is bad", "second-113047 is worse"])


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
@pytest.mark.parametrize("path", ["/fhir/metadata", "/imaging-selection", "/x"])
def test_every_request_is_answered_with_the_reasons(degraded, method, path):
    answer = degraded.handle(Request(method, path))
    assert answer.status == 503
    assert orjson.loads(answer.body) == {
        "resourceType": "OperationOutcome",
        "issue": [
            {
                "severity": "error",
                "code": "exception",
                "diagnostics": "first-113047 is bad; second-113047 is worse",
            }
        ],
    }


def test_the_status_lists_the_problems(degraded):
    answer = degraded.handle(Request("GET", "/imaging-selection/status"))
    assert answer.status == 503
    assert orjson.loads(answer.body) == {
        "version": __version__,
        "problems": ["first-113047 is bad", "second-113047 is worse"],
    }


def test_what_orthanc_announces_is_ignored(degraded):
    degraded.start()
    degraded.arrived("a", "structureSets")
    degraded.departed("a")
    degraded.stop()
