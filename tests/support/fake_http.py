"""The HTTP server of the fake Orthanc: how a request arrives, and an answer leaves."""

import json
from dataclasses import dataclass, replace
from http import HTTPStatus
from urllib.parse import unquote_to_bytes

# Not 200, 301, 401, 405: those have methods of their own. For the latter three, sent in
# another way, and for a number that it does not know, the host drops the connection.
STATUSES = {
    *(200, 303, 304, 400, 401, 403, 404, 406, 409, 410, 412, 415, 422),
    *(500, 501, 503),
}


class ConnectionDroppedError(Exception):
    """The client of a request is left without an answer."""


@dataclass(frozen=True)
class HttpAnswer:
    """An answer as its client receives it, with the headers in order."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)

    def header(self, name):
        """Return the values of a header, of which there may be any number."""
        return [value for each, value in self.headers if each == name]

    def without_sniffing(self):
        """Add the header that forbids to guess a type."""
        lengths = [pair for pair in self.headers if pair[0] == "Content-Length"]
        others = [pair for pair in self.headers if pair[0] != "Content-Length"]
        nosniff = ("X-Content-Type-Options", "nosniff")
        return replace(self, headers=(*others, nosniff, *lengths))


def uri_of(path, release):
    """Decode a path; empty parts are lost: `//` is `/`, and a `/` at the end is none.

    Returns
    -------
    tuple of str and bool
        The path, and whether it is UTF-8.
    """
    if release.plus_is_a_blank:
        path = path.replace("+", " ")
    decoded = unquote_to_bytes(path)
    try:
        return "/" + "/".join(filter(None, decoded.decode().split("/"))), True
    except UnicodeDecodeError:
        return decoded.decode(errors="replace"), False


def parameters_of(query, release):
    """Split a query; the last value of a name wins, and values stay escaped.

    Raises
    ------
    UnicodeDecodeError
        The release decodes a query before it splits it, and this one is no UTF-8.
    """
    if release.decodes_query:
        query = unquote_to_bytes(query.replace("+", " ")).decode()
    return dict(pair.partition("=")[::2] for pair in query.split("&"))


def lowered(headers):
    """Return the headers by lower-case name; the first value of a name wins."""
    result = {}
    for name, value in headers:
        result.setdefault(name.lower(), value)
    return result


def own_error(release, status, method, uri, error):
    """Return Orthanc's own answer, when no plugin has given one."""
    code, text = error
    body = json.dumps(
        {
            "HttpError": HTTPStatus(status).phrase,
            "HttpStatus": status,
            "Message": text,
            "Method": method,
            "OrthancError": text,
            "OrthancStatus": code,
            "Uri": uri,
        }
    ).encode()
    length = ("Content-Length", str(len(body)))
    plain = [("Content-Type", "text/plain")] * release.forbids_sniffing
    return HttpAnswer(status, (*plain, length), body)


def check_types(arguments, *types):
    """Raise what the real module raises for a wrong type or number of arguments."""
    if len(arguments) != len(types) or not all(map(isinstance, arguments, types)):
        raise TypeError(
            f"Bad types for the arguments ({len(types)} arguments expected)"
        )


class Output:
    """The first argument of a REST callback."""

    def __init__(self, release):
        status = self._send_text if release.status_takes_text else self._send_bytes
        self._adds_text_plain = release.adds_text_plain
        self._headers = []
        self._parts = []
        self.answers = []
        self.SendHttpStatus = status
        if release.streams:
            self.StartStreamAnswer = self._start_stream
            self.SendStreamChunk = self._send_chunk

    def SetHttpHeader(self, *arguments):  # noqa: N802
        check_types(arguments, str, str)
        self._headers.append(arguments)

    def AnswerBuffer(self, *arguments):  # noqa: N802
        check_types(arguments, (str, bytes), str)
        body, mime = arguments
        body = body if isinstance(body, bytes) else body.encode()
        self._answer(200, [*self._headers, ("Content-Type", mime)], body)

    def SendMethodNotAllowed(self, *arguments):  # noqa: N802
        check_types(arguments, str)
        # The headers that were set before are lost, and there can be no body.
        self._answer(405, [("Allow", *arguments)], b"")

    def _start_stream(self, *arguments):
        check_types(arguments, str)
        # In chunks (RFC 9112, 7.1): there is no Content-Length.
        headers = (*self._headers, ("Content-Type", *arguments))
        self.answers.append(HttpAnswer(200, headers, b""))

    def _send_chunk(self, *arguments):
        check_types(arguments, bytes)
        self._parts.append(*arguments)
        self.answers[0] = replace(self.answers[0], body=b"".join(self._parts))

    def _send_text(self, *arguments):
        check_types(arguments, int, str, int)
        status, text, size = arguments
        self._send(status, text.encode()[:size])

    def _send_bytes(self, *arguments):
        check_types(arguments, int, (bytes, str))
        status, body = arguments
        self._send(status, body.encode() if isinstance(body, str) else body)

    def _send(self, status, body):
        if status not in STATUSES:
            return  # silently: the client is left without an answer
        headers = list(self._headers)
        if self._adds_text_plain and body:
            headers.append(("Content-Type", "text/plain"))
        self._answer(status, headers, body)

    def _answer(self, status, headers, body):
        length = ("Content-Length", str(len(body)))
        self.answers.append(HttpAnswer(status, (*headers, length), body))
