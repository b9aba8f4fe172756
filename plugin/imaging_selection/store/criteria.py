"""A query becomes SQL: a page by keyset, in the order of an index.

A page never sorts more than its own size: an index leads to it in the right order
(`arms`), or else to a few selections (`Candidates`), which are then sorted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    ColumnElement,
    Select,
    and_,
    exists,
    func,
    not_,
    or_,
    select,
    tuple_,
    union,
)

from imaging_selection.query import (
    COLUMNS,
    Comparison,
    Criterion,
    DateMatch,
    Order,
    Query,
    TextMatch,
    TokenMatch,
)
from imaging_selection.search_index import NO_DATE
from imaging_selection.search_values import (
    LONGEST,
    WIDEST_INSTANT,
    after_prefix,
    fold,
)
from imaging_selection.store.schema import SELECTIONS, TEXTS, TOKENS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from imaging_selection.query import Match

    Clause = ColumnElement[bool]

# Not `IS false`: PostgreSQL does not see that as one value of the index.
_LIVE = not_(SELECTIONS.c.deleted)


def page_of(query: Query, candidates: Iterable[int] | None = None) -> Select[Any]:
    """Select the rows of a page, and of one match more, to know that it follows.

    Parameters
    ----------
    candidates
        The keys among which the matches are, when they are few.
    """
    order = query.applied_order
    keys = _limited(_keys(query, order, candidates), order, query.count + 1)
    return (
        select(SELECTIONS)
        .join(keys, keys.c.key == SELECTIONS.c.key)
        .order_by(*_sorted(keys.c, order))
    )


def _keys(
    query: Query, order: Order, candidates: Iterable[int] | None
) -> list[Select[Any]]:
    """Select keys, with the value that they are sorted by: each in order by itself."""
    criteria = query.criteria
    if candidates is not None:
        among = SELECTIONS.c.key.in_(list(candidates))
        return [_of_selections(query, order, criteria, among)]
    leading = next((each for each in criteria if _leads(each, order)), None)
    if leading is None:
        return [_of_selections(query, order, criteria)]
    rest = [each for each in criteria if each is not leading]
    if leading.is_of_column:
        return [
            _of_selections(query, order, rest, _match(leading.name, each))
            for each in leading.matches
        ]
    return [_of_tokens(query, leading.name, each, rest) for each in leading.matches]


def _leads(criterion: Criterion, order: Order) -> bool:
    """Tell whether the index of a criterion has its matches in this order."""
    if not criterion.narrows:
        return False
    if criterion.is_of_column:
        return COLUMNS[criterion.name] == order.column
    return not order.column


def _of_selections(
    query: Query, order: Order, criteria: Iterable[Criterion], *conditions: Clause
) -> Select[Any]:
    columns = SELECTIONS.c
    return (
        select(*_sorting(columns, order))
        .where(_LIVE, *conditions, *(_condition(each) for each in criteria))
        .where(*_after(query, order))
    )


def _of_tokens(
    query: Query, name: str, match: Match, rest: Iterable[Criterion]
) -> Select[Any]:
    key = TOKENS.c.selection_key
    after = [] if query.after is None else [key > query.after.key]
    return (
        select(key.label("key"))
        .distinct()  # one code may stand in several systems
        .where(_token(TOKENS, name, match), *after)
        .where(*(_condition(each, key) for each in rest))
    )


def _limited(arms: list[Select[Any]], order: Order, limit: int) -> Any:
    """Merge what is in order by itself, and cut it."""
    cut = [
        arm.order_by(*_sorted(arm.selected_columns, order)).limit(limit).subquery()
        for arm in arms
    ]
    if len(cut) == 1:
        return cut[0]
    merged = union(*(select(each) for each in cut)).subquery()
    return select(merged).order_by(*_sorted(merged.c, order)).limit(limit).subquery()


def _sorting(columns: Any, order: Order) -> list[Any]:
    return [columns.key, *([columns[order.column]] if order.column else [])]


def _sorted(columns: Any, order: Order) -> list[Any]:
    key, *value = _sorting(columns, order)
    return [each.desc() if order.descending else each for each in (*value, key)]


def _after(query: Query, order: Order) -> list[Clause]:
    if query.after is None:
        return []
    here: list[Any] = [SELECTIONS.c.key]
    there: list[Any] = [query.after.key]
    if order.column:
        here, there = [SELECTIONS.c[order.column], *here], [query.after.value, *there]
    left, right = tuple_(*here), tuple_(*there)
    return [left < right if order.descending else left > right]


def candidates_of(criterion: Criterion, limit: int) -> Any:
    """Select the keys of what meets a criterion that narrows, up to a limit."""
    if criterion.is_of_column:
        clauses = (_match(criterion.name, each) for each in criterion.matches)
        arms = [select(SELECTIONS.c.key).where(_LIVE, each) for each in clauses]
    else:
        clauses = (_token(TOKENS, criterion.name, each) for each in criterion.matches)
        arms = [
            select(TOKENS.c.selection_key.label("key")).distinct().where(each)
            for each in clauses
        ]
    cut = [arm.limit(limit).subquery() for arm in arms]
    return union(*(select(each) for each in cut)).limit(limit)


def referenced_of(
    parameter: str, kind: str, identifiers: tuple[TokenMatch, ...]
) -> Select[Any]:
    """Select the ids of a type that selections refer to, each once."""
    targets = TOKENS.c
    if not identifiers:
        return (
            select(targets.code)
            .distinct()
            .where(targets.parameter == parameter, targets.system == kind)
        )
    named = TOKENS.alias()
    # An identifier leads to few selections: the concatenation keeps a database from
    # walking through all references instead.
    name = targets.parameter + ""
    matches = [_token(named, f"{parameter}:identifier", each) for each in identifiers]
    return (
        select(targets.code)
        .distinct()
        .join(named, named.c.selection_key == targets.selection_key)
        .where(or_(*matches), name == parameter, targets.system == kind)
    )


def count_of(query: Query) -> Select[Any]:
    """Count the matches."""
    keys = _keys(Query(query.criteria), Query(query.criteria).applied_order, None)
    found = union(*keys).subquery() if len(keys) > 1 else keys[0].subquery()
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
    clauses = [tokens.c.parameter == name, tokens.c.code == match.code]
    if match.system is not None:
        clauses.append(tokens.c.system == match.system)
    return and_(*clauses)


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
    if match.comparison is Comparison.EXACT:
        return and_(folded == fold(match.text)[:LONGEST], exact == match.text)
    if match.comparison is Comparison.CONTAINS:
        clause: Clause = folded.contains(match.text, autoescape=True)
        return clause
    end = after_prefix(match.text)
    return and_(folded >= match.text, *([] if end is None else [folded < end]))


def _date(low: Any, high: Any, match: DateMatch) -> Clause:
    """Compare intervals (R5 search.html 3.2.1.5.9), with bounds for the index on low.

    An interval of the index is no wider than `WIDEST_INSTANT`.
    """
    within = and_(low >= match.low, low < match.high, high <= match.high)
    first = match.low - WIDEST_INSTANT
    clauses = {
        "eq": within,
        "ne": not_(within),
        "gt": and_(low > match.high - WIDEST_INSTANT, high > match.high),
        "ge": and_(low > first, or_(low >= match.low, high > match.high)),
        "lt": low < match.low,
        "le": and_(low < match.high, or_(low < match.low, high <= match.high)),
        "sa": low >= match.high,
        "eb": and_(low < match.low, high <= match.low),
        "ap": and_(low > first, low < match.high, high > match.low),
    }
    return and_(low > NO_DATE, clauses[match.prefix])
