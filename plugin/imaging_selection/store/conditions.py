"""Build the SQL conditions of a search from the shapes of its criteria."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    ColumnElement,
    Integer,
    and_,
    bindparam,
    exists,
    literal_column,
    not_,
    or_,
)

from imaging_selection.search.criteria import Comparison
from imaging_selection.search.extract import NO_DATE
from imaging_selection.store.draft import RESOURCE_TYPES
from imaging_selection.store.schema import (
    EXACT_COLUMNS,
    SELECTIONS,
    SORT_COLUMNS,
    TEXTS,
    TOKENS,
)
from imaging_selection.store.shapes import (
    ESCAPE,
    ChainShape,
    CriterionShape,
    DateShape,
    MatchShape,
    RangeShape,
    ReverseShape,
    TextShape,
    TokenShape,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    Clause = ColumnElement[bool]

KEY = SELECTIONS.c.key


def is_present(resource_type: str) -> Clause:
    """Return the condition that a row has a resource of a type, not deleted."""
    # Not `IS false`: PostgreSQL does not use the index on `deleted` for that.
    columns = SELECTIONS.c
    return and_(
        columns.resource_type == type_number(resource_type), not_(columns.deleted)
    )


def conditions_of(
    resource_type: str,
    criteria: Iterable[CriterionShape],
    key: ColumnElement[int] = KEY,
) -> list[Clause]:
    """Return one condition for each criterion on the resource with a key."""
    return [_condition_of(resource_type, each, key) for each in criteria]


def _condition_of(
    resource_type: str, criterion: CriterionShape, key: ColumnElement[int]
) -> Clause:
    name, matches = criterion.name, criterion.matches
    if criterion.is_ordered:
        rows = SELECTIONS if key is KEY else SELECTIONS.alias()
        met = or_(*(row_clause(name, e, leads=False, rows=rows) for e in matches))
        if key is not KEY:
            met = exists().where(rows.c.key == key, met)
    else:
        met = exists().where(_indexed(resource_type, name, matches, key))
    return not_(met) if criterion.negated else met


def _indexed(
    resource_type: str,
    name: str,
    matches: tuple[MatchShape, ...],
    key: ColumnElement[int],
) -> Clause:
    """Return the condition that a token or a text is one of a resource, and matches.

    The values of a criterion are all of one kind.
    """
    if isinstance(matches[0], ChainShape):
        return _of_target(name, matches[0], key)
    if isinstance(matches[0], ReverseShape):
        return _of_source(resource_type, matches[0], key)
    if isinstance(matches[0], TextShape):
        columns = TEXTS.alias().c
        met = or_(*(_of_text(columns.value, columns.value, each) for each in matches))
        return and_(columns.selection_key == key, columns.parameter == name, met)
    columns = TOKENS.alias().c
    code: ColumnElement[str] = columns.code
    clauses = [
        columns.selection_key == key,
        columns.resource_type == type_number(resource_type),
    ]
    if isinstance(matches[0], RangeShape):
        # The concatenations keep the database from reading the whole range instead of
        # the few tokens of the resource.
        code = code + ""
        met = or_(*(_of_token(code, columns.system, each) for each in matches))
        return and_(*clauses, columns.parameter + "" == name, met)
    clauses.append(columns.parameter == name)
    if len(matches) > 1:
        # Compare each token of the resource with the set of codes. The concatenation
        # prevents the database from looking up every code in an index instead.
        code = code + ""
        numbers = [each.number for each in matches if isinstance(each, TokenShape)]
        codes = [value_of(f"code{each}", columns.code) for each in numbers]
        clauses.append(code.in_(codes))
    if len(matches) == 1 or any(map(_has_system, matches)):
        clauses.append(or_(*(_of_token(code, columns.system, e) for e in matches)))
    return and_(*clauses)


def reference_clause(tokens: Any, source: str, parameter: str, target: str) -> Clause:
    """Return the condition that a token is a reference from one type to another."""
    return and_(
        tokens.c.resource_type == type_number(source),
        tokens.c.parameter == parameter,
        tokens.c.system == target,
    )


def _of_target(name: str, chain: ChainShape, key: ColumnElement[int]) -> Clause:
    """Return the condition that a resource refers to one that meets a criterion."""
    tokens, targets = TOKENS.alias(), SELECTIONS.alias()
    return and_(
        tokens.c.selection_key == key,
        tokens.c.parameter + "" == name,  # read those of the resource
        tokens.c.system == chain.target,
        targets.c.resource_type == type_number(chain.target),
        targets.c.id == tokens.c.code,
        not_(targets.c.deleted),
        *conditions_of(chain.target, [chain.criterion], targets.c.key),
    )


def _of_source(
    resource_type: str, reverse: ReverseShape, key: ColumnElement[int]
) -> Clause:
    """Return the condition that one that meets a criterion refers to a resource."""
    tokens, rows = TOKENS.alias(), SELECTIONS.alias()
    source, reference = reverse.source, reverse.reference
    return and_(
        rows.c.key == key,
        reference_clause(tokens, source, reference, resource_type),
        tokens.c.code == rows.c.id,
        *conditions_of(source, [reverse.criterion], tokens.c.selection_key),
    )


def token_clause(
    tokens: Any, resource_type: str, name: str, match: MatchShape
) -> Clause:
    """Compare a row of the table of tokens."""
    columns = tokens.c
    return and_(
        columns.resource_type == type_number(resource_type),
        columns.parameter == name,
        _of_token(columns.code, columns.system, match),
    )


def _of_token(code: Any, system: Any, match: MatchShape) -> Clause:
    if isinstance(match, RangeShape):
        return _of_range({"code": code, "system": system}, match)
    if not isinstance(match, TokenShape):
        raise TypeError(match)
    same_code: Clause = code == value_of(f"code{match.number}", code)
    if not match.has_system:
        return same_code
    return and_(same_code, system == value_of(f"system{match.number}", system))


def _of_range(columns: Mapping[str, Any], match: RangeShape) -> Clause:
    return or_(
        *(
            and_(
                *(
                    _OPERATORS[each.operator](
                        columns[each.column], value_of(each.value, columns["code"])
                    )
                    for each in bounds
                )
            )
            for bounds in match.alternatives
        )
    )


_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "=": operator.eq,
    "like": lambda column, value: column.like(value, escape=ESCAPE),
}


def _has_system(match: MatchShape) -> bool:
    return isinstance(match, TokenShape) and match.has_system


def row_clause(
    name: str, match: MatchShape, *, leads: bool = True, rows: Any = SELECTIONS
) -> Clause:
    """Compare the value of a parameter that is kept in order.

    Parameters
    ----------
    leads
        Let the database use the index on the column. Otherwise it would have to sort
        what that index leads to.
    """
    column: Any = rows.c[SORT_COLUMNS[name].name]
    if isinstance(match, DateShape):
        return _of_date(column if leads else column + 0, match)
    return _of_text(
        column if leads else column + "", rows.c[EXACT_COLUMNS[name].name], match
    )


def _of_text(folded: Any, exact: Any, match: MatchShape) -> Clause:
    if not isinstance(match, TextShape):
        raise TypeError(match)
    number = match.number
    if match.comparison is Comparison.EXACT:
        return and_(
            folded == value_of(f"folded{number}", folded),
            exact == value_of(f"exact{number}", exact),
        )
    if match.comparison is Comparison.CONTAINS:
        pattern = value_of(f"pattern{number}", folded)
        clause: Clause = folded.like(pattern, escape=ESCAPE)
        return clause
    return and_(
        folded >= value_of(f"first{number}", folded),
        folded < value_of(f"after{number}", folded),
    )


def _of_date(moment: Any, match: DateShape) -> Clause:
    """Compare a point in time with an interval (R5 search.html 3.2.1.5.9)."""
    start = value_of(f"start{match.number}", moment)
    end = value_of(f"end{match.number}", moment)
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


def type_number(resource_type: str) -> ColumnElement[int]:
    """Return the number of a type, as it is in the tables."""
    return literal_column(str(RESOURCE_TYPES[resource_type]), Integer)


def value_of(name: str, column: Any) -> Any:
    """Return the parameter of the statement for a value of a column."""
    return bindparam(name, type_=column.type)
