"""What an error of a database means.

An error is one of SQLAlchemy's, or of the driver itself where a statement goes to the
driver (`engine.Database.tuples`).
"""

from __future__ import annotations

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError

# sqlite.org/rescode.html
_INTERRUPTED, _CORRUPT, _NOT_A_DATABASE, _SHORT_READ = 9, 11, 26, 522
_QUERY_CANCELED = "57014"  # SQLSTATE
# PostgreSQL's class "program limit exceeded": a value too long for an index.
_LIMIT_EXCEEDED = "54"


def is_refusal(cause: Exception) -> bool:
    """Return whether the database would refuse the same values again."""
    if isinstance(cause, DataError | IntegrityError):
        return True
    return _sqlstate(cause).startswith(_LIMIT_EXCEEDED)


def is_cut(cause: Exception) -> bool:
    """Return whether a statement was ended because its time was over."""
    return _sqlite_code(cause) == _INTERRUPTED or _sqlstate(cause) == _QUERY_CANCELED


def is_damage(cause: Exception) -> bool:
    """Return whether an error says that the file of SQLite is damaged."""
    code = _sqlite_code(cause)
    return code & 0xFF in {_CORRUPT, _NOT_A_DATABASE} or code == _SHORT_READ


def _sqlite_code(cause: Exception) -> int:
    return getattr(_original(cause), "sqlite_errorcode", 0)


def _sqlstate(cause: Exception) -> str:
    return str(getattr(_original(cause), "sqlstate", None))


def _original(cause: Exception) -> BaseException | None:
    return cause.orig if isinstance(cause, DBAPIError) else cause
