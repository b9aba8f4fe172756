"""The same as the unit test, for many seeds."""

import pytest
from support.contour_fuzz import fuzz


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(20))
def test_any_damaged_real_file_is_read_or_refused_within_its_limits(seed, corpus):
    fuzz(seed, 10, corpus.values())
