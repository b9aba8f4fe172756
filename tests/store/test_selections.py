import json
import threading
from dataclasses import replace
from itertools import pairwise

import pytest
from imaging_selection.errors import RefusedError
from imaging_selection.search.criteria import (
    Comparison,
    Criterion,
    DateMatch,
    Order,
    Query,
    TextMatch,
    TokenMatch,
)
from imaging_selection.search.extract import NO_DATE, Indexed, Token
from imaging_selection.search.normalize import interval_of
from imaging_selection.store.draft import Draft
from imaging_selection.store.engine import Database
from imaging_selection.store.ledger import CONVERTED, FAILED, Ledger, LedgerEntry
from imaging_selection.store.schema import SELECTIONS, TEXTS, TOKENS
from imaging_selection.store.selections import Page, Selections, Stored
from sqlalchemy import func, select

FIRST = "2021-03-04T05:06:07.000Z"
LATER = "2021-03-04T05:06:08.000Z"
LAST = "2021-03-04T05:06:09.000Z"


def orthanc_id(number):
    """A name as long as Orthanc's."""
    return "-".join([f"{number:08x}"] * 5)


ONE, TWO = orthanc_id(1), orthanc_id(2)


def entry(instance=ONE, **overrides):
    facts = {
        "state": CONVERTED,
        "attachment_uuid": "mark-113047",
        "mapping_version": "1-a",
    }
    return LedgerEntry(orthanc_id=instance, since=FIRST, **facts | overrides)


def content_of(identity, text="113047"):
    resource = {
        "resourceType": "ImagingSelection",
        "id": identity,
        "meta": {"tag": [{"code": "roi"}]},
        "bodySite": {"concept": {"text": text}},
    }
    return json.dumps(resource, separators=(",", ":")).encode()


def draft(identity, text="113047", *tokens, resource_type="ImagingSelection"):
    """A selection that is found by its id, its text, and more tokens."""
    found_by = {Token("_id", "", identity), *tokens}
    texts = {("body-site", text)}
    ordered = {"roi-name": text, "issued": NO_DATE}
    index = Indexed(frozenset(found_by), frozenset(texts), ordered)
    return Draft(resource_type, identity, content_of(identity, text), index)


def served(identity, version_id, last_updated, text="113047"):
    resource = json.loads(content_of(identity, text))
    meta = {"versionId": str(version_id), "lastUpdated": last_updated}
    return resource | {"meta": meta | resource["meta"]}


@pytest.fixture
def selections(database):
    return Selections(database)


def versions_of(selections, *identities):
    read = map(selections.read, identities)
    return [(each.version_id, each.last_updated, each.deleted) for each in read]


def query(count=50, after=None, **criteria):
    """A query by parameters, each with codes of any system."""
    named = tuple(
        Criterion(name, tuple(TokenMatch(None, code) for code in codes))
        for name, codes in criteria.items()
    )
    return Query(named, count, after=after)


def count_of(database, table):
    with database.transaction() as connection:
        return connection.scalar(select(func.count()).select_from(table))


def test_a_saved_selection_is_read_as_it_is_served(selections):
    selections.save_all([(entry(), [draft("a")])], FIRST)
    stored = selections.read("a")
    assert json.loads(stored.resource) == served("a", 1, FIRST)
    assert stored == Stored(
        key=1,
        id="a",
        orthanc_id=ONE,
        deleted=False,
        version_id=1,
        last_updated=FIRST,
        resource=stored.resource,
    )


def test_resources_of_two_types_can_have_the_same_id(selections):
    codes = [Token("x", "", "113047")]
    drafts = [
        draft("a", text, *codes, resource_type=resource_type)
        for resource_type, text in (("ImagingSelection", "one"), ("Observation", "two"))
    ]
    selections.save_all([(entry(), drafts)], FIRST)
    one, two = selections.read("a"), selections.read("a", "Observation")
    assert json.loads(one.resource) == served("a", 1, FIRST, "one")
    assert json.loads(two.resource) == served("a", 1, FIRST, "two")
    assert selections.below([ONE]) == (one,)
    assert selections.below([ONE], "Observation") == (two,)
    of_code = Criterion("x", (TokenMatch(None, "113047"),))
    of_name = Criterion("roi-name", (TextMatch(Comparison.CONTAINS, "o"),))
    for criteria in ((), (of_code,), (of_name,), (of_code, of_name)):
        for order in (None, Order("roi-name")):
            asked = Query(criteria, order=order)
            assert selections.search(asked).matches == (one,)
            assert selections.count(asked) == 1
            asked = replace(asked, resource_type="Observation")
            assert selections.search(asked).matches == (two,)
            assert selections.count(asked) == 1
    selections.save_all([(entry(), drafts[1:])], LATER)
    assert selections.read("a").deleted
    assert selections.read("a", "Observation") == two


