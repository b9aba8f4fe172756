"""A small HTTP client for the tests: status, headers and JSON of any answer."""

import json
from dataclasses import dataclass
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from support.waiting import PATIENCE, wait_until

JSON = "application/json"


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)


class Client:
    def __init__(self, url, patience=PATIENCE):
        self.url = url
        self._patience = patience  # seconds that an answer may take

    def request(self, method, path, body=None, headers=None):
        request = Request(self.url + path, body, headers or {}, method=method)
        try:
            with urlopen(request, timeout=self._patience) as answer:
                return Answer(answer.status, dict(answer.headers), answer.read())
        except HTTPError as error:
            with error:
                return Answer(error.code, dict(error.headers), error.read())

    def get(self, path, pairs=(), **headers):
        query = "?" + urlencode(pairs) if pairs else ""
        return self.request("GET", path + query, headers=headers)

    def reconcile(self, **options):
        """Start a sweep; with `force=True`, one that converts everything again."""
        body, headers = json.dumps(options).encode(), {"Content-Type": JSON}
        answer = self.request("POST", "/imaging-selection/reconcile", body, headers)
        assert answer.status == 200, answer.body

    def store(self, file):
        """Store a file; return Orthanc's own answer."""
        return self.request("POST", "/instances", file)

    def status(self):
        return self.get("/imaging-selection/status").json

    def wait_until_up_to_date(self, count=None):
        """Wait until no structure set waits, of `count` if given; return the status."""

        def up_to_date():
            status = self.status()
            counted = count in {None, status["structureSets"]}
            return counted and not status["waiting"] + status["removing"] and status

        return wait_until(up_to_date)

    def pages(self, path, pairs=()):
        """Yield every match of a search in order, page by page."""
        answer = self.get(path, pairs)
        while True:
            assert answer.status == 200, answer.body
            yield from (entry["resource"] for entry in answer.json.get("entry", ()))
            links = {link["relation"]: link["url"] for link in answer.json["link"]}
            if "next" not in links:
                return
            answer = self.get(links["next"].removeprefix(self.url))
