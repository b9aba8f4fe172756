import re

import pytest
from imaging_selection.dicom.findings import (
    FINDING_KINDS,
    Finding,
    Notes,
    Severity,
    finding,
)


@pytest.mark.parametrize("code", FINDING_KINDS)
def test_a_code_is_a_fhir_code_with_a_display(code):
    assert re.fullmatch("[a-z0-9]+(-[a-z0-9]+)*", code)
    assert FINDING_KINDS[code].display


def test_a_finding_has_the_severity_of_its_code():
    assert finding("no-roi", "text-113047") == Finding(
        "no-roi", Severity.WARNING, "text-113047"
    )


def test_a_code_that_is_not_listed_is_no_finding():
    with pytest.raises(KeyError):
        finding("anything-else", "text-113047")


def test_notes_of_one_code_and_roi_are_one_finding():
    notes = Notes()
    notes.add("invalid-uid", "DeviceUID")
    for _ in range(3):
        notes.add("invalid-uid", "ConceptualVolumeUID", 7)
    notes.add("invalid-uid", "ReferencedFrameOfReferenceUID", 7)
    assert [(each.text, each.roi_number) for each in notes.findings()] == [
        ("Invalid UID: DeviceUID", None),
        (
            "Invalid UID: ConceptualVolumeUID (3 times), ReferencedFrameOfReferenceUID",
            7,
        ),
    ]
