"""Orthancs that hold a given number of selections, made in minutes and kept.

The package converts one structure set of a hundred ROIs. Its rows of the store are then
copied in SQL for as many structure sets as are needed, each with its own ids and UIDs.
Orthanc holds all of these structure sets, with the same ids: the plugin compares them
when it starts, as always, and finds nothing to convert.
"""

import json
import shutil
import time
from dataclasses import replace
from functools import cache, reduce

from imaging_selection.host.jobs import convert
from imaging_selection.mapping.choices import Choices, version_of
from imaging_selection.objects import ids_of
from imaging_selection.store.engine import Database
from imaging_selection.store.ledger import CONVERTED, LedgerEntry
from imaging_selection.store.schema import (
    SCHEMA_VERSION,
    SELECTIONS,
    STRUCTURE_SETS,
    TEXTS,
    TOKENS,
)
from imaging_selection.store.selections import Selections
from sqlalchemy import (
    Column,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    cast,
    create_engine,
    func,
    insert,
    select,
    text,
    true,
)
from support.builders import code, contour, image_uid, make_rtstruct, observation, roi
from support.reading import parse_structure_set

from bench.orthancs import Orthanc

ROIS = 100
PER_SET = ROIS + 2  # the structure set itself, its ROIs, its source images
MOMENT = "2026-01-02T03:04:05.000Z"


def of_number(number):
    """Return the structure set of a number; a ROI in ten is coded. All are as long."""
    heart = observation(AnatomicRegionSequence=code("80891009", "SCT", "Heart"))
    names = names_of(number)
    return make_rtstruct(
        *(
            roi(
                k,
                f"Organ {k:03}",
                contours=[contour(images=[image_uid(1)])],
                observations=[observation() if k % 10 else heart],
            )
            for k in range(1, ROIS + 1)
        ),
        PatientID=names["patient"],
        StudyInstanceUID=names["study"],
        SeriesInstanceUID=names["series"],
        SOPInstanceUID=names["instance"],
    )


def names_of(number):
    """Return the identifiers in which structure sets differ, by number."""
    return {
        "patient": f"patient-{number:07}",
        "study": f"2.25.1130471{number:07}",
        "series": f"2.25.1130472{number:07}",
        "instance": f"2.25.1130473{number:07}",
    }


