"""Findings about the parts of a structure set, compared with each other.

Findings about single values, and the table of all codes, are in `dicom.findings`. DICOM
PS3.3 2025a, A.19.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from imaging_selection.dicom.findings import finding, listed
from imaging_selection.dicom.rtstruct.contour_points import doubts_without_coordinates
from imaging_selection.dicom.rtstruct.structure_set import MAXIMUM_SHARING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from imaging_selection.dicom.findings import Finding
    from imaging_selection.dicom.rtstruct.structure_set import Roi, StructureSet


# About contours, counted; of the last three not all are found without coordinates.
_SENTENCES: Final = {
    "unknown-geometric-type": "{} of {} contours have no type of the standard",
    "empty-contour-data": "{} of {} contours have no ContourData",
    "point-contour-with-several-points": (
        "{} of {} contours are POINT, but have several points: kept as multipoint"
    ),
    "contour-offset": (
        "{} of {} contours have a ContourOffsetVector or a ContourSlabThickness: the"
        " region is a slab, which FHIR cannot say; it may lie beside the points drawn"
    ),
    "xor-contours": "{} of {} contours are CLOSEDPLANAR_XOR",
    "coordinate-count-not-multiple-of-3": (
        "At least {} of {} contours have ContourData that does not divide into x, y"
        " and z"
    ),
    "too-few-points": (
        "At least {} of {} contours have fewer points than ContourGeometricType takes"
    ),
    "declared-point-count-wrong": (
        "At least {} of {} contours have other points than NumberOfContourPoints says"
    ),
}


def cross_check(structure_set: StructureSet, data: bytes) -> Iterator[Finding]:
    """Yield what the parts of a structure set contradict each other in.

    Parameters
    ----------
    data
        `Dataset.data`, in which the places of Contour Data count.
    """
    rois = structure_set.rois
    if not rois:
        yield finding("no-roi", "The structure set declares no ROI")
    yield from _duplicate_numbers(rois)
    yield from _duplicate_names(rois)
    yield from _duplicate_observation_numbers(structure_set)
    yield from _orphans(structure_set)
    yield from _frames_of_reference(structure_set)
    listed_images = _listed_images(structure_set)
    for roi in rois:
        # The next ROI with a number has the same contours; one without a number, none.
        if roi.number is not None and roi.ordinal == 1:
            yield from _contours(roi, listed_images, data)


def _listed_images(structure_set: StructureSet) -> set[str]:
    """Return the UIDs of the images in any list of the structure set."""
    listed = {
        image.sop_instance_uid
        for frame in structure_set.frames_of_reference
        for study in frame.studies
        for series in study.series
        for image in series.images
    }
    return listed.union(
        reference.sop_instance_uid
        for each in structure_set.referenced_instances
        for reference in each.instances
    )


def _duplicate_numbers(rois: Sequence[Roi]) -> Iterator[Finding]:
    counts = Counter(roi.number for roi in rois if roi.number is not None)
    for number, count in counts.items():
        if count > 1:
            text = f"{count} ROIs have the ROI Number {number}"
            if count > MAXIMUM_SHARING:
                text += f"; only the first {MAXIMUM_SHARING} carry what refers to it"
            yield finding("duplicate-roi-number", text, number)


def _duplicate_names(rois: Sequence[Roi]) -> Iterator[Finding]:
    numbers: dict[str, list[int | None]] = {}
    for roi in rois:
        if roi.name is not None:
            numbers.setdefault(roi.name, []).append(roi.number)
    for sharing in numbers.values():
        if len(sharing) > 1:
            text = f"{len(sharing)} ROIs have one ROI Name: {listed(sharing)}"
            for number in dict.fromkeys(sharing):
                yield finding("duplicate-roi-name", text, number)


def _duplicate_observation_numbers(structure_set: StructureSet) -> Iterator[Finding]:
    numbers = [seen.number for seen in structure_set.observations]
    counts = Counter(number for number in numbers if number is not None)
    repeated = [number for number, count in counts.items() if count > 1]
    if repeated:
        text = f"Observation Numbers that repeat: {listed(repeated)}"
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
            names = listed(dict.fromkeys(orphans))
            text = f"{len(orphans)} items of {keyword} name no ROI of this set: {names}"
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


def _contours(roi: Roi, listed_images: set[str], data: bytes) -> Iterator[Finding]:
    contours = [contour for drawn in roi.contours for contour in drawn.contours]
    if not contours:
        yield finding("roi-without-contours", "The ROI has no contours", roi.number)
        return
    doubts = Counter(
        code
        for contour in contours
        for code in doubts_without_coordinates(data, contour)
    )
    for code, sentence in _SENTENCES.items():
        if count := doubts[code]:
            text = sentence.format(count, len(contours))
            yield finding(code, text, roi.number)
    images = {i.sop_instance_uid for contour in contours for i in contour.images}
    unlisted = len(images - listed_images)
    if unlisted:
        text = (
            f"{unlisted} of {len(images)} images in ContourImageSequence are in no"
            " list of images, such as ReferencedFrameOfReferenceSequence"
        )
        yield finding("unreferenced-image", text, roi.number)
