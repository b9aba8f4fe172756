"""SOP Classes as the guide's profiles write them (`instance.sopClass`).

The profiles fix system, code and display. HL7 "DICOM SR to FHIR Resource Mapping"
1.0.0; DICOM PS3.4 2025a, B.5.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from imaging_selection.fhir import datatypes as fhir

if TYPE_CHECKING:
    from imaging_selection.fhir.datatypes import Resource

SOP_CLASS_SYSTEM: Final = (
    "https://dicom.nema.org/medical/dicom/current/output/chtml/part04/sect_B.5"
)
_STORAGE: Final = "1.2.840.10008.5.1.4.1.1."
_DISPLAYS: Final = {
    f"{_STORAGE}66.4": "Segmentation Storage",
    f"{_STORAGE}66.7": "Label Map Segmentation Storage",
    f"{_STORAGE}67": "Real World Value Mapping Storage",
    f"{_STORAGE}88.11": "Basic Text SR Storage",
    f"{_STORAGE}88.22": "Enhanced SR Storage",
    f"{_STORAGE}88.33": "Comprehensive SR Storage",
    f"{_STORAGE}88.34": "Comprehensive 3D SR Storage",
    f"{_STORAGE}88.35": "Extensible SR Storage",
}


def sop_class_of(uid: str) -> Resource:
    """Build the coding of a SOP Class, with the name that the profiles have.

    Examples
    --------
    >>> sop_class_of("1.2.840.10008.5.1.4.1.1.66.4")["display"]
    'Segmentation Storage'
    """
    return fhir.coding(SOP_CLASS_SYSTEM, uid, _DISPLAYS.get(uid))
