"""Where a measurement was made: `bodySite`, or a contained BodyStructure.

By the guide's ConceptMaps, a finding site is a BodyStructure if it has a laterality or
a topographical modifier, or if it is tracked; else it is a concept. R5 admits one of
the two alone (obs-8).

PS3.16 2025a, TID 1419, 1501. The guide's profile dicom-sr-finding-site.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from imaging_selection.fhir import datatypes as fhir
from imaging_selection.mapping.body_site import (
    build_body_structure,
    included_structure,
    tracking_identifiers,
)
from imaging_selection.mapping.sr import concepts
from imaging_selection.mapping.sr.concepts import children_named
from imaging_selection.mapping.terminology import concept_of

if TYPE_CHECKING:
    from imaging_selection.dicom.entities import Code
    from imaging_selection.dicom.sr.content import ContentItem
    from imaging_selection.fhir.datatypes import Resource
    from imaging_selection.mapping.sr.parts import Parts


@dataclass(frozen=True, slots=True)
class Site:
    """The finding sites of an item, each with its modifiers, and what tracks it."""

    codes: tuple[Code, ...] = ()
    tracking_identifier: str | None = None
    tracking_uid: str | None = None

    @property
    def is_structure(self) -> bool:
        """Whether it needs a BodyStructure: `includedStructure` is mandatory there."""
        tracked = self.tracking_identifier or self.tracking_uid
        has_modifiers = any(each.modifiers for each in self.codes)
        several = len(self.codes) > 1
        return bool(self.codes) and bool(tracked or has_modifiers or several)


def site_of(parts: Parts, outer: Site) -> Site:
    """Return the site of an item; what it does not say, its group says."""
    identifier, uid = parts.tracking_identifier, parts.tracking_uid
    site = replace(outer, codes=tuple(map(_site, parts.sites)) or outer.codes)
    if identifier or uid:
        site = replace(
            site,
            tracking_identifier=identifier.text if identifier else None,
            tracking_uid=uid.uid if uid else None,
        )
    return site


def _site(item: ContentItem) -> Code:
    assert item.code is not None  # noqa: S101 - as `parts` sorts it
    modifiers = children_named(
        item, concepts.LATERALITY, concepts.TOPOGRAPHICAL_MODIFIER
    )
    codes = tuple(each.code for each in modifiers if each.code is not None)
    return replace(item.code, modifiers=codes)


def elements_of(site: Site, patient: Resource) -> tuple[Resource, Resource]:
    """Build the element of a site, and the BodyStructure that it refers to."""
    if site.is_structure:
        structure = build_body_structure(
            {
                "identifier": tracking_identifiers(
                    site.tracking_identifier, site.tracking_uid
                ),
                "includedStructure": [
                    included_structure(each, each.meaning) for each in site.codes
                ],
            },
            patient,
        )
        reference = {"reference": "#structure", "type": "BodyStructure"}
        return {"bodyStructure": reference}, structure
    if site.codes:
        return {"bodySite": concept_of(site.codes[0])}, {}
    # What is tracked has no site: the observation alone has its identifiers.
    tracking = tracking_identifiers(site.tracking_identifier, site.tracking_uid)
    return {"identifier": tracking}, {}


def concept_of_site(site: Site) -> Resource:
    """Build the concept of the first site; empty without one."""
    return concept_of(site.codes[0]) if site.codes else fhir.concept()
