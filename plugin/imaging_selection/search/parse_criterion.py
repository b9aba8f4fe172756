"""Parse one parameter of a request: modifiers, prefixes, escapes.

FHIR R5 search.html 3.2.1.5.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from imaging_selection.errors import SearchError
from imaging_selection.search.criteria import (
    Comparison,
    Criterion,
    DateMatch,
    Match,
    RangeMatch,
    TextMatch,
    TokenMatch,
)
from imaging_selection.search.extract import MISSING
from imaging_selection.search.normalize import (
    MAXIMUM_LENGTH,
    bare_uid,
    fold,
    interval_of,
    of_type,
    shorten,
    true_sop_class,
    uid_system,
)
from imaging_selection.search.parameter import Element, Parameter, ParameterType
from imaging_selection.search.parameters import IMAGING_SELECTION, TYPES
from imaging_selection.search.ranges import (
    below_bounds,
    date_bounds,
    quantity_bounds,
    text_bounds,
    unit_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import tzinfo

PREFIXES = ("eq", "ne", "gt", "ge", "lt", "le", "sa", "eb", "ap")

# The supported chained parameters: the reference itself contains the identifier.
CHAINS = {
    f"{name}{kind}.identifier": f"{name}:identifier"
    for name, target in (("patient", "Patient"), ("subject", "Patient"))
    for kind in ("", f":{target}")
}
_CHAINS_OF_SELECTIONS = {
    f"derived-from{kind}.identifier": "derived-from:identifier"
    for kind in ("", ":ImagingStudy")
}

_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_TYPE = re.compile(r"[A-Z][A-Za-z]+")


@dataclass(frozen=True, slots=True)
class Context:
    """What a search depends on besides its parameters.

    Attributes
    ----------
    resource_type
        The type that is searched.
    base_url
        The URL of this server: a reference may begin with it.
    maximum
        The maximum number of matches on a page; it limits `_count`.
    strict
        `Prefer: handling=strict`: a parameter that is not supported is an error.
    zone
        The zone of dates without an offset.
    now
        For the prefix `ap`.
    must_apply
        Each parameter must have an effect, whatever the client prefers: one that is
        empty or not supported is an error.
    """

    resource_type: str = IMAGING_SELECTION
    base_url: str = ""
    maximum: int = 500
    strict: bool = False
    zone: tzinfo = UTC
    now: datetime = datetime(1970, 1, 1, tzinfo=UTC)
    must_apply: bool = False

    @property
    def parameters(self) -> Mapping[str, Parameter]:
        """The parameters of the type."""
        return TYPES[self.resource_type]


def chains_of(resource_type: str) -> Mapping[str, str]:
    """Return the chained parameters of a type, each with the one that means the same.

    The `derived-from` of an Observation is not only a study.
    """
    if resource_type == IMAGING_SELECTION:
        return CHAINS | _CHAINS_OF_SELECTIONS
    return CHAINS if "subject" in TYPES[resource_type] else {}


def parse_criterion(name: str, value: str, context: Context) -> Criterion:
    """Parse one parameter, with its modifier and all its values.

    Raises
    ------
    SearchError
        The modifier is not supported, or a value is malformed.
    """
    chains = chains_of(context.resource_type)
    base, _, modifier = chains.get(name, name).partition(":")
    parameter = context.parameters[base]
    if modifier == "missing":
        negated = require_one_of(("true", "false"), value, name) == "false"
        return Criterion(MISSING, (TokenMatch("", base),), negated)
    parse = _parser_of(parameter, modifier)
    if parse is None:
        raise SearchError(
            f"the modifier :{modifier} is not supported on {base}",
            name,
            "not-supported",
        )
    values = [each for each in split(value, ",") if each]
    if not values:
        raise SearchError("there is no value", name, "value")
    matches = dict.fromkeys(
        parse(parameter, _Value(name, modifier, each, context)) for each in values
    )
    suffix = f":{modifier}" if modifier in {"identifier", "of-type"} else ""
    return Criterion(base + suffix, tuple(matches), negated=modifier == "not")


@dataclass(frozen=True, slots=True)
class _Value:
    """One value of a parameter, still escaped, with what its parsing depends on."""

    name: str
    modifier: str
    text: str
    context: Context

    def error(self, reason: str) -> SearchError:
        return SearchError(reason, self.name, "value")


def split(text: str, separator: str) -> list[str]:
    r"""Split at each separator that is not escaped; the parts stay escaped.

    Examples
    --------
    >>> split(r"a\,b,c", ",")
    ['a\\,b', 'c']
    """
    if "\\" not in text:
        return text.split(separator)
    parts, part, escaped = [], "", False
    for letter in text:
        if letter == separator and not escaped:
            parts.append(part)
            part = ""
            continue
        escaped = letter == "\\" and not escaped
        part += letter
    return [*parts, part]


def unescape(text: str) -> str:
    r"""Remove the backslashes of `\,` `\|` `\$` `\\` (R5 search.html 3.2.1.5.7)."""
    return re.sub(r"\\([,|$\\])", r"\1", text) if "\\" in text else text


def _token(parameter: Parameter, value: _Value) -> Match:
    system, *rest = map(unescape, split(value.text, "|"))
    if len(rest) > 1:
        raise value.error(r"more than one | in a token (write \| where it is data)")
    code = rest[0] if rest else system
    if not code and not system:
        raise value.error("neither system nor code")
    is_identifier = value.modifier == "identifier"
    element = Element.IDENTIFIER if is_identifier else parameter.element
    code = _CODES.get(element, str)(code)
    system = _SYSTEMS.get(element, str)(system) or parameter.system
    return TokenMatch(shorten(system) if rest else None, shorten(code))


# Element -> what makes the code and the system of a request equal to the index entry.
_CODES: dict[Element, Callable[[str], str]] = {
    Element.UID: bare_uid,
    Element.IDENTIFIER: bare_uid,
    Element.SOP_CLASS: true_sop_class,
}
_SYSTEMS: dict[Element, Callable[[str], str]] = {
    Element.UID: uid_system,
}


def _reference(parameter: Parameter, value: _Value) -> Match:
    text = unescape(value.text)
    if parameter.element is Element.CANONICAL:
        return TokenMatch("", shorten(text))
    own = value.context.base_url + "/"
    text = text.removeprefix(own) if own != "/" else text
    if ":" in text:  # the URL or URN of another server: no resource refers to it
        return TokenMatch("", shorten(text))
    kind, slash, identity = text.partition("/")
    if not slash:
        kind, identity = "", text
    if not _ID.fullmatch(identity) or (slash and not _TYPE.fullmatch(kind)):
        raise value.error("a reference is an id, Type/id or the URL of a resource")
    if value.modifier:
        if kind not in {"", value.modifier}:
            raise value.error(f"a {kind} is no {value.modifier}")
        kind = value.modifier
    if not kind and len(parameter.targets) == 1:
        kind = parameter.targets[0]
    return TokenMatch(kind or None, identity)


def _text(parameter: Parameter, value: _Value) -> Match:
    text = unescape(value.text)
    comparison = _COMPARISONS.get(value.modifier, Comparison.PREFIX)
    is_exact = comparison is Comparison.EXACT
    folded = fold(text)
    if len(folded) > MAXIMUM_LENGTH and not is_exact:
        raise value.error(f"more than {MAXIMUM_LENGTH} characters")
    if parameter.is_range:
        return RangeMatch(text_bounds(comparison, text, folded))
    return TextMatch(comparison, text if is_exact else folded)


_COMPARISONS = {"exact": Comparison.EXACT, "contains": Comparison.CONTAINS}


def _quantity(_parameter: Parameter, value: _Value) -> Match:
    """Parse `[prefix][number]|[system]|[code]` (R5 search.html 3.2.1.5.11)."""
    text, *unit = map(unescape, split(value.text, "|"))
    prefix = text[:2] if text[:2] in PREFIXES else ""
    if len(unit) not in {0, 2} or (unit and not unit[1]):
        raise value.error("a quantity is a number, or number|system|code")
    system, code = unit or ("", "")
    bounds = quantity_bounds(
        prefix or "eq", text.removeprefix(prefix), unit_of(system or None, code)
    )
    if bounds is None:
        raise value.error("a quantity begins with a number")
    return RangeMatch(bounds)


def _uri(_parameter: Parameter, value: _Value) -> Match:
    return TokenMatch("", shorten(unescape(value.text)))


def _date(parameter: Parameter, value: _Value) -> Match:
    text = unescape(value.text)
    prefix = text[:2] if text[:2] in PREFIXES else ""
    interval = interval_of(text.removeprefix(prefix), value.context.zone)
    if interval is None:
        raise value.error(
            "a date is YYYY, YYYY-MM, YYYY-MM-DD or YYYY-MM-DDThh:mm[:ss][+hh:mm], "
            f"after one of {', '.join(PREFIXES)} or none"
        )
    start, end = interval
    if prefix == "ap":  # R5: a tenth of the distance to now, on either side
        now = int(value.context.now.timestamp() * 1_000_000)
        start, end = start - abs(now - start) // 10, end + abs(now - end) // 10
    if parameter.is_range:
        return RangeMatch(date_bounds(prefix or "eq", start, end))
    return DateMatch(prefix or "eq", start, end)


def _of_type(_parameter: Parameter, value: _Value) -> Match:
    """Parse `[system]|[code]|[value]` (R5 search.html 3.2.1.5.5.11)."""
    parts = [*map(unescape, split(value.text, "|"))]
    if len(parts) != len(("system", "code", "value")) or not all(parts):
        raise value.error("the value of :of-type is system|code|value")
    system, code, identifier = parts
    return TokenMatch(shorten(system), of_type(code, identifier))


def _below(_parameter: Parameter, value: _Value) -> Match:
    """Parse a canonical URL: find it, its versions, and the URLs below it.

    R5 search.html 3.2.1.5.5.2.
    """
    text = unescape(value.text).removesuffix("/")
    if len(text) >= MAXIMUM_LENGTH:
        raise value.error(f"{MAXIMUM_LENGTH} characters or more")
    return RangeMatch(below_bounds(text))


_MODIFIERS: dict[tuple[ParameterType, str], Callable[[Parameter, _Value], Match]] = {
    (ParameterType.TOKEN, ""): _token,
    (ParameterType.TOKEN, "not"): _token,
    (ParameterType.TOKEN, "text"): _text,
    (ParameterType.REFERENCE, ""): _reference,
    (ParameterType.REFERENCE, "identifier"): _token,
    (ParameterType.REFERENCE, "below"): _below,
    (ParameterType.TOKEN, "of-type"): _of_type,
    (ParameterType.STRING, ""): _text,
    (ParameterType.STRING, "exact"): _text,
    (ParameterType.STRING, "contains"): _text,
    (ParameterType.DATE, ""): _date,
    (ParameterType.QUANTITY, ""): _quantity,
    (ParameterType.URI, ""): _uri,
}


def modifiers_of(parameter: Parameter) -> list[str]:
    """Return the modifiers that a parameter supports (R5 search-modifier-code)."""
    if parameter.element is Element.CANONICAL:
        return ["missing", "below"]
    lacking = {"below"}
    if not parameter.has_text:
        lacking.add("text")
    if parameter.element is not Element.IDENTIFIER:
        lacking.add("of-type")
    modifiers = (each for kind, each in _MODIFIERS if kind is parameter.type and each)
    supported = [each for each in modifiers if each not in lacking]
    return ["missing", *supported, *(["type"] if parameter.targets else [])]


def _parser_of(
    parameter: Parameter, modifier: str
) -> Callable[[Parameter, _Value], Match] | None:
    """Return what parses the values of a parameter; None without that modifier."""
    if modifier and modifier not in modifiers_of(parameter):
        is_reference = parameter.element is Element.REFERENCE
        is_type = is_reference and modifier in parameter.targets
        return _reference if is_type else None
    return _MODIFIERS.get((parameter.type, modifier))


def require_one_of(values: tuple[str, ...], value: str, name: str) -> str:
    """Return a value of a parameter; raise SearchError if it is none of those."""
    if value not in values:
        raise SearchError(f"{name} is one of {', '.join(values)}", name, "value")
    return value
