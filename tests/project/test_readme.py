"""The README names all that a user can set, ask for and run: no more and no less."""

import re
from pathlib import Path

from imaging_selection.host.config import KEYS, Settings
from imaging_selection.search.parameters import PARAMETERS

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def section(title):
    """The text below a heading, up to the next one of any depth."""
    return re.split(r"^#+ ", README.split(f"# {title}\n", 1)[1], flags=re.MULTILINE)[0]


def first_cells(text):
    return re.findall(r"^\| `([^`]+)`", text, flags=re.MULTILINE)


def test_the_table_of_keys_is_that_of_the_configuration():
    assert first_cells(section("Configure")) == list(KEYS)


def test_the_defaults_are_the_real_ones():
    rows = dict(re.findall(r"^\| `(\w+)` \| `([^`]+)` \|", README, flags=re.MULTILINE))
    defaults = {name: each.default for name, each in Settings.model_fields.items()}
    for key, written in rows.items():
        expected = defaults[KEYS[key]]
        shown = {True: "true", False: "false"}.get(expected, expected)
        if isinstance(shown, tuple):
            shown = "[" + ", ".join(f'"{each}"' for each in shown) + "]"
        assert written.strip('"') == str(shown), key


def test_the_table_of_search_parameters_is_that_of_the_search():
    assert first_cells(section("Routes").split("| search parameter |")[1]) == list(
        PARAMETERS
    )


def test_the_commands_are_those_of_the_makefile():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", makefile, flags=re.MULTILINE))
    named = set(re.findall(r"make ([a-z]+)", README))

    assert named <= targets
    assert targets - named == {"develop", "clean"}  # steps of the others
