"""A database URL becomes a `Database`: connections, schema, and the two dialects.

Everything that differs between SQLite and PostgreSQL is in this file.
"""

from __future__ import annotations

import hashlib
import logging
import sqlite3
import threading
import time
from collections import deque
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    bindparam,
    create_engine,
    delete,
    event,
    insert,
    inspect,
    make_url,
    select,
    text,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import (
    ArgumentError,
    DataError,
    DBAPIError,
    IntegrityError,
    SQLAlchemyError,
)
from sqlalchemy.schema import CreateSchema, CreateTable

from imaging_selection.errors import ConfigError, RefusedError, StoreError
from imaging_selection.store.schema import (
    METADATA,
    SCHEMA_VERSION,
    SELECTIONS,
    STORE,
    STRUCTURE_SETS,
)
from imaging_selection.store.sqlite_file import APPLICATION_ID, SqliteFile

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sqlalchemy import Connection, Engine, Executable, Row, Select, Table

log = logging.getLogger(__name__)

POSTGRESQL_SCHEMA = "imaging_selection"

_BEGIN = "imaging_selection_begin"  # what SQLite is told when a transaction begins
_VERSION = "schema version"
_SHAPE = "shape of "
_KEPT = 4  # connections that stay open to read from SQLite
_BUSY_MILLISECONDS = 2000
_PATIENCE = 4  # seconds for others that are trying to reach the store
_LOCK = 1130471  # any number, as long as every node takes the same
_CORRUPT, _NOT_A_DATABASE, _SHORT_READ = 11, 26, 522  # sqlite.org/rescode.html

# libpq: a server that is gone is found out within seconds, not the two hours of TCP.
_POSTGRESQL_DEFAULTS: Mapping[str, Any] = {
    "application_name": "orthanc-imaging-selection",
    "connect_timeout": 3,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15000,  # milliseconds, as the three below
    "options": "-c statement_timeout=30000 -c lock_timeout=10000"
    " -c idle_in_transaction_session_timeout=60000",
}


