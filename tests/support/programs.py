"""The programs that tests need besides Python, each a fixture: all are named here.

A test that uses such a fixture, directly or through another, gets the fixture's marker
and is skipped where the program is not installed. A test without the marker cannot
start the program: an audit hook of Python raises.
"""

import shutil
import sys
from pathlib import Path

import pytest
from support.paths import CORPUS

# Fixture -> marker.
MARKERS = {
    "orthanc_program": "orthanc",
    "postgres_programs": "postgres",
    "chromium": "browser",
    "java": "java",
    "npm": "npm",
    "corpus": "corpus",
}
# Program -> marker; any other program may run in any test.
MARKERS_OF_PROGRAMS = {
    "Orthanc": "orthanc",
    "serve": "orthanc",  # imaging-selection serve
    "make": "orthanc",
    "initdb": "postgres",
    "pg_ctl": "postgres",
    "createdb": "postgres",
    "psql": "postgres",
    "chromium": "browser",
    "java": "java",
    "mvn": "java",
    "npm": "npm",
    "pip": "installation",
}


class UnmarkedError(Exception):
    """A test has started a program without having its marker."""


class _Current:
    """The markers of the test that runs; None between tests."""

    markers = None


@pytest.hookimpl(tryfirst=True)  # before pytest selects by markers
def pytest_collection_modifyitems(items):
    for item in items:
        for fixture in MARKERS.keys() & set(getattr(item, "fixturenames", ())):
            item.add_marker(MARKERS[fixture])


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    _Current.markers = {marker.name for marker in item.iter_markers()}


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown():
    _Current.markers = None  # what ends may have been started for other tests


def pytest_configure():
    sys.addaudithook(_check_program)


def _check_program(event, arguments):
    if event != "subprocess.Popen" or _Current.markers is None:
        return
    _, command, *_ = arguments
    for word in [command] if isinstance(command, str | bytes) else command:
        marker = MARKERS_OF_PROGRAMS.get(Path(str(word)).name)
        if marker is not None and marker not in _Current.markers:
            raise UnmarkedError(f"{word} in a test that is not marked {marker!r}")


def _path_of(program, package, path=None):
    found = shutil.which(program, path=path)
    if found is None:
        pytest.skip(f"{program} is not installed (Debian package {package})")
    return Path(found)


@pytest.fixture(scope="session")
def orthanc_program():
    """Orthanc with its Python plugin."""
    return _path_of("Orthanc", "orthanc")


@pytest.fixture(scope="session")
def postgres_programs():
    """The folder of the newest PostgreSQL server of Debian."""
    folders = Path("/usr/lib/postgresql").glob("*/bin")
    servers = [folder for folder in folders if (folder / "initdb").exists()]
    if not servers:
        pytest.skip("initdb is not installed (Debian package postgresql)")
    return max(servers, key=lambda folder: int(folder.parent.name))


@pytest.fixture(scope="session")
def chromium():
    """Debian's browser."""
    return _path_of("chromium", "chromium")


@pytest.fixture(scope="session")
def nginx():
    """The proxy of docker-compose.yml."""
    return _path_of("nginx", "nginx", path="/usr/sbin:/usr/bin")


@pytest.fixture(scope="session")
def java():
    """Maven, and the compiler that it needs."""
    _path_of("javac", "default-jdk-headless")
    return _path_of("mvn", "maven")


@pytest.fixture(scope="session")
def npm():
    """The package manager of Node.js."""
    return _path_of("npm", "npm")


@pytest.fixture(scope="session")
def corpus():
    """The real structure sets, by file name."""
    if not CORPUS.is_dir():
        pytest.skip(f"no real structure sets in {CORPUS}")
    return {path.name: path for path in sorted(CORPUS.glob("*.dcm"))}
