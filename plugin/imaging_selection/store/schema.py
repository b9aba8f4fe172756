"""The tables of the store.

The columns that a search sorts by follow from the table of search parameters.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from imaging_selection.search.parameter import ParameterType
from imaging_selection.search.parameters import (
    ORDERED,
    SORTABLE,
)

# Increased when the meaning of the tables changes: the plugin then converts everything
# again. It refuses a store with a higher version than this.
SCHEMA_VERSION = 3

METADATA = MetaData()

# SQLite increments a key automatically only if its type is INTEGER.
KEY = BigInteger().with_variant(Integer, "sqlite")

# Text in the order of its code points, whatever the language of the database, so that
# all texts with the same prefix are adjacent. SQLite uses this order by default.
TEXT_IN_ORDER = Text().with_variant(Text(collation="C"), "postgresql")

# Facts about the store itself, by name.
STORE = Table(
    "imaging_selection_store",
    METADATA,
    Column("name", String(64), primary_key=True),
    Column("value", Text, nullable=False),
)

# The ledger: the state of each structure set in Orthanc.
STRUCTURE_SETS = Table(
    "imaging_selection_structure_sets",
    METADATA,
    Column("orthanc_id", String(44), primary_key=True),
    Column("kind", String(16), nullable=False),  # objects.Kind.group
    Column("state", String(16), nullable=False),  # converted, failed
    Column("attachment_uuid", String(64), nullable=False),  # of the file that was read
    Column("mapping_version", String(64), nullable=False),
    Column("reason", Text),  # of a failure
    Column("since", String(32), nullable=False),  # when this state began
    Column("attempts", Integer, nullable=False),
    Column("retry_at", String(32)),
    Column("findings", Text, nullable=False),  # JSON array
    # The state of its measurement: waiting, measured, failed; null: there is nothing to
    # measure. A conversion sets all of them again.
    Column("measurement", String(16)),
    Column("measurement_reason", Text),
    Column("measurement_since", String(32)),
    Column("measurement_attempts", Integer, nullable=False),
    Column("measurement_retry_at", String(32)),
    Column("measurement_findings", Text, nullable=False),  # JSON array
    # Orthanc's id of the patient, if images were lacking that contours are to be
    # checked against.
    Column("measurement_awaits", String(44), index=True),
    Index("imaging_selection_structure_sets_by_state", "state", "retry_at"),
    Index(
        "imaging_selection_structure_sets_by_measurement",
        *("measurement", "measurement_retry_at"),
    ),
)


def _sort_column(name: str) -> Column[str] | Column[int]:
    column = f"sort_{name.strip('_').replace('-', '_').lower()}"
    if ORDERED[name].type is ParameterType.STRING:
        return Column(column, TEXT_IN_ORDER, nullable=False)  # folded
    return Column(column, BigInteger, nullable=False)  # microseconds since 1970


_SORTED = {name: _sort_column(name) for name in ORDERED}
# Search parameter -> the column with its text as written.
EXACT_COLUMNS = {
    name: Column(column.name.replace("sort", "exact", 1), Text, nullable=False)
    for name, column in _SORTED.items()
    if ORDERED[name].type is ParameterType.STRING
}

# The resources that objects became. No key is ever used again, because pages continue
# by key. No sort column is ever null, because the databases sort null differently.
SELECTIONS = Table(
    "imaging_selection_selections",
    METADATA,
    Column("key", KEY, primary_key=True, autoincrement=True),
    Column("resource_type", SmallInteger, nullable=False),
    Column("id", TEXT_IN_ORDER, nullable=False),
    Column("orthanc_id", String(44), nullable=False, index=True),
    Column("deleted", Boolean, nullable=False),
    Column("version_id", Integer, nullable=False),
    Column("last_updated", String(32), nullable=False),
    *_SORTED.values(),
    *EXACT_COLUMNS.values(),
    Column("digest", String(64), nullable=False),  # of the content without its version
    Column("resource", LargeBinary, nullable=False),  # JSON, as the API serves it
    UniqueConstraint("resource_type", "id"),
    sqlite_autoincrement=True,
)
# Search parameter -> the column that it sorts by.
SORT_COLUMNS = {"_id": SELECTIONS.c.id, **_SORTED}
SORT_COLUMNS |= {
    name: SORT_COLUMNS[column]
    for columns in SORTABLE.values()
    for name, column in columns.items()
}

# Each index yields a page in its order without sorting, from any position.
for _column in dict.fromkeys((SELECTIONS.c.key, *SORT_COLUMNS.values())):
    Index(
        f"imaging_selection_by_{_column.name}",
        SELECTIONS.c.resource_type,
        *dict.fromkeys((SELECTIONS.c.deleted, _column, SELECTIONS.c.key)),
    )

# The tokens and references of each selection (`search.extract.Token`). The primary key
# leads from a code to its selections, in the order of their keys.
TOKENS = Table(
    "imaging_selection_tokens",
    METADATA,
    Column("resource_type", SmallInteger, primary_key=True),
    Column("parameter", String(32), primary_key=True),
    Column("code", TEXT_IN_ORDER, primary_key=True),
    Column("selection_key", KEY, primary_key=True, autoincrement=False),
    Column("system", TEXT_IN_ORDER, primary_key=True),
    sqlite_with_rowid=False,
)
Index("imaging_selection_tokens_of_selection", TOKENS.c.selection_key)

# The folded texts that the modifier `:text` searches.
TEXTS = Table(
    "imaging_selection_texts",
    METADATA,
    Column("selection_key", KEY, primary_key=True, autoincrement=False),
    Column("parameter", String(32), primary_key=True),
    Column("value", TEXT_IN_ORDER, primary_key=True),
    sqlite_with_rowid=False,
)

# The resources that are to be made again from Orthanc (`store.stale`).
STALE = Table(
    "imaging_selection_stale",
    METADATA,
    Column("resource_type", SmallInteger, primary_key=True),
    Column("id", String(64), primary_key=True),
    Column("mark", String(32), nullable=False),  # another one each time it is noted
)

# The servers that resources are delivered to, and which node delivers: see `lease`.
TARGETS = Table(
    "imaging_selection_targets",
    METADATA,
    Column("name", String(64), primary_key=True),
    Column("settings", String(64), nullable=False),  # a digest; all is compared by it
    Column("holder", String(64), nullable=False),
    Column("held_until", Float(53), nullable=False),  # seconds since 1970
)

# What each target has of each object: see `outbox`.
DELIVERIES = Table(
    "imaging_selection_deliveries",
    METADATA,
    Column("orthanc_id", String(44), primary_key=True),
    Column("target", String(64), primary_key=True),
    Column("is_related", Boolean, nullable=False),  # a patient or a study
    Column("state", String(16), nullable=False),  # pending, waiting, refused, delivered
    Column("mark", String(32), nullable=False),  # another one each time it is noted
    Column("revision", String(64), nullable=False),  # a digest of what was delivered
    Column("names", Text, nullable=False),  # JSON array: what the target may have
    Column("since", String(32), nullable=False),  # when the target was last up to date
    Column("due_at", String(32)),  # when to deliver; null: not before it is noted
    Column("attempts", Integer, nullable=False),
    Column("reason", Text),
    Index("imaging_selection_deliveries_due", "target", "due_at"),
    # It has all that is counted.
    Index(
        "imaging_selection_deliveries_by_state",
        *("target", "state", "is_related", "due_at", "since"),
    ),
)
# No version of the plugin can make these again from Orthanc. They refer to nothing.
KEPT = (TARGETS, DELIVERIES)
