from datetime import UTC, datetime, timedelta

import orjson
import pytest
from imaging_selection import objects
from imaging_selection.errors import (
    ExceededError,
    NotDicomError,
    UnsupportedObjectError,
)
from imaging_selection.host import jobs
from imaging_selection.host.jobs import (
    FUNCTIONS,
    contours,
    convert,
    measure,
    page,
)
from imaging_selection.mapping.choices import Choices
from support.builders import contour, make_rtstruct, make_seg, roi, segment
from support.synthetic_reports import CASES as REPORTS
from support.synthetic_segmentations import CASES as SEGMENTATIONS

FILE = make_rtstruct(roi(1, contours=[contour(b"1\\2\\3\\4\\5\\6\\7\\8\\9")]), roi(2))
IDS = objects.ids_of(objects.read(FILE)[1])
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
MEASURED = Choices(measurements=True)


def test_a_file_becomes_what_the_store_keeps():
    conversion = convert(FILE, IDS, Choices())
    resources = [orjson.loads(draft.content) for draft in conversion.drafts]
    assert resources == [*objects.convert(FILE, Choices(), IDS).resources]
    assert [draft.id for draft in conversion.drafts] == [
        each["id"] for each in resources
    ]
    assert isinstance(orjson.loads(conversion.findings), list)


def test_resources_that_are_too_large_together_are_refused(monkeypatch):
    monkeypatch.setattr(jobs, "MAXIMUM_SIZE", 1 << 10)
    with pytest.raises(ExceededError, match="larger than 0 MB together"):
        convert(FILE, IDS, Choices())


def test_a_conversion_leaves_the_measuring_for_later():
    conversion = convert(FILE, IDS, MEASURED)
    assert {each.resource_type for each in conversion.drafts} == {"ImagingSelection"}
    assert conversion.is_measurable


@pytest.mark.parametrize(
    ("file", "choices"),
    [
        (FILE, Choices()),
        (FILE, Choices(measurements=True, levels=("StructureSet",))),
        (make_seg(segment()), MEASURED),
    ],
    ids=["not-chosen", "without-rois", "no-structure-set"],
)
def test_what_has_no_measurements_is_not_to_be_measured(file, choices):
    ids = objects.ids_of(objects.read(file)[1])
    assert not convert(file, ids, choices).is_measurable


def test_what_is_measured_later_counts_as_the_same():
    draft, *_ = measure(FILE, IDS, MEASURED, NOW).drafts
    later, *_ = measure(FILE, IDS, MEASURED, NOW + timedelta(seconds=1)).drafts
    assert draft.content != later.content
    assert draft.digest == later.digest
    assert orjson.loads(draft.content)["resourceType"] == "Observation"


def test_contours_come_in_parts():
    draft = convert(FILE, IDS, Choices()).drafts[0]
    whole = orjson.loads(b"".join(contours(FILE, draft.content)))
    regions = whole["instance"][0]["imageRegion3D"]
    assert regions[0]["coordinate"] == [1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3]


@pytest.mark.parametrize("function", [*FUNCTIONS])
def test_no_function_reads_what_is_no_dicom(function):
    arguments = {
        "convert": (IDS, Choices()),
        "images": ("Latin1",),
        "measure": (IDS, Choices(), NOW),
        "contours": (convert(FILE, IDS, Choices()).drafts[0].content,),
        "page": (IDS, [], [], "Latin1"),
        "compare": (FILE, ("one", "other"), "Latin1"),
    }
    with pytest.raises(NotDicomError):
        FUNCTIONS[function](b"no DICOM", *arguments[function])


def test_a_segmentation_has_no_page():
    with pytest.raises(UnsupportedObjectError, match="only an RT Structure Set"):
        page(make_seg(segment()), IDS, [], [], "Latin1")


def test_a_page_needs_no_selections_of_the_store():
    selections = [draft.content for draft in convert(FILE, IDS, Choices()).drafts]
    described = page(FILE, IDS, selections, [], "Latin1")
    assert described == page(FILE, IDS, [], [], "Latin1")
    assert [each["number"] for each in described["rois"]] == [1, 2]


@pytest.mark.parametrize("case", [*REPORTS.values(), *SEGMENTATIONS.values()])
def test_reports_and_segmentations_become_what_the_store_keeps(case):
    file = case()
    ids = objects.ids_of(objects.read(file)[1])
    drafts = convert(file, ids, Choices()).drafts
    assert drafts[0].id == ids.instance
    assert {draft.resource_type for draft in drafts} <= {
        "ImagingSelection",
        "Observation",
    }
