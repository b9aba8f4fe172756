"""The script that Orthanc runs: `"PythonScript": "plugin/main.py"`."""

import json
from typing import Any

import orthanc

_ROUTES = (
    "/fhir(/.*)?",
    "/imaging-selection(/.*)?",
    "/(instances|series|studies|patients)/[^/]+/imaging-selection",
)
# Callbacks must live as long as the process: see `host.versions.keep`.
_KEPT: list[Any] = []


def _refuse(problem: str) -> None:
    """Answer every route of the plugin with 503; Orthanc runs all the same."""
    issue = {"severity": "fatal", "code": "exception", "diagnostics": problem}
    outcome = {"resourceType": "OperationOutcome", "issue": [issue]}
    body = json.dumps(outcome)

    def answer(output: Any, _uri: str, **_request: Any) -> None:
        output.SetHttpHeader("Content-Type", "application/fhir+json; fhirVersion=5.0")
        try:
            output.SendHttpStatus(503, body.encode())
        except TypeError:  # Python plugin before 4.2: text and its length
            output.SendHttpStatus(503, body, len(body))

    orthanc.LogError(problem)
    _KEPT.append(answer)
    for route in _ROUTES:
        orthanc.RegisterRestCallback(route, answer)


try:
    from imaging_selection.host.callbacks import install
except ImportError as error:
    _refuse(
        f"ImagingSelection is off: Python finds no {error.name or error}. Install the"
        " packages of plugin/requirements.txt, and set PYTHONPATH to their folder and"
        " to the folder plugin before Orthanc starts."
    )
else:
    install(orthanc)
