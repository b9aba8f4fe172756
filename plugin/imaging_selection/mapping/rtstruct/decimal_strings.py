r"""Decimal strings (DS) become JSON numbers: text to text, without a number in between.

Both are text (`1.50\-2\+30 ` and `1.50,-2,30`), so the digits stay as they are. A FHIR
decimal keeps its precision; a float would not. No JSON library does this: it would make
numbers of the text first, and take many times as long.

References
----------
DICOM PS3.5 2025a, 6.2 (VR DS). RFC 8259, 6 (Numbers). FHIR 5.0.0, decimal.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Annotated

from pydantic import StringConstraints, TypeAdapter

from imaging_selection.dicom.values import DECIMAL_STRING, PADDING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PIECE = 1 << 20  # bytes of a value read at once, to limit the memory


def _matcher(pattern: str) -> Callable[[str], bool]:
    """Compile a pattern for Rust's regular expressions, which pydantic uses.

    Their time is linear for every text. Patterns of a few literals are searched for by
    vector instructions, sixteen bytes or more at a time.
    """
    text = Annotated[str, StringConstraints(pattern=pattern)]
    return TypeAdapter(text).validator.isinstance_python


# The grammar of RFC 8259, repeated: exact, and slower than the next patterns.
_NUMBER = r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?"
_are_json_numbers = _matcher(rf"^{_NUMBER}(?:\\{_NUMBER})*$")

# Nearly all contours have only these bytes; other contours are read number by number.
_USUAL = b"0123456789.-e\\"
_TO_JSON = bytes(
    ord(",") if byte == ord("\\") else byte if byte in _USUAL else ord("x")
    for byte in range(256)
)
# What cannot be in numbers between commas: a number begins with a digit, or a minus and
# a digit; has digits on both sides of its point and of its e; has no leading zeros.
# In few groups, as each is one fast search.
_MISPLACED = tuple(
    map(
        _matcher,
        (
            r",,|,\.|\.,|\.\.|\.-|-,|-\.|--",
            r",e|-e|\.e|ee|e\.|e,",
            r"[0-9]-",
            r",-?0[0-9]",
        ),
    )
)


class NotDecimalError(ValueError):
    """A value is no decimal string."""


def json_numbers(data: bytes, start: int, end: int) -> tuple[list[bytes], int]:
    r"""Write the decimal strings of an element as JSON numbers with commas between.

    The text of a number changes only where JSON does not allow what DS does: `+1`,
    `.5`, `1.`, `007`, blanks. The value and the digits after the point stay the same.

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
    NotDecimalError
        One of the values is no decimal string, or is empty.

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
        usual = _usual_numbers(piece)
        pieces.append(_other_numbers(piece) if usual is None else usual[0])
        count += usual[1] if usual else piece.count(b"\\") + 1
    return pieces, count


def _usual_numbers(piece: bytes) -> tuple[bytes, int] | None:
    """Write and count numbers that JSON allows as they are; None if not certain.

    Without digits, at most one point and then one e are left between two commas. The
    neighbours of each sign are searched in the whole text. Together these tests are the
    grammar of RFC 8259 without `E` and `+`.
    """
    enclosed = (b"\\%b\\" % piece).translate(_TO_JSON)
    marks = enclosed.translate(None, delete=b"0123456789-")
    if b"x" in marks or b".." in marks:
        return None
    if b"e" in marks and (b"ee" in marks or b"e." in marks):
        return None
    text = enclosed.decode("ascii")
    for is_misplaced in _MISPLACED:
        if is_misplaced(text):
            return None
    return enclosed[1:-1], marks.count(b",") - 1


def _other_numbers(piece: bytes) -> bytes:
    """Write numbers that JSON may not allow as they are."""
    # Latin-1 never fails; bytes that are not ASCII do not match.
    if _are_json_numbers(piece.decode("latin-1")):
        return piece.replace(b"\\", b",")
    return b",".join(map(_json_number, piece.split(b"\\")))


def _pieces(data: bytes, start: int, end: int) -> Iterator[bytes]:
    """Cut a value at backslashes, and remove the padding."""
    while end - start > PIECE and (cut := data.find(b"\\", start + PIECE, end)) >= 0:
        yield data[start:cut]
        start = cut + 1
    yield data[start:end].rstrip(PADDING)


def _json_number(token: bytes) -> bytes:
    """Write one DS as a number of RFC 8259, unchanged if it already is one."""
    match = DECIMAL_STRING.fullmatch(token.strip(b" "))
    if match is None:
        raise NotDecimalError
    sign, whole, fraction, exponent = match.groups()
    return b"%b%b%b%b" % (
        b"-" if sign == b"-" else b"",
        whole.lstrip(b"0") or b"0",
        b"" if fraction == b"." else fraction,
        exponent,
    )


def is_same_number(text: bytes, other: bytes) -> bool:
    """Return whether two JSON numbers have the same value.

    A number whose exponent is beyond what `decimal` takes, 18 digits, equals only
    itself, digit by digit.

    Examples
    --------
    >>> is_same_number(b"1.50", b"15e-1"), is_same_number(b"-0.0", b"0")
    (True, True)
    >>> is_same_number(b"1.5", b"1.5000000000000000000000001")
    False
    """
    if text == other:
        return True
    try:
        return Decimal(text.decode()) == Decimal(other.decode())
    except InvalidOperation:
        return False
