"""What a careful reader should know of a structure set: the codes, the cross-checks.

`FINDINGS` is the one list of codes. `Notes` counts what was noticed about single values
while they were read; `cross_check` compares the parts of what came out. Each tells a
fact at most once a ROI, however often it occurs: a thousand ROIs give thousands of
findings at worst, not millions. Sentences hold numbers and DICOM keywords only.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from imaging_selection.dicom.rtstruct.structure_set import (
    SHARING,
    Finding,
    GeometricType,
    Severity,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from imaging_selection.dicom.rtstruct.structure_set import Roi, StructureSet

LISTED: Final = 10  # numbers or keywords that one sentence names; the rest is counted


@dataclass(frozen=True, slots=True)
class FindingKind:
    """One code of the plugin's finding CodeSystem: how grave it is, and its display."""

    severity: Severity
    display: str


# `error` is for what the selections lack although the file tries to say it;
# `information` for what the standard allows, or asks only for the record's sake.
FINDINGS: Final[Mapping[str, FindingKind]] = {
    code: FindingKind(severity, display)
    for code, severity, display in (
        ("no-roi", Severity.WARNING, "No ROI"),
        ("duplicate-roi-number", Severity.WARNING, "Duplicate ROI Number"),
        ("duplicate-roi-name", Severity.WARNING, "Duplicate ROI Name"),
        ("invalid-roi-number", Severity.ERROR, "ROI Number missing or no integer"),
        ("roi-without-contours", Severity.INFORMATION, "ROI without contours"),
        ("orphan-contours", Severity.ERROR, "Contours of no ROI"),
        ("orphan-observation", Severity.ERROR, "Observation of no ROI"),
        (
            "duplicate-observation-number",
            Severity.INFORMATION,
            "Duplicate Observation Number",
        ),
        (
            "several-frames-of-reference",
            Severity.INFORMATION,
            "Several frames of reference",
        ),
        (
            "unreferenced-frame-of-reference",
            Severity.WARNING,
            "Frame of reference that the structure set does not list",
        ),
        (
            "unreferenced-image",
            Severity.WARNING,
            "Image that the structure set does not list",
        ),
        ("xor-contours", Severity.WARNING, "Contours combined by exclusive or"),
        (
            "unknown-geometric-type",
            Severity.ERROR,
            "Contour Geometric Type missing or unknown",
        ),
        (
            "missing-mandatory-attribute",
            Severity.WARNING,
            "Mandatory attribute missing or empty",
        ),
        (
            "missing-type-2-attribute",
            Severity.INFORMATION,
            "Attribute missing that may be empty",
        ),
        ("invalid-date", Severity.WARNING, "Invalid date or time"),
        ("invalid-uid", Severity.WARNING, "Invalid UID"),
        ("invalid-number", Severity.WARNING, "Invalid number"),
        ("charset", Severity.WARNING, "Text contradicts its character set"),
        # Of coordinates: what `contours` notices once it is asked for them.
        ("empty-contour-data", Severity.ERROR, "Contour without coordinates"),
        (
            "contour-data-not-a-number",
            Severity.ERROR,
            "Coordinate that is no decimal string",
        ),
        (
            "coordinate-count-not-multiple-of-3",
            Severity.ERROR,
            "Coordinates that do not divide into x, y and z",
        ),
        (
            "point-contour-with-several-points",
            Severity.ERROR,
            "Contour of type POINT with several points",
        ),
        ("too-few-points", Severity.WARNING, "Too few points for their contour"),
        (
            "declared-point-count-wrong",
            Severity.WARNING,
            "Number of Contour Points is wrong",
        ),
        ("unreadable-attribute", Severity.ERROR, "Attribute that cannot be read"),
        # Of the way to FHIR: what `mapping` cannot say in full.
        (
            "code-without-system",
            Severity.WARNING,
            "Code of a coding scheme that nothing identifies",
        ),
        (
            "unknown-approval-status",
            Severity.WARNING,
            "Approval Status that the standard does not have",
        ),
    )
}


def finding(code: str, text: str, roi_number: int | None = None) -> Finding:
    """Make a finding of a code of `FINDINGS`, with the severity that it has there."""
    return Finding(code, FINDINGS[code].severity, text, roi_number)


