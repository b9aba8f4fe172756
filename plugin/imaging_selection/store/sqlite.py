"""SQLite: its connections, and its file.

Others can delete, replace, cut or damage the file while the plugin runs. SQLite itself
would continue to write into a file that no longer has a name.
"""

from __future__ import annotations

import logging
import sqlite3
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from sqlalchemy import create_engine, event

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from sqlalchemy import Compiled, Connection, Engine

log = logging.getLogger(__name__)

# The name of the file if the configuration names none.
SQLITE_FILE = "imaging-selection.db"
# The execution option with the statement that begins a transaction; empty: none.
BEGIN = "imaging_selection_begin"

# "ImSl", in the header of each file of this plugin (sqlite.org/fileformat.html 1.3.14).
_APPLICATION_ID = 0x496D536C
_APPLICATION_ID_OFFSET = 68
_BUSY_MILLISECONDS = 2000
DriverError = sqlite3.Error
# Instructions of SQLite's virtual machine between two looks at the time: some ten
# milliseconds. More often, a long search would compete for the interpreter.
_INSTRUCTIONS = 200_000


def create_sqlite_engine(url: str, is_over: Callable[[], bool]) -> Engine:
    """Return an engine; the file is created at first use.

    Parameters
    ----------
    is_over
        Returns whether to interrupt the statement that runs on the present thread.
    """
    engine = create_engine(url)
    event.listen(engine, "connect", _prepare)
    event.listen(
        engine,
        "connect",
        lambda each, _: each.set_progress_handler(is_over, _INSTRUCTIONS),
    )
    event.listen(engine, "begin", _begin)
    return engine


def _prepare(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # the driver sends no BEGIN: see `_begin`
    connection.execute(f"PRAGMA busy_timeout={_BUSY_MILLISECONDS}").close()
    _write_ahead(connection)
    for pragma in (
        # Sync only at checkpoints. A power failure may lose the last transactions; the
        # plugin then converts those files again.
        "synchronous=NORMAL",
        "journal_size_limit=4194304",  # release the space after a large transaction
        "secure_delete=ON",  # overwrite what Orthanc deleted
    ):
        connection.execute(f"PRAGMA {pragma}").close()


def _write_ahead(connection: Any) -> None:
    """Let readers continue while the worker writes.

    SQLite itself does not wait for another connection that sets the same mode.
    """
    until = time.monotonic() + _BUSY_MILLISECONDS / 1000
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL").close()
        except sqlite3.OperationalError as error:
            is_busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
            if not is_busy or time.monotonic() > until:
                raise
            time.sleep(0.005)
        else:
            return


def _begin(connection: Connection) -> None:
    # The BEGIN of the driver comes too late for a consistent read before a write.
    if statement := connection.get_execution_options().get(BEGIN, "BEGIN"):
        connection.exec_driver_sql(statement)


def mark_sqlite_file(connection: Connection) -> None:
    """Mark the file as one of this plugin."""
    connection.exec_driver_sql(f"PRAGMA application_id = {_APPLICATION_ID}")


class Prepared:
    """A SELECT for the driver itself.

    SQLAlchemy takes longer to execute a statement than SQLite takes for a page.
    """

    def __init__(self, compiled: Compiled) -> None:
        self._sql = str(compiled)
        names: list[str] = compiled.positiontup  # type: ignore[attr-defined]
        self._parameters = [(name, compiled.params[name]) for name in names]

    def rows(self, connection: Connection, values: Mapping[str, Any]) -> list[Any]:
        """Execute it; the rows are plain tuples, in the types of the driver."""
        arguments = [values.get(name, default) for name, default in self._parameters]
        driver: Any = connection.connection.driver_connection
        found: list[Any] = driver.execute(self._sql, arguments).fetchall()
        return found


class SqliteFile:
    """Watches the file, and renames a damaged one."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._inode: int | None = None
        self._size = 0
        self._was_used = False

    def watch(self) -> None:
        """Save the present state of the file for comparison."""
        self._was_used = True
        with suppress(OSError):
            found = self._path.stat()
            self._inode, self._size = found.st_ino, found.st_size

    def was_replaced(self) -> bool:
        """Return whether this is another file than before; rename one that was cut."""
        if self._inode is None:
            return False
        try:
            found = self._path.stat()
        except OSError:
            self._inode = None
            return True
        if found.st_ino != self._inode:
            self._inode = None
            return True
        if found.st_size < self._size:  # not by this plugin: it does not use VACUUM
            self.set_aside()
            return True
        self._size = found.st_size
        return False

    def set_aside(self) -> None:
        """Rename a damaged file, so that the plugin creates a new one.

        A file that is not of this plugin stays as it is: the configured path may be
        wrong.
        """
        if not self._is_own():
            log.error("the configured file is no store of this plugin; left as it is")
            return
        aside = self._path.with_name(self._path.name + ".damaged")
        log.warning(
            "the store is damaged: renamed to %s, and created again", aside.name
        )
        self._inode = None
        try:
            self._path.replace(aside)
            for suffix in ("-wal", "-shm"):
                self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
        except OSError as error:
            log.warning("cannot rename the damaged store (%s)", error.strerror)

    def _is_own(self) -> bool:
        if self._was_used or self._path.name == SQLITE_FILE:
            return True
        try:
            with self._path.open("rb") as file:
                file.seek(_APPLICATION_ID_OFFSET)
                return file.read(4) == _APPLICATION_ID.to_bytes(4, "big")
        except OSError:
            return False
