"""Write the resources of one instance in few statements, whatever their number.

Each statement is built once: to build it takes longer than to run it.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, delete, insert, select, update

from imaging_selection.search.extract import ordered_value
from imaging_selection.search.normalize import fold_entry
from imaging_selection.search.parameters import ORDERED
from imaging_selection.store import notes
from imaging_selection.store.draft import RESOURCE_TYPES
from imaging_selection.store.schema import (
    EXACT_COLUMNS,
    SELECTIONS,
    SORT_COLUMNS,
    TEXTS,
    TOKENS,
)
from imaging_selection.store.stale import referred_by, referred_in

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping

    from sqlalchemy import Connection, Dialect, Executable, Table

    from imaging_selection.store.draft import Draft
    from imaging_selection.store.stale import Name

Values = dict[str, Any]


_COLUMNS = SELECTIONS.c
_OF = _COLUMNS.orthanc_id == bindparam("of")
_KEYS = select(_COLUMNS.resource_type, _COLUMNS.id, _COLUMNS.key).where(_OF)
_PRESENT = _KEYS.add_columns(_COLUMNS.deleted, _COLUMNS.version_id, _COLUMNS.digest)
_INSERT = insert(SELECTIONS)
_UPDATE = update(SELECTIONS).where(_COLUMNS.key == bindparam("present_key"))
_UNINDEX = [
    delete(table).where(table.c.selection_key == bindparam("present_key"))
    for table in (TOKENS, TEXTS)
]


def write(  # noqa: PLR0913 - what a conversion and a measurement differ in
    connection: Connection,
    orthanc_id: str,
    drafts: Iterable[Draft],
    last_updated: str,
    *,
    same_index: bool,
    types: Container[str] = RESOURCE_TYPES,
) -> set[Name]:
    """Replace the resources of an instance, within a transaction.

    A resource with the same content keeps its version and its time. One that is not
    among the drafts is marked as deleted.

    Parameters
    ----------
    last_updated
        FHIR instant for the resources that change.
    same_index
        Whether the same content has the same index entries as when it was saved.
    types
        Resources of other types stay as they are; no draft is of such a type.

    Returns
    -------
    set of types and ids
        What resources refer to that were changed, before and after.
    """
    updated = _updated(last_updated)
    wanted = {draft.name: draft for draft in drafts}
    rows = connection.execute(_PRESENT, {"of": orthanc_id})
    replaced = {number for name, number in RESOURCE_TYPES.items() if name in types}
    present = {
        (row.resource_type, row.id): row
        for row in rows
        if row.resource_type in replaced
    }
    new = [
        {
            "resource_type": name[0],
            "id": name[1],
            "orthanc_id": orthanc_id,
            "version_id": 1,
            **updated,
            **_content(draft, 1, last_updated),
        }
        for name, draft in wanted.items()
        if name not in present
    ]
    changed: list[Values] = []
    reindexed: list[Values] = []  # with the same content
    unchanged: set[tuple[int, str]] = set()
    for name, row in present.items():
        draft = wanted.get(name)
        key, version_id = {"present_key": row.key}, row.version_id + 1
        version = key | updated | {"version_id": version_id}
        if draft is None and not row.deleted:
            changed.append(version | _DELETED)
        elif draft and (row.deleted or row.digest != draft.digest):
            changed.append(version | _content(draft, version_id, last_updated))
        elif draft and not same_index:
            reindexed.append(key | _NOTHING | _ordered(draft.index.ordered))
        else:
            unchanged.add(name)
    referred = referred_by(connection, orthanc_id)
    _execute(connection, _INSERT, new)
    for values in (changed, reindexed):
        _execute(connection, _UPDATE, values)
        keys = [{"present_key": each["present_key"]} for each in values]
        for statement in _UNINDEX:
            _execute(connection, statement, keys)
    written = {name: wanted[name] for name in wanted if name not in unchanged}
    _index(connection, orthanc_id, written)
    if new or changed:
        notes.note(connection, orthanc_id, last_updated, {*wanted, *present})
    after = (referred_in(draft.index.tokens) for draft in written.values())
    return referred.union(*after) if changed or written else set()


def _execute(
    connection: Connection, statement: Executable, values: list[Values]
) -> None:
    if values:  # with an empty list, SQLAlchemy would execute the statement once
        connection.execute(statement, values)


def _ordered(values: Mapping[str, str | int]) -> Values:
    """Return the columns of the parameters that are kept in order."""
    columns: Values = {}
    for name, value in values.items():
        column = SORT_COLUMNS[name].name
        if isinstance(value, str):
            columns[column] = fold_entry(value)
            columns[EXACT_COLUMNS[name].name] = value
        else:
            columns[column] = value
    return columns


def _updated(last_updated: str) -> Values:
    moment = ordered_value(ORDERED["_lastUpdated"], [last_updated])
    return {"last_updated": last_updated, **_ordered({"_lastUpdated": moment})}


def _content(draft: Draft, version_id: int, last_updated: str) -> Values:
    return {
        "deleted": False,
        "digest": draft.digest,
        "resource": draft.versioned(version_id, last_updated),
        **_NOTHING,
        **_ordered(draft.index.ordered),
    }


# The columns of the parameters that are kept in order, without a value.
_NOTHING = _ordered(
    {
        name: ordered_value(parameter, [])
        for name, parameter in ORDERED.items()
        if name != "_lastUpdated"
    }
)
# A deleted resource has none of its content.
_DELETED = {"deleted": True, "digest": "", "resource": b"", **_NOTHING}


def _index(
    connection: Connection, orthanc_id: str, drafts: Mapping[tuple[int, str], Draft]
) -> None:
    if not drafts:
        return
    found = connection.execute(_KEYS, {"of": orthanc_id})
    keys = {(row.resource_type, row.id): row.key for row in found}
    tokens = [
        (name[0], token.parameter, token.code, keys[name], token.system)
        for name, draft in drafts.items()
        for token in draft.index.tokens
    ]
    texts = [
        (keys[name], parameter, text)
        for name, draft in drafts.items()
        for parameter, text in draft.index.texts
    ]
    _insert(connection, TOKENS, tokens)
    _insert(connection, TEXTS, texts)


def _insert(connection: Connection, table: Table, rows: list[tuple[Any, ...]]) -> None:
    """Insert rows, whose values are in the order of the columns.

    By the driver: SQLAlchemy takes longer for its parameters than SQLite to insert
    them. In the order of the primary key, neighbours are inserted one after the other.
    """
    if rows:
        options = connection.get_execution_options()
        schema = options.get("schema_translate_map", {}).get(None)
        sql = _insert_sql(table, schema, connection.dialect)
        connection.exec_driver_sql(sql, sorted(rows))


@cache
def _insert_sql(table: Table, schema: str | None, dialect: Dialect) -> str:
    """Build the statement; the schema is that of all tables, if there is one."""
    mark = "?" if dialect.paramstyle == "qmark" else "%s"
    preparer = dialect.identifier_preparer
    marks = ", ".join(mark for _ in table.columns)
    name = preparer.format_table(table)
    if schema is not None:
        name = f"{preparer.quote_schema(schema)}.{name}"
    return f"INSERT INTO {name} VALUES ({marks})"  # noqa: S608 - a name of ours
