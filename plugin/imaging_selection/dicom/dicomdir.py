"""DICOMDIR: the files of a medium, by its directory records.

DICOM PS3.3 2025a, F.3 (Basic Directory IOD) and F.5; PS3.10 2025a, 8 (File IDs).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from imaging_selection.dicom.attributes import Attributes, Reading
from imaging_selection.dicom.elements import Dataset, Template, select
from imaging_selection.dicom.values import PADDING, TAGS

if TYPE_CHECKING:
    from collections.abc import Iterator

MEDIA_STORAGE_DIRECTORY: Final = b"1.2.840.10008.1.3.10"

_INACTIVE: Final = (0,)  # Record In-use Flag (0004,1410)
_RECORD: Final = Template(
    {
        TAGS[keyword]: None
        for keyword in (
            "RecordInUseFlag",
            "ReferencedFileID",
            "ReferencedSOPClassUIDInFile",
        )
    },
    make=lambda fields: fields,
)


class ReferencedFile(NamedTuple):
    """A file that a directory record refers to (F.3.2.2).

    Attributes
    ----------
    components
        Referenced File ID (0004,1500): the names of the folders, and of the file. They
        are as in the record, and may be hostile.
    sop_class_uid
        Referenced SOP Class UID in File (0004,1510); None when it is missing or no UID.
    """

    components: tuple[str, ...]
    sop_class_uid: str | None


def is_dicomdir(dataset: Dataset) -> bool:
    """Return whether the File Meta Information says that it is a DICOMDIR."""
    return dataset.media_storage_sop_class_uid.strip(PADDING) == MEDIA_STORAGE_DIRECTORY


def parse_dicomdir(dataset: Dataset) -> Iterator[ReferencedFile]:
    """Yield the files that the active records refer to, in the order of the records.

    Raises
    ------
    MalformedError
        The data set cannot be followed from element to element.
    """
    sequence = TAGS["DirectoryRecordSequence"]
    reading = Reading(dataset.data, dataset.encoding.big_endian)
    top = Attributes(reading, select(dataset, {sequence: _RECORD}))
    for record in top.items("DirectoryRecordSequence"):
        components = record.texts("ReferencedFileID")
        is_active = record.binary("RecordInUseFlag", "H") != _INACTIVE
        if components and is_active:
            uid = record.uid("ReferencedSOPClassUIDInFile")
            yield ReferencedFile(tuple(components), uid)
