"""Which package may import which: the table of the layers, checked in the sources.

`ALLOWED` is the rule of the house; what a package is for stands in its `__init__.py`.
"""

import ast
from functools import cache
from graphlib import CycleError, TopologicalSorter

import pytest
from support.paths import PLUGIN

PACKAGE = PLUGIN / "imaging_selection"

# A package -> the packages that it may import besides itself and those of `FOR_ALL`.
ALLOWED = {
    "dicom": set(),
    "geometry": {"dicom"},
    "fhir": set(),
    "mapping": {"dicom", "fhir", "geometry"},
    "search": {"fhir"},
    "store": {"search"},
    "sync": {"store"},
    "delivery": {"store", "fhir"},
    "api": {"fhir", "search", "mapping"},
    "objects": {"dicom", "mapping"},
    "batch": {"dicom", "fhir", "mapping", "objects"},
    "viewer": {"api", "mapping", "dicom", "fhir", "geometry"},
}
ANYTHING = {"host", "cli", "__init__"}  # these put the others together
FOR_ALL = {"errors", "ids", "__init__"}  # of `__init__`, `__version__` alone

# A library that only some may know -> the modules, or whole packages, that may.
CONFINED = {
    "orthanc": {"main"},
    "pydicom": {"dicom", "mapping.terminology"},
    "sqlalchemy": {"store"},
    "fhir": {"fhir.r5_model"},  # fhir.resources
    "psycopg": {"store.postgresql"},
    "numpy": {"geometry"},
    "shapely": {"geometry"},
    "httpx": {"delivery.exchange"},
    "jwt": {"delivery.login"},
    "cryptography": {"delivery.login"},
}


def modules_of(package):
    return {
        ".".join(path.relative_to(package).with_suffix("").parts): path
        for path in sorted(package.rglob("*.py"))
    }


@cache
def names_imported(path):
    """The dotted names that a module imports: `a.b` of `from a import b` too."""
    return tuple(_names_imported(path))


def _names_imported(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: a relative import"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def siblings(modules, name):
    """The modules of the package that one of them imports, for types too."""
    for imported in names_imported(modules[name]):
        inner = imported.removeprefix("imaging_selection.")
        if inner == imported:
            continue
        if inner in modules:
            yield inner
        elif f"{inner}.__init__" in modules:
            yield f"{inner}.__init__"


def violations(package):
    """Each import that the table forbids, as 'module imports module'."""
    modules = modules_of(package)
    found = set()
    for name in modules:
        room = name.partition(".")[0]
        if room in ANYTHING:
            continue
        allowed = {room} | FOR_ALL | ALLOWED.get(room, set())
        found |= {
            f"{name} imports {other}"
            for other in siblings(modules, name)
            if other.partition(".")[0] not in allowed
        }
    return found


def test_a_package_imports_only_what_the_table_allows():
    assert violations(PACKAGE) == set()


def test_every_room_is_in_the_table():
    rooms = {name.partition(".")[0] for name in modules_of(PACKAGE)}
    assert rooms - ANYTHING - FOR_ALL == ALLOWED.keys()


def test_a_wrong_import_is_found(tmp_path):
    wrong = tmp_path / "dicom" / "reader.py"
    wrong.parent.mkdir()
    wrong.write_text("from imaging_selection.store.engine import Database\n")
    engine = tmp_path / "store" / "engine.py"
    engine.parent.mkdir()
    engine.write_text("import os\n")
    assert violations(tmp_path) == {"dicom.reader imports store.engine"}


def test_no_modules_import_each_other_in_a_circle():
    modules = modules_of(PACKAGE)
    graph = {name: {*siblings(modules, name)} - {name} for name in modules}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def test_a_package_runs_none_of_its_modules_when_it_is_imported():
    # Importing a module runs the `__init__` of its package: that would be a circle.
    modules = modules_of(PACKAGE)
    packages = {name for name in modules if name.endswith(".__init__")}
    assert {name for name in packages if [*siblings(modules, name)]} == set()


@pytest.mark.parametrize("library", CONFINED)
def test_a_library_is_known_only_where_it_belongs(library):
    modules = modules_of(PACKAGE) | {"main": PLUGIN / "main.py"}
    importers = {
        name
        for name, path in modules.items()
        for imported in names_imported(path)
        if imported.partition(".")[0] == library
    }
    assert importers, "no module imports it: take it out of the table"
    assert {
        name
        for name in importers
        if name not in CONFINED[library]
        and name.partition(".")[0] not in CONFINED[library]
    } == set()


def test_nothing_but_the_script_lies_beside_the_package():
    # Orthanc puts this folder first in sys.path: a queue.py here would hide Python's.
    assert [path.name for path in PLUGIN.glob("*.py")] == ["main.py"]


def test_no_module_reads_the_environment_but_for_secrets_and_to_pass_it_on():
    readers = {
        name
        for name, path in modules_of(PACKAGE).items()
        if "os.environ" in path.read_text() or "getenv" in path.read_text()
    }
    assert readers <= {"delivery.target", "host.serve", "sync.process"}


def test_no_import_is_hidden_from_these_tests():
    texts = {name: path.read_text() for name, path in modules_of(PACKAGE).items()}
    dynamic = ("import_module", "__import__")
    assert [n for n, text in texts.items() if any(d in text for d in dynamic)] == []
