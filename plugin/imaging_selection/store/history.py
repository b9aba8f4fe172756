"""The statements of a history: what changed, the last change first.

The store has the current version of each resource, and of a deleted one that and when
it was deleted.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import (
    Integer,
    Select,
    and_,
    bindparam,
    false,
    select,
    true,
    tuple_,
    union_all,
)

from imaging_selection.store.conditions import type_number, value_of
from imaging_selection.store.draft import RESOURCE_TYPES
from imaging_selection.store.schema import SELECTIONS, SORT_COLUMNS
from imaging_selection.store.statements import STORED, Stored

_MOMENT = SORT_COLUMNS["_lastUpdated"]
_KEY = SELECTIONS.c.key
_LIMIT = bindparam("limit", type_=Integer)
_TYPES = {number: kind for kind, number in RESOURCE_TYPES.items()}


class Change(NamedTuple):
    """The last change of a resource; `moment` in microseconds since 1970."""

    resource_type: str
    moment: int
    stored: Stored


@lru_cache(64)
def history_of(types: tuple[str, ...], *, continues: bool) -> Select[Any]:
    """Select the last changes of types, and one more if another page follows.

    Each branch is in the order of an index. The values are `since`, the first moment,
    `before`, the first that does not belong to it, `limit`, and of the last change of
    the previous page `after_value` and `after_key`.
    """
    branches = []
    for kind in types:
        for deleted in (true(), false()):
            columns = SELECTIONS.c
            conditions = [
                columns.resource_type == type_number(kind),
                columns.deleted == deleted,
                value_of("since", _MOMENT) <= _MOMENT,
                value_of("before", _MOMENT) > _MOMENT,
            ]
            if continues:
                after = value_of("after_value", _MOMENT), value_of("after_key", _KEY)
                conditions.append(tuple_(_MOMENT, _KEY) < tuple_(*after))
            branches.append(
                select(_KEY.label("key"), _MOMENT.label("moment"))
                .where(and_(*conditions))
                .order_by(_MOMENT.desc(), _KEY.desc())
                .limit(_LIMIT)
                .subquery()
            )
    merged = union_all(*(select(each) for each in branches)).subquery()
    page = (
        select(merged.c.key)
        .order_by(merged.c.moment.desc(), merged.c.key.desc())
        .limit(_LIMIT)
        .subquery()
    )
    number = SELECTIONS.c.resource_type
    return (
        select(number, _MOMENT.label("moment"), *STORED)
        .join(page, page.c.key == _KEY)
        .order_by(_MOMENT.desc(), _KEY.desc())
    )


def change_of(row: Any) -> Change:
    """Return a row of `history_of` with the name of its type."""
    number, moment, *stored = row
    found = Stored._make(stored)
    return Change(_TYPES[number], moment, found._replace(deleted=bool(found.deleted)))
