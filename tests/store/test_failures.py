import sqlite3
from types import SimpleNamespace

import pytest
from imaging_selection.store.failures import is_cut, is_damage, is_refusal
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError


def of_sqlite(code):
    error = sqlite3.OperationalError("said by SQLite")
    error.sqlite_errorcode = code
    return error


class PostgresError(Exception):
    def __init__(self, sqlstate):
        super().__init__("said by PostgreSQL")
        self.sqlstate = sqlstate


def wrapped(error):
    return OperationalError("SELECT", {}, error)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (of_sqlite(9), "cut"),
        (of_sqlite(11), "damage"),
        (of_sqlite(26), "damage"),
        (of_sqlite(522), "damage"),
        (of_sqlite(267), "damage"),  # SQLITE_CORRUPT_VTAB
        (of_sqlite(5), ""),
        (of_sqlite(10), ""),
        (PostgresError("57014"), "cut"),
        (PostgresError("54000"), "refusal"),
        (PostgresError("08006"), ""),
        (PostgresError(None), ""),
    ],
)
def test_an_error_means_the_same_from_the_driver_and_from_sqlalchemy(error, expected):
    tests = {"cut": is_cut, "damage": is_damage, "refusal": is_refusal}
    for each in (error, wrapped(error)):
        assert [name for name, test in tests.items() if test(each)] == (
            [expected] if expected else []
        )


def test_values_that_break_a_rule_are_refused():
    assert is_refusal(IntegrityError("INSERT", {}, of_sqlite(19)))
    assert not is_refusal(DBAPIError("SELECT", {}, SimpleNamespace()))
