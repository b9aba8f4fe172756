"""The documentation names all that a user can set, request and run, and no more."""

import re
import time

import pytest
from imaging_selection import cli
from imaging_selection.api.bulk_export import BulkExport
from imaging_selection.api.router import Api
from imaging_selection.dicom.findings import FINDING_KINDS
from imaging_selection.host.callbacks import install
from imaging_selection.host.config import KEYS, Settings
from imaging_selection.search.parameters import SORTABLE, STORED, TYPES
from imaging_selection.viewer.routes import PageHandlers
from support.fake_orthanc import FakeOrthanc
from support.paths import ROOT
from unit.test_layers import ALLOWED, ANYTHING, FOR_ALL

PACKAGE = ROOT / "plugin" / "imaging_selection"
PAGES = {
    str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
    for path in (
        *ROOT.glob("*.md"),
        *ROOT.glob("docs/*.md"),
        *ROOT.glob("tests/*/*.md"),
    )
}
MAXIMUM_LINES_OF_README = 120
PATIENCE = 30  # seconds


def rows(page, first_column):
    """The rows, as lists of cells, of all tables whose first column has this title."""
    for block in PAGES[page].split("\n\n"):
        lines = [line[1:-1].split(" | ") for line in block.splitlines() if line]
        if lines[0][0].strip() == first_column:
            yield from ([cell.strip() for cell in line] for line in lines[2:])


def quoted(text):
    return re.findall(r"`([^`]+)`", text)


def first_names(page, first_column):
    return [name for row in rows(page, first_column) for name in quoted(row[0])]


@pytest.fixture
def host(tmp_path):
    host = FakeOrthanc({"IndexDirectory": str(tmp_path)})
    install(host.module, host.program)
    host.start()
    yield host
    host.stop()


def test_every_page_is_in_the_list_of_the_readme():
    listed = re.findall(
        r"^\| \[[^]]+\]\((docs/\S+)\)", PAGES["README.md"], re.MULTILINE
    )

    assert sorted(listed) == sorted(page for page in PAGES if page.startswith("docs/"))


def test_the_readme_is_short():
    assert len(PAGES["README.md"].splitlines()) <= MAXIMUM_LINES_OF_README


