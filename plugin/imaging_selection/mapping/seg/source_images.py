"""The images that a segmentation was made from, and those of each segment.

DICOM PS3.3 2025a, C.7.6.16.2.6 (Derivation Image) and C.12.2 (Common Instance
Reference); the guide's profile source-image-for-segmentation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imaging_selection.dicom.referenced_instances import is_image
from imaging_selection.ids import source_images_id
from imaging_selection.mapping.source_images import SourceImages

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from imaging_selection.dicom.entities import SopReference
    from imaging_selection.dicom.seg.segmentation import Segment, Segmentation

# References from segments to series that no segment has of its own.
MAXIMUM_REPETITIONS = 50_000

_Place = tuple[str | None, str | None]  # study, series


class ImageIndex:
    """The source images of a segmentation, by series, and those of a segment.

    Attributes
    ----------
    is_too_much
        Every segment would refer to all of very many series: none does.
    """

    def __init__(self, segmentation: Segmentation, orthanc_id: str) -> None:
        groups = _grouped(segmentation)
        self.all = tuple(
            SourceImages(
                source_images_id(orthanc_id, number), None, study, series, tuple(images)
            )
            for number, ((study, series), images) in enumerate(groups.items(), 1)
        )
        self._by_uid = {
            image.sop_instance_uid: index
            for index, series in enumerate(self.all)
            for image in series.images
        }
        self._unassigned = self._places_of(segmentation.images)
        if not self._unassigned and len(self.all) == 1:
            self._unassigned = [0]
        repetitions = len(segmentation.segments) * len(self._unassigned)
        self.is_too_much = repetitions > MAXIMUM_REPETITIONS
        if self.is_too_much:
            self._unassigned = []

    def of_segment(self, segment: Segment) -> list[SourceImages]:
        """List the series that a segment was made from.

        Where its frames do not say, those of all frames together; where no frame says,
        the only series that is listed: of several, the file does not say which.
        """
        places = self._places_of(segment.images) or self._unassigned
        return [self.all[index] for index in places]

    def _places_of(self, images: Iterable[SopReference]) -> list[int]:
        return sorted({self._by_uid[each.sop_instance_uid] for each in images})


def _grouped(
    segmentation: Segmentation,
) -> dict[_Place, dict[SopReference, None]]:
    """Group all images by study and series, each once."""
    derived: dict[str, list[SopReference]] = {}
    for image in _derived(segmentation):
        derived.setdefault(image.sop_instance_uid, []).append(image)
    groups: dict[_Place, dict[SopReference, None]] = {}
    placed: set[str] = set()
    for place, image in _listed(segmentation):
        uid = image.sop_instance_uid
        if uid not in placed and (is_image(image) or uid in derived):
            # Frames are more exact than a list, which names the whole image.
            own = derived.get(uid, [image])
            groups.setdefault(place, {}).update(dict.fromkeys(own))
            placed.add(uid)
    for uid, images in derived.items():
        if uid not in placed:
            groups.setdefault((None, None), {}).update(dict.fromkeys(images))
    return groups


def _derived(segmentation: Segmentation) -> Iterator[SopReference]:
    yield from segmentation.images
    for segment in segmentation.segments:
        yield from segment.images


def _listed(segmentation: Segmentation) -> Iterator[tuple[_Place, SopReference]]:
    """Yield what the lists of instances name; those with a series come first."""
    for each in segmentation.referenced_instances:
        for image in each.instances:
            yield (each.study_instance_uid, each.series_instance_uid), image
