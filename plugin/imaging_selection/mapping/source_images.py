"""The images that a DICOM object was made from, as a selection of each series.

The guide's profile source-image-for-segmentation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from imaging_selection.fhir import canonicals
from imaging_selection.fhir import datatypes as fhir

if TYPE_CHECKING:
    from imaging_selection.dicom.entities import SopReference
    from imaging_selection.dicom.rtstruct.structure_set import SourceSeries
    from imaging_selection.fhir.datatypes import Resource

SOURCE_IMAGE = fhir.coding(canonicals.DCM, "121233", "Source image for segmentation")


@dataclass(frozen=True, slots=True)
class SourceImages:
    """A series of images that a DICOM object lists.

    Or images whose study and series no list says. Or a series that is named without its
    images.

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
        return [instance_of_image(*key, every) for key, every in frames.items()]


def instance_of_image(
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
