"""Transactions on the store: connections, creation of the tables, errors.

No other module asks which database it is. `sqlite` and `postgresql` have what is
specific to one.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from contextlib import contextmanager, suppress
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from typing import cast as typed

from sqlalchemy import Float, bindparam, cast, extract, func, make_url, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from imaging_selection.errors import (
    ConfigError,
    RefusedError,
    StoreError,
    TooCostlyError,
)
from imaging_selection.store.creation import create_tables, is_created, is_ledger_empty
from imaging_selection.store.deadline import Deadline
from imaging_selection.store.failures import is_cut, is_damage, is_refusal
from imaging_selection.store.postgresql import (
    POSTGRESQL_SCHEMA,
    create_postgresql_engine,
    limit_statements,
    lock_postgresql_schema,
)
from imaging_selection.store.schema import STORE
from imaging_selection.store.sqlite import (
    BEGIN,
    DriverError,
    Prepared,
    SqliteFile,
    create_sqlite_engine,
    mark_sqlite_file,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from sqlalchemy import (
        ClauseElement,
        ColumnElement,
        Connection,
        Executable,
        Table,
    )

log = logging.getLogger(__name__)

_IDLE_CONNECTIONS = 4  # that stay open to read from SQLite
MAXIMUM_PREPARED = 1000  # statements; clients use far fewer
_LOCK_SECONDS = 4  # to wait for another thread that connects to the store

_JULIAN_DAY_OF_1970, _SECONDS_OF_A_DAY = 2440587.5, 86400

_ANY_ROW = select(STORE.c.name).limit(1)


class Database:
    """Connections to the store. It creates the tables at first use.

    After a failure each call tries again, because the database may be back.

    Parameters
    ----------
    url
        `sqlite:////path/file.db`, or `postgresql://…` in the syntax of libpq.
    search_seconds
        The time for all statements of one search.

    Attributes
    ----------
    generation
        Increases when the ledger is empty or created again: what was read before
        is then invalid.
    """

    def __init__(self, url: str, search_seconds: float = 10) -> None:
        self._search_seconds = search_seconds
        self._deadline = Deadline()
        self._file: SqliteFile | None = None
        self._schema: str | None = None
        try:
            if url.startswith("sqlite"):
                self._engine = create_sqlite_engine(url, self._deadline.is_over)
                name = make_url(url).database
                self._file = SqliteFile(Path(name)) if name else None
            else:
                self._engine = create_postgresql_engine(url)
                self._schema = POSTGRESQL_SCHEMA
        except (ArgumentError, ImportError, ValueError) as cause:
            raise ConfigError(
                ("ImagingSelection.DatabaseUrl is no usable database URL",)
            ) from cause
        self._prepared = lru_cache(MAXIMUM_PREPARED)(self._compile)
        self._idle: deque[Connection] = deque()
        self._reading = self._engine.execution_options(**{BEGIN: ""})
        self._writing = self._engine.execution_options(**{BEGIN: "BEGIN IMMEDIATE"})
        self.generation = 0
        self._ready = False
        self._lock = threading.Lock()

    @property
    def kind(self) -> str:
        """`sqlite` or `postgresql`."""
        return self._engine.dialect.name

    def limited(self) -> AbstractContextManager[None]:
        """Give the SELECTs of this thread one deadline: those of one search."""
        return self._deadline.limited(self._search_seconds)

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Run a transaction that writes: commit it, or roll it back on any error.

        It locks SQLite at its beginning. If two transactions read first and write
        later, SQLite would refuse the second.

        Raises
        ------
        StoreError
            The database is out of reach, locked for too long, full, or damaged.
        RefusedError
            The database works, but does not accept these values.
        """
        try:
            self._prepare()
            with self._writing.begin() as connection:
                yield connection
        except SQLAlchemyError as cause:
            raise self._handle(cause) from None

    def rows(
        self, statement: Executable, values: Mapping[str, Any] | None = None
    ) -> Sequence[Any]:
        """Run one SELECT, which needs no transaction for a consistent result.

        Raises
        ------
        StoreError, RefusedError
            As in `transaction`.
        TooCostlyError
            The deadline has passed: see `limited`.
        """
        with self._reading_connection() as connection:
            return connection.execute(statement, values).all()

    def tuples(
        self, statement: ClauseElement, values: Mapping[str, Any]
    ) -> Sequence[Any]:
        """Run one SELECT as `rows`, faster, if the same one runs often.

        The rows are plain tuples, in the types of the driver: SQLite has no booleans.
        """
        prepared = self._prepared(statement)
        if prepared is None:
            return self.rows(typed("Executable", statement), values)
        with self._reading_connection() as connection:
            return prepared.rows(connection, values)

    def _compile(self, statement: ClauseElement) -> Prepared | None:
        """Compile a SELECT for the driver; None if only SQLAlchemy can execute it."""
        if self._file is None:
            return None
        compiled = statement.compile(self._engine)
        has_lists = bool(getattr(compiled, "post_compile_params", ()))
        return None if has_lists else Prepared(compiled)

    @contextmanager
    def _reading_connection(self) -> Iterator[Connection]:
        """Lend a connection for one SELECT, within the deadline."""
        if self._deadline.is_over():
            raise self._too_costly()
        try:
            self._prepare()
            with self._reader() as connection:
                if self._schema is not None and self._deadline.is_set:
                    limit_statements(connection, self._deadline.remaining)
                yield connection
        except (SQLAlchemyError, DriverError) as cause:
            raise self._handle(cause) from None

    def ping(self) -> None:
        """Read a row of the store.

        Raises
        ------
        StoreError
            The store is out of reach.
        """
        self.rows(_ANY_ROW)

    @contextmanager
    def _reader(self) -> Iterator[Connection]:
        """Lend a connection. Those to SQLite stay open, because to open one is slow."""
        if self._file is None:
            with self._reading.connect() as connection:
                yield connection
            return
        idle = self._idle  # `close` replaces it: a connection returns to the old one
        try:
            connection = idle.pop()
        except IndexError:
            connection = self._reading.connect()
        try:
            yield connection
        except BaseException:
            connection.close()
            raise
        if len(idle) < _IDLE_CONNECTIONS:  # the pool is limited, and others need it
            idle.append(connection)
        else:
            connection.close()

    def close(self) -> None:
        """Close all connections."""
        idle, self._idle = self._idle, deque()
        with suppress(IndexError):  # other threads may take or return one meanwhile
            while True:
                idle.pop().close()
        self._engine.dispose()

    def _prepare(self) -> None:
        if not self._lock.acquire(timeout=_LOCK_SECONDS):
            raise StoreError("the store does not answer (out of reach)")
        try:
            if self._file is not None and self._file.was_replaced():
                log.warning("the file of the store was deleted, replaced or cut short")
                self.close()
                self._ready = False
            if not self._ready:
                if self._create():
                    self.generation += 1
                self._ready = True
                if self._file is not None:
                    self._file.watch()
        finally:
            self._lock.release()

    def _create(self) -> bool:
        """Create the tables if need be; return whether the ledger is empty then."""
        with self._engine.begin() as connection:  # usually there is nothing to write
            if is_created(connection, self._schema):
                return is_ledger_empty(connection)
        with self._writing.begin() as connection:
            if self._schema is None:
                mark_sqlite_file(connection)
            else:
                lock_postgresql_schema(connection)
            if not is_created(connection, self._schema):  # by another node meanwhile
                create_tables(connection, self._schema)
            return is_ledger_empty(connection)

    def _too_costly(self) -> TooCostlyError:
        return TooCostlyError(
            f"the search did not end within {self._search_seconds:g} seconds"
            " (SearchSeconds): name a patient, a study or a series, use fewer values,"
            " and do not ask for the total"
        )

    def _handle(
        self, cause: SQLAlchemyError | DriverError
    ) -> StoreError | RefusedError | TooCostlyError:
        """Return the error to raise; after an outage, have the next call connect."""
        if self._deadline.is_set and is_cut(cause):
            return self._too_costly()
        # The message of the driver may contain values: the error has only its class.
        name = type(cause).__name__
        if is_refusal(cause):
            return RefusedError(f"the store refuses the content ({name})")
        with self._lock:
            self._ready = False
            self.close()
            if self._file is not None and is_damage(cause):
                self._file.set_aside()
        return StoreError(f"the store does not answer ({name})")