class Database:
    """Connections to the store, its schema made at first use.

    A store that cannot be reached now may be back later: nothing is remembered of a
    failure, each call tries anew.

    Parameters
    ----------
    url
        `sqlite:////path/file.db`, or `postgresql://…` as libpq reads it.

    Attributes
    ----------
    generation
        Grows when the ledger was found empty or made anew: what was known of it is
        then void.
    """

    def __init__(self, url: str) -> None:
        self._file: SqliteFile | None = None
        try:
            if url.startswith("sqlite"):
                self._engine = _sqlite(url)
                name = make_url(url).database
                self._file = SqliteFile(Path(name)) if name else None
            else:
                self._engine = _postgresql(url)
        except (ArgumentError, ImportError, ValueError) as cause:
            raise ConfigError(
                ("ImagingSelection.DatabaseUrl is no usable database URL",)
            ) from cause
        self._idle: deque[Connection] = deque()
        self._reading = self._engine.execution_options(**{_BEGIN: ""})
        self._writing = self._engine.execution_options(**{_BEGIN: "BEGIN IMMEDIATE"})
        self.generation = 0
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
        RefusedError
            The database is well, and will never take these values.
        """
        try:
            self._prepare()
            with (self._writing if writes else self._engine).begin() as connection:
                yield connection
        except SQLAlchemyError as cause:
            raise self._error_of(cause) from None

    def ping(self) -> None:
        """Raise StoreError when the store does not answer."""
        with self.transaction() as connection:
            connection.execute(text("SELECT 1"))

    def rows(
        self, statement: Select[Any], values: Mapping[str, Any] | None = None
    ) -> Sequence[Row[Any]]:
        """Run one SELECT: that sees one state of the store without a transaction.

        Raises
        ------
        StoreError, RefusedError
            As of `transaction`.
        """
        try:
            self._prepare()
            with self._reader() as connection:
                return connection.execute(statement, values).all()
        except SQLAlchemyError as cause:
            raise self._error_of(cause) from None

    @contextmanager
    def _reader(self) -> Iterator[Connection]:
        """Lend a connection; those of SQLite stay open, as opening takes longer."""
        if self._file is None:
            with self._reading.connect() as connection:
                yield connection
            return
        idle = self._idle  # what is lent while all is closed returns to this old one
        try:
            connection = idle.pop()
        except IndexError:
            connection = self._reading.connect()
        try:
            yield connection
        except BaseException:
            connection.close()
            raise
        if len(idle) < _KEPT:  # the pool has a bound, and others draw from it, too
            idle.append(connection)
        else:
            connection.close()

    def close(self) -> None:
        """Give every connection back."""
        idle, self._idle = self._idle, deque()
        with suppress(IndexError):  # others may take from it, or give back, meanwhile
            while True:
                idle.pop().close()
        self._engine.dispose()

    def _prepare(self) -> None:
        if not self._lock.acquire(timeout=_PATIENCE):  # others are trying already
            raise StoreError("the store does not answer (out of reach)")
        try:
            if self._file is not None and self._file.was_replaced():
                log.warning("the file of the store was deleted, replaced or cut short")
                self.close()
                self._ready = False
            if not self._ready:
                if _make_schema(self._engine):
                    self.generation += 1
                self._ready = True
                if self._file is not None:
                    self._file.look()
        finally:
            self._lock.release()

    def _error_of(self, cause: SQLAlchemyError) -> StoreError | RefusedError:
        # The driver's text may repeat the values of a statement: named by its kind.
        if _is_refusal(cause):
            return RefusedError(
                f"the store refuses the content ({type(cause).__name__})"
            )
        self._doubt(cause)
        return StoreError(f"the store does not answer ({type(cause).__name__})")

    def _doubt(self, cause: SQLAlchemyError) -> None:
        """Begin anew at the next call; a damaged file is out of its way by then."""
        with self._lock:
            self._ready = False
            self.close()
            if self._file is not None and _is_damage(cause):
                self._file.set_aside()


def upsert(connection: Connection, table: Table, values: Mapping[str, Any]) -> None:
    """Insert a row, or write it over the one of the same primary key.

    In PostgreSQL whoever comes second waits here for the first to commit.
    """
    is_postgresql = connection.dialect.name == "postgresql"
    statement = _upsert(table, tuple(values), is_postgresql=is_postgresql)
    connection.execute(statement, values)


@cache
def _upsert(table: Table, names: tuple[str, ...], *, is_postgresql: bool) -> Executable:
    dialect = postgresql if is_postgresql else sqlite
    statement = dialect.insert(table).values({name: bindparam(name) for name in names})
    others = {name: statement.excluded[name] for name in names}
    key = list(table.primary_key.columns)
    upserted: Executable = statement.on_conflict_do_update(
        index_elements=key, set_=others
    )
    return upserted


def _sqlite(url: str) -> Engine:
    engine = create_engine(url)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves: see below
    connection.execute(f"PRAGMA busy_timeout={_BUSY_MILLISECONDS}").close()
    _write_ahead(connection)
    for pragma in (
        # Nothing is synced but when the log is moved into the file: on power loss the
        # last transactions may go, ledger and place with them, and are made again.
        "synchronous=NORMAL",
        "journal_size_limit=4194304",  # a large structure set does not keep the room
        "secure_delete=ON",  # what Orthanc deleted is not to be found in the file
    ):
        connection.execute(f"PRAGMA {pragma}").close()


def _write_ahead(connection: Any) -> None:
    """Have readers go on while the worker writes.

    SQLite itself does not wait for another connection that is switching, too.
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


def _begin_sqlite(connection: Any) -> None:
    # The driver's own BEGIN comes too late for a consistent read before a write.
    if statement := connection.get_execution_options().get(_BEGIN, "BEGIN"):
        connection.exec_driver_sql(statement)


def _is_refusal(cause: SQLAlchemyError) -> bool:
    """Tell whether the same would be refused again, and all else would not."""
    if isinstance(cause, DataError | IntegrityError):
        return True
    original = cause.orig if isinstance(cause, DBAPIError) else None
    # PostgreSQL's class of "program limit exceeded": a value too long for an index.
    return str(getattr(original, "sqlstate", None)).startswith("54")


def _is_damage(cause: SQLAlchemyError) -> bool:
    original = cause.orig if isinstance(cause, DBAPIError) else None
    code = getattr(original, "sqlite_errorcode", 0)
    return code & 0xFF in {_CORRUPT, _NOT_A_DATABASE} or code == _SHORT_READ


