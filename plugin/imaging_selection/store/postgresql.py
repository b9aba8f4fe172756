"""PostgreSQL: its connections."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import create_engine, text
from sqlalchemy.exc import ArgumentError
from sqlalchemy.schema import CreateSchema

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection, Engine

POSTGRESQL_SCHEMA = "imaging_selection"

_LOCK = 1130471  # any number; each node uses the same

# With these, libpq detects within seconds that a server is gone; TCP needs two hours.
_DEFAULTS: Mapping[str, Any] = {
    "application_name": "orthanc-imaging-selection",
    "connect_timeout": 3,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15000,  # milliseconds, as the three below
    "options": "-c statement_timeout=30000 -c lock_timeout=10000"
    " -c idle_in_transaction_session_timeout=60000",
}


def create_postgresql_engine(url: str) -> Engine:
    """Return an engine. libpq parses the URL, which may name several hosts.

    Raises
    ------
    ArgumentError
        The URL is malformed, or names another driver.
    """
    from psycopg import Error, conninfo  # noqa: PLC0415 - takes 50 ms

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
        connect_args={**_DEFAULTS, **given},
        pool_pre_ping=True,  # replaces the connections that a server's restart closed
        pool_recycle=3600,
        max_overflow=15,
    )
    return engine.execution_options(schema_translate_map={None: POSTGRESQL_SCHEMA})


def lock_postgresql_schema(connection: Connection) -> None:
    """Wait until no other node creates the tables; create their schema."""
    connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
    connection.execute(CreateSchema(POSTGRESQL_SCHEMA, if_not_exists=True))


def limit_statements(connection: Connection, seconds: float) -> None:
    """End each further statement of the present transaction after some seconds."""
    milliseconds = max(1, round(seconds * 1000))
    connection.exec_driver_sql(f"SET LOCAL statement_timeout = {milliseconds}")
