"""An Orthanc in memory, as unforgiving as the real one.

`FakeOrthanc` is the host that a test drives: it stores, deletes, sends requests.
`FakeOrthanc.module` is what a script gets by `import orthanc`: whatever is not written
down here is an AttributeError, also where the real module has it.

All that is claimed here is proven by `contract/test_fake_matches_orthanc.py`, which
does the same to this host and to a real one. Three things go further than the real
host, on purpose, and are kept in `violations`: a REST call of the script from inside a
callback (a real Orthanc may deadlock), a second answer to one request (it is lost), and
no answer at all (the connection is dropped).
"""

import hashlib
import io
import json
import re
import threading
import traceback
import uuid
import warnings
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from types import SimpleNamespace
from urllib.parse import unquote_to_bytes

import pydicom

PATIENT, STUDY, SERIES, INSTANCE, NONE = range(5)
LEVELS = ("patients", "studies", "series", "instances")
# As much of Orthanc's main DICOM tags as is asked for.
MAIN_TAGS = {
    STUDY: ("StudyDate", "StudyDescription"),
    SERIES: ("Modality", "SeriesDescription", "SeriesNumber"),
}
TYPES = ("Patient", "Study", "Series", "Instance")
DELETED, NEW_CHILD_INSTANCE, NEW_INSTANCE = 1, 2, 3
NEW = {PATIENT: 4, SERIES: 5, STUDY: 6, INSTANCE: NEW_INSTANCE}
ORTHANC_STARTED, ORTHANC_STOPPED = 10, 11

# Not 200, 301, 401, 405: those have methods of their own, and the real host drops the
# connection of whoever sends the latter three, or a number unknown to it, otherwise.
STATUSES = {
    200,
    303,
    304,
    400,
    401,
    403,
    404,
    406,
    409,
    410,
    412,
    415,
    422,
    500,
    501,
    503,
}


@dataclass(frozen=True)
class Release:
    """How one release of Orthanc and of its Python plugin differ from another.

    Attributes
    ----------
    status_takes_text
        `SendHttpStatus(status, str, size)` rather than `(status, bytes or str)`.
    adds_text_plain
        A second Content-Type goes with the answers of SendHttpStatus.
    tells_of_discarded
        The on-stored callback hears of a file that is not kept, because its instance
        is there already.
    streams
        `StartStreamAnswer` and `SendStreamChunk` are there.
    decodes_query
        The query is decoded before it is cut into parameters; see `bridge`.
    forbids_sniffing
        Each answer in one piece has `X-Content-Type-Options: nosniff`, and each of
        Orthanc's own errors a Content-Type.
    web_server
        The civetweb that Debian builds it with.
    """

    status_takes_text: bool = False
    adds_text_plain: bool = True
    tells_of_discarded: bool = False
    streams: bool = True
    decodes_query: bool = False
    forbids_sniffing: bool = True
    web_server: bytes = b"1.16"


# Orthanc's version -> what was measured of it, with the Python plugin it comes with.
RELEASES = {
    "1.10.1": Release(
        status_takes_text=True,
        adds_text_plain=False,
        tells_of_discarded=True,
        streams=False,
        forbids_sniffing=False,
        web_server=b"1.15",
    ),
    "1.12.7": Release(tells_of_discarded=True),
    "1.13.0": Release(decodes_query=True),
}


def web_server_of(version):
    """The C functions of a program that has civetweb of a version; None: it has not."""
    return SimpleNamespace() if version is None else _WebServer(version)


class _WebServer:
    def __init__(self, version):
        def mg_version():
            return version

        self.mg_version = mg_version


class OrthancException(Exception):  # noqa: N818 - the host's own name
    """`orthanc.OrthancException`: its arguments are a code and a text."""


UNKNOWN_RESOURCE = (17, "Unknown resource")
INEXISTENT_ITEM = (7, "Accessing an inexistent item")
BAD_REQUEST = (8, "Bad request")
PLUGIN_ERROR = (1, "Error encountered within the plugin engine")
INTERNAL_ERROR = (-1, "Internal error")
NOT_YET = (2038, "Plugin trying to call the database during its initialization")


class ConnectionDroppedError(Exception):
    """The client of a request was left without an answer."""


