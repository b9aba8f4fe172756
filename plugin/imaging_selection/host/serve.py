"""Run a real Orthanc with the plugin in the foreground: `make run`, and the tests."""

from __future__ import annotations

import base64
import json
import os
import signal
import socket
import subprocess
import sys
import sysconfig
import time
from contextlib import suppress
from http.client import HTTPException
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

START_SECONDS = 60
STOP_SECONDS = 60
_MAXIMUM_TRIES = 10  # structure sets, until one has a selection to show
_PACKAGE = Path(__file__).parents[1]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command `serve`."""
    parser.add_argument("--http-port", type=int, default=8042)
    parser.add_argument("--dicom-port", type=int, default=4242)
    parser.add_argument("--storage", type=Path, default=Path("var"))
    parser.add_argument("--base", type=Path, default=Path("orthanc.json"))
    parser.add_argument(
        "--config", type=Path, help="a further JSON file, merged into the first"
    )
    parser.set_defaults(run=_run)


def merge(base: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Merge two configurations: sections key by key, any other value is replaced.

    Examples
    --------
    >>> merge({"A": {"x": 1, "y": 2}, "B": [1]}, {"A": {"y": 3}, "B": [2]})
    {'A': {'x': 1, 'y': 3}, 'B': [2]}
    """
    merged = dict(base)
    for key, value in other.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = merge(merged[key], value) if both else value
    return merged


class OrthancProcess:
    """An Orthanc process with the plugin.

    Parameters
    ----------
    configuration
        Orthanc's whole configuration; written into `storage`.
    storage
        The folder for everything that this Orthanc writes.
    output
        Where its log goes; None: the output of this process.
    python_path
        Where its Python finds modules; None: the packages of this Python.
    """

    def __init__(
        self,
        configuration: Mapping[str, Any],
        storage: Path,
        output: int | None = None,
        python_path: str | None = None,
    ) -> None:
        storage.mkdir(parents=True, exist_ok=True)
        path = storage / "orthanc.json"
        if python_path is None:
            python_path = f"{sysconfig.get_path('purelib')}:{_PACKAGE.parent}"
        path.write_text(json.dumps(configuration, indent=2))
        self.url = f"http://127.0.0.1:{configuration['HttpPort']}"
        self._headers = _authorization(configuration)
        self.process = subprocess.Popen(  # noqa: S603 - the program is Orthanc
            ["Orthanc", str(path)],  # noqa: S607 - wherever the system has it
            env={**os.environ, "PYTHONPATH": python_path, "PYTHONUTF8": "1"},
            stdout=output,
            stderr=None if output is None else subprocess.STDOUT,
            # Ctrl-C signals the whole group, and a second signal kills an Orthanc that
            # is stopping: in its own group it gets one signal, from `terminate`.
            start_new_session=True,
        )
        self._is_stopping = False

    def wait_until_up(self) -> None:
        """Wait until Orthanc answers; raise if it ends, or takes too long."""
        for _ in range(START_SECONDS * 10):
            if self.process.poll() is not None:
                raise RuntimeError(f"Orthanc ended with {self.process.returncode}")
            try:
                self.get("/system")
            except (URLError, ConnectionError):
                time.sleep(0.1)
            else:
                return
        raise TimeoutError("Orthanc does not answer")

    def get(self, path: str, body: bytes | None = None) -> Any:
        """Return the JSON of a path; with a body, the answer to a POST."""
        request = Request(self.url + path, body, self._headers)  # noqa: S310 - our own
        with urlopen(request, timeout=60) as answer:  # noqa: S310 - as above
            return json.load(answer)

    def terminate(self) -> None:
        """Request Orthanc to stop; a second call does nothing."""
        if not self._is_stopping and self.process.poll() is None:
            self._is_stopping = True
            self.process.terminate()

    def stop(self) -> int:
        """Request Orthanc to stop, wait for it, and return its exit status."""
        self.terminate()
        return self.process.wait(STOP_SECONDS)


def _authorization(configuration: Mapping[str, Any]) -> dict[str, str]:
    """Return the header for the first registered user, if a login is required."""
    users = configuration.get("RegisteredUsers", {})
    if not configuration.get("AuthenticationEnabled") or not users:
        return {}
    user, password = next(iter(users.items()))
    token = base64.b64encode(f"{user}:{password}".encode()).decode()
    return {"Authorization": f"Basic {token}"}


