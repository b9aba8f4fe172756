"""The image series of a structure set: those that Orthanc holds of its own patient.

Orthanc's ids include the Patient ID: images with the same UIDs may also be filed under
another patient, and are then other images. The page never offers these; it only says
that there are some.

DICOM PS3.3 2025a, C.8.8.5 (Referenced Frame of Reference Sequence), C.7.4.1 (Frame of
Reference).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from imaging_selection.ids import OrthancIds
    from imaging_selection.viewer.ports import ImageArchive

_Json = dict[str, Any]

MAXIMUM_UIDS = 10_000  # of images, and of series, that Orthanc is asked for
MAXIMUM_SERIES = 100  # of which one image is read, for its frame of reference

# Modalities whose instances are no images of the patient, or are made from such images.
_NO_IMAGES = {
    *("DOC", "KO", "PLAN", "PR", "REG", "RTDOSE", "RTPLAN", "RTRECORD", "RTSTRUCT"),
    *("SEG", "SR"),
}


@dataclass(frozen=True, slots=True)
class Held:
    """What Orthanc holds of the images and series that a structure set names.

    Attributes
    ----------
    of_image, of_series
        UID -> Orthanc's ids of the series with it, of the own patient.
    described
        Orthanc's id of a series -> what the page shows of it.
    is_outside
        Whether another patient has some of the UIDs too.
    """

    of_image: Mapping[str, list[str]]
    of_series: Mapping[str, list[str]]
    described: Mapping[str, _Json]
    is_outside: bool


def add_image_series(page: _Json, ids: OrthancIds, archive: ImageArchive) -> None:
    """Add to the JSON of a page what Orthanc holds of the images.

    `named` counts the images; each of `series` gets those `found` in Orthanc; each ROI
    gets the `series` that it was drawn on, those of most contours first; `sameFrame`
    are series that the file does not name.

    Parameters
    ----------
    page
        As `build_page_json` returns it.
    ids
        Orthanc's ids of the structure set.
    """
    sources = page["series"]
    images = [*dict.fromkeys(uid for each in sources for uid in each["images"])]
    series = [*dict.fromkeys(each["seriesInstanceUid"] for each in sources)]
    series = [uid for uid in series if uid is not None]
    held = _held(archive, ids, images[:MAXIMUM_UIDS], series[:MAXIMUM_UIDS])
    for each in sources:
        each["found"] = [*_found(each, held)]
        each["listed"] = len(each.pop("images"))
    for roi in page["rois"]:
        roi["series"] = _drawn_on(roi, page, held)
    page["named"] = {
        "images": len(images),
        "here": sum(uid in held.of_image for uid in images),
        "isOutside": held.is_outside,
        "unsought": len(images[MAXIMUM_UIDS:]) + len(series[MAXIMUM_UIDS:]),
    }
    page["sameFrame"] = [*_of_same_frame(page, ids, archive)]


def _held(
    archive: ImageArchive, ids: OrthancIds, images: list[str], series: list[str]
) -> Held:
    found_images, found_series = (
        archive.find_images(images),
        archive.find_series(series),
    )
    # Asked last: what was found has been there before, if it is of this patient.
    own = {
        series_id
        for study in archive.studies_of_patient(ids.patient)
        for series_id in study["Series"]
    }
    pairs_of_images = [
        (each["MainDicomTags"]["SOPInstanceUID"], each["ParentSeries"])
        for each in found_images
    ]
    pairs_of_series = [
        (each["MainDicomTags"]["SeriesInstanceUID"], each["ID"])
        for each in found_series
    ]
    of_image, of_series = (
        _by_uid(pair for pair in pairs if pair[1] in own)
        for pairs in (pairs_of_images, pairs_of_series)
    )
    known = {each["ID"]: each for each in found_series}
    named = dict.fromkeys(chain(*of_image.values(), *of_series.values()))
    descriptions = (known.get(each) or archive.image_series(each) for each in named)
    return Held(
        of_image,
        of_series,
        {
            each["ID"]: _described(each, ids)
            for each in descriptions
            if each is not None  # else deleted between the calls
        },
        is_outside=any(
            series_id not in own
            for _, series_id in chain(pairs_of_images, pairs_of_series)
        ),
    )


def _by_uid(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for uid, series_id in pairs:
        found.setdefault(uid, []).append(series_id)
    return found


def _described(series: _Json, ids: OrthancIds) -> _Json:
    """Select what the page shows of Orthanc's description of a series."""
    tags = series["MainDicomTags"]
    return {
        "series": series["ID"],
        "modality": tags.get("Modality"),
        "description": tags.get("SeriesDescription"),
        "number": tags.get("SeriesNumber"),
        "instances": len(series["Instances"]),
        "isOfOtherStudy": series["ParentStudy"] != ids.study,
    }


def _found(source: _Json, held: Held) -> Iterator[_Json]:
    """Yield the series of one item of `series`: those of most of its images first."""
    counts = Counter(
        series_id
        for uid in source["images"]
        for series_id in held.of_image.get(uid, ())
    )
    places = [series_id for series_id, _ in counts.most_common()]
    places += held.of_series.get(source["seriesInstanceUid"], ())
    for series_id in dict.fromkeys(places):
        if series_id in held.described:
            yield held.described[series_id]


def _drawn_on(roi: _Json, page: _Json, held: Held) -> list[str]:
    """List the series of the images that the contours of a ROI name.

    If the contours name none, or Orthanc has none of those, then the source images that
    the selection of the ROI refers to.
    """
    counts = Counter(
        series_id
        for contour in roi["contours"]
        for image, *_ in contour
        for series_id in held.of_image.get(page["images"][image], ())
    )
    focus = roi.pop("focus")
    referred_to = [
        found["series"]
        for source in page["series"]
        if source["selection"] in focus
        for found in source["found"]
    ]
    named = [each for each, _ in counts.most_common() if each in held.described]
    return named or [*dict.fromkeys(referred_to)]


def _of_same_frame(
    page: _Json, ids: OrthancIds, archive: ImageArchive
) -> Iterator[_Json]:
    """Yield the series of a frame of reference of which the file names no images.

    They are in the study of the structure set, or in one that the file names.
    """
    frames, studies = _frames_without_images(page), {*page.pop("studies")}
    if not frames:
        return
    series = chain.from_iterable(
        archive.series_of_study(study_id)
        for study_id in _studies_of(studies, ids, archive)
    )
    images = [
        each
        for each in series
        if each["MainDicomTags"].get("Modality") not in _NO_IMAGES
    ]
    page["named"]["unsought"] += len(images[MAXIMUM_SERIES:])
    for each in images[:MAXIMUM_SERIES]:
        # A series has one frame of reference (C.7.4.1).
        tags = archive.tags(each["Instances"][0]) or {}
        if tags.get("FrameOfReferenceUID") in frames and tags.get("Rows"):
            yield _described(each, ids)


def _frames_without_images(page: _Json) -> set[str]:
    frames = {*page.pop("frames")}
    named = {each["frameOfReferenceUid"] for each in page["series"]}
    # None: there are images of which the frame of reference is not known.
    return set() if None in named else frames - named


def _studies_of(named: set[str], ids: OrthancIds, archive: ImageArchive) -> list[str]:
    return [
        study["ID"]
        for study in archive.studies_of_patient(ids.patient)
        if study["ID"] == ids.study
        or study["MainDicomTags"].get("StudyInstanceUID") in named
    ]
