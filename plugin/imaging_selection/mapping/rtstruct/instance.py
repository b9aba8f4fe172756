"""The structure set itself, as `ImagingSelection.instance` of its selections.

HL7 "DICOM SR to FHIR Resource Mapping" 1.0.0, profile region-in-space, slice
rtStructureInstance.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imaging_selection.dicom.rtstruct.structure_set import RT_STRUCTURE_SET_STORAGE
from imaging_selection.fhir import canonicals
from imaging_selection.fhir import datatypes as fhir
from imaging_selection.mapping.selection import unsigned
from imaging_selection.mapping.sop_class import SOP_CLASS_SYSTEM

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imaging_selection.dicom.rtstruct.structure_set import StructureSet
    from imaging_selection.fhir.datatypes import Resource

# The code of the published profile has one `1` too many; a resource with the true UID
# does not conform to it. The true UID is added as an alternate code.
PUBLISHED_SOP_CLASS = "11.2.840.10008.5.1.4.1.1.481.3"
ALTERNATE_CODES = "http://hl7.org/fhir/StructureDefinition/alternate-codes"


def instance_of_set(
    structure_set: StructureSet, subset: Sequence[str], sop_class_coding: str
) -> Resource:
    """Build the instance: its UID, its SOP Class, and ROI Numbers as subset.

    Parameters
    ----------
    sop_class_coding
        "Profile" for the code of the published profile, "Dicom" for the true UID.
    """
    return fhir.without_absent(
        {
            "uid": structure_set.sop_instance_uid,
            "number": unsigned(structure_set.instance_number),
            "sopClass": sop_class_of_structure_set(sop_class_coding),
            "subset": list(subset),
        }
    )


def sop_class_of_structure_set(coding: str) -> Resource:
    """Build the SOP Class of a structure set; `coding` as for `instance_of_set`."""
    code = RT_STRUCTURE_SET_STORAGE if coding == "Dicom" else PUBLISHED_SOP_CLASS
    sop_class = fhir.coding(SOP_CLASS_SYSTEM, code, "RT Structure Set Storage")
    if code != RT_STRUCTURE_SET_STORAGE:
        true = fhir.coding(canonicals.URI, fhir.urn_oid(RT_STRUCTURE_SET_STORAGE))
        alternate = {"url": ALTERNATE_CODES, "valueCodeableConcept": fhir.concept(true)}
        sop_class["_code"] = {"extension": [alternate]}
    return sop_class
