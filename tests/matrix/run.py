"""Runs the tests, and the commands of docs/install.md, on every Orthanc of Debian.

    PYTHONPATH=tests .venv/bin/python tests/matrix/run.py [SUITE...]

Each Debian suite has a root of its own (`roots.py`). The last line is `N passed, M
failed`, the exit status 1 when anything failed.
"""

import os
import re
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from dataclasses import dataclass, fields
from pathlib import Path

import docker_image
from install_page import PAGE, scripts
from roots import CHECKOUT, PROJECT, root
from support.orthanc import free_port

LOGS = PROJECT / "target" / "matrix"
SUITES = ("bookworm", "trixie", "sid")
# The tests that depend on Orthanc or on Python; the others give the same everywhere.
FOLDERS = ("acceptance", "contract", "installation", "project", "store", "unit")
OF_THE_IMAGE = "sid"  # the suite with the Python of the Docker image

TESTS = """
make --no-print-directory setup
make --no-print-directory .venv/development
mkdir -p target
Orthanc --version | head -1 | cut -d' ' -f2 >target/versions
library=$(readlink /usr/share/orthanc/plugins/libOrthancPython.so)
echo "${library##*.so.}" >>target/versions
.venv/bin/python --version | cut -d' ' -f2 >>target/versions
.venv/bin/pytest --junitxml=target/junit.xml -m 'not soak' \\
    plugin/imaging_selection $FOLDERS
"""

# `make run`, ended by each of two signals, which reach its whole group of processes.
MAKE_RUN = """
set -m
for signal in INT TERM; do
    make run HTTP_PORT=$HTTP_PORT DICOM_PORT=$DICOM_PORT >/tmp/run.log 2>&1 &
    for second in $(seq 600); do
        grep -q '"resourceType": "ImagingSelection"' /tmp/run.log && break
        kill -0 $! || break
        sleep 1
    done
    cat /tmp/run.log
    kill -s $signal -- -$!
    wait $! && status=0 || status=$?
    # make itself ends by the signal, after the server has stopped cleanly.
    ((status == 0 || status == 130 || status == 143))
    grep -q '"resourceType": "ImagingSelection"' /tmp/run.log
done
"""

# docs/install.md uses Orthanc's own port, and roots share the ports of the machine.
FREE = """
if (exec 3<>/dev/tcp/127.0.0.1/8042) 2>/dev/null; then
    echo 'another server of this machine has port 8042'
    exit 1
fi
"""

# After the last command of a section: is a structure set served?
SERVED = """
curl --silent --fail --data-binary @plugin/imaging_selection/data/example.dcm \\
    http://localhost:8042/instances | tee /tmp/stored
id=$(grep '"ID"' /tmp/stored | cut -d'"' -f4)
curl --silent --fail http://localhost:8042/instances/$id/imaging-selection |
    grep -o '"resourceType":"ImagingSelection"'
curl --silent --fail http://localhost:8042/imaging-selection/status
service orthanc stop
"""


@dataclass
class Row:
    """The results of one suite."""

    suite: str
    orthanc: str = ""
    plugin: str = ""
    python: str = ""
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    seconds: int = 0

    def count(self, passed, failed=0, skipped=0):
        self.passed += passed
        self.failed += failed
        self.skipped += skipped


def count_tests(report, status):
    """Count what pytest reports: passed, failed, skipped.

    A run that ended with an error, but without a failed test, counts as failed. So does
    a run without tests.
    """
    passed = failed = skipped = 0
    if report.is_file():
        for suite in ET.parse(report).iter("testsuite"):  # noqa: S314 - our own file
            counts = {key: int(suite.get(key)) for key in _COUNTS}
            bad = counts["failures"] + counts["errors"]
            failed += bad
            skipped += counts["skipped"]
            passed += counts["tests"] - bad - counts["skipped"]
    if not failed and (status or not passed):
        failed = 1
    return passed, failed, skipped


_COUNTS = ("tests", "failures", "errors", "skipped")


def table(rows):
    """Format the rows as a table, with the sum as the last line."""
    names = [field.name for field in fields(Row)]
    cells = [names, *([str(getattr(row, name)) for name in names] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = ["  ".join(map(str.ljust, line, widths)).rstrip() for line in cells]
    passed, failed = (sum(getattr(row, each) for row in rows) for each in names[4:6])
    return "\n".join([*lines, "", f"{passed} passed, {failed} failed"])


def run_tests(suite, row):
    """Run the tests in the root of a suite."""
    packages = os.environ["PACKAGES"].split()
    log = LOGS / f"{suite}-tests.log"
    with log.open("w") as output, root(suite, packages, output) as place:
        place.check_out()
        folders = " ".join(f"tests/{each}" for each in FOLDERS)
        status = place.run(f"set -e\n{TESTS}", output, FOLDERS=folders)
        target = Path(f"{place.folder}{CHECKOUT}") / "target"
        row.count(*count_tests(target / "junit.xml", status))
        if (target / "versions").is_file():
            row.orthanc, row.plugin, row.python = (
                (target / "versions").read_text().split()
            )


def run_script(suite, name, script, **environment):
    """Run one script in a bare root of its own; return whether it succeeded."""
    log = LOGS / f"{suite}-{re.sub('[^a-z]+', '-', name.lower())}.log"
    with log.open("w") as output, root(suite, (), output) as bare, bare.copy() as place:
        place.check_out()
        script = f"set -euxo pipefail\n{script}"
        return place.run(script, output, **environment) == 0


def newcomers(suite, http_port, dicom_port):
    """Return what is typed on a bare machine of a suite: name -> script."""
    found = {"make run": MAKE_RUN}
    for title, script in scripts(PAGE.read_text(encoding="utf-8")).items():
        found[title] = FREE + script + SERVED
    if suite == OF_THE_IMAGE:
        found |= docker_image.scripts(http_port, dicom_port)
    return found


def run_suite(suite):
    """Run everything of a suite; what cannot be run counts as failed."""
    row = Row(suite)
    begin = time.monotonic()
    try:
        _run_all(suite, row)
    except (OSError, RuntimeError, subprocess.CalledProcessError) as error:
        row.count(0, 1)
        say(f"{suite}: {error}")
    row.seconds = round(time.monotonic() - begin)
    return row


def _run_all(suite, row):
    run_tests(suite, row)
    say(f"{suite}: tests: {row.passed} passed, {row.failed} failed")
    http, dicom = free_port(), free_port()
    for name, script in newcomers(suite, http, dicom).items():
        ports = {"HTTP_PORT": str(http), "DICOM_PORT": str(dicom)}
        succeeded = run_script(suite, name, script, **ports)
        row.count(int(succeeded), int(not succeeded))
        say(f"{suite}: {name}: {'passed' if succeeded else 'failed'}")


def say(line):
    print(line, flush=True)  # noqa: T201 - a command's voice


def main(suites):
    if os.geteuid() != 0:
        say("make matrix needs root, because it makes Debian systems in folders")
        return 1
    LOGS.mkdir(parents=True, exist_ok=True)
    rows = [run_suite(suite) for suite in suites or SUITES]
    say(f"\n{table(rows)}")
    return int(any(row.failed for row in rows))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
