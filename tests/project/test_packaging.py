import ast
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import imaging_selection
import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
DECLARED = {
    canonicalize_name(requirement.name): requirement
    for requirement in map(Requirement, PROJECT["project"]["dependencies"])
}
PINS = {
    canonicalize_name(requirement.name): requirement
    for requirement in (
        Requirement(line)
        for line in (ROOT / "plugin" / "requirements.txt").read_text().splitlines()
        if line and not line.startswith("#")
    )
}


def test_the_version_has_one_home():
    assert "version" not in PROJECT["project"]
    assert PROJECT["project"]["dynamic"] == ["version"]
    source = PROJECT["tool"]["setuptools"]["dynamic"]["version"]["attr"]
    assert source == "imaging_selection.__version__"
    assert imaging_selection.__version__.count(".") == 2


def test_the_same_packages_are_declared_and_pinned():
    assert DECLARED.keys() == PINS.keys()


@pytest.mark.parametrize("name", PINS)
def test_a_pin_is_one_version_within_the_declared_range(name):
    (pin,) = PINS[name].specifier
    assert pin.operator == "=="
    assert DECLARED[name].specifier.contains(pin.version)
    assert PINS[name].extras == DECLARED[name].extras


def imported_by_the_plugin():
    for path in (ROOT / "plugin").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                yield from (alias.name.partition(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and not node.level:
                yield node.module.partition(".")[0]


def test_every_package_that_the_plugin_imports_is_declared():
    ours = {"imaging_selection", "orthanc"}
    foreign = {*imported_by_the_plugin()} - sys.stdlib_module_names - ours
    distributions = packages_distributions()
    assert not {
        name
        for name in foreign
        if not {*map(canonicalize_name, distributions[name])} & DECLARED.keys()
    }


def test_the_oldest_supported_python_is_that_of_the_linter():
    supported = SpecifierSet(PROJECT["project"]["requires-python"])
    target = PROJECT["tool"]["ruff"]["target-version"]
    assert supported.contains(f"3.{target.removeprefix('py3')}.0")
    assert not supported.contains("3.10.9")


def test_the_command_is_there():
    (command,) = PROJECT["project"]["scripts"].items()
    assert command == ("imaging-selection", "imaging_selection.cli:main")


def test_what_the_package_ships_beside_its_code_is_declared():
    package = ROOT / "plugin" / "imaging_selection"
    shipped = PROJECT["tool"]["setuptools"]["package-data"]["imaging_selection"]
    declared = {path for pattern in shipped for path in package.glob(pattern)}
    beside = {
        path
        for path in package.rglob("*")
        if path.is_file() and path.suffix not in {".py", ".pyc"}
    }
    assert beside == declared
