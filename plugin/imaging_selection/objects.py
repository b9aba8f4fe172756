"""The one table of what is converted: SOP Class UID -> how to read and how to map.

A further kind of object is a folder in `dicom/`, a folder in `mapping/` and a row here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from imaging_selection.dicom.character_sets import LATIN_1
from imaging_selection.dicom.file import (
    declared_sop_class_uid_of,
    has_prefix,
    open_dataset,
    sop_class_uid_of,
)
from imaging_selection.dicom.rtstruct.reader import read_structure_set
from imaging_selection.dicom.rtstruct.structure_set import (
    RT_STRUCTURE_SET_STORAGE,
    StructureSet,
)
from imaging_selection.dicom.seg.reader import read_segmentation
from imaging_selection.dicom.seg.segmentation import (
    LABEL_MAP_SEGMENTATION_STORAGE,
    SEGMENTATION_STORAGE,
)
from imaging_selection.dicom.sr.reader import read_report
from imaging_selection.dicom.sr.report import (
    COMPREHENSIVE_3D_SR_STORAGE,
    COMPREHENSIVE_SR_STORAGE,
    ENHANCED_SR_STORAGE,
    EXTENSIBLE_SR_STORAGE,
)
from imaging_selection.errors import DicomError, UnsupportedObjectError
from imaging_selection.ids import OrthancIds, orthanc_ids_of
from imaging_selection.mapping.choices import Choices, Mapped
from imaging_selection.mapping.rtstruct.imaging_selection import map_structure_set
from imaging_selection.mapping.seg.imaging_selection import map_segmentation
from imaging_selection.mapping.sr.report import map_report

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from imaging_selection.dicom.elements import Dataset
    from imaging_selection.dicom.entities import Instance


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of DICOM object: its name, how to read it and how to map it.

    Attributes
    ----------
    group
        Of the counts of the status: `structureSets`, `segmentations`, `reports`.
    """

    name: str
    group: str
    read: Callable[[Dataset, str], Any]
    map: Callable[[Any, OrthancIds, Choices], Mapped]


#: By SOP Class UID. What is in it is converted, nothing else is.
OBJECTS: Final[Mapping[str, Kind]] = {
    RT_STRUCTURE_SET_STORAGE: Kind(
        "RT Structure Set Storage",
        "structureSets",
        read_structure_set,
        map_structure_set,
    ),
    **{
        uid: Kind(name, "segmentations", read_segmentation, map_segmentation)
        for uid, name in (
            (SEGMENTATION_STORAGE, "Segmentation Storage"),
            (LABEL_MAP_SEGMENTATION_STORAGE, "Label Map Segmentation Storage"),
        )
    },
    **{
        uid: Kind(name, "reports", read_report, map_report)
        for uid, name in (
            (ENHANCED_SR_STORAGE, "Enhanced SR Storage"),
            (COMPREHENSIVE_SR_STORAGE, "Comprehensive SR Storage"),
            (COMPREHENSIVE_3D_SR_STORAGE, "Comprehensive 3D SR Storage"),
            (EXTENSIBLE_SR_STORAGE, "Extensible SR Storage"),
        )
    },
}
#: The groups of kinds, in the order of the table.
GROUPS: Final = tuple(dict.fromkeys(kind.group for kind in OBJECTS.values()))


def read(data: bytes, default_encoding: str = LATIN_1) -> tuple[Kind, Any]:
    """Read a DICOM file: what kind of object it is, and its values.

    Parameters
    ----------
    default_encoding
        Of text, where the file declares no character set: a name of
        `character_sets.DEFAULT_ENCODINGS`.

    Raises
    ------
    DicomError
        The file cannot be read, or is an instance of a SOP Class that is not converted.
    """
    dataset = open_dataset(data)
    uid = sop_class_uid_of(dataset)
    kind = OBJECTS.get(uid)
    if kind is None:
        names = " or ".join(each.name for each in OBJECTS.values())
        raise UnsupportedObjectError(f"SOP Class {uid} is not {names}")
    return kind, kind.read(dataset, default_encoding)


def may_convert(head: bytes) -> bool:
    """Return whether the first bytes are those of a file that may be converted.

    What they do not show, in a DICOM file, the whole file may show.

    Parameters
    ----------
    head
        Some kilobytes at least, or the whole file if it has fewer.
    """
    try:
        return sop_class_uid_of(open_dataset(head)) in OBJECTS
    except DicomError:  # it is cut off here, or deflated
        declared = declared_sop_class_uid_of(head)
        return declared in OBJECTS or (has_prefix(head) and not declared)


def ids_of(instance: Instance) -> OrthancIds:
    """Compute the ids that an Orthanc gives to a DICOM object."""
    return orthanc_ids_of(
        instance.patient.hashed_id,
        instance.study_instance_uid,
        instance.series_instance_uid,
        instance.sop_instance_uid,
    )


def convert(
    data: bytes, choices: Choices | None = None, ids: OrthancIds | None = None
) -> Mapped:
    """Convert a DICOM file to FHIR resources.

    Parameters
    ----------
    choices
        What shapes the resources, if not the defaults.
    ids
        Orthanc's ids of the object; computed if Orthanc cannot be asked.

    Raises
    ------
    DicomError
        The file cannot be read, or is an instance of a SOP Class that is not converted.
    MappingError
        A resource fails the checks: a defect of this package.
    """
    choices = choices or Choices()
    kind, instance = read(data, choices.default_encoding)
    return kind.map(instance, ids or ids_of(instance), choices)


def convert_and_measure(
    data: bytes, choices: Choices, ids: OrthancIds | None, issued: datetime
) -> Mapped:
    """Convert a DICOM file, and measure it if that is chosen: see `measure`."""
    mapped = convert(data, choices, ids)
    if not choices.measurements:
        return mapped
    measured = measure(data, choices, ids, issued)
    return Mapped(
        mapped.resources + measured.resources, mapped.findings + measured.findings
    )


def measure(
    data: bytes,
    choices: Choices,
    ids: OrthancIds | None,
    issued: datetime,
    slices: Sequence[Mapping[str, Any]] = (),
) -> Mapped:
    """Measure the ROIs of a DICOM file; nothing for an object without contours.

    Parameters
    ----------
    choices, ids
        As of `convert`.
    issued
        The time of the measurement, with its zone.
    slices
        What is known of the images of a structure set: see `geometry.images`.

    Raises
    ------
    DicomError
        As `convert`.
    """
    _, instance = read(data, choices.default_encoding)
    if not isinstance(instance, StructureSet):
        return Mapped((), ())
    # shapely takes time and memory to load: only for who measures.
    from imaging_selection.mapping.rtstruct.measurements import (  # noqa: PLC0415
        measure_structure_set,
    )

    contours = open_dataset(data).data
    return measure_structure_set(
        instance, contours, ids or ids_of(instance), choices, issued, slices
    )
