"""What the file says of its contours, and where their data are."""

import pytest
from imaging_selection.dicom.attributes import Attributes, Reading
from imaging_selection.dicom.elements import PLACE, select
from imaging_selection.dicom.entities import SopReference
from imaging_selection.dicom.file import open_dataset
from imaging_selection.dicom.rtstruct.contours import (
    ContourReader,
    parse_contours,
    parse_contours_of_roi,
)
from imaging_selection.dicom.rtstruct.structure_set import (
    Contour,
    GeometricType,
    RoiContours,
)
from imaging_selection.dicom.values import TAGS
from imaging_selection.errors import MalformedError
from support.builders import (
    BIG_ENDIAN,
    DEFLATED,
    EXPLICIT,
    IMPLICIT,
    contour,
    make_rtstruct,
    reference,
    roi,
)

SYNTAXES = (IMPLICIT, EXPLICIT, BIG_ENDIAN, DEFLATED)

TRIANGLE = rb"0\0\0\1\0\0\0\1\0"
CT = "1.2.840.10008.5.1.4.1.1.2"


def contours_in(*parts, **options):
    """Parse the contours of a structure set with these ROIs."""
    return parse_contours(open_dataset(make_rtstruct(*parts, **options)))


def only_contour(**overrides):
    [drawn] = contours_in(roi(7, contours=[contour(**overrides)]))
    return drawn.contours[0]


# The contours


@pytest.mark.parametrize("undefined_length", [False, True])
@pytest.mark.parametrize("transfer_syntax", SYNTAXES)
def test_each_roi_is_parsed_in_file_order(transfer_syntax, undefined_length):
    file = make_rtstruct(
        roi(
            7,
            contours=[
                contour(TRIANGLE, images=["2.25.1130471"]),
                contour(b"4\\5\\6 ", "POINT"),
            ],
            color=[255, 0, 128],
            contour_item={
                "SourceSeriesSequence": [{"SeriesInstanceUID": "2.25.1130475"}]
            },
        ),
        roi(3, contours=[]),
        transfer_syntax=transfer_syntax,
        undefined_length=undefined_length,
    )
    dataset = open_dataset(file)
    rois = parse_contours(dataset)
    assert rois == (
        RoiContours(
            7,
            (255, 0, 128),
            ("2.25.1130475",),
            (
                Contour(
                    GeometricType.CLOSED_PLANAR,
                    3,
                    (SopReference(CT, "2.25.1130471"),),
                    rois[0].contours[0].data,
                ),
                Contour(GeometricType.POINT, 1, (), rois[0].contours[1].data),
            ),
        ),
        RoiContours(3, None, (), ()),
    )
    spans = [each.data for each in rois[0].contours]
    values = [dataset.data[span.start : span.end] for span in spans]
    assert values == [TRIANGLE + b" ", b"4\\5\\6 "]


@pytest.mark.parametrize("undefined_length", [False, True])
def test_the_walk_finds_what_else_is_wanted_before_the_contours_and_behind(
    undefined_length,
):
    dataset = open_dataset(make_rtstruct(roi(7), undefined_length=undefined_length))
    label, observations = TAGS["StructureSetLabel"], TAGS["RTROIObservationsSequence"]
    wanted = {label: None, observations: PLACE}
    contours = ContourReader(Reading(dataset.data))

    fields = select(dataset, wanted | contours.wanted)

    drawn = fields.pop(TAGS["ROIContourSequence"]).items
    assert [each.roi_number for each in drawn] == [7]
    assert fields == select(dataset, wanted)
    assert fields.keys() == wanted.keys()


def test_structure_set_without_roi_contour_sequence_has_no_contours():
    dataset = open_dataset(make_rtstruct(ROIContourSequence=None))
    assert parse_contours(dataset) == ()


@pytest.mark.parametrize("undefined_length", [False, True])
@pytest.mark.parametrize("transfer_syntax", SYNTAXES)
def test_the_contours_of_one_roi_are_found_wherever_they_stand(
    transfer_syntax, undefined_length
):
    file = make_rtstruct(
        roi(7, contours=[contour(TRIANGLE, images=["2.25.1130471"])]),
        roi(3, contours=[contour(rb"1\2\3", "POINT"), contour(TRIANGLE)]),
        roi(7, contours=[contour(rb"4\5\6", "POINT")]),
        roi(9, contour_item={"ContourSequence": None}),
        transfer_syntax=transfer_syntax,
        undefined_length=undefined_length,
    )
    dataset = open_dataset(file)
    every = parse_contours(dataset)
    for number in (7, 3, 9, 113047):
        assert [each.contours for each in parse_contours_of_roi(dataset, number)] == [
            each.contours for each in every if each.roi_number == number != 9
        ]


def with_a_broken_contour(**options):
    parts = roi(7, contours=[contour(), contour()]), roi(3, contours=[contour()])
    file = make_rtstruct(*parts, **options)
    count = b"\x06\x30\x46\x00"  # (3006,0046), then its length
    at = file.index(count) + len(count)
    return open_dataset(file[:at] + b"\xff" + file[at + 1 :])


