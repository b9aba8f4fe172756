"""The shape of a query becomes SQL: a page by keyset, in the order of an index.

A page never sorts more than its own size: an index leads to it in the right order, or
else to a few candidates, which are then sorted. What the numbers in a shape stand for
is told in `store.shapes`.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Integer,
    Select,
    and_,
    bindparam,
    exists,
    func,
    not_,
    or_,
    select,
    tuple_,
    union,
)

from imaging_selection.search.criteria import (
    COLUMNS,
    Comparison,
    Criterion,
    DateMatch,
    Order,
    Query,
    TextMatch,
    TokenMatch,
)
from imaging_selection.search.extract import NO_DATE
from imaging_selection.search.normalize import INSTANT
from imaging_selection.store.schema import SELECTIONS, TEXTS, TOKENS
from imaging_selection.store.shapes import ESCAPE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from imaging_selection.search.criteria import Match

    Clause = ColumnElement[bool]

_SHAPES = 500  # so many are kept; clients ask in far fewer

# Not `IS false`: PostgreSQL does not see that as one value of the index.
_LIVE = not_(SELECTIONS.c.deleted)
_LIMIT = bindparam("limit", type_=Integer)

# What is told of a selection.
STORED = [
    SELECTIONS.c[name]
    for name in (
        *("key", "id", "orthanc_id", "deleted"),
        *("version_id", "last_updated", "resource"),
    )
]


@lru_cache(_SHAPES)
def page_of(shape: Query, *, among_candidates: bool = False) -> Select[Any]:
    """Select the rows of a page, and of one match more, to know that it follows.

    Each has the columns of `STORED`, and last the value that it is sorted by.

    Parameters
    ----------
    among_candidates
        The matches are among the keys that go by the name `candidates`.
    """
    order = shape.applied_order
    if among_candidates:
        # `deleted` would lead to an index, and past all that are no candidates.
        live = SELECTIONS.c.digest != ""
        among = SELECTIONS.c.key.in_(bindparam("candidates", expanding=True))
        arms = [_of_selections(shape, order, shape.criteria, live, among)]
    else:
        arms = _arms(shape, order)
    keys = _limited(arms, order)
    return (
        select(*STORED, SELECTIONS.c[order.column or "key"].label("place"))
        .join(keys, keys.c.key == SELECTIONS.c.key)
        .order_by(*_sorted(keys.c, order))
    )


def _arms(shape: Query, order: Order) -> list[Select[Any]]:
    """Select keys, with the value that they are sorted by: each in order by itself."""
    criteria = shape.criteria
    leading = next((each for each in criteria if _leads(each, order)), None)
    if leading is None:
        return [_of_selections(shape, order, criteria, _LIVE)]
    rest = [each for each in criteria if each is not leading]
    if leading.is_of_column:
        return [
            _of_selections(shape, order, rest, _LIVE, _match(leading.name, each))
            for each in leading.matches
        ]
    return [_of_tokens(shape, leading.name, each, rest) for each in leading.matches]


def _leads(criterion: Criterion, order: Order) -> bool:
    """Tell whether the index of a criterion has its matches in this order."""
    if not criterion.narrows:
        return False
    if criterion.is_of_column:
        return COLUMNS[criterion.name] == order.column
    return not order.column


def _of_selections(
    shape: Query, order: Order, criteria: Iterable[Criterion], *conditions: Clause
) -> Select[Any]:
    columns = SELECTIONS.c
    return (
        select(*_sorting(columns, order))
        .where(*conditions, *(_condition(each) for each in criteria))
        .where(*_after(shape, order))
    )


def _of_tokens(
    shape: Query, name: str, match: Match, rest: Iterable[Criterion]
) -> Select[Any]:
    key = TOKENS.c.selection_key
    after = [key > _bind("after_key", key)] if shape.after else []
    return (
        select(key.label("key"))
        .distinct()  # one code may stand in several systems
        .where(_token(TOKENS, name, match), *after)
        .where(*(_condition(each, key) for each in rest))
    )


def _limited(arms: list[Select[Any]], order: Order) -> Any:
    """Merge what is in order by itself, and cut it."""
    cut = [
        arm.order_by(*_sorted(arm.selected_columns, order)).limit(_LIMIT).subquery()
        for arm in arms
    ]
    if len(cut) == 1:
        return cut[0]
    merged = union(*(select(each) for each in cut)).subquery()
    return select(merged).order_by(*_sorted(merged.c, order)).limit(_LIMIT).subquery()


def _sorting(columns: Any, order: Order) -> list[Any]:
    return [columns.key, *([columns[order.column]] if order.column else [])]


def _sorted(columns: Any, order: Order) -> list[Any]:
    key, *value = _sorting(columns, order)
    return [each.desc() if order.descending else each for each in (*value, key)]


def _after(shape: Query, order: Order) -> list[Clause]:
    if shape.after is None:
        return []
    here: list[Any] = [SELECTIONS.c.key]
    there: list[Any] = [_bind("after_key", SELECTIONS.c.key)]
    if order.column:
        column = SELECTIONS.c[order.column]
        here, there = [column, *here], [_bind("after_value", column), *there]
    left, right = tuple_(*here), tuple_(*there)
    return [left < right if order.descending else left > right]


def _bind(name: str, column: Any) -> Any:
    return bindparam(name, type_=column.type)


@lru_cache(_SHAPES)
def candidates_of(shape: Criterion) -> Any:
    """Select the keys of what meets a criterion that narrows, up to a limit."""
    if shape.is_of_column:
        clauses = (_match(shape.name, each) for each in shape.matches)
        arms = [select(SELECTIONS.c.key).where(_LIVE, each) for each in clauses]
    else:
        clauses = (_token(TOKENS, shape.name, each) for each in shape.matches)
        arms = [
            select(TOKENS.c.selection_key.label("key")).distinct().where(each)
            for each in clauses
        ]
    cut = [arm.limit(_LIMIT).subquery() for arm in arms]
    return union(*(select(each) for each in cut)).limit(_LIMIT)


@lru_cache(_SHAPES)
def referenced_of(parameter: str, kind: str, named: Criterion | None) -> Select[Any]:
    """Select the ids of a type that selections refer to, in order, each once.

    Parameters
    ----------
    named
        The shape of a criterion about the identifier in the reference.
    """
    columns = TOKENS.c
    statement = (
        select(columns.code)
        .distinct()
        .where(columns.code > _bind("after", columns.code), columns.system == kind)
        .order_by(columns.code)
        .limit(_LIMIT)
    )
    if named is None:
        return statement.where(columns.parameter == parameter)
    others = TOKENS.alias()
    matches = (_token(others, named.name, each) for each in named.matches)
    return statement.join(
        others, others.c.selection_key == columns.selection_key
    ).where(
        or_(*matches),
        # An identifier leads to few selections: the concatenation keeps a database
        # from walking through all references instead.
        columns.parameter + "" == parameter,
    )


@lru_cache(_SHAPES)
def count_of(shape: Query) -> Select[Any]:
    """Count the matches."""
    every = Query(shape.criteria)
    arms = _arms(every, every.applied_order)
    found = union(*arms).subquery() if len(arms) > 1 else arms[0].subquery()
    return select(func.count()).select_from(found)


def _condition(
    criterion: Criterion, key: ColumnElement[int] = SELECTIONS.c.key
) -> Clause:
    """Build the condition that the selection of a key meets a criterion."""
    name, matches = criterion.name, criterion.matches
    if criterion.is_of_column:
        clause = or_(*(_match(name, each, leads=False) for each in matches))
        if key is not SELECTIONS.c.key:
            clause = exists().where(SELECTIONS.c.key == key, clause)
    elif isinstance(matches[0], TokenMatch):
        clause = or_(*(_has(name, each, key) for each in matches))
    else:
        clause = or_(*(_says(name, each, key) for each in matches))
    return not_(clause) if criterion.negated else clause


def _has(name: str, match: Match, key: ColumnElement[int]) -> Clause:
    tokens = TOKENS.alias()
    return exists().where(tokens.c.selection_key == key, _token(tokens, name, match))


def _token(tokens: Any, name: str, match: Match) -> Clause:
    if not isinstance(match, TokenMatch):
        raise TypeError(match)
    columns = tokens.c
    clauses = [columns.parameter == name, columns.code == _value(match.code)]
    if match.system is not None:
        clauses.append(columns.system == _value(match.system))
    return and_(*clauses)


def _value(number: str | int) -> Any:
    return bindparam(
        f"v{number}", type_=BigInteger if isinstance(number, int) else None
    )


def _says(name: str, match: Match, key: ColumnElement[int]) -> Clause:
    texts = TEXTS.alias()
    return exists().where(
        texts.c.selection_key == key,
        texts.c.parameter == name,
        _text(texts.c.value, texts.c.value, match),
    )


def _match(column: str, match: Match, *, leads: bool = True) -> Clause:
    """Compare a sorted column.

    Parameters
    ----------
    leads
        The index of the column shall be used; else it is hidden from the database,
        which would have to sort what it finds there.
    """
    columns = SELECTIONS.c
    if isinstance(match, DateMatch):
        low = columns[f"{column}_low"]
        return _date(low if leads else low + 0, columns[f"{column}_high"], match)
    folded = columns[column]
    return _text(folded if leads else folded + "", columns[f"{column}_exact"], match)


def _text(folded: Any, exact: Any, match: Match) -> Clause:
    if not isinstance(match, TextMatch):
        raise TypeError(match)
    first, second = _value(match.text), _value(str(int(match.text) + 1))
    if match.comparison is Comparison.EXACT:
        return and_(folded == first, exact == second)
    if match.comparison is Comparison.CONTAINS:
        clause: Clause = folded.like(first, escape=ESCAPE)
        return clause
    return and_(folded >= first, folded < second)


def _date(low: Any, high: Any, match: DateMatch) -> Clause:
    """Compare intervals (R5 search.html 3.2.1.5.9), with bounds for the index on low.

    Each interval of the index is as wide as `INSTANT`.
    """
    start, end = _value(match.low), _value(match.high)
    first = start - INSTANT
    within = and_(low >= start, low < end, high <= end)
    clauses = {
        "eq": within,
        "ne": not_(within),
        "gt": and_(low > end - INSTANT, high > end),
        "ge": and_(low > first, or_(low >= start, high > end)),
        "lt": low < start,
        "le": and_(low < end, or_(low < start, high <= end)),
        "sa": low >= end,
        "eb": and_(low < start, high <= start),
        "ap": and_(low > first, low < end, high > start),
    }
    return and_(low > NO_DATE, clauses[match.prefix])
