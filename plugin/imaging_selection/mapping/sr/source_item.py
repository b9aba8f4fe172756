"""A content item of a report as an ImagingSelection, by its Observation UID.

HL7 "DICOM SR to FHIR Resource Mapping" 1.0.0, profile source-sr-content-item.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from imaging_selection.dicom.sr.report import EXTENSIBLE_SR_STORAGE
from imaging_selection.fhir import canonicals
from imaging_selection.fhir import datatypes as fhir
from imaging_selection.fhir.xhtml import narrative_of
from imaging_selection.ids import content_item_id
from imaging_selection.mapping.references import derived_from_of
from imaging_selection.mapping.selection import build_selection
from imaging_selection.mapping.sop_class import sop_class_of

if TYPE_CHECKING:
    from imaging_selection.dicom.sr.content import ContentItem
    from imaging_selection.dicom.sr.report import Report
    from imaging_selection.fhir.datatypes import Resource
    from imaging_selection.ids import OrthancIds

ORIGINAL_SOURCE: Final = fhir.coding(canonicals.DCM, "111040", "Original Source")


def build_source_item(
    item: ContentItem, uid: str, report: Report, ids: OrthancIds, subject: Resource
) -> Resource:
    """Build the selection of a content item; `uid` is its Observation UID.

    The profile has no slice for an Extensible SR: its selection does not claim it.
    """
    conforms = report.sop_class_uid != EXTENSIBLE_SR_STORAGE
    study_uid = report.study_instance_uid
    return build_selection(
        identity=content_item_id(ids.instance, item.position, "source"),
        level="content-item",
        profile="source-sr-content-item" if conforms else None,
        subject=subject,
        approval_status=None,
        findings=(),
        elements={
            "text": narrative_of("A content item", [("Observation UID", uid)]),
            "code": fhir.concept(ORIGINAL_SOURCE),
            "studyUid": study_uid,
            "derivedFrom": derived_from_of(study_uid, report, ids),
            "seriesUid": report.series_instance_uid,
            "instance": [
                {
                    "uid": report.sop_instance_uid,
                    "sopClass": sop_class_of(report.sop_class_uid),
                    "subset": [uid],
                }
            ],
        },
    )
