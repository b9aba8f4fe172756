"""What the name of a ROI says, beside what its codes say: declared, and behind them.

A code from a name is a coding of its own after those of the file, with `userSelected`
false and an extension that names the nomenclature. The name itself stays text.

FHIR 5.0.0, Coding.userSelected. DICOM PS3.3 2025a, C.8.8.5 (ROI Name).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imaging_selection.dicom.findings import finding
from imaging_selection.fhir import canonicals
from imaging_selection.fhir import datatypes as fhir
from imaging_selection.mapping.body_site import name_of, sites_of
from imaging_selection.mapping.nomenclature import (
    LATERALITIES,
    TG263,
    Match,
    nomenclatures_of,
    tg263,
)
from imaging_selection.mapping.target_names import Target, parse_target
from imaging_selection.mapping.terminology import (
    coding_of,
    codings_of_interpreted_type,
    is_laterality,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imaging_selection.dicom.findings import Finding
    from imaging_selection.dicom.rtstruct.structure_set import Roi, StructureSet
    from imaging_selection.fhir.datatypes import Resource
    from imaging_selection.mapping.choices import Names

_OWN = f"{canonicals.OWN}/StructureDefinition"
CODE_FROM_NAME = f"{_OWN}/code-from-name"
TARGET_DOSE = f"{_OWN}/target-dose"

# Internal targets are kinds of what they enclose.
_TYPES = {"ITV": "CTV", "ICTV": "CTV", "IGTV": "GTV"}


class RoiNames:
    """Reads the names of the ROIs of a structure set, by the chosen nomenclatures."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._nomenclatures = nomenclatures_of(names)

    def match(self, roi: Roi) -> Match | None:
        """Look the name of a ROI up; the first nomenclature that has it counts."""
        name = name_of(roi) or ""
        found = (each.find(name) for each in self._nomenclatures)
        return next(filter(None, found), None)

    def target(self, roi: Roi) -> Target | None:
        """Read the name of a ROI as that of a target, if TG-263 is chosen."""
        return parse_target(name_of(roi) or "") if self._names.tg263 else None

    def findings(self, structure_set: StructureSet) -> Iterator[Finding]:
        """Yield where names contradict codes; unknown names, if that is chosen."""
        if not self._nomenclatures:
            return
        for roi in structure_set.rois:
            match = self.match(roi)
            if match and _contradicts(roi, match):
                text = "ROI Name says another side than the code of the ROI"
                yield finding("name-contradicts-code", text, roi.number)
            if self._names.report and not (match or self.target(roi)):
                text = "ROI Name is in none of the chosen nomenclatures"
                yield finding("name-not-in-nomenclature", text, roi.number)

    def add_to(self, elements: Resource, structure: Resource, roi: Roi) -> Resource:
        """Add what the name of a ROI says to its selection.

        Parameters
        ----------
        elements
            Of the selection: `category`, `extension` and `concept`, that of its body
            site; the result has the same.
        structure
            The BodyStructure of the ROI, which is changed.
        """
        match, target = self.match(roi), self.target(roi)
        if match and match.entry.code:
            concept = elements["concept"]
            codings = [*concept.get("coding", ()), coding_of_match(match)]
            elements = elements | {"concept": {"coding": codings} | _text_of(concept)}
            _include(structure, match)
        if target:
            elements = elements | {
                "category": _with_kind(elements["category"], target),
                "extension": [*elements["extension"], *_dose_of(target)],
            }
        return elements


def coding_of_match(match: Match) -> Resource:
    """Build the coding of a name that a nomenclature has."""
    entry = match.entry
    return _derived(
        fhir.coding(entry.system, entry.code, entry.display),
        match.source,
        match.version,
        is_exact=match.is_exact,
    )


def _derived(
    coding: Resource, source: str, version: str, *, is_exact: bool
) -> Resource:
    parts = [
        {"url": "dictionary", "valueString": source},
        {"url": "version", "valueString": version},
        {"url": "match", "valueCode": "exact" if is_exact else "folded"},
    ]
    return {
        "extension": [{"url": CODE_FROM_NAME, "extension": parts}],
        **coding,
        "userSelected": False,
    }


def _text_of(concept: Resource) -> Resource:
    return {"text": concept["text"]} if "text" in concept else {}


def _include(structure: Resource, match: Match) -> None:
    """Add a structure with its side, behind those of the file."""
    entry = match.entry
    side = entry.laterality
    laterality = side and fhir.concept(
        fhir.coding(canonicals.SCT, side, LATERALITIES[side])
    )
    included = fhir.without_absent(
        {
            "structure": fhir.concept(coding_of_match(match), text=entry.name),
            "laterality": laterality,
            "qualifier": [
                fhir.concept(fhir.coding(canonicals.SCT, code, display))
                for code, display in entry.qualifiers
            ],
        }
    )
    known = structure["includedStructure"]
    # Where the file codes nothing, there is only the name: it gets its code.
    is_coded = any("coding" in each["structure"] for each in known)
    structure["includedStructure"] = [*(known if is_coded else ()), included]


def _contradicts(roi: Roi, match: Match) -> bool:
    sides = {
        coding["code"]
        for site in sites_of(roi)
        for each in site.modifiers
        if is_laterality(each) and (coding := coding_of(each))
    }
    return bool(
        match.entry.laterality and sides and match.entry.laterality not in sides
    )


def _with_kind(categories: list[Resource], target: Target) -> list[Resource]:
    (coding, *_) = codings_of_interpreted_type(_TYPES.get(target.kind, target.kind))
    known = {
        (each.get("system"), each["code"])
        for concept in categories
        for each in concept.get("coding", ())
    }
    if (coding["system"], coding["code"]) in known:
        return categories
    derived = _derived(coding, TG263, tg263().version, is_exact=True)
    return [*categories, fhir.concept(derived, text=target.kind)]


def _dose_of(target: Target) -> list[Resource]:
    if target.dose is not None:
        dose = {
            "value": float(target.dose),
            "unit": "cGy",
            "system": canonicals.UCUM,
            "code": "cGy",
        }
        return [{"url": TARGET_DOSE, "valueQuantity": dose}]
    return [{"url": TARGET_DOSE, "valueString": target.level}] if target.level else []
