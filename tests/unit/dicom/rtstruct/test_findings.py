import re

import pytest
from imaging_selection.dicom.findings import (
    FINDING_KINDS,
    Finding,
    Notes,
    Severity,
    finding,
)
from imaging_selection.dicom.rtstruct.findings import cross_check
from imaging_selection.dicom.rtstruct.structure_set import Roi, StructureSet
from imaging_selection.mapping.rtstruct import image_region_3d as regions


@pytest.mark.parametrize("code", FINDING_KINDS)
def test_a_code_is_a_fhir_code_with_a_display(code):
    assert re.fullmatch("[a-z0-9]+(-[a-z0-9]+)*", code)
    assert FINDING_KINDS[code].display


def test_what_regions_report_is_in_the_one_list_of_codes():
    assert set(vars(regions)["_SENTENCES"]) <= set(FINDING_KINDS)


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


def test_a_long_list_is_cut_and_counted():
    rois = tuple(Roi(number=k, ordinal=1, name="same") for k in range(12))
    structure_set = StructureSet("1.2.1", "1.2.2", "1.2.3", rois=rois)
    told = {
        each.text
        for each in cross_check(structure_set)
        if each.code == "duplicate-roi-name"
    }
    assert told == {
        "12 ROIs have one ROI Name: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 2 more"
    }
