"""An output that a later run continues: NDJSON, and beside it what it was made from.

Into the journal goes one line of JSON for each file, after its resources are written:
the name, size and time of the file, and where its resources end. A run that continues
cuts the output there, and passes over the files that the journal has unchanged.
"""

from __future__ import annotations

from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple

import orjson

from imaging_selection.errors import InputError

if TYPE_CHECKING:
    from imaging_selection.batch.conversion import Converted
    from imaging_selection.batch.inputs import Input


class _Mark(NamedTuple):
    """What a file is known by: a change of its content changes one of these."""

    name: str
    size: int
    time: int


class Journal:
    """The output of a run, and its journal.

    Parameters
    ----------
    output
        The file of the resources; the journal is beside it, with `.journal` at the end.
    options
        What shapes the resources: an output of other options is not continued.
    resume
        Continue what is there; otherwise nothing may be there.

    Attributes
    ----------
    converted
        Orthanc's id of an object -> the digest of its file.

    Raises
    ------
    InputError
        It exists and is not to be continued, or was made with other options.
    """

    def __init__(self, output: Path, options: str, *, resume: bool) -> None:
        journal = Path(f"{output}.journal")
        if not resume and (output.exists() or journal.exists()):
            raise InputError(f"{output} exists: --resume continues it")
        self.converted: dict[str, bytes] = {}
        self._marks: set[_Mark] = set()
        self._end = 0
        intact = self._read(journal, options) if journal.exists() else 0
        if not intact and output.exists() and output.stat().st_size:
            raise InputError(f"{output} has no journal: it cannot be continued")
        self._out = _opened(output, self._end)
        self._journal = _opened(journal, intact)
        if not intact:
            self._note({"options": options})

    def _read(self, journal: Path, options: str) -> int:
        """Read a journal; return the length of what a crash has left whole."""
        intact = 0
        with journal.open("rb") as lines:
            for line in lines:
                if not line.endswith(b"\n"):
                    break
                entry = orjson.loads(line)
                if not intact and entry != {"options": options}:
                    raise InputError(
                        f"{journal} is of other options or another version"
                    )
                if intact:
                    self._take(entry)
                intact += len(line)
        return intact

    def _take(self, entry: dict[str, object]) -> None:
        self._marks.add(_Mark(*entry["file"]))  # type: ignore[misc]
        self._end = int(str(entry["end"]))
        self.converted[str(entry["instance"])] = bytes.fromhex(str(entry["digest"]))

    def has(self, each: Input) -> bool:
        """Return whether the output has the resources of a file, as it is now."""
        return _mark_of(each) in self._marks

    def write(self, each: Input, converted: Converted) -> int:
        """Write the resources of a file, or none at all; return how many.

        Raises
        ------
        ImagingSelectionError, OSError
            They cannot be made, or not be written.
        """
        count = 0
        try:
            for _, parts in converted.entries:
                self._out.writelines(parts)
                self._out.write(b"\n")
                count += 1
            self._out.flush()
        except BaseException:
            self._out.seek(self._end)
            self._out.truncate()
            raise
        self._end = self._out.tell()
        self._note(
            {
                "file": [*_mark_of(each)],
                "end": self._end,
                "instance": converted.instance,
                "digest": converted.digest.hex(),
            }
        )
        return count

    def close(self) -> None:
        """Close both files."""
        self._out.close()
        self._journal.close()

    def _note(self, entry: object) -> None:
        self._journal.write(orjson.dumps(entry) + b"\n")
        self._journal.flush()


def _opened(path: Path, end: int) -> IO[bytes]:
    """Open a file behind its first bytes, and cut off the rest."""
    file = path.open("r+b" if path.exists() else "w+b")
    file.truncate(end)
    file.seek(end)
    return file


def _mark_of(each: Input) -> _Mark:
    if each.content is not None:
        return _Mark(each.name, len(each.content), 0)
    found = each.path.stat()
    return _Mark(each.name, found.st_size, found.st_mtime_ns)
