"""How many ROI Names follow TG-263, and which do not.

A name follows it if the report has it as it is written, in primary or reverse order, or
if it is that of a target by the report's rules. AAPM Report 263 (TG-263).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from imaging_selection.mapping.nomenclature import tg263
from imaging_selection.mapping.target_names import parse_target

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class OtherName:
    """A name that does not follow TG-263.

    Attributes
    ----------
    count
        How many ROIs have it.
    like
        The name of TG-263 that is the same up to case and separators, if there is one.
    """

    name: str
    count: int
    like: str | None


class Compliance(NamedTuple):
    """How names follow TG-263.

    Attributes
    ----------
    rois, complying
        The number of ROIs, and of those whose name follows it.
    others
        The other names, the most frequent first.
    """

    rois: int
    complying: int
    others: tuple[OtherName, ...]


def compliance_of(names: Iterable[tuple[str, int]]) -> Compliance:
    """Judge names, each with the number of ROIs that have it.

    Examples
    --------
    >>> compliance_of([("Heart", 3), ("PTV_5040", 2), ("heart", 1)])[:2]
    (6, 5)
    """
    rois = complying = 0
    others = []
    for name, count in names:
        rois += count
        match = tg263().find(name)
        if (match and match.is_exact) or parse_target(name):
            complying += count
        else:
            like = match.entry.name if match else None
            others.append(OtherName(name, count, like))
    others.sort(key=lambda each: (-each.count, each.name))
    return Compliance(rois, complying, tuple(others))
