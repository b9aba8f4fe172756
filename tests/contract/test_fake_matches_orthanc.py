"""The fake Orthanc behaves as a real one: both get the same requests and probes."""

import http.client
import json
from contextlib import contextmanager
from pathlib import Path

import pytest
from contract.probes import ANSWERS, install
from imaging_selection.host.serve import OrthancProcess
from support.builders import ct_image, make_rtstruct, roi
from support.fake_http import ConnectionDroppedError, HttpAnswer
from support.fake_orthanc import FakeOrthanc
from support.fake_releases import RELEASES
from support.orthanc import free_port, plugins
from support.waiting import PATIENCE, wait_until

FOLDER = Path(__file__).parent
NAME = "orthanc-113047"

# Of the connection, not of the answer.
OF_THE_CONNECTION = {"Connection", "Keep-Alive", "Date"}

FIRST = make_rtstruct(roi(1, "first-113047"))
OTHER_BYTES = make_rtstruct(roi(1, "first-113047"), roi(2, "second-113047"))
SIBLING = make_rtstruct(roi(1), SOPInstanceUID="2.25.113047301")
IMAGE = ct_image()


class Real:
    """A real Orthanc with the probes as its script."""

    def __init__(self, folder, configuration):
        folder.mkdir()
        self.log_path = folder / "orthanc.log"
        self._port = free_port()
        complete = {
            "Plugins": plugins("Python"),
            "PythonScript": str(FOLDER / "script.py"),
            "StorageDirectory": str(folder / "storage"),
            "IndexDirectory": str(folder / "storage"),
            "HttpPort": self._port,
            "DicomPort": free_port(),
            "StableAge": 1000,
            "KeepAlive": False,
            **configuration,
        }
        with self.log_path.open("ab") as log:
            self._process = OrthancProcess(complete, folder, output=log.fileno())
        self._process.wait_until_up()
        self.version = self._process.get("/system")["Version"]

    def request(self, method, target, body=b"", headers=()):
        connection = http.client.HTTPConnection(
            "127.0.0.1", self._port, timeout=PATIENCE
        )
        try:
            connection.putrequest(method, target, skip_accept_encoding=True)
            for name, value in headers:
                connection.putheader(name, value)
            if body:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body or None)
            answer = connection.getresponse()
            kept = (p for p in answer.getheaders() if p[0] not in OF_THE_CONNECTION)
            return HttpAnswer(answer.status, tuple(kept), answer.read())
        except http.client.RemoteDisconnected:
            raise ConnectionDroppedError(target) from None
        finally:
            connection.close()

    def store(self, file):
        answer = self.request("POST", "/instances", file).json
        return answer["ID"], answer["Status"]

    def delete(self, identity):
        assert self.request("DELETE", f"/instances/{identity}").status == 200

    def stop(self):
        return self._process.stop()


class Fake(FakeOrthanc):
    """The fake with the same script, and the same headers of the client."""

    def __init__(self, version, configuration):
        path = "/folder/orthanc.json"
        super().__init__(configuration, configuration_path=path, version=version)
        install(self.module)
        self.start()

    def request(self, method, target, body=b"", headers=()):
        sent = [("Host", "127.0.0.1"), *headers]
        if body:
            sent.append(("Content-Length", str(len(body))))
        return super().request(method, target, body, sent)


@contextmanager
def both(folder, *, overwrite):
    """Start a real one and the fake, with the same configuration."""
    configuration = {"Name": NAME, "OverwriteInstances": overwrite}
    real = Real(folder / "real", configuration)
    try:
        assert real.version in RELEASES, "an Orthanc that nobody has measured"
        yield real, Fake(real.version, configuration)
    finally:
        real.stop()


@pytest.fixture(scope="module")
def hosts(orthanc_program, tmp_path_factory):  # noqa: ARG001 - there must be one
    """The real one and the fake, for questions that change nothing."""
    with both(tmp_path_factory.mktemp("contract"), overwrite=False) as pair:
        yield pair


def wait_for_events(real, fake):
    """Wait until the real one has reported as many events as the fake.

    The next step finds an event too many.
    """
    wait_until(lambda: probe(real, "count") >= probe(fake, "count"))


def probe(host, name):
    answer = host.request("GET", f"/probe/{name}")
    assert answer.status == 200, answer.body
    return answer.json


LENGTHS = {"Content-Length", "Transfer-Encoding"}


def outcome_of(host, *request):
    """Return an answer for comparison: JSON as JSON, without the lengths."""
    try:
        answer = host.request(*request)
    except ConnectionDroppedError:
        return "connection dropped"
    headers = [pair for pair in answer.headers if pair[0] not in LENGTHS]
    lengths = answer.header("Content-Length")
    # None where the answer comes in chunks.
    assert lengths in ([], [str(len(answer.body))])
    try:
        body = json.loads(answer.body)
    except ValueError:
        body = answer.body
    if isinstance(body, dict) and "headers" in body.get("request", {}):
        body["request"]["headers"].pop("host")
    return answer.status, headers, body


@pytest.mark.parametrize(
    "name",
    [
        "enumerations",
        "versions",
        "second_registration",
        "configuration",
        "log",
        "metrics",
        "unknown_resources",
        "bad_calls",
    ],
)
def test_the_module_answers_a_script_alike(hosts, name):
    real, fake = hosts
    assert probe(fake, name) == probe(real, name)


