"""Where the instances are that a report refers to, and what they became here.

A report lists every instance that it refers to, with its study and series (PS3.3
C.17.2.3). From these Orthanc's id of the instance follows, and from that the id of the
selection that a ROI or a segment has: whether it is stored already, or later, or not
any more. The patient is always that of the report, so that a reference can never lead
to another patient's ROI.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from imaging_selection.ids import orthanc_ids_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from imaging_selection.dicom.entities import SopReference
    from imaging_selection.dicom.sr.report import Report


class Place(NamedTuple):
    """The study and the series of an instance; None when no list says."""

    study: str | None = None
    series: str | None = None


class Places:
    """The places of all instances that the lists of a report name."""

    def __init__(self, report: Report) -> None:
        self._patient = report.patient.hashed_id
        self._places: dict[str, Place] = {}
        for each in report.evidence:
            place = Place(each.study_instance_uid, each.series_instance_uid)
            for instance in each.instances:
                self._places.setdefault(instance.sop_instance_uid, place)

    def of(self, references: Iterable[SopReference]) -> Place:
        """Return the place that all instances share; of several, no place is theirs."""
        found = {self._places.get(r.sop_instance_uid, Place()) for r in references}
        if len(found) == 1:
            return found.pop()
        studies = {place.study for place in found}
        return Place(studies.pop() if len(studies) == 1 else None)

    def orthanc_id_of(self, sop_instance_uid: str) -> str | None:
        """Return Orthanc's id of an instance; None if no list says where it is."""
        place = self._places.get(sop_instance_uid, Place())
        if place.study is None or place.series is None:
            return None
        return orthanc_ids_of(
            self._patient, place.study, place.series, sop_instance_uid
        ).instance