def test_a_selection_that_was_never_saved_is_none(selections):
    assert selections.read("nothing") is None


def test_saving_again_changes_nothing(selections, database):
    drafts = [draft("a"), draft("b")]
    selections.save_all([(entry(), drafts)], FIRST)
    before = [selections.read("a"), selections.read("b")]
    selections.save_all([(entry(mapping_version="2-b"), drafts)], LATER)
    assert [selections.read("a"), selections.read("b")] == before
    assert (count_of(database, TOKENS), count_of(database, TEXTS)) == (2, 2)
    assert Ledger(database).read(ONE).mapping_version == "2-b"


def test_the_version_grows_with_the_content_alone(selections):
    selections.save_all([(entry(), [draft("a"), draft("b")])], FIRST)
    selections.save_all([(entry(), [draft("a", "changed"), draft("b")])], LATER)
    assert versions_of(selections, "a", "b") == [
        (2, LATER, False),
        (1, FIRST, False),
    ]
    assert json.loads(selections.read("a").resource) == served("a", 2, LATER, "changed")


@pytest.mark.parametrize(
    "criterion_of",
    [
        pytest.param(
            lambda word: Criterion("category", (TokenMatch(None, word),)), id="token"
        ),
        pytest.param(
            lambda word: Criterion("body-site", (TextMatch(Comparison.PREFIX, word),)),
            id="text",
        ),
        pytest.param(
            lambda word: Criterion("roi-name", (TextMatch(Comparison.EXACT, word),)),
            id="column",
        ),
    ],
)
def test_changed_content_is_found_by_its_new_values_alone(selections, criterion_of):
    for word, moment in (("old", FIRST), ("new", LATER)):
        changed = draft("a", word, Token("category", "", word))
        selections.save_all([(entry(), [changed])], moment)
    assert selections.count(Query((criterion_of("old"),))) == 0
    assert selections.count(Query((criterion_of("new"),))) == 1


def test_a_new_mapping_leaves_the_time_of_the_same_content(selections):
    selections.save_all([(entry(), [draft("a")])], FIRST)
    selections.save_all([(entry(mapping_version="2-b"), [draft("a")])], LATER)
    start, end = interval_of(FIRST)
    criterion = Criterion("_lastUpdated", (DateMatch("eq", start, end),))
    matches = selections.search(Query((criterion,))).matches
    assert [each.id for each in matches] == ["a"]


def test_a_selection_that_is_no_more_is_deleted(selections, database):
    selections.save_all([(entry(), [draft("a"), draft("b")])], FIRST)
    selections.save_all([(entry(), [draft("b")])], LATER)
    assert versions_of(selections, "a", "b") == [(2, LATER, True), (1, FIRST, False)]
    # What Orthanc has deleted lives on nowhere: neither in the row nor in the values.
    assert selections.read("a").resource == b""
    assert (count_of(database, TOKENS), count_of(database, TEXTS)) == (1, 1)
    assert [each.id for each in selections.search(query()).matches] == ["b"]


def test_a_deleted_selection_is_deleted_once(selections):
    selections.save_all([(entry(), [draft("a")])], FIRST)
    selections.save_all([(entry(), [])], LATER)
    selections.save_all([(entry(), [])], LAST)
    assert versions_of(selections, "a") == [(2, LATER, True)]


def test_a_deleted_selection_comes_back_with_a_new_version(selections):
    selections.save_all([(entry(), [draft("a")])], FIRST)
    selections.save_all([(entry(), [])], LATER)
    selections.save_all([(entry(), [draft("a")])], LAST)
    assert versions_of(selections, "a") == [(3, LAST, False)]
    assert json.loads(selections.read("a").resource) == served("a", 3, LAST)
    assert selections.count(query(_id=["a"])) == 1


