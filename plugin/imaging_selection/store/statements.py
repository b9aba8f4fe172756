"""Build the SQL statements of a search from its shape.

A page continues after a position in the order of an index, and never sorts more than
its own size: either an index has the order of the page, or it leads to a few
candidates, which are then sorted. With several sort keys, the index of the first one
leads, and what is equal in that is sorted.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Integer,
    Select,
    and_,
    bindparam,
    func,
    not_,
    or_,
    select,
    tuple_,
    union,
)

from imaging_selection.store.conditions import (
    KEY,
    conditions_of,
    is_present,
    reference_clause,
    row_clause,
    token_clause,
    type_number,
    value_of,
)
from imaging_selection.store.schema import SELECTIONS, SORT_COLUMNS, TOKENS
from imaging_selection.store.shapes import ChainShape, RangeShape, ReverseShape

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from imaging_selection.search.criteria import Order
    from imaging_selection.store.shapes import CriterionShape, MatchShape, QueryShape

    Clause = ColumnElement[bool]

_MAXIMUM_SHAPES = 500  # in each cache; clients use far fewer

_LIMIT = bindparam("limit", type_=Integer)


class Stored(NamedTuple):
    """A resource in the store; `resource` is its JSON, as the API serves it."""

    key: int
    id: str
    orthanc_id: str
    deleted: bool
    version_id: int
    last_updated: str
    resource: bytes


STORED = [SELECTIONS.c[name] for name in Stored._fields]


@lru_cache(_MAXIMUM_SHAPES)
def page_of(shape: QueryShape, narrow: int | None = None) -> Select[Any]:
    """Select the rows of a page, and one more match if another page follows.

    Each row has the columns of `STORED`, and `sort_value`. They come in any order: the
    database would copy the resources to sort them.

    Parameters
    ----------
    narrow
        The number of a criterion with few matches: only those are read.
    """
    order = shape.order
    if narrow is None:
        branches = _branches(shape)
    else:
        criteria = list(shape.criteria)
        candidates = union(*_candidates_of(criteria.pop(narrow), shape.resource_type))
        # `deleted` would lead the database to an index, and away from the candidates.
        present = SELECTIONS.c.digest != ""
        branches = [_keys_of_rows(shape, criteria, present, KEY.in_(candidates))]
    keys = _cut(branches, order)
    sort_values = _sort_values(order) or [KEY.label("sort_value")]
    return select(*STORED, *sort_values).join(keys, keys.c.key == KEY)


def sort_page(rows: Iterable[Any], order: Order) -> list[Any]:
    """Sort the rows of a page: by their sort values, then by their keys."""
    in_order = sorted(rows, key=itemgetter(0), reverse=order.descending)
    for number, each in reversed([*enumerate(order.keys)]):
        by = itemgetter(len(STORED) + number)
        in_order.sort(key=by, reverse=each.descending)  # stable
    return in_order


def _sort_values(order: Order) -> list[Any]:
    """Return the columns that an order sorts by: `sort_value`, `sort_value1`, …."""
    if not order.parameter:
        return []
    columns = [SORT_COLUMNS[each.parameter] for each in order.keys]
    names = ["sort_value", *(f"sort_value{n}" for n in range(1, len(columns)))]
    return [each.label(name) for each, name in zip(columns, names, strict=True)]


def _branches(shape: QueryShape) -> list[Select[Any]]:
    """Select the keys of the matches, with their sort value.

    An index has each branch in the order of the page.
    """
    criteria, order = shape.criteria, shape.order
    present = is_present(shape.resource_type)
    leading = next((each for each in criteria if _has_order(each, order)), None)
    if leading is None:
        return [_keys_of_rows(shape, criteria, present)]
    rest = [each for each in criteria if each is not leading]
    if leading.is_ordered:
        return [
            _keys_of_rows(shape, rest, present, row_clause(leading.name, each))
            for each in leading.matches
        ]
    return [
        _keys_of_tokens(shape, leading.name, each, rest) for each in leading.matches
    ]


def _has_order(criterion: CriterionShape, order: Order) -> bool:
    """Return whether an index has the matches of a criterion in an order."""
    own = criterion.name if criterion.is_ordered else ""
    return criterion.leads and own == order.parameter


def _keys_of_rows(
    shape: QueryShape, criteria: Iterable[CriterionShape], *conditions: Clause
) -> Select[Any]:
    return (
        select(KEY, *_sort_values(shape.order))
        .where(*conditions, *conditions_of(shape.resource_type, criteria))
        .where(*_after(shape))
    )


def _keys_of_tokens(
    shape: QueryShape, name: str, match: MatchShape, rest: Iterable[CriterionShape]
) -> Select[Any]:
    key = TOKENS.c.selection_key
    after = [key > value_of("after_key", key)] if shape.continues else []
    return (
        select(key.label("key"))
        .distinct()  # one code can belong to several systems
        .where(token_clause(TOKENS, shape.resource_type, name, match), *after)
        .where(*conditions_of(shape.resource_type, rest, key))
    )


def _cut(branches: list[Select[Any]], order: Order) -> Any:
    """Merge branches to the keys of one page."""
    pages = [
        each.order_by(*_order_by(each.selected_columns, order)).limit(_LIMIT).subquery()
        for each in branches
    ]
    if len(pages) == 1:
        return pages[0]
    merged = union(*(select(each) for each in pages)).subquery()
    return select(merged).order_by(*_order_by(merged.c, order)).limit(_LIMIT).subquery()


def _order_by(columns: Any, order: Order) -> list[Any]:
    by = []
    if order.parameter:
        names = [
            "sort_value",
            *(f"sort_value{n + 1}" for n in range(len(order.further))),
        ]
        by = list(zip((columns[name] for name in names), order.keys, strict=True))
    by.append((columns.key, order))
    return [column.desc() if key.descending else column for column, key in by]


def _after(shape: QueryShape) -> list[Clause]:
    if not shape.continues:
        return []
    if shape.order.further:
        return _after_keys(shape.order)
    columns: list[Any] = [KEY]
    values = [value_of("after_key", KEY)]
    if shape.order.parameter:
        column = SORT_COLUMNS[shape.order.parameter]
        columns.insert(0, column)
        values.insert(0, value_of("after_value", column))
    left, right = tuple_(*columns), tuple_(*values)
    return [left < right if shape.order.descending else left > right]


def _after_keys(order: Order) -> list[Clause]:
    """Compare several keys, each in a direction of its own.

    The first clause leads to a place in the index of the first key.
    """
    columns = [*(SORT_COLUMNS[each.parameter] for each in order.keys), KEY]
    names = ["after_value", *(f"after_value{n + 1}" for n in range(len(order.further)))]
    names.append("after_key")
    values = [value_of(name, each) for name, each in zip(names, columns, strict=True)]
    falls = [*(each.descending for each in order.keys), order.descending]
    alternatives = [
        and_(
            *(columns[before] == values[before] for before in range(number)),
            columns[number] < values[number]
            if falls[number]
            else columns[number] > values[number],
        )
        for number in range(len(columns))
    ]
    first, value = columns[0], values[0]
    return [first <= value if falls[0] else first >= value, or_(*alternatives)]


@lru_cache(_MAXIMUM_SHAPES)
def count_up_to_limit(shape: CriterionShape, resource_type: str) -> Select[Any]:
    """Count the matches of a criterion that narrows, up to a limit."""
    branches = _candidates_of(shape, resource_type)
    cut = [each.limit(_LIMIT).subquery() for each in branches]
    found = union(*(select(each) for each in cut)).limit(_LIMIT)
    return select(func.count()).select_from(found.subquery())


def _candidates_of(shape: CriterionShape, resource_type: str) -> list[Select[Any]]:
    """Select the keys of the matches of a criterion that narrows, in branches."""
    first = shape.matches[0]
    if isinstance(first, ChainShape):
        return _candidates_of_chain(shape.name, first, resource_type)
    if isinstance(first, ReverseShape):
        return _candidates_of_reverse(first, resource_type)
    if shape.is_ordered:
        return [
            select(KEY)
            .where(is_present(resource_type), row_clause(shape.name, each))
            .correlate(None)  # not the rows of the page, which are of the same table
            for each in shape.matches
        ]
    key = TOKENS.c.selection_key.label("key")
    return [
        select(key)
        .distinct()
        .where(token_clause(TOKENS, resource_type, shape.name, each))
        for match in shape.matches
        for each in _alternatives_of(match)
    ]


def _alternatives_of(match: MatchShape) -> Iterator[MatchShape]:
    """Yield the alternatives of a match: SQLite uses no index for an OR of ranges."""
    if not isinstance(match, RangeShape):
        yield match
        return
    for each in match.alternatives:
        yield replace(match, alternatives=(each,))


def _candidates_of_chain(
    name: str, chain: ChainShape, resource_type: str
) -> list[Select[Any]]:
    """Select the keys of what refers to the candidates of the inner criterion."""
    inner = union(*_candidates_of(chain.criterion, chain.target))
    tokens, targets = TOKENS.alias(), SELECTIONS.alias()
    statement = select(tokens.c.selection_key.label("key")).distinct()
    return [
        statement.where(
            targets.c.key.in_(inner),
            not_(targets.c.deleted),
            targets.c.resource_type + 0 == type_number(chain.target),
            reference_clause(tokens, resource_type, name, chain.target),
            tokens.c.code == targets.c.id,
        )
    ]


def _candidates_of_reverse(
    reverse: ReverseShape, resource_type: str
) -> list[Select[Any]]:
    """Select the keys of what the candidates of the inner criterion refer to."""
    inner = union(*_candidates_of(reverse.criterion, reverse.source))
    tokens, rows = TOKENS.alias(), SELECTIONS.alias()
    source, reference = reverse.source, reverse.reference
    return [
        select(rows.c.key.label("key"))
        .distinct()
        .where(
            tokens.c.selection_key.in_(inner),
            tokens.c.parameter + "" == reference,
            tokens.c.resource_type == type_number(source),
            tokens.c.system == resource_type,
            rows.c.resource_type == type_number(resource_type),
            rows.c.id == tokens.c.code,
            not_(rows.c.deleted),
        )
    ]


@lru_cache(_MAXIMUM_SHAPES)
def count_of(shape: QueryShape) -> Select[Any]:
    """Count all matches."""
    branches = _branches(shape)
    found = union(*branches) if len(branches) > 1 else branches[0]
    return select(func.count()).select_from(found.subquery())
