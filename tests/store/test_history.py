"""The last change of each resource, page by page, on each database."""

import pytest
from imaging_selection.search.extract import NO_DATE, Indexed
from imaging_selection.search.normalize import interval_of
from imaging_selection.store.draft import Draft
from imaging_selection.store.ledger import CONVERTED, LedgerEntry
from imaging_selection.store.selections import Selections

KINDS = ("ImagingSelection", "Observation")


def moment(day):
    return f"2026-01-{day:02}T03:04:05.000Z"


def save(selections, name, day, kind="ImagingSelection", content=b'{"x":1}'):
    entry = LedgerEntry(f"set-{name}", CONVERTED, "mark", "version", moment(day))
    selections.save_all([(entry, [Draft(kind, name, content, Indexed())])], moment(day))


EVER = NO_DATE, 2**62


def pages(selections, types, span=EVER, count=2):
    after = None
    while True:
        changes, after = selections.history(types, span, count, after)
        assert len(changes) <= count
        yield from ((each.resource_type, each.stored.id) for each in changes)
        if after is None:
            return


@pytest.fixture
def selections(database):
    return Selections(database)


def test_changes_of_types_are_merged_in_the_order_of_time(selections):
    for day, name in enumerate("abcdef", 1):
        save(selections, name, day, KINDS[day % 2])
    save(selections, "a", 9, "Observation", b'{"x":2}')
    selections.remove("set-c", moment(10))
    expected = [(KINDS[d % 2], n) for n, d in (("c", 3), ("a", 1), ("f", 6))]
    expected += [(KINDS[d % 2], n) for n, d in (("e", 5), ("d", 4), ("b", 2))]

    assert [*pages(selections, KINDS)] == expected
    assert [*pages(selections, KINDS, count=50)] == expected
    for kind in KINDS:
        found = [*pages(selections, (kind,), count=1)]
        assert found == [each for each in expected if each[0] == kind]


def test_those_that_changed_at_the_same_moment_are_on_one_page_each(selections):
    for name in "abcde":
        save(selections, name, 1)
    found = [*pages(selections, KINDS)]
    assert len(found) == len({*found}) == 5


def test_a_deleted_resource_is_told_without_its_content(selections):
    save(selections, "a", 1)
    selections.remove("set-a", moment(2))
    ([change], _) = selections.history(KINDS, EVER, 5, None)
    assert (change.stored.deleted, change.stored.resource) == (True, b"")
    assert (change.stored.version_id, change.stored.last_updated) == (2, moment(2))


def test_a_span_has_its_first_moment_and_not_its_last(selections):
    for day, name in enumerate("abcde", 1):
        save(selections, name, day, KINDS[day % 2])
    selections.remove("set-e", moment(3))
    times = [interval_of(moment(day))[0] for day in range(1, 7)]
    for first in range(5):
        for last in range(first, 6):
            span = times[first], times[last]
            expected = {
                n
                for n, d in zip("abcde", (1, 2, 3, 4, 3), strict=True)
                if first < d <= last
            }
            found = [name for _, name in pages(selections, KINDS, span, 1)]
            assert {*found} == expected
            assert len(found) == len(expected)
