"""A process gets a large file from Orthanc by HTTP, in parts."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from imaging_selection.sync.download import (
    PART,
    Download,
    NotDownloadedError,
    read_file,
)

FILE = bytes(range(256)) * (PART // 128) + b"end"  # two parts and three bytes


@pytest.fixture
def serve():
    """Serves what a function makes of a range; returns the URL."""
    servers = []

    def start(answer):
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                start, end = self.headers["Range"].removeprefix("bytes=").split("-")
                status, body = answer(int(start), int(end))
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}/file"

    yield start
    for each in servers:
        each.shutdown()
        each.server_close()


def as_orthanc(start, end):
    """Since 1.12.6: a range that ends behind the file is refused."""
    if end >= len(FILE):
        return 416, b"<html>"
    return 206, FILE[start : end + 1]


def test_no_range_ends_behind_the_file(serve):
    assert read_file(Download(serve(as_orthanc), "", len(FILE))) == FILE


def test_a_server_without_ranges_sends_the_whole(serve):
    url = serve(lambda *_: (200, FILE))
    assert read_file(Download(url, "", len(FILE))) == FILE


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(lambda *_: (403, b""), id="refused"),
        pytest.param(lambda *_: (200, FILE[:-1]), id="another-whole"),
        pytest.param(lambda start, end: (206, FILE[start:end]), id="cut-off"),
        pytest.param(lambda *_: (206, FILE), id="not-the-part"),
        pytest.param(
            lambda start, end: (206 if start == 0 else 200, FILE[start : end + 1]),
            id="a-part-as-the-whole",
        ),
    ],
)
def test_what_is_not_the_file_is_no_file(serve, answer):
    with pytest.raises(NotDownloadedError):
        read_file(Download(serve(answer), "", len(FILE)))
