"""Orthanc on one side, the plugin on the other: translation, no decisions.

The `orthanc` module is an argument, so that all this runs without it. What differs
between versions of Orthanc and of its Python plugin is in `bridge`.
"""

from __future__ import annotations

import json
import logging
import re
import threading
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, unquote_plus

from imaging_selection.api.http import Request
from imaging_selection.api.imaging_selection import wants_contours
from imaging_selection.api.responses import unavailable
from imaging_selection.dicom.rtstruct.structure_set import RT_STRUCTURE_SET_STORAGE
from imaging_selection.errors import ConfigError, SourceError
from imaging_selection.host.config import database_url, parse_settings
from imaging_selection.host.plugin import Degraded, Plugin
from imaging_selection.host.threads import StoppedError, Threads
from imaging_selection.host.versions import keep, leaves_escapes, send
from imaging_selection.ids import OrthancIds
from imaging_selection.sync.convert import Instance
from imaging_selection.sync.inventory import Change, Series
from imaging_selection.viewer.assets import explorer_script

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from imaging_selection.host.config import Settings
    from imaging_selection.host.versions import Output


log = logging.getLogger(__name__)

_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{8}){4}")
_FORM = "application/x-www-form-urlencoded"
_NO_UTF8 = "surrogateescape"  # stays visible: a search for what it is not is refused
FEW_THREADS, MOST_THREADS = 2, 16
# Answers with contours hold a whole file and, before Python plugin 5.0, as much again
# of JSON. So many at a time; the next one waits, on its Orthanc thread, and holds none:
# not for ever, as whoever reads slowly would take all of those threads.
CONTOUR_ANSWERS = 4
TURN_SECONDS = 30
_ABSENT = {7, 17}  # orthanc.ErrorCode: INEXISTENT_ITEM, UNKNOWN_RESOURCE
_INSTANCE_LEVEL = 3  # orthanc.ResourceType.INSTANCE; levels arrive as plain numbers


class Handlers:
    """What Orthanc calls. A site's own script may call them from its own callbacks."""

    def __init__(
        self,
        orthanc: Any,
        plugin: Plugin | Degraded,
        *,
        escaped: bool,
        turn_seconds: float = TURN_SECONDS,
    ) -> None:
        self._orthanc = orthanc
        self._plugin = plugin
        self._escaped = escaped
        # Orthanc's HTTP threads have a stack of 100 kB (civetweb's default), which
        # checking a resource overflows: requests are answered on threads of our own.
        self._threads = Threads(FEW_THREADS, MOST_THREADS, "imaging-selection")
        self._turn_seconds = turn_seconds
        self._turns = threading.BoundedSemaphore(CONTOUR_ANSWERS)

    def on_stored(self, dicom: Any, orthanc_id: str) -> None:
        """Hear of a stored instance. No REST from here: it runs under a lock."""
        try:
            if dicom.GetInstanceMetadata("SopClassUid") == RT_STRUCTURE_SET_STORAGE:
                self._plugin.arrived(orthanc_id)
        except Exception as error:  # noqa: BLE001 - storing must not feel the plugin
            log.error("on-stored: %s", type(error).__name__)  # noqa: TRY400

    def on_change(self, change: int, level: int, resource_id: str) -> None:
        """Hear of a change: only start, stop and deletions matter."""
        changes = self._orthanc.ChangeType
        try:
            if change == changes.DELETED and level == _INSTANCE_LEVEL:
                self._plugin.left(resource_id)
            elif change == changes.ORTHANC_STARTED:
                self._plugin.start()
            elif change == changes.ORTHANC_STOPPED:
                self._threads.stop()
                self._plugin.stop()
        except Exception as error:  # noqa: BLE001 - see on_stored
            log.error("on-change: %s", type(error).__name__)  # noqa: TRY400

    def on_rest(self, output: Output, uri: str, **request: Any) -> None:
        """Answer a request."""
        asked = request_of(uri, request, escaped=self._escaped)
        with self._turn_of(asked) as has_turn:
            if not has_turn:
                send(output, unavailable("too many answers with contours at a time"))
                return
            try:
                answer = self._threads.do(self._plugin.handle, asked)
            except StoppedError:
                answer = unavailable("Orthanc is stopping")
            if not isinstance(answer.body, bytes):
                answer = replace(answer, body=self._made_elsewhere(answer.body))
            send(output, answer)

    @contextmanager
    def _turn_of(self, asked: Request) -> Iterator[bool]:
        """Wait for the turn of a request; in vain, where others read slowly."""
        if not wants_contours(asked):
            yield True
            return
        has_turn = self._turns.acquire(timeout=self._turn_seconds)
        try:
            yield has_turn
        finally:
            if has_turn:
                self._turns.release()

    def _made_elsewhere(self, parts: Iterator[bytes]) -> Iterator[bytes]:
        """Have each part made on our threads, other requests' turn coming between."""
        while (part := self._threads.do(next, parts, None)) is not None:
            yield part


