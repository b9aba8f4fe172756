"""The file of a SQLite store, which others may delete, cut short or spoil.

SQLite itself would go on writing into a file that has no name any more.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

log = logging.getLogger(__name__)

# In the header of a file of ours (sqlite.org/fileformat.html 1.3.14): "ImSl".
APPLICATION_ID = 0x496D536C
_APPLICATION_ID_AT = 68
_DEFAULT_NAME = "imaging-selection.db"


class SqliteFile:
    """Notices what happens to the file, and gets a damaged one out of the way."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._inode: int | None = None
        self._size = 0
        self._was_used = False

    def look(self) -> None:
        """Remember the file as it is now, in use."""
        self._was_used = True
        with suppress(OSError):
            found = self._path.stat()
            self._inode, self._size = found.st_ino, found.st_size

    def was_replaced(self) -> bool:
        """Tell whether this is not the file it was; one that was cut is set aside."""
        if self._inode is None:
            return False
        try:
            found = self._path.stat()
        except OSError:
            self._inode = None
            return True
        if found.st_ino != self._inode:
            self._inode = None
            return True
        if found.st_size < self._size:  # never by our own doing: we do not VACUUM
            self.set_aside()
            return True
        self._size = found.st_size
        return False

    def set_aside(self) -> None:
        """Rename a damaged file: what it held is made again from Orthanc.

        Only if it is ours: what was configured may be another program's file.
        """
        if not self._is_ours():
            log.error("the configured file is no store of this plugin; left as it is")
            return
        aside = self._path.with_name(self._path.name + ".damaged")
        log.warning("the store is damaged: kept as %s, and made anew", aside.name)
        self._inode = None
        try:
            self._path.replace(aside)
            for suffix in ("-wal", "-shm"):
                self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
        except OSError as error:
            log.warning("cannot rename the damaged store (%s)", error.strerror)

    def _is_ours(self) -> bool:
        if self._was_used or self._path.name == _DEFAULT_NAME:
            return True
        try:
            with self._path.open("rb") as file:
                file.seek(_APPLICATION_ID_AT)
                return file.read(4) == APPLICATION_ID.to_bytes(4, "big")
        except OSError:
            return False
