"""A script that probes its host, the same for the fake and for a real Orthanc.

It runs inside Orthanc, so it imports the standard library alone. `install` registers
the callbacks and three routes:

/echo/...        answers with everything that the REST callback receives
/answer/NAME     answers by `ANSWERS[NAME]`
/probe/NAME      answers with the result of the method NAME of `Probes`, as JSON
"""

import json

UNKNOWN = "0a9b3153-2512774b-2d9580de-1fc3dcf6-3bd83918"

# The keys of Orthanc's descriptions that the fake has.
DESCRIBED = {
    *("ID", "Type", "ParentPatient", "ParentStudy", "ParentSeries"),
    *("Studies", "Series", "Instances", "FileSize", "FileUuid"),
}

MAIN_TAGS = {
    "Study": ("StudyInstanceUID", "StudyDate", "StudyDescription"),
    "Series": ("SeriesInstanceUID", "Modality", "SeriesDescription", "SeriesNumber"),
    "Instance": ("SOPInstanceUID",),
}
# Of an image, what places it in space.
TAGS = (
    *("SOPInstanceUID", "FrameOfReferenceUID", "InstanceNumber", "Rows", "Columns"),
    *("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing"),
    *("SliceThickness", "WindowCenter", "NumberOfFrames"),
)

CHANGES = (
    *("DELETED", "NEW_CHILD_INSTANCE", "NEW_INSTANCE", "NEW_PATIENT", "NEW_SERIES"),
    *("NEW_STUDY", "ORTHANC_STARTED", "ORTHANC_STOPPED"),
)
RESOURCES = ("PATIENT", "STUDY", "SERIES", "INSTANCE", "NONE")

ANSWERS = {
    "bytes": lambda output: output.AnswerBuffer(b"\xc3\xa9", "text/x"),
    "text": lambda output: output.AnswerBuffer("é", "text/x"),
    "nothing-in-it": lambda output: output.AnswerBuffer(b"", "text/x"),
    "fhir": lambda output: output.AnswerBuffer(
        b"{}", "application/fhir+json; fhirVersion=5.0"
    ),
    "number": lambda output: output.AnswerBuffer(1, "text/x"),
    "no-type": lambda output: output.AnswerBuffer(b"1"),
    "headers": lambda output: (
        output.SetHttpHeader("ETag", 'W/"1"'),
        output.SetHttpHeader("X-Other", "1"),
        output.AnswerBuffer(b"1", "text/x"),
    ),
    "number-as-header": lambda output: output.SetHttpHeader("X-Other", 1),
    "twice": lambda output: (
        output.AnswerBuffer(b"first", "text/x"),
        output.AnswerBuffer(b"second", "text/y"),
    ),
    "nothing": lambda _output: None,
    "raises": lambda _output: 1 / 0,
    "text-and-size": lambda output: output.SendHttpStatus(404, "text", 4),
    "text-cut-by-size": lambda output: output.SendHttpStatus(404, "text", 2),
    "size-in-bytes": lambda output: output.SendHttpStatus(404, "é", 2),
    "text-alone": lambda output: output.SendHttpStatus(404, "text"),
    "bytes-alone": lambda output: output.SendHttpStatus(404, b"text"),
    "bytes-and-size": lambda output: output.SendHttpStatus(404, b"text", 4),
    "streamed": lambda output: (
        output.StartStreamAnswer("text/x"),
        output.SendStreamChunk(b"first, "),
        output.SendStreamChunk(b"second"),
    ),
    "not-allowed": lambda output: output.SendMethodNotAllowed("GET, POST"),
    "not-allowed-and-headers": lambda output: (
        output.SetHttpHeader("X-Other", "1"),
        output.SendMethodNotAllowed("GET"),
    ),
}


def _status(status):
    """Answer with a status and a type, whichever signature the host has."""

    def answer(output):
        output.SetHttpHeader("Content-Type", "application/fhir+json")
        body = "" if status in (204, 304) else "{}"
        try:
            output.SendHttpStatus(status, body.encode())
        except TypeError:
            output.SendHttpStatus(status, body, len(body))

    return answer


STATUSES = (
    *(200, 301, 303, 304, 400, 401, 403, 404, 405, 406, 409, 410, 412, 415, 422, 429),
    *(500, 501, 503, 777),
)
ANSWERS |= {str(status): _status(status) for status in STATUSES}


def _outcome(action):
    """Return what a call returns or raises, as JSON."""
    try:
        given = action()
    except Exception as error:  # noqa: BLE001 - what it raises is the question
        named = [type(error).__name__, *error.args]
        bases = [base.__name__ for base in type(error).__mro__[1:]]
        return {"raises": named, "bases": bases}
    return {"gives": given.decode("latin-1") if isinstance(given, bytes) else given}


def _described(action):
    """The same, for a call that returns JSON about resources."""
    outcome = _outcome(action)
    if "gives" not in outcome:
        return outcome
    given = json.loads(outcome["gives"])
    if isinstance(given, dict):
        return _kept(given)
    # Orthanc returns resources in no particular order.
    kept = [_kept(each) if isinstance(each, dict) else each for each in given]
    return sorted(kept, key=json.dumps)


