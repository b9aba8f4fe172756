"""The first of the README's two commands, without its installation part."""

import os
import signal
import subprocess

import pytest
from client import Client
from conftest import ROOT, free_port

pytestmark = pytest.mark.orthanc


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_make_run_serves_the_example_and_stops_cleanly(tmp_path, stop):
    http_port = free_port()
    serving = subprocess.Popen(
        [
            ROOT / ".venv" / "bin" / "imaging-selection",
            "serve",
            f"--http-port={http_port}",
            f"--dicom-port={free_port()}",
            f"--storage={tmp_path}",
        ],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    printed = ""
    for line in serving.stdout:
        printed += line
        if "explorer.html" in line:
            break
    client = Client(f"http://127.0.0.1:{http_port}")
    shown = [line.strip() for line in printed.splitlines() if "http://127" in line]

    selection = client.get(shown[0].removeprefix(client.url)).json
    # As a terminal does it: to every process of the group.
    os.killpg(serving.pid, stop)

    assert serving.wait(60) == 0
    serving.stdout.close()
    assert selection["resourceType"] == "ImagingSelection"
    assert f'"{selection["id"]}"' in printed
    assert len(selection["instance"][0]["subset"]) == 9
