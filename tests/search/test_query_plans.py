"""What the databases do for a page: an index leads to it, and nothing larger is sorted.

The plans are those of an empty store, without statistics: as a store has none while it
is being filled. PostgreSQL is kept from reading whole tables, and from sorting where an
index has the order: of empty tables it would rather do that.
"""

import json
from dataclasses import replace
from itertools import product

import pytest
from imaging_selection.search.criteria import Position
from imaging_selection.search.parse_criterion import Context
from imaging_selection.search.parse_request import parse_search
from imaging_selection.store.history import history_of
from imaging_selection.store.shapes import split_query
from imaging_selection.store.statements import page_of

SORTS = ("_id", "issued", "_lastUpdated", "roi-name")
SEARCHES = {
    "everything": [],
    "patient": [("patient", "p-1")],
    "subject-of-any-type": [("subject", "p-1")],
    "body-site": [("body-site", "http://snomed.info/sct|1")],
    "body-site-any-system": [("body-site", "1")],
    "system-only": [("_tag", "http://example.org|")],
    "two-values": [("patient", "p-1,p-2")],
    "two-criteria": [("patient", "p-1"), ("status", "available")],
    "roi-name": [("roi-name", "ptv")],
    "roi-name-two": [("roi-name", "ptv,gtv")],
    "roi-name-exact": [("roi-name:exact", "PTV")],
    "roi-name-of-patient": [("roi-name", "ptv"), ("patient", "p-1")],
    "not": [("patient", "p-1"), ("category:not", "1")],
    "missing": [("issued:missing", "true")],
    "of-type": [("identifier:of-type", "http://example.org|MR|1")],
    "text": [("category:text", "ptv")],
    "contains": [("roi-name:contains", "x")],
    **{
        f"issued-{prefix}": [("issued", f"{prefix}2024-02-03")]
        for prefix in ("eq", "ne", "gt", "ge", "lt", "le", "sa", "eb", "ap")
    },
    **{f"sort-{key}": [("_sort", key)] for key in SORTS},
    **{f"sort-{key}-down": [("_sort", f"-{key}")] for key in SORTS},
    "sort-and-filter": [("patient", "p-1"), ("_sort", "-_lastUpdated")],
    "sort-in-range": [("issued", "ge2024"), ("_sort", "-issued")],
}


BY_CODE = "PRIMARY KEY (resource_type=? AND parameter=? AND code=?)"
IN_ORDER = "resource_type=? AND deleted=?"


@pytest.fixture(scope="module")
def archive(new_archive):
    return new_archive()


def explain(archive, query, narrow=None):
    """The plan of a page: as rows of SQLite, or as PostgreSQL's JSON."""
    shape, values = split_query(query)
    return plan_of(archive, page_of(shape, narrow).params(values))


def plan_of(archive, statement):
    with archive.database.transaction() as connection:
        compiled = statement.compile(
            connection.engine, compile_kwargs={"literal_binds": True}
        )
        sql = str(compiled).replace("%%", "%")
        if archive.database.kind == "sqlite":
            return connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}").all()
        connection.exec_driver_sql("SET LOCAL search_path TO imaging_selection")
        for setting in ("enable_seqscan", "enable_bitmapscan", "enable_sort"):
            connection.exec_driver_sql(f"SET LOCAL {setting} = off")
        sql = sql.replace("%", "%%")
        plan = connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {sql}").scalar()
        return plan if isinstance(plan, list) else json.loads(plan)


def unlimited_sorts(plan):
    """What sorts its input before a limit has cut that."""
    if isinstance(plan[0], dict):
        return list(_postgres_sorts(plan[0]["Plan"]))
    children = {}
    for _, parent, _, text in plan:
        children.setdefault(parent, []).append(text)
    return [
        text
        for parent, texts in children.items()
        for text in texts
        # A subquery of ours ("anon") is cut to a page.
        if text.startswith("USE TEMP B-TREE")
        and not any(each.startswith("SCAN anon") for each in texts)
    ]


