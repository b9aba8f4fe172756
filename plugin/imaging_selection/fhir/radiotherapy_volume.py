"""A ROI as the RadiotherapyVolume of HL7 mCODE: a BodyStructure of R4.

mCODE 4.0.0 (US realm), profile mcode-radiotherapy-volume.
"""

from __future__ import annotations

import csv
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

from imaging_selection.fhir import canonicals
from imaging_selection.fhir import datatypes as fhir
from imaging_selection.fhir.cross_version.extensions import extension_of
from imaging_selection.fhir.xhtml import narrative_of

if TYPE_CHECKING:
    from imaging_selection.fhir.datatypes import Resource

PROFILE = "http://hl7.org/fhir/us/mcode/StructureDefinition/mcode-radiotherapy-volume"
_USES = {"112039": "usual", "112040": "official"}  # DCM: tracking identifier, its UID


def radiotherapy_volume(resource: Resource) -> Resource | None:
    """Build the RadiotherapyVolume of the selection of a ROI, in R4.

    Parameters
    ----------
    resource
        Any resource of R5.

    Returns
    -------
    Resource or None
        A BodyStructure with the id of the selection. None for other resources, and for
        a ROI that the file neither names nor codes.

    Notes
    -----
    The profile allows as `location` only the SNOMED CT codes of TG-263. A site that the
    file codes in another way is named by `description`; the selection has its code.
    """
    structure = _structure_of(resource)
    if structure is None or "subject" not in resource:
        return None
    site = structure["includedStructure"][0]
    identifiers = [_identifier(each) for each in structure.get("identifier", [])]
    description = structure.get("description") or _name_of(site["structure"])
    selection = {"reference": f"Basic/{resource['id']}", "type": "Basic"}
    path = "BodyStructure.includedStructure.spatialReference"
    is_location = _is_location(site["structure"])
    sides = [site["laterality"]] if "laterality" in site else []
    qualifiers = [*sides, *site.get("qualifier", [])] if is_location else []
    return fhir.without_absent(
        {
            "resourceType": "BodyStructure",
            "id": resource["id"],
            "meta": {"profile": [PROFILE]},
            "text": narrative_of("Radiotherapy volume", [("Name", description)]),
            "extension": [extension_of(path, "Reference", selection)],
            "identifier": identifiers,
            "morphology": structure.get("morphology"),
            "location": site["structure"] if is_location else None,
            "locationQualifier": qualifiers,
            "description": description,
            "patient": resource["subject"],
        }
    )


def _structure_of(resource: Resource) -> Resource | None:
    """Return the BodyStructure of the selection of a ROI."""
    tags = resource.get("meta", {}).get("tag", [])
    levels = {(each.get("system"), each.get("code")) for each in tags}
    if (canonicals.LEVEL_SYSTEM, "roi") not in levels:
        return None
    contained = resource.get("contained", [])
    found = (each for each in contained if each["resourceType"] == "BodyStructure")
    return next(found, None)


def _identifier(identifier: Resource) -> Resource:
    kind = identifier.get("type", {}).get("coding", [{}])[0].get("code")
    use = _USES.get(kind)
    return {"use": use, **identifier} if use else identifier


def _name_of(concept: Resource) -> str | None:
    codings = concept.get("coding", [{}])
    name: str | None = concept.get("text") or codings[0].get("display")
    return name


def _is_location(concept: Resource) -> bool:
    return any(
        each.get("system") == canonicals.SCT and each.get("code") in _locations()
        for each in concept.get("coding", [])
    )


@cache
def _locations() -> frozenset[str]:
    """Return the codes of mcode-radiotherapy-treatment-location-vs: those of TG-263."""
    path = resources.files("imaging_selection") / "data" / "tg263.csv"
    lines = path.read_text("utf-8").splitlines()
    rows = csv.DictReader(each for each in lines if not each.startswith("#"))
    return frozenset(each["code"] for each in rows)
