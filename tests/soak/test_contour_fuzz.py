"""The same as the unit test, for as many seeds as there is time."""

import sys

import pytest
from support.paths import TESTS

PROGRAM = TESTS / "support" / "contour_fuzz.py"


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(20))
def test_any_damaged_real_file_is_read_or_refused_within_its_ration(seed, corpus, run):
    done = run(sys.executable, PROGRAM, seed, 10, *corpus.values())
    assert done.returncode == 0, done.stderr.decode()
    assert sum(map(int, done.stdout.split())) == 10 * len(corpus)
