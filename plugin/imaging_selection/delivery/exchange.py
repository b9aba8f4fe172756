"""HTTP with a target: bounded in time and size, and ended from another thread.

TLS is verified. A redirect is an error, because it may lead to another host, and the
proxies of the environment are not used. What a target answers is in no error that may
be logged.
"""

from __future__ import annotations

import math
import socket
import ssl
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from threading import Lock
from typing import TYPE_CHECKING, Any

import certifi
import httpx
import orjson

from imaging_selection.errors import TargetError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

MAXIMUM_ANSWER = 16 << 20  # bytes; a transaction of 2000 resources has some 500 kB
MAXIMUM_RETRY_AFTER = 3600.0  # seconds


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds: to connect, between two parts of an answer, and for a whole request."""

    connect: float = 10
    read: float = 300
    whole: float = 900


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of a target; its names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        """The body, a JSON object.

        Raises
        ------
        TargetError
            It is none.
        """
        try:
            content = orjson.loads(self.body)
        except orjson.JSONDecodeError:
            content = None
        if not isinstance(content, dict):
            raise TargetError("the target answers with no JSON object", is_down=False)
        return content

    @property
    def retry_after(self) -> float | None:
        """The seconds of the header Retry-After (RFC 9110 10.2.3), up to an hour."""
        value = self.headers.get("retry-after", "")
        if value.isascii() and value.isdecimal():
            return min(float(value[:9]), MAXIMUM_RETRY_AFTER)
        with suppress(ValueError, TypeError, OverflowError):
            moment = parsedate_to_datetime(value)
            if moment.tzinfo is not None:
                seconds = (moment - datetime.now(UTC)).total_seconds()
                return min(max(seconds, 0.0), MAXIMUM_RETRY_AFTER)
        return None


class Exchange:
    """Sends requests, one at a time.

    Parameters
    ----------
    ca_file
        Certificates that are trusted in place of those of this machine.
    """

    def __init__(self, ca_file: Path | None = None, limits: Limits = Limits()) -> None:
        context = ssl.create_default_context(cafile=ca_file)
        if ca_file is None:  # an image may have no certificates of its own
            context.load_verify_locations(certifi.where())
        self._limits = limits
        self._client = httpx.Client(
            verify=context,
            timeout=httpx.Timeout(limits.read, connect=limits.connect),
            follow_redirects=False,
            trust_env=False,
            limits=httpx.Limits(max_connections=2, keepalive_expiry=30),
        )
        self._lock = Lock()
        self._sockets: list[socket.socket] = []
        self._deadline = math.inf
        self._stopped = False

    def send(self, method: str, url: str, body: bytes = b"", **headers: str) -> Answer:
        """Send a request and return the answer, whatever its status.

        Parameters
        ----------
        headers
            `content_type` is the header Content-Type.

        Raises
        ------
        TargetError
            There is no answer, or it is too large.
        """
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        names |= {"accept-encoding": "identity"}  # inflated, it could be of any size
        if self._stopped:
            raise TargetError("Orthanc is stopping")
        self._deadline = time.monotonic() + self._limits.whole
        try:
            return self._answer(method, url, body, names)
        except httpx.ConnectError as error:
            raise TargetError(_no_connection(error)) from None
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
            # An end of the connection or of the time may be due to what is sent.
            is_down = isinstance(error, httpx.ConnectTimeout)
            text = f"the target does not answer ({type(error).__name__})"
            raise TargetError(text, is_down=is_down) from None
        finally:
            self._deadline = math.inf

    def _answer(
        self, method: str, url: str, body: bytes, headers: Mapping[str, str]
    ) -> Answer:
        parts, size = [], 0
        with self._client.stream(
            method,
            url,
            content=body,
            headers=headers,
            extensions={"trace": self._trace},
        ) as response:
            for part in response.iter_raw():
                parts.append(part)
                size += len(part)
                if size > MAXIMUM_ANSWER:
                    text = f"the target answers with more than {MAXIMUM_ANSWER} bytes"
                    raise TargetError(text, is_down=False)
            return Answer(response.status_code, response.headers, b"".join(parts))

    def _trace(self, event: str, info: Mapping[str, Any]) -> None:
        """Keep the socket of a new connection (httpx, extension `trace`)."""
        if event not in {
            "connection.connect_tcp.complete",
            "connection.start_tls.complete",
        }:
            return
        connection = info["return_value"].get_extra_info("socket")
        with self._lock:
            self._sockets = [*self._sockets[-3:], connection]
        if self._stopped:
            self.interrupt()

    def check_time(self) -> None:
        """End the present request if its time is over; on another thread."""
        if time.monotonic() > self._deadline:
            self.interrupt()

    def interrupt(self) -> None:
        """End the present request, if there is one; on another thread."""
        with self._lock:
            for each in self._sockets:
                with suppress(OSError, ValueError):
                    each.shutdown(socket.SHUT_RDWR)

    def stop(self) -> None:
        """End the present request; further ones fail."""
        self._stopped = True
        self.interrupt()

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


def require_answer(answer: Answer) -> Answer:
    """Return an answer that is about what was asked, and not about the target.

    Raises
    ------
    TargetError
        The target is overloaded, fails, redirects, or does not accept this server.
    """
    status = answer.status
    if status < HTTPStatus.MULTIPLE_CHOICES:
        return answer
    text = f"the target answers with status {status}"
    if status < HTTPStatus.BAD_REQUEST:
        raise TargetError(f"{text}, a redirect: Url must be its final address")
    if status in _ABOUT_LOGIN:
        raise TargetError(f"{text}: it does not accept the Authentication")
    if status in _ABOUT_LOAD:
        raise TargetError(text, retry_after=answer.retry_after)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise TargetError(text, is_down=False, retry_after=answer.retry_after)
    return answer


_ABOUT_LOGIN = {
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.PROXY_AUTHENTICATION_REQUIRED,
}
_ABOUT_LOAD = {
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.TOO_EARLY,
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.SERVICE_UNAVAILABLE,
}


def _no_connection(error: httpx.ConnectError) -> str:
    """Describe why there is no connection; the text of the error may have the URL."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"the target's certificate is not trusted ({cause.verify_message})"
        if isinstance(cause, ssl.SSLError):
            return "the target does not speak TLS as expected"
        cause = cause.__cause__ or cause.__context__
    return "the target cannot be reached"