def prepare(orthanc: Any, program: Any = None) -> Handlers | None:
    """Build the plugin from Orthanc's configuration, and register its routes.

    For a script of a site's own, which registers the callbacks itself. A configuration
    that cannot be used stops nothing: the routes then say what is wrong.

    Parameters
    ----------
    orthanc
        The module that Orthanc gives to its scripts.
    program
        The C functions of the running program; None: as ctypes has them.

    Returns
    -------
    Handlers or None
        None when `ImagingSelection.Enable` is false.
    """
    _log_through(orthanc)
    configuration = json.loads(orthanc.GetConfiguration())
    problems: tuple[str, ...] = ()
    try:
        settings = parse_settings(configuration)
    except ConfigError as error:
        settings, problems = error.settings, error.problems
    if not settings.enable:
        return None
    plugin = _plugin(orthanc, settings, configuration, problems)
    handlers = Handlers(orthanc, plugin, escaped=leaves_escapes(orthanc, program))
    for path in (
        r"/(?:instances|series|studies|patients)/[^/]+/imaging-selection",
        r"/imaging-selection(?:/.*)?",
        rf"{re.escape(settings.fhir_root)}(?:/.*)?",
    ):
        orthanc.RegisterRestCallback(path, keep(handlers.on_rest))
    return handlers


def _plugin(
    orthanc: Any,
    settings: Settings,
    configuration: Mapping[str, Any],
    problems: tuple[str, ...],
) -> Plugin | Degraded:
    if not problems:
        try:
            url = database_url(settings, configuration, orthanc.GetConfigurationPath())
            scheme = "https" if configuration.get("SslEnabled") is True else "http"
            return Plugin(settings, OrthancSource(orthanc), url, scheme)
        except ConfigError as error:
            problems = error.problems
    for problem in problems:
        log.error("configuration: %s", problem)
    return Degraded(problems)


def install(orthanc: Any, program: Any = None) -> None:
    """Run the plugin in an Orthanc that has no other Python script: see `prepare`."""
    handlers = prepare(orthanc, program)
    if handlers is not None:
        orthanc.ExtendOrthancExplorer(explorer_script())
        orthanc.RegisterOnStoredInstanceCallback(keep(handlers.on_stored))
        orthanc.RegisterOnChangeCallback(keep(handlers.on_change))


def request_of(uri: str, request: Mapping[str, Any], *, escaped: bool) -> Request:
    """Translate what Orthanc passes to a REST callback.

    Parameters
    ----------
    escaped
        GET parameters are still to be decoded.
    """
    headers = {name.lower(): value for name, value in request["headers"].items()}
    body = request.get("body") or b""
    pairs = list(request.get("get", {}).items())
    if escaped:
        pairs = [(_unquoted(name), _unquoted(value)) for name, value in pairs]
    if headers.get("content-type", "").partition(";")[0].strip().lower() == _FORM:
        form = body.decode("utf-8", _NO_UTF8)
        pairs += parse_qsl(form, keep_blank_values=True, errors=_NO_UTF8)
    return Request(request["method"], uri, tuple(pairs), headers, body)


