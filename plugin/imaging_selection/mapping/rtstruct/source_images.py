"""The images that a structure set was drawn on, and those of each ROI.

DICOM PS3.3 2025a, C.8.8.5 (Referenced Frame of Reference Sequence) and C.8.8.6 (Contour
Image Sequence); the guide's profile source-image-for-segmentation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from imaging_selection.fhir import canonicals
from imaging_selection.fhir import datatypes as fhir
from imaging_selection.ids import source_images_id

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imaging_selection.dicom.entities import SopReference
    from imaging_selection.dicom.rtstruct.structure_set import (
        Roi,
        SourceSeries,
        StructureSet,
    )
    from imaging_selection.fhir.datatypes import Resource


# Frame of reference, study, series -> images; a dict, for each once and in order.
_Groups = dict[tuple[str | None, str | None, str | None], dict["SopReference", None]]


@dataclass(frozen=True, slots=True)
class SourceImages:
    """A series of images that the structure set lists.

    Or images that only contours name, whose study and series are unknown. Or a series
    that is named without its images.

    Attributes
    ----------
    series
        Its item of Source Series Information Sequence.
    """

    selection_id: str
    frame_of_reference_uid: str | None
    study_uid: str | None
    series_uid: str | None
    images: tuple[SopReference, ...]
    series: SourceSeries | None = None

    @property
    def reference(self) -> Resource:
        """The Reference to the selection of these images."""
        return {
            "reference": f"ImagingSelection/{self.selection_id}",
            "type": "ImagingSelection",
        }

    @property
    def instances(self) -> list[Resource]:
        """The images as `ImagingSelection.instance`, their frames as `subset`."""
        frames: dict[tuple[str | None, str], list[tuple[int, ...]]] = {}
        for image in self.images:
            key = image.sop_class_uid, image.sop_instance_uid
            frames.setdefault(key, []).append(image.frames)
        return [_instance(*key, every) for key, every in frames.items()]


class ImageIndex:
    """The source images of a structure set, and those of a ROI."""

    def __init__(self, structure_set: StructureSet, orthanc_id: str) -> None:
        groups = _listed(structure_set)
        _add_unlisted(groups, structure_set)
        _add_series(groups, structure_set)
        described = {
            each.series_instance_uid: each for each in structure_set.source_series
        }
        self.all = tuple(
            SourceImages(
                source_images_id(orthanc_id, number),
                *place,
                tuple(images),
                described.get(place[2]) if place[2] else None,
            )
            for number, (place, images) in enumerate(groups.items(), 1)
        )
        # Positions in `all`: by UID of an image or a series, and by frame of reference.
        self._by_uid: dict[str, list[int]] = {}
        self._by_frame: dict[str | None, list[int]] = {}
        for index, images in enumerate(self.all):
            self._by_frame.setdefault(images.frame_of_reference_uid, []).append(index)
            if images.series_uid:
                self._by_uid.setdefault(images.series_uid, []).append(index)
            for image in images.images:
                self._by_uid.setdefault(image.sop_instance_uid, []).append(index)

    def of_roi(self, roi: Roi) -> list[SourceImages]:
        """List the series that a ROI was drawn on.

        These have an image that its contours name, or are named as source series by its
        item. If neither names any, it is the only series listed for the ROI's frame of
        reference (C.8.8.5): of several, the file does not say which. A ROI without
        contours was drawn on none.
        """
        named = {image.sop_instance_uid for image in _drawn_on(roi)}
        named.update(uid for item in roi.contours for uid in item.source_series_uids)
        frame = roi.frame_of_reference_uid
        found = {index for uid in named for index in self._by_uid.get(uid, ())}
        listed = self._by_frame.get(frame, ()) if frame is not None else ()
        if (
            not named
            and len(listed) == 1
            and any(each.contours for each in roi.contours)
        ):
            found.update(listed)
        return [self.all[index] for index in sorted(found)]


def _listed(structure_set: StructureSet) -> _Groups:
    """Group the images by where the structure set lists them, each once."""
    groups: _Groups = {}
    for frame in structure_set.frames_of_reference:
        for study in frame.studies:
            for series in study.series:
                place = (
                    frame.uid,
                    study.study_instance_uid,
                    series.series_instance_uid,
                )
                groups.setdefault(place, {}).update(dict.fromkeys(series.images))
    # Without series and images nothing is selected; findings name what is missing.
    return {place: images for place, images in groups.items() if place[2] or images}


def _add_unlisted(groups: _Groups, structure_set: StructureSet) -> None:
    """Add the images that only contours name, by the frame of reference of their ROI.

    Their series and study are unknown.
    """
    listed = {image.sop_instance_uid for images in groups.values() for image in images}
    for roi in structure_set.rois:
        if roi.ordinal > 1:  # the first of its number has the same contours
            continue
        unlisted = [
            image for image in _drawn_on(roi) if image.sop_instance_uid not in listed
        ]
        if unlisted:
            place = (roi.frame_of_reference_uid, None, None)
            groups.setdefault(place, {}).update(dict.fromkeys(unlisted))


def _add_series(groups: _Groups, structure_set: StructureSet) -> None:
    """Add the series that are named as sources only.

    Those of ROIs (3006,004B) come first, then those of the structure set (3006,004C).
    """
    known = {series_uid for _, _, series_uid in groups}
    places = [
        (roi.frame_of_reference_uid, None, uid)
        for roi in structure_set.rois
        for item in roi.contours
        for uid in item.source_series_uids
    ]
    places += [
        (None, None, each.series_instance_uid)
        for each in structure_set.source_series
        if each.series_instance_uid is not None
    ]
    for place in places:
        if place[2] not in known:
            groups[place] = {}
            known.add(place[2])


def _drawn_on(roi: Roi) -> Iterator[SopReference]:
    for item in roi.contours:
        for contour in item.contours:
            yield from contour.images


def _instance(
    sop_class_uid: str | None, uid: str, frames: list[tuple[int, ...]]
) -> Resource:
    """Build an image; if it is once referred to as a whole, it has no subset."""
    instance: Resource = {"uid": uid}
    if sop_class_uid and fhir.is_oid_of_uid(sop_class_uid):  # no code otherwise
        instance["sopClass"] = fhir.coding(canonicals.URI, fhir.urn_oid(sop_class_uid))
    if all(frames):
        every = dict.fromkeys(frame for each in frames for frame in each)
        instance["subset"] = [str(frame) for frame in every]
    return instance
