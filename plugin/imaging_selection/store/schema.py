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
SCHEMA_VERSION = 3

METADATA = MetaData()

# SQLite counts a key up by itself only when it is its own INTEGER.
KEY = BigInteger().with_variant(Integer, "sqlite")

# Text in the order of its code points, whatever the language of the database: a range
# of it then holds what starts with a prefix. SQLite orders so by itself.
ORDERED = Text().with_variant(Text(collation="C"), "postgresql")

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
    Column("orthanc_id", String(44), primary_key=True),
    Column("state", String(16), nullable=False),  # converted, failed
    Column(
        "attachment_uuid", String(64), nullable=False
    ),  # which file Orthanc kept then
    Column("mapping_version", String(64), nullable=False),
    Column("reason", Text),  # of a failure
    Column("since", String(32), nullable=False),  # when this state began
    Column("attempts", Integer, nullable=False),
    Column("retry_at", String(32)),
    Column("findings", Text, nullable=False),  # JSON array
    Index("imaging_selection_structure_sets_by_state", "state", "retry_at"),
)

# A key is never used again: paging goes by it. The columns that a search sorts by are
# never null, whose place the databases see differently: what a resource lacks stands
# before everything (`search_index`). Dates are intervals of microseconds since 1970.
SELECTIONS = Table(
    "imaging_selection_selections",
    METADATA,
    Column("key", KEY, primary_key=True, autoincrement=True),
    Column("id", ORDERED, nullable=False, unique=True),
    Column("orthanc_id", String(44), nullable=False, index=True),
    Column("deleted", Boolean, nullable=False),
    Column("version_id", Integer, nullable=False),
    Column("last_updated", String(32), nullable=False),
    Column("last_updated_low", BigInteger, nullable=False),
    Column("last_updated_high", BigInteger, nullable=False),
    Column("issued_low", BigInteger, nullable=False),
    Column("issued_high", BigInteger, nullable=False),
    Column("roi_name", ORDERED, nullable=False),  # folded
    Column("roi_name_exact", Text, nullable=False),
    Column("digest", String(64), nullable=False),  # of the content without its version
    Column("resource", LargeBinary, nullable=False),  # the JSON as it is served
    sqlite_autoincrement=True,
)
# An index for each order: it yields a page without sorting, from any place on.
for _column in ("key", "id", "last_updated_low", "issued_low", "roi_name"):
    Index(
        f"imaging_selection_by_{_column}",
        *dict.fromkeys(SELECTIONS.c[each] for each in ("deleted", _column, "key")),
    )

# Every token and reference under which a selection is found (search_index.Token). The
# primary key leads from a code to selections in the order of their keys.
TOKENS = Table(
    "imaging_selection_tokens",
    METADATA,
    Column("parameter", String(32), primary_key=True),
    Column("code", ORDERED, primary_key=True),
    Column("selection_key", KEY, primary_key=True, autoincrement=False),
    Column("system", ORDERED, primary_key=True),
    sqlite_with_rowid=False,
)
Index("imaging_selection_tokens_of_selection", TOKENS.c.selection_key)

# What the modifier `:text` looks at, folded.
TEXTS = Table(
    "imaging_selection_texts",
    METADATA,
    Column("selection_key", KEY, primary_key=True, autoincrement=False),
    Column("parameter", String(32), primary_key=True),
    Column("value", ORDERED, primary_key=True),
    sqlite_with_rowid=False,
)
