"""Where the instances are that a DICOM object refers to, and what they became here.

A DICOM object lists every instance that it refers to, with its study and series (PS3.3
C.12.2; C.17.2.3 of a report). From these Orthanc's id of the instance follows, and from
that the id of the selection that a ROI or a segment has: whether it is stored already,
or later, or not any more. The patient is always that of the object, so that a reference
can never lead to another patient's ROI.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from imaging_selection.ids import orthanc_ids_of, roi_selection_id

if TYPE_CHECKING:
    from collections.abc import Container, Iterable

    from imaging_selection.dicom.entities import (
        Instance,
        ReferencedInstances,
        SopReference,
    )


class Place(NamedTuple):
    """The study and the series of an instance; None when no list says."""

    study: str | None = None
    series: str | None = None


class Places:
    """The places of all instances that the lists of a DICOM object name."""

    def __init__(
        self, instance: Instance, lists: Iterable[ReferencedInstances]
    ) -> None:
        self._patient = instance.patient.hashed_id
        self._places: dict[str, Place] = {}
        for each in lists:
            place = Place(each.study_instance_uid, each.series_instance_uid)
            for listed in each.instances:
                self._places.setdefault(listed.sop_instance_uid, place)

    def of(self, references: Iterable[SopReference]) -> Place:
        """Return the place that all instances share; of several, no place is theirs."""
        found = {self._places.get(r.sop_instance_uid, Place()) for r in references}
        if len(found) == 1:
            return found.pop()
        studies = {place.study for place in found}
        return Place(studies.pop() if len(studies) == 1 else None)

    def selection_id_of(
        self,
        reference: SopReference,
        sop_class_uids: Container[str | None],
        number: int | None = None,
    ) -> str | None:
        """Return the id of the selection of an instance, or of its ROI or segment.

        None if no list says where the instance is, or if it is of none of these SOP
        Classes.

        Parameters
        ----------
        number
            Of the ROI or segment.
        """
        uid = reference.sop_instance_uid
        place = self._places.get(uid, Place())
        is_convertible = reference.sop_class_uid in sop_class_uids
        if place.study is None or place.series is None or not is_convertible:
            return None
        ids = orthanc_ids_of(self._patient, place.study, place.series, uid)
        if number is None:
            return ids.instance
        return roi_selection_id(ids.instance, number, 1)
