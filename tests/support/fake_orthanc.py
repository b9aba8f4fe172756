"""An Orthanc in memory, as strict as the real one.

`FakeOrthanc` is the host that a test controls: it stores, deletes, sends requests.
`FakeOrthanc.module` is what a script gets by `import orthanc`: a name that is not here
is an AttributeError, even where the real module has it.

`contract/test_fake_matches_orthanc.py` asks the same of this host and of a real one.
In three points this host goes further on purpose, and notes them in `violations`: a
REST call of the script inside a callback (a real Orthanc may deadlock), a second answer
to one request (it is lost), and no answer at all (the connection is dropped).
"""

import json
import re
import threading
import traceback
from contextlib import contextmanager
from http import HTTPStatus
from types import SimpleNamespace

from support.fake_archive import (
    DELETED,
    INSTANCE,
    NEW,
    NEW_CHILD_INSTANCE,
    NEW_INSTANCE,
    NONE,
    PATIENT,
    SERIES,
    STUDY,
    UNKNOWN_RESOURCE,
    Archive,
    OrthancException,
    read_instance,
    to_json,
)
from support.fake_http import (
    ConnectionDroppedError,
    HttpAnswer,
    Output,
    check_types,
    lowered,
    own_error,
    parameters_of,
    uri_of,
)
from support.fake_releases import RELEASES, web_server_of

ORTHANC_STARTED, ORTHANC_STOPPED = 10, 11

PLUGIN_ERROR = (1, "Error encountered within the plugin engine")
INTERNAL_ERROR = (-1, "Internal error")
NOT_YET = (2038, "Plugin trying to call the database during its initialization")


