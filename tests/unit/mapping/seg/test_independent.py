"""Segmentations are read by highdicom and by this package, and both say the same."""

from io import BytesIO

import pydicom
import pytest
from imaging_selection import objects
from pydicom.sr.coding import Code
from support.builders import CT_SERIES, FRAME, STUDY, image_uid
from support.independent_reports import code_of, read_segmentation
from support.paths import SEGMENTATIONS
from support.synthetic_segmentations import CASES

FILES = {path.name: path.read_bytes for path in sorted(SEGMENTATIONS.glob("*.dcm"))}
SYNTHETIC = ("one_segment",)
# Legal, and refused by highdicom: several frames of a source image (PS3.3 10.3).
REFUSED = {"everything_about_a_segment": "MultiValue"}


def completed(data):
    """Add what makes the pixels readable, which no test of ours needs."""
    dataset = pydicom.dcmread(BytesIO(data))
    dataset.Rows = dataset.Columns = 4
    dataset.NumberOfFrames = len(dataset.PerFrameFunctionalGroupsSequence)
    dataset.SamplesPerPixel = dataset.BitsAllocated = dataset.BitsStored = 1
    dataset.HighBit = dataset.PixelRepresentation = 0
    dataset.PhotometricInterpretation = "MONOCHROME2"
    measures, orientation = pydicom.Dataset(), pydicom.Dataset()
    measures.PixelSpacing, measures.SliceThickness = [1, 1], 3
    orientation.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    shared = pydicom.Dataset()
    shared.PixelMeasuresSequence = [measures]
    shared.PlaneOrientationSequence = [orientation]
    dataset.SharedFunctionalGroupsSequence = [shared]
    for number, frame in enumerate(dataset.PerFrameFunctionalGroupsSequence):
        position = pydicom.Dataset()
        position.ImagePositionPatient = [0, 0, 3 * number]
        frame.PlanePositionSequence = [position]
    dataset.FrameOfReferenceUID = FRAME
    file = BytesIO()
    dataset.save_as(file)
    return file.getvalue()


@pytest.fixture(params=[*FILES, *SYNTHETIC])
def both(request):
    """A segmentation as highdicom reads it, and the selections that we make of it."""
    name = request.param
    data = FILES[name]() if name in FILES else completed(CASES[name]())
    return read_segmentation(data), objects.convert(data).resources


def level(resource):
    return resource["meta"]["tag"][0]["code"]


def segments(resources):
    """Return those of segments; highdicom leaves out the background of a label map."""
    made = [each for each in resources if level(each) == "segment"]
    return [each for each in made if each["instance"][0]["subset"] != ["0"]]


def values(concepts):
    return {
        coding["code"]
        for each in concepts
        for coding in each.get("coding", ())
        if coding.get("userSelected") is not False
    }


def value_of(code):
    """Return the code value, the newer one of SNOMED."""
    concept = code_of(code)
    return next(
        (each.value for each in SNOMED if each == concept),
        concept.value,
    )


SNOMED = (
    Code("49755003", "SCT", "Morphologically Altered Structure"),
    Code("123037004", "SCT", "Anatomical Structure"),
    Code("85756007", "SCT", "Tissue"),
    Code("10200004", "SCT", "Liver"),
    Code("108369006", "SCT", "Neoplasm"),
    Code("91723000", "SCT", "Anatomical Structure"),
)


def test_there_are_the_same_segments_with_the_same_names(both):
    theirs, resources = both
    made = segments(resources)
    described = [theirs.get_segment_description(n) for n in theirs.segment_numbers]
    numbers = [each["instance"][0]["subset"] for each in made]
    assert numbers == [[str(number)] for number in theirs.segment_numbers]
    for ours, expected in zip(made, described, strict=True):
        assert ours["bodySite"]["concept"]["text"] == expected.segment_label


def test_segments_have_the_same_categories_types_and_sites(both):
    theirs, resources = both
    for ours, number in zip(segments(resources), theirs.segment_numbers, strict=True):
        expected = theirs.get_segment_description(number)
        assert value_of(expected.segmented_property_category) in values(
            ours["category"]
        )
        structures = [
            each
            for each in ours.get("contained", ())
            if each["resourceType"] == "BodyStructure"
        ]
        said = values(
            [
                *ours["category"],
                ours["bodySite"]["concept"],
                *(each["morphology"] for each in structures if "morphology" in each),
                *(
                    part["structure"]
                    for each in structures
                    for part in each["includedStructure"]
                ),
            ]
        )
        wanted = [
            expected.segmented_property_type,
            *expected.anatomic_regions,
            *expected.primary_anatomic_structures,
        ]
        assert {*map(value_of, wanted)} <= said


def test_segments_have_the_same_tracking_ids_and_algorithms(both):
    theirs, resources = both
    for ours, number in zip(segments(resources), theirs.segment_numbers, strict=True):
        expected = theirs.get_segment_description(number)
        identifiers = {each["value"] for each in ours.get("identifier", ())}
        uid = expected.tracking_uid
        wanted = {expected.tracking_id, uid and f"urn:oid:{uid}"} - {None}
        assert identifiers == wanted
        algorithm = expected.algorithm_identification
        if algorithm is not None:
            names = {each.get("displayName") for each in ours["contained"]}
            assert algorithm.name in names


def test_the_source_images_are_the_same(both):
    theirs, resources = both
    expected = {
        (str(study), str(series), str(uid))
        for study, series, uid in theirs.get_source_image_uids()
    }
    made = {
        (each["studyUid"], each["seriesUid"], instance["uid"])
        for each in resources
        if level(each) == "source-images"
        for instance in each["instance"]
    }
    assert made == expected


@pytest.mark.parametrize("name", REFUSED)
def test_what_highdicom_refuses_is_read(name):
    with pytest.raises(Exception, match=REFUSED[name]):
        read_segmentation(completed(CASES[name]()))
    assert segments(objects.convert(CASES[name]()).resources)


def test_the_synthetic_images_are_where_highdicom_finds_them():
    theirs = read_segmentation(completed(CASES["one_segment"]()))
    found = {tuple(map(str, each)) for each in theirs.get_source_image_uids()}
    assert (STUDY, CT_SERIES, image_uid(1)) in found
