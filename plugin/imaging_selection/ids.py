"""Orthanc's own identifiers, and how it makes them.

Orthanc names a patient, study, series and instance by the SHA-1 of its DICOM
identifiers (Orthanc Book, "Orthanc identifiers"): the same file has the same ids
everywhere.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from imaging_selection.dicom.rtstruct.structure_set import StructureSet


@dataclass(frozen=True, slots=True)
class OrthancIds:
    """Orthanc's identifiers of an instance and of what it is part of."""

    patient: str
    study: str
    series: str
    instance: str


def orthanc_ids_of(structure_set: StructureSet) -> OrthancIds:
    """Compute the ids that an Orthanc would give, where there is none to ask."""
    parts = [
        structure_set.patient.patient_id or "",
        structure_set.study_instance_uid,
        structure_set.series_instance_uid,
        structure_set.sop_instance_uid,
    ]
    return OrthancIds(*(_hash("|".join(parts[: i + 1])) for i in range(len(parts))))


def roi_selection_id(orthanc_id: str, number: int | None, ordinal: int) -> str:
    """Name the selection of a ROI; a repeated number's next ones by their ordinal.

    Examples
    --------
    >>> roi_selection_id("a", 7, 1), roi_selection_id("a", 7, 2)
    ('a-7', 'a-7.2')
    """
    identity = f"{orthanc_id}-{'none' if number is None else number}"
    return identity if ordinal == 1 else f"{identity}.{ordinal}"


def _hash(text: str) -> str:
    digest = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
    return "-".join(digest[i : i + 8] for i in range(0, 40, 8))
