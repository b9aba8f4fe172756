"""The example that the plugin ships."""

import io
from collections import Counter

import pydicom
import pytest
from support.example import IMAGES, make_example
from support.paths import EXAMPLE_FILE

EXAMPLE = pydicom.dcmread(io.BytesIO(EXAMPLE_FILE.read_bytes()))
NAMES = {item.ROINumber: item.ROIName for item in EXAMPLE.StructureSetROISequence}


def test_the_shipped_file_is_what_the_program_makes():
    assert EXAMPLE_FILE.read_bytes() == make_example()


def test_it_is_small_and_of_no_real_patient():
    assert EXAMPLE_FILE.stat().st_size < 100_000
    assert EXAMPLE.PatientName == "EXAMPLE^ImagingSelection"
    assert EXAMPLE.PatientID == "EXAMPLE-1"
    assert EXAMPLE.SoftwareVersions == "example"


@pytest.mark.parametrize(
    "keyword",
    [
        *("SOPClassUID", "SOPInstanceUID", "Modality", "StudyInstanceUID"),
        *("SeriesInstanceUID", "FrameOfReferenceUID", "StructureSetLabel"),
        *("SpecificCharacterSet", "StructureSetDate", "StructureSetTime"),
        *("AccessionNumber", "OperatorsName", "Manufacturer", "ApprovalStatus"),
    ],
)
def test_what_a_selection_needs_has_a_value(keyword):
    assert not EXAMPLE[keyword].is_empty


def test_every_roi_is_declared_observed_and_in_one_frame():
    assert list(NAMES) == list(range(1, 10))
    assert {"Moelle épinière", "Larynx/œdème"} < set(NAMES.values())
    assert [
        item.ReferencedROINumber for item in EXAMPLE.RTROIObservationsSequence
    ] == list(NAMES)
    assert {
        item.ReferencedFrameOfReferenceUID for item in EXAMPLE.StructureSetROISequence
    } == {EXAMPLE.FrameOfReferenceUID}


def test_contours_are_counted_by_type():
    counts = {
        NAMES[item.ReferencedROINumber]: Counter(
            drawn.ContourGeometricType for drawn in item.ContourSequence
        )
        for item in EXAMPLE.ROIContourSequence
    }

    assert counts == {
        "BODY": {"CLOSED_PLANAR": 9},
        "GTVp": {"CLOSED_PLANAR": 5},
        "PTV_70": {"CLOSED_PLANAR": 7},
        "Parotid_L": {"CLOSED_PLANAR": 6},
        "Parotid_R": {"CLOSED_PLANAR": 6},
        "Moelle épinière": {"CLOSED_PLANAR": 9},
        "Larynx/œdème": {"CLOSEDPLANAR_XOR": 10},  # and no Mandible
        "ISOCENTER": {"POINT": 1},
    }


def test_every_contour_lies_on_the_image_that_it_names():
    height = {uid: z for z, uid in IMAGES.items()}
    listed = {
        image.ReferencedSOPInstanceUID
        for frame in EXAMPLE.ReferencedFrameOfReferenceSequence
        for study in frame.RTReferencedStudySequence
        for series in study.RTReferencedSeriesSequence
        for image in series.ContourImageSequence
    }

    assert listed == set(height)
    for item in EXAMPLE.ROIContourSequence:
        assert len(item.ROIDisplayColor) == 3
        for drawn in item.ContourSequence:
            (image,) = drawn.ContourImageSequence
            assert len(drawn.ContourData) == 3 * drawn.NumberOfContourPoints
            assert set(map(float, drawn.ContourData[2::3])) == {
                height[image.ReferencedSOPInstanceUID]
            }


def test_some_rois_are_coded():
    codes = {
        NAMES[item.ReferencedROINumber]: (
            item.RTROIIdentificationCodeSequence[0].CodingSchemeDesignator,
            item.RTROIIdentificationCodeSequence[0].CodeValue,
        )
        for item in EXAMPLE.RTROIObservationsSequence
        if "RTROIIdentificationCodeSequence" in item
    }

    assert codes == {
        "BODY": ("DCM", "130067"),
        "Parotid_L": ("SCT", "45289007"),
        "Parotid_R": ("SCT", "45289007"),
        "Moelle épinière": ("FMA", "7647"),
        "Larynx/œdème": ("SCT", "4596009"),
        "ISOCENTER": ("DCM", "130073"),
    }
