import weakref
from types import SimpleNamespace

import pytest
from imaging_selection.api.http import Response
from imaging_selection.host.versions import keep, leaves_escapes, send
from support.fake_orthanc import FakeOrthanc
from support.fake_releases import RELEASES, web_server_of


class TestKeep:
    """Callbacks, which Orthanc frees at its end."""

    def test_what_is_kept_is_not_freed(self):
        def callback():
            """Do nothing."""

        kept = weakref.ref(keep(callback))
        del callback
        assert kept() is not None


class TestLeavesEscapes:
    """Who decodes the parameters of a GET."""

    @pytest.mark.parametrize(
        ("later", "web_server", "expected"),
        [
            pytest.param(False, b"1.15", True, id="debian-12"),
            pytest.param(False, b"1.16", True, id="debian-13"),
            pytest.param(True, b"1.16", False, id="debian-sid"),
            pytest.param(False, b"1.14", False, id="older-civetweb"),
            pytest.param(False, None, False, id="a-civetweb-of-its-own"),
            pytest.param(True, None, False, id="a-later-one-of-its-own"),
        ],
    )
    def test_it_hangs_on_orthanc_and_on_its_web_server(
        self, later, web_server, expected
    ):
        asked = []
        orthanc = SimpleNamespace(
            CheckVersionAdvanced=lambda *version: asked.append(version) or int(later)
        )
        program = web_server_of(web_server)
        assert leaves_escapes(orthanc, program) is expected
        assert asked == [(1, 12, 10)]

    def test_a_program_without_the_web_server_of_the_system_is_no_error(self):
        orthanc = SimpleNamespace(CheckVersionAdvanced=lambda *_: 0)
        assert leaves_escapes(orthanc) is False  # of Python itself


class TestSend:
    """An answer, through each generation of the Python plugin."""

    @staticmethod
    def answered(version, response):
        host = FakeOrthanc(version=version)
        host.module.RegisterRestCallback(
            "/x", lambda output, _uri, **_request: send(output, response)
        )
        answer = host.request("GET", "/x")
        assert host.violations == []
        return answer

    @pytest.mark.parametrize("version", RELEASES)
    def test_200_has_its_type_and_headers(self, version):
        response = Response(200, b'{"a":"\xc3\xa9"}', "type/x; v=1", {"ETag": 'W/"1"'})
        answer = self.answered(version, response)
        assert (answer.status, answer.body) == (200, response.body)
        assert answer.header("ETag") == ['W/"1"']
        assert answer.header("Content-Type") == ["type/x; v=1"]
        assert answer.header("Content-Length") == ["10"]

    @pytest.mark.parametrize("status", [400, 404, 406, 410, 422, 500, 503])
    def test_an_error_has_its_body_and_type_on_older_hosts(self, status):
        response = Response(status, '{"a":"é"}'.encode(), "type/x", {"X": "1"})
        answer = self.answered("1.10.1", response)
        assert (answer.status, answer.body) == (status, response.body)
        assert answer.header("X") == ["1"]
        assert answer.header("Content-Type") == ["type/x"]

    @pytest.mark.parametrize("status", [400, 404, 406, 410, 422, 500, 503])
    def test_an_error_has_its_body_and_type_first_on_newer_hosts(self, status):
        response = Response(status, '{"a":"é"}'.encode(), "type/x", {"X": "1"})
        answer = self.answered("1.12.7", response)
        assert (answer.status, answer.body) == (status, response.body)
        assert answer.header("Content-Type")[0] == "type/x"

    @pytest.mark.parametrize("version", RELEASES)
    def test_405_names_what_is_allowed(self, version):
        # Orthanc has a method of its own for it, which sends no body.
        response = Response(405, b"{}", "type/x", {"Allow": "GET, POST"})
        answer = self.answered(version, response)
        assert (answer.status, answer.body) == (405, b"")
        assert answer.header("Allow") == ["GET, POST"]

    @pytest.mark.parametrize("version", RELEASES)
    def test_304_has_no_body(self, version):
        answer = self.answered(version, Response(304, b"", "type/x", {"ETag": "1"}))
        assert (answer.status, answer.body) == (304, b"")
        assert answer.header("ETag") == ["1"]
