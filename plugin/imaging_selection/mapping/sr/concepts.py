"""The concepts that the templates of a measurement report are made of (PS3.16 2025a).

TID 1500, 1501, 1410, 1411, 1419, 1420, 300, 312, 1001 to 1009, 4019. A concept is
compared by system and code: older SNOMED designators (SRT) name the same ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from imaging_selection.fhir import canonicals
from imaging_selection.mapping.terminology import coding_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imaging_selection.dicom.entities import Code
    from imaging_selection.dicom.sr.content import ContentItem

Concept = tuple[str | None, str]


def _dcm(code: str) -> Concept:
    return canonicals.DCM, code


def _sct(code: str) -> Concept:
    return canonicals.SCT, code


REPORT: Final = _dcm("126000")  # Imaging Measurement Report
LANGUAGE: Final = _dcm("121049")
PROCEDURE_REPORTED: Final = _dcm("121058")
IMAGE_LIBRARY: Final = _dcm("111028")
IMAGING_MEASUREMENTS: Final = _dcm("126010")
DERIVED_MEASUREMENTS: Final = _dcm("126011")
MEASUREMENT_GROUP: Final = _dcm("125007")
QUALITATIVE_EVALUATIONS: Final[Concept] = (canonicals.UMLS, "C0034375")

# TID 1501, 1410, 1411
TRACKING_IDENTIFIER: Final = _dcm("112039")
TRACKING_UID: Final = _dcm("112040")
FINDING_CATEGORY: Final = _sct("276214006")
FINDING: Final = _dcm("121071")
FINDING_SITE: Final = _sct("363698007")
LATERALITY: Final = _sct("272741003")
TOPOGRAPHICAL_MODIFIER: Final = _sct("106233006")
METHOD: Final = _sct("370129005")
NORMALITY: Final = _dcm("121402")

# TID 312
NORMAL_RANGE_LOWER_LIMIT: Final = _sct("385524004")
NORMAL_RANGE_UPPER_LIMIT: Final = _sct("371933006")
NORMAL_RANGE_DESCRIPTION: Final = _dcm("121407")

# What a group is about
REGION: Final = _dcm("111030")  # Image Region
SEGMENT: Final = _dcm("121191")
SEGMENTATION_FRAME: Final = _dcm("121214")
VOLUME_SURFACE: Final = _dcm("121231")
REGION_IN_SPACE: Final = _dcm("130488")
ROI_IDENTIFIER: Final = _dcm("130489")
ILLUSTRATION: Final = _dcm("121200")
VISUAL_EXPLANATION: Final = _dcm("130401")
VALUE_MAP: Final = _dcm("126100")
SOURCE_SERIES: Final = _dcm("121232")
SOURCE_IMAGE: Final = _dcm("121233")

# TID 4019
ALGORITHM_FAMILY: Final = _dcm("111000")
ALGORITHM_NAME: Final = _dcm("111001")
ALGORITHM_PARAMETERS: Final = _dcm("111002")
ALGORITHM_VERSION: Final = _dcm("111003")
ALGORITHM: Final = frozenset(
    {ALGORITHM_FAMILY, ALGORITHM_NAME, ALGORITHM_PARAMETERS, ALGORITHM_VERSION}
)

# TID 1002 to 1004
OBSERVER_TYPE: Final = _dcm("121005")
DEVICE: Final = _dcm("121007")
PERSON_NAME: Final = _dcm("121008")
PERSON_ORGANIZATION: Final = _dcm("121009")
PERSON_ROLE: Final = _dcm("121010")
DEVICE_UID: Final = _dcm("121012")
DEVICE_NAME: Final = _dcm("121013")
DEVICE_MANUFACTURER: Final = _dcm("121014")
DEVICE_MODEL: Final = _dcm("121015")
DEVICE_SERIAL_NUMBER: Final = _dcm("121016")
PERSON_PARTS: Final = frozenset({PERSON_NAME, PERSON_ORGANIZATION, PERSON_ROLE})
DEVICE_PARTS: Final = frozenset(
    {DEVICE_UID, DEVICE_NAME, DEVICE_MANUFACTURER, DEVICE_MODEL, DEVICE_SERIAL_NUMBER}
)

# TID 1006 to 1009
SUBJECT_CLASS: Final = _dcm("121024")
PATIENT: Final = _dcm("121025")
SUBJECT_ID: Final = _dcm("121030")


def key_of(code: Code | None) -> Concept | None:
    """Return system and code; the system is None where it is not known."""
    if code is None:
        return None
    coding = coding_of(code)
    return (coding["system"], coding["code"]) if coding else (None, code.value)


def children_named(item: ContentItem, *concepts: Concept) -> Iterator[ContentItem]:
    """Yield the children whose concept name is one of these."""
    return (child for child in item.children if key_of(child.name) in concepts)


def child_named(item: ContentItem, *concepts: Concept) -> ContentItem | None:
    """Return the first child whose concept name is one of these."""
    return next(children_named(item, *concepts), None)
