"""Values that the index keeps in order, among the tokens: dates, numbers and names.

Each is a token whose code sorts as the value does, so that the index of the codes leads
to an interval of values:

| value | code | system |
|---|---|---|
| date or period | its beginning | its end, which does not belong to it |
| number | the number, exactly | its unit; one token for each way to name that |
| text | the text, folded | the text as written |

FHIR R5 search.html 3.2.1.5.9 (date), 3.2.1.5.11 (quantity), 3.2.1.5.14 (string).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation, localcontext
from typing import TYPE_CHECKING, Any, Literal

from imaging_selection.fhir.datatypes import dumps
from imaging_selection.search.normalize import (
    after_prefix,
    fold_entry,
    interval_of,
    shorten,
)
from imaging_selection.search.parameter import Element, Parameter

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import tzinfo

    from imaging_selection.fhir.datatypes import Resource

Operator = Literal["<", "<=", ">", ">=", "=", "like"]

_FOREVER = 2**62  # microseconds: the bound of a period that has none
_LAST = "\U0010ffff"
_NUMBER = re.compile(r"[+-]?[0-9]{1,40}(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,3})?")
_MIDDLE_EXPONENT = 5000  # of the exponents of `decimal_code`, which are of four digits


@dataclass(frozen=True, slots=True)
class Bound:
    """One comparison of a token with a value."""

    column: Literal["code", "system"]
    operator: Operator
    value: str


Bounds = tuple[Bound, ...]


def range_entries(
    parameter: Parameter, element: Any, zone: tzinfo
) -> Iterator[tuple[str, str]]:
    """Yield the system and the code of each token of an element."""
    if parameter.element is Element.PERIOD:
        start, end = period_of(element, zone)
        if start < end:
            yield date_code(end), date_code(start)
    elif parameter.element is Element.QUANTITY:
        yield from _quantity_entries(element)
    else:
        for text in texts_of_name(element):
            yield shorten(text), fold_entry(text)


def texts_of_name(element: str | Resource) -> Iterator[str]:
    """Yield the texts that a search by name compares: R5 Patient, parameter `name`."""
    if isinstance(element, str):
        yield element
        return
    for key in ("family", "given", "prefix", "suffix", "text"):
        part = element.get(key, ())
        yield from (part,) if isinstance(part, str) else part


def period_of(element: str | Resource, zone: tzinfo) -> tuple[int, int]:
    """Return the beginning of a date or period, and the first moment after it.

    One that cannot be read lasts no time: no search finds it.
    """
    if isinstance(element, str):
        return interval_of(element, zone) or (-_FOREVER, -_FOREVER)
    bounds = {
        key: interval_of(element[key], zone)
        for key in ("start", "end")
        if key in element
    }
    if None in bounds.values():
        return -_FOREVER, -_FOREVER
    start, end = bounds.get("start"), bounds.get("end")
    return start[0] if start else -_FOREVER, end[1] if end else _FOREVER


def date_code(moment: int) -> str:
    """Return a text that sorts as a moment does, in microseconds since 1970."""
    return f"{min(max(moment, -_FOREVER), _FOREVER) + _FOREVER:019d}"


def date_bounds(prefix: str, start: int, end: int) -> tuple[Bounds, ...]:
    """Return the alternatives of which a date meets one, if a search finds it.

    Parameters
    ----------
    prefix
        Of R5, `eq` for none.
    start, end
        The interval that the search names.
    """
    first, after = date_code(start), date_code(end)
    begins_within = Bound("code", ">=", first), Bound("code", "<", after)
    alternatives: dict[str, tuple[Bounds, ...]] = {
        "eq": ((*begins_within, Bound("system", "<=", after)),),
        "ne": ((Bound("code", "<", first),), (Bound("system", ">", after),)),
        "gt": ((Bound("system", ">", after),),),
        "ge": ((Bound("code", ">=", first),), (Bound("system", ">", after),)),
        "lt": ((Bound("code", "<", first),),),
        "le": ((Bound("code", "<", first),), (Bound("system", "<=", after),)),
        "sa": ((Bound("code", ">=", after),),),
        "eb": ((Bound("code", "<", first), Bound("system", "<=", first)),),
        "ap": ((Bound("code", "<", after), Bound("system", ">", first)),),
    }
    return alternatives[prefix]


def decimal_code(number: Decimal) -> str:
    """Return a text that sorts as a number does, exactly.

    The sign, the exponent, the digits; those of a negative number in reverse.

    Examples
    --------
    >>> sorted([10, -2, 0, 9, -10], key=lambda each: decimal_code(Decimal(each)))
    [-10, -2, 0, 9, 10]
    """
    _, digits, exponent = number.as_tuple()
    text = "".join(map(str, digits)).lstrip("0")
    if not text or not isinstance(exponent, int):
        return "1"
    size = min(max(len(text) + exponent + _MIDDLE_EXPONENT, 0), 9999)
    code = f"{size:04d}{text.rstrip('0')}"
    if number > 0:
        return f"2{code}"
    return "0" + "".join(str(9 - int(each)) for each in code) + "~"


def decimal_of(text: str) -> Decimal | None:
    """Return the number that a text is; None if it is none."""
    return Decimal(text) if _NUMBER.fullmatch(text) else None


def quantity_bounds(prefix: str, text: str, unit: str) -> tuple[Bounds, ...] | None:
    """Return the alternatives of which a quantity meets one, if a search finds it.

    A number without a prefix, and after `ne`, stands for all that are rounded to it;
    after the other prefixes for itself; after `ap` for a tenth on either side.

    Parameters
    ----------
    unit
        The system of an index entry.

    Returns
    -------
    tuple or None
        None if the text is no number.
    """
    number = decimal_of(text)
    if number is None:
        return None
    with localcontext() as context:
        context.prec = 100
        exponent = number.as_tuple().exponent
        half = Decimal(5).scaleb(int(exponent) - 1)
        if prefix == "ap":
            half = max(abs(number) / 10, half)
        low, high = decimal_code(number - half), decimal_code(number + half)
    code, same = decimal_code(number), Bound("system", "=", unit)
    within = Bound("code", ">=", low), Bound("code", "<", high)
    comparisons: dict[str, tuple[Bounds, ...]] = {
        "eq": (within,),
        "ap": ((Bound("code", ">=", low), Bound("code", "<=", high)),),
        "ne": ((Bound("code", "<", low),), (Bound("code", ">=", high),)),
        "gt": ((Bound("code", ">", code),),),
        "sa": ((Bound("code", ">", code),),),
        "ge": ((Bound("code", ">=", code),),),
        "lt": ((Bound("code", "<", code),),),
        "eb": ((Bound("code", "<", code),),),
        "le": ((Bound("code", "<=", code),),),
    }
    return tuple((*bounds, same) for bounds in comparisons[prefix])


def unit_of(system: str | None, code: str) -> str:
    """Return the system of the index entries of a unit.

    Parameters
    ----------
    system
        None: the code is that of any system, or the unit as people read it.
    code
        Empty, without a system: any unit.
    """
    return code if system is None else shorten(f"{system}|{code}")


def _quantity_entries(element: Resource) -> Iterator[tuple[str, str]]:
    text = dumps(element.get("value", "")).decode().strip('"')  # whatever its form
    try:
        number = Decimal(text)
    except InvalidOperation:
        return
    code, system = element.get("code", ""), element.get("system", "")
    units = {"", code, element.get("unit", ""), unit_of(system, code)}
    for unit in sorted(units):
        yield shorten(unit), decimal_code(number)


def below_bounds(url: str) -> tuple[Bounds, ...]:
    """Return the bounds of a URL, its versions, and what is below it or its version."""
    first = "." if "|" in url else "/"
    after = after_prefix(first) or first
    same = (Bound("code", "=", url),)
    below = Bound("code", ">=", url + first), Bound("code", "<", url + after)
    if "|" in url:
        return same, below
    versions = Bound("code", ">=", f"{url}|"), Bound("code", "<", f"{url}}}")
    return same, below, versions


def text_bounds(comparison: str, text: str, folded: str) -> tuple[Bounds, ...]:
    """Return the bounds of a text: `comparison` is `prefix`, `exact` or `contains`."""
    if comparison == "exact":
        return (
            (
                Bound("code", "=", fold_entry(text)),
                Bound("system", "=", shorten(text)),
            ),
        )
    if comparison == "contains":
        return ((Bound("code", "like", folded),),)
    after = after_prefix(folded) or folded + _LAST * 200
    return ((Bound("code", ">=", folded), Bound("code", "<", after)),)
