"""Names of targets, by the grammar of TG-263: their kind and their dose level.

AAPM Report 263 (TG-263), the rules for target names: kind, classifier, number, imaging
modality, structure, dose and fractions, distance of a crop, custom text after `^`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

from imaging_selection.mapping.nomenclature import tg263

_GRAMMAR = re.compile(
    r"(?P<kind>IGTV|ICTV|ITV|GTV|CTV|PTV)!?"
    r"(?:sb|par|vas|n|p|v)?[0-9]*"
    r"(?:_(?:(?:CT|PT|MR|SP)[0-9]*)+)?"
    r"(?:_(?P<structure>(?!High|Low|Mid)[A-Z][A-Za-z]*(?:_[A-Za-z]+)*?))?"
    r"(?:_(?:(?P<level>High|Low|Mid(?:[0-9]{2})?)"
    r"|(?P<cgy>[1-9][0-9]{2,4})|(?P<gy>[1-9][0-9]?[0-9]?(?:[.p][0-9]+)?)Gy)"
    r"(?:x[1-9][0-9]*)?)?"
    r"(?:-[0-9]{2})?(?:\^.*)?"
)
_CGY_PER_GY = 100


@dataclass(frozen=True, slots=True)
class Target:
    """What the name of a target says.

    Attributes
    ----------
    kind
        GTV, CTV, PTV, ITV, IGTV or ICTV.
    dose
        Total dose in cGy.
    level
        A relative dose level: High, Mid or Low, as it is written.
    """

    kind: str
    dose: Decimal | None = None
    level: str | None = None


def parse_target(name: str) -> Target | None:
    """Read the name of a target; None if it does not follow the grammar.

    Examples
    --------
    >>> parse_target("PTVn1_5040"), parse_target("CTV_Liver_50.4Gyx3").dose
    (Target(kind='PTV', dose=Decimal('5040'), level=None), Decimal('5040.0'))
    >>> parse_target("PTV_High").level, parse_target("PTV_1"), parse_target("ptv")
    ('High', None, None)
    """
    match = _GRAMMAR.fullmatch(name)
    if match is None:
        return None
    structure = match["structure"]
    if structure:
        found = tg263().find(structure)
        if found is None or not found.is_exact:
            return None
    return Target(match["kind"], _dose_of(match), match["level"])


def _dose_of(match: re.Match[str]) -> Decimal | None:
    if match["gy"]:
        return Decimal(match["gy"].replace("p", ".")) * _CGY_PER_GY
    return Decimal(match["cgy"]) if match["cgy"] else None
