from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from imaging_selection.store.ledger import (
    CONVERTED,
    FAILED,
    Ledger,
    LedgerEntry,
    State,
    forget,
    instant,
    record,
)

FIRST = "2021-03-04T05:06:07.000Z"
LATER = "2021-03-04T05:06:08.000Z"

GOOD = LedgerEntry(
    orthanc_id="good-113047",
    state=CONVERTED,
    attachment_uuid="mark-1",
    mapping_version="1-a",
    since=LATER,
    findings='[{"code":"no-roi","text":"œ"}]'.encode(),
)
BAD = LedgerEntry(
    orthanc_id="bad-113047",
    state=FAILED,
    attachment_uuid="mark-2",
    mapping_version="1-b",
    since=LATER,
    reason="reason-113047",
    attempts=3,
    kind="reports",
    retry_at="2021-03-04T06:00:00.000Z",
)
OLDER = LedgerEntry(
    orthanc_id="older-113047",
    state=FAILED,
    attachment_uuid="mark-3",
    mapping_version="1-b",
    since=FIRST,
    reason="another-113047",
    attempts=1,
    retry_at=LATER,
)


@pytest.fixture
def write(database):
    def write_all(*entries):
        with database.transaction() as connection:
            for entry in entries:
                record(connection, entry)

    return write_all


@pytest.fixture
def ledger(database):
    return Ledger(database)


@pytest.mark.parametrize("entry", [GOOD, BAD], ids=["converted", "failed"])
def test_an_entry_is_read_as_it_was_written(ledger, write, entry):
    write(entry)
    assert ledger.read(entry.orthanc_id) == entry


def test_an_entry_that_was_never_written_is_none(ledger):
    assert ledger.read("nothing") is None


def test_an_empty_ledger_lists_nothing(ledger):
    assert (ledger.states(), ledger.failures(), ledger.findings(1)) == ({}, [], [])


def test_a_later_entry_stands_in_place_of_the_former(ledger, write):
    mended = LedgerEntry(
        orthanc_id=BAD.orthanc_id,
        state=CONVERTED,
        attachment_uuid="mark-4",
        mapping_version="1-b",
        since=LATER,
    )
    write(BAD)
    write(mended)
    assert ledger.read(BAD.orthanc_id) == mended
    assert ledger.failures() == []


def test_a_forgotten_entry_is_gone_and_the_others_stay(ledger, write, database):
    write(GOOD, BAD)
    with database.transaction() as connection:
        forget(connection, GOOD.orthanc_id)
        forget(connection, "nothing")
    assert ledger.read(GOOD.orthanc_id) is None
    assert list(ledger.states()) == [BAD.orthanc_id]


def test_the_states_hold_what_a_sweep_needs(ledger, write):
    write(GOOD, BAD)
    assert ledger.states() == {
        "good-113047": State("mark-1", "1-a", None, "structureSets"),
        "bad-113047": State("mark-2", "1-b", "2021-03-04T06:00:00.000Z", "reports"),
    }


def test_the_states_of_some_are_listed(ledger, write):
    write(GOOD, BAD)
    assert ledger.states(["bad-113047", "other"]).keys() == {"bad-113047"}
    assert ledger.states([]) == {}


def test_the_failures_are_listed_oldest_first(ledger, write):
    write(BAD, GOOD, OLDER)
    assert ledger.failures() == [
        {
            "instance": "older-113047",
            "reason": "another-113047",
            "since": FIRST,
            "attempts": 1,
        },
        {
            "instance": "bad-113047",
            "reason": "reason-113047",
            "since": LATER,
            "attempts": 3,
        },
    ]


def test_the_findings_are_listed_where_there_are_any(ledger, write):
    write(BAD, GOOD, replace(GOOD, orthanc_id="good-213047"))
    listed = [
        {"instance": name, "findings": [{"code": "no-roi", "text": "œ"}]}
        for name in ("good-113047", "good-213047")
    ]
    assert ledger.findings(3) == listed
    assert ledger.findings(1) == listed[:1]


def test_the_states_are_counted_by_what_made_them(ledger, write):
    write(GOOD, BAD, OLDER)
    assert ledger.count("1-a") == {"structureSets": (1, 1), "reports": (0, 1)}
    assert ledger.count("1-b") == {"structureSets": (0, 1), "reports": (0, 1)}


def test_what_failed_is_due_when_its_time_has_come(ledger, write):
    write(GOOD, BAD, OLDER)
    assert ledger.due(FIRST) == []
    assert ledger.due(LATER) == ["older-113047"]


def test_what_is_outdated_is_of_no_mapping(ledger, write):
    write(GOOD, BAD)
    ledger.outdate()
    assert {each.mapping_version for each in ledger.states().values()} == {""}


def test_the_last_position_is_saved(ledger, open_database):
    assert ledger.position() is None
    ledger.save_position("1")
    ledger.save_position("2")
    assert Ledger(open_database()).position() == "2"


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        pytest.param(
            datetime(2021, 3, 4, 5, 6, 7, 89999, UTC),
            "2021-03-04T05:06:07.089Z",
            id="cut-to-milliseconds",
        ),
        pytest.param(
            datetime(2021, 3, 4, 0, 30, tzinfo=timezone(timedelta(hours=1))),
            "2021-03-03T23:30:00.000Z",
            id="in-utc",
        ),
    ],
)
def test_an_instant_is_in_utc_to_the_millisecond(moment, text):
    assert instant(moment) == text