def test_removing_deletes_all_of_one_structure_set_and_forgets_it(selections, database):
    selections.save_all([(entry(ONE), [draft("a"), draft("b")])], FIRST)
    selections.save_all([(entry(TWO), [draft("c")])], FIRST)
    selections.remove(ONE, LATER)
    assert versions_of(selections, "a", "b", "c") == [
        (2, LATER, True),
        (2, LATER, True),
        (1, FIRST, False),
    ]
    assert list(Ledger(database).states()) == [TWO]


def test_removing_what_is_not_there_is_no_error(selections):
    selections.remove(ONE, FIRST)
    assert selections.search(query()) == Page(())


def test_a_failure_leaves_the_selections_as_they_are(selections, database):
    selections.save_all([(entry(), [draft("a")])], FIRST)
    failed = entry(state=FAILED, reason="reason-113047", attempts=1)
    selections.record_failure(failed)
    assert versions_of(selections, "a") == [(1, FIRST, False)]
    assert Ledger(database).read(ONE) == failed


def test_a_structure_set_is_saved_as_a_whole_or_not_at_all(selections, database):
    selections.save_all([(entry(ONE), [draft("a")])], FIRST)
    # The id "a" is taken by another structure set: the second of the two must fail.
    with pytest.raises(RefusedError):
        selections.save_all([(entry(TWO), [draft("b"), draft("a", "other")])], LATER)
    assert selections.read("b") is None
    assert Ledger(database).read(TWO) is None
    assert versions_of(selections, "a") == [(1, FIRST, False)]


def test_several_structure_sets_are_saved_together_or_none_is(selections, database):
    good = [(entry(ONE), [draft("a")]), (entry(TWO), [draft("b")])]
    selections.save_all(good, FIRST)
    assert versions_of(selections, "a", "b") == [(1, FIRST, False)] * 2
    bad = [(entry(ONE), [draft("a", "other")]), (entry(TWO), [draft("a")])]
    with pytest.raises(RefusedError):
        selections.save_all(bad, LATER)
    assert versions_of(selections, "a", "b") == [(1, FIRST, False)] * 2
    assert Ledger(database).states().keys() == {ONE, TWO}


def test_an_error_of_the_store_shows_no_value(selections):
    selections.save_all([(entry(ONE), [draft("a")])], FIRST)
    with pytest.raises(RefusedError) as error:
        selections.save_all([(entry(TWO), [draft("a", "secret-113047")])], LATER)
    assert str(error.value) == "the store refuses the content (IntegrityError)"
    assert error.value.__cause__ is None
    assert error.value.__suppress_context__


def saved(selections, number):
    """Save some selections; their ids, in order."""
    identities = [f"s{each:03}" for each in range(number)]
    for k, identity in enumerate(identities):
        own = Token("n", "", f"name{k % 3}"), Token("x", "sys", "code")
        made = draft(identity, f"name{k % 3}", *own)
        selections.save_all([(entry(orthanc_id(k)), [made])], FIRST)
    return identities


def pages_of(selections, first):
    page = selections.search(first)
    yield page
    while page.next_after is not None:
        page = selections.search(replace(first, after=page.next_after))
        yield page


@pytest.mark.parametrize(
    ("number", "count", "sizes"),
    [
        pytest.param(0, 3, [0], id="none"),
        pytest.param(2, 3, [2], id="part-of-a-page"),
        pytest.param(3, 3, [3], id="a-page"),
        pytest.param(7, 3, [3, 3, 1], id="pages"),
        pytest.param(6, 3, [3, 3], id="full-pages"),
        pytest.param(2, 1, [1, 1], id="one-a-page"),
    ],
)
def test_pages_hold_every_match_once_and_in_order(selections, number, count, sizes):
    identities = saved(selections, number)
    pages = list(pages_of(selections, query(count)))
    assert [len(page.matches) for page in pages] == sizes
    assert [each.id for page in pages for each in page.matches] == identities
    assert selections.count(query(count)) == number


def test_pages_go_on_after_a_match_that_has_been_deleted(selections):
    identities = saved(selections, 4)
    first = selections.search(query(2))
    for k in (1, 2):
        selections.remove(orthanc_id(k), LATER)
    rest = selections.search(query(2, after=first.next_after))
    assert [each.id for each in first.matches] == identities[:2]
    assert [each.id for each in rest.matches] == identities[3:]


