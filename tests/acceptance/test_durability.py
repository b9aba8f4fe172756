"""Nothing is lost: whatever happens to Orthanc, the store agrees with it afterwards."""

import pytest
from durability import assert_same, survive_kills

pytestmark = pytest.mark.orthanc


def test_killed_at_any_moment_of_a_stream_it_loses_and_invents_nothing(start_orthanc):
    disturbed, undisturbed = survive_kills(start_orthanc, kills=6, count=40)

    assert_same(disturbed, undisturbed)
