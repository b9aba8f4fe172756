"""Which files the command converts: those it is given, and those in what it is given.

A folder is searched with all below it, and so is a zip file; of a DICOMDIR the files
that it refers to are taken, if they are of a kind that is converted. What a folder or a
zip file holds besides is passed over and counted. Everything is in a stable order.

What comes from outside is bounded: see `Limits`.
"""

from __future__ import annotations

import os
import sys
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from lzma import LZMAError
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final
from zipfile import BadZipFile, ZipFile, ZipInfo

from imaging_selection.dicom.dicomdir import is_dicomdir, parse_dicomdir
from imaging_selection.dicom.file import open_dataset
from imaging_selection.errors import DicomError, InputError
from imaging_selection.objects import OBJECTS, may_convert

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from imaging_selection.dicom.dicomdir import ReferencedFile

#: Bytes from which the kind of a file is seen; images are not read any further.
HEAD: Final = 1 << 16
STANDARD_INPUT: Final = "-"
_ZIP: Final = (b"PK\x03\x04", b"PK\x05\x06")  # the second begins an empty one
# What `zipfile` raises for files that are damaged, encrypted or packed unusually.
_DAMAGED: Final = (
    BadZipFile,
    RuntimeError,
    EOFError,
    ValueError,
    LZMAError,
    zlib.error,
)


