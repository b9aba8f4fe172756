"""An empty store with its tables, made once: to copy a file takes less time."""

import shutil
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from imaging_selection.store.engine import Database
from imaging_selection.store.ledger import Ledger


def sqlite_url(path):
    """Put an empty store at a path; return its URL."""
    shutil.copyfile(_made()[1], path)
    return f"sqlite:///{path}"


@cache
def _made():
    """Return a folder, which lasts as long as it is referred to, and the file in it."""
    folder = TemporaryDirectory()
    path = Path(folder.name) / "store.db"
    database = Database(f"sqlite:///{path}")
    assert Ledger(database).read("unknown") is None
    database.close()
    return folder, path
