"""The wheel alone, in a virtual environment with nothing else."""

import json
import shutil
import subprocess
import sys

import pytest
from conftest import ROOT, free_port
from imaging_selection import __version__
from imaging_selection.host.serve import OrthancProcess, configuration_of
from support.builders import make_rtstruct, roi
from support.client import Client

pytestmark = pytest.mark.installation

EXAMPLE = ROOT / "plugin" / "imaging_selection" / "data" / "example.dcm"
SCRIPT = """
import orthanc
from imaging_selection.host.callbacks import install
install(orthanc)
"""


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    """The folder of an environment into which only the wheel was installed."""
    folder = tmp_path_factory.mktemp("bare")
    source = folder / "source"
    shutil.copytree(ROOT / "plugin", source / "plugin")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    pip = (sys.executable, "-m", "pip")
    build = (*pip, "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, source)
    subprocess.run(build, check=True)
    (wheel,) = folder.glob("*.whl")
    assert wheel.name == f"orthanc_imaging_selection-{__version__}-py3-none-any.whl"
    subprocess.run((sys.executable, "-m", "venv", folder / "venv"), check=True)
    pip = (folder / "venv/bin/python", "-m", "pip")
    subprocess.run(
        (*pip, "install", "--quiet", "--only-binary=:all:", wheel), check=True
    )
    return folder / "venv"


def test_convert_prints_what_the_checkout_prints(bare, run):
    converted = run(bare / "bin/imaging-selection", "convert", EXAMPLE)
    expected = run(
        ROOT / ".venv/bin/imaging-selection", "convert", EXAMPLE, cwd=ROOT
    ).stdout

    assert (converted.returncode, converted.stderr) == (0, b"")
    assert converted.stdout == expected
    assert len(json.loads(converted.stdout)["entry"]) > 9


def test_there_are_no_development_tools_in_it(bare, run):
    listed = run(bare / "bin/python", "-m", "pip", "list", "--format=json").stdout
    names = {package["name"].lower() for package in json.loads(listed)}

    assert "orthanc-imaging-selection" in names
    assert not names & {"pytest", "hypothesis", "mypy", "ruff"}


@pytest.mark.orthanc
def test_a_site_needs_a_script_of_three_lines(bare, tmp_path):
    script = tmp_path / "site" / "script.py"
    script.parent.mkdir()
    script.write_text(SCRIPT)
    base = json.loads((ROOT / "orthanc.json").read_text())
    configuration = configuration_of(base, tmp_path, free_port(), free_port())
    configuration["PythonScript"] = str(script)
    (packages,) = (bare / "lib").glob("python*/site-packages")
    with (tmp_path / "log").open("wb") as log:
        orthanc = OrthancProcess(
            configuration, tmp_path, log.fileno(), python_path=str(packages)
        )
    client = Client(orthanc.url)
    try:
        orthanc.wait_until_up()
        identity = client.store(make_rtstruct(roi(1))).json["ID"]
        answer = client.get(f"/fhir/ImagingSelection/{identity}-1")
    finally:
        status = orthanc.stop()

    assert status == 0
    assert answer.json["instance"][0]["subset"] == ["1"]
