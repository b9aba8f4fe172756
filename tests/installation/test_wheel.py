"""The wheel alone, in a virtual environment with nothing else."""

import json
import shutil
import subprocess
import sys

import pytest
from imaging_selection import __version__
from support.builders import make_rtstruct, roi
from support.paths import EXAMPLE_FILE, ROOT

pytestmark = pytest.mark.installation

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
    converted = run(bare / "bin/imaging-selection", "convert", EXAMPLE_FILE)
    expected = run(
        ROOT / ".venv/bin/imaging-selection", "convert", EXAMPLE_FILE, cwd=ROOT
    ).stdout

    assert (converted.returncode, converted.stderr) == (0, b"")
    assert converted.stdout == expected
    assert len(json.loads(converted.stdout)["entry"]) > 9


def test_there_are_no_development_tools_in_it(bare, run):
    listed = run(bare / "bin/python", "-m", "pip", "list", "--format=json").stdout
    names = {package["name"].lower() for package in json.loads(listed)}

    assert "orthanc-imaging-selection" in names
    assert not names & {"pytest", "hypothesis", "mypy", "ruff"}


def test_a_site_needs_a_script_of_three_lines(bare, start_orthanc, tmp_path):
    script = tmp_path / "site" / "script.py"
    script.parent.mkdir()
    script.write_text(SCRIPT)
    (packages,) = (bare / "lib").glob("python*/site-packages")
    orthanc = start_orthanc({"PythonScript": str(script)}, python_path=str(packages))

    identity = orthanc.client.store(make_rtstruct(roi(1))).json["ID"]
    answer = orthanc.client.get(f"/fhir/ImagingSelection/{identity}-1")
    orthanc.stop()

    assert answer.json["instance"][0]["subset"] == ["1"]