def _unquoted(text: str) -> str:
    return unquote_plus(text, errors=_NO_UTF8)


class OrthancSource:
    """Asks Orthanc for instances, through its own REST API. Never from a callback."""

    def __init__(self, orthanc: Any) -> None:
        self._orthanc = orthanc
        self._dicom_web: tuple[str, ...] | None = None  # as loaded: it does not change

    def instance(self, orthanc_id: str) -> Instance | None:
        """Describe an instance; None when Orthanc has none of this id."""
        instance = self._get("instances", orthanc_id)
        if instance is None:
            return None
        series = self._get("series", instance["ParentSeries"])
        study = series and self._get("studies", series["ParentStudy"])
        if not study:
            return None  # deleted between the calls
        ids = OrthancIds(
            patient=study["ParentPatient"],
            study=study["ID"],
            series=instance["ParentSeries"],
            instance=orthanc_id,
        )
        return Instance(ids, instance["FileUuid"], self.is_structure_set(orthanc_id))

    def file(self, orthanc_id: str) -> bytes:
        """Fetch the DICOM file that Orthanc keeps."""
        content = self._fetch(f"/instances/{orthanc_id}/file")
        if content is None:
            raise SourceError("Orthanc does not give the file of the instance")
        return content

    def attachment_uuid(self, orthanc_id: str) -> str | None:
        """Name the file that Orthanc keeps for an instance; None: no such instance."""
        instance = self._get("instances", orthanc_id)
        return None if instance is None else str(instance["FileUuid"])

    def series_ids(self) -> list[str]:
        """List the ids of all series."""
        content = self._fetch("/series")
        return [] if content is None else list(json.loads(content))

    def series(self, series_id: str) -> Series | None:
        """Describe a series; None when Orthanc has none of this id."""
        series = self._get("series", series_id)
        if series is None:
            return None
        modality = series["MainDicomTags"].get("Modality", "")
        return Series(modality.strip(), tuple(series["Instances"]))

    def changes(self, after: int, limit: int) -> list[Change]:
        """List entries of the change log, in order, from the one after a number."""
        return self._changes(f"since={after}&limit={limit}")

    def last_change(self) -> Change | None:
        """Find the last entry of the change log; None when it is empty."""
        last = self._changes("last")
        return last[0] if last else None

    def _changes(self, query: str) -> list[Change]:
        content = self._fetch(f"/changes?{query}")
        entries = [] if content is None else json.loads(content)["Changes"]
        return [
            Change(each["Seq"], each["ChangeType"], each["ID"], each["Date"])
            for each in entries
        ]

    def measure(self, name: str, value: float) -> None:
        """Publish a metric, at `/tools/metrics-prometheus`."""
        kind = self._orthanc.MetricsType.DEFAULT
        self._orthanc.SetMetricsValue(name, float(value), kind)

    def below(self, level: str, orthanc_id: str) -> list[str] | None:
        """List the RTSTRUCT instances of a series, study, patient; None if unknown."""
        found = self._get(level, orthanc_id)
        if found is None:
            return None
        series = (
            [found] if level == "series" else self._get(level, orthanc_id, "series")
        )
        return [
            orthanc_id
            for each in series or ()
            for orthanc_id in each["Instances"]
            if self.is_structure_set(orthanc_id)
        ]

    def is_structure_set(self, orthanc_id: str) -> bool:
        """Tell whether an instance is an RTSTRUCT, by its SOP class."""
        sop_class = self._fetch(f"/instances/{orthanc_id}/metadata/SopClassUid")
        return sop_class == RT_STRUCTURE_SET_STORAGE.encode()

    def patient(self, orthanc_id: str) -> dict[str, Any] | None:
        """Describe a patient as Orthanc does; None if unknown."""
        found: dict[str, Any] | None = self._get("patients", orthanc_id)
        return found

    def study(self, orthanc_id: str) -> dict[str, Any] | None:
        """Describe a study as Orthanc does; None if unknown."""
        found: dict[str, Any] | None = self._get("studies", orthanc_id)
        return found

    def series_of_study(self, study_id: str) -> list[dict[str, Any]]:
        """Describe the series of a study as Orthanc does."""
        return self._get("studies", study_id, "series") or []

    def image_series(self, uid: str) -> list[dict[str, Any]]:
        """Describe the series with this UID, or that hold the image with this UID."""
        try:
            content = self._orthanc.RestApiPost("/tools/lookup", uid)
        except self._orthanc.OrthancException as error:
            raise _no_answer(error) from error
        described = []
        for found in json.loads(content):
            if found["Type"] == "Series":
                described.append(self._get("series", found["ID"]))
            elif found["Type"] == "Instance":
                described.append(self._get("instances", found["ID"], "series"))
        return [each for each in described if each]

    def instances_of_series(self, series_id: str) -> list[str] | None:
        """List the instances of a series; None if unknown."""
        found = self._get("series", series_id)
        return None if found is None else list(found["Instances"])

    def tags(self, orthanc_id: str) -> dict[str, Any] | None:
        """Give the data set of an instance by keyword; None if unknown."""
        found: dict[str, Any] | None = self._get(
            "instances", orthanc_id, "simplified-tags"
        )
        return found

    def dicom_web_root(self) -> str | None:
        """Name the path of DICOMweb; None when that plugin is not loaded, or is off."""
        if self._dicom_web is None:
            self._dicom_web = self._dicom_web_roots()
        return next(iter(self._dicom_web), None)

    def _dicom_web_roots(self) -> tuple[str, ...]:
        plugins = json.loads(self._fetch("/plugins") or b"[]")
        section = json.loads(self._orthanc.GetConfiguration()).get("DicomWeb", {})
        is_on = "dicom-web" in plugins and section.get("Enable", True)
        return (section.get("Root", "/dicom-web/"),) if is_on else ()

    def _get(self, level: str, orthanc_id: str, children: str = "") -> Any:
        if not _ID.fullmatch(orthanc_id):
            return None
        path = f"/{level}/{quote(orthanc_id)}"
        content = self._fetch(f"{path}/{children}" if children else path)
        return None if content is None else json.loads(content)

    def _fetch(self, path: str) -> bytes | None:
        try:
            content: bytes = self._orthanc.RestApiGet(path)
        except self._orthanc.OrthancException as error:
            # Anything else is no proof that a resource is gone: its index may be out
            # of reach, and what was made of it must not be removed.
            if error.args[:1] and error.args[0] in _ABSENT:
                return None
            raise _no_answer(error) from error
        return content


def _no_answer(error: Exception) -> SourceError:
    code = next(iter(error.args), "unknown")
    return SourceError(f"Orthanc does not answer (error {code})")


class _OrthancLog(logging.Handler):
    """Writes the package's log records to Orthanc's log."""

    def __init__(self, orthanc: Any) -> None:
        super().__init__()
        self._orthanc = orthanc

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line; a newline in it would forge another."""
        line = "ImagingSelection: " + record.getMessage().replace("\n", " ")
        if record.levelno >= logging.ERROR:
            self._orthanc.LogError(line)
        elif record.levelno >= logging.WARNING:
            self._orthanc.LogWarning(line)
        else:
            self._orthanc.LogInfo(line)


def _log_through(orthanc: Any) -> None:
    logger = logging.getLogger("imaging_selection")
    logger.handlers = [_OrthancLog(orthanc)]
    logger.setLevel(logging.INFO)
    logger.propagate = False