def filled(lab, selections):
    """Return the folder of an Orthanc with so many selections; make it if needed."""
    version = f"{version_of(Choices())}-{SCHEMA_VERSION}".replace("/", "_")
    folder = lab.cache / "stores" / f"{selections}-{version}"
    if not (folder / "complete").exists():
        shutil.rmtree(folder, ignore_errors=True)
        begun = time.monotonic()
        _fill(folder, -(-selections // PER_SET))
        (folder / "complete").touch()
        lab.say(f"filled {selections} selections in {time.monotonic() - begun:.0f} s")
    return folder


def database_of(folder):
    """Return the setting that says where the store of such a folder is."""
    return {"ImagingSelection": {"DatabaseUrl": f"sqlite:///{folder}/store.db"}}


def _fill(folder, sets):
    template = of_number(0)
    with Orthanc(folder, plugin=False, SyncStorageArea=False) as orthanc:
        connection = orthanc.connect()
        for number in range(sets):
            connection.store(_copy(template, number))
        found = connection.json(
            "/tools/find",
            json.dumps({"Level": "Instance", "Query": {}, "Expand": True}).encode(),
        )
    files = {each["ID"]: each["FileUuid"] for each in found}
    clones = []
    for number in range(sets):
        ids = orthanc_ids(number)
        clones.append({"n": number, **names_of(number), **_named(ids, files)})
    url = f"sqlite:///{folder}/store.db"
    _save_first(url, template, files)
    _multiply(url, clones)


@cache
def _template():
    return parse_structure_set(of_number(0))


def orthanc_ids(number):
    """Return Orthanc's ids of the structure set of a number."""
    names = names_of(number)
    return ids_of(
        replace(
            _template(),
            patient=replace(_template().patient, hashed_id=names["patient"]),
            study_instance_uid=names["study"],
            series_instance_uid=names["series"],
            sop_instance_uid=names["instance"],
        )
    )


def _copy(template, number):
    pairs = zip(names_of(0).values(), names_of(number).values(), strict=True)
    return reduce(
        lambda file, pair: file.replace(*map(str.encode, pair)), pairs, template
    )


def _named(ids, files):
    return {
        "patient_id": ids.patient,
        "study_id": ids.study,
        "orthanc_id": ids.instance,
        "attachment_uuid": files[ids.instance],
    }


def _save_first(url, file, files):
    """Save the template as the plugin does."""
    choices = Choices()
    ids = ids_of(parse_structure_set(file))
    conversion = convert(file, ids, choices)
    entry = LedgerEntry(
        ids.instance,
        CONVERTED,
        files[ids.instance],
        version_of(choices),
        MOMENT,
        findings=conversion.findings,
    )
    database = Database(url)
    Selections(database).save_all([(entry, conversion.drafts)], MOMENT)
    database.close()


_REPLACED = (
    *("orthanc_id", "patient_id", "study_id"),
    *("patient", "study", "series", "instance"),
)
CLONES = Table(
    "clones",
    MetaData(),
    Column("n", Integer, primary_key=True),
    *(Column(name, String) for name in (*_REPLACED, "attachment_uuid")),
    prefixes=["TEMPORARY"],
)


def _multiply(url, clones):
    """Copy the rows of the template for all other structure sets."""
    engine = create_engine(url)
    first, *others = clones
    with engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT")
        for pragma in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-1000000"):
            connection.execute(text(f"PRAGMA {pragma}"))
        connection.execute(text("BEGIN"))
        CLONES.create(connection)
        connection.execute(insert(CLONES), others)
        indexes = [i for t in (SELECTIONS, TOKENS) for i in t.indexes]
        for index in indexes:
            index.drop(connection)
        for table in (STRUCTURE_SETS, SELECTIONS, TEXTS, TOKENS):
            _copy_rows(connection, table, first)
        for index in indexes:
            index.create(connection)
        connection.execute(text("COMMIT"))
    engine.dispose()


def _copy_rows(connection, table, first):
    """Copy the rows of one table, nearly in the order of its key, without a sort.

    For tokens, all copies of a code come before the next code.
    """
    seed = _seed_of(connection, table)
    names = [column.name for column in table.columns]
    rows = [_copied(seed.c[name], first).label(name) for name in names]
    if table is TOKENS:
        groups = select(seed.c.parameter, seed.c.code).distinct()
        groups = groups.order_by(seed.c.parameter, seed.c.code).subquery("groups")
        same = (seed.c.parameter == groups.c.parameter) & (seed.c.code == groups.c.code)
        source = groups.join(CLONES, true()).join(seed, same)
    else:
        source = CLONES.join(seed, true())
    copies = select(*rows).select_from(source)
    # SQLite keeps the order of the tables only where a join is CROSS.
    statement = str(
        insert(table)
        .from_select(names, copies)
        .compile(connection, compile_kwargs={"literal_binds": True})
    )
    connection.exec_driver_sql(statement.replace(" JOIN ", " CROSS JOIN "))


def _seed_of(connection, table):
    """Copy the template's rows into a table of their own, so that no copy is read."""
    seed = table.to_metadata(MetaData(), name=f"seed_{table.name}")
    connection.exec_driver_sql(
        f"CREATE TEMPORARY TABLE {seed.name} AS SELECT * FROM {table.name}"  # noqa: S608
    )
    if table is TOKENS:
        keys = ", ".join(column.name for column in table.primary_key)
        connection.exec_driver_sql(f"CREATE INDEX seeds ON {seed.name} ({keys})")
    return seed


def _copied(column, first):
    """Return the expression for a column in a copy."""
    if column.name in {"key", "selection_key"}:
        return column + CLONES.c.n * PER_SET
    if column.name == "attachment_uuid":
        return CLONES.c.attachment_uuid
    if column.name == "resource":
        return cast(_renamed(cast(column, Text), first), LargeBinary)
    if column.name in {"id", "orthanc_id", "code"}:
        return _renamed(column, first)
    return column


def _renamed(source, first):
    return reduce(
        lambda done, name: func.replace(done, first[name], CLONES.c[name]),
        _REPLACED,
        source,
    )