def test_the_last_extension_of_orthanc_explorer_is_there(hosts):
    real, fake = hosts
    assert probe(fake, "explorer") == probe(real, "explorer")
    served = real.request("GET", "/plugins/explorer.js").body.decode()
    assert fake.explorer == "// second 113047 é"
    assert fake.explorer in served
    assert "first 113047" not in served


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_arrives_alike(hosts, name):
    real, fake = hosts
    request = ("GET", f"/answer/{name}")
    assert outcome_of(fake, *request) == outcome_of(real, *request)


@pytest.mark.parametrize(
    ("method", "target", "body", "headers"),
    [
        pytest.param("GET", "/echo/a", b"", (), id="no-parameters"),
        pytest.param("GET", "/echo/a?p=1&p=2&q=3", b"", (), id="repeated-parameter"),
        pytest.param(
            "GET", "/echo/a?p=x%20y&q=a+b&r=%C3%A9&s=%2B&t=%25", b"", (), id="escapes"
        ),
        pytest.param("GET", "/echo/a?p=%FF", b"", (), id="value-that-is-no-utf8"),
        pytest.param("GET", "/echo/a?%C3%A9=1&a%20b=2", b"", (), id="escaped-names"),
        pytest.param("GET", "/echo/a?p=a%26q%3D1", b"", (), id="escaped-separators"),
        pytest.param("GET", "/echo/a?p&q=&=r&s=1=2&&t=1;u=2", b"", (), id="odd-pairs"),
        pytest.param("GET", "/echo/a?", b"", (), id="empty-query"),
        pytest.param("GET", "/echo/a?p=1&", b"", (), id="ampersand-at-the-end"),
        pytest.param("GET", "/echo/x%20y/c%C3%A9d", b"", (), id="escapes-in-the-path"),
        pytest.param("GET", "/echo/a%2Fb", b"", (), id="escaped-slash"),
        pytest.param("GET", "/echo/a+b%2B", b"", (), id="plus-in-the-path"),
        pytest.param("GET", "/echo/%FF", b"", (), id="path-that-is-no-utf8"),
        pytest.param("GET", "/echo//a///b/?p=1", b"", (), id="empty-path-segments"),
        pytest.param("GET", "/echo/a/?p=1", b"", (), id="slash-at-the-end"),
        pytest.param("GET", "/echo", b"", (), id="path-of-which-a-route-is-longer"),
        pytest.param("GET", "/before/echo/a", b"", (), id="route-at-the-end-of-a-path"),
        pytest.param("GET", "/ECHO/a", b"", (), id="other-case"),
        pytest.param("GET", "/later", b"", (), id="route-at-the-start-of-a-path"),
        pytest.param("GET", "/part", b"", (), id="alternative-routes"),
        pytest.param("GET", "/nothing-113047", b"", (), id="no-route"),
        pytest.param(
            "GET",
            "/echo/a",
            b"",
            (("X-Two-Words", "Zed"), ("x-two-words", "other"), ("ACCEPT", "a/b;q=1")),
            id="headers",
        ),
        pytest.param("POST", "/echo/a?p=1", b"p=2&p=3", (), id="post"),
        pytest.param("POST", "/echo/a", b"", (("Content-Length", "0"),), id="no-body"),
        pytest.param("POST", "/echo/a", b"\xff\x00\xc3", (), id="post-of-bytes"),
        pytest.param("PUT", "/echo/a?p=1", b"p=2", (), id="put"),
        pytest.param("DELETE", "/echo/a?p=1", b"", (), id="delete"),
        pytest.param("HEAD", "/echo/a", b"", (), id="head"),
        pytest.param("OPTIONS", "/echo/a", b"", (), id="options"),
        pytest.param("PATCH", "/echo/a", b"[]", (), id="patch"),
    ],
)
def test_a_request_arrives_alike(hosts, method, target, body, headers):
    real, fake = hosts
    request = (method, target, body, headers)
    assert outcome_of(fake, *request) == outcome_of(real, *request)


@pytest.mark.usefixtures("orthanc_program")
@pytest.mark.parametrize("overwrite", [False, True], ids=["keep", "overwrite"])
def test_the_archive_and_the_events_are_alike(tmp_path, overwrite):
    """One test, because each step needs the result of the step before."""
    with both(tmp_path, overwrite=overwrite) as (real, fake):

        def compare(*names):
            for name in names:
                assert probe(fake, name) == probe(real, name)

        wait_for_events(real, fake)
        compare("events")
        identities = []
        for file in (FIRST, FIRST, OTHER_BYTES, SIBLING, IMAGE):
            stored = fake.store(file)
            assert stored == real.store(file)
            identities.append(stored[0])
            wait_for_events(real, fake)
            compare("events", "found", "change_log")
        compare("archive", "found_by_uid")
        *_, first, sibling, image = identities
        for identity in (sibling, first, image):
            fake.delete(identity)
            real.delete(identity)
            wait_for_events(real, fake)
            compare("events", "found", "change_log")
        fake.stop()
        assert real.stop() == 0
        logged = [line for level, line in fake.log if level == "warning"]
        assert logged == ["stopped: (11, 4, '')"]
        assert logged[0] in real.log_path.read_text()


def test_a_name_that_is_not_written_down_is_no_attribute_of_the_fake():
    with pytest.raises(AttributeError):
        _ = FakeOrthanc().module.RestApiPut


def test_a_rest_call_in_a_callback_is_kept_as_a_violation():
    fake = FakeOrthanc()
    fake.module.RegisterOnStoredInstanceCallback(
        lambda _dicom, identity: fake.module.RestApiGet(f"/instances/{identity}")
    )
    identity, _ = fake.store(FIRST)
    assert (
        fake.violations[0]
        == f"RestApiGet /instances/{identity} in the callback on-stored"
    )
