"""Where the images of a structure set are in space: those of its own patient.

For the checks of contours against images. DICOM PS3.3 2025a, C.7.6.2, C.8.8.5.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from imaging_selection.viewer.image_planes import slices_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from imaging_selection.ids import OrthancIds
    from imaging_selection.viewer.ports import ImageArchive

#: Of one structure set. If it names more, its contours are not checked against images.
MAXIMUM_IMAGES: Final = 2000


def find_slices(
    uids: Sequence[str],
    ids: OrthancIds,
    archive: ImageArchive,
    rest: Callable[[], object],
) -> list[dict[str, Any]]:
    """Describe the slices of images that Orthanc holds of the structure set's patient.

    Parameters
    ----------
    uids
        SOP Instance UIDs of the images that the structure set names.
    ids
        Orthanc's ids of the structure set.
    rest
        Called between two questions to Orthanc, which has more urgent work.

    Returns
    -------
    list of dict
        As of `slices_of`, each with Orthanc's id of its `series`.
    """
    if len(uids) > MAXIMUM_IMAGES or not _series_of(archive, ids) - {ids.series}:
        return []
    found = archive.find_images(uids)
    # Asked again: what was found has been there before, if it is of this patient.
    own = _series_of(archive, ids)
    slices = []
    for image in found:
        if image["ParentSeries"] not in own:
            continue  # the same UID under another patient is another image
        tags = archive.tags(image["ID"])
        slices += [
            each | {"series": image["ParentSeries"]}
            for each in slices_of(image["ID"], tags or {})
        ]
        rest()
    return slices


def _series_of(archive: ImageArchive, ids: OrthancIds) -> set[str]:
    """Return Orthanc's ids of the series of the structure set's patient."""
    return {
        series_id
        for study in archive.studies_of_patient(ids.patient)
        for series_id in study["Series"]
    }