class FakeOrthanc:
    """A host in memory.

    Parameters
    ----------
    configuration
        The contents of `orthanc.json`.
    version
        One of `RELEASES`.
    changes_first
        The change events of a stored instance arrive before the on-stored callback is
        called; a real Orthanc has either order.
    """

    def __init__(
        self,
        configuration=None,
        *,
        configuration_path="/etc/orthanc/orthanc.json",
        version="1.10.1",
        changes_first=False,
    ):
        section = (configuration or {}).get("ImagingSelection", {})
        if isinstance(section, dict):  # to start processes takes longer than a test
            section = {"Workers": 0} | section
        self.configuration = {**(configuration or {}), "ImagingSelection": section}
        self.configuration_path = str(configuration_path)
        self.release = RELEASES[version]
        self.version = tuple(map(int, version.split(".")))
        self.program = web_server_of(self.release.web_server)
        self.changes_first = changes_first
        self.violations = []
        self.log = []
        self.metrics = {}
        self.explorer = None  # the script that extends Orthanc Explorer
        self.routes = []
        self.plugins = ["explorer.js", "python"]
        self.started = False  # until then every REST call is an error
        self.broken = None  # an OrthancException that every REST call raises
        self._on_stored = None
        self._on_change = None
        self._archive = Archive()
        self._callback = threading.local()
        self.module = self._module()

    # What a test does to the host.

    def start(self):
        """Start; the script gets the event."""
        self.started = True
        self.report([(ORTHANC_STARTED, NONE, "")])

    def stop(self):
        """Stop; the script gets the event."""
        self.report([(ORTHANC_STOPPED, NONE, "")])

    def store(self, file):
        """Store a DICOM file; return its Orthanc id and Orthanc's status."""
        instance = read_instance(file)
        orthanc_id = instance.ids[INSTANCE]
        overwrite = self.configuration.get("OverwriteInstances", False)
        kept, changes = self._archive.store(instance, overwrite=overwrite)
        if self.changes_first:
            self.report(changes)
        if self._on_stored and (kept or self.release.reports_discarded):
            with self._in_callback("on-stored"):
                self._on_stored(_DicomInstance(instance), orthanc_id)
        if not self.changes_first:
            self.report(changes)
        return orthanc_id, "Success" if kept else "AlreadyStored"

    def delete(self, orthanc_id):
        """Delete an instance, and what is empty without it."""
        self.report(self._archive.delete(orthanc_id))

    def report(self, changes):
        """Call the on-change callback with each of these."""
        for change in changes:
            if self._on_change is not None:
                with self._in_callback("on-change"):
                    self._on_change(*change)

    def request(self, method, target, body=b"", headers=()):
        """Send a request; return the answer as the client receives it.

        Parameters
        ----------
        target
            Path and query, as they stand in the request line.
        headers
            Pairs.
        """
        answer = self._request(method, target, body, headers)
        streamed = not answer.header("Content-Length")
        if streamed or not self.release.forbids_sniffing:
            return answer
        return answer.without_sniffing()

    def get(self, target, **headers):
        """Send a GET request; a header's name is written with underscores."""
        pairs = [(name.replace("_", "-"), value) for name, value in headers.items()]
        return self.request("GET", target, headers=[("Host", "fake:8042"), *pairs])

    # How a request reaches the script.

    def _request(self, method, target, body, headers):
        if method in {"HEAD", "OPTIONS", "PATCH"}:  # they never reach a plugin
            status = HTTPStatus.BAD_REQUEST if method == "PATCH" else 404
            return HttpAnswer(int(status), (("Content-Length", "0"),), b"")
        path, mark, query = target.partition("?")
        uri, is_utf8 = uri_of(path, self.release)
        if not is_utf8:
            return own_error(self.release, 500, method, uri, INTERNAL_ERROR)
        match, callback = self._route_of(uri)
        if match is None:
            return own_error(self.release, 404, method, uri, UNKNOWN_RESOURCE)
        request = {
            "method": method,
            "groups": tuple(group or "" for group in match.groups()),
            "headers": lowered(headers),
        }
        if method == "GET":
            try:
                parameters = parameters_of(query, self.release)
            except UnicodeDecodeError:
                return own_error(self.release, 500, method, uri, INTERNAL_ERROR)
            request["get"] = parameters if mark else {}
        elif method != "DELETE":
            request["body"] = body
        return self._answer(callback, method, uri, request)

    def _route_of(self, uri):
        for path, callback in self.routes:
            if match := path.fullmatch(uri):
                return match, callback
        return None, None

    def _answer(self, callback, method, uri, request):
        output = Output(self.release)
        try:
            callback(output, uri, **request)
        except Exception as error:  # noqa: BLE001 - as the real host does
            self.log.append(("error", f"Error in the REST callback: {error!r}"))
            if not output.answers:
                return own_error(self.release, 500, method, uri, PLUGIN_ERROR)
        if len(output.answers) > 1:
            self.violations.append(f"{method} {uri} answered more than once")
        if not output.answers:
            self.violations.append(f"{method} {uri} not answered")
            raise ConnectionDroppedError(uri)
        return output.answers[0]

    @contextmanager
    def _in_callback(self, name):
        self._callback.name = name
        try:
            yield
        except Exception:  # noqa: BLE001 - the real host writes it into its log
            self.violations.append(f"raised in {name}: {traceback.format_exc()}")
        finally:
            self._callback.name = None

    # What the script gets.

    def _module(self):
        return SimpleNamespace(
            ChangeType=SimpleNamespace(
                DELETED=DELETED,
                NEW_CHILD_INSTANCE=NEW_CHILD_INSTANCE,
                NEW_INSTANCE=NEW_INSTANCE,
                NEW_PATIENT=NEW[PATIENT],
                NEW_SERIES=NEW[SERIES],
                NEW_STUDY=NEW[STUDY],
                STABLE_PATIENT=7,
                STABLE_SERIES=8,
                STABLE_STUDY=9,
                ORTHANC_STARTED=ORTHANC_STARTED,
                ORTHANC_STOPPED=ORTHANC_STOPPED,
            ),
            ResourceType=SimpleNamespace(
                PATIENT=PATIENT,
                STUDY=STUDY,
                SERIES=SERIES,
                INSTANCE=INSTANCE,
                NONE=NONE,
            ),
            MetricsType=SimpleNamespace(DEFAULT=0, TIMER=1),
            OrthancException=OrthancException,
            RegisterRestCallback=self._register_rest,
            RegisterOnChangeCallback=self._register_on_change,
            RegisterOnStoredInstanceCallback=self._register_on_stored,
            CheckVersionAdvanced=lambda *version: int(self.version >= version),
            ExtendOrthancExplorer=self._extend_explorer,
            GetConfiguration=lambda: json.dumps(self.configuration),
            GetConfigurationPath=lambda: self.configuration_path,
            RestApiGet=self._rest_api_get,
            RestApiPost=self._rest_api_post,
            LogInfo=lambda *arguments: self._write_log("info", *arguments),
            LogWarning=lambda *arguments: self._write_log("warning", *arguments),
            LogError=lambda *arguments: self._write_log("error", *arguments),
            SetMetricsValue=self._set_metrics_value,
        )

    def _register_rest(self, path, callback):
        self.routes.append((re.compile(path), callback))

    def _register_on_change(self, callback):
        if self._on_change is not None:
            raise RuntimeError("Can only register one Python on-changes callback")
        self._on_change = callback

    def _register_on_stored(self, callback):
        if self._on_stored is not None:
            raise RuntimeError(
                "Can only register one Python on-stored-instance callback"
            )
        self._on_stored = callback

    def _write_log(self, level, *arguments):
        check_types(arguments, str)
        self.log.append((level, *arguments))

    def _extend_explorer(self, *arguments):
        check_types(arguments, str)
        self.explorer = arguments[0]  # a second one replaces it

    def _set_metrics_value(self, *arguments):
        check_types(arguments, str, (int, float), int)
        self.metrics[arguments[0]] = arguments[1]

    def _rest_api_get(self, *arguments):
        check_types(arguments, str)
        (path,) = arguments
        self._check_rest_call(f"RestApiGet {path}")
        if path.partition("?")[0].strip("/") == "plugins":
            return to_json(self.plugins)
        return self._archive.get(path)

    def _rest_api_post(self, *arguments):
        check_types(arguments, str, (str, bytes))
        path, body = arguments
        self._check_rest_call(f"RestApiPost {path}")
        if path != "/tools/find":
            raise OrthancException(*UNKNOWN_RESOURCE)
        return self._archive.find(body, self.configuration)

    def _check_rest_call(self, call):
        callback = getattr(self._callback, "name", None)
        if callback is not None:
            self.violations.append(f"{call} in the callback {callback}")
            raise AssertionError(self.violations[-1])
        if not self.started:
            raise OrthancException(*NOT_YET)
        if self.broken is not None:
            raise self.broken


class _DicomInstance:
    """The first argument of the on-stored callback."""

    def __init__(self, instance):
        self._instance = instance

    def GetInstanceMetadata(self, *arguments):  # noqa: N802
        check_types(arguments, str)
        known = {"SopClassUid": self._instance.sop_class_uid}
        return known.get(arguments[0])

    def GetInstanceData(self):  # noqa: N802
        return self._instance.file