def test_what_is_saved_while_paging_comes_last(selections):
    saved(selections, 2)
    first = selections.search(query(1))
    selections.save_all([(entry(TWO), [draft("a-new-one")])], LATER)
    rest = list(pages_of(selections, query(1, after=first.next_after)))
    assert [each.id for page in rest for each in page.matches] == ["s001", "a-new-one"]


def test_a_key_is_never_used_again(selections, database):
    saved(selections, 2)
    with database.transaction() as connection:
        connection.execute(SELECTIONS.delete())
    selections.save_all([(entry(), [draft("after")])], LATER)
    assert selections.read("after").key == 3


def is_token(name, *values):
    return Criterion(name, tuple(TokenMatch(*value) for value in values))


def is_text(name, comparison, text):
    return Criterion(name, (TextMatch(comparison, text),))


@pytest.mark.parametrize("maximum", [0, 1000], ids=["no-candidates", "candidates"])
@pytest.mark.parametrize(
    ("criteria", "found"),
    [
        pytest.param([is_token("_id", (None, "s001"))], "s001", id="one-value"),
        pytest.param(
            [is_token("_id", (None, "s001"), (None, "s003"))], "s001 s003", id="either"
        ),
        pytest.param(
            [is_token("n", (None, "name0")), is_token("_id", (None, "s003"))],
            "s003",
            id="both",
        ),
        pytest.param(
            [is_token("n", (None, "name0")), is_token("_id", (None, "s001"))],
            "",
            id="none",
        ),
        pytest.param(
            [
                is_text("roi-name", Comparison.PREFIX, "name0"),
                is_token("_id", (None, "s003")),
            ],
            "s003",
            id="both-of-a-column-and-a-token",
        ),
        pytest.param(
            [
                is_text("body-site", Comparison.PREFIX, "name0"),
                is_token("_id", (None, "s001")),
            ],
            "",
            id="none-of-a-text-and-a-token",
        ),
        pytest.param(
            [is_token("x", ("sys", "code")), is_token("_id", ("", "s002"))],
            "s002",
            id="s",
        ),
        pytest.param([is_token("x", ("other", "code"))], "", id="another-system"),
        pytest.param([is_token("x", ("", "code"))], "", id="no-system"),
        pytest.param(
            [is_token("x", (None, "code"))], "s000 s001 s002 s003", id="any-system"
        ),
        pytest.param([is_token("y", (None, "code"))], "", id="another-parameter"),
        pytest.param([is_token("_id", (None, "S001"))], "", id="another-case"),
        pytest.param([is_token("_id", (None, "s00%"))], "", id="no-pattern"),
        pytest.param(
            [is_text("roi-name", Comparison.CONTAINS, "ame%")],
            "",
            id="no-pattern-in-a-column",
        ),
        pytest.param(
            [is_text("body-site", Comparison.PREFIX, "name_")],
            "",
            id="no-pattern-in-a-text",
        ),
        pytest.param([is_token("_id", (None, "' OR 1=1 --"))], "", id="no-sql"),
        pytest.param(
            [is_text("roi-name", Comparison.PREFIX, "' OR 1=1 --")],
            "",
            id="no-sql-in-a-column",
        ),
    ],
)
def test_a_search_finds_what_meets_every_criterion(database, criteria, found, maximum):
    selections = Selections(database, maximum)
    saved(selections, 4)
    for order in (None, Order(), Order("_id")):
        asked = Query(tuple(criteria), order=order)
        matches = [each.id for each in selections.search(asked).matches]
        assert matches == found.split()
        assert selections.count(asked) == len(matches)


def test_below_lists_what_is_there_in_the_order_it_was_made(selections):
    selections.save_all([(entry(TWO), [draft("c"), draft("a")])], FIRST)
    selections.save_all([(entry(ONE), [draft("b"), draft("d")])], FIRST)
    selections.save_all([(entry(ONE), [draft("d")])], LATER)
    below = selections.below([ONE, TWO, orthanc_id(3)])
    assert [each.id for each in below] == ["c", "a", "d"]
    assert [each.id for each in selections.below([ONE])] == ["d"]
    assert selections.below([]) == ()