def _kept(resource):
    kept = {key: resource[key] for key in sorted(DESCRIBED & resource.keys())}
    for name in MAIN_TAGS.get(resource.get("Type"), ()):
        kept[name] = resource["MainDicomTags"].get(name)
    for children in {"Studies", "Series", "Instances"} & kept.keys():
        kept[children] = sorted(kept[children])  # in no order either
    if "FileUuid" in kept:
        kept["FileUuid"] = len(kept["FileUuid"])
    return kept


def _entry(change):
    names = ("Seq", "ChangeType", "ID", "ResourceType", "Path")
    return [change[name] for name in names] + [len(change["Date"])]


class Probes:
    """The probes, each a method; the results are plain JSON."""

    def __init__(self, orthanc):
        self.orthanc = orthanc
        self.changes = []
        self.stored = []

    def on_change(self, *arguments):
        self.changes.append([[type(each).__name__, each] for each in arguments])
        if arguments[0] == self.orthanc.ChangeType.ORTHANC_STOPPED:
            self.orthanc.LogWarning(f"stopped: {arguments}")

    def on_stored(self, dicom, *arguments):
        self.stored.append(
            {
                "arguments": [[type(each).__name__, each] for each in arguments],
                "SopClassUid": dicom.GetInstanceMetadata("SopClassUid"),
                "unknown": dicom.GetInstanceMetadata("Nothing113047"),
                "no argument": _outcome(dicom.GetInstanceMetadata),
                "type": type(dicom.GetInstanceData()).__name__,
                "size": len(dicom.GetInstanceData()),
            }
        )

    def enumerations(self):
        orthanc = self.orthanc
        return {
            "ChangeType": {n: getattr(orthanc.ChangeType, n) for n in CHANGES},
            "ResourceType": {n: getattr(orthanc.ResourceType, n) for n in RESOURCES},
            "MetricsType": [orthanc.MetricsType.DEFAULT, orthanc.MetricsType.TIMER],
            "kind": type(orthanc.ChangeType.DELETED).__name__,
        }

    def versions(self):
        check = self.orthanc.CheckVersionAdvanced
        asked = (
            (1, 10, 0),
            (1, 10, 1),
            (1, 12, 7),
            (1, 12, 10),
            (1, 13, 0),
            (1, 14, 0),
        )
        return [check(*version) for version in asked]

    def second_registration(self):
        return [
            _outcome(lambda: self.orthanc.RegisterOnChangeCallback(print)),
            _outcome(lambda: self.orthanc.RegisterOnStoredInstanceCallback(print)),
        ]

    def configuration(self):
        configuration = json.loads(self.orthanc.GetConfiguration())
        return [
            type(self.orthanc.GetConfiguration()).__name__,
            configuration["Name"],
            configuration["OverwriteInstances"],
            self.orthanc.GetConfigurationPath().rpartition("/")[2],
        ]

    def log(self):
        orthanc = self.orthanc
        return [
            _outcome(lambda: orthanc.LogInfo("probe")),
            _outcome(lambda: orthanc.LogWarning("probe é")),
            _outcome(lambda: orthanc.LogError("probe")),
            _outcome(lambda: orthanc.LogInfo(b"bytes")),
            _outcome(orthanc.LogInfo),
        ]

    def metrics(self):
        set_value, default = self.orthanc.SetMetricsValue, 0
        return [
            _outcome(lambda: set_value("probe", 1.5, default)),
            _outcome(lambda: set_value("probe", 2, default)),
            _outcome(lambda: set_value("probe", 1.5)),
            _outcome(lambda: set_value(b"probe", 1.5, default)),
            _outcome(lambda: set_value("probe", "1.5", default)),
        ]

    def unknown_resources(self):
        get = self.orthanc.RestApiGet
        paths = (
            "/nothing-113047",
            f"/instances/{UNKNOWN}",
            f"/instances/{UNKNOWN}/file",
            f"/instances/{UNKNOWN}/metadata/SopClassUid",
            f"/series/{UNKNOWN}",
            f"/studies/{UNKNOWN}/series",
            f"/patients/{UNKNOWN}",
        )
        return [_outcome(lambda path=path: get(path)) for path in paths]

    def bad_calls(self):
        orthanc = self.orthanc
        return [
            _outcome(lambda: orthanc.RestApiGet(b"/system")),
            _outcome(orthanc.RestApiGet),
            _outcome(lambda: orthanc.RestApiPost("/tools/find")),
            _outcome(lambda: orthanc.RestApiPost("/tools/find", "{")),
            _outcome(lambda: orthanc.RestApiPost("/tools/find", "[]")),
            _outcome(lambda: orthanc.RestApiPost("/tools/find", "{}")),
            _outcome(lambda: orthanc.RestApiPost("/tools/nothing-113047", "{}")),
        ]

    def archive(self):
        """Everything that can be read, for each instance and its parents."""
        get, described = self.orthanc.RestApiGet, {}
        find = json.dumps({"Level": "Instance", "Query": {}})
        for instance in sorted(
            json.loads(self.orthanc.RestApiPost("/tools/find", find))
        ):
            series = json.loads(get(f"/instances/{instance}"))["ParentSeries"]
            study = json.loads(get(f"/series/{series}"))["ParentStudy"]
            patient = json.loads(get(f"/studies/{study}"))["ParentPatient"]
            for path in (
                f"/instances/{instance}",
                f"/instances/{instance}/",
                f"/instances/{instance}/series",
                f"/series/{series}",
                f"/series/{series}/instances",
                f"/series/{series}/series",
                f"/studies/{study}",
                f"/studies/{study}/series",
                f"/studies/{study}/instances",
                f"/patients/{patient}",
                f"/patients/{patient}/studies",
                f"/patients/{patient}/series",
                f"/patients/{instance}",
                f"/patients/{instance.upper()}",
            ):
                described[path] = _described(lambda path=path: get(path))
            for part in ("file", "metadata/SopClassUid", "metadata/Nothing113047"):
                path = f"/instances/{instance}/{part}"
                described[path] = _outcome(lambda path=path: get(path))
            tags = json.loads(get(f"/instances/{instance}/simplified-tags"))
            described[f"tags of {instance}"] = {key: tags.get(key) for key in TAGS}
        return described

    def found_by_uid(self):
        """Instances and series by their UIDs, one or several."""
        keywords = {"Instance": "SOPInstanceUID", "Series": "SeriesInstanceUID"}
        unknown, series = "2.25.1130479", "2.25.113047500"
        image, structure_set = "2.25.1130476010001", "2.25.113047300"
        values = (
            *(image, series, unknown),
            *(f"{image}\\{structure_set}\\{unknown}", f"{unknown}\\{series}"),
        )
        bodies = [
            json.dumps({"Level": level, "Query": {keyword: value}, "Expand": True})
            for level, keyword in keywords.items()
            for value in values
        ]
        find = self.orthanc.RestApiPost
        return [
            _described(lambda body=body: find("/tools/find", body)) for body in bodies
        ]

    def explorer(self):
        """Scripts that extend Orthanc Explorer; the last one stays."""
        extend = self.orthanc.ExtendOrthancExplorer
        return [
            _outcome(lambda: extend("// first 113047")),
            _outcome(lambda: extend("// second 113047 é")),
            _outcome(lambda: extend(b"// bytes")),
            _outcome(lambda: extend("// two", "// arguments")),
            _outcome(extend),
        ]

    def found(self):
        queries = ({}, {"Modality": "RTSTRUCT"}, {"Modality": "113047"})
        bodies = [json.dumps({"Level": "Instance", "Query": each}) for each in queries]
        find = self.orthanc.RestApiPost
        return [
            _described(lambda body=body: find("/tools/find", body))
            for body in [*bodies, bodies[0].encode()]
        ]

    def change_log(self):
        """The change log, and the series that exist."""
        get = self.orthanc.RestApiGet
        pages = []
        for query in ("since=0&limit=100", "since=2&limit=2", "since=999&limit=9"):
            page = json.loads(get(f"/changes?{query}"))["Changes"]
            # Stable* comes at any time.
            pages.append([_entry(each) for each in page if "New" in each["ChangeType"]])
        last = json.loads(get("/changes?last"))["Changes"]
        return [pages, len(last), sorted(json.loads(get("/series")))]

    def events(self):
        """What the callbacks received since the last call."""
        events = {"changes": self.changes, "stored": self.stored}
        self.changes, self.stored = [], []
        return events

    def count(self):
        """How many events there are, to wait for them."""
        return len(self.changes) + len(self.stored)


