"""Prints the table of volumes in docs/mapping.md: ours, other programs', and the truth.

    PYTHONPATH=plugin:tests .venv/bin/python -m bench.volumes --dicompyler PYTHON

PYTHON is an interpreter that has dicompyler-core, which needs pydicom 2 and so an
environment of its own; `plastimatch` is a program (Debian has both as packages).
Without one of them its column is empty. It is no test: the tests of the truth are in
tests/unit/geometry/test_truth.py.
"""

import argparse
import json
import math
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from imaging_selection.dicom.file import open_dataset
from imaging_selection.geometry.measure import measure
from imaging_selection.objects import read
from support.builders import contour, make_rtstruct, roi
from support.corpus import FILES
from support.paths import CORPUS
from support.solids import disc

SECONDS = 120  # that another program may take for a file
IBSI = (
    "zhenweishi__O-RAW__RTSTRUCT"  # the tumour, ROI 2; IBSI reference manual: 358 cm³
)
MADE_UP = "pydicom__"  # its contours do not enclose the volume that it states
IBSI_VOLUME = 358.0
CONE = math.pi * 12**2 * 24 / 3 / 1000  # radius 12 mm, height 24 mm
SPACING = 2.0  # mm, of the synthetic solids
SOLIDS = {
    "sphere": (4 / 3 * math.pi * 30**3 / 1000, lambda z: math.sqrt(30**2 - z**2)),
    "cylinder": (math.pi * 20**2 * 60 / 1000, lambda _: 20.0),
    "cone": (math.pi * 30**2 * 60 / 3 / 1000, lambda z: (30 - z) / 2),
}
DICOMPYLER = """
import json, sys, warnings
warnings.simplefilter("ignore")
from dicompylercore import dicomparser
parsed = dicomparser.DicomParser(sys.argv[1])
volumes = {}
for number in parsed.GetStructures():
    try:
        planes = parsed.GetStructureCoordinates(number)
        thickness = parsed.CalculatePlaneThickness(planes)
        volumes[number] = float(parsed.CalculateStructureVolume(planes, thickness))
    except Exception:
        volumes[number] = None
print(json.dumps(volumes))
"""


class Case(NamedTuple):
    """A ROI whose volume is known, in cm³."""

    group: str
    path: Path
    number: int
    truth: float


def cases(folder):
    """Yield the cases; synthetic files are written to a folder."""
    for name in FILES:
        path = CORPUS / name
        if "__Cone_" in name:
            yield Case("cones of the phantom, by geometry", path, 2, CONE)
        elif name.startswith(IBSI):
            yield Case(
                "tumour of the IBSI phantom, by its manual", path, 2, IBSI_VOLUME
            )
        for each in () if name.startswith(MADE_UP) else _rois(path):
            if each.volume and float(each.volume):
                group = "ROI Volume, stated by the planning system"
                yield Case(group, path, each.number, abs(float(each.volume)))
    for name, (volume, radius_at) in SOLIDS.items():
        path = folder / f"{name}.dcm"
        heights = [SPACING / 2 + SPACING * k for k in range(-15, 15)]
        drawn = [contour(disc(z, radius_at(z))) for z in heights]
        path.write_bytes(make_rtstruct(roi(1, name, contours=drawn)))
        yield Case("synthetic sphere, cylinder and cone", path, 1, volume)


def _rois(path):
    try:
        return read(path.read_bytes())[1].rois
    except Exception:  # noqa: BLE001 - a file that nobody reads has no volumes
        return ()


def ours(path):
    """Return the measured volumes of a file by ROI Number."""
    file = path.read_bytes()
    rois = _rois(path)
    found = measure(open_dataset(file).data, rois)
    return {
        roi.number: each.volume for roi, each in zip(rois, found, strict=True) if each
    }


def dicompyler(python):
    """Return a function as `ours`, by dicompyler-core."""

    def volumes(path):
        printed = _run(python, "-c", DICOMPYLER, path)
        found = json.loads(printed.splitlines()[-1]) if printed else {}
        return {int(number): volume for number, volume in found.items()}

    return volumes


def plastimatch(path):
    """Return the volumes of a file by plastimatch, which fills voxels.

    It names ROIs: those whose name is repeated are left out.
    """
    with tempfile.TemporaryDirectory() as folder:
        output = ("--output-prefix", folder, "--prefix-format", "mha")
        _run("plastimatch", "convert", "--input", path, *output)
        names = Counter(each.name for each in _rois(path))
        return {
            each.number: _volume_of(image)
            for each in _rois(path)
            if names[each.name] == 1
            and (image := Path(folder) / f"{each.name}.mha").is_file()
        }


def _volume_of(image):
    """Return the volume of the voxels that are not 0, in cm³."""
    content = image.read_bytes()
    head, _, voxels = content.partition(b"ElementDataFile = LOCAL\n")
    spacing = re.search(rb"ElementSpacing = (.*)", head)[1].split()
    voxel = math.prod(map(float, spacing))
    return (len(voxels) - voxels.count(0)) * voxel / 1000


def _run(*command):
    try:
        done = subprocess.run(
            list(map(str, command)), capture_output=True, timeout=SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode(errors="replace")


def main():
    """Print the table in Markdown."""
    parser = argparse.ArgumentParser(prog="bench.volumes", description=__doc__)
    parser.add_argument("--dicompyler", help="an interpreter with dicompyler-core")
    chosen = parser.parse_args()
    programs = {"this plugin": ours}
    if chosen.dicompyler:
        programs["dicompyler-core"] = dicompyler(chosen.dicompyler)
    if shutil.which("plastimatch"):
        programs["plastimatch"] = plastimatch
    with tempfile.TemporaryDirectory() as folder:
        known = [*cases(Path(folder))]
        volumes = {
            (name, path): program(path)
            for name, program in programs.items()
            for path in dict.fromkeys(each.path for each in known)
        }
    print("| truth | ROIs | " + " | ".join(programs) + " |")
    print("|---" * (2 + len(programs)) + "|")
    for group in dict.fromkeys(each.group for each in known):
        members = [each for each in known if each.group == group]
        cells = [_cell(members, name, volumes) for name in programs]
        print(f"| {group} | {len(members)} | " + " | ".join(cells) + " |")


def _cell(members, name, volumes):
    """Return the median and the worst deviation from the truth."""
    found = []
    for each in members:
        volume = volumes[name, each.path].get(each.number)
        if volume:
            deviation = 100 * (volume / each.truth - 1)
            found.append(deviation)
            print(
                f"{name}\t{each.path.name}\t{each.number}\t{each.truth:.4f}"
                f"\t{volume:.4f}\t{deviation:+.2f} %",
                file=sys.stderr,
            )
    if not found:
        return "none"
    median = statistics.median(map(abs, found))
    worst = max(found, key=abs)
    missing = len(members) - len(found)
    rest = f" ({missing} not measured)" if missing else ""
    return f"{median:.2f} %, worst {worst:+.1f} %{rest}"


if __name__ == "__main__":
    main()
