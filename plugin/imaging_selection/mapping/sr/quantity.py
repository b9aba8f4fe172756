"""The value of a measurement: an exact decimal with its unit, or why there is none.

DICOM PS3.3 2025a, C.18.1; PS3.16 CID 42. FHIR 5.0.0 Quantity, data-absent-reason.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

from imaging_selection.fhir import canonicals
from imaging_selection.fhir import datatypes as fhir
from imaging_selection.mapping.decimal_strings import decimal_text
from imaging_selection.mapping.sr.concepts import key_of
from imaging_selection.mapping.terminology import coding_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imaging_selection.dicom.entities import Code
    from imaging_selection.dicom.sr.content import Number
    from imaging_selection.fhir.datatypes import Resource

# From here on, a text of 16 characters (DS) may have been cut off, not rounded.
_FULL: Final = 15

# Numeric Value Qualifier (CID 42, DCM) -> data-absent-reason; all others: error.
_REASONS: Final = {
    "114000": "not-a-number",
    "114001": "negative-infinity",
    "114002": "positive-infinity",
    "114007": "not-performed",
    "114010": "unknown",
    "114011": "unknown",
}


def quantity_of(number: Number) -> Resource:
    """Build the Quantity; empty if there is no value that FHIR can represent."""
    text = text_of(number)
    if text is None:
        return {}
    return {"value": Decimal(text)} | _unit(number.unit)


def text_of(number: Number) -> str | None:
    """Return the value as a FHIR decimal.

    The text of the file, with its digits; or its floating point value, if that is the
    same and more precise.
    """
    text, floating = number.value, number.floating
    if floating is not None and (text is None or _is_coarser(text, floating)):
        text = repr(floating)
    return None if text is None else decimal_text(text)


def doubts_of(number: Number) -> Iterator[str]:
    """Yield the codes of findings about a value."""
    if text_of(number) is None and number.qualifier is None:
        yield "number-without-value"
    if text_of(number) is not None and number.unit is None:
        yield "number-without-unit"
    if number.value is not None and decimal_text(number.value) is None:
        yield "number-not-representable"
    if number.value is not None and number.floating is not None:
        is_same = float(number.value) == number.floating
        if not is_same and not _is_coarser(number.value, number.floating):
            yield "number-contradicts-itself"


def _is_coarser(text: str, floating: float) -> bool:
    """Return whether a text is the number, rounded or cut off to fewer digits."""
    value, exact = Decimal(text), Decimal(repr(floating))
    exponent = value.as_tuple().exponent
    if value == exact or not isinstance(exponent, int):
        return False
    # In units of the last digit of the text.
    difference = abs(value - exact).scaleb(-exponent)
    most = 1 if len(text) >= _FULL else Decimal("0.5")
    return difference <= most


def _unit(unit: Code | None) -> Resource:
    """Build unit, system and code; a code without a system is a text alone (qty-3)."""
    if unit is None:
        return {}
    coding = coding_of(unit) or {}
    return fhir.without_absent(
        {
            "unit": unit.meaning or unit.value,
            "system": coding.get("system"),
            "code": coding.get("code"),
        }
    )


def absent_reason_of(qualifier: Code | None) -> Resource:
    """Build `dataAbsentReason` of a qualifier; "unknown" without one."""
    if qualifier is None:
        return _reason("unknown")
    system, code = key_of(qualifier) or (None, "")
    reason = _REASONS.get(code, "error") if system == canonicals.DCM else "error"
    return _reason(reason) | {"text": qualifier.meaning or qualifier.value}


def _reason(code: str) -> Resource:
    return fhir.concept(fhir.coding(canonicals.DATA_ABSENT_REASON, code))