def in_threads(actions):
    """Run all at once; what any of them raises."""
    errors = []
    barrier = threading.Barrier(len(actions))

    def run(action):
        barrier.wait(timeout=30)
        try:
            action()
        except Exception as error:  # noqa: BLE001 - collected
            errors.append(error)

    threads = [threading.Thread(target=run, args=(action,)) for action in actions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    return errors


@pytest.mark.parametrize("nodes", [1, 2], ids=["one-node", "two-nodes"])
def test_many_that_save_the_same_at_once_leave_one_result(open_database, nodes):
    stores = [Selections(open_database()) for _ in range(nodes)]
    drafts = [draft("a"), draft("b")]

    def save(k):
        return lambda: stores[k % nodes].save_all([(entry(), drafts)], FIRST)

    assert in_threads([save(k) for k in range(8)]) == []
    assert versions_of(stores[0], "a", "b") == [(1, FIRST, False)] * 2
    assert stores[0].count(query()) == 2
    assert list(Ledger(open_database()).states()) == [ONE]


def test_nodes_that_save_many_together_wait_for_each_other_once(open_database):
    databases = [open_database() for _ in range(2)]
    names = sorted(orthanc_id(number) for number in range(20))
    conversions = [(entry(name), [draft(f"{name}-a")]) for name in names]

    def save(k):
        part = conversions[k : k + 12]  # each overlaps with the others
        return lambda: Selections(databases[k % 2]).save_all(part, FIRST)

    outdate = [Ledger(database).outdate for database in databases]
    assert in_threads([*map(save, range(8)), *outdate]) == []
    saved = [f"{name}-a" for name in names[:19]]
    assert versions_of(Selections(databases[0]), *saved) == [(1, FIRST, False)] * 19


def test_many_that_save_other_content_at_once_leave_one_of_them_whole(open_database):
    stores = [Selections(open_database()) for _ in range(2)]
    texts = [f"text{k}" for k in range(8)]

    def save(k):
        drafts = [draft("a", texts[k]), draft("b", texts[k])]
        return lambda: stores[k % 2].save_all([(entry(), drafts)], FIRST)

    assert in_threads([save(k) for k in range(8)]) == []
    stored = [stores[0].read("a"), stores[0].read("b")]
    assert [each.version_id for each in stored] == [8, 8]
    left = {json.loads(each.resource)["bodySite"]["concept"]["text"] for each in stored}
    assert len(left) == 1


def test_a_reader_sees_a_structure_set_as_a_whole(open_database):
    writer, reader = Selections(open_database()), Selections(open_database())
    writer.save_all([(entry(), [draft("a", "0"), draft("b", "0")])], FIRST)
    seen = []

    def write():
        for k in range(1, 21):
            writer.save_all(
                [(entry(), [draft("a", str(k)), draft("b", str(k))])], FIRST
            )

    def read():
        while not seen or seen[-1] != (21, 21):
            page = reader.search(query())
            seen.append(tuple(each.version_id for each in page.matches))

    assert in_threads([write, read]) == []
    assert all(a == b for a, b in seen)
    assert all(before <= after for before, after in pairwise(seen))


def test_the_file_itself_keeps_nothing_of_what_was_removed(tmp_path):
    database = Database(f"sqlite:///{tmp_path}/store.db")
    selections = Selections(database)
    token = Token("category", "", "Larynx113047")
    selections.save_all([(entry(), [draft("a", "Larynx113047", token)])], FIRST)
    selections.remove(ONE, LATER)
    selections.save_all([(entry(TWO), [draft("b", "Mandible113047")])], LATER)
    database.close()
    (file,) = tmp_path.iterdir()  # closed, the log beside it is gone
    for name in (b"Mandible113047", b"mandible113047"):
        assert name in file.read_bytes()
    for name in (b"Larynx113047", b"larynx113047"):
        assert name not in file.read_bytes()


def test_roi_names_are_counted_as_they_are_written(selections):
    names = ["Heart", "heart", "Heart", "", "heart", "Heart", "Lung"]
    drafts = [draft(f"a{k}", name) for k, name in enumerate(names)]
    selections.save_all([(entry(), drafts), (entry(TWO), [draft("b", "Lung")])], FIRST)
    selections.remove(TWO, LATER)
    everything = [("Heart", 3), ("heart", 2), ("Lung", 1)]
    assert selections.roi_names(3) == (everything, False)
    assert selections.roi_names(2) == (everything[:2], True)
