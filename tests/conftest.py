"""Things that tests use: the corpus, a free port, a real Orthanc with the plugin."""

import json
import os
import random
import shutil
import socket
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest
from imaging_selection.host.serve import OrthancProcess, configuration_of, merge
from support.client import Client
from support.postgres import postgres  # noqa: F401 - a fixture

ROOT = Path(__file__).parents[1]
CORPUS = ROOT.parent / "shared" / "rtstruct"
IMAGES = ROOT.parent / "shared" / "images"

# A skip that CI expects; any other one fails its run.
EXPECTED_SKIPS = ()


def pytest_addoption(parser):
    parser.addoption(
        "--update-golden",
        action="store_true",
        help="write the golden resources anew, for review",
    )


def pytest_sessionfinish(session, exitstatus):
    """In CI a skipped test is a test that did not run: no success."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if not os.environ.get("CI") or reporter is None:
        return
    reasons = {report.longrepr[2] for report in reporter.stats.get("skipped", ())}
    unexpected = [reason for reason in reasons if reason not in EXPECTED_SKIPS]
    if unexpected and exitstatus == 0:
        print("\nskipped, which CI does not allow:", *unexpected, sep="\n  ")  # noqa: T201
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(scope="session")
def corpus():
    """The real structure sets, by file name; a user's clone has none."""
    if not CORPUS.is_dir():
        pytest.skip("no corpus of real structure sets beside the repository")
    return {path.name: path for path in sorted(CORPUS.glob("*.dcm"))}


def free_port():
    """A port that nobody has, below those that the system gives to clients."""
    while True:
        port = random.randrange(10_000, 32_768)  # noqa: S311 - any will do
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("", port))
            return port


class RunningOrthanc:
    """A real Orthanc with the plugin, on free ports and an empty storage."""

    def __init__(self, folder, overrides):
        self.folder = folder
        base = json.loads((ROOT / "orthanc.json").read_text())
        self.configuration = merge(
            configuration_of(base, folder, free_port(), free_port()), overrides
        )
        self.log_path = folder / "orthanc.log"
        self.client = Client(f"http://127.0.0.1:{self.configuration['HttpPort']}")

    def start(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.log_path.open("ab") as log:
            self.running = OrthancProcess(
                self.configuration, self.folder, output=log.fileno()
            )
        self.running.wait_until_up()
        return self

    def stop(self):
        assert self.running.stop() == 0

    def kill(self):
        self.running.process.kill()
        self.running.process.wait()

    @property
    def log(self):
        return self.log_path.read_text(errors="replace")


@pytest.fixture
def start_orthanc(tmp_path):
    """Starts Orthancs with a configuration of the test's own; ends them afterwards."""
    if shutil.which("Orthanc") is None:
        pytest.skip("no Orthanc on this machine")
    started = []

    def start(overrides=None, name="orthanc"):
        orthanc = RunningOrthanc(tmp_path / name, overrides or {}).start()
        started.append(orthanc)
        return orthanc

    yield start
    for orthanc in started:
        if orthanc.running.process.poll() is None:
            orthanc.kill()  # a clean stop takes seconds, and has tests of its own


@pytest.fixture(scope="session")
def shared_orthanc(tmp_path_factory):
    """One Orthanc for the tests that only add what is theirs."""
    if shutil.which("Orthanc") is None:
        pytest.skip("no Orthanc on this machine")
    orthanc = RunningOrthanc(tmp_path_factory.mktemp("orthanc"), {}).start()
    yield orthanc
    orthanc.stop()


@pytest.fixture
def run():
    """Runs a program to its end, and gives back what it said."""

    def run_program(*arguments, **options):
        return subprocess.run(
            list(map(str, arguments)), capture_output=True, check=False, **options
        )

    return run_program