def _postgresql(url: str) -> Engine:
    # libpq reads its own URLs (several hosts, odd characters): SQLAlchemy sees none.
    from psycopg import Error, conninfo  # noqa: PLC0415 - 50 ms, for this dialect alone

    plain = url.replace("postgresql+psycopg://", "postgresql://", 1)
    try:
        given = conninfo.conninfo_to_dict(plain)
        if not given:
            raise ArgumentError("an empty connection string")
        if "+" in plain.partition("://")[0]:
            raise ArgumentError("another driver")
    except Error as cause:
        raise ArgumentError("no libpq connection string") from cause
    engine = create_engine(
        "postgresql+psycopg://",
        connect_args={**_POSTGRESQL_DEFAULTS, **given},
        pool_pre_ping=True,  # a restart of the server goes unnoticed
        pool_recycle=3600,
        max_overflow=15,
    )
    return engine.execution_options(schema_translate_map={None: POSTGRESQL_SCHEMA})


def _make_schema(engine: Engine) -> bool:
    """Make whatever table is missing or has another shape.

    Tables of the present shape stay as they are, so that what they hold goes on being
    served; only the ledger is emptied, when anything else than itself was made.

    Returns
    -------
    bool
        Whether the ledger is empty, or was emptied: all is to be converted again.
    """
    with engine.begin() as connection:  # most often there is nothing to write
        if _is_made(connection):
            return _is_ledger_empty(connection)
    with engine.execution_options(**{_BEGIN: "BEGIN IMMEDIATE"}).begin() as connection:
        if connection.dialect.name == "postgresql":
            # Two nodes may start at the same moment.
            connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
            connection.execute(CreateSchema(POSTGRESQL_SCHEMA, if_not_exists=True))
        else:
            connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")
        if _is_made(connection):
            return _is_ledger_empty(connection)
        if _present(connection) & METADATA.tables.keys():
            log.warning("the store has another schema: it is made again from Orthanc")
        wanted = _shapes(connection)
        _drop_the_misshapen(connection, _remembered(connection), wanted)
        METADATA.create_all(connection)
        connection.execute(delete(STRUCTURE_SETS))
        connection.execute(delete(STORE))
        connection.execute(
            insert(STORE),
            [{"name": name, "value": value} for name, value in wanted.items()],
        )
        return True


def _is_made(connection: Connection) -> bool:
    found = _remembered(connection)
    if int(found.get(_VERSION, 0)) > SCHEMA_VERSION:
        raise StoreError(
            "the store was made by a newer version of the plugin: install that,"
            " or give this one another DatabaseUrl"
        )
    is_complete = _present(connection) >= METADATA.tables.keys()
    return is_complete and found == _shapes(connection)


def _is_ledger_empty(connection: Connection) -> bool:
    first = connection.execute(select(STRUCTURE_SETS.c.orthanc_id).limit(1)).first()
    return first is None


def _drop_the_misshapen(
    connection: Connection, found: Mapping[str, str], wanted: Mapping[str, str]
) -> None:
    wrong = [
        table
        for table in METADATA.sorted_tables
        if found.get(_SHAPE + table.name) != wanted[_SHAPE + table.name]
    ]
    if SELECTIONS in wrong:  # its keys begin anew: no row may point to the old ones
        wrong = METADATA.sorted_tables
    METADATA.drop_all(connection, wrong)


def _schema_of(connection: Connection) -> str | None:
    return POSTGRESQL_SCHEMA if connection.dialect.name == "postgresql" else None


def _present(connection: Connection) -> set[str]:
    """Name the tables that are there."""
    return set(inspect(connection).get_table_names(schema=_schema_of(connection)))


def _remembered(connection: Connection) -> dict[str, str]:
    """Recall the schema as it was made, in the form of `_shapes`."""
    if STORE.name not in _present(connection):
        return {}
    columns = inspect(connection).get_columns(STORE.name, _schema_of(connection))
    if {column["name"] for column in columns} != set(STORE.columns.keys()):
        return {}
    rows = connection.execute(select(STORE.c.name, STORE.c.value))
    return {
        row.name: row.value
        for row in rows
        if row.name == _VERSION or row.name.startswith(_SHAPE)
    }


def _shapes(connection: Connection) -> dict[str, str]:
    """Name the schema as it should be: its version, and each table's definition."""
    shapes = {_VERSION: str(SCHEMA_VERSION)}
    for table in METADATA.sorted_tables:
        parts = [str(CreateTable(table).compile(dialect=connection.dialect))]
        parts += sorted(
            f"{index.name} {index.unique} {[str(each) for each in index.expressions]}"
            for index in table.indexes
        )
        digest = hashlib.sha256("\n".join(parts).encode()).hexdigest()
        shapes[_SHAPE + table.name] = digest
    return shapes