def anchor_of(heading):
    """The name of a heading in links, as GitHub makes it."""
    text = re.sub(r"[^\w\- ]", "", heading.lower())
    return text.replace(" ", "-")


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_to_a_file_and_a_heading(page):
    text = re.sub(r"```.*?```", "", PAGES[page], flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith(("http://", "https://")):
            continue
        path, _, anchor = target.partition("#")
        file = ((ROOT / page).parent / path).resolve() if path else ROOT / page
        assert file.is_file(), target
        if anchor:
            headings = re.findall(r"^#+ (.*)$", file.read_text("utf-8"), re.MULTILINE)
            assert anchor in map(anchor_of, headings), target


@pytest.mark.parametrize("page", PAGES)
def test_no_page_names_a_document_outside_the_repository(page):
    text = PAGES[page].replace("../shared/rtstruct", "")  # data, where there is any

    assert not re.findall(r"DESIGN|STYLE|PITFALLS|STANDARDS|shared/|issue \d", text)


def test_the_table_of_keys_is_that_of_the_configuration():
    assert first_names("docs/configuration.md", "key") == list(KEYS)


def test_the_defaults_are_the_real_ones():
    defaults = {name: each.default for name, each in Settings.model_fields.items()}
    for key, default, _ in rows("docs/configuration.md", "key"):
        expected = defaults[KEYS[quoted(key)[0]]]
        written = re.fullmatch("`([^`]+)`", default)
        if written is None:
            assert expected in {None, ()}, key
            continue
        shown = {True: "true", False: "false"}.get(expected, expected)
        if isinstance(shown, tuple):
            shown = "[" + ", ".join(f'"{each}"' for each in shown) + "]"
        assert written[1].strip('"') == str(shown), key


def test_the_variables_of_make_run_are_those_of_the_makefile():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for variable, default, _ in rows("docs/configuration.md", "variable"):
        value = "" if default == "none" else quoted(default)[0]
        pattern = rf"^{quoted(variable)[0]} *\?= *{value}$"
        assert re.search(pattern, makefile, re.MULTILINE), variable


@pytest.mark.parametrize("kind", STORED)
def test_the_tables_of_search_parameters_are_those_of_the_search(kind):
    written = list(rows("docs/fhir-api.md", f"search parameter of {kind}"))

    assert written == [
        [f"`{each.name}`", each.type.value, each.documentation]
        for each in TYPES[kind].values()
    ]


def test_the_parameters_that_sort_are_those_of_the_search():
    (sort,) = (
        row for row in rows("docs/fhir-api.md", "parameter") if row[0] == "`_sort`"
    )

    every = {name for names in SORTABLE.values() for name in names}
    assert set(quoted(sort[1])) - {"-", "_sort", *SORTABLE} == every


def test_the_tables_of_routes_are_those_of_the_api_and_of_the_pages():
    handlers = PageHandlers(
        None, None, None, describe=None, fhir_root="/fhir", levels=()
    )
    exports = [BulkExport(None, Settings(), each) for each in ("5.0", "4.0")]
    pages = [*handlers.routes(), *(each for e in exports for each in e.routes())]
    api = Api(None, None, None, Settings(), further_routes=pages)
    served = {f"{each.method} {each.path.rstrip('/')}" for each in api.routes}
    written = [each.rstrip("/") for each in first_names("docs/fhir-api.md", "route")]

    assert len(written) == len({*written})
    assert {*written} == served


def test_the_fields_of_the_status_are_those_of_the_answer(host):
    status = host.get("/imaging-selection/status").json

    assert first_names("docs/operations.md", "field") == list(status)


def test_the_metrics_are_those_that_orthanc_gets(host):
    deadline = time.monotonic() + PATIENCE
    while not host.metrics and time.monotonic() < deadline:
        time.sleep(0.01)  # they are published by the worker

    named = set(re.findall(r"`(imaging_selection_\w+)`", PAGES["docs/operations.md"]))
    assert named == set(host.metrics)


def test_the_table_of_findings_is_that_of_the_reader():
    written = list(rows("docs/mapping.md", "finding"))

    assert written == [
        [f"`{code}`", kind.severity.value, kind.display]
        for code, kind in FINDING_KINDS.items()
    ]


def test_the_extensions_are_those_that_are_defined():
    named = first_names("docs/mapping.md", "extension")
    files = (PACKAGE / "data").glob("StructureDefinition-*.json")
    defined = {path.stem.partition("-")[2] for path in files}

    assert sorted(named) == sorted(defined - {"region-in-space"})  # the profile


def test_the_options_of_convert_are_those_of_the_command(capsys):
    with pytest.raises(SystemExit):
        cli.main(["convert", "--help"])
    known = set(re.findall(r"^ +(--[\w-]+)", capsys.readouterr().out, re.MULTILINE))

    assert set(first_names("docs/mapping.md", "option")) == known


def test_the_commands_are_those_of_the_makefile():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    listed = {name.split()[1] for name in first_names("docs/develop.md", "command")}
    named = {
        name for text in PAGES.values() for name in re.findall("`make (\\w+)", text)
    }

    assert listed == targets - {"venv", "tools", "develop"}  # steps of the others
    assert named <= listed


def test_the_map_of_the_packages_is_the_rule_of_the_layers():
    page = "docs/develop.md"
    written = {
        name: set(quoted(may_import))
        for names, _, may_import in [*rows(page, "package"), *rows(page, "module")]
        for name in quoted(names)
    }

    nothing = {name: set() for name in ANYTHING | FOR_ALL}  # the table says it in words
    assert written == nothing | ALLOWED


def test_each_change_of_a_newcomer_has_one_room():
    answers = {what: quoted(where) for what, where in rows("docs/develop.md", "what")}

    assert [what.split()[-1] for what in answers] == [
        *("system", "parameter", "finding", "report", "route", "store"),
        "button",
    ]
    for what, where in answers.items():
        files = [name for name in where if "/" in name]
        assert all((PACKAGE / name).is_file() for name in files), what
        assert len({name.partition("/")[0] for name in files}) == 1, what


def test_the_folders_of_tests_exist():
    folders = set(first_names("docs/develop.md", "folder"))

    assert folders <= {str(path.relative_to(ROOT)) for path in ROOT.glob("tests/*")}
