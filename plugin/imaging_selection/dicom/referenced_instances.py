"""The instances that a structure set names outside the sequences of its own modules.

Some writers name the images, and the predecessor, nowhere else: in Common Instance
Reference, among the sources of General Reference, or as evidence.

References
----------
DICOM PS3.3 2025a, C.12.2 (Common Instance Reference), C.12.4 (General Reference),
C.17.2.1 (Predecessor Documents Sequence, evidence sequences; SOP Instance Reference
Macro, Table C.17-3), C.7.3.1 (Related Series Sequence).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pydicom.config import IGNORE
from pydicom.uid import UID

from imaging_selection.dicom.entities import ReferencedInstances
from imaging_selection.dicom.iod import REFERENCE, wanted
from imaging_selection.dicom.macros import parse_references

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imaging_selection.dicom.attributes import Attributes
    from imaging_selection.dicom.entities import SopReference

# The first name is that of Common Instance Reference, the second that of the macro.
_IN_SERIES: Final = ("ReferencedInstanceSequence", "ReferencedSOPSequence")
_SERIES: Final = wanted(("SeriesInstanceUID",), **dict.fromkeys(_IN_SERIES, REFERENCE))
_STUDY: Final = wanted(("StudyInstanceUID",), ReferencedSeriesSequence=_SERIES)

_PREDECESSORS: Final = "PredecessorDocumentsSequence"
_BY_STUDY: Final = (
    "StudiesContainingOtherReferencedInstancesSequence",
    "SourceImageEvidenceSequence",
    "ReferencedImageEvidenceSequence",
    "CurrentRequestedProcedureEvidenceSequence",
    "PertinentOtherEvidenceSequence",
)
_ALONE: Final = (
    "SourceImageSequence",
    "SourceInstanceSequence",
    "ReferencedImageSequence",
    "ReferencedInstanceSequence",
)
#: What `elements.select` is to find at the top level.
REFERENCED_INSTANCES: Final = wanted(
    (),
    ReferencedSeriesSequence=_SERIES,
    **dict.fromkeys((*_BY_STUDY, _PREDECESSORS), _STUDY),
    **dict.fromkeys(_ALONE, REFERENCE),
    RelatedSeriesSequence=wanted(("StudyInstanceUID", "SeriesInstanceUID")),
)


def parse_referenced_instances(
    top: Attributes, study_instance_uid: str
) -> tuple[ReferencedInstances, ...]:
    """Read all lists of instances, except that of the predecessors.

    Those with study and series come first, in the order of this module's tables.

    Parameters
    ----------
    study_instance_uid
        Of the structure set: Referenced Series Sequence lists series of the same study
        (C.12.2).
    """
    return (
        *_series(top, study_instance_uid),
        *(each for keyword in _BY_STUDY for each in _by_study(top, keyword)),
        *(
            ReferencedInstances(None, None, instances)
            for keyword in _ALONE
            if (instances := parse_references(top, keyword))
        ),
    )


def parse_related_series(top: Attributes) -> tuple[ReferencedInstances, ...]:
    """Read Related Series Sequence (0008,1250), which names series alone (C.7.3.1)."""
    related = []
    for item in top.items("RelatedSeriesSequence"):
        item.expect(type_1=("StudyInstanceUID", "SeriesInstanceUID"))
        study, series = item.uid("StudyInstanceUID"), item.uid("SeriesInstanceUID")
        related.append(ReferencedInstances(study, series, ()))
    return tuple(related)


def parse_predecessors(top: Attributes) -> tuple[SopReference, ...]:
    """Read the predecessors, each once.

    Predecessor Structure Set Sequence (3006,0018) (C.8.8.5) comes first, then
    Predecessor Documents Sequence (0040,A360).
    """
    references = {
        each.sop_instance_uid: each
        for each in parse_references(top, "PredecessorStructureSetSequence")
    }
    for series in _by_study(top, _PREDECESSORS):
        for each in series.instances:
            references.setdefault(each.sop_instance_uid, each)
    return tuple(references.values())


def is_image(reference: SopReference) -> bool:
    """Return whether the SOP Class is one of the standard's images (PS3.4 B.5).

    Examples
    --------
    >>> from imaging_selection.dicom.entities import SopReference
    >>> is_image(SopReference("1.2.840.10008.5.1.4.1.1.2", "2.25.1"))
    True
    >>> is_image(SopReference("1.2.840.10008.5.1.4.1.1.481.3", "2.25.1"))
    False
    """
    return "Image Storage" in UID(reference.sop_class_uid or "", IGNORE).name


def _by_study(top: Attributes, keyword: str) -> Iterator[ReferencedInstances]:
    for item in top.items(keyword):
        item.expect(type_1=("StudyInstanceUID",))
        yield from _series(item, item.uid("StudyInstanceUID"))


def _series(
    holder: Attributes, study_instance_uid: str | None
) -> Iterator[ReferencedInstances]:
    for item in holder.items("ReferencedSeriesSequence"):
        item.expect(type_1=("SeriesInstanceUID",))
        yield ReferencedInstances(
            study_instance_uid,
            item.uid("SeriesInstanceUID"),
            tuple(
                reference
                for keyword in _IN_SERIES
                for reference in parse_references(item, keyword)
            ),
        )
