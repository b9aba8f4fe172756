"""What is done with the files of Orthanc, in processes of its own or in this one.

Run as a program, this module is the far end of `sync.process`.
"""

from __future__ import annotations

import sys
from datetime import UTC
from importlib import resources
from typing import TYPE_CHECKING, Any, Final

import orjson

from imaging_selection import objects
from imaging_selection.dicom.file import open_dataset
from imaging_selection.errors import ExceededError, UnsupportedObjectError
from imaging_selection.fhir.datatypes import dumps
from imaging_selection.ids import OrthancIds
from imaging_selection.mapping.choices import Choices
from imaging_selection.mapping.rtstruct.contours_operation import with_contours
from imaging_selection.mapping.rtstruct.imaging_selection import map_structure_set
from imaging_selection.mapping.rtstruct.source_images import ImageIndex
from imaging_selection.search.extract import Indexer
from imaging_selection.store.draft import Conversion, Draft
from imaging_selection.sync.process import serve
from imaging_selection.viewer.structure_set_json import build_page_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    from imaging_selection.mapping.choices import Mapped

# Objects whose findings the status lists, and findings of each: in most archives nearly
# every structure set has some, and a search by `_tag` finds them.
MAXIMUM_FINDINGS = 100
MAXIMUM_SIZE = 64 << 20  # bytes of all resources of one file


def convert(file: bytes, ids: OrthancIds, choices: Choices) -> Conversion:
    """Convert a DICOM file to what the store keeps of it.

    Raises
    ------
    DicomError
        The file cannot be read, or is an instance of a SOP Class that is not converted.
    MappingError
        A resource fails the checks: a defect of this package.
    ExceededError
        The resources are too large together.
    """
    kind, instance = objects.read(file, choices.default_encoding)
    mapped = kind.map(instance, ids, choices)
    is_measurable = (
        choices.measurements
        and "Roi" in choices.levels
        and kind.map is map_structure_set
    )
    return Conversion(*_saved(mapped, choices), is_measurable)


def images(file: bytes, default_encoding: str) -> list[str]:
    """List the SOP Instance UIDs of the images that a structure set names, each once.

    Parameters
    ----------
    default_encoding
        As of `Choices`.

    Raises
    ------
    DicomError
        As of `convert`.
    """
    _, structure_set = objects.read(file, default_encoding)
    named = (
        image.sop_instance_uid
        for series in ImageIndex(structure_set, "").all
        for image in series.images
    )
    return [*dict.fromkeys(named)]


def measure(
    file: bytes,
    ids: OrthancIds,
    choices: Choices,
    issued: datetime,
    slices: Sequence[Mapping[str, Any]] = (),
) -> Conversion:
    """Measure the ROIs of a structure set, for the store.

    Parameters
    ----------
    issued
        The time of the measurement, with its zone.
    slices
        What is known of the images: see `find_slices`.

    Raises
    ------
    DicomError, ExceededError
        As of `convert`.
    """
    measured = objects.measure(file, choices, ids, issued, slices)
    return Conversion(*_saved(measured, choices, is_measured=True))


def _saved(
    mapped: Mapped, choices: Choices, *, is_measured: bool = False
) -> tuple[tuple[Draft, ...], bytes]:
    """Return what the store keeps: drafts, and findings as a JSON array.

    Parameters
    ----------
    is_measured
        This plugin itself has issued the resources.
    """
    drafts = []
    indexer = Indexer(choices.timezone or UTC)
    size = 0
    for resource in mapped.resources:
        content = dumps(resource)
        size += len(content)
        if size > MAXIMUM_SIZE:
            raise ExceededError(
                f"its resources are larger than {MAXIMUM_SIZE >> 20} MB together"
            )
        draft = Draft(
            resource_type=resource["resourceType"],
            id=resource["id"],
            content=content,
            index=indexer.index_of(resource),
            issued=resource["issued"] if is_measured else "",
        )
        drafts.append(draft)
    # The resources have all findings; the status needs the first ones only.
    return tuple(drafts), orjson.dumps(mapped.findings[:MAXIMUM_FINDINGS])


def contours(file: bytes, selection: bytes) -> Iterator[bytes]:
    """Write a selection with its contours, as JSON in parts."""
    return with_contours(orjson.loads(selection), file)


def page(
    file: bytes,
    ids: OrthancIds,
    selections: list[bytes],
    measured: list[bytes],
    default_encoding: str,
) -> dict[str, Any]:
    """Describe a structure set for its page.

    Parameters
    ----------
    selections
        Those of all levels, as JSON; empty: they are made from the file.
    measured
        The Observations of its ROIs, as JSON.
    default_encoding
        As of `Choices`.

    Raises
    ------
    DicomError
        The file cannot be read, or is no structure set.
    """
    kind, structure_set = objects.read(file, default_encoding)
    if kind.map is not map_structure_set:
        raise UnsupportedObjectError("only an RT Structure Set has a page")
    made = [*map(orjson.loads, selections)] or map_structure_set(
        structure_set, ids, Choices()
    ).resources
    resources_of_set = [*made, *map(orjson.loads, measured)]
    return build_page_json(resources_of_set, structure_set, ids.instance)


def compare(
    file: bytes, other: bytes, orthanc_ids: tuple[str, str], default_encoding: str
) -> dict[str, Any]:
    """Compare two structure sets.

    Parameters
    ----------
    orthanc_ids
        Orthanc's id of each.
    default_encoding
        As of `Choices`.

    Raises
    ------
    DicomError
        One cannot be read, or they are of two patients.
    """
    # shapely takes time and memory to load: only for who compares.
    from imaging_selection.viewer.comparison_json import (  # noqa: PLC0415
        Side,
        build_comparison_json,
    )

    read = [
        (objects.read(each, default_encoding)[1], open_dataset(each).data)
        for each in (file, other)
    ]
    return build_comparison_json(
        *(Side(*each, name) for each, name in zip(read, orthanc_ids, strict=True))
    )


FUNCTIONS: Final[Mapping[str, Callable[..., Any]]] = {
    each.__name__: each for each in (convert, images, measure, contours, page, compare)
}


def prepare() -> None:
    """Convert the bundled example: what R5 allows is looked up the first time."""
    file = (resources.files("imaging_selection") / "data" / "example.dcm").read_bytes()
    convert(file, OrthancIds("patient", "study", "series", "instance"), Choices())


if __name__ == "__main__":
    nice, number, memory = map(int, sys.argv[1:])
    serve(FUNCTIONS, number, memory, prepare, nice=nice)
