"""A small FHIR server on a free port: what deliveries are sent to, well or badly.

It keeps what it is sent in memory, does a transaction whole or not at all, and refuses
references to what it does not have, as servers do. `behave` replaces its answers.
"""

import json
import socket
import sys
import threading
from contextlib import suppress
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

JSON = "application/fhir+json"


def outcome(text):
    issue = {"severity": "error", "code": "processing", "diagnostics": text}
    return {"resourceType": "OperationOutcome", "issue": [issue]}


def references_in(value):
    """The literal references of a resource, wherever they are."""
    if isinstance(value, list):
        for each in value:
            yield from references_in(each)
    elif isinstance(value, dict):
        reference = value.get("reference")
        if isinstance(reference, str) and not reference.startswith("#"):
            yield reference
        for each in value.values():
            yield from references_in(each)


class FhirTarget:
    """The server.

    Attributes
    ----------
    resources
        By type and id.
    requests
        (method, path, headers, body) of each request.
    behave
        Called with the handler, method and body of each request; answers by itself
        and returns true, or leaves the request to the server.
    """

    def __init__(self, port=0, resources=None, tls=None):
        self.resources = {} if resources is None else resources
        self.requests = []
        self.puts = []
        self.behave = lambda *_: False
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", port), _handler_of(self))
        self.port = self._server.server_port
        if tls is not None:
            listening = self._server.socket
            self._server.socket = tls.wrap_socket(listening, server_side=True)
        self.url = f"http://127.0.0.1:{self.port}/fhir"
        serve = partial(self._server.serve_forever, poll_interval=0.02)
        threading.Thread(target=serve, daemon=True).start()

    def stop(self):
        self._server.shutdown()
        self._server.close_all()
        self._server.server_close()

    def restarted(self):
        """Return a server on the same port, with the same content."""
        self.stop()
        other = FhirTarget(self.port, self.resources)
        other.behave, other.puts = self.behave, self.puts
        return other

    def of(self, resource_type):
        """Return the resources of a type by their ids."""
        with self._lock:
            return {
                name.partition("/")[2]: each
                for name, each in self.resources.items()
                if name.startswith(f"{resource_type}/")
            }

    def transactions(self):
        return [each for each in self.requests if each[1] == "/fhir"]

    def answer(self, method, path, body):
        """Return the status and the JSON of an answer."""
        parts = urlsplit(path).path.removeprefix("/fhir").strip("/").split("/")
        with self._lock:
            if method == "POST" and parts == [""]:
                return self._transact(json.loads(body))
            if method == "POST" and parts[1:] == ["_search"]:
                return self._search(parts[0], body.decode())
        return 404, outcome("no such interaction")

    def _transact(self, bundle):
        after, statuses = dict(self.resources), []
        for entry in bundle["entry"]:
            name = entry["request"]["url"]
            if entry["request"]["method"] == "DELETE":
                statuses.append("204" if after.pop(name, None) else "404")
                continue
            resource = entry["resource"]
            assert name == f"{resource['resourceType']}/{resource['id']}"
            assert entry["fullUrl"] == f"{self.url}/{name}"
            statuses.append("200 OK" if name in after else "201 Created")
            after[name] = resource
            self.puts.append(name)
        for name, resource in after.items():
            for reference in references_in(resource):
                if reference not in after:
                    is_delete = reference in self.resources
                    status = 409 if is_delete else 422
                    return status, outcome(f"{name} refers to {reference}")
        self.resources.clear()
        self.resources.update(after)
        entries = [{"response": {"status": each}} for each in statuses]
        return 200, {
            "resourceType": "Bundle",
            "type": "transaction-response",
            "entry": entries,
        }

    def _search(self, resource_type, form):
        (token,) = parse_qs(form)["identifier"]
        system, _, value = token.replace("\\", "").partition("|")
        found = [
            each
            for name, each in self.resources.items()
            if name.startswith(f"{resource_type}/")
            and any(
                (one.get("system"), one["value"]) == (system, value)
                for one in each.get("identifier", ())
            )
        ]
        return 200, {
            "resourceType": "Bundle",
            "type": "searchset",
            "entry": [{"resource": each} for each in found],
        }


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, *arguments):
        self._connections = []
        super().__init__(*arguments)

    def get_request(self):
        connection, address = super().get_request()
        self._connections.append(connection)
        return connection, address

    def close_all(self):
        for each in self._connections:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request, address):
        """Say nothing of a client that has gone."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, address)


def _handler_of(target):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            self._handle("POST")

        def do_GET(self):
            self._handle("GET")

        def _handle(self, method):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {key.lower(): value for key, value in self.headers.items()}
            target.requests.append((method, self.path, headers, body))
            if target.behave(self, method, body):
                return
            status, content = target.answer(method, self.path, body)
            self.send(status, json.dumps(content).encode())

        def send(self, status, body, **headers):
            """Send an answer; `retry_after` is the header Retry-After."""
            self.send_response(status)
            for name, value in {"content_type": JSON, **headers}.items():
                self.send_header(name.replace("_", "-").title(), value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            """Say nothing."""

    return Handler