def upsert(connection: Connection, table: Table, values: Mapping[str, Any]) -> None:
    """Insert a row, or replace the one with the same primary key.

    In PostgreSQL a second transaction waits here until the first has ended.
    """
    statement = _upsert(table, tuple(values), connection.dialect.name)
    connection.execute(statement, values)


def insert_of(table: Table, dialect: str) -> sqlite.Insert | postgresql.Insert:
    """Return an INSERT that can have an ON CONFLICT."""
    if dialect == "postgresql":
        return postgresql.insert(table)
    return sqlite.insert(table)


def seconds_now(connection: Connection) -> ColumnElement[float]:
    """Return the time by the clock of the database: seconds since 1970."""
    if connection.dialect.name == "postgresql":
        return cast(extract("epoch", func.clock_timestamp()), Float)
    return (func.julianday("now") - _JULIAN_DAY_OF_1970) * _SECONDS_OF_A_DAY


@cache
def _upsert(table: Table, names: tuple[str, ...], dialect: str) -> Executable:
    statement = insert_of(table, dialect).values(
        {name: bindparam(name) for name in names}
    )
    others = {name: statement.excluded[name] for name in names}
    key = list(table.primary_key.columns)
    upserted: Executable = statement.on_conflict_do_update(
        index_elements=key, set_=others
    )
    return upserted
