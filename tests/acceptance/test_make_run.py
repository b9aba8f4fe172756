"""`make run` without its installation part: the command `serve`."""

import json
import os
import signal
import socket
import subprocess

import pytest
from support.client import Client
from support.orthanc import free_port
from support.paths import ROOT


@pytest.fixture
def serve(orthanc_program, tmp_path):  # noqa: ARG001 - there must be one
    """Starts the command; returns its process and a client."""
    started = []

    def start(config=None):
        http_port = free_port()
        options = []
        if config is not None:
            (tmp_path / "config.json").write_text(config)
            options = [f"--config={tmp_path / 'config.json'}"]
        serving = subprocess.Popen(
            [
                ROOT / ".venv" / "bin" / "imaging-selection",
                "serve",
                f"--http-port={http_port}",
                f"--dicom-port={free_port()}",
                f"--storage={tmp_path / 'storage'}",
                *options,
            ],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started.append(serving)
        return serving, Client(f"http://127.0.0.1:{http_port}")

    yield start
    for serving in started:
        if serving.poll() is None:
            os.killpg(serving.pid, signal.SIGINT)
        serving.communicate(timeout=60)


def line_with(text, stream):
    """Read lines up to the first one that contains a text; return that line."""
    return next(line for line in stream if text in line)


def test_an_unknown_key_turns_the_plugin_off_and_orthanc_serves(serve):
    serving, client = serve(json.dumps({"ImagingSelection": {"Nonsense": 1}}))

    line_with("explorer.html", serving.stdout)
    reason = line_with("no selection to show", serving.stderr)

    assert "503" in reason
    assert serving.poll() is None
    assert client.get("/system").status == 200
    assert client.get("/fhir/metadata").status == 503


@pytest.mark.parametrize("config", ["{no JSON", "[]"])
def test_a_configuration_that_is_none_is_one_line(serve, config):
    serving, _ = serve(config)
    out, errors = serving.communicate(timeout=60)

    assert (serving.returncode, out) == (1, "")
    (line,) = errors.splitlines()
    assert "config.json: " in line


@pytest.mark.parametrize("name", ["HttpPort", "DicomPort"])
def test_another_server_on_the_port_is_left_alone(serve, name):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        serving, _ = serve(json.dumps({name: port}))
        out, errors = serving.communicate(timeout=60)

    assert (serving.returncode, out) == (1, "")
    assert errors.startswith(f"{name} {port} is in use.")


def test_without_its_packages_the_plugin_says_so_and_orthanc_serves(start_orthanc):
    orthanc = start_orthanc(python_path="")
    paths = (
        *("/fhir/metadata", "/imaging-selection/status"),
        "/instances/x/imaging-selection",
    )

    answers = [orthanc.client.get(each) for each in paths]
    orthanc.stop()

    assert [each.status for each in answers] == [503] * 3
    assert {each.json["resourceType"] for each in answers} == {"OperationOutcome"}
    assert "ImagingSelection is off: Python finds no " in orthanc.log


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_make_run_serves_the_example_and_stops_cleanly(serve, stop):
    serving, client = serve()
    # The resource is the last that is printed; its last line is the brace alone.
    lines = []
    for line in serving.stdout:
        lines.append(line.rstrip())
        if line == "}\n":
            break
    shown = [line for line in lines if line.startswith("http://127")]

    selection = client.get(shown[-1].removeprefix(client.url)).json
    # As a terminal does it: to every process of the group.
    os.killpg(serving.pid, stop)

    assert serving.wait(60) == 0
    assert "explorer.html" in shown[-2]
    printed = json.loads("".join(lines[lines.index("{") :]))
    assert printed["id"] == selection["id"]
    assert len(selection["instance"][0]["subset"]) == 9