class Notes:
    """Counts what is noticed about single values: by code, ROI and attribute."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, int | None, str]] = Counter()

    def add(self, code: str, attribute: str, roi_number: int | None = None) -> None:
        """Note something about an attribute, given by keyword."""
        self._counts[code, roi_number, attribute] += 1

    def findings(self) -> Iterator[Finding]:
        """Tell each code once a ROI, in the order in which it was first noticed."""
        attributes: dict[tuple[str, int | None], list[str]] = {}
        for (code, roi_number, attribute), count in self._counts.items():
            name = attribute if count == 1 else f"{attribute} ({count} times)"
            attributes.setdefault((code, roi_number), []).append(name)
        for (code, roi_number), names in attributes.items():
            text = f"{FINDINGS[code].display}: {_listed(names)}"
            yield finding(code, text, roi_number)


def cross_check(structure_set: StructureSet) -> Iterator[Finding]:
    """Compare what the parts of a structure set say of each other (PS3.3 A.19)."""
    rois = structure_set.rois
    if not rois:
        yield finding("no-roi", "The structure set declares no ROI")
    yield from _duplicate_numbers(rois)
    yield from _duplicate_names(rois)
    yield from _duplicate_observation_numbers(structure_set)
    yield from _orphans(structure_set)
    yield from _frames_of_reference(structure_set)
    listed_images = {
        image.sop_instance_uid
        for frame in structure_set.frames_of_reference
        for study in frame.studies
        for series in study.series
        for image in series.images
    }
    for roi in rois:
        # The next ROI of a number has the same contours; one without a number, none.
        if roi.number is not None and roi.ordinal == 1:
            yield from _contours(roi, listed_images)


def _duplicate_numbers(rois: Sequence[Roi]) -> Iterator[Finding]:
    counts = Counter(roi.number for roi in rois if roi.number is not None)
    for number, count in counts.items():
        if count > 1:
            text = f"{count} ROIs have the ROI Number {number}"
            if count > SHARING:
                text += f"; only the first {SHARING} carry what refers to it"
            yield finding("duplicate-roi-number", text, number)


def _duplicate_names(rois: Sequence[Roi]) -> Iterator[Finding]:
    numbers: dict[str, list[int | None]] = {}
    for roi in rois:
        if roi.name is not None:
            numbers.setdefault(roi.name, []).append(roi.number)
    for sharing in numbers.values():
        if len(sharing) > 1:
            text = f"{len(sharing)} ROIs have one ROI Name: {_listed(sharing)}"
            for number in dict.fromkeys(sharing):
                yield finding("duplicate-roi-name", text, number)


def _duplicate_observation_numbers(structure_set: StructureSet) -> Iterator[Finding]:
    numbers = [seen.number for seen in structure_set.observations]
    counts = Counter(number for number in numbers if number is not None)
    repeated = [number for number, count in counts.items() if count > 1]
    if repeated:
        text = f"Observation Numbers that repeat: {_listed(repeated)}"
        yield finding("duplicate-observation-number", text)


def _orphans(structure_set: StructureSet) -> Iterator[Finding]:
    # Referenced ROI Number is the only key to a ROI (PS3.3 C.8.8.6 and C.8.8.8).
    known = {roi.number for roi in structure_set.rois if roi.number is not None}
    for code, keyword, numbers in (
        (
            "orphan-contours",
            "ROIContourSequence",
            [drawn.roi_number for drawn in structure_set.contours],
        ),
        (
            "orphan-observation",
            "RTROIObservationsSequence",
            [seen.roi_number for seen in structure_set.observations],
        ),
    ):
        orphans = [number for number in numbers if number not in known]
        if orphans:
            told = _listed(dict.fromkeys(orphans))
            text = f"{len(orphans)} items of {keyword} name no ROI of this set: {told}"
            yield finding(code, text)


def _frames_of_reference(structure_set: StructureSet) -> Iterator[Finding]:
    listed = {frame.uid for frame in structure_set.frames_of_reference} - {None}
    used = {roi.frame_of_reference_uid for roi in structure_set.rois} - {None}
    if len(listed | used) > 1:
        text = f"ROIs and images lie in {len(listed | used)} frames of reference"
        yield finding("several-frames-of-reference", text)
    if not listed:  # the sequence is optional: nothing to contradict
        return
    for roi in structure_set.rois:
        uid = roi.frame_of_reference_uid
        if uid is not None and uid not in listed:
            text = (
                "ReferencedFrameOfReferenceUID is none of those in"
                " ReferencedFrameOfReferenceSequence"
            )
            yield finding("unreferenced-frame-of-reference", text, roi.number)


def _contours(roi: Roi, listed_images: set[str]) -> Iterator[Finding]:
    contours = [contour for drawn in roi.contours for contour in drawn.contours]
    if not contours:
        yield finding("roi-without-contours", "The ROI has no contours", roi.number)
        return
    types = Counter(contour.geometric_type for contour in contours)
    if count := types[None]:
        text = f"{count} of {len(contours)} contours have no type of the standard"
        yield finding("unknown-geometric-type", text, roi.number)
    if count := types[GeometricType.CLOSEDPLANAR_XOR]:
        text = f"{count} of {len(contours)} contours are CLOSEDPLANAR_XOR"
        yield finding("xor-contours", text, roi.number)
    images = {i.sop_instance_uid for contour in contours for i in contour.images}
    unlisted = len(images - listed_images)
    if unlisted:
        text = (
            f"{unlisted} of {len(images)} images in ContourImageSequence are not in"
            " ReferencedFrameOfReferenceSequence"
        )
        yield finding("unreferenced-image", text, roi.number)


def _listed(things: Iterable[object]) -> str:
    every = ["none" if thing is None else str(thing) for thing in things]
    rest = len(every) - LISTED
    return ", ".join(every[:LISTED]) + (f" and {rest} more" if rest > 0 else "")
