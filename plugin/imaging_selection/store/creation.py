"""Create the tables, and replace those that another version of the plugin created.

There are no migrations: the plugin converts everything again from Orthanc.
"""

from __future__ import annotations

import hashlib
import logging
from typing import TYPE_CHECKING

from sqlalchemy import delete, insert, inspect, select
from sqlalchemy.schema import CreateTable

from imaging_selection.errors import StoreError
from imaging_selection.store.schema import (
    KEPT,
    METADATA,
    SCHEMA_VERSION,
    SELECTIONS,
    STORE,
    STRUCTURE_SETS,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection

log = logging.getLogger(__name__)

_VERSION = "schema version"
_SHAPE = "shape of "


def is_created(connection: Connection, schema: str | None) -> bool:
    """Return whether all tables exist, as this version of the plugin creates them.

    Raises
    ------
    StoreError
        A newer version of the plugin created them.
    """
    saved = _saved_shapes(connection, schema)
    if int(saved.get(_VERSION, 0)) > SCHEMA_VERSION:
        raise StoreError(
            "the store was made by a newer version of the plugin: install that,"
            " or give this one another DatabaseUrl"
        )
    is_complete = _table_names(connection, schema) >= METADATA.tables.keys()
    return is_complete and saved == _wanted_shapes(connection)


def is_ledger_empty(connection: Connection) -> bool:
    """Return whether the ledger has no entry."""
    first = connection.execute(select(STRUCTURE_SETS.c.orthanc_id).limit(1)).first()
    return first is None


def create_tables(connection: Connection, schema: str | None) -> None:
    """Create each table that is missing or has another shape, and empty the ledger.

    The other tables stay, so that the API can serve their content during the sweep.
    """
    if _table_names(connection, schema) & METADATA.tables.keys():
        log.warning("the store has another schema: it is made again from Orthanc")
    wanted = _wanted_shapes(connection)
    _drop_misshapen(connection, _saved_shapes(connection, schema), wanted)
    METADATA.create_all(connection)
    connection.execute(delete(STRUCTURE_SETS))
    connection.execute(delete(STORE))
    connection.execute(
        insert(STORE),
        [{"name": name, "value": value} for name, value in wanted.items()],
    )


def _drop_misshapen(
    connection: Connection, saved: Mapping[str, str], wanted: Mapping[str, str]
) -> None:
    wrong = [
        table
        for table in METADATA.sorted_tables
        if saved.get(_SHAPE + table.name) != wanted[_SHAPE + table.name]
    ]
    if SELECTIONS in wrong:  # its keys begin again: no row may refer to the old ones
        kept = {*KEPT} - {*wrong}
        wrong = [each for each in METADATA.sorted_tables if each not in kept]
    METADATA.drop_all(connection, wrong)


def _table_names(connection: Connection, schema: str | None) -> set[str]:
    return set(inspect(connection).get_table_names(schema=schema))


def _saved_shapes(connection: Connection, schema: str | None) -> dict[str, str]:
    """Return what `_wanted_shapes` was when the tables were created."""
    if STORE.name not in _table_names(connection, schema):
        return {}
    columns = inspect(connection).get_columns(STORE.name, schema)
    if {column["name"] for column in columns} != set(STORE.columns.keys()):
        return {}
    rows = connection.execute(select(STORE.c.name, STORE.c.value))
    return {
        row.name: row.value
        for row in rows
        if row.name == _VERSION or row.name.startswith(_SHAPE)
    }


def _wanted_shapes(connection: Connection) -> dict[str, str]:
    """Return the version of the schema, and a hash of the definition of each table."""
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