# The real host may crash when it frees a callback at its end: see `versions.keep`.
KEPT = []


def install(orthanc):
    """Register the callbacks and routes."""
    probes = Probes(orthanc)
    on_change, on_stored = probes.on_change, probes.on_stored

    def echo(output, uri, **request):
        shown = {
            key: value.decode("latin-1") if isinstance(value, bytes) else value
            for key, value in request.items()
        }
        types = {key: type(value).__name__ for key, value in request.items()}
        answer = {"uri": uri, "request": shown, "types": types}
        output.AnswerBuffer(json.dumps(answer), "application/json")

    def answer(output, _uri, groups, **_request):
        ANSWERS[groups[0]](output)

    def probe(output, _uri, groups, **_request):
        given = getattr(probes, groups[0])()
        output.AnswerBuffer(json.dumps(given), "application/json")

    def later(output, _uri, **_request):
        output.AnswerBuffer("the second registration", "text/plain")

    KEPT.extend((on_change, on_stored, echo, answer, probe, later))
    orthanc.RegisterOnChangeCallback(on_change)
    orthanc.RegisterOnStoredInstanceCallback(on_stored)
    orthanc.RegisterRestCallback(r"/echo/([^/]*)(?:/(.*))?", echo)
    orthanc.RegisterRestCallback(r"/answer/(.*)", answer)
    orthanc.RegisterRestCallback(r"/probe/(.*)", probe)
    orthanc.RegisterRestCallback(r"/echo/.*", later)
    orthanc.RegisterRestCallback(r"/ECHO/.*", later)
    orthanc.RegisterRestCallback(r"/late|/part", later)
