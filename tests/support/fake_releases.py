"""How the releases of Orthanc differ, each with its Python plugin, as measured."""

from dataclasses import dataclass
from types import SimpleNamespace


@dataclass(frozen=True)
class Release:
    """What one release of Orthanc and of its Python plugin does unlike another.

    Attributes
    ----------
    status_takes_text
        `SendHttpStatus(status, str, size)` rather than `(status, bytes or str)`.
    adds_text_plain
        SendHttpStatus adds a second Content-Type to an answer.
    reports_discarded
        The on-stored callback is called for a file that is not kept because its
        instance exists.
    streams
        `StartStreamAnswer` and `SendStreamChunk` exist.
    decodes_query
        The query is decoded before it is split into parameters.
    forbids_sniffing
        Each answer in one piece has `X-Content-Type-Options: nosniff`, and each of
        Orthanc's own errors a Content-Type.
    web_server
        The version of civetweb that Debian builds it with.
    """

    status_takes_text: bool = False
    adds_text_plain: bool = True
    reports_discarded: bool = False
    streams: bool = True
    decodes_query: bool = False
    forbids_sniffing: bool = True
    web_server: bytes = b"1.16"

    @property
    def plus_is_a_blank(self):
        """Whether a `+` in a path is a blank."""
        return self.web_server != b"1.15"


RELEASES = {
    "1.10.1": Release(
        status_takes_text=True,
        adds_text_plain=False,
        reports_discarded=True,
        streams=False,
        forbids_sniffing=False,
        web_server=b"1.15",
    ),
    "1.12.7": Release(reports_discarded=True),
    "1.13.0": Release(decodes_query=True),
}


def web_server_of(version):
    """Return the C functions of a program that contains this civetweb; None: none."""
    if version is None:
        return SimpleNamespace()

    def mg_version():
        return version

    return SimpleNamespace(mg_version=mg_version)
