"""One parameter of a request becomes a criterion: modifiers, prefixes, escapes.

FHIR R5 search.html 3.2.1.5.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from imaging_selection.errors import SearchError
from imaging_selection.search.criteria import (
    Comparison,
    Criterion,
    DateMatch,
    Match,
    TextMatch,
    TokenMatch,
)
from imaging_selection.search.extract import MISSING, STATUSES
from imaging_selection.search.normalize import (
    LONGEST,
    bare_uid,
    fold,
    interval_of,
    shorten,
    true_sop_class,
    uid_system,
)
from imaging_selection.search.parameters import (
    PARAMETERS,
    Element,
    Parameter,
    ParameterType,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import tzinfo

PREFIXES = ("eq", "ne", "gt", "ge", "lt", "le", "sa", "eb", "ap")

# Chained parameters that need no following: the reference says it itself.
CHAINS = {
    f"{name}{kind}.identifier": f"{name}:identifier"
    for name, target in (
        ("derived-from", "ImagingStudy"),
        ("patient", "Patient"),
        ("subject", "Patient"),
    )
    for kind in ("", f":{target}")
}

_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_TYPE = re.compile(r"[A-Z][A-Za-z]+")


@dataclass(frozen=True, slots=True)
class Context:
    """What a search depends on besides its parameters.

    Attributes
    ----------
    parameters
        Of the type that is searched.
    base_url
        Of this server: a reference below it is one of its own.
    maximum
        The most matches that a page may hold; a larger `_count` is lowered to it.
    strict
        `Prefer: handling=strict`: what is not supported is an error.
    zone
        Of dates without an offset.
    now
        For the prefix `ap`.
    """

    parameters: Mapping[str, Parameter] = field(default_factory=lambda: PARAMETERS)
    base_url: str = ""
    maximum: int = 500
    strict: bool = False
    zone: tzinfo = UTC
    now: datetime = datetime(1970, 1, 1, tzinfo=UTC)


def parse_criterion(name: str, value: str, context: Context) -> Criterion:
    """Read one parameter, with its modifier and all its values."""
    base, _, modifier = CHAINS.get(name, name).partition(":")
    parameter = context.parameters[base]
    if modifier == "missing":
        negated = one_of(("true", "false"), value, name) == "false"
        return Criterion(MISSING, (TokenMatch("", base),), negated)
    reading = _MODIFIERS.get((parameter.type, modifier))
    if modifier == "text" and not parameter.has_text:
        reading = None
    if modifier in parameter.targets:
        reading = _reference
    if reading is None or (parameter.element is Element.CANONICAL and modifier):
        raise SearchError(
            f"the modifier :{modifier} is not supported on {base}",
            name,
            "not-supported",
        )
    values = [each for each in split(value, ",") if each]
    if not values:
        raise SearchError("there is no value", name, "value")
    matches = tuple(
        reading(parameter, _Value(name, modifier, each, context)) for each in values
    )
    suffix = f":{modifier}" if modifier == "identifier" else ""
    return Criterion(
        parameter.column or base + suffix, matches, negated=modifier == "not"
    )


@dataclass(frozen=True, slots=True)
class _Value:
    """One value of a parameter, still escaped, and what its reading depends on."""

    name: str
    modifier: str
    text: str
    context: Context

    def error(self, reason: str) -> SearchError:
        return SearchError(reason, self.name, "value")


def split(text: str, separator: str) -> list[str]:
    r"""Split at a separator that no backslash escapes; the parts stay escaped.

    Examples
    --------
    >>> split(r"a\,b,c", ",")
    ['a\\,b', 'c']
    """
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
    r"""Take the backslashes of `\,` `\|` `\$` `\\` away (R5 search.html 3.2.1.5.7)."""
    return re.sub(r"\\([,|$\\])", r"\1", text)


def _token(parameter: Parameter, value: _Value) -> Match:
    system, *rest = map(unescape, split(value.text, "|"))
    if len(rest) > 1:
        raise value.error(r"more than one | in a token (write \| where it is data)")
    code = rest[0] if rest else system
    if not code and not system:
        raise value.error("neither system nor code")
    element = (
        Element.IDENTIFIER if value.modifier == "identifier" else parameter.element
    )
    code = _READ_CODE.get(element, str)(code)
    system = _READ_SYSTEM.get(element, str)(system)
    return TokenMatch(shorten(system) if rest else None, shorten(code))


# How the code of a query is read, so that it meets that of the index.
_READ_CODE: dict[Element, Callable[[str], str]] = {
    Element.UID: bare_uid,
    Element.IDENTIFIER: bare_uid,
    Element.SOP_CLASS: true_sop_class,
}
_READ_SYSTEM: dict[Element, Callable[[str], str]] = {
    Element.UID: uid_system,
    Element.STATUS: lambda system: system or STATUSES,
}


def _reference(parameter: Parameter, value: _Value) -> Match:
    text = unescape(value.text)
    if parameter.element is Element.CANONICAL:
        return TokenMatch("", shorten(text))
    own = value.context.base_url + "/"
    text = text.removeprefix(own) if own != "/" else text
    if ":" in text:  # a URL or URN of elsewhere: we have no such references
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


def _text(_parameter: Parameter, value: _Value) -> Match:
    text = unescape(value.text)
    if value.modifier == "exact":
        return TextMatch(Comparison.EXACT, text)
    folded = fold(text)
    if len(folded) > LONGEST:
        raise value.error(f"more than {LONGEST} characters")
    contains = value.modifier == "contains"
    return TextMatch(Comparison.CONTAINS if contains else Comparison.PREFIX, folded)


def _uri(_parameter: Parameter, value: _Value) -> Match:
    return TokenMatch("", shorten(unescape(value.text)))


def _date(_parameter: Parameter, value: _Value) -> Match:
    text = unescape(value.text)
    prefix = text[:2] if text[:2] in PREFIXES else ""
    interval = interval_of(text.removeprefix(prefix), value.context.zone)
    if interval is None:
        raise value.error(
            "a date is YYYY, YYYY-MM, YYYY-MM-DD or YYYY-MM-DDThh:mm[:ss][+hh:mm], "
            f"after one of {', '.join(PREFIXES)} or none"
        )
    low, high = interval
    if prefix == "ap":  # R5: a tenth of the distance to now, to either side
        now = int(value.context.now.timestamp() * 1_000_000)
        low, high = low - abs(now - low) // 10, high + abs(now - high) // 10
    return DateMatch(prefix or "eq", low, high)


_MODIFIERS: dict[tuple[ParameterType, str], Callable[[Parameter, _Value], Match]] = {
    (ParameterType.TOKEN, ""): _token,
    (ParameterType.TOKEN, "not"): _token,
    (ParameterType.TOKEN, "text"): _text,
    (ParameterType.REFERENCE, ""): _reference,
    (ParameterType.REFERENCE, "identifier"): _token,
    (ParameterType.STRING, ""): _text,
    (ParameterType.STRING, "exact"): _text,
    (ParameterType.STRING, "contains"): _text,
    (ParameterType.DATE, ""): _date,
    (ParameterType.URI, ""): _uri,
}


def modifiers_of(parameter: Parameter) -> list[str]:
    """List the modifiers that a parameter has (R5 search-modifier-code)."""
    modifiers = [each for kind, each in _MODIFIERS if kind is parameter.type and each]
    if not parameter.has_text and "text" in modifiers:
        modifiers.remove("text")
    if parameter.element is Element.CANONICAL:
        return ["missing"]
    return ["missing", *modifiers, *(["type"] if parameter.targets else [])]


def one_of(values: tuple[str, ...], value: str, name: str) -> str:
    """Refuse a value that is none of those; give it back otherwise."""
    if value not in values:
        raise SearchError(f"{name} is one of {', '.join(values)}", name, "value")
    return value
