"""Findings about a structure set: of the reading, and of the mapping itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imaging_selection.dicom.findings import finding
from imaging_selection.mapping.body_site import codes_of, codes_of_set
from imaging_selection.mapping.decimal_strings import decimal_text
from imaging_selection.mapping.selection import unsigned
from imaging_selection.mapping.tags import is_approval_status
from imaging_selection.mapping.terminology import system_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from imaging_selection.dicom.entities import Code
    from imaging_selection.dicom.findings import Finding
    from imaging_selection.dicom.rtstruct.structure_set import StructureSet


def findings_of(structure_set: StructureSet) -> tuple[Finding, ...]:
    """Return every finding: of the reading, and about what FHIR cannot represent."""
    approval = structure_set.approval
    own = []
    if approval is not None and not is_approval_status(approval.status):
        text = "Approval Status (300E,0002) is none of the standard's terms"
        own.append(finding("unknown-approval-status", text))
    if codes := _unknown(codes_of_set(structure_set)):
        own.append(finding("code-without-system", codes))
    own += _numbers_left_out(structure_set)
    for roi in structure_set.rois:
        if roi.volume is not None and decimal_text(roi.volume) is None:
            text = "ROIVolume is beyond what FHIR's decimal can represent; left out"
            own.append(finding("number-not-representable", text, roi.number))
        # The next ROI of a number has the same observations.
        own_codes = codes_of(roi) if roi.ordinal == 1 else roi.protocols
        if codes := _unknown(own_codes):
            own.append(finding("code-without-system", codes, roi.number))
    return (*structure_set.findings, *own)


def _numbers_left_out(structure_set: StructureSet) -> Iterator[Finding]:
    """Yield a finding about negative numbers, for which FHIR has unsignedInt."""
    for keyword, numbers in (
        ("InstanceNumber", [structure_set.instance_number]),
        ("SeriesNumber", [structure_set.series_number]),
        (
            "SeriesNumber in SourceSeriesInformationSequence",
            [series.number for series in structure_set.source_series],
        ),
    ):
        if any(number is not None and unsigned(number) is None for number in numbers):
            text = f"{keyword} is negative, which FHIR's unsignedInt excludes; left out"
            yield finding("number-not-representable", text)


def _unknown(codes: Iterable[Code]) -> str:
    """Describe how many codes have no system; empty where each has one."""
    count = sum(system_of(code) is None for code in codes)
    return f"Codes of no coding scheme that FHIR could name: {count}" if count else ""
