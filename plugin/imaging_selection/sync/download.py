"""A large file, which a process gets from Orthanc by itself, by HTTP.

Passed on by Orthanc's own process, it would be in its memory as often as three times.
"""

from __future__ import annotations

import shutil
import ssl
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from io import BytesIO
from urllib.parse import urlsplit

SECONDS = 20  # that Orthanc may take for a part
PART = 4 << 20  # bytes
_COPIED = 1 << 20  # bytes at a time


class NotDownloadedError(Exception):
    """Orthanc did not return the file by HTTP; this may be a matter of its settings."""


@dataclass(frozen=True, slots=True)
class Download:
    """Where a file is.

    Attributes
    ----------
    url
        On this machine.
    authorization
        The value of that header.
    size
        Of the file, in bytes: Orthanc refuses a range that ends behind it.
    """

    url: str
    authorization: str
    size: int


def read_file(download: Download) -> bytes:
    """Get a file: in parts since Orthanc 1.12.6, so that Orthanc holds no whole of it.

    Raises
    ------
    NotDownloadedError
        Orthanc does not return it.
    """
    address = urlsplit(download.url)
    if address.scheme == "https":
        # The same machine: the name in the certificate is another one.
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        connection: HTTPConnection = HTTPSConnection(
            address.netloc, timeout=SECONDS, context=context
        )
    else:
        connection = HTTPConnection(address.netloc, timeout=SECONDS)
    whole = BytesIO()
    try:
        while not _read_part(connection, address.path, download, whole):
            pass
    except (OSError, HTTPException) as cause:
        raise NotDownloadedError from cause
    finally:
        connection.close()
    return whole.getvalue()


def _read_part(
    connection: HTTPConnection, path: str, download: Download, whole: BytesIO
) -> bool:
    """Read the next part, or the whole; return whether it was the last (RFC 9110 14).

    Raises
    ------
    OSError, HTTPException
        There is no such answer.
    """
    start = whole.tell()
    end = min(start + PART, download.size)
    headers = {
        "Authorization": download.authorization,
        "Range": f"bytes={start}-{end - 1}",
    }
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    if answer.status not in {HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT}:
        raise HTTPException
    shutil.copyfileobj(answer, whole, _COPIED)
    is_whole = answer.status == HTTPStatus.OK
    if whole.tell() != (download.size if is_whole else end):
        raise HTTPException  # another file by now
    return whole.tell() == download.size
