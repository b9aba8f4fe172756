"""The images that a structure set was drawn on, and those of each ROI.

DICOM PS3.3 2025a, C.8.8.5 (Referenced Frame of Reference Sequence), C.8.8.6 (Contour
Image Sequence), C.12.2 (Common Instance Reference) and C.12.4 (General Reference); the
guide's profile source-image-for-segmentation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imaging_selection.dicom.referenced_instances import is_image
from imaging_selection.ids import source_images_id
from imaging_selection.mapping.source_images import SourceImages

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imaging_selection.dicom.entities import SopReference
    from imaging_selection.dicom.rtstruct.structure_set import (
        Roi,
        StructureSet,
    )


# Frame of reference, study, series -> images; a dict, for each once and in order.
_Groups = dict[tuple[str | None, str | None, str | None], dict["SopReference", None]]


class ImageIndex:
    """The source images of a structure set, and those of a ROI."""

    def __init__(self, structure_set: StructureSet, orthanc_id: str) -> None:
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
            for number, (place, images) in enumerate(_grouped(structure_set).items(), 1)
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


class _Places:
    """Where images and series are, by all lists of the structure set.

    Its own list (C.8.8.5) says it first, and the other ones only what that leaves open.
    """

    def __init__(self, structure_set: StructureSet) -> None:
        self._of_image: dict[str, tuple[str | None, str | None]] = {}
        self._study_of: dict[str, str] = {}
        for each in (
            *structure_set.referenced_instances,
            *structure_set.related_series,
        ):
            study, series = each.study_instance_uid, each.series_instance_uid
            if series is not None and study is not None:
                self._study_of.setdefault(series, study)
            if series is not None:
                for instance in each.instances:
                    place = (study, series)
                    self._of_image.setdefault(instance.sop_instance_uid, place)

    def of(
        self, study: str | None, series: str | None, image: SopReference | None = None
    ) -> tuple[str | None, str | None]:
        """Return study and series, those that are unknown if a list says them."""
        if series is None and image is not None:
            study_of_list, series = self._of_image.get(
                image.sop_instance_uid, (None, None)
            )
            study = study or study_of_list
        return study or self._study_of.get(series or ""), series


def _grouped(structure_set: StructureSet) -> _Groups:
    """Group all images by frame of reference, study and series, each once.

    A series that is named without images has an empty group.
    """
    groups: _Groups = {}
    places = _Places(structure_set)
    _add_listed(groups, structure_set, places)
    _add_drawn_on(groups, structure_set, places)
    _add_series(groups, structure_set, places)
    _add_referenced(groups, structure_set, places)
    if not groups:
        _add_related(groups, structure_set)
    return groups


def _add_listed(groups: _Groups, structure_set: StructureSet, places: _Places) -> None:
    """Add the images that Referenced Frame of Reference Sequence lists."""
    for frame in structure_set.frames_of_reference:
        for study in frame.studies:
            for series in study.series:
                own = (study.study_instance_uid, series.series_instance_uid)
                if own[1] is not None:  # else without series and images: nothing
                    groups.setdefault((frame.uid, *places.of(*own)), {})
                for image in series.images:
                    place = (frame.uid, *places.of(*own, image))
                    groups.setdefault(place, {})[image] = None


def _add_drawn_on(
    groups: _Groups, structure_set: StructureSet, places: _Places
) -> None:
    """Add the images that contours alone name, by the frame of reference of their ROI.

    Their series and study are unknown, unless another list says them.
    """
    listed = _uids(groups)
    for roi in structure_set.rois:
        if roi.ordinal > 1:  # the first of its number has the same contours
            continue
        for image in _drawn_on(roi):
            if image.sop_instance_uid not in listed:
                place = (roi.frame_of_reference_uid, *places.of(None, None, image))
                groups.setdefault(place, {})[image] = None


def _add_series(groups: _Groups, structure_set: StructureSet, places: _Places) -> None:
    """Add the series that are named as sources only.

    Those of ROIs (3006,004B) come first, then those of the structure set (3006,004C).
    """
    known = {series_uid for _, _, series_uid in groups}
    named = [
        (roi.frame_of_reference_uid, uid)
        for roi in structure_set.rois
        for item in roi.contours
        for uid in item.source_series_uids
    ]
    named += [
        (None, each.series_instance_uid)
        for each in structure_set.source_series
        if each.series_instance_uid is not None
    ]
    for frame, uid in named:
        if uid not in known:
            groups[frame, *places.of(None, uid)] = {}
            known.add(uid)


def _add_referenced(
    groups: _Groups, structure_set: StructureSet, places: _Places
) -> None:
    """Add the images that only a list outside the modules of the IOD names.

    An image of a series that has a group joins it: the images of a series have one
    frame of reference (C.7.4.1). Instances of other SOP Classes are no source images,
    nor are those of no SOP Class: what they are to the structure set is not known.
    """
    known = _uids(groups)
    group_of = {place[2]: place for place in reversed(groups) if place[2]}
    for each in structure_set.referenced_instances:
        for image in each.instances:
            if image.sop_instance_uid in known or not is_image(image):
                continue
            study, series = places.of(
                each.study_instance_uid, each.series_instance_uid, image
            )
            place = group_of.get(series or "", (None, study, series))
            groups.setdefault(place, {})[image] = None
            known.add(image.sop_instance_uid)


def _add_related(groups: _Groups, structure_set: StructureSet) -> None:
    """Add the related series, where nothing else names an image or a series."""
    for each in structure_set.related_series:
        if each.series_instance_uid is not None:
            place = (None, each.study_instance_uid, each.series_instance_uid)
            groups[place] = {}


def _uids(groups: _Groups) -> set[str]:
    return {image.sop_instance_uid for images in groups.values() for image in images}


def _drawn_on(roi: Roi) -> Iterator[SopReference]:
    for item in roi.contours:
        for contour in item.contours:
            yield from contour.images