def _postgres_sorts(node):
    below = node.get("Plans", [])
    # The aggregate of a union: its inputs are cut each.
    if node["Node Type"] in {"Sort", "Incremental Sort"} and not _is_cut(node):
        yield node["Sort Key"]
    for each in below:
        yield from _postgres_sorts(each)


def _is_cut(node):
    """Tell whether every row below has passed a limit."""
    if node["Node Type"] == "Limit":
        return True
    below = [
        each
        for each in node.get("Plans", [])
        if each["Parent Relationship"] in {"Outer", "Member", "Subquery"}
    ]
    return bool(below) and all(map(_is_cut, below))


def full_scans(plan):
    """Which tables are read from end to end, without an index."""
    if isinstance(plan[0], dict):
        return []  # switched off above
    return [row[3] for row in plan if row[3].startswith("SCAN imaging")]


@pytest.mark.parametrize("name", SEARCHES)
def test_no_page_sorts_more_than_itself(archive, name):
    query = parse_search(SEARCHES[name], Context()).query

    plan = explain(archive, query)

    assert unlimited_sorts(plan) == []
    assert full_scans(plan) == []


@pytest.mark.parametrize(
    ("name", "index"),
    [
        ("patient", BY_CODE),
        ("body-site", BY_CODE),
        ("system-only", BY_CODE),
        ("missing", BY_CODE),
        (
            "roi-name",
            f"by_sort_roi_name ({IN_ORDER} AND sort_roi_name>? AND sort_roi_name<?)",
        ),
        ("roi-name-exact", f"by_sort_roi_name ({IN_ORDER} AND sort_roi_name=?)"),
        ("issued-ge", f"by_sort_issued ({IN_ORDER} AND sort_issued>?)"),
        (
            "issued-lt",
            f"by_sort_issued ({IN_ORDER} AND sort_issued>? AND sort_issued<?)",
        ),
    ],
)
def test_the_index_of_a_value_leads_to_a_page(archive, name, index):
    if archive.database.kind != "sqlite":
        return  # it chooses by statistics; what it may not do is tested above
    query = parse_search(SEARCHES[name], Context()).query
    plan = [row[3] for row in explain(archive, query)]
    assert any(row.endswith(index) for row in plan), plan


@pytest.mark.parametrize(
    ("name", "value"),
    [("patient", None), ("roi-name", "ptv"), ("sort-issued-down", 7)],
)
def test_the_next_page_is_found_as_the_first_one(archive, name, value):
    query = parse_search(SEARCHES[name], Context()).query
    following = replace(query, after=Position(query.applied_order, value, 7))

    plan = explain(archive, following)

    assert unlimited_sorts(plan) == []
    assert full_scans(plan) == []


@pytest.mark.parametrize("narrow", [None, 0])
def test_urls_below_another_are_read_by_their_index(archive, narrow):
    pairs = [("_profile:below", "http://example.org"), ("patient", "p-1")]
    plan = explain(archive, parse_search(pairs, Context()).query, narrow)
    assert full_scans(plan) == []
    if archive.database.kind == "sqlite" and narrow == 0:
        texts = [row[3] for row in plan]
        by_code = [
            each for each in texts if "AND code" in each and "patient" not in each
        ]
        assert len([each for each in by_code if "parameter=? AND code" in each]) >= 3


@pytest.mark.parametrize("continues", [False, True])
@pytest.mark.parametrize("sort", ["issued,roi-name", "-issued,_id,-roi-name"])
def test_with_several_keys_only_what_is_equal_in_the_first_is_sorted(
    archive, sort, continues
):
    pairs = [("issued", "ge2024"), ("_sort", sort)]
    query = parse_search(pairs, Context()).query
    if continues:
        further = ("a",) * len(query.order.further)
        query = replace(query, after=Position(query.order, 7, 7, further))

    plan = explain(archive, query)

    assert full_scans(plan) == []
    if archive.database.kind != "sqlite":
        assert all(sort_is_incremental(each) for each in _sorts(plan[0]["Plan"]))
        return
    texts = [row[3] for row in plan]
    assert any(f"by_sort_issued ({IN_ORDER} AND sort_issued" in each for each in texts)
    parts = "USE TEMP B-TREE FOR RIGHT PART", "USE TEMP B-TREE FOR LAST"
    assert all(each.startswith(parts) for each in unlimited_sorts(plan))