@dataclass(frozen=True, slots=True)
class Input:
    """A file to convert.

    Attributes
    ----------
    name
        For messages.
    content
        The file itself, if it is not at `path`.
    """

    name: str
    path: Path = Path()
    content: bytes | None = None

    def read(self) -> bytes:
        """Return the content; OSError when it cannot be read."""
        return self.path.read_bytes() if self.content is None else self.content


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is read; structure sets are packed some five to one, bombs a thousand.

    Attributes
    ----------
    size
        Bytes of one file of a zip file, or of standard input.
    members
        Files of a zip file.
    ratio, allowance
        All files that are taken from a zip file may have `ratio` times its bytes, and
        `allowance` besides.
    """

    size: int = 1 << 30
    members: int = 200_000
    ratio: int = 100
    allowance: int = 1 << 30


class Inputs:
    """Finds files.

    Parameters
    ----------
    fail
        Called with the name of what cannot be read, and the reason.
    note
        Called with the name of a folder or zip file, and how many files in it were
        passed over.
    """

    def __init__(
        self,
        fail: Callable[[str, object], None],
        note: Callable[[str, int], None],
        limits: Limits | None = None,
    ) -> None:
        self._limits = limits or Limits()
        self._fail = fail
        self._note = note
        self._passed_over = 0

    def found(self, place: str) -> Iterator[Input]:
        """Yield the files of a place: what the command was given, or `-`."""
        self._passed_over = 0
        name = "standard input" if place == STANDARD_INPUT else place
        with self._failing(name):
            yield from self._of(place, name)
        if self._passed_over:
            self._note(name, self._passed_over)

    @contextmanager
    def _failing(self, name: str) -> Iterator[None]:
        try:
            yield
        except (DicomError, InputError) as error:
            self._fail(name, error)
        except OSError as error:
            self._fail(name, error.strerror or type(error).__name__)

    def _of(self, place: str, name: str) -> Iterator[Input]:
        path = Path(place)
        if place == STANDARD_INPUT:
            yield from self._of_stream(name, sys.stdin.buffer)
        elif place and path.is_dir():
            yield from self._of_folder(path)
        elif path.exists() and not path.is_file():  # a pipe: it can be read once only
            with path.open("rb") as stream:
                yield from self._of_stream(name, stream)
        else:
            yield from self._of_file(path)

    def _of_stream(self, name: str, stream: IO[bytes]) -> Iterator[Input]:
        content = _read(stream, self._limits.size)
        if content.startswith(_ZIP):
            yield from self._of_zip(name, BytesIO(content), len(content))
        else:
            yield Input(name, content=content)

    def _of_file(self, path: Path) -> Iterator[Input]:
        head = _head_of(path)
        if head.startswith(_ZIP):
            yield from self._of_zip(str(path), path, path.stat().st_size)
        elif _is_dicomdir(head):
            yield from self._of_dicomdir(path)
        else:
            yield Input(str(path), path)

    def _of_folder(self, folder: Path) -> Iterator[Input]:
        def fail(error: OSError) -> None:
            self._fail(str(error.filename), error.strerror)

        # Links to folders are not followed: they may lead in a circle.
        for parent, folders, names in os.walk(folder, onerror=fail):
            folders.sort()
            for name in sorted(names):
                yield from self._of_found(Path(parent, name))

    def _of_found(self, path: Path) -> Iterator[Input]:
        """Yield a file that nobody has named, if it is of a kind that is converted."""
        with self._failing(str(path)):
            head = _head_of(path) if path.is_file() else b""
            if path.suffix.lower() == ".zip" and head.startswith(_ZIP):
                yield from self._of_zip(str(path), path, path.stat().st_size)
            elif may_convert(head):
                yield Input(str(path), path)
            else:
                self._passed_over += 1

    def _of_zip(self, name: str, file: Path | BytesIO, packed: int) -> Iterator[Input]:
        limits = self._limits
        left = limits.ratio * packed + limits.allowance
        try:
            archive = ZipFile(file)
        except _DAMAGED as error:
            raise InputError("the zip file is damaged") from error
        with archive:
            members = [each for each in archive.infolist() if not each.is_dir()]
            if len(members) > limits.members:
                raise InputError(f"more than {limits.members} files in a zip file")
            for member in members:
                label = f"{name}/{member.filename}"
                with self._failing(label):
                    content = _content_of(archive, member, min(limits.size, left))
                    if content is None:
                        self._passed_over += 1
                    else:
                        left -= len(content)
                        yield Input(label, content=content)

    def _of_dicomdir(self, path: Path) -> Iterator[Input]:
        for each in parse_dicomdir(open_dataset(path.read_bytes())):
            if each.sop_class_uid is not None and each.sop_class_uid not in OBJECTS:
                self._passed_over += 1
                continue
            with self._failing(f"{path}: {'/'.join(each.components)}"):
                file = _file_of(path.parent, each)
                if each.sop_class_uid is None:
                    yield from self._of_found(file)
                else:
                    yield Input(str(file), file)


def _read(stream: IO[bytes], maximum: int, head: bytes = b"") -> bytes:
    content = head + stream.read(max(0, maximum + 1 - len(head)))
    if len(content) > maximum:
        raise InputError(f"more than {maximum} bytes")
    return content


def _head_of(path: Path) -> bytes:
    with path.open("rb") as stream:
        return stream.read(HEAD)


def _is_dicomdir(head: bytes) -> bool:
    try:
        return is_dicomdir(open_dataset(head))
    except DicomError:
        return False


def _content_of(archive: ZipFile, member: ZipInfo, maximum: int) -> bytes | None:
    """Return a file of a zip file; None when it is of no kind that is converted."""
    try:
        with archive.open(member) as stream:
            head = stream.read(HEAD)
            if not may_convert(head):
                return None
            return _read(stream, maximum, head)
    except _DAMAGED as error:
        raise InputError("it is damaged, encrypted or packed unusually") from error


def _file_of(folder: Path, referenced: ReferencedFile) -> Path:
    """Return the file of a directory record: inside the folder of its DICOMDIR.

    Names on media are in capitals (PS3.10 8.2), and systems that mount them may show
    them in other letters.
    """
    path = folder
    if not all(map(_is_name, referenced.components)):
        raise InputError("the DICOMDIR names a file outside its folder")
    for component in referenced.components:
        named = path / component
        if not named.exists():
            same = component.casefold()
            alike = [each for each in path.iterdir() if each.name.casefold() == same]
            named = alike[0] if len(alike) == 1 else named
        path = named
    if not path.resolve().is_relative_to(folder.resolve()):  # by a link
        raise InputError("the DICOMDIR names a file outside its folder")
    if not path.is_file():
        raise InputError("the DICOMDIR names a file that is not there")
    return path


def _is_name(component: str) -> bool:
    return component not in {".", ".."} and Path(component).name == component
