"""Pages of a search while the store changes under it."""

import random
import threading
from urllib.parse import parse_qsl, urlsplit

import orjson
import pytest
from imaging_selection.api.http import Request
from imaging_selection.api.router import Api
from imaging_selection.fhir.canonicals import LEVEL_SYSTEM
from support.search_cases import NOW, PROFILE
from support.served import Site
from support.waiting import wait_until


def selection(number, **elements):
    return {
        "resourceType": "ImagingSelection",
        "id": f"id-{number:06}",
        "meta": {
            "profile": [PROFILE],
            "tag": [{"system": LEVEL_SYSTEM, "code": "roi"}],
            "lastUpdated": f"2024-01-01T00:00:{number % 60:02}Z",
        },
        "status": "available",
        "code": {"coding": [{"code": "130488"}]},
        "bodySite": {"concept": {"text": f"ROI {number % 37}"}},
        "subject": {"reference": f"Patient/p-{number % 7}"},
        **elements,
    }


def pages(archive, pairs, size, between):
    """Every id found, page by page, with something done between two pages."""
    found, after = [], None
    while True:
        page = archive.search(pairs, size, after)
        found += [each.id for each in page.matches]
        after = page.next_after
        if after is None:
            return found
        between()


@pytest.mark.slow
@pytest.mark.parametrize(
    "pairs",
    [
        pytest.param([], id="everything"),
        pytest.param([("status", "available")], id="in-order-of-keys"),
        pytest.param([("roi-name", "roi")], id="in-order-of-names"),
        pytest.param([("_sort", "-_lastUpdated")], id="sorted"),
        pytest.param([("_sort", "-_lastUpdated,roi-name")], id="sorted-by-two"),
        pytest.param([("patient", "p-1,p-2"), ("_sort", "_id")], id="few-sorted"),
        pytest.param(
            [("patient", "p-1"), ("roi-name:contains", "1")], id="two-criteria"
        ),
    ],
)
def test_what_stays_is_seen_exactly_once(new_archive, pairs):
    archive = new_archive()
    chance = random.Random(113047)  # noqa: S311
    stays = {}
    leaves = []
    for number in range(105):
        resource = selection(number)
        archive.save(resource)
        if number % 3:
            stays[resource["id"]] = resource
        else:
            leaves.append(resource)
    wanted = {name for name in archive.ids(pairs) if name in stays}
    assert wanted
    numbers = iter(range(10_000, 20_000))

    def disturb():
        for _ in range(3):
            archive.save(selection(next(numbers)))
            if leaves:
                archive.remove(leaves.pop(chance.randrange(len(leaves))))

    found = pages(archive, pairs, 7, disturb)

    assert len(found) == len(set(found))
    assert wanted <= set(found)


@pytest.mark.slow
def test_thousands_are_paged_while_others_come_and_go(new_archive, thorough):
    structure_sets = 100 if thorough else 20
    archive = new_archive()
    api = Api(archive.selections, None, None, Site())
    stays = set()
    for number in range(structure_sets):
        resources = [selection(number * 100 + each) for each in range(100)]
        archive.save_together(f"stays-{number}", resources)
        stays.update(each["id"] for each in resources)
        some = [selection(500_000 + number * 10 + each) for each in range(10)]
        archive.save_together(f"leaves-{number}", some)
    turns = threading.Semaphore(0)
    changed = []

    def disturb():
        for number in range(structure_sets):
            turns.acquire()
            if done.is_set():
                return
            archive.selections.remove(f"leaves-{number}", NOW)
            some = [selection(700_000 + number * 10 + each) for each in range(10)]
            archive.save_together(f"comes-{number}", some)
            changed.append(number)

    done = threading.Event()
    thread = threading.Thread(target=disturb, daemon=True)
    thread.start()
    found = []
    sizes = []
    asked = 0
    pairs = [("roi-name", "roi"), ("_count", "250")]
    while pairs:
        turns.release(2)  # two changes while the page is read, or before the next one
        response = api.handle(Request("GET", "/fhir/ImagingSelection", tuple(pairs)))
        bundle = orjson.loads(response.body)
        found += [entry["resource"]["id"] for entry in bundle["entry"]]
        sizes.append(len(changed))
        asked += 2
        wait_until(lambda: len(changed) == min(asked, structure_sets))  # noqa: B023
        links = {link["relation"]: link["url"] for link in bundle["link"]}
        pairs = parse_qsl(urlsplit(links["next"]).query) if "next" in links else []
    done.set()
    turns.release()
    thread.join()

    assert len(stays) == 100 * structure_sets
    assert len(set(sizes)) > 2  # others came and went between the pages
    assert len(found) == len(set(found))
    assert stays <= set(found)


def test_a_deleted_selection_leaves_nothing_behind(new_archive):
    archive = new_archive()
    archive.save(selection(1))
    archive.remove(selection(1))

    assert archive.ids([]) == []
    assert archive.ids([("roi-name:missing", "true")]) == []
    stored = archive.selections.read("id-000001")
    assert stored.deleted
    assert stored.resource == b""
    with archive.database.transaction() as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("SET search_path TO imaging_selection")
        for table in ("tokens", "texts"):
            count = f"SELECT count(*) FROM imaging_selection_{table}"  # noqa: S608
            assert connection.exec_driver_sql(count).scalar() == 0
        row = connection.exec_driver_sql("SELECT * FROM imaging_selection_selections")
        assert "roi" not in str(row.mappings().one()).lower().replace("roi_name", "")
