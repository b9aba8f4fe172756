"""Who may import whom: the table of the package's layers, checked in the sources."""

import ast
from pathlib import Path

import pytest

PLUGIN = Path(__file__).parents[2] / "plugin"
PACKAGE = PLUGIN / "imaging_selection"

# What DICOM bytes become: past these there are only the frozen values of `model`.
DICOM = {
    *("attributes", "contour_items", "contours", "decimal_strings", "dicom_file"),
    *("dicom_values", "elements", "findings", "iod", "macros", "regions", "rois"),
    "rtstruct",
}
# What the frozen values become: no file, no pydicom data set, no store, no clock.
MAPPING = {
    *("body_sites", "extensions", "issued", "mapping", "narrative", "performers"),
    *("presentation", "references", "selection_narrative", "source_images"),
    "terminology",
}
# Searches, from the table of parameters to the parser; and what HTTP asks for.
SEARCH = {
    *("search", "search_values", "search_index", "search_grammar", "search_parsing"),
}
WEB = {"answers", "links", "messages", "negotiation", "protocols", "related", "subsets"}
ROUTES = {"directory_routes", "selection_routes"}
STORE = {
    *("store.criteria", "store.engine", "store.ledger", "store.selections"),
    *("store.shapes", "store.writing"),
}

# A module -> the modules of the package that it may import, for types too.
ALLOWED = {
    "__init__": set(),
    "errors": set(),
    "messages": set(),
    "model": set(),
    **{name: {"errors", "model"} | DICOM for name in DICOM},
    "identity": {"model"},
    "slices": set(),
    "fhir": set(),
    "r5_model": {"errors", "fhir"},
    "checks": {"errors", "fhir", "r5_model"},
    **{
        name: {"checks", "errors", "fhir", "findings", "identity", "model"} | MAPPING
        for name in MAPPING
    },
    "narrative": {"fhir"},
    "config": {"errors", "fhir"},
    "search": {"fhir"},
    "search_values": {"fhir"},
    "query": {"search", "search_index"},
    **{
        name: {"errors", "fhir", "query"} | SEARCH
        for name in SEARCH - {"search_values"}
    },
    "subsets": {"fhir"},
    "definitions": {"__init__", "fhir", "findings", "narrative", "query"} | SEARCH,
    "capability": {"__init__", "definitions", "fhir", "narrative"} | SEARCH,
    "page": {"messages"},
    "store": set(),
    "store.schema": set(),
    "store.engine": {"errors", "store.schema", "store.sqlite_file"},
    "store.sqlite_file": set(),
    "store.ledger": {"errors", "store.engine", "store.schema"},
    "store.shapes": {"query"} | SEARCH,
    "store.criteria": {"errors", "query", "store.schema", "store.shapes"} | SEARCH,
    "store.writing": {"store.schema"} | SEARCH,
    "store.selections": {"errors", "query", "store.schema"} | SEARCH | STORE,
    "census": set(),
    "settle": {"errors", "fhir", "identity", "store.ledger", "store.writing"},
    "outage": {"errors"},
    "sweep": {"census", "errors", "settle", "store.ledger"},
    "ingest": {
        *("census", "errors", "fhir", "identity", "outage", "settle"),
        *("store.ledger", "sweep"),
    },
    "contour_answers": {
        *("findings", "contours", "dicom_file", "errors", "fhir", "model", "regions"),
    },
    "answers": {"errors", "fhir", "messages"},
    "bridge": {"messages"},
    "links": {"messages"},
    "negotiation": {"answers", "fhir", "messages"},
    "protocols": {"query"},
    "related": {"fhir", "narrative", "protocols", "query"} | SEARCH,
    **{
        name: {"contour_answers", "errors", "fhir", "query"} | WEB | SEARCH
        for name in ROUTES
    },
    "page_routes": {
        *("__init__", "answers", "fhir", "findings", "messages", "negotiation"),
        *("page", "presentation", "protocols", "rtstruct", "slices"),
    },
    "api": {"capability", "definitions", "errors", "fhir", "page_routes", "related"}
    | WEB
    | ROUTES
    | SEARCH,
    "service": {
        *(
            "__init__",
            "answers",
            "api",
            "config",
            "errors",
            "fhir",
            "identity",
            "ingest",
        ),
        *("contours", "mapping", "messages", "page_routes", "protocols", "related"),
        "rtstruct",
        "search_index",
        "settle",
        *("store.engine", "store.ledger", "store.selections", "store.writing"),
    },
    "orthanc_glue": {
        "bridge",
        *("answers", "census", "config", "errors", "identity", "messages", "model"),
        *("page", "settle"),
        "service",
        "selection_routes",
        "threads",
    },
    "threads": set(),
    "serve": set(),
    "cli": {
        *("__init__", "contour_answers", "errors", "fhir", "identity", "mapping"),
        *("rtstruct", "serve"),
    },
}

# A library that only some may know -> those.
CONFINED = {
    "orthanc": {"main"},
    "pydicom": {"dicom_values", "terminology"},
    "sqlalchemy": {"store.schema"} | STORE,
    "fhir": {"r5_model"},  # fhir.resources
    "pydantic": {"r5_model", "decimal_strings"},
    "psycopg": {"store.engine"},
}

MODULES = {
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(
        ".__init__"
    ): path
    for path in sorted(PACKAGE.rglob("*.py"))
}


def imports_of(module):
    """The dotted names that a module imports, the relative ones made absolute."""
    path = MODULES.get(module, PLUGIN / f"{module}.py")
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = ["imaging_selection", *module.split(".")][: -node.level or None]
            start = ".".join(above) if node.level else ""
            origin = ".".join(filter(None, [start, node.module]))
            yield origin
            yield from (f"{origin}.{alias.name}" for alias in node.names)


def siblings_of(module):
    """The modules of the package that a module imports."""
    for name in imports_of(module):
        inner = name.removeprefix("imaging_selection.")
        if inner in MODULES and inner != name:
            yield inner
        elif name == "imaging_selection.__version__":
            yield "__init__"


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_only_what_its_layer_may(module):
    assert module in ALLOWED, "say in this table what the new module may import"
    assert set(siblings_of(module)) - {"store"} <= ALLOWED[module]


@pytest.mark.parametrize("library", CONFINED)
def test_a_library_is_known_only_where_it_belongs(library):
    importers = {
        module
        for module in ("main", *MODULES)
        for name in imports_of(module)
        if name.partition(".")[0] == library
    }
    assert importers <= CONFINED[library]


def test_nothing_but_the_script_lies_beside_the_package():
    # Orthanc puts this folder first in sys.path: a queue.py here would hide Python's.
    assert [path.name for path in PLUGIN.glob("*.py")] == ["main.py"]


def test_the_script_needs_the_glue_and_orthanc_alone():
    assert set(imports_of("main")) - {"json", "typing", "typing.Any"} == {
        "orthanc",
        "imaging_selection.orthanc_glue",
        "imaging_selection.orthanc_glue.install",
    }


def test_no_module_reads_the_environment_but_to_pass_it_on():
    readers = {
        module
        for module, path in MODULES.items()
        if "os.environ" in path.read_text() or "getenv" in path.read_text()
    }
    assert readers <= {"serve"}
