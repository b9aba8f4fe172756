"""Damaged real structure sets: read or refused, within limited memory and time."""

import pytest
from support.contour_fuzz import fuzz


@pytest.mark.slow
def test_any_damaged_real_file_is_read_or_refused_within_its_limits(corpus, thorough):
    read, refused = fuzz(113047, 2 if thorough else 1, corpus.values())
    assert min(read, refused) >= len(corpus) // 4  # the damage is neither none nor all
