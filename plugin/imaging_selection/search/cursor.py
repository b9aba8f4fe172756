"""The cursor of a search: the position after which the next page begins.

Opaque to clients: base64url of a JSON array.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any

import orjson

from imaging_selection.errors import SearchError
from imaging_selection.search.criteria import Order, Position
from imaging_selection.search.normalize import is_storable
from imaging_selection.search.parameter import ParameterType
from imaging_selection.search.parameters import SORTABLE, TYPES

_DATES = {
    name
    for kind, names in SORTABLE.items()
    for name in names
    if TYPES[kind][name].type is ParameterType.DATE
}
_MAXIMUM_INTEGER = 2**63 - 1  # of the databases


def format_cursor(position: Position) -> str:
    """Return the cursor of the page that begins after a position."""
    order = position.order
    parts: list[object] = [order.parameter, order.descending]
    parts += position.value, position.key
    for each, value in zip(order.further, position.further, strict=True):
        parts.append([each.parameter, each.descending, value])
    return base64.urlsafe_b64encode(orjson.dumps(parts)).decode().rstrip("=")


def parse_cursor(cursor: str, order: Order) -> Position:
    """Return the position of a cursor.

    Raises
    ------
    SearchError
        The cursor is malformed, or belongs to a search with another order.
    """
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True)
        parameter, descending, value, key, *rest = orjson.loads(text)
        keys = [(parameter, descending, value), *map(_three, rest)]
    except (binascii.Error, ValueError, TypeError):
        raise _bad_cursor() from None
    is_same = len(keys) == len(order.keys) and all(map(_is_of, order.keys, keys))
    if not is_same or not _is_integer(key):
        raise _bad_cursor()
    return Position(order, value, key, tuple(each[2] for each in keys[1:]))


def _three(part: Any) -> tuple[object, object, Any]:
    parameter, descending, value = part
    return parameter, descending, value


def _is_of(order: Order, key: tuple[object, object, object]) -> bool:
    """Return whether a cursor has a value for a key of an order."""
    parameter, descending, value = key
    return (
        parameter == order.parameter
        and descending is order.descending
        and _is_value_of(order.parameter, value)
    )


def _is_value_of(parameter: str, value: object) -> bool:
    if not parameter:
        return value is None
    if parameter in _DATES:
        return _is_integer(value)
    return isinstance(value, str) and is_storable(value)


def _is_integer(value: object) -> bool:
    return type(value) is int and abs(value) <= _MAXIMUM_INTEGER


def _bad_cursor() -> SearchError:
    return SearchError(
        "_cursor is not of this search: follow the next link as it is",
        "_cursor",
        "value",
    )
