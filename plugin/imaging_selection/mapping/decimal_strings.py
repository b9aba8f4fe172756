r"""Decimal strings (DS) become JSON numbers: text to text, without a number in between.

Both are text (`1.50\-2\+30 ` and `1.50,-2,30`), so the digits stay as they are. A FHIR
decimal keeps its precision; a float would not. No JSON library does this: it would make
numbers of the text first, and take many times as long.

References
----------
DICOM PS3.5 2025a, 6.2 (VR DS). RFC 8259, 6 (Numbers). FHIR 5.0.0, decimal.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

from pydantic import StringConstraints, TypeAdapter

from imaging_selection.dicom.values import DECIMAL_STRING, PADDING

if TYPE_CHECKING:
    from collections.abc import Iterator

PIECE = 1 << 20  # bytes of a value read at once, to limit the memory

# What R5's decimal allows: 18 digits before the point, 17 after it, 9 of the exponent.
_DECIMAL = r"-?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,17})?(?:[eE][+-]?[0-9]{1,9})?"
_MAXIMUM_FRACTION = 17
_MAXIMUM_DIGITS = 18 + _MAXIMUM_FRACTION
_MAXIMUM_EXPONENT = 999_999_999
# Of the digits of an exponent, without leading zeros; int() is slow for thousands.
_MAXIMUM_EXPONENT_DIGITS = 18

_is_decimal = re.compile(_DECIMAL.encode()).fullmatch

# Repeated, and in Rust's regular expressions, which pydantic uses: their time is linear
# for every text. Nearly all contours are such text as a whole.
_Decimals = Annotated[str, StringConstraints(pattern=rf"^{_DECIMAL}(?:\\{_DECIMAL})*$")]
_are_decimals = TypeAdapter(_Decimals).validator.isinstance_python

_TO_JSON = bytes.maketrans(b"\\", b",")  # in less time than bytes.replace


class NotDecimalError(ValueError):
    """A value is no decimal string."""


class BeyondDecimalError(ValueError):
    """FHIR's decimal cannot represent a number: it has too many digits."""


def json_numbers(data: bytes, start: int, end: int) -> tuple[list[bytes], int]:
    r"""Write the decimal strings of an element as JSON numbers with commas between.

    See `fhir_decimal` for what becomes of each.

    Parameters
    ----------
    data, start, end
        The value is `data[start:end]`: decimal strings with backslashes between them,
        and padding at the end.

    Returns
    -------
    pieces : list of bytes
        To be joined by commas; none if the value is empty.
    count : int
        How many numbers they are.

    Raises
    ------
    NotDecimalError, BeyondDecimalError
        As `fhir_decimal`, for one of the values.

    Examples
    --------
    >>> json_numbers(rb"1.50\-2\+30 ", 0, 11)
    ([b'1.50,-2,30'], 3)
    """
    pieces: list[bytes] = []
    count = 0
    for piece in _pieces(data, start, end):
        if not (pieces or piece):
            break
        # Latin-1 never fails; bytes that are not ASCII do not match.
        numbers = (
            piece.translate(_TO_JSON)
            if _are_decimals(piece.decode("latin-1"))
            else b",".join(map(fhir_decimal, piece.split(b"\\")))
        )
        pieces.append(numbers)
        count += numbers.count(b",") + 1
    return pieces, count


def _pieces(data: bytes, start: int, end: int) -> Iterator[bytes]:
    """Cut a value at backslashes, and remove the padding."""
    while end - start > PIECE and (cut := data.find(b"\\", start + PIECE, end)) >= 0:
        yield data[start:cut]
        start = cut + 1
    yield data[start:end].rstrip(PADDING)


def fhir_decimal(text: bytes) -> bytes:
    """Write one DS as a decimal of FHIR R5: the same value, in another notation if so.

    The text changes only where a decimal does not allow what DS does: `+1`, `.5`, `1.`,
    `007`, blanks. If it has more than 18 digits before the point or 17 after it, the
    point moves, and the exponent with it; then leading zeros go, and trailing ones if
    that is not enough.

    Raises
    ------
    NotDecimalError
        It is no decimal string, or is empty.
    BeyondDecimalError
        No notation of a decimal has its value.

    Examples
    --------
    >>> fhir_decimal(b"+.50 "), fhir_decimal(b"-0.019999146461486816")
    (b'0.50', b'-1.9999146461486816e-2')
    """
    if _is_decimal(text):
        return text
    match = DECIMAL_STRING.fullmatch(text.strip(b" "))
    if match is None:
        raise NotDecimalError
    sign, whole, fraction, exponent = match.groups()
    plain = b"%b%b%b%b" % (
        b"-" if sign == b"-" else b"",
        whole.lstrip(b"0") or b"0",
        b"" if fraction == b"." else fraction,
        exponent,
    )
    return plain if _is_decimal(plain) else _shifted(plain)


def decimal_text(text: str) -> str | None:
    """Write one DS as `fhir_decimal`; None if FHIR's decimal cannot represent it.

    Examples
    --------
    >>> decimal_text("+.50"), decimal_text("1e-9999999999")
    ('0.50', None)
    """
    try:
        return fhir_decimal(text.encode("ascii")).decode("ascii")
    except BeyondDecimalError:
        return None


def _shifted(plain: bytes) -> bytes:
    """Write a JSON number with its point and its exponent where a decimal allows them.

    With as few digits before the point as possible.
    """
    mantissa, _, exponent = plain.lower().partition(b"e")
    whole, _, fraction = mantissa.lstrip(b"-").partition(b".")
    sign = b"-" if mantissa.startswith(b"-") else b""
    digits = (whole + fraction).lstrip(b"0")
    if not digits:
        return sign + b"0"
    size = exponent.lstrip(b"+-0") or b"0"
    if len(size) > _MAXIMUM_EXPONENT_DIGITS:
        raise BeyondDecimalError
    power = int(size) * (-1 if exponent.startswith(b"-") else 1) - len(fraction)
    if len(digits) > _MAXIMUM_DIGITS:
        power += len(digits)
        digits = digits.rstrip(b"0")
        power -= len(digits)
    before = max(1, len(digits) - _MAXIMUM_FRACTION)
    power += len(digits) - before
    if len(digits) > _MAXIMUM_DIGITS or abs(power) > _MAXIMUM_EXPONENT:
        raise BeyondDecimalError
    point = b"." if digits[before:] else b""
    ending = b"e%d" % power if power else b""
    return sign + digits[:before] + point + digits[before:] + ending


def is_same_number(text: bytes, other: bytes) -> bool:
    """Return whether two FHIR decimals have the same value.

    Examples
    --------
    >>> is_same_number(b"1.50", b"15e-1"), is_same_number(b"-0.0", b"0")
    (True, True)
    >>> is_same_number(b"1.5", b"1.5000000000000000000000001")
    False
    """
    return Decimal(text.decode()) == Decimal(other.decode())
