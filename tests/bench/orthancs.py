"""Orthancs to measure, with the plugin or without; one connection to each."""

import json
import socket
import sysconfig
import time
from http.client import HTTPConnection, RemoteDisconnected
from pathlib import Path
from urllib.parse import urlsplit

from imaging_selection.host.serve import OrthancProcess, configuration_of, merge

from bench.lab import ROOT

PATIENCE = 600  # seconds that one answer may take
IDLE = 0.3  # seconds; Orthanc closes a connection that was idle for 0.5


def free_port():
    """Return a port that is free."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Orthanc:
    """An Orthanc in a folder of its own; a context manager.

    Parameters
    ----------
    plugin
        False: an Orthanc without any plugin.
    checkout
        The project whose plugin it runs.
    """

    def __init__(self, folder, *, plugin=True, checkout=ROOT, **overrides):
        base = json.loads((ROOT / "orthanc.json").read_text())
        configuration = configuration_of(base, folder, free_port(), free_port())
        configuration["PythonScript"] = str(checkout / "plugin" / "main.py")
        self._python_path = f"{sysconfig.get_path('purelib')}:{checkout / 'plugin'}"
        if not plugin:
            for key in ("PythonScript", "ImagingSelection"):
                del configuration[key]
            configuration["Plugins"] = []
        self.folder = folder
        self.configuration = merge(configuration, overrides)

    def __enter__(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "orthanc.log").open("ab") as log:
            self._process = OrthancProcess(
                self.configuration, self.folder, log.fileno(), self._python_path
            )
        self.url = self._process.url
        self.pid = self._process.process.pid
        try:
            self._process.wait_until_up()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self._process.terminate()
        try:
            self._process.stop()
        except OSError:
            self._process.process.kill()
            raise

    def connect(self):
        """Return a new connection."""
        return Connection(self.url)


class Connection:
    """One HTTP connection that is kept alive."""

    def __init__(self, url):
        self._connection = HTTPConnection(urlsplit(url).netloc, timeout=PATIENCE)
        self._used = time.monotonic()

    def ask(self, method, path, body=None, headers=()):
        """Return the status and the body of an answer."""
        answer = self._answer(method, path, body, headers)
        content = answer.read()
        self._used = time.monotonic()
        return answer.status, content

    def _answer(self, method, path, body=None, headers=()):
        if time.monotonic() - self._used > IDLE:
            self._connection.close()  # http.client opens it again
        try:
            self._connection.request(method, path, body, dict(headers))
            return self._connection.getresponse()
        except (RemoteDisconnected, BrokenPipeError, ConnectionResetError):
            self._connection.close()  # Orthanc had closed it
            self._connection.request(method, path, body, dict(headers))
            return self._connection.getresponse()

    def get(self, path):
        """Return the body of an answer, which must have status 200."""
        status, body = self.ask("GET", path)
        if status != 200:
            raise RuntimeError(f"GET {path}: {status}")
        return body

    def json(self, path, body=None):
        """Return JSON; with a body, the answer to a POST."""
        method = "GET" if body is None else "POST"
        status, content = self.ask(method, path, body)
        if status != 200:
            raise RuntimeError(f"{method} {path}: {status}")
        return json.loads(content)

    def reconcile_all(self):
        """Have everything converted again."""
        path, json_type = "/imaging-selection/reconcile", "application/json"
        headers = {"Content-Type": json_type}
        status, _ = self.ask("POST", path, b'{"force": true}', headers)
        if status != 200:
            raise RuntimeError(f"POST {path}: {status}")

    def store(self, file):
        """Store a DICOM file; return Orthanc's id of the instance."""
        return self.json("/instances", file)["ID"]

    def drain(self, path):
        """Read an answer of any size without keeping it; return its size."""
        answer = self._answer("GET", path)
        if answer.status != 200:
            raise RuntimeError(f"GET {path}: {answer.status}")
        size = 0
        while part := answer.read(1 << 20):
            size += len(part)
        self._used = time.monotonic()
        return size


def reset_peak(pid):
    """Make the kernel count the peak memory of a process from now on (proc(5))."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def memory(pid, key):
    """Return `VmRSS` or `VmHWM` of a process, in bytes."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{key}:"):
            return int(line.split()[1]) * 1024
    raise LookupError(key)
