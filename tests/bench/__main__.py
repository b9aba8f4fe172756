"""`make bench`: every figure of the performance budget, the peers in the same run."""

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

from bench import contours, conversion, disturbance, ingest, memories, serving
from bench.lab import ROOT, SCALES, Lab
from bench.rows import FAILED, MISSED, Row, table

RESULTS = ROOT / "tests" / "bench" / "results.json"
FAMILIES = {
    "conversion": conversion,
    "contours": contours,
    "memory": memories,
    "ingest": ingest,
    "disturbance": disturbance,
    "serving": serving,
}


def main():
    """Measure, print the table, write the results; 1 when something failed."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--scale", choices=SCALES, default="full")
    parser.add_argument("--output", type=Path, default=RESULTS)
    parser.add_argument("--cache", type=Path, default=ROOT / "target" / "bench")
    parser.add_argument(
        "families", nargs="*", metavar="FAMILY", help=", ".join(FAMILIES)
    )
    chosen = parser.parse_args()
    lab = Lab(SCALES[chosen.scale], chosen.cache.absolute())
    rows = []
    for name in chosen.families or FAMILIES:
        rows += _measured(lab, name)
        _write(chosen, rows)  # what was measured so far: a run may be interrupted
        shutil.rmtree(lab.cache / "runs", ignore_errors=True)
    print(table(rows))
    missed = [row for row in rows if row.verdict == MISSED]
    failed = [row for row in rows if row.verdict == FAILED]
    print(f"\n{len(rows)} rows, {len(missed)} not met, {len(failed)} failed")
    return 1 if failed else 0


def _write(chosen, rows):
    results = {"scale": chosen.scale, "machine": machine(), "rows": rows}
    text = json.dumps(results, indent=1, default=Row.as_json)
    chosen.output.write_text(text + "\n")


def _measured(lab, name):
    """Give the rows of a family; what fails is a row too, and the others go on."""
    rows = []
    for part in FAMILIES[name].PARTS:
        try:
            for row in part(lab):
                rows.append(row)
                lab.say(f"{row.verdict}: {row.what}: {row.measured}")
        except Exception as error:  # noqa: BLE001 - told in the table and on stderr
            traceback.print_exc()
            rows.append(Row(part.__name__, "not measured", "", repr(error), FAILED))
    return rows


def machine():
    """Say what it was measured on, and with what."""
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
    """Ask Debian for the version of a package."""
    asked = ["dpkg-query", "--show", "--showformat=${Version}", name]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else None


if __name__ == "__main__":
    sys.exit(main())