@dataclass(frozen=True)
class HttpAnswer:
    """An answer as its client sees it, with the headers in order."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)

    def header(self, name):
        """The values of a header, of which there may be any number."""
        return [value for each, value in self.headers if each == name]


@dataclass
class StoredInstance:
    """An instance of the archive: ids from patient to instance, and its file."""

    ids: tuple[str, str, str, str]
    file: bytes
    modality: str
    sop_class_uid: str
    tags: dict
    file_uuid: str = field(default_factory=lambda: str(uuid.uuid4()))


class FakeOrthanc:
    """A host in memory.

    Parameters
    ----------
    configuration
        What `orthanc.json` would hold.
    version
        One of `RELEASES`.
    changes_first
        The change events of a stored instance arrive before the on-stored callback is
        called; the real ones come in either order.
    """

    def __init__(
        self,
        configuration=None,
        *,
        configuration_path="/etc/orthanc/orthanc.json",
        version="1.10.1",
        changes_first=False,
    ):
        self.configuration = configuration or {}
        self.configuration_path = str(configuration_path)
        self.release = RELEASES[version]
        self.version = tuple(map(int, version.split(".")))
        self.program = web_server_of(self.release.web_server)
        self.changes_first = changes_first
        self.violations = []
        self.log = []
        self.metrics = {}
        self.explorer = None  # what extends Orthanc Explorer
        self.routes = []
        self.plugins = ["explorer.js", "python"]
        self.started = False  # until then no REST call is answered
        self.broken = None  # an OrthancException that every REST call is to raise
        self._on_stored = None
        self._on_change = None
        self._archive = {}
        self._change_log = []
        self._change_number = 0
        self._lock = threading.RLock()
        self._callback = threading.local()
        self.module = self._module()

    # What the test does to the host.

    def start(self):
        """Tell the script that Orthanc has started."""
        self.started = True
        self._tell_changes([(ORTHANC_STARTED, NONE, "")])

    def stop(self):
        """Tell the script that Orthanc stops."""
        self._tell_changes([(ORTHANC_STOPPED, NONE, "")])

    def store(self, file):
        """Store a DICOM file; the answer is its id and Orthanc's word for it."""
        instance = _read(file)
        identity = instance.ids[INSTANCE]
        changes = []
        with self._lock:
            known = identity in self._archive
            kept = not known or self.configuration.get("OverwriteInstances", False)
            if kept:
                changes += self._delete(identity) if known else []
                added = self._add(instance)
                self._write_change_log(added)
                changes += added
        told = kept or self.release.tells_of_discarded
        if self.changes_first:
            self._tell_changes(changes)
        if told and self._on_stored is not None:
            with self._in_callback("on-stored"):
                self._on_stored(_DicomInstance(instance), identity)
        if not self.changes_first:
            self._tell_changes(changes)
        return identity, "Success" if kept else "AlreadyStored"

    def delete(self, identity):
        """Delete an instance, and what is empty without it."""
        with self._lock:
            changes = self._delete(identity)
        self._tell_changes(changes)

    def request(self, method, target, body=b"", headers=()):
        """Send a request, and give the answer as it arrives at the client.

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
        lengths = [pair for pair in answer.headers if pair[0] == "Content-Length"]
        others = [pair for pair in answer.headers if pair[0] != "Content-Length"]
        nosniff = ("X-Content-Type-Options", "nosniff")
        return replace(answer, headers=(*others, nosniff, *lengths))

    def _request(self, method, target, body, headers):
        if method in {"HEAD", "OPTIONS", "PATCH"}:  # they never reach a plugin
            status = HTTPStatus.BAD_REQUEST if method == "PATCH" else 404
            return HttpAnswer(int(status), (("Content-Length", "0"),), b"")
        path, mark, query = target.partition("?")
        if (
            self.release.web_server != b"1.15"
        ):  # later ones take + for a blank here, too
            path = path.replace("+", " ")
        decoded = unquote_to_bytes(path)
        try:
            # Empty parts are lost: "//" is "/", and a "/" at the end is none.
            uri = "/" + "/".join(filter(None, decoded.decode().split("/")))
        except UnicodeDecodeError:
            uri = decoded.decode(errors="replace")
            return self._own_error(
                500, method, uri, INTERNAL_ERROR, "Internal Server Error"
            )
        match, callback = self._route_of(uri)
        if match is None:
            return self._own_error(404, method, uri, UNKNOWN_RESOURCE, "Not Found")
        request = {
            "method": method,
            "groups": tuple(group or "" for group in match.groups()),
            "headers": _lowered(headers),
        }
        if method == "GET":
            try:
                query = self._decoded(query)
            except UnicodeDecodeError:
                error = INTERNAL_ERROR, "Internal Server Error"
                return self._own_error(500, method, uri, *error)
            # The last of a name wins.
            pairs = (pair.partition("=")[::2] for pair in query.split("&"))
            request["get"] = dict(pairs) if mark else {}
        elif method != "DELETE":
            request["body"] = body
        return self._answer(callback, method, uri, request)

    def _decoded(self, query):
        """Decode a query before it is cut, or leave it as it is written."""
        if not self.release.decodes_query:
            return query
        return unquote_to_bytes(query.replace("+", " ")).decode()

    def get(self, target, **headers):
        """Send a GET request; a header's name is written with underscores."""
        pairs = [(name.replace("_", "-"), value) for name, value in headers.items()]
        return self.request("GET", target, headers=[("Host", "fake:8042"), *pairs])

    # What a script sees.

    def _module(self):
        return SimpleNamespace(
            ChangeType=SimpleNamespace(
                DELETED=DELETED,
                NEW_CHILD_INSTANCE=NEW_CHILD_INSTANCE,
                NEW_INSTANCE=NEW_INSTANCE,
                NEW_PATIENT=NEW[PATIENT],
                NEW_SERIES=NEW[SERIES],
                NEW_STUDY=NEW[STUDY],
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
        _check(arguments, str)
        self.log.append((level, *arguments))

    def _extend_explorer(self, *arguments):
        _check(arguments, str)
        self.explorer = arguments[0]  # a second one takes its place

    def _set_metrics_value(self, *arguments):
        _check(arguments, str, (int, float), int)
        self.metrics[arguments[0]] = arguments[1]

    def _rest_api_get(self, *arguments):
        _check(arguments, str)
        self._note_rest_call(f"RestApiGet {arguments[0]}")
        path, _, query = arguments[0].partition("?")
        parts = path.strip("/").split("/")
        with self._lock:
            if parts == ["changes"]:
                return self._changes(query)
            if parts == ["plugins"]:
                return _json(self.plugins)
            if parts == ["series"] and not query:
                return _json([*dict.fromkeys(e.ids[2] for e in self._archive.values())])
            return self._get(*parts)

    def _changes(self, query):
        log = self._change_log
        if query == "last":
            return _json({"Changes": log[-1:], "Done": True, "Last": _last(log)})
        asked = dict(pair.split("=") for pair in query.split("&"))
        if asked.keys() != {"since", "limit"}:
            raise NotImplementedError(f"this has not been measured: {query}")
        following = [each for each in log if each["Seq"] > int(asked["since"])]
        page = following[: int(asked["limit"])]
        done = len(page) == len(following)
        return _json({"Changes": page, "Done": done, "Last": _last(page or log)})

    def _rest_api_post(self, *arguments):
        _check(arguments, str, (str, bytes))
        path, body = arguments
        self._note_rest_call(f"RestApiPost {path}")
        if path == "/tools/lookup":
            return self._lookup(body if isinstance(body, str) else body.decode())
        if path != "/tools/find":
            raise OrthancException(*UNKNOWN_RESOURCE)
        try:
            query = json.loads(body)
            level, wanted = query["Level"], query["Query"]
        except (ValueError, KeyError, TypeError):
            raise OrthancException(*BAD_REQUEST) from None
        if level != "Instance" or not wanted.keys() <= {"Modality"}:
            raise NotImplementedError(f"this query has not been measured: {query}")
        with self._lock:
            return _json(
                [
                    identity
                    for identity, each in self._archive.items()
                    if each.modality == wanted.get("Modality", each.modality)
                ]
            )

    def _lookup(self, uid):
        """Find what has an identifier: only series and instances are told here."""
        with self._lock:
            found = {
                (depth, each.ids[depth])
                for each in self._archive.values()
                for depth, tag in ((SERIES, "Series"), (INSTANCE, "SOP"))
                if each.tags[f"{tag}InstanceUID"] == uid
            }
        return _json(
            [
                {"ID": name, "Path": f"/{LEVELS[depth]}/{name}", "Type": TYPES[depth]}
                for depth, name in sorted(found)
            ]
        )

    # The archive.

    def _get(self, level, identity="", *rest):
        depth = LEVELS.index(level) if level in LEVELS else NONE
        within = [
            each for each in self._archive.values() if identity in each.ids[depth:][:1]
        ]
        if not within:
            raise OrthancException(*UNKNOWN_RESOURCE)
        if not rest:
            return _json(self._describe(depth, within))
        if depth == INSTANCE and rest == ("series",):
            name = within[0].ids[SERIES]
            return _json(self._describe(SERIES, self._within(SERIES, name)))
        if depth == INSTANCE:
            return _instance_part(within[0], *rest)
        child = LEVELS.index(rest[0]) if rest[0] in LEVELS else NONE
        if child <= depth or child == NONE or len(rest) > 1:
            raise OrthancException(*UNKNOWN_RESOURCE)
        children = {each.ids[child]: None for each in within}
        return _json([self._describe(child, self._within(child, c)) for c in children])

    def _within(self, depth, identity):
        return [each for each in self._archive.values() if each.ids[depth] == identity]

    def _write_change_log(self, changes):
        names = {number: depth for depth, number in NEW.items()}
        for kind, depth, identity in changes:
            if kind == NEW_CHILD_INSTANCE:
                continue  # told to callbacks, not written down
            self._change_number += 1
            entry = {
                "ChangeType": f"New{TYPES[names[kind]]}",
                "Date": "20210304T050607",
                "ID": identity,
                "Path": f"/{LEVELS[depth]}/{identity}",
                "ResourceType": TYPES[depth],
                "Seq": self._change_number,
            }
            self._change_log.append(entry)

    @staticmethod
    def _describe(depth, within):
        first = within[0]
        described = {"ID": first.ids[depth], "Type": TYPES[depth]}
        if depth > PATIENT:
            described[f"Parent{TYPES[depth - 1]}"] = first.ids[depth - 1]
        if depth < INSTANCE:
            children = LEVELS[depth + 1].capitalize()
            described[children] = [*dict.fromkeys(e.ids[depth + 1] for e in within)]
            told = MAIN_TAGS.get(depth, ())
            described["MainDicomTags"] = {
                name: first.tags[name] for name in told if name in first.tags
            }
        else:
            described["FileSize"] = len(first.file)
            described["FileUuid"] = first.file_uuid
        return described

    def _add(self, instance):
        known = {identity for each in self._archive.values() for identity in each.ids}
        self._archive[instance.ids[INSTANCE]] = instance
        upwards = (INSTANCE, SERIES, STUDY, PATIENT)
        ids = instance.ids
        return [
            *((NEW[d], d, ids[d]) for d in upwards if ids[d] not in known),
            *((NEW_CHILD_INSTANCE, d, ids[d]) for d in upwards[1:]),
        ]

    def _delete(self, identity):
        ids = self._archive.pop(identity).ids
        left = {name for each in self._archive.values() for name in each.ids}
        # What is deleted takes its entries along.
        self._change_log = [each for each in self._change_log if each["ID"] in left]
        return [
            (DELETED, depth, name) for depth, name in enumerate(ids) if name not in left
        ]

    # Callbacks.

    def _tell_changes(self, changes):
        for change in changes:
            if self._on_change is not None:
                with self._in_callback("on-change"):
                    self._on_change(*change)

    @contextmanager
    def _in_callback(self, name):
        self._callback.name = name
        try:
            yield
        except Exception:  # noqa: BLE001 - the real host writes it into its log
            self.violations.append(f"raised in {name}: {traceback.format_exc()}")
        finally:
            self._callback.name = None

    def _note_rest_call(self, call):
        callback = getattr(self._callback, "name", None)
        if callback is not None:
            self.violations.append(f"{call} in the callback {callback}")
            raise AssertionError(self.violations[-1])
        if not self.started:
            raise OrthancException(*NOT_YET)
        if self.broken is not None:
            raise self.broken

    def _route_of(self, uri):
        for path, callback in self.routes:
            if match := path.fullmatch(uri):
                return match, callback
        return None, None

    def _answer(self, callback, method, uri, request):
        output = _Output(self.release)
        try:
            callback(output, uri, **request)
        except Exception as error:  # noqa: BLE001 - as the real host does
            self.log.append(("error", f"Error in the REST callback: {error!r}"))
            if not output.answers:
                return self._own_error(
                    500, method, uri, PLUGIN_ERROR, "Internal Server Error"
                )
        if len(output.answers) > 1:
            self.violations.append(f"{method} {uri} answered more than once")
        if not output.answers:
            self.violations.append(f"{method} {uri} not answered")
            raise ConnectionDroppedError(uri)
        return output.answers[0]

    def _own_error(self, status, method, uri, error, phrase):
        """Orthanc's own answer, when no plugin has given one."""
        code, text = error
        body = json.dumps(
            {
                "HttpError": phrase,
                "HttpStatus": status,
                "Message": text,
                "Method": method,
                "OrthancError": text,
                "OrthancStatus": code,
                "Uri": uri,
            }
        ).encode()
        length = ("Content-Length", str(len(body)))
        plain = [("Content-Type", "text/plain")] * self.release.forbids_sniffing
        return HttpAnswer(status, (*plain, length), body)


class _Output:
    """The first argument of a REST callback."""

    def __init__(self, release):
        status = self._send_text if release.status_takes_text else self._send_bytes
        self._adds_text_plain = release.adds_text_plain
        self._headers = []
        self.answers = []
        self.parts = None
        self.SendHttpStatus = status
        if release.streams:
            self.StartStreamAnswer = self._start_stream
            self.SendStreamChunk = self._send_chunk

    def SetHttpHeader(self, *arguments):  # noqa: N802
        _check(arguments, str, str)
        self._headers.append(arguments)

    def AnswerBuffer(self, *arguments):  # noqa: N802
        _check(arguments, (str, bytes), str)
        body, mime = arguments
        body = body if isinstance(body, bytes) else body.encode()
        self._answer(200, [*self._headers, ("Content-Type", mime)], body)

    def SendMethodNotAllowed(self, *arguments):  # noqa: N802
        _check(arguments, str)
        # The headers that were set before are lost, and there can be no body.
        self._answer(405, [("Allow", *arguments)], b"")

    def _start_stream(self, *arguments):
        _check(arguments, str)
        self.parts = []
        # In chunks (RFC 9112, 7.1): there is no Content-Length.
        headers = (*self._headers, ("Content-Type", *arguments))
        self.answers.append(HttpAnswer(200, headers, b""))

    def _send_chunk(self, *arguments):
        _check(arguments, bytes)
        self.parts.append(*arguments)
        self.answers[0] = replace(self.answers[0], body=b"".join(self.parts))

    def _send_text(self, *arguments):
        _check(arguments, int, str, int)
        status, text, size = arguments
        self._send(status, text.encode()[:size])

    def _send_bytes(self, *arguments):
        _check(arguments, int, (bytes, str))
        status, body = arguments
        self._send(status, body.encode() if isinstance(body, str) else body)

    def _send(self, status, body):
        if status not in STATUSES:
            return  # silently: the client will be left without an answer
        headers = list(self._headers)
        if self._adds_text_plain and body:
            headers.append(("Content-Type", "text/plain"))
        self._answer(status, headers, body)

    def _answer(self, status, headers, body):
        length = ("Content-Length", str(len(body)))
        self.answers.append(HttpAnswer(status, (*headers, length), body))


class _DicomInstance:
    """The first argument of the on-stored callback."""

    def __init__(self, instance):
        self._instance = instance

    def GetInstanceMetadata(self, *arguments):  # noqa: N802
        _check(arguments, str)
        known = {"SopClassUid": self._instance.sop_class_uid}
        return known.get(arguments[0])

    def GetInstanceData(self):  # noqa: N802
        return self._instance.file


def _check(arguments, *types):
    """Raise what the real module raises when a type or the number is wrong."""
    if len(arguments) != len(types) or not all(map(isinstance, arguments, types)):
        raise TypeError(
            f"Bad types for the arguments ({len(types)} arguments expected)"
        )


def _read(file):
    dataset = pydicom.dcmread(io.BytesIO(file), force=True, stop_before_pixels=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the host takes what is no UID, too
        names = (
            dataset.PatientID,
            dataset.StudyInstanceUID,
            dataset.SeriesInstanceUID,
            dataset.SOPInstanceUID,
        )
    digests = [
        hashlib.sha1("|".join(names[: k + 1]).encode(), usedforsecurity=False)
        for k in range(4)
    ]
    ids = tuple("-".join(re.findall(".{8}", each.hexdigest())) for each in digests)
    return StoredInstance(
        ids, file, dataset.Modality, str(dataset.SOPClassUID), _simplified(dataset)
    )


def _simplified(dataset):
    """The data set by keyword: values as text, items as such, no bytes."""
    return {
        element.keyword: [_simplified(item) for item in element.value]
        if element.VR == "SQ"
        else "\\".join(map(_as_text, _values(element)))
        for element in dataset
        if not element.tag.is_private and element.VR not in {"OB", "OW", "UN"}
    }


def _values(element):
    return element.value if element.VM > 1 else [element.value]


def _as_text(value):
    return str(getattr(value, "original_string", "" if value is None else value))


def _instance_part(instance, *path):
    if path == ("file",):
        return instance.file
    if path == ("metadata", "SopClassUid"):
        return instance.sop_class_uid.encode()
    if path == ("simplified-tags",):
        return _json(instance.tags)
    if path[0] == "metadata":
        raise OrthancException(*INEXISTENT_ITEM)
    raise NotImplementedError(f"this has not been measured: {path}")


def _last(entries):
    return entries[-1]["Seq"] if entries else 0


def _json(value):
    return json.dumps(value, indent=3).encode()


def _lowered(headers):
    lowered = {}
    for name, value in headers:  # the first of a name wins
        lowered.setdefault(name.lower(), value)
    return lowered
