import os
import random
import sqlite3
import threading
import uuid
from dataclasses import replace
from pathlib import Path

import pytest
from imaging_selection.errors import ConfigError, RefusedError, StoreError
from imaging_selection.store import schema
from imaging_selection.store.engine import Database
from imaging_selection.store.ledger import CONVERTED, Ledger, LedgerEntry, record
from imaging_selection.store.postgresql import POSTGRESQL_SCHEMA
from sqlalchemy import (
    Column,
    Integer,
    MetaData,
    Table,
    insert,
    inspect,
    select,
    update,
)

ENTRY = LedgerEntry(
    orthanc_id="instance-113047",
    state=CONVERTED,
    attachment_uuid="mark-113047",
    mapping_version="1-a",
    since="2021-03-04T05:06:07.000Z",
)
TOKEN = {
    "resource_type": 1,
    "parameter": "p",
    "system": "",
    "selection_key": 1,
}
TABLES = {table.name for table in schema.METADATA.sorted_tables}


def write(database, entry=ENTRY):
    with database.transaction() as connection:
        record(connection, entry)


def tables_of(database):
    schema_name = None if database.kind == "sqlite" else POSTGRESQL_SCHEMA
    with database.transaction() as connection:
        return {*inspect(connection).get_table_names(schema=schema_name)}


def version_of(database):
    query = select(schema.STORE.c.value).where(schema.STORE.c.name == "schema version")
    with database.transaction() as connection:
        return connection.scalars(query).all()


def pretend(database, name, value):
    """Have the store remember another schema than it has."""
    with database.transaction() as connection:
        statement = update(schema.STORE).where(schema.STORE.c.name == name)
        connection.execute(statement.values(value=value))


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
        "postgresql://host/store?no-such-option=113047",
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
    assert version_of(database) == [str(schema.SCHEMA_VERSION)]


def test_what_was_written_is_there_when_the_store_is_opened_again(open_database):
    first = open_database()
    write(first)
    first.close()
    assert Ledger(open_database()).read(ENTRY.orthanc_id) == ENTRY


def keep_selection(database):
    with database.transaction() as connection:
        connection.execute(
            insert(schema.SELECTIONS).values(
                resource_type=1,
                id="id-113047",
                orthanc_id=ENTRY.orthanc_id,
                deleted=False,
                version_id=7,
                last_updated=ENTRY.since,
                sort_lastupdated=0,
                sort_issued=0,
                sort_roi_name="",
                exact_roi_name="",
                digest="digest-113047",
                resource=b"{}",
            )
        )


def selections_of(database):
    with database.transaction() as connection:
        return connection.scalars(select(schema.SELECTIONS.c.version_id)).all()


def test_an_older_store_answers_on_while_all_is_converted_again(open_database):
    other = open_database()
    write(other)
    keep_selection(other)
    pretend(other, "schema version", str(schema.SCHEMA_VERSION - 1))
    database = open_database()
    assert Ledger(database).states() == {}
    assert selections_of(database) == [7]
    assert version_of(database) == [str(schema.SCHEMA_VERSION)]
    assert database.generation == 1


def test_a_newer_store_is_refused_and_left_as_it_is(open_database):
    other = open_database()
    write(other)
    newer = str(schema.SCHEMA_VERSION + 1)
    pretend(other, "schema version", newer)
    with pytest.raises(StoreError, match="newer version of the plugin"):
        Ledger(open_database()).states()
    assert version_of(other) == [newer]
    assert len(Ledger(other).states()) == 1


@pytest.mark.parametrize(
    ("table", "kept"), [(schema.SELECTIONS, []), (schema.STRUCTURE_SETS, [7])]
)
def test_a_table_of_another_shape_is_made_anew(open_database, table, kept):
    other = open_database()
    write(other)
    keep_selection(other)
    pretend(other, f"shape of {table.name}", "another")
    database = open_database()
    assert Ledger(database).states() == {}
    assert selections_of(database) == kept
    write(database)
    assert Ledger(database).read(ENTRY.orthanc_id) == ENTRY


