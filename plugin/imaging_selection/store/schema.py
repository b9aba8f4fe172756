"""The tables, and nothing else."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

# Raised when what the tables hold changes its meaning: all structure sets are then
# converted again. A store of a higher version than this is refused.
SCHEMA_VERSION = 2

METADATA = MetaData()

# SQLite counts a key up by itself only when it is its own INTEGER.
KEY = BigInteger().with_variant(Integer, "sqlite")

# What is to be remembered of the store itself, by name.
STORE = Table(
    "imaging_selection_store",
    METADATA,
    Column("name", String(64), primary_key=True),
    Column("value", Text, nullable=False),
)

# What became of each RTSTRUCT instance of Orthanc.
STRUCTURE_SETS = Table(
    "imaging_selection_structure_sets",
    METADATA,
    Column("instance_id", String(44), primary_key=True),
    Column("state", String(16), nullable=False),  # converted, failed
    Column("file_mark", String(64), nullable=False),  # which file Orthanc kept then
    Column("mapping_version", String(64), nullable=False),
    Column("reason", Text),  # of a failure
    Column("since", String(32), nullable=False),  # when this state began
    Column("attempts", Integer, nullable=False),
    Column("retry_at", String(32)),
    Column("findings", Text, nullable=False),  # JSON array
    Index("imaging_selection_structure_sets_by_state", "state", "retry_at"),
)

# A key is never used again: paging goes by it.
SELECTIONS = Table(
    "imaging_selection_selections",
    METADATA,
    Column("key", KEY, primary_key=True, autoincrement=True),
    Column("id", String(64), nullable=False, unique=True),
    Column("instance_id", String(44), nullable=False, index=True),
    Column("deleted", Boolean, nullable=False),
    Column("version_id", Integer, nullable=False),
    Column("last_updated", String(32), nullable=False),
    Column("digest", String(64), nullable=False),  # of the content without its version
    Column("resource", LargeBinary, nullable=False),  # the JSON as it is served
    sqlite_autoincrement=True,
)

# Every value under which a selection is found (search.PARAMETERS).
VALUES = Table(
    "imaging_selection_values",
    METADATA,
    Column("parameter", String(32), primary_key=True),
    Column("code", Text, primary_key=True),
    Column("selection_key", KEY, primary_key=True, autoincrement=False),
    Column("system", Text, primary_key=True),
    sqlite_with_rowid=False,
)
Index("imaging_selection_values_of_selection", VALUES.c.selection_key)
