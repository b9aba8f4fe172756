"""The script that Orthanc runs: `"PythonScript": "plugin/main.py"`."""

import json
from typing import Any

import orthanc

_ROUTES = (
    "/fhir(/.*)?",
    "/imaging-selection(/.*)?",
    "/(instances|series|studies|patients)/[^/]+/imaging-selection",
)
# Python 3.14 dies where Orthanc, as it ends, frees a callback: see `bridge.keep`.
_KEPT: list[Any] = []


def _refuse(problem: str) -> None:
    """Answer every route of the plugin with 503, and let Orthanc do the rest."""
    issue = {"severity": "fatal", "code": "exception", "diagnostics": problem}
    outcome = {"resourceType": "OperationOutcome", "issue": [issue]}
    body = json.dumps(outcome)

    def answer(output: Any, _uri: str, **_request: Any) -> None:
        output.SetHttpHeader("Content-Type", "application/fhir+json; fhirVersion=5.0")
        try:
            output.SendHttpStatus(503, body.encode())
        except TypeError:  # Python plugin before 4.2: text, and its length
            output.SendHttpStatus(503, body, len(body))

    orthanc.LogError(problem)
    _KEPT.append(answer)
    for route in _ROUTES:
        orthanc.RegisterRestCallback(route, answer)


try:
    from imaging_selection.host.callbacks import install
except ImportError as error:
    _refuse(
        f"ImagingSelection is off: Python finds no {error.name or error}. Install"
        " plugin/requirements.txt, and set PYTHONPATH to where that went and to the"
        " folder plugin before Orthanc starts."
    )
else:
    install(orthanc)
