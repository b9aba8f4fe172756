"""A reverse proxy that shows an Orthanc below a path, and nothing anywhere else."""

import http.client
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import urlsplit

OF_THE_CONNECTION = {"connection", "keep-alive", "transfer-encoding", "content-length"}


@contextmanager
def proxy_below(path, url):
    """Run the proxy; gives the address that it shows Orthanc at."""
    host = urlsplit(url).netloc

    class Handler(BaseHTTPRequestHandler):
        def pass_on(self):
            length = int(self.headers.get("Content-Length", 0))
            body = self.rfile.read(length)
            if not self.path.startswith(f"{path}/"):
                self.send_error(404)
                return
            connection = http.client.HTTPConnection(host, timeout=60)
            asked = self.path.removeprefix(path)
            connection.request(self.command, asked, body, dict(self.headers))
            answer = connection.getresponse()
            content = answer.read()
            connection.close()
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in OF_THE_CONNECTION:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = pass_on  # noqa: N815 - the names that the server calls

        def log_message(self, *_arguments):
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}{path}"
    finally:
        server.shutdown()
        server.server_close()
