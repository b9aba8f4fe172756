"""Which files the command finds in what it is given."""

import io
import os
import random
import struct
import sys
import threading
import zipfile
from types import SimpleNamespace

import pytest
from imaging_selection.batch.inputs import HEAD, Inputs, Limits
from support.builders import DEFLATED, ct_image, make_rtstruct, roi
from support.media import make_dicomdir, record

SET = make_rtstruct(roi(1))
OTHER_SET = make_rtstruct(roi(2), SOPInstanceUID="2.25.113047399")
_NOISE = random.Random(113047).randbytes(2 * HEAD)  # noqa: S311 - the same each time
LARGE_DEFLATED = make_rtstruct(
    roi(1), transfer_syntax=DEFLATED, elements={0x00091001: ("OB", _NOISE)}
)
CT = "1.2.840.10008.5.1.4.1.1.2"


class Found:
    """What is found in places: names and contents, failures, files passed over."""

    def __init__(self, *places, **limits):
        self.failures, self.notes = [], []
        finder = Inputs(
            lambda name, reason: self.failures.append((name, str(reason))),
            lambda name, count: self.notes.append((name, count)),
            Limits(**limits),
        )
        every = [each for place in places for each in finder.found(str(place))]
        self.names = [each.name for each in every]
        self.contents = [each.read() for each in every]


@pytest.fixture
def write(tmp_path):
    """Writes files below a folder; returns it."""

    def write_files(**files):
        folder = tmp_path / "data-113047"
        for name, content in files.items():
            path = folder / name.replace("__", "/").replace("_", ".")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return folder

    return write_files


def zipped(method=zipfile.ZIP_DEFLATED, **files):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "/"), content)
    return buffer.getvalue()


def test_a_folder_is_searched_with_all_below_it_in_a_stable_order(write):
    folder = write(b_dcm=SET, a__z__1=OTHER_SET, a__ct=ct_image(), notes_txt=b"text")
    found = Found(folder)
    assert found.names == [f"{folder}/b.dcm", f"{folder}/a/z/1"]
    assert found.contents == [SET, OTHER_SET]
    assert (found.failures, found.notes) == ([], [(str(folder), 2)])


@pytest.mark.parametrize(
    ("content", "is_found"),
    [
        pytest.param(SET, True, id="structure-set"),
        pytest.param(make_rtstruct(roi(), header="none"), True, id="bare-data-set"),
        pytest.param(SET[:400], True, id="cut-off-after-its-sop-class"),
        pytest.param(SET[:140], True, id="dicom-of-unknown-kind"),
        pytest.param(ct_image(), False, id="image"),
        pytest.param(ct_image(transfer_syntax=DEFLATED), False, id="deflated-image"),
        pytest.param(LARGE_DEFLATED, True, id="large-deflated-structure-set"),
        pytest.param(LARGE_DEFLATED[:-9], True, id="deflated-and-cut-off"),
        pytest.param(b"", False, id="empty"),
        pytest.param(b"\x08\x00" * 99, False, id="something-else"),
        pytest.param(make_dicomdir(record("A")), False, id="dicomdir"),
    ],
)
def test_in_a_folder_only_what_may_be_converted_is_found(write, content, is_found):
    folder = write(file=content)
    found = Found(folder)
    assert bool(found.names) is is_found
    assert found.failures == []


def test_a_file_that_is_named_is_found_whatever_it_is(write):
    folder = write(a=ct_image(), b=b"text")
    found = Found(folder / "a", folder / "b")
    assert found.contents == [ct_image(), b"text"]
    assert found.notes == []


def test_links_to_folders_and_pipes_stop_nothing(write):
    folder = write(a=SET)
    (folder / "circle").symlink_to(folder)
    (folder / "nowhere").symlink_to(folder / "absent")
    os.mkfifo(folder / "pipe")
    found = Found(folder)
    assert found.names == [f"{folder}/a"]
    assert found.notes == [(str(folder), 2)]


def test_what_is_not_there_is_a_failure():
    found = Found("/absent-113047")
    assert found.failures == [("/absent-113047", "No such file or directory")]


