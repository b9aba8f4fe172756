"""A program that damages structure sets and reads them within limited memory and time.

`contour_fuzz.py SEED ROUNDS FILE...` damages each file once a round: its tags, lengths
and delimiters. Each result must be a refusal or legal JSON; the program fails on
anything else, and when it needs more than the limits of memory and processor time.
"""

import json
import os
import random
import resource
import subprocess
import sys
from pathlib import Path

from imaging_selection.errors import ImagingSelectionError
from imaging_selection.mapping.choices import Choices
from imaging_selection.mapping.rtstruct.contours_operation import with_contours
from imaging_selection.mapping.rtstruct.imaging_selection import map_structure_set
from imaging_selection.objects import ids_of
from support.paths import PLUGIN, TESTS
from support.reading import parse_structure_set

SECONDS_A_MEGABYTE = 2  # of processor time, to read a file and to check the result
# The file, its damaged copy, its JSON, and the numbers that the check reads from it.
TIMES_THE_FILE = 40
RESERVE = 64 << 20

# ROI Contour Sequence, Contour Sequence, Contour Image Sequence, Contour Data, type,
# number of points; item, its end, the end of a sequence. Little endian.
PLACES = [
    bytes.fromhex(each)
    for each in (
        *("06303900", "06304000", "06301600", "06305000", "06304200", "06304600"),
        *("feff00e0", "feff0de0", "feffdde0"),
    )
]
LENGTHS = (0, 1, 2, 7, 0x7FFF, 0xFFFE, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFE, 0xFFFFFFFF)


def damaged(rng, file):
    """Break a file: bytes here and there, or its structure in one to three places."""
    file = bytearray(file)
    if rng.random() < 0.5:
        for _ in range(rng.choice((1, 5, 200))):
            file[rng.randrange(len(file))] = rng.choice(b"0-+.eE\\ \0\xff,")
        return bytes(file)
    for _ in range(rng.randint(1, 3)):
        _break_structure(rng, file)
    return bytes(file)


def _break_structure(rng, file):
    place = _place(rng, file)
    match rng.randrange(5):
        case 0:
            del file[place:]
        case 1:
            del file[place : place + rng.randint(1, 12)]
        case 2:
            file[place : place + 4] = rng.choice(LENGTHS).to_bytes(4, "little")
        case 3:
            file[place : place + 4] = rng.choice(PLACES)
        case _:
            # Again and again: deep nesting, or many of what should be there once.
            end = place + rng.randint(4, 24)
            file[place:place] = file[place:end] * rng.choice((1, 2, 100, 5000))


def _place(rng, file):
    """Choose a place: anywhere, or in the header of an element about contours."""
    if not file:
        return 0
    anywhere = rng.randrange(len(file))
    found = file.find(rng.choice(PLACES), anywhere)
    if rng.random() < 0.3 or found < 0:
        return anywhere
    return found + rng.choice((0, 4, 6, 8, 12))


def read(file):
    """Read a file with its contours, all of them and those of its last ROI."""
    structure_set = parse_structure_set(file)
    selections = map_structure_set(
        structure_set, ids_of(structure_set), Choices()
    ).resources
    drawn = [each for each in selections if "-images-" not in each["id"]]
    for selection in (drawn[0], drawn[-1]):
        text = b"".join(with_contours(selection, file))
        made = json.loads(text, parse_float=str, parse_int=str)  # of any magnitude
        for region in made["instance"][0].get("imageRegion3D", ()):
            if not region["coordinate"] or len(region["coordinate"]) % 3:
                raise AssertionError("no points")


def fuzz(seed, rounds, paths):
    """Run this program; return how many files it read, and how many it refused."""
    command = [sys.executable, __file__, seed, rounds, *paths]
    environment = os.environ | {"PYTHONPATH": f"{PLUGIN}:{TESTS}"}
    done = subprocess.run(
        list(map(str, command)), env=environment, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    read, refused = map(int, done.stdout.split())
    assert read + refused == rounds * len(paths)
    return read, refused


def main(seed, rounds, *paths):
    """Damage and read; print how many were read and how many refused."""
    rng = random.Random(int(seed))  # noqa: S311 - the same damage each time
    files = [Path(path).read_bytes() for path in paths]
    total = sum(map(len, files)) * int(rounds)
    seconds = 30 + SECONDS_A_MEGABYTE * total // 1_000_000
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    memory = pages * resource.getpagesize() + RESERVE
    memory += TIMES_THE_FILE * max(map(len, files))
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    refused = 0
    for _ in range(int(rounds)):
        for file in files:
            try:
                read(damaged(rng, file))
            except ImagingSelectionError:
                refused += 1
    print(len(files) * int(rounds) - refused, refused)  # noqa: T201 - for the test


if __name__ == "__main__":
    main(*sys.argv[1:])
