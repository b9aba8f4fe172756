"""Write the package's log records to Orthanc's log."""

from __future__ import annotations

import logging
from typing import Any


def log_to(orthanc: Any) -> None:
    """Send every record of the package to Orthanc's log, and to no other."""
    logger = logging.getLogger("imaging_selection")
    logger.handlers = [_OrthancLog(orthanc)]
    logger.setLevel(logging.INFO)
    logger.propagate = False


class _OrthancLog(logging.Handler):
    def __init__(self, orthanc: Any) -> None:
        super().__init__()
        self._orthanc = orthanc

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line; a newline in the message could forge another."""
        line = "ImagingSelection: " + record.getMessage().replace("\n", " ")
        if record.levelno >= logging.ERROR:
            self._orthanc.LogError(line)
        elif record.levelno >= logging.WARNING:
            self._orthanc.LogWarning(line)
        else:
            self._orthanc.LogInfo(line)