def test_images_are_not_read_to_their_end(write):
    folder = write(ct=ct_image())
    os.truncate(folder / "ct", 1 << 40)  # more than any memory holds, and sparse
    assert Found(folder).names == []


def test_a_zip_file_is_searched_named_or_in_a_folder(write):
    archive = zipped(x__a=SET, x__ct=ct_image(), b=OTHER_SET)
    folder = write(archive_ZIP=archive, named=archive)
    for place, label in ((folder / "named", "named"), (folder, "archive.ZIP")):
        found = Found(place)
        assert found.names[:2] == [f"{folder}/{label}/x/a", f"{folder}/{label}/b"]
        assert found.contents[:2] == [SET, OTHER_SET]
        assert found.failures == []
    assert Found(folder / "named").notes == [(f"{folder}/named", 1)]


@pytest.mark.parametrize(
    "method",
    [zipfile.ZIP_STORED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA],
    ids=["stored", "bzip2", "lzma"],
)
def test_every_method_of_packing_is_read(write, method):
    assert Found(write(a_zip=zipped(method, a=SET)) / "a.zip").contents == [SET]


def test_an_empty_zip_file_has_no_files(write):
    found = Found(write(a_zip=zipped()) / "a.zip")
    assert (found.names, found.failures, found.notes) == ([], [], [])


def spoilt(archive):
    """Return a zip file with a byte of its first file changed."""
    at = 30 + struct.unpack_from("<H", archive, 26)[0] + 400
    return archive[:at] + bytes([archive[at] ^ 0xFF]) + archive[at + 1 :]


def encrypted(archive):
    """Return a zip file whose files are said to be encrypted."""
    central = archive.index(b"PK\x01\x02")
    flags = bytearray(archive)
    flags[6] |= 1
    flags[central + 8] |= 1
    return bytes(flags)


@pytest.mark.parametrize(
    ("change", "name", "reason"),
    [
        pytest.param(
            spoilt, "/a", "it is damaged, encrypted or packed unusually", id="damaged"
        ),
        pytest.param(
            encrypted,
            "/a",
            "it is damaged, encrypted or packed unusually",
            id="encrypted",
        ),
        pytest.param(lambda zip_: zip_[:-30], "", "the zip file is damaged", id="cut"),
    ],
)
def test_a_damaged_zip_file_is_a_failure_that_names_what_and_where(
    write, change, name, reason
):
    archive = change(zipped(zipfile.ZIP_STORED, a=SET))
    folder = write(x_zip=archive, z=OTHER_SET)
    found = Found(folder / "x.zip", folder / "z")
    assert found.failures == [(f"{folder}/x.zip{name}", reason)]
    assert found.contents == [OTHER_SET]


def test_one_damaged_file_of_a_zip_file_loses_no_other(write):
    archive = spoilt(zipped(zipfile.ZIP_STORED, a=SET, b=OTHER_SET))
    found = Found(write(x_zip=archive) / "x.zip")
    assert found.contents == [OTHER_SET]
    assert len(found.failures) == 1


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        pytest.param({"size": HEAD}, "more than 65536 bytes", id="size"),
        pytest.param({"size": 9}, "more than 9 bytes", id="tiny-size"),
        pytest.param({"members": 1}, "more than 1 files in a zip", id="number"),
        pytest.param({"allowance": 9}, "more than ", id="ratio"),
    ],
)
def test_a_zip_bomb_is_refused(write, limits, reason):
    padding = {0x00091001: ("OB", bytes(10**7))}
    bomb = make_rtstruct(roi(name="a" * 60), elements=padding)
    found = Found(write(x_zip=zipped(a=bomb, b=bomb)) / "x.zip", **limits)
    assert found.names == []
    assert all(given.startswith(reason) for _, given in found.failures)
    assert found.failures


def test_names_that_lead_out_of_a_zip_file_are_names_only(write):
    archive = zipped(**{"..__..__etc__passwd": SET})
    found = Found(write(x_zip=archive) / "x.zip")
    assert found.contents == [SET]


