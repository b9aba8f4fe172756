"""The code of a selection of a report, and the profile of the guide that it claims.

A profile is claimed only by a selection that conforms to it. HL7 "DICOM SR to FHIR
Resource Mapping" 1.0.0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from imaging_selection.dicom.seg.segmentation import SEGMENTATION_STORAGE
from imaging_selection.fhir import canonicals
from imaging_selection.fhir import datatypes as fhir
from imaging_selection.mapping.sr import concepts
from imaging_selection.mapping.sr.concepts import key_of
from imaging_selection.mapping.terminology import concept_of

if TYPE_CHECKING:
    from imaging_selection.dicom.sr.content import ContentItem
    from imaging_selection.fhir.datatypes import Resource

_VALUE_MAP_STORAGE: Final = "1.2.840.10008.5.1.4.1.1.67"

# Concept -> the guide's profile, and the display of its code there.
_PROFILES: Final = {
    concepts.SEGMENT: ("referenced-segment", "Referenced Segment"),
    concepts.SEGMENTATION_FRAME: (
        "referenced-segmentation-frame",
        "Referenced Segmentation Frame",
    ),
    concepts.VOLUME_SURFACE: ("volume-surface", "Volume Surface"),
    concepts.REGION_IN_SPACE: ("region-in-space", "Region In Space"),
    concepts.ILLUSTRATION: ("illustration-of-roi", "Illustration of ROI"),
    concepts.VISUAL_EXPLANATION: ("visual-explanation", "Visual Explanation"),
    concepts.VALUE_MAP: (
        "real-world-value-map",
        "Real World Value Map used for measurement",
    ),
    concepts.SOURCE_IMAGE: (
        "source-image-for-segmentation",
        "Source image for segmentation",
    ),
    concepts.SOURCE_SERIES: (
        "source-image-for-segmentation",
        "Source image for segmentation",
    ),
}
_REGION_PROFILES: Final = {"SCOORD": "image-region-2d", "SCOORD3D": "image-region-3d"}


def code_of(item: ContentItem) -> Resource:
    """Build `code`: one coding, its display as in the profile, if there is one."""
    key = key_of(item.name)
    if key == concepts.SOURCE_SERIES:
        key = concepts.SOURCE_IMAGE
    if key in _PROFILES:
        return fhir.concept(fhir.coding(key[0], key[1], _PROFILES[key][1]))
    if item.name is None or key == concepts.REGION:
        region = fhir.coding(canonicals.DCM, concepts.REGION[1], "Image Region")
        if item.value_type in _REGION_PROFILES:
            return fhir.concept(region)
    return concept_of(item.name) if item.name else fhir.concept(text=item.value_type)


def name_of(code: Resource) -> str:
    """Return what people call a code."""
    codings = code.get("coding") or [{}]
    return str(code.get("text") or codings[0].get("display") or codings[0].get("code"))


def profile_of(item: ContentItem, elements: Resource) -> str | None:
    """Return the profile that a selection conforms to."""
    key = key_of(item.name)
    if key in _PROFILES:
        profile = _PROFILES[key][0]
    elif key == concepts.REGION or item.name is None:
        profile = _REGION_PROFILES.get(item.value_type or "", "")
    else:
        return None
    return profile if _CONFORMS.get(profile, _has_instance)(elements) else None


def _has_instance(elements: Resource) -> bool:
    return bool(elements.get("instance"))


def _has_frame_of_reference(elements: Resource) -> bool:
    return bool(elements.get("frameOfReferenceUid"))


def _is_part_of_segmentation(elements: Resource) -> bool:
    return any(
        each.get("sopClass", {}).get("code") == SEGMENTATION_STORAGE
        and len(each.get("subset", ())) == 1
        for each in elements.get("instance", ())
    )


def _has_region(elements: Resource) -> bool:
    """Return whether each image has one region, as the profile demands."""
    counts = {len(e.get("imageRegion2D", ())) for e in elements.get("instance", ())}
    return counts == {1}


def _never(_elements: Resource) -> bool:
    """Return that a region in space of the report itself does not conform.

    Its study is not known, and one state of the profile demands `derivedFrom`.
    """
    return False


def _is_value_map(elements: Resource) -> bool:
    return any(
        each.get("sopClass", {}).get("code") == _VALUE_MAP_STORAGE
        for each in elements.get("instance", ())
    )


# What each profile demands beyond code and subject.
_CONFORMS: Final = {
    "referenced-segment": _is_part_of_segmentation,
    "referenced-segmentation-frame": _is_part_of_segmentation,
    "image-region-2d": _has_region,
    "image-region-3d": _has_frame_of_reference,
    "volume-surface": _has_frame_of_reference,
    "region-in-space": _never,
    "real-world-value-map": _is_value_map,
}
