"""A database URL becomes a `Database`: connections, schema, and the two dialects.

Everything that differs between SQLite and PostgreSQL is in this file.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import create_engine, event, insert, inspect, select
from sqlalchemy.exc import ArgumentError, DisconnectionError, SQLAlchemyError

from imaging_selection.errors import ConfigError, StoreError
from imaging_selection.store.schema import METADATA, SCHEMA_VERSION, STORE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection, Engine

_WRITES = "imaging_selection_writes"
_FILE = "imaging_selection_file"


class Database:
    """Connections to the store, its schema made at first use.

    A store that cannot be reached now may be back later: nothing is remembered of a
    failure, each call tries anew.

    Parameters
    ----------
    url
        SQLAlchemy URL: `sqlite:////path/file.db` or `postgresql+psycopg://…`.
    """

    def __init__(self, url: str) -> None:
        try:
            self._engine = _engine(url)
        except (ArgumentError, ImportError, ValueError) as cause:
            raise ConfigError(
                ("ImagingSelection.DatabaseUrl is no usable database URL",)
            ) from cause
        self._ready = False
        self._lock = threading.Lock()

    @property
    def kind(self) -> str:
        """`sqlite` or `postgresql`."""
        return self._engine.dialect.name

    @contextmanager
    def transaction(self, *, writes: bool = False) -> Iterator[Connection]:
        """One transaction: committed at the end, rolled back on any error.

        Parameters
        ----------
        writes
            Take the right to write at once: of two transactions that read first and
            write later, SQLite would refuse the second.

        Raises
        ------
        StoreError
            The database is out of reach, locked for too long, full, or damaged.
        """
        try:
            with self._lock:
                if not self._ready:
                    _make_schema(self._engine)
                    self._ready = True
            engine = self._engine.execution_options(**{_WRITES: writes})
            with engine.begin() as connection:
                yield connection
        except SQLAlchemyError as cause:
            self._ready = False  # the file may have been replaced under us
            # The driver's text may repeat the values of a statement: named by its kind.
            raise StoreError(
                f"the store does not answer ({type(cause).__name__})"
            ) from None

    def close(self) -> None:
        """Give every connection back."""
        self._engine.dispose()


def _engine(url: str) -> Engine:
    engine = create_engine(url, pool_pre_ping=not url.startswith("sqlite"))
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "connect", partial(_note_file, engine.url.database))
        event.listen(engine, "checkout", partial(_check_file, engine.url.database))
        event.listen(engine, "begin", _begin_sqlite)
    elif engine.dialect.name != "postgresql":
        raise ArgumentError(engine.dialect.name)
    return engine


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves: see below
    for pragma in (
        "journal_mode=WAL",  # readers go on while the worker writes
        "synchronous=NORMAL",  # no corruption on power loss; the sweep mends the rest
        "busy_timeout=10000",  # milliseconds
        "secure_delete=ON",  # what Orthanc deleted is not to be found in the file
    ):
        connection.execute(f"PRAGMA {pragma}").close()


def _file_of(path: str | None) -> tuple[int, int] | None:
    try:
        found = Path(path).stat() if path else None
    except OSError:
        return None
    return found and (found.st_dev, found.st_ino)


def _note_file(path: str | None, _connection: Any, record: Any) -> None:
    record.info[_FILE] = _file_of(path)


def _check_file(path: str | None, _connection: Any, record: Any, _proxy: Any) -> None:
    # A connection would go on, and write into a file that nobody can find any more.
    if record.info[_FILE] != _file_of(path):
        raise DisconnectionError  # the pool connects anew


def _begin_sqlite(connection: Any) -> None:
    # The driver's own BEGIN comes too late for a consistent read before a write.
    writes = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _make_schema(engine: Engine) -> None:
    with engine.execution_options(**{_WRITES: True}).begin() as connection:
        if inspect(connection).has_table(STORE.name):
            if connection.scalar(select(STORE.c.schema_version)) == SCHEMA_VERSION:
                return
            METADATA.drop_all(connection)
        METADATA.create_all(connection)
        connection.execute(insert(STORE).values(schema_version=SCHEMA_VERSION))