@pytest.mark.parametrize(
    ("content", "contents"),
    [
        pytest.param(SET, [SET], id="structure-set"),
        pytest.param(zipped(a=SET, b=b"text", c=OTHER_SET), [SET, OTHER_SET], id="zip"),
        pytest.param(b"", [b""], id="nothing"),
    ],
)
def test_standard_input_is_a_file_or_a_zip_file(monkeypatch, content, contents):
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(content)))
    assert Found("-").contents == contents


def test_standard_input_without_an_end_is_refused(monkeypatch):
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"x" * 2000)))
    assert Found("-", size=1000).failures == [
        ("standard input", "more than 1000 bytes")
    ]


def test_a_named_pipe_is_read(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(SET,))
    writer.start()
    assert Found(pipe).contents == [SET]
    writer.join()


def test_a_dicomdir_is_its_files_of_the_kinds_that_are_converted(write):
    folder = write(
        DICOMDIR=make_dicomdir(
            record(),
            record("RT", "B"),
            record("CT1", sop_class=CT),
            record("A"),
            record("CT2", sop_class=None),
        ),
        RT__B=SET,
        A=OTHER_SET,
        CT1=ct_image(),
        CT2=ct_image(),
        UNLISTED=SET,
    )
    found = Found(folder / "DICOMDIR")
    assert found.names == [f"{folder}/RT/B", f"{folder}/A"]
    assert found.contents == [SET, OTHER_SET]
    assert (found.failures, found.notes) == ([], [(f"{folder}/DICOMDIR", 2)])


def test_a_dicomdir_finds_its_files_in_small_letters(write):
    folder = write(x=make_dicomdir(record("RT", "B")), rt__b=SET)
    assert Found(folder / "x").names == [f"{folder}/rt/b"]


@pytest.mark.parametrize(
    "components",
    [
        pytest.param(("..", "outside"), id="parent"),
        pytest.param(("../outside",), id="slash"),
        pytest.param(("", "etc", "passwd", "/etc/passwd"), id="absolute"),
        pytest.param(("RT", "..", "..", "outside"), id="parent-inside"),
        pytest.param(("LINK",), id="link-to-a-file"),
        pytest.param(("FOLDER", "outside"), id="link-to-a-folder"),
    ],
)
def test_a_dicomdir_does_not_lead_out_of_its_folder(write, components):
    folder = write(DICOMDIR=make_dicomdir(record(*components), record("B")), B=SET)
    (folder / "RT").mkdir()
    (folder.parent / "outside").write_bytes(OTHER_SET)
    (folder / "LINK").symlink_to(folder.parent / "outside")
    (folder / "FOLDER").symlink_to(folder.parent)
    found = Found(folder / "DICOMDIR")
    assert found.contents == [SET]
    ((_, reason),) = found.failures
    assert reason == "the DICOMDIR names a file outside its folder"


def test_a_file_that_a_dicomdir_misses_is_a_failure_and_the_others_are_found(write):
    folder = write(DICOMDIR=make_dicomdir(record("X", "Y"), record("B")), B=SET)
    found = Found(folder / "DICOMDIR")
    assert found.contents == [SET]
    ((name, _),) = found.failures
    assert name == f"{folder}/DICOMDIR: X/Y"


def test_a_damaged_dicomdir_is_a_failure(write):
    folder = write(DICOMDIR=make_dicomdir(record("B"))[:-5], B=SET)
    found = Found(folder / "DICOMDIR", folder / "B")
    assert [name for name, _ in found.failures] == [f"{folder}/DICOMDIR"]
    assert found.contents == [SET]


def test_no_damage_to_a_zip_file_is_an_error_of_the_program(write):
    whole = zipped(x__a=SET, b=OTHER_SET)
    random_ = random.Random(113047)  # noqa: S311 - the same each time
    for number in range(200):
        archive = bytearray(whole)
        for _ in range(3):
            at = random_.choice(
                [random_.randrange(len(whole)), -random_.randrange(1, 150)]
            )
            archive[at] = random_.randrange(256)
        folder = write(**{f"{number}_zip": bytes(archive)})
        found = Found(folder / f"{number}.zip")
        assert {*found.contents} <= {SET, OTHER_SET, bytes(archive)}


def test_an_empty_name_is_not_this_folder():
    assert [reason for _, reason in Found("").failures] == ["Is a directory"]
