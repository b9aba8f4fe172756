"""What a ROI is of: `bodySite`, its contained BodyStructure, and `category`.

Codes are only those that the file has, and those that DICOM gives its own terms; the
ROI Name is text, never a code. DICOM PS3.3 2025a, C.8.8.5, C.8.8.8; the guide's profile
dicom-sr-finding-site.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imaging_selection import fhir
from imaging_selection.terminology import (
    codings_of_interpreted_type,
    concept_of,
    is_laterality,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from imaging_selection.fhir import Resource
    from imaging_selection.model import Code, Observation, Roi

_TRACKING_IDENTIFIER = fhir.coding(fhir.DCM, "112039", "Tracking Identifier")
_TRACKING_UID = fhir.coding(fhir.DCM, "112040", "Tracking Unique Identifier")


def name_of(roi: Roi) -> str | None:
    """Name a ROI: ROI Name, else the retired ROI Observation Label (3006,0085)."""
    labels = (observation.label for observation in roi.observations)
    return roi.name or next(filter(None, labels), None)


def sites_of(observations: Iterable[Observation]) -> list[Code]:
    """List the codes that say what a ROI is, the most direct first, each once.

    RT ROI Identification before Primary Anatomic Structure before Anatomic Region: the
    region only says where it lies.
    """
    said = tuple(observations)
    codes = [
        *(code for each in said for code in each.identification),
        *(code for each in said for code in each.primary_structures),
        *(code for each in said for code in each.anatomic_regions),
    ]
    return list(dict.fromkeys(codes))


def codes_of(observations: Iterable[Observation]) -> Iterator[Code]:
    """List every code that observations carry and a selection shows."""
    for each in observations:
        sites = (*each.identification, *each.primary_structures, *each.anatomic_regions)
        yield from sites
        yield from (modifier for site in sites for modifier in site.modifiers)
        yield from each.therapeutic_role_types
        yield from each.therapeutic_role_categories
        yield from each.property_categories


def concept_of_site(sites: list[Code], name: str | None) -> Resource:
    """Build `bodySite.concept`: the first code, and the ROI Name as text."""
    if sites:
        return concept_of(sites[0], name)
    return fhir.concept(text=name) if name else {}


def body_structure_of(roi: Roi, patient: Resource) -> Resource:
    """Build the BodyStructure of a ROI (profile dicom-sr-finding-site).

    Nothing when the file neither names the ROI nor codes it: `structure` is mandatory.
    """
    name = name_of(roi)
    sites = sites_of(roi.observations)
    if not sites and not name:
        return {}
    return fhir.without_absent(
        {
            "resourceType": "BodyStructure",
            "id": "structure",
            "meta": {"profile": [f"{fhir.GUIDE}/dicom-sr-finding-site"]},
            "identifier": _tracking(name, roi.conceptual_volume_uid),
            "morphology": _morphology(roi.observations),
            "includedStructure": [_included(site, name) for site in sites]
            or [{"structure": fhir.concept(text=name)}],
            "description": _description(roi),
            "patient": {key: patient[key] for key in ("reference", "type")},
        }
    )


def _tracking(name: str | None, uid: str | None) -> list[Resource]:
    identifiers = []
    if name:
        kind = fhir.concept(_TRACKING_IDENTIFIER)
        identifiers.append({"type": kind, "value": name})
    if uid:
        identifiers.append(fhir.uid_identifier(uid, fhir.concept(_TRACKING_UID)))
    return identifiers


def _included(site: Code, name: str | None) -> Resource:
    sides = [concept_of(each) for each in site.modifiers if is_laterality(each)]
    others = [concept_of(each) for each in site.modifiers if not is_laterality(each)]
    return fhir.without_absent(
        {
            "structure": concept_of(site, site.meaning or name),
            "laterality": sides[0] if sides else None,
            "qualifier": others + sides[1:],
        }
    )


def _morphology(observations: Iterable[Observation]) -> Resource | None:
    terms = (each.interpreted_type for each in observations)
    term = next(filter(None, terms), None)
    return _concept_of_type(term) if term else None


def _concept_of_type(term: str) -> Resource:
    codings = codings_of_interpreted_type(term)[:1]  # two would claim to be one concept
    return fhir.concept(*codings, text=term)


def _description(roi: Roi) -> str | None:
    parts = [roi.description, *(each.description for each in roi.observations)]
    return "\n\n".join(dict.fromkeys(filter(None, parts)))


def categories_of(observations: Iterable[Observation]) -> list[Resource]:
    """List interpreted types and therapeutic roles, each once, in file order.

    The group that an interpreted type belongs to (such as RT Target) is a concept of
    its own: it is not another code for the same thing.
    """
    concepts: list[Resource] = []
    for observation in observations:
        if term := observation.interpreted_type:
            codings = codings_of_interpreted_type(term)
            concepts.append(_concept_of_type(term))
            concepts += [fhir.concept(coding, text=term) for coding in codings[1:]]
        codes = (
            *observation.therapeutic_role_types,
            *observation.therapeutic_role_categories,
            *observation.property_categories,
        )
        concepts += [concept_of(code) for code in codes]
    # A code once: the group of a type may be a therapeutic role of the file, too.
    unique: dict[object, Resource] = {}
    for each in concepts:
        unique.setdefault(_identity_of(each), each)
    return list(unique.values())


def _identity_of(concept: Resource) -> object:
    """Tell a concept by its code; its display and text are words only."""
    codings = concept.get("coding")
    return (codings[0]["system"], codings[0]["code"]) if codings else concept["text"]
