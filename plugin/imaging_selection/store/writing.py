"""The selections of one structure set, written in few statements whatever their number.

Each statement is made once: making SQL takes longer than running it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, delete, insert, select, update

from imaging_selection.search.extract import columns_of
from imaging_selection.search.parameters import PARAMETERS
from imaging_selection.store.schema import SELECTIONS, TEXTS, TOKENS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection, Executable

    from imaging_selection.search.extract import Indexed

Values = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Draft:
    """A selection on its way into the store.

    Attributes
    ----------
    content
        The resource as JSON, without version.
    index
        Everything under which it is to be found.
    """

    id: str
    content: bytes
    index: Indexed

    def versioned(self, version_id: int, last_updated: str) -> bytes:
        """Write version and time into `meta`, without parsing the content again."""
        meta = f'"meta":{{"versionId":"{version_id}","lastUpdated":"{last_updated}",'
        return self.content.replace(b'"meta":{', meta.encode(), 1)


_COLUMNS = SELECTIONS.c
_OF = _COLUMNS.orthanc_id == bindparam("of")
_KEYS = select(_COLUMNS.id, _COLUMNS.key).where(_OF)
_PRESENT = _KEYS.add_columns(_COLUMNS.deleted, _COLUMNS.version_id, _COLUMNS.digest)
_INSERT = insert(SELECTIONS)
_UPDATE = update(SELECTIONS).where(_COLUMNS.key == bindparam("present_key"))
_UNINDEX = [
    delete(table).where(table.c.selection_key == bindparam("present_key"))
    for table in (TOKENS, TEXTS)
]
_INDEX_TOKENS, _INDEX_TEXTS = insert(TOKENS), insert(TEXTS)
# Where a selection stands that has nothing of what is sorted by.
_NOTHING: Values = {
    name: value
    for parameter in PARAMETERS.values()
    if parameter.column
    for name, value in columns_of(parameter, []).items()
}


def write(
    connection: Connection,
    orthanc_id: str,
    wanted: Mapping[str, Draft],
    last_updated: str,
    *,
    same_index: bool,
) -> None:
    """Make the selections of a structure set exactly these, within a transaction.

    A selection whose content is as before keeps its version and time; one that is no
    more is marked deleted.

    Parameters
    ----------
    wanted
        By id.
    last_updated
        FHIR instant that changed selections get.
    same_index
        Where the content has not changed, what is searched for has not either.
    """
    present = {row.id: row for row in connection.execute(_PRESENT, {"of": orthanc_id})}
    made = [
        {"id": name, "orthanc_id": orthanc_id, **_content(draft, 1, last_updated)}
        for name, draft in wanted.items()
        if name not in present
    ]
    changed: list[Values] = []
    moved: list[Values] = []  # to another place of the index, the content as it was
    settled: set[str] = set()
    for name, row in present.items():
        draft = wanted.get(name)
        key, next_version = {"present_key": row.key}, row.version_id + 1
        if draft is None and not row.deleted:
            changed.append(key | _deletion(next_version, last_updated))
        elif draft and (row.deleted or row.digest != _digest(draft)):
            changed.append(key | _content(draft, next_version, last_updated))
        elif draft and not same_index:
            moved.append(key | _columns(draft))
        else:
            settled.add(name)
    _execute(connection, _INSERT, made)
    for values in (changed, moved):
        _execute(connection, _UPDATE, values)
        for statement in _UNINDEX:
            _execute(
                connection,
                statement,
                [{"present_key": v["present_key"]} for v in values],
            )
    drafts = [draft for name, draft in wanted.items() if name not in settled]
    if drafts:
        _index(connection, orthanc_id, drafts)


def _execute(
    connection: Connection, statement: Executable, values: list[Values]
) -> None:
    if values:  # without any, SQLAlchemy would execute it once
        connection.execute(statement, values)


def _digest(draft: Draft) -> str:
    return hashlib.sha256(draft.content).hexdigest()


def _columns(draft: Draft) -> Values:
    return _NOTHING | draft.index.columns


def _moment(last_updated: str) -> Values:
    dates = columns_of(PARAMETERS["_lastUpdated"], [last_updated])
    return {"last_updated": last_updated, **dates}


def _content(draft: Draft, version_id: int, last_updated: str) -> Values:
    return {
        "deleted": False,
        "version_id": version_id,
        "digest": _digest(draft),
        "resource": draft.versioned(version_id, last_updated),
        **_columns(draft),
        **_moment(last_updated),
    }


def _deletion(version_id: int, last_updated: str) -> Values:
    """Leave nothing of the content: what Orthanc deleted must not live on here."""
    return {
        "deleted": True,
        "version_id": version_id,
        "digest": "",
        "resource": b"",
        **_NOTHING,
        **_moment(last_updated),
    }


def _index(connection: Connection, orthanc_id: str, drafts: list[Draft]) -> None:
    found = connection.execute(_KEYS, {"of": orthanc_id})
    keys = {row.id: row.key for row in found}
    tokens = [
        {
            "parameter": token.parameter,
            "code": token.code,
            "system": token.system,
            "selection_key": keys[draft.id],
        }
        for draft in drafts
        for token in draft.index.tokens
    ]
    texts = [
        {"selection_key": keys[draft.id], "parameter": parameter, "value": text}
        for draft in drafts
        for parameter, text in draft.index.texts
    ]
    _execute(connection, _INDEX_TOKENS, tokens)
    _execute(connection, _INDEX_TEXTS, texts)
