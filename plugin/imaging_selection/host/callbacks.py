"""What Orthanc calls: translate its callbacks for the plugin.

The `orthanc` module is an argument, so that all this runs without it. Differences
between releases of Orthanc and of its Python plugin are in `versions`.
"""

from __future__ import annotations

import json
import logging
import re
import threading
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote_plus

from imaging_selection.api.accept import FORM, MAXIMUM_FORM
from imaging_selection.api.bulk_export import wants_file
from imaging_selection.api.http import Request
from imaging_selection.api.imaging_selection import wants_contours
from imaging_selection.api.responses import unavailable
from imaging_selection.errors import BusyError, ConfigError, StoppedError
from imaging_selection.host.config import database_url, export_folder, parse_settings
from imaging_selection.host.degraded import Degraded
from imaging_selection.host.log import log_to
from imaging_selection.host.plugin import Plugin
from imaging_selection.host.source import OrthancSource
from imaging_selection.host.threads import Threads
from imaging_selection.host.versions import can_stream, keep, leaves_escapes, send
from imaging_selection.objects import OBJECTS
from imaging_selection.viewer.assets import explorer_script

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from imaging_selection.api.http import Lane
    from imaging_selection.host.config import Settings
    from imaging_selection.host.versions import Output


log = logging.getLogger(__name__)

_NOT_UTF8 = "surrogateescape"  # a search for such bytes is refused later
# Threads by kind of request, minimum and maximum: see `api.http.Lane`.
THREADS: dict[Lane, tuple[int, int]] = {
    "status": (1, 4),
    "read": (2, 8),
    "search": (2, 16),
    "file": (1, 8),
}
# Where the Python plugin cannot stream (before 5.0), an answer with contours, or a file
# of an export, is in memory until it is sent: so many are sent at a time. A further one
# waits on its Orthanc thread, and not for ever, because slow clients could otherwise
# hold all of those threads.
CONTOUR_ANSWERS = 4
WAIT_SECONDS = 30
_PARENTS = (0, 1, 2)  # orthanc.ResourceType: PATIENT, STUDY, SERIES
_INSTANCE = 3  # orthanc.ResourceType.INSTANCE; a callback gets it as a plain number


class Handlers:
    """The callbacks. A site's own script may call them from its own callbacks.

    Parameters
    ----------
    escaped
        GET parameters arrive percent-encoded.
    wait_seconds
        How long a request for contours waits for others to end.
    """

    def __init__(
        self,
        orthanc: Any,
        plugin: Plugin | Degraded,
        *,
        escaped: bool,
        wait_seconds: float = WAIT_SECONDS,
    ) -> None:
        self._orthanc = orthanc
        self._plugin = plugin
        self._escaped = escaped
        # Orthanc's HTTP threads have a stack of 100 kB (civetweb's default), too small
        # for checking a resource: requests are answered on the plugin's own threads.
        self._threads = {
            lane: Threads(*numbers, f"imaging-selection-{lane}")
            for lane, numbers in THREADS.items()
        }
        self._wait_seconds = wait_seconds
        changes = orthanc.ChangeType
        self._changes_of_parents = {
            *(changes.DELETED, changes.NEW_SERIES, changes.STABLE_SERIES),
            *(changes.STABLE_STUDY, changes.STABLE_PATIENT),
        }
        self._contour_answers = threading.BoundedSemaphore(CONTOUR_ANSWERS)

    def on_stored(self, dicom: Any, orthanc_id: str) -> None:
        """Announce a stored instance; under Orthanc's lock, where REST would block."""
        try:
            kind = OBJECTS.get(dicom.GetInstanceMetadata("SopClassUid"))
            if kind is None:
                self._plugin.ignore(orthanc_id)
            else:
                self._plugin.arrived(orthanc_id, kind.group)
        except Exception as error:  # noqa: BLE001 - Orthanc must store all the same
            log.error("on-stored: %s", type(error).__name__)  # noqa: TRY400

    def on_change(self, change: int, resource_type: int, resource_id: str) -> None:
        """React to the start and the stop of Orthanc, and to what changes in it."""
        changes = self._orthanc.ChangeType
        try:
            if change == changes.DELETED and resource_type == _INSTANCE:
                self._plugin.departed(resource_id)
            elif resource_type in _PARENTS and change in self._changes_of_parents:
                self._plugin.changed(resource_id)
            elif change == changes.ORTHANC_STARTED:
                self._plugin.start()
            elif change == changes.ORTHANC_STOPPED:
                for each in self._threads.values():
                    each.stop()
                self._plugin.stop()
        except Exception as error:  # noqa: BLE001 - as in `on_stored`
            log.error("on-change: %s", type(error).__name__)  # noqa: TRY400

    def on_rest(self, output: Output, uri: str, **request: Any) -> None:
        """Answer a request."""
        asked = request_of(uri, request, escaped=self._escaped)
        is_large = wants_contours(asked) or wants_file(asked)
        is_whole = is_large and not can_stream(output)
        with self._limited(is_whole=is_whole) as may_run:
            if not may_run:
                send(output, unavailable("too many large answers at a time"))
                return
            try:
                threads = self._threads[self._plugin.lane_of(asked)]
                answer = threads.run(self._plugin.handle, asked)
            except (BusyError, StoppedError) as error:
                answer = unavailable(str(error))
            if not isinstance(answer.body, bytes):
                answer = replace(answer, body=self._on_threads(answer.body))
            send(output, answer)

    @contextmanager
    def _limited(self, *, is_whole: bool) -> Iterator[bool]:
        """Limit the large answers in memory; False when waiting took too long."""
        if not is_whole:
            yield True
            return
        may_run = self._contour_answers.acquire(timeout=self._wait_seconds)
        try:
            yield may_run
        finally:
            if may_run:
                self._contour_answers.release()

    def _on_threads(self, parts: Iterator[bytes]) -> Iterator[bytes]:
        """Make each part on a pool thread, so that other requests run in between."""
        while (part := self._threads["file"].run(next, parts, None)) is not None:
            yield part


