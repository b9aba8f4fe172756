"""A real Orthanc with the plugin, in a folder of its own and on free ports."""

import json
import random
import socket
from contextlib import suppress

import pytest
from imaging_selection.host.serve import OrthancProcess, configuration_of, merge
from support.client import Client
from support.paths import ROOT

PLUGINS = "/usr/share/orthanc/plugins"


def plugins(*names):
    """Return the setting `Plugins` for some of Debian's, named as "Python" is."""
    return [f"{PLUGINS}/libOrthanc{name}.so" for name in names]


def free_port():
    """Return a port that no program uses, below those that the system hands out."""
    while True:
        port = random.randrange(10_000, 32_768)  # noqa: S311 - any will do
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("", port))
            return port


class RunningOrthanc:
    """An Orthanc that a test starts, stops, kills and starts again.

    Parameters
    ----------
    folder
        For all that it writes: storage, index and log.
    overrides
        Merged into the project's `orthanc.json`.
    python_path
        Where its Python finds modules; None: the packages of this environment.
    """

    def __init__(self, folder, overrides=None, python_path=None):
        self.folder = folder
        base = json.loads((ROOT / "orthanc.json").read_text())
        self.configuration = merge(
            configuration_of(base, folder, free_port(), free_port()), overrides or {}
        )
        self.python_path = python_path
        self.log_path = folder / "orthanc.log"
        self.client = Client(f"http://127.0.0.1:{self.configuration['HttpPort']}")

    @property
    def store_path(self):
        """The SQLite file of the plugin, where no other database is configured."""
        return self.folder / "storage" / "imaging-selection.db"

    def start(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.log_path.open("ab") as log:
            self.running = OrthancProcess(
                self.configuration, self.folder, log.fileno(), self.python_path
            )
        self.running.wait_until_up()
        return self

    def stop(self):
        """End it as a service manager does: its threads end, and it has no error."""
        assert self.running.stop() == 0

    def kill(self):
        """End it as a power failure does; faster than a clean stop."""
        self.running.process.kill()
        self.running.process.wait()

    def restart_with(self, **section):
        """Kill it, and start it with another configuration of the plugin."""
        self.kill()
        self.configuration["ImagingSelection"] = section
        self.start()

    @property
    def log(self):
        return self.log_path.read_text(errors="replace")


def _started_in(folder):
    """Yield a function that starts Orthancs in a folder; kill them afterwards."""
    started = []

    def start(overrides=None, name="orthanc", python_path=None):
        orthanc = RunningOrthanc(folder / name, overrides, python_path)
        started.append(orthanc)
        return orthanc.start()

    yield start
    for orthanc in started:
        orthanc.kill()


@pytest.fixture
def start_orthanc(orthanc_program, tmp_path):  # noqa: ARG001 - there must be one
    """Starts Orthancs with a configuration of the test's own."""
    yield from _started_in(tmp_path)


@pytest.fixture(scope="module")
def start_orthanc_for_module(orthanc_program, tmp_path_factory):  # noqa: ARG001
    """Starts Orthancs that the tests of a module share, which know what is in them."""
    yield from _started_in(tmp_path_factory.mktemp("orthanc"))


@pytest.fixture(scope="session")
def shared_orthanc(orthanc_program, tmp_path_factory):  # noqa: ARG001
    """One Orthanc for all tests that look only at what they store themselves."""
    orthanc = RunningOrthanc(tmp_path_factory.mktemp("orthanc")).start()
    yield orthanc
    orthanc.stop()
