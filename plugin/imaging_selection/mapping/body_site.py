"""What a ROI is: `bodySite`, its contained BodyStructure, and `category`.

Codes are those of the file, and those that DICOM assigns to its own terms. The ROI Name
is text; `roi_names` adds what a nomenclature says of it, if one is chosen.

DICOM PS3.3 2025a, C.8.8.5, C.8.8.8; the guide's profile dicom-sr-finding-site.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imaging_selection.fhir import canonicals
from imaging_selection.fhir import datatypes as fhir
from imaging_selection.mapping.terminology import (
    codings_of_interpreted_type,
    concept_of,
    is_laterality,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from imaging_selection.dicom.entities import Code
    from imaging_selection.dicom.rtstruct.structure_set import Roi, StructureSet
    from imaging_selection.fhir.datatypes import Resource

TRACKING_IDENTIFIER = fhir.coding(canonicals.DCM, "112039", "Tracking Identifier")
TRACKING_UID = fhir.coding(canonicals.DCM, "112040", "Tracking Unique Identifier")


def name_of(roi: Roi) -> str | None:
    """Return ROI Name, else the retired ROI Observation Label (3006,0085)."""
    labels = (observation.label for observation in roi.observations)
    return roi.name or next(filter(None, labels), None)


def sites_of(roi: Roi) -> list[Code]:
    """List the codes of what a ROI is, the most direct first, each once.

    RT ROI Identification, then Primary Anatomic Structure, then Anatomic Region, which
    is only where the ROI lies.
    """
    codes = [
        *(code for each in roi.observations for code in each.identification),
        *(code for each in roi.observations for code in each.primary_structures),
        *(code for each in roi.observations for code in each.anatomic_regions),
    ]
    return list(dict.fromkeys(codes))


def codes_of(roi: Roi) -> Iterator[Code]:
    """Yield every code of a ROI that becomes an element of its selection."""
    yield from roi.protocols
    for each in roi.observations:
        yield from with_modifiers(each.identification)
        yield from with_modifiers(each.primary_structures)
        yield from with_modifiers(each.anatomic_regions)
        yield from each.therapeutic_role_types
        yield from each.therapeutic_role_categories
        yield from each.property_categories


def codes_of_set(structure_set: StructureSet) -> Iterator[Code]:
    """Yield every code of the whole structure set."""
    yield from with_modifiers(structure_set.primary_structures)
    yield from with_modifiers(structure_set.anatomic_regions)


def with_modifiers(sites: Iterable[Code]) -> Iterator[Code]:
    """Yield each code, and then its modifiers."""
    for site in sites:
        yield site
        yield from site.modifiers


def concept_of_site(sites: list[Code], name: str | None) -> Resource:
    """Build `bodySite.concept`: the first code, and the ROI Name as text."""
    if sites:
        return concept_of(sites[0], name)
    return fhir.concept(text=name) if name else {}


def concept_of_sites(structure_set: StructureSet) -> Resource:
    """Build `bodySite.concept` of a whole structure set.

    Primary structures are more exact than regions. Of several, no code is that of the
    whole: then the concept has their names, and the BodyStructure each code.
    """
    regions = structure_set.primary_structures or structure_set.anatomic_regions
    if len(regions) == 1:
        return concept_of(regions[0])
    names = [region.meaning or region.value for region in regions]
    return fhir.concept(text=", ".join(names) or structure_set.body_part)


def body_structure_of_set(structure_set: StructureSet, patient: Resource) -> Resource:
    """Build the BodyStructure of a whole structure set; empty if it codes no site."""
    sites = (*structure_set.primary_structures, *structure_set.anatomic_regions)
    return build_body_structure(
        {"includedStructure": [included_structure(site, None) for site in sites]},
        patient,
    )


def body_structure_of(roi: Roi, patient: Resource) -> Resource:
    """Build the BodyStructure of a ROI (profile dicom-sr-finding-site).

    Empty when the file neither names nor codes the ROI: `structure` is mandatory.
    """
    name = name_of(roi)
    sites = sites_of(roi)
    if not sites and not name:
        return {}
    return build_body_structure(
        {
            "identifier": tracking_identifiers(name, roi.conceptual_volume_uid),
            "morphology": _morphology(roi),
            "includedStructure": [included_structure(site, name) for site in sites]
            or [{"structure": fhir.concept(text=name)}],
            "description": description_of(roi),
        },
        patient,
    )


def build_body_structure(elements: Resource, patient: Resource) -> Resource:
    """Build a contained BodyStructure; empty without any `includedStructure`."""
    if not elements["includedStructure"]:
        return {}
    return fhir.without_absent(
        {
            "resourceType": "BodyStructure",
            "id": "structure",
            "meta": {"profile": [f"{canonicals.GUIDE}/dicom-sr-finding-site"]},
            **elements,
            "patient": {key: patient[key] for key in ("reference", "type")},
        }
    )


def tracking_identifiers(name: str | None, uid: str | None) -> list[Resource]:
    """Build the identifiers of what is followed from one study to the next."""
    identifiers = []
    if name:
        kind = fhir.concept(TRACKING_IDENTIFIER)
        identifiers.append({"type": kind, "value": name})
    if uid:
        identifiers.append(fhir.uid_identifier(uid, fhir.concept(TRACKING_UID)))
    return identifiers


def included_structure(site: Code, name: str | None) -> Resource:
    """Build `includedStructure` of a site, its modifiers as side and qualifiers."""
    sides = [concept_of(each) for each in site.modifiers if is_laterality(each)]
    others = [concept_of(each) for each in site.modifiers if not is_laterality(each)]
    return fhir.without_absent(
        {
            "structure": concept_of(site, site.meaning or name),
            "laterality": sides[0] if sides else None,
            "qualifier": others + sides[1:],
        }
    )


def _morphology(roi: Roi) -> Resource | None:
    terms = (each.interpreted_type for each in roi.observations)
    term = next(filter(None, terms), None)
    return _concept_of_type(term) if term else None


def _concept_of_type(term: str) -> Resource:
    # One of the codings: those of one concept must mean the same.
    return fhir.concept(*codings_of_interpreted_type(term)[:1], text=term)


def description_of(roi: Roi) -> str | None:
    """Return ROI Description, and the retired description of observations."""
    parts = [roi.description, *(each.description for each in roi.observations)]
    return "\n\n".join(dict.fromkeys(filter(None, parts))) or None


def categories_of(roi: Roi) -> list[Resource]:
    """List interpreted types, roles and protocols of a ROI, each once, in file order.

    The group of an interpreted type (such as RT Target) is a concept of its own: it is
    not another code for the same meaning.
    """
    concepts: list[Resource] = []
    for observation in roi.observations:
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
    concepts += [concept_of(code) for code in roi.protocols]
    # Each code once: the group of a type may also be a therapeutic role of the file.
    unique: dict[object, Resource] = {}
    for each in concepts:
        unique.setdefault(_identity_of(each), each)
    return list(unique.values())


def _identity_of(concept: Resource) -> object:
    """Return what two equal concepts share: the code, not display or text."""
    codings = concept.get("coding")
    if not codings:
        return concept["text"]
    # Equal values of unknown schemes may be different codes.
    system = codings[0].get("system")
    return system or concept["text"], codings[0]["code"]