def test_a_contour_that_contradicts_itself_costs_itself_alone():
    dataset = with_a_broken_contour()
    contours = ContourReader(Reading(dataset.data))
    fields = select(dataset, contours.wanted)
    found = Attributes(contours.reading, fields).made("ROIContourSequence")
    drawn = [(each.roi_number, len(each.contours)) for each in found]
    assert drawn == [(7, 1), (3, 1)]
    assert contours.reading.notes.counts == {
        ("unreadable-attribute", 7, "ContourSequence"): 1
    }
    assert [
        len(parse_contours_of_roi(dataset, each)[0].contours) for each in (7, 3)
    ] == [1, 1]


def test_where_nothing_tells_the_end_of_a_broken_contour_the_file_is_refused():
    dataset = with_a_broken_contour(undefined_length=True)
    with pytest.raises(MalformedError):
        parse_contours(dataset)
    with pytest.raises(MalformedError):
        parse_contours_of_roi(dataset, 7)


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        pytest.param(b" 007 ", 7, id="blanks-and-zeros"),
        pytest.param(b"+3", 3, id="plus"),
        pytest.param(b"-1", -1, id="negative"),
        pytest.param(b"7\0", 7, id="nul-padded"),
        pytest.param(b"5.0", 5, id="decimal"),
        pytest.param(b"5.5", None, id="fraction"),
        pytest.param(b"1\\2", None, id="two-values"),
        pytest.param(b"1_0", None, id="python-integer"),
        pytest.param(b"seven", None, id="word"),
        pytest.param(b"9" * 5000, None, id="thousands-of-digits"),
        pytest.param(b"", None, id="empty"),
        pytest.param(None, None, id="absent"),
    ],
)
def test_integer_string_is_an_integer_or_absent(number, expected):
    [drawn] = contours_in(
        roi(
            contours=[contour(NumberOfContourPoints=number)],
            contour_item={"ReferencedROINumber": number},
        )
    )
    assert (drawn.roi_number, drawn.contours[0].declared_points) == (expected, expected)


@pytest.mark.parametrize(
    ("color", "expected"),
    [
        pytest.param(b"255\\0\\128 ", (255, 0, 128), id="three"),
        pytest.param(b" 1\\+2\\ 3", (1, 2, 3), id="blanks"),
        pytest.param(b"1\\2", None, id="two"),
        pytest.param(b"1\\2\\3\\4", None, id="four"),
        pytest.param(b"1\\2\\256", None, id="above-a-byte"),
        pytest.param(b"1\\-2\\3", None, id="negative"),
        pytest.param(b"0.5\\1\\1", None, id="decimal"),
        pytest.param(b"", None, id="empty"),
        pytest.param(None, None, id="absent"),
    ],
)
def test_display_color_is_three_bytes_or_absent(color, expected):
    [drawn] = contours_in(roi(contour_item={"ROIDisplayColor": color}))
    assert drawn.display_color == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(b"OPEN_NONPLANAR", GeometricType.OPEN_NONPLANAR, id="legal"),
        pytest.param(b"POINT\0", GeometricType.POINT, id="nul-padded"),
        pytest.param(b"CLOSED_PLANAR_XOR", None, id="misspelt"),
        pytest.param(b"closed_planar", None, id="lower-case"),
        pytest.param(b"", None, id="empty"),
        pytest.param(None, None, id="absent"),
    ],
)
def test_geometric_type_is_one_of_the_standard_or_absent(text, expected):
    assert only_contour(ContourGeometricType=text).geometric_type is expected


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        pytest.param(
            reference("2.25.1", ReferencedFrameNumber=b"3\\ 5"),
            (SopReference(CT, "2.25.1", (3, 5)),),
            id="frames",
        ),
        pytest.param(
            reference("2.25.1", ReferencedFrameNumber=b"3\\five"),
            (SopReference(CT, "2.25.1"),),
            id="unusable-frames",
        ),
        pytest.param(
            {"ReferencedSOPInstanceUID": "2.25.1"},
            (SopReference(None, "2.25.1"),),
            id="class-absent",
        ),
        pytest.param({"ReferencedSOPClassUID": CT}, (), id="instance-absent"),
        pytest.param(reference(""), (), id="instance-empty"),
        pytest.param(reference(b"2.25.\xb2"), (), id="instance-not-ascii"),
        pytest.param({}, (), id="empty-item"),
    ],
)
def test_contour_image_is_what_can_be_referred_to(item, expected):
    assert only_contour(images=[item]).images == expected


def test_contours_on_one_image_share_the_reference():
    images = ["2.25.1130471", "2.25.1130472"]
    [drawn] = contours_in(roi(contours=[contour(images=images)] * 3))
    assert len({id(image) for each in drawn.contours for image in each.images}) == 2


def test_value_that_moves_between_two_attributes_is_not_taken_for_the_other():
    class_only = {"ReferencedSOPClassUID": "2.25.1"}
    instance_only = {"ReferencedSOPInstanceUID": "2.25.1"}
    contours = [contour(images=[item]) for item in (instance_only, class_only)]
    [drawn] = contours_in(roi(contours=contours))
    assert [each.images for each in drawn.contours] == [
        (SopReference(None, "2.25.1"),),
        (),
    ]