def prepare(orthanc: Any, program: Any = None, *, pause: float = 1) -> Handlers | None:
    """Build the plugin from Orthanc's configuration, and register its routes.

    For a script of a site's own, which registers the callbacks itself. If the
    configuration cannot be used, Orthanc runs all the same, and the routes answer what
    is wrong.

    Parameters
    ----------
    orthanc
        The module that Orthanc gives to its scripts.
    program
        The C functions of the running program; None: as ctypes has them.
    pause
        As `Plugin` takes it.

    Returns
    -------
    Handlers or None
        None when `ImagingSelection.Enable` is false.
    """
    log_to(orthanc)
    configuration = json.loads(orthanc.GetConfiguration())
    problems: tuple[str, ...] = ()
    try:
        settings = parse_settings(configuration)
    except ConfigError as error:
        settings, problems = error.settings, error.problems
    if not settings.enable:
        return None
    plugin = _plugin(orthanc, settings, configuration, problems, pause)
    handlers = Handlers(orthanc, plugin, escaped=leaves_escapes(orthanc, program))
    for path in (
        r"/(?:instances|series|studies|patients)/[^/]+/imaging-selection",
        r"/instances/[^/]+/fhir",
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
    pause: float,
) -> Plugin | Degraded:
    if not problems:
        try:
            path = orthanc.GetConfigurationPath()
            url = database_url(settings, configuration, path)
            exports = export_folder(configuration, path)
            source = OrthancSource(orthanc)
            return Plugin(settings, source, url, exports=exports, pause=pause)
        except ConfigError as error:
            problems = error.problems
    for problem in problems:
        log.error("configuration: %s", problem)
    return Degraded(problems)


def install(orthanc: Any, program: Any = None, *, pause: float = 1) -> None:
    """Run the plugin in an Orthanc that has no other Python script: see `prepare`."""
    handlers = prepare(orthanc, program, pause=pause)
    if handlers is not None:
        orthanc.ExtendOrthancExplorer(explorer_script())
        orthanc.RegisterOnStoredInstanceCallback(keep(handlers.on_stored))
        orthanc.RegisterOnChangeCallback(keep(handlers.on_change))


def request_of(uri: str, request: Mapping[str, Any], *, escaped: bool) -> Request:
    """Translate the arguments of a REST callback; `escaped` as of `Handlers`."""
    headers = {name.lower(): value for name, value in request["headers"].items()}
    body = request.get("body") or b""
    pairs = list(request.get("get", {}).items())
    if escaped:
        pairs = [(_unquoted(name), _unquoted(value)) for name, value in pairs]
    content_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type == FORM and len(body) <= MAXIMUM_FORM:
        form = body.decode("utf-8", _NOT_UTF8)
        pairs += parse_qsl(form, keep_blank_values=True, errors=_NOT_UTF8)
    return Request(request["method"], uri, tuple(pairs), headers, body)


def _unquoted(text: str) -> str:
    return unquote_plus(text, errors=_NOT_UTF8)
