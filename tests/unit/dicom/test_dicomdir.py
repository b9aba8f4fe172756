"""The directory records of a DICOMDIR."""

import gc
import warnings

import pytest
from imaging_selection.dicom.dicomdir import (
    ReferencedFile,
    is_dicomdir,
    parse_dicomdir,
)
from imaging_selection.dicom.file import open_dataset
from pydicom.fileset import FileSet
from support.builders import BIG_ENDIAN, EXPLICIT, IMPLICIT, make_rtstruct, roi
from support.media import RT_STRUCTURE_SET_STORAGE, make_dicomdir, record


def files_of(dicomdir):
    return [*parse_dicomdir(open_dataset(dicomdir))]


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT, BIG_ENDIAN])
def test_the_files_of_the_active_records_are_read_in_order(syntax):
    dicomdir = make_dicomdir(
        record(),
        record("RT", "B"),
        record("OLD", RecordInUseFlag=0),
        record("A", sop_class=None),
        transfer_syntax=syntax,
    )
    assert files_of(dicomdir) == [
        ReferencedFile(("RT", "B"), RT_STRUCTURE_SET_STORAGE),
        ReferencedFile(("A",), None),
    ]


def test_hostile_names_are_given_as_they_are():
    assert files_of(make_dicomdir(record("..", "/etc", "passwd"))) == [
        ReferencedFile(("..", "/etc", "passwd"), RT_STRUCTURE_SET_STORAGE)
    ]


def test_a_dicomdir_is_known_by_its_file_meta_information():
    assert is_dicomdir(open_dataset(make_dicomdir()))
    assert not is_dicomdir(open_dataset(make_rtstruct(roi())))


def test_a_dicomdir_by_another_writer_is_read(tmp_path):
    (tmp_path / "in.dcm").write_bytes(
        make_rtstruct(
            roi(), InstanceNumber=1, StudyTime="120000", StudyID="1", SeriesNumber=1
        )
    )
    with warnings.catch_warnings(action="ignore"):  # its temporary folder is left
        medium = FileSet()
        medium.add(tmp_path / "in.dcm")
        medium.write(tmp_path / "medium")
        del medium
        gc.collect()
    dicomdir = (tmp_path / "medium" / "DICOMDIR").read_bytes()
    assert is_dicomdir(open_dataset(dicomdir))
    ((components, sop_class_uid),) = files_of(dicomdir)
    assert (tmp_path / "medium").joinpath(*components).is_file()
    assert sop_class_uid == RT_STRUCTURE_SET_STORAGE
