"""The images that a structure set was drawn on: which there are, and which a ROI's.

DICOM PS3.3 2025a, C.8.8.5 (Referenced Frame of Reference Sequence) and C.8.8.6 (Contour
Image Sequence); the guide's profile source-image-for-segmentation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from imaging_selection import fhir

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imaging_selection.fhir import Resource
    from imaging_selection.identity import OrthancIds
    from imaging_selection.model import Roi, SopReference, StructureSet


# Frame of reference, study, series -> images; a dict keeps each once and their order.
_Groups = dict[tuple[str | None, str | None, str | None], dict["SopReference", None]]


@dataclass(frozen=True, slots=True)
class SourceImages:
    """A series of images that the structure set lists, and where it stands there.

    Or images that contours alone name: of them, no study and no series is known.
    """

    selection_id: str
    frame_of_reference_uid: str | None
    study_uid: str | None
    series_uid: str | None
    images: tuple[SopReference, ...]

    @property
    def reference(self) -> Resource:
        """The Reference to the selection of these images."""
        return {
            "reference": f"ImagingSelection/{self.selection_id}",
            "type": "ImagingSelection",
        }

    @property
    def instances(self) -> list[Resource]:
        """The images as `ImagingSelection.instance`; frames of one are its subset."""
        kinds = dict.fromkeys(image.sop_class_uid for image in self.images)
        sop_classes = {uid: _sop_class(uid) for uid in kinds}
        return [_instance(image, sop_classes) for image in self.images]


class ImageIndex:
    """The source images of a structure set, found again by ROI."""

    def __init__(self, structure_set: StructureSet, ids: OrthancIds) -> None:
        groups = _listed(structure_set)
        _add_unlisted(groups, structure_set)
        self.all = tuple(
            SourceImages(f"{ids.instance}-images-{number}", *place, tuple(images))
            for number, (place, images) in enumerate(groups.items(), 1)
        )
        self._by_uid: dict[str, list[SourceImages]] = {}
        for images in self.all:
            for image in images.images:
                self._by_uid.setdefault(image.sop_instance_uid, []).append(images)

    def of_roi(self, roi: Roi) -> list[SourceImages]:
        """Find the series that a ROI was drawn on.

        Those that hold an image its contours name; where these name none at all, those
        that the structure set lists for the ROI's frame of reference (C.8.8.5).
        """
        named = {image.sop_instance_uid for image in _drawn_on(roi)}
        if named:
            found = {
                images.selection_id
                for uid in named
                for images in self._by_uid.get(uid, ())
            }
            return [each for each in self.all if each.selection_id in found]
        frame = roi.frame_of_reference_uid
        if frame is None:
            return []
        return [each for each in self.all if each.frame_of_reference_uid == frame]


def _listed(structure_set: StructureSet) -> _Groups:
    """Collect the images by where the structure set lists them, each once."""
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
    return groups


def _add_unlisted(groups: _Groups, structure_set: StructureSet) -> None:
    """Add the images that contours alone name, by the frame of reference of their ROI.

    Their series and study stand nowhere.
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


def _drawn_on(roi: Roi) -> Iterator[SopReference]:
    for item in roi.contours:
        for contour in item.contours:
            yield from contour.images


def _sop_class(uid: str | None) -> Resource | None:
    return fhir.coding(fhir.URI, fhir.urn_oid(uid)) if uid else None


def _instance(
    image: SopReference, sop_classes: dict[str | None, Resource | None]
) -> Resource:
    """Build an element of hundreds, most of which have a UID and a SOP Class alone."""
    instance: Resource = {"uid": image.sop_instance_uid}
    if sop_class := sop_classes[image.sop_class_uid]:
        instance["sopClass"] = sop_class
    if image.frames:
        instance["subset"] = [str(frame) for frame in image.frames]
    return instance
