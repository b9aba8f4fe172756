"""Differences between releases of Orthanc and of its Python plugin.

Each names the releases that it concerns; `tests/contract/test_fake_matches_orthanc.py`
measures all of them on every release of `make matrix`.
"""

from __future__ import annotations

import ctypes
from io import BytesIO
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from imaging_selection.api.http import Response

_KEPT: list[Callable[..., None]] = []


class Output(Protocol):
    """The object that a REST callback answers with."""

    def AnswerBuffer(self, body: bytes, mime: str) -> None: ...  # noqa: N802, D102
    def SendHttpStatus(self, *arguments: Any) -> None: ...  # noqa: N802, D102
    def SendStreamChunk(self, chunk: bytes) -> None: ...  # noqa: N802, D102
    def StartStreamAnswer(self, mime: str) -> None: ...  # noqa: N802, D102
    def SendMethodNotAllowed(self, allowed: str) -> None: ...  # noqa: N802, D102
    def SetHttpHeader(self, key: str, value: str) -> None: ...  # noqa: N802, D102


def keep(callback: Callable[..., None]) -> Callable[..., None]:
    """Keep a reference to a callback until the process ends.

    When Orthanc stops, Python plugin 7.1 releases its callbacks without a thread state.
    If that frees one, Python 3.14 crashes (SIGSEGV).
    """
    _KEPT.append(callback)
    return callback


def leaves_escapes(orthanc: Any, program: Any = None) -> bool:
    """Return whether GET parameters arrive percent-encoded.

    Orthanc leaves the decoding to its web server, civetweb, which up to 1.14 decodes
    the whole query before it is split into parameters. Since 1.15 civetweb decodes only
    on request, and Orthanc requests it since 1.12.10. So the parameters arrive encoded
    where an older Orthanc is built with a newer civetweb: Debian 12 and 13 do so,
    Orthanc's own builds contain civetweb 1.14.

    Parameters
    ----------
    program
        The C functions of the running program, as ctypes has them.
    """
    if orthanc.CheckVersionAdvanced(1, 12, 10):
        return False
    try:
        version = (program or ctypes.CDLL(None)).mg_version
    except AttributeError:  # civetweb is inside Orthanc: one of Orthanc's own builds
        return False
    version.restype = ctypes.c_char_p
    major, minor = version().split(b".")[:2]
    return (int(major), int(minor)) >= (1, 15)


def send(output: Output, response: Response) -> None:
    """Answer through Orthanc, with any status."""
    if response.status == 405:  # noqa: PLR2004
        # SendHttpStatus refuses 405 and closes the connection; SendMethodNotAllowed
        # sends no body and no other header (1.10.1 to 1.13.0).
        output.SendMethodNotAllowed(response.headers["Allow"])
        return
    for name, value in response.headers.items():
        output.SetHttpHeader(name, value)
    if not isinstance(response.body, bytes):
        _send_parts(output, response.content_type, response.body)
        return
    if response.status == 200:  # noqa: PLR2004 - AnswerBuffer has no other
        output.AnswerBuffer(response.body, response.content_type)
        return
    # Since 1.12.4 Orthanc adds a second header, text/plain.
    output.SetHttpHeader("Content-Type", response.content_type)
    try:
        output.SendHttpStatus(int(response.status), response.body)
    except TypeError:  # Python plugin before 4.2: text and its length
        text = response.body.decode()
        output.SendHttpStatus(int(response.status), text, len(response.body))


def can_stream(output: Output) -> bool:
    """Return whether an answer can be sent in parts: since Python plugin 5.0."""
    return hasattr(output, "StartStreamAnswer")


def _send_parts(output: Output, content_type: str, parts: Iterator[bytes]) -> None:
    """Answer 200 in parts, or in one piece where the Python plugin cannot stream."""
    if can_stream(output):
        output.StartStreamAnswer(content_type)
        for part in parts:
            output.SendStreamChunk(part)
        return
    whole = BytesIO()  # its `getvalue` makes no second copy
    for part in parts:
        whole.write(part)
    output.AnswerBuffer(whole.getvalue(), content_type)
