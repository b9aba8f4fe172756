"""What differs between releases of Orthanc and of its Python plugin.

Each difference names the release that it is for; all are measured by
`tests/contract/test_fake_matches_orthanc.py` on every release of `make matrix`.
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
    """What a REST callback answers through."""

    def AnswerBuffer(self, body: bytes, mime: str) -> None: ...  # noqa: N802, D102
    def SendHttpStatus(self, *arguments: Any) -> None: ...  # noqa: N802, D102
    def SendStreamChunk(self, chunk: bytes) -> None: ...  # noqa: N802, D102
    def StartStreamAnswer(self, mime: str) -> None: ...  # noqa: N802, D102
    def SendMethodNotAllowed(self, allowed: str) -> None: ...  # noqa: N802, D102
    def SetHttpHeader(self, key: str, value: str) -> None: ...  # noqa: N802, D102


def keep(callback: Callable[..., None]) -> Callable[..., None]:
    """Keep a callback for as long as the process lives.

    Python plugin 7.1 lets go of its callbacks without a thread state when Orthanc
    ends; Python 3.14 dies (SIGSEGV) where that frees one.
    """
    _KEPT.append(callback)
    return callback


def leaves_escapes(orthanc: Any, program: Any = None) -> bool:
    """Tell whether GET parameters arrive as they are written, percent signs and all.

    Orthanc has its web server, civetweb, decode the query, all of it before it is cut
    into parameters. From civetweb 1.15 on that must be asked for, and Orthanc asks
    since 1.12.10. In between is what Debian 12 and 13 build with the civetweb of the
    system; releases of Orthanc's own brought civetweb 1.14.

    Parameters
    ----------
    program
        The C functions of the running program, as ctypes has them.
    """
    if orthanc.CheckVersionAdvanced(1, 12, 10):
        return False
    try:
        version = (program or ctypes.CDLL(None)).mg_version
    except AttributeError:  # a civetweb inside Orthanc: one of Orthanc's own
        return False
    version.restype = ctypes.c_char_p
    major, minor = version().split(b".")[:2]
    return (int(major), int(minor)) >= (1, 15)


def send(output: Output, response: Response) -> None:
    """Answer through Orthanc, with any status."""
    if response.status == 405:  # noqa: PLR2004
        # SendHttpStatus refuses this one and drops the connection; the method for it
        # sends neither a body nor any other header (1.10.1 to 1.13.0).
        output.SendMethodNotAllowed(response.headers["Allow"])
        return
    for name, value in response.headers.items():
        output.SetHttpHeader(name, value)
    if not isinstance(response.body, bytes):
        _send_parts(output, response.content_type, response.body)
        return
    if response.status == 200:  # noqa: PLR2004 - AnswerBuffer knows no other
        output.AnswerBuffer(response.body, response.content_type)
        return
    # Before 1.12.4, Orthanc sends this header alone; since then a text/plain after it.
    output.SetHttpHeader("Content-Type", response.content_type)
    try:
        output.SendHttpStatus(int(response.status), response.body)
    except TypeError:  # Python plugin before 4.2: text, and its length
        text = response.body.decode()
        output.SendHttpStatus(int(response.status), text, len(response.body))


def _send_parts(output: Output, content_type: str, parts: Iterator[bytes]) -> None:
    """Answer 200 in parts, or in one piece where the bridge cannot stream."""
    if hasattr(output, "StartStreamAnswer"):  # Python plugin 5.0
        output.StartStreamAnswer(content_type)
        for part in parts:
            output.SendStreamChunk(part)
        return
    whole = BytesIO()  # it hands out its own buffer: no second copy
    for part in parts:
        whole.write(part)
    output.AnswerBuffer(whole.getvalue(), content_type)
