"""Build the SQL statements of a search from its shape.

A page continues after a position in the order of an index, and never sorts more than
its own size: either an index has the order of the page, or it leads to a few
candidates, which are then sorted.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Integer,
    Select,
    and_,
    bindparam,
    exists,
    func,
    literal_column,
    not_,
    or_,
    select,
    tuple_,
    union,
)

from imaging_selection.search.criteria import Comparison, Order
from imaging_selection.search.extract import NO_DATE
from imaging_selection.search.parameters import IMAGING_SELECTION
from imaging_selection.store.schema import (
    EXACT_COLUMNS,
    RESOURCE_TYPES,
    SELECTIONS,
    SORT_COLUMNS,
    TEXTS,
    TOKENS,
)
from imaging_selection.store.shapes import (
    ESCAPE,
    CriterionShape,
    DateShape,
    MatchShape,
    QueryShape,
    TextShape,
    TokenShape,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    Clause = ColumnElement[bool]

_MAXIMUM_SHAPES = 500  # in each cache; clients use far fewer

_KEY = SELECTIONS.c.key
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
def page_of(shape: QueryShape, *, among_candidates: bool = False) -> Select[Any]:
    """Select the rows of a page, and one more match if another page follows.

    Each row has the columns of `STORED`, and `sort_value`.

    Parameters
    ----------
    among_candidates
        Search among the keys in the value `candidates` only.
    """
    order = shape.order
    if among_candidates:
        # `deleted` would lead the database to an index, and away from the candidates.
        present = SELECTIONS.c.digest != ""
        among = _KEY.in_(bindparam("candidates", expanding=True))
        branches = [_keys_of_rows(shape, shape.criteria, present, among)]
    else:
        branches = _branches(shape)
    keys = _cut(branches, order)
    return (
        select(*STORED, SORT_COLUMNS.get(order.parameter, _KEY).label("sort_value"))
        .join(keys, keys.c.key == _KEY)
        .order_by(*_order_by(keys.c, order))
    )


def _branches(shape: QueryShape) -> list[Select[Any]]:
    """Select the keys of the matches, with their sort value.

    An index has each branch in the order of the page.
    """
    criteria, order = shape.criteria, shape.order
    present = _present(shape.resource_type)
    leading = next((each for each in criteria if _has_order(each, order)), None)
    if leading is None:
        return [_keys_of_rows(shape, criteria, present)]
    rest = [each for each in criteria if each is not leading]
    if leading.is_ordered:
        return [
            _keys_of_rows(shape, rest, present, _of_row(leading.name, each))
            for each in leading.matches
        ]
    return [
        _keys_of_tokens(shape, leading.name, each, rest) for each in leading.matches
    ]


def _present(resource_type: str) -> Clause:
    # Not `IS false`: PostgreSQL does not use the index on `deleted` for that.
    columns = SELECTIONS.c
    return and_(columns.resource_type == _number(resource_type), not_(columns.deleted))


def _has_order(criterion: CriterionShape, order: Order) -> bool:
    """Return whether an index has the matches of a criterion in an order."""
    own = criterion.name if criterion.is_ordered else ""
    return criterion.narrows and own == order.parameter


def _keys_of_rows(
    shape: QueryShape, criteria: Iterable[CriterionShape], *conditions: Clause
) -> Select[Any]:
    columns: list[Any] = [_KEY]
    if shape.order.parameter:
        columns.append(SORT_COLUMNS[shape.order.parameter].label("sort_value"))
    return (
        select(*columns)
        .where(*conditions, *_conditions(shape, criteria))
        .where(*_after(shape))
    )


def _keys_of_tokens(
    shape: QueryShape, name: str, match: MatchShape, rest: Iterable[CriterionShape]
) -> Select[Any]:
    key = TOKENS.c.selection_key
    after = [key > _value("after_key", key)] if shape.continues else []
    return (
        select(key.label("key"))
        .distinct()  # one code can belong to several systems
        .where(_of_token(TOKENS, shape.resource_type, name, match), *after)
        .where(*_conditions(shape, rest, key))
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
    by = [columns.sort_value, columns.key] if order.parameter else [columns.key]
    return [each.desc() if order.descending else each for each in by]


def _after(shape: QueryShape) -> list[Clause]:
    if not shape.continues:
        return []
    columns: list[Any] = [_KEY]
    values = [_value("after_key", _KEY)]
    if shape.order.parameter:
        column = SORT_COLUMNS[shape.order.parameter]
        columns.insert(0, column)
        values.insert(0, _value("after_value", column))
    left, right = tuple_(*columns), tuple_(*values)
    return [left < right if shape.order.descending else left > right]


@lru_cache(_MAXIMUM_SHAPES)
def candidates_of(shape: CriterionShape, resource_type: str) -> Any:
    """Select the keys of the matches of a criterion that narrows, up to a limit."""
    if shape.is_ordered:
        branches = [
            select(_KEY).where(_present(resource_type), _of_row(shape.name, each))
            for each in shape.matches
        ]
    else:
        key = TOKENS.c.selection_key.label("key")
        branches = [
            select(key)
            .distinct()
            .where(_of_token(TOKENS, resource_type, shape.name, each))
            for each in shape.matches
        ]
    cut = [each.limit(_LIMIT).subquery() for each in branches]
    return union(*(select(each) for each in cut)).limit(_LIMIT)


@lru_cache(_MAXIMUM_SHAPES)
def referenced_of(
    parameter: str, target: str, identifier: CriterionShape | None
) -> Select[Any]:
    """Select the ids of a type that ImagingSelections refer to, in order, each once.

    Parameters
    ----------
    identifier
        A criterion about the identifier in the reference.
    """
    columns = TOKENS.c
    statement = (
        select(columns.code)
        .distinct()
        .where(columns.code > _value("after", columns.code), columns.system == target)
        .where(columns.resource_type == _number(IMAGING_SELECTION))
        .order_by(columns.code)
        .limit(_LIMIT)
    )
    if identifier is None:
        return statement.where(columns.parameter == parameter)
    others = TOKENS.alias()
    matches = (
        _of_token(others, IMAGING_SELECTION, identifier.name, each)
        for each in identifier.matches
    )
    return statement.join(
        others, others.c.selection_key == columns.selection_key
    ).where(
        or_(*matches),
        # An identifier leads to few selections. The concatenation prevents the database
        # from reading all references instead.
        columns.parameter + "" == parameter,
    )


@lru_cache(_MAXIMUM_SHAPES)
def count_of(shape: QueryShape) -> Select[Any]:
    """Count all matches."""
    branches = _branches(shape)
    found = union(*branches) if len(branches) > 1 else branches[0]
    return select(func.count()).select_from(found.subquery())


def _conditions(
    shape: QueryShape,
    criteria: Iterable[CriterionShape],
    key: ColumnElement[int] = _KEY,
) -> list[Clause]:
    """Return one condition for each criterion on the resource with a key."""
    conditions = []
    for criterion in criteria:
        name, matches = criterion.name, criterion.matches
        if criterion.is_ordered:
            met = or_(*(_of_row(name, each, leads=False) for each in matches))
            if key is not _KEY:
                met = exists().where(key == _KEY, met)
        else:
            met = or_(*(_exists(shape.resource_type, name, e, key) for e in matches))
        conditions.append(not_(met) if criterion.negated else met)
    return conditions


def _exists(
    resource_type: str, name: str, match: MatchShape, key: ColumnElement[int]
) -> Clause:
    """Return the condition that a resource has a token or a text."""
    if isinstance(match, TextShape):
        texts = TEXTS.alias()
        value = texts.c.value
        return exists().where(
            texts.c.selection_key == key,
            texts.c.parameter == name,
            _of_text(value, value, match),
        )
    tokens = TOKENS.alias()
    return exists().where(
        tokens.c.selection_key == key, _of_token(tokens, resource_type, name, match)
    )


def _of_token(tokens: Any, resource_type: str, name: str, match: MatchShape) -> Clause:
    if not isinstance(match, TokenShape):
        raise TypeError(match)
    columns = tokens.c
    clauses = [
        columns.resource_type == _number(resource_type),
        columns.parameter == name,
        columns.code == _value(f"code{match.number}", columns.code),
    ]
    if match.has_system:
        system = _value(f"system{match.number}", columns.system)
        clauses.append(columns.system == system)
    return and_(*clauses)


def _of_row(name: str, match: MatchShape, *, leads: bool = True) -> Clause:
    """Compare the value of a parameter that is kept in order.

    Parameters
    ----------
    leads
        Let the database use the index on the column. Otherwise it would have to sort
        what that index leads to.
    """
    column: Any = SORT_COLUMNS[name]
    if isinstance(match, DateShape):
        return _of_date(column if leads else column + 0, match)
    return _of_text(column if leads else column + "", EXACT_COLUMNS[name], match)


def _of_text(folded: Any, exact: Any, match: MatchShape) -> Clause:
    if not isinstance(match, TextShape):
        raise TypeError(match)
    number = match.number
    if match.comparison is Comparison.EXACT:
        return and_(
            folded == _value(f"folded{number}", folded),
            exact == _value(f"exact{number}", exact),
        )
    if match.comparison is Comparison.CONTAINS:
        pattern = _value(f"pattern{number}", folded)
        clause: Clause = folded.like(pattern, escape=ESCAPE)
        return clause
    return and_(
        folded >= _value(f"first{number}", folded),
        folded < _value(f"after{number}", folded),
    )


def _of_date(moment: Any, match: DateShape) -> Clause:
    """Compare a point in time with an interval (R5 search.html 3.2.1.5.9)."""
    start = _value(f"start{match.number}", moment)
    end = _value(f"end{match.number}", moment)
    known = moment > NO_DATE
    within = and_(moment >= start, moment < end)
    clauses: dict[str, Clause] = {
        "eq": within,
        "ne": and_(known, not_(within)),
        "gt": moment >= end,
        "ge": moment >= start,
        "lt": and_(known, moment < start),
        "le": and_(known, moment < end),
        "sa": moment >= end,
        "eb": and_(known, moment < start),
        "ap": within,
    }
    return clauses[match.prefix]


def _number(resource_type: str) -> ColumnElement[int]:
    return literal_column(str(RESOURCE_TYPES[resource_type]), Integer)


def _value(name: str, column: Any) -> Any:
    return bindparam(name, type_=column.type)
