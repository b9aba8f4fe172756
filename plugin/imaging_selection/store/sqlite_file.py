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


class SqliteFile:
    """Notices what happens to the file, and gets a damaged one out of the way."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._inode: int | None = None
        self._size = 0

    def look(self) -> None:
        """Remember the file as it is now."""
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
        """Rename a damaged file: what it held is made again from Orthanc."""
        aside = self._path.with_name(self._path.name + ".damaged")
        log.warning("the store is damaged: kept as %s, and made anew", aside.name)
        self._inode = None
        try:
            self._path.replace(aside)
            for suffix in ("-wal", "-shm"):
                self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
        except OSError as error:
            log.warning("cannot rename the damaged store (%s)", error.strerror)
