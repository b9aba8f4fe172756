"""What the selections of the ROIs repeat, and where it is left out as too much.

A selection can be read alone, so that each ROI repeats the operators and devices of its
structure set, and refers to each series that it was drawn on. A small file could become
gigabytes so: then only the selection of the structure set has them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from imaging_selection.dicom.findings import finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from imaging_selection.dicom.findings import Finding
    from imaging_selection.dicom.rtstruct.structure_set import Roi
    from imaging_selection.mapping.rtstruct.source_images import ImageIndex

# People and devices, and series, that all ROIs together may repeat: some 15 MB of JSON
# each. A planning system writes a few hundred at most.
MAXIMUM_REPEATED = 50_000


class Repetition(NamedTuple):
    """What each ROI repeats of its structure set."""

    performers: bool = True
    images: bool = True

    def findings(self) -> Iterator[Finding]:
        """Yield a finding about what is left out."""
        ending = f"more than {MAXIMUM_REPEATED} times in all: left out of the ROIs"
        if not self.performers:
            text = f"The ROIs would repeat operators and devices {ending}"
            yield finding("repetition-left-out", text)
        if not self.images:
            text = f"The ROIs would refer to series of images {ending}"
            yield finding("repetition-left-out", text)


def repetition_of(
    rois: Sequence[Roi], performers: int, images: ImageIndex
) -> Repetition:
    """Decide what each ROI repeats.

    Parameters
    ----------
    performers
        How many operators and devices the structure set has.
    """
    return Repetition(
        performers=len(rois) * performers <= MAXIMUM_REPEATED,
        images=not _refer_too_often(rois, images),
    )


def _refer_too_often(rois: Sequence[Roi], images: ImageIndex) -> bool:
    if len(rois) * len(images.all) <= MAXIMUM_REPEATED:
        return False
    count = 0
    for roi in rois:
        count += len(images.of_roi(roi))
        if count > MAXIMUM_REPEATED:
            return True
    return False
