"""Nothing is compiled where the plugin is installed: each dependency has a wheel."""

import sys

import pytest
from support.paths import ROOT

pytestmark = pytest.mark.installation

# What Orthanc embeds, from Debian 12 to the newest image.
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
LIBRARIES_OF_C = ("manylinux2014", "manylinux_2_17", "manylinux_2_28")


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
@pytest.mark.parametrize("version", PYTHONS)
def test_every_pinned_package_has_a_wheel(run, tmp_path, version, machine):
    platforms = [f"--platform={each}_{machine}" for each in LIBRARIES_OF_C]

    found = run(
        *(sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed"),
        *("--quiet", "--only-binary=:all:", "--target", tmp_path),
        *(f"--python-version={version}", *platforms),
        *("--requirement", ROOT / "plugin" / "requirements.txt"),
        text=True,
    )

    assert found.returncode == 0, found.stderr


def test_this_python_is_one_of_them():
    assert f"{sys.version_info.major}.{sys.version_info.minor}" in PYTHONS
