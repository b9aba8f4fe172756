"""Damaged real structure sets: read or refused, within bounded memory and time."""

import sys

from support.paths import TESTS

PROGRAM = TESTS / "support" / "contour_fuzz.py"


def test_any_damaged_real_file_is_read_or_refused_within_its_ration(corpus, run):
    done = run(sys.executable, PROGRAM, 113047, 2, *corpus.values())
    assert done.returncode == 0, done.stderr.decode()
    read, refused = map(int, done.stdout.split())
    assert read + refused == 2 * len(corpus)
    assert min(read, refused) >= len(corpus) // 4  # the damage is neither none nor all