def test_what_is_no_schema_of_ours_is_made_anew(open_database):
    database = open_database()
    write(database)
    with database.transaction() as connection:
        schema.STORE.drop(connection)
        column = Column("schema_version", Integer)
        Table(schema.STORE.name, MetaData(), column).create(connection)
    database = open_database()
    write(database)
    assert Ledger(database).read(ENTRY.orthanc_id) == ENTRY


def test_the_tables_of_others_stay(open_database):
    database = open_database()
    other = Table("other_113047", MetaData(), Column("a", Integer))
    with database.transaction() as connection:
        other.create(connection)
    pretend(database, "schema version", "0")
    assert tables_of(open_database()) >= {*TABLES, "other_113047"}


def test_the_generation_grows_when_there_is_nothing_to_build_on(open_database):
    database = open_database()
    write(database)
    assert database.generation == 1
    second = open_database()
    Ledger(second).states()
    assert second.generation == 0


def test_two_that_record_the_same_wait_for_each_other(open_database):
    databases = [open_database() for _ in range(4)]
    marks = {f"mark-{k}" for k in range(4)}
    write(databases[0])
    errors = []
    barrier = threading.Barrier(4)

    def use(database, mark):
        barrier.wait(timeout=30)
        try:
            for _ in range(5):
                write(database, replace(ENTRY, attachment_uuid=mark))
        except StoreError as error:
            errors.append(error)

    threads = [
        threading.Thread(target=use, args=each)
        for each in zip(databases, marks, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert errors == []
    assert Ledger(databases[0]).read(ENTRY.orthanc_id).attachment_uuid in marks


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
    assert version_of(databases[0]) == [str(schema.SCHEMA_VERSION)]


def test_a_transaction_is_rolled_back_on_any_error(database):
    def write_and_fail():
        with database.transaction() as connection:
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
                with database.transaction() as connection:
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


def test_many_read_at_once_and_each_what_was_committed_before(database):
    write(database)
    starts = threading.Barrier(24)  # more than a pool has connections
    seen = []

    def read_often():
        starts.wait(60)
        seen.extend(Ledger(database).read(ENTRY.orthanc_id) for _ in range(20))

    threads = [threading.Thread(target=read_often) for _ in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert seen == [ENTRY] * 480

    newer = replace(ENTRY, mapping_version="2-other")
    write(database, newer)
    assert Ledger(database).read(ENTRY.orthanc_id) == newer


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
            assert Ledger(database).read(ENTRY.orthanc_id) == ENTRY
            return failures
        raise AssertionError("the store does not come back")

    def test_a_folder_that_is_missing_may_be_there_later(self, tmp_path):
        folder = tmp_path / "index"
        database = Database(f"sqlite:///{folder}/store.db")
        with pytest.raises(StoreError, match=r"^the store does not answer"):
            write(database)
        with pytest.raises(StoreError, match=r"^the store does not answer"):
            database.ping()
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
        assert Ledger(database).read(ENTRY.orthanc_id) == newer

    def test_a_file_that_was_replaced_by_an_older_one_is_read(self, database, path):
        write(database)
        database.close()
        content = path.read_bytes()
        with database.transaction() as connection:
            connection.execute(schema.STRUCTURE_SETS.delete())
        database.close()
        path.write_bytes(content)
        assert Ledger(database).read(ENTRY.orthanc_id) == ENTRY

    @pytest.mark.parametrize("kept", [0, 1024], ids=["garbage", "overwritten"])
    def test_a_damaged_file_is_renamed_and_made_anew(self, database, path, kept):
        write(database)
        database.close()
        content = path.read_bytes()
        damaged = content[:kept] + b"\xff" * (len(content) - kept)
        path.write_bytes(damaged)
        assert self.use_until_it_works(database) <= 1
        aside = path.with_name("store.db.damaged")
        assert aside.read_bytes()[kept:] == damaged[kept:]
        assert database.generation == 2

    def test_a_file_that_was_cut_short_is_made_anew(self, database, path):
        write(database)
        database.close()
        write(database)
        os.truncate(path, path.stat().st_size // 2)
        assert self.use_until_it_works(database) <= 1

    def test_a_damaged_file_of_an_earlier_run_is_made_anew(self, database, path):
        write(database)
        database.close()
        os.truncate(path, path.stat().st_size // 2)
        later = Database(f"sqlite:///{path}")
        assert self.use_until_it_works(later) <= 1
        later.close()

    def test_a_file_that_was_configured_by_mistake_is_left_alone(self, tmp_path):
        path = tmp_path / "letter.txt"
        path.write_text("Dear radiologist, see attached." * 99)
        before = path.read_bytes()
        database = Database(f"sqlite:///{path}")
        for _ in range(3):
            with pytest.raises(StoreError, match=r"\(DatabaseError\)$"):
                write(database)
        assert path.read_bytes() == before
        database.close()

    @pytest.mark.slow
    def test_a_store_that_is_locked_for_too_long_is_an_outage(self, database, path):
        write(database)
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
        assert Ledger(database).read(ENTRY.orthanc_id) == ENTRY
        other.execute("ROLLBACK")
        other.close()

    def test_no_file_is_left_open(self, database, path):
        write(database)
        database.close()
        files = Path("/proc/self/fd")
        if files.is_dir():
            names = {str(file.readlink()) for file in files.iterdir() if file.exists()}
            assert not {name for name in names if str(path) in name}


def test_a_ping_creates_the_tables_and_changes_nothing(database):
    database.ping()
    database.ping()
    assert tables_of(database) >= TABLES
    assert Ledger(database).states() == {}


def test_what_contradicts_itself_is_refused_and_no_outage(database):
    token = TOKEN | {"code": "c"}
    with (
        pytest.raises(RefusedError, match=r"\(IntegrityError\)$"),
        database.transaction() as connection,
    ):
        connection.execute(insert(schema.TOKENS), [token, token])
    write(database)
    assert database.generation == 1


@pytest.mark.postgres
class TestPostgres:
    """What a server does, and how the store comes back."""

    @pytest.fixture
    def database(self, postgres):
        name = f"engine_{uuid.uuid4().hex}"
        postgres.create(name)
        database = Database(postgres.url(name))
        yield database
        database.close()

    def test_its_tables_are_in_a_schema_of_their_own(self, postgres):
        postgres.create("schemas")
        database = Database(postgres.url("schemas"))
        write(database)
        names = postgres.query(
            "schemas",
            "SELECT DISTINCT table_schema FROM information_schema.tables"
            " WHERE table_name LIKE 'imaging_selection_%'",
        )
        assert names == "imaging_selection"
        database.close()

    def test_a_server_that_was_away_is_used_again(self, database, postgres):
        write(database)
        postgres.stop()
        with pytest.raises(StoreError, match=r"\(OperationalError\)$"):
            database.ping()
        with pytest.raises(StoreError, match=r"\(OperationalError\)$"):
            write(database)
        postgres.start()
        write(database)
        assert Ledger(database).read(ENTRY.orthanc_id) == ENTRY
        assert database.generation == 1

    def test_what_it_will_never_take_is_refused_and_no_outage(self, database):
        with pytest.raises(RefusedError, match=r"\(DataError\)$"):
            write(database, replace(ENTRY, reason="NUL \0"))
        write(database)

    def test_what_is_too_long_for_its_index_is_refused_and_no_outage(self, database):
        code = random.Random(113047).randbytes(9000).hex()  # noqa: S311 - no zip helps
        with (
            pytest.raises(RefusedError, match=r"\(OperationalError\)$"),
            database.transaction() as connection,
        ):
            connection.execute(insert(schema.TOKENS), TOKEN | {"code": code})
        write(database)
        assert database.generation == 1

    def test_no_error_repeats_the_password(self, postgres):
        url = postgres.url("nothing-there")
        database = Database(url)
        with pytest.raises(StoreError) as error:
            write(database)
        assert "113047" not in str(error.value)
        database.close()
