"""The far end of a process for the tests of the pool: what hostile files may do."""

import hashlib
import os
import signal
import sys
import time

from imaging_selection.errors import MalformedError
from imaging_selection.sync.process import serve


def count(file):
    """Return the number of bytes, and of the process."""
    return len(file), os.getpid()


def digest(file):
    return hashlib.sha256(file).hexdigest()


def sleep(_file, seconds):
    time.sleep(seconds)
    return os.getpid()


def spin(_file):
    while True:
        pass


def allocate(_file, size):
    return len(bytearray(size))


def end(_file):
    os.kill(os.getpid(), signal.SIGKILL)


def end_once(_file, path):
    """End by itself the first time, as one whom somebody has killed."""
    try:
        with open(path, "x"):  # noqa: PTH123
            os.kill(os.getpid(), signal.SIGKILL)
    except FileExistsError:
        return "done"


def parts(_file, number):
    return (b"%d," % k for k in range(number))


def broken_parts(_file):
    yield b"a"
    raise MalformedError("broken", 7)


def malformed(_file):
    raise MalformedError("a length beyond its container", 42)


def defect(_file):
    raise KeyError("SECRET113047")


FUNCTIONS = {
    each.__name__: each
    for each in (
        *(count, digest, sleep, spin, allocate, end, end_once, parts),
        broken_parts,
        *(malformed, defect),
    )
}

if __name__ == "__main__":
    serve(FUNCTIONS, int(sys.argv[1]), int(sys.argv[2]))