def configuration_of(
    base: Mapping[str, Any], storage: Path, http_port: int, dicom_port: int
) -> dict[str, Any]:
    """Return the project's `orthanc.json` completed for one run."""
    return {
        **base,
        "PythonScript": str(_PACKAGE.parent / "main.py"),
        "StorageDirectory": str(storage.absolute() / "storage"),
        "IndexDirectory": str(storage.absolute() / "storage"),
        "HttpPort": http_port,
        "DicomPort": dicom_port,
    }


def _run(arguments: argparse.Namespace) -> int:
    try:
        configuration = configuration_of(
            _read(arguments.base),
            arguments.storage,
            arguments.http_port,
            arguments.dicom_port,
        )
        if arguments.config:
            configuration = merge(configuration, _read(arguments.config))
        _check_ports(configuration)
        orthanc = OrthancProcess(configuration, arguments.storage)
    except (OSError, ValueError) as error:
        _print_error(error)
        return 1
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: orthanc.terminate())
    try:
        orthanc.wait_until_up()
    except (OSError, RuntimeError) as error:
        _print_error(error)
        orthanc.stop()
        return 1
    _print_summary(orthanc, configuration)
    return orthanc.process.wait()


def _check_ports(configuration: Mapping[str, Any]) -> None:
    """Raise if a port is in use: requests would go to another server."""
    for name, variable in (("HttpPort", "HTTP_PORT"), ("DicomPort", "DICOM_PORT")):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("", configuration[name]))
            except OSError as cause:
                raise ValueError(
                    f"{name} {configuration[name]} is in use. Is it Debian's own"
                    " Orthanc? Stop it: systemctl stop orthanc. Or choose another port:"
                    f" make run {variable}=…"
                ) from cause


def _read(path: Path) -> dict[str, Any]:
    """Read a configuration. Comments, which Orthanc allows, are not supported."""
    try:
        configuration = json.loads(path.read_text("utf-8"))
    except ValueError as cause:
        raise ValueError(f"{path}: not JSON: {cause}") from cause
    if not isinstance(configuration, dict):
        raise ValueError(f"{path}: must be a JSON object")  # noqa: TRY004 - one kind
    return configuration


def _print_error(error: Exception | str) -> None:
    print(error, file=sys.stderr, flush=True)  # noqa: T201 - output of a command


def _print_summary(orthanc: OrthancProcess, configuration: Mapping[str, Any]) -> None:
    """Print the URLs and a selection; without one, Orthanc runs all the same."""
    section = configuration.get("ImagingSelection")
    root = section.get("FhirRoot", "/fhir") if isinstance(section, dict) else "/fhir"
    lines = (
        f"{orthanc.url}/imaging-selection/",
        f"{orthanc.url}{root}/ImagingSelection",
        f"{orthanc.url}{root}/metadata",
        f"{orthanc.url}/imaging-selection/status",
        f"{orthanc.url}/app/explorer.html",
        "",
    )
    print(*lines, sep="\n", flush=True)  # noqa: T201 - output of a command
    try:
        path, selection = _first_selection(orthanc)
    except (OSError, HTTPException, ValueError, LookupError, TypeError) as error:
        _print_error(f"there is no selection to show: {error}")
        return
    text = json.dumps(selection, indent=2, ensure_ascii=False)
    print(orthanc.url + path, text, sep="\n", flush=True)  # noqa: T201 - as above


def _first_selection(orthanc: OrthancProcess) -> tuple[str, Any]:
    """Return a selection; an Orthanc without structure sets gets the example first."""
    query = {
        "Level": "Instance",
        "Query": {"Modality": "RTSTRUCT"},
        "Limit": _MAXIMUM_TRIES,
    }
    stored = orthanc.get("/tools/find", json.dumps(query).encode())
    for identity in stored:
        path = f"/instances/{identity}/imaging-selection"
        with suppress(HTTPError):  # this one cannot be converted, another may
            return path, orthanc.get(path)
    if stored:
        raise LookupError("none of the structure sets can be converted")
    example = resources.files("imaging_selection") / "data" / "example.dcm"
    identity = orthanc.get("/instances", example.read_bytes())["ID"]
    path = f"/instances/{identity}/imaging-selection"
    return path, orthanc.get(path)
