"""What goes wrong behind the API, and what the client and the log are told."""

import pytest
from imaging_selection.errors import (
    MappingError,
    SearchError,
    SourceError,
    StoreError,
    TooCostlyError,
)
from support.builders import contour, image_uid, make_rtstruct, roi
from support.served import parse_r5, structure_set

UNKNOWN = "0a9b3153-2512774b-2d9580de-1fc3dcf6-3bd83918"
SECRET = "Larynx113047"  # noqa: S105 - what no error may repeat


def break_orthanc(served, error):
    def fail(*_):
        raise error

    served.orthanc.entry = served.orthanc.below = served.orthanc.status = fail


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (StoreError("store-113047"), (503, "transient")),
        (SourceError("Orthanc does not answer (error 11)"), (503, "transient")),
        (TooCostlyError("costly-113047"), (422, "too-costly")),
        (MappingError("mapping-113047"), (500, "exception")),
        (SearchError("search-113047", "_id", "value"), (400, "value")),
        (ValueError(SECRET), (500, "exception")),
        (RecursionError(SECRET), (500, "exception")),
    ],
    ids=lambda value: type(value).__name__,
)
@pytest.mark.parametrize(
    "path",
    [
        f"ImagingSelection/{UNKNOWN}",
        f"/series/{UNKNOWN}/imaging-selection",
        "/imaging-selection/status",
    ],
)
def test_each_error_has_its_status(served, path, error, outcome):
    break_orthanc(served, error)
    answer = served.get(path)
    assert (answer.status, answer.issue["code"]) == outcome
    assert SECRET not in answer.body.decode()
    assert ("Retry-After" in answer.headers) == (answer.status == 503)


def test_a_log_line_names_the_kind_of_an_unforeseen_error_alone(served, caplog):
    break_orthanc(served, ValueError(SECRET))
    served.get("/imaging-selection/status")
    assert [record.getMessage() for record in caplog.records] == [
        "request failed: ValueError"
    ]
    assert caplog.records[0].exc_info is None


@pytest.mark.parametrize(
    ("path", "status", "expression"),
    [
        ("nothing", 404, "http.path"),
        ("ImagingSelection/unknown", 404, "ImagingSelection.id"),
        ("ImagingSelection/{ids.instance}-77", 404, "ImagingSelection.id"),
        ("ImagingSelection/{gone}", 410, "ImagingSelection.id"),
        (
            "ImagingSelection/{ids.instance}/_history/7",
            404,
            "ImagingSelection.meta.versionId",
        ),
        (
            "ImagingSelection/{ids.instance}-images-1/$contours",
            400,
            "ImagingSelection.instance",
        ),
        ("Patient/unknown", 404, "Patient.id"),
        ("CodeSystem/unknown", 404, "CodeSystem.id"),
        ("/instances/unknown/imaging-selection", 404, "ImagingSelection.id"),
        ("/studies/unknown/imaging-selection", 404, "http.path"),
    ],
)
def test_every_error_says_what_is_at_fault(served, path, status, expression):
    ids = served.store(make_rtstruct(roi(1, contours=[contour(images=[image_uid(1)])])))
    gone = served.store(structure_set(7)).instance
    served.remove(gone)
    served.orthanc.files[ids.instance] = b""

    answer = served.get(path.format(ids=ids, gone=gone))

    assert (answer.status, answer.issue["expression"]) == (status, [expression])
    parse_r5(answer.json)
