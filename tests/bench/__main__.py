"""Measures the performance budget, and the peers in the same run (`make bench`)."""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import traceback
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import imaging_selection

from bench import (
    against,
    contours,
    conversion,
    disturbance,
    ingest,
    measuring,
    memories,
    serving,
)
from bench.lab import ROOT, SCALES, Lab
from bench.rows import FAILED, MISSED, Row, table

RESULTS = ROOT / "tests" / "bench" / "results.json"
FAMILIES = {
    "conversion": conversion.PARTS,
    "contours": contours.PARTS,
    "memory": memories.PARTS,
    "ingest": ingest.PARTS,
    "measuring": measuring.PARTS,
    "disturbance": disturbance.PARTS,
    "serving": serving.PARTS,
}


def main(arguments=None):
    """Measure, print the table, write the results; return 1 when something failed."""
    chosen = parse(arguments)
    families = against.FAMILIES if chosen.against else FAMILIES
    other = chosen.against and chosen.against.absolute()
    lab = Lab(SCALES[chosen.scale], chosen.cache.absolute(), other)
    names = chosen.families or list(families)
    rows = []
    for name in names:
        rows += _measured(lab, families[name])
        _write(chosen, rows, is_complete=False)
        shutil.rmtree(lab.cache / "runs", ignore_errors=True)
    _write(chosen, rows, is_complete=FAMILIES.keys() <= {*names})
    print(table(rows))
    missed = [row for row in rows if row.verdict == MISSED]
    failed = [row for row in rows if row.verdict == FAILED]
    print(f"\n{len(rows)} rows, {len(missed)} not met, {len(failed)} failed")
    return 1 if failed else 0


def parse(arguments):
    """Return the options of the command."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--scale", choices=SCALES, default="full")
    parser.add_argument("--output", type=Path, help="the file for the results")
    parser.add_argument("--cache", type=Path, default=ROOT / "target" / "bench")
    parser.add_argument(
        "--against",
        type=Path,
        metavar="PATH",
        help=f"another checkout to compare with: {', '.join(against.FAMILIES)}",
    )
    parser.add_argument(
        "families", nargs="*", metavar="FAMILY", help=", ".join(FAMILIES)
    )
    return parser.parse_args(arguments)


def _write(chosen, rows, *, is_complete):
    """Write what was measured so far, because a run may be interrupted."""
    results = {"scale": chosen.scale, "machine": machine(), "rows": rows}
    text = json.dumps(results, indent=1, default=Row.as_json)
    for path in outputs_of(chosen, is_complete=is_complete):
        path.write_text(text + "\n")


def outputs_of(chosen, *, is_complete):
    """Return the files for the results.

    The committed file is written by a complete run at full scale only.
    """
    if chosen.output:
        return (chosen.output,)
    suffix = "-against" if chosen.against else ""
    own = chosen.cache / f"results-{chosen.scale}{suffix}.json"
    is_kept = is_complete and chosen.scale == "full" and not chosen.against
    return (own, RESULTS) if is_kept else (own,)


def _measured(lab, parts):
    """Return the rows of a family. A failure is a row, too, and the others go on."""
    rows = []
    for part in parts:
        try:
            for row in part(lab):
                rows.append(row)
                lab.say(f"{row.verdict}: {row.what}: {row.measured}")
        except Exception as error:  # noqa: BLE001 - it is in the table and on stderr
            traceback.print_exc()
            rows.append(Row(part.__name__, "not measured", "", repr(error), FAILED))
    return rows


def machine():
    """Return the machine and the versions that were measured."""
    model = ""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "processor": model,
        "cores": os.cpu_count(),
        "memory_bytes": memory,
        "system": platform.platform(),
        "load_at_end": os.getloadavg(),
        "versions": {
            "imaging_selection": imaging_selection.__version__,
            "python": platform.python_version(),
            **{each: version(each) for each in ("pydicom", "fhir.resources", "orjson")},
            **{each: _package(each) for each in ("orthanc", "orthanc-python", "dcmtk")},
        },
    }


def _package(name):
    """Return the version of a Debian package; None: not installed."""
    asked = ["dpkg-query", "--show", "--showformat=${Version}", name]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else None


if __name__ == "__main__":
    sys.exit(main())
