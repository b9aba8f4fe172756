import os
import sqlite3
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from imaging_selection.errors import ConfigError, StoreError
from imaging_selection.store import schema
from imaging_selection.store.engine import Database
from imaging_selection.store.ledger import CONVERTED, Ledger, LedgerEntry, record
from sqlalchemy import insert, inspect, select, update

ENTRY = LedgerEntry(
    instance_id="instance-113047",
    state=CONVERTED,
    file_mark="mark-113047",
    mapping_version="1-a",
    since="2021-03-04T05:06:07.000Z",
)
TABLES = {table.name for table in schema.METADATA.sorted_tables}


def write(database, entry=ENTRY):
    with database.transaction(writes=True) as connection:
        record(connection, entry)


def tables_of(database):
    with database.transaction() as connection:
        return {*inspect(connection).get_table_names()}


@pytest.mark.parametrize(
    "url",
    [
        "",
        "store.db",
        "/data/store.db",
        "nonsense://host/store",
        "mysql+pymysql://host/store",
        "oracle://host/store",
        "mssql+pyodbc://host/store",
        "sqlite+nonsense:///store.db",
        "postgresql+nonsense://host/store",
        "postgresql+psycopg://host:port-113047/store",
        "sqlite://host-113047/store.db",
    ],
)
def test_a_url_that_is_no_store_is_an_error_of_the_configuration(url):
    with pytest.raises(ConfigError) as error:
        Database(url).close()
    assert error.value.problems == (
        "ImagingSelection.DatabaseUrl is no usable database URL",
    )


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("sqlite:///store.db", "sqlite"),
        ("postgresql+psycopg://user:secret@host/store", "postgresql"),
        ("postgresql://user:secret@host/store", "postgresql"),
    ],
)
def test_a_good_url_is_not_used_before_it_is_needed(url, kind, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    database = Database(url)
    assert database.kind == kind
    database.close()
    assert list(tmp_path.iterdir()) == []


def test_the_tables_are_made_at_first_use(database):
    assert tables_of(database) >= TABLES
    with database.transaction() as connection:
        version = connection.scalar(select(schema.STORE.c.schema_version))
    assert version == schema.SCHEMA_VERSION


def test_what_was_written_is_there_when_the_store_is_opened_again(open_database):
    first = open_database()
    write(first)
    first.close()
    assert Ledger(open_database()).read(ENTRY.instance_id) == ENTRY


@pytest.mark.parametrize("difference", [-1, 1], ids=["older", "newer"])
def test_a_store_of_another_version_is_made_anew(open_database, difference):
    # Derived data: the sweep fills it again.
    other = open_database()
    write(other)
    with other.transaction(writes=True) as connection:
        version = schema.SCHEMA_VERSION + difference
        connection.execute(update(schema.STORE).values(schema_version=version))
    database = open_database()
    assert Ledger(database).states() == {}
    with database.transaction() as connection:
        versions = connection.scalars(select(schema.STORE.c.schema_version)).all()
    assert versions == [schema.SCHEMA_VERSION]


def test_a_table_of_an_older_shape_is_made_anew(open_database):
    with open_database().transaction(writes=True) as connection:
        schema.METADATA.drop_all(connection)
        schema.STORE.create(connection)
        connection.execute(insert(schema.STORE).values(schema_version=0))
        name = schema.STRUCTURE_SETS.name
        connection.exec_driver_sql(f"CREATE TABLE {name} (other INTEGER)")
    database = open_database()
    write(database)
    assert Ledger(database).read(ENTRY.instance_id) == ENTRY


def test_the_tables_of_others_stay(open_database):
    database = open_database()
    with database.transaction(writes=True) as connection:
        connection.exec_driver_sql("CREATE TABLE other_113047 (a INTEGER)")
        connection.execute(update(schema.STORE).values(schema_version=0))
    assert tables_of(open_database()) == {*TABLES, "other_113047"} | {
        name for name in tables_of(database) if name.startswith("sqlite_")
    }


def test_many_that_open_the_store_at_once_make_it_once(open_database):
    databases = [open_database() for _ in range(4)]
    errors = []
    barrier = threading.Barrier(8)

    def use(database):
        barrier.wait(timeout=30)
        try:
            Ledger(database).states()
        except Exception as error:  # noqa: BLE001 - collected
            errors.append(error)

    threads = [threading.Thread(target=use, args=(databases[k % 4],)) for k in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert errors == []
    with databases[0].transaction() as connection:
        versions = connection.scalars(select(schema.STORE.c.schema_version)).all()
    assert versions == [schema.SCHEMA_VERSION]


def test_a_transaction_is_rolled_back_on_any_error(database):
    def write_and_fail():
        with database.transaction(writes=True) as connection:
            record(connection, ENTRY)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_and_fail()
    assert Ledger(database).states() == {}


def test_two_that_read_and_then_write_do_not_refuse_each_other(open_database):
    # SQLite would, had the transaction not taken the right to write at its beginning.
    databases = [open_database(), open_database()]
    Ledger(databases[0]).states()
    errors = []

    def read_then_write(database):
        try:
            for _ in range(10):
                with database.transaction(writes=True) as connection:
                    connection.execute(select(schema.STRUCTURE_SETS)).all()
                    record(connection, ENTRY)
        except StoreError as error:
            errors.append(error)

    threads = [threading.Thread(target=read_then_write, args=(d,)) for d in databases]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert errors == []


class TestSqliteFile:
    """What may happen to the file, and how the store comes back."""

    @pytest.fixture
    def path(self, tmp_path):
        return tmp_path / "store.db"

    @pytest.fixture
    def database(self, path):
        database = Database(f"sqlite:///{path}")
        yield database
        database.close()

    @staticmethod
    def use_until_it_works(database):
        """Use the store as the worker does; how often it did not answer."""
        for failures in range(5):
            try:
                write(database)
            except StoreError:
                continue
            assert Ledger(database).read(ENTRY.instance_id) == ENTRY
            return failures
        raise AssertionError("the store does not come back")

    def test_a_folder_that_is_missing_may_be_there_later(self, tmp_path):
        folder = tmp_path / "index"
        database = Database(f"sqlite:///{folder}/store.db")
        with pytest.raises(StoreError, match=r"^the store does not answer"):
            write(database)
        folder.mkdir()
        assert self.use_until_it_works(database) == 0
        database.close()

    def test_a_file_that_was_emptied_is_filled_anew(self, database, path):
        write(database)
        database.close()
        os.truncate(path, 0)
        for beside in path.parent.glob("store.db-*"):
            beside.unlink()
        assert self.use_until_it_works(database) <= 1

    def test_a_file_that_was_deleted_in_use_is_made_anew(self, database, path):
        write(database)
        for file in path.parent.glob("store.db*"):
            file.unlink()
        assert self.use_until_it_works(database) <= 1
        assert path.exists()

    def test_a_file_that_was_replaced_in_use_is_read(self, database, path, tmp_path):
        write(database)
        other = Database(f"sqlite:///{tmp_path}/other.db")
        newer = replace(ENTRY, mapping_version="2-other")
        write(other, newer)
        other.close()
        for file in path.parent.glob("store.db*"):
            file.unlink()
        (tmp_path / "other.db").rename(path)
        assert Ledger(database).read(ENTRY.instance_id) == newer

    def test_a_file_that_was_replaced_by_an_older_one_is_read(self, database, path):
        write(database)
        database.close()
        content = path.read_bytes()
        with database.transaction(writes=True) as connection:
            connection.execute(schema.STRUCTURE_SETS.delete())
        database.close()
        path.write_bytes(content)
        assert Ledger(database).read(ENTRY.instance_id) == ENTRY

    @pytest.mark.parametrize("kept", [0, 1024], ids=["garbage", "overwritten"])
    def test_a_damaged_file_is_an_outage_until_it_is_taken_away(
        self, database, path, kept
    ):
        # It is not ours to delete: it may be a file that was configured by mistake.
        write(database)
        database.close()
        content = path.read_bytes()
        damaged = content[:kept] + b"\xff" * (len(content) - kept)
        path.write_bytes(damaged)
        for _ in range(3):
            with pytest.raises(StoreError, match=r"\(DatabaseError\)$"):
                write(database)
        assert path.read_bytes()[kept:] == damaged[kept:]
        path.unlink()
        assert self.use_until_it_works(database) <= 1

    def test_a_store_that_is_locked_for_too_long_is_an_outage(self, database, path):
        write(database)
        with database.transaction() as connection:
            connection.exec_driver_sql("PRAGMA busy_timeout=1").close()
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreError, match=r"\(OperationalError\)$"):
            write(database)
        other.execute("ROLLBACK")
        other.close()
        assert self.use_until_it_works(database) == 0

    def test_a_reader_goes_on_while_another_writes(self, database, path):
        write(database)
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        assert Ledger(database).read(ENTRY.instance_id) == ENTRY
        other.execute("ROLLBACK")
        other.close()

    def test_no_file_is_left_open(self, database, path):
        write(database)
        database.close()
        files = Path("/proc/self/fd")
        if files.is_dir():
            names = {str(file.readlink()) for file in files.iterdir() if file.exists()}
            assert not {name for name in names if str(path) in name}
