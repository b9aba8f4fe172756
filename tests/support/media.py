"""DICOMDIR, as a medium has it (PS3.3 F.3)."""

from support.dicom_writer import EXPLICIT, write_file

RT_STRUCTURE_SET_STORAGE = "1.2.840.10008.5.1.4.1.1.481.3"
MEDIA_STORAGE_DIRECTORY = "1.2.840.10008.1.3.10"


def record(*components, sop_class=RT_STRUCTURE_SET_STORAGE, **overrides):
    """Build a directory record; without components, one that refers to no file."""
    return {
        "OffsetOfTheNextDirectoryRecord": 0,
        "RecordInUseFlag": 0xFFFF,
        "OffsetOfReferencedLowerLevelDirectoryEntity": 0,
        "DirectoryRecordType": "RT STRUCTURE SET" if components else "PATIENT",
        "ReferencedFileID": list(components) or None,
        "ReferencedSOPClassUIDInFile": sop_class if components else None,
    } | overrides


def make_dicomdir(*records, transfer_syntax=EXPLICIT):
    """Build a DICOMDIR; its data set has no SOP Class UID, as in a real one."""
    return write_file(
        {
            "SOPClassUID": MEDIA_STORAGE_DIRECTORY,
            "SOPInstanceUID": "2.25.113047950",
            "FileSetID": "SET113047",
            "DirectoryRecordSequence": list(records),
        },
        transfer_syntax,
    )
