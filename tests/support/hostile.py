"""Structure sets that were made to do harm, from the generator beside the project."""

import importlib.util
import sys
from functools import cache

import pytest
from support.paths import HOSTILE


@cache
def _makers():
    sys.path.insert(0, str(HOSTILE))
    try:
        spec = importlib.util.spec_from_file_location("hostile", HOSTILE / "cases.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(HOSTILE))
    return module.big()


def make_hostile(name):
    """Make a file by its name; skip where there is no generator."""
    if not (HOSTILE / "cases.py").exists():
        pytest.skip("no generator of hostile files")
    return _makers()[name]()


def hostile_names():
    """Return the names of the files; none where there is no generator."""
    return [*_makers()] if (HOSTILE / "cases.py").exists() else []