def _sorts(node):
    if node["Node Type"] in {"Sort", "Incremental Sort"} and not _is_cut(node):
        yield node
    for each in node.get("Plans", []):
        yield from _sorts(each)


def sort_is_incremental(node):
    return node["Node Type"] == "Incremental Sort" and len(node["Presorted Key"]) == 1


@pytest.mark.parametrize("name", ["two-criteria", "sort-and-filter", "sort-in-range"])
def test_a_few_candidates_are_read_by_their_keys(archive, name):
    if archive.database.kind != "sqlite":
        return  # it knows how many keys there are, and how many rows
    query = parse_search(SEARCHES[name], Context()).query

    plan = explain(archive, query, narrow=0)

    texts = [row[3] for row in plan]
    by_key = "USING INTEGER PRIMARY KEY (rowid=?)"
    assert len([each for each in texts if each.endswith(by_key)]) == 2
    assert full_scans(plan) == []


def observations(**pairs):
    pairs = [(name.replace("_", "-"), value) for name, value in pairs.items()]
    return parse_search(pairs, Context("Observation")).query


@pytest.mark.parametrize(
    "pairs",
    [
        {"date": "ge2024"},
        {"date": "le2024"},
        {"value_quantity": "5.4||mm"},
        {"value_quantity": "gt5.4,lt1", "patient": "p-1"},
    ],
)
@pytest.mark.parametrize("narrow", [None, 0])
def test_a_range_is_read_by_its_index_or_for_each_resource(archive, pairs, narrow):
    query = observations(**pairs)
    if narrow is not None and not query.criteria[0].narrows:
        return
    plan = explain(archive, query, narrow)
    assert full_scans(plan) == []
    if archive.database.kind != "sqlite":
        return
    texts = [row[3] for row in plan]
    (of_range,) = (
        (
            each
            for each in texts
            if "imaging_selection_tokens" in each and "code=?" not in each
        )
        if len(query.criteria) == 1 and narrow is None
        else [""]
    )
    if of_range:
        assert "tokens_of_selection (selection_key=?" in of_range
        assert unlimited_sorts(plan) == []
    if narrow == 0:
        assert any("AND code>?" in each or "AND code<?" in each for each in texts)


@pytest.mark.parametrize(
    ("pairs", "narrow"),
    [
        *product(
            ([("patient.name", "al")], [("_has:Observation:derived-from:code", "1")]),
            (None, 0),
        ),
        ([("patient.name:contains", "al")], None),
    ],
)
def test_indexes_lead_through_a_chain(archive, pairs, narrow):
    query = parse_search(pairs, Context("ImagingSelection")).query
    plan = explain(archive, query, narrow)
    assert full_scans(plan) == []
    if archive.database.kind == "sqlite":
        texts = [row[3] for row in plan]
        of_tokens = [each for each in texts if "imaging_selection_tokens" in each]
        assert of_tokens
        for each in of_tokens:
            assert "code" in each or "tokens_of_selection" in each, texts


@pytest.mark.parametrize("continues", [False, True])
def test_a_history_is_in_the_order_of_an_index(archive, continues):
    statement = history_of(("Patient", "Observation"), continues=continues)
    values = {"since": 0, "before": 9, "limit": 9}
    if continues:
        values |= {"after_value": 7, "after_key": 7}
    plan = plan_of(archive, statement.params(values))
    assert full_scans(plan) == []
    if archive.database.kind == "sqlite":
        texts = [row[3] for row in plan]
        by_moment = (
            f"by_sort_lastupdated ({IN_ORDER} AND sort_lastupdated>?"
            " AND sort_lastupdated<?)"
        )
        assert len([each for each in texts if by_moment in each]) == 4
