"""Ways to read a structure set, each in a process of its own: ours and the peers'."""

import json
import os
import resource
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass

from bench.lab import ROOT


@dataclass(frozen=True)
class Reading:
    """The cost of one reading: processor and wall seconds, and the result's size."""

    cpu: float
    wall: float
    size: int


class UnreadableError(Exception):
    """A file that cannot be read in this way."""


class Reader:
    """A worker process that reads in one way.

    Parameters
    ----------
    python
        The interpreter that has what this way imports; None: our own.
    checkout
        The project whose plugin, and whose worker, are used.
    """

    def __init__(self, way, python=None, checkout=ROOT):
        places = (checkout / "tests" / "bench", checkout / "bench")
        worker = next(each for each in places if each.is_dir()) / "worker.py"
        self._process = subprocess.Popen(
            [str(python or sys.executable), str(worker), way],
            env=os.environ | {"PYTHONPATH": str(checkout / "plugin")},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self._answer()

    def __call__(self, path):
        """Read a file once."""
        self._process.stdin.write(f"{path}\n")
        self._process.stdin.flush()
        answer = self._answer()
        if "error" in answer:
            raise UnreadableError(answer["error"])
        return Reading(**answer)

    def _answer(self):
        line = self._process.stdout.readline()
        if not line:
            raise UnreadableError("it does not start, or ended")
        return json.loads(line)

    def close(self):
        """End the process."""
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()


def dcm2json(path):
    """Run dcmtk's dcm2json: one process for each file, its start included."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begun = time.perf_counter()
    with open(os.devnull, "wb") as nowhere:  # noqa: PTH123 - a file descriptor to hand on
        done = subprocess.run(
            ["dcm2json", str(path)], stdout=nowhere, stderr=nowhere, check=False
        )
    wall = time.perf_counter() - begun
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise UnreadableError(f"status {done.returncode}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Reading(cpu, wall, 0)


@contextmanager
def readers(lab, *ways):
    """Start the readers of these names, except those that are not installed."""
    made = {}
    try:
        for way in ways:
            if way == "dcm2json":
                if shutil.which("dcm2json"):
                    made[way] = dcm2json
                continue
            python = lab.peers_python if way == "dcmrtstruct2nii" else None
            if way == "dcmrtstruct2nii" and not python.exists():
                continue
            try:
                made[way] = Reader(way, python)
            except UnreadableError as error:
                lab.say(f"{way}: {error}")
        yield made
    finally:
        for each in made.values():
            if isinstance(each, Reader):
                each.close()
