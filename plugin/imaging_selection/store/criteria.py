"""A query becomes SQL: one clause a criterion."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, and_, exists, false, or_

from imaging_selection.store.schema import SELECTIONS, VALUES

if TYPE_CHECKING:
    from imaging_selection.search import Criterion, Query


def clause_of(query: Query) -> ColumnElement[bool]:
    """Build the condition that a selection must meet."""
    conditions: list[ColumnElement[bool]] = [SELECTIONS.c.deleted.is_(False)]
    conditions += [_criterion(each) for each in query.criteria]
    return and_(*conditions)


def _criterion(criterion: Criterion) -> ColumnElement[bool]:
    alternatives = [
        and_(
            VALUES.c.code == code,
            *([] if system is None else [VALUES.c.system == system]),
        )
        for system, code in criterion.values
    ]
    return exists().where(
        VALUES.c.selection_key == SELECTIONS.c.key,
        VALUES.c.parameter == criterion.parameter,
        or_(false(), *alternatives),
    )
