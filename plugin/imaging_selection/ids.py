"""Identifiers: those that Orthanc gives to resources, and those of our selections.

Orthanc names a patient, study, series and instance by the SHA-1 of its DICOM
identifiers (Orthanc Book, "Orthanc identifiers"): the same file has the same ids in
every Orthanc. The id of a selection begins with the id of its instance.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

_MAXIMUM_LENGTH = 64  # characters of FHIR's `id`
_LENGTH = 44  # characters of an Orthanc id: 40 hexadecimal digits and four hyphens


@dataclass(frozen=True, slots=True)
class OrthancIds:
    """Orthanc's ids of an instance, and of its series, study and patient."""

    patient: str
    study: str
    series: str
    instance: str


def orthanc_ids_of(
    patient_id: str,
    study_instance_uid: str,
    series_instance_uid: str,
    sop_instance_uid: str,
) -> OrthancIds:
    """Compute the ids that Orthanc gives to an instance, where it cannot be asked.

    Parameters
    ----------
    patient_id
        As Orthanc reads it (`dicom.orthanc_text`); empty if there is none.
    """
    parts = [
        patient_id,
        study_instance_uid,
        series_instance_uid,
        sop_instance_uid,
    ]
    return OrthancIds(*(_hash("|".join(parts[: i + 1])) for i in range(len(parts))))


def roi_selection_id(orthanc_id: str, roi_number: int | None, ordinal: int) -> str:
    """Build the id of the selection of a ROI, or of a segment.

    Parameters
    ----------
    orthanc_id
        Orthanc's id of the structure set, or of the segmentation.
    roi_number
        ROI Number (3006,0022), or Segment Number (0062,0004).
    ordinal
        1 for the first ROI with this number; repeats are counted from there.

    Examples
    --------
    >>> roi_selection_id("a", 7, 1), roi_selection_id("a", 7, 2)
    ('a-7', 'a-7.2')
    """
    identity = f"{orthanc_id}-{'none' if roi_number is None else roi_number}"
    return identity if ordinal == 1 else f"{identity}.{ordinal}"


def measurement_id(selection_id: str) -> str:
    """Build the id of the Observation of what was measured of a ROI.

    At most 64 characters, as FHIR allows, with the longest numbers that a ROI can have.

    Examples
    --------
    >>> measurement_id("a-7")
    'a-7-v'
    """
    return f"{selection_id}-v"


def source_images_id(orthanc_id: str, number: int) -> str:
    """Build the id of the selection of a series of source images, counted from 1.

    Examples
    --------
    >>> source_images_id("a", 2)
    'a-images-2'
    """
    return f"{orthanc_id}-images-{number}"


def content_item_id(
    orthanc_id: str, position: tuple[int, ...], part: str | int = ""
) -> str:
    """Build the id of what a content item of a report became.

    Parameters
    ----------
    orthanc_id
        Orthanc's id of the report.
    position
        Its Referenced Content Item Identifier (PS3.3 C.17.3.2.5).
    part
        Of an item that becomes several resources: which one.

    Notes
    -----
    FHIR's `id` has room for 19 more characters; a longer position is hashed.

    Examples
    --------
    >>> content_item_id("a", (1, 4, 2)), content_item_id("a", (1, 4, 2), 2)
    ('a-1.4.2', 'a-1.4.2-2')
    """
    place = ".".join(map(str, position)) + (f"-{part}" if part else "")
    if len(place) >= _MAXIMUM_LENGTH - _LENGTH:
        place = "h" + hashlib.sha256(place.encode()).hexdigest()[:16]
    return f"{orthanc_id}-{place}"


def instance_of(selection_id: str) -> str:
    """Return Orthanc's id of the instance that a selection was made from.

    Examples
    --------
    >>> instance = "0a9b3153-2512774b-2d9580de-1fc3dcf6-3bd83918"
    >>> instance_of(roi_selection_id(instance, 7, 2)) == instance
    True
    """
    return selection_id[:_LENGTH]


def _hash(text: str) -> str:
    digest = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
    return "-".join(digest[i : i + 8] for i in range(0, 40, 8))
