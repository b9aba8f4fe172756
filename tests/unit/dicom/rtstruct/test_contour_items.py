"""The shortcut for contour items finds what the walk from header to header finds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from imaging_selection.dicom.attributes import Attributes, Reading
from imaging_selection.dicom.elements import select
from imaging_selection.dicom.file import open_dataset
from imaging_selection.dicom.rtstruct.contour_items import ItemReader
from imaging_selection.dicom.rtstruct.contours import ContourReader
from imaging_selection.errors import DicomError
from support.builders import (
    BIG_ENDIAN,
    DEFLATED,
    EXPLICIT,
    IMPLICIT,
    contour,
    image_uid,
    make_rtstruct,
    reference,
    roi,
)
from support.strategies import structure_sets

SYNTAXES = (IMPLICIT, EXPLICIT, BIG_ENDIAN, DEFLATED)
TRIANGLE = rb"0\0\0\1\0\0\0\1\0"


@pytest.fixture
def reads(monkeypatch):
    """What the shortcut has given: a contour with its end, or None."""
    given_back = []
    call = ItemReader.__call__

    def note(self, position, end):
        given_back.append(call(self, position, end))
        return given_back[-1]

    monkeypatch.setattr(ItemReader, "__call__", note)
    return given_back


def read(file):
    """Read the contours of a file and what was noted, or return why it was refused."""
    try:
        dataset = open_dataset(file)
        contours = ContourReader(Reading(dataset.data, dataset.encoding.big_endian))
        top = Attributes(contours.reading, select(dataset, contours.wanted))
        return tuple(top.made("ROIContourSequence")), contours.reading.notes.counts
    except DicomError as error:
        return str(error)


def walked(file):
    """Read a file without the shortcut."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ItemReader, "__call__", lambda _self, _position, _end: None)
        return read(file)


@pytest.mark.parametrize("undefined_length", [False, True])
@pytest.mark.parametrize("transfer_syntax", SYNTAXES)
def test_the_common_layout_is_known_in_every_encoding(
    reads, transfer_syntax, undefined_length
):
    contours = [
        contour(TRIANGLE, images=[image_uid(1)]),
        contour(TRIANGLE, images=[image_uid(1)], ContourNumber=12),
        contour(rb"1\2\3", "POINT"),
        contour(b"\\".join([b"1.25"] * 30_000), "OPEN_PLANAR"),  # in UN, if explicit
    ]
    file = make_rtstruct(
        roi(contours=contours),
        transfer_syntax=transfer_syntax,
        undefined_length=undefined_length,
    )
    rois, notes = read(file)
    assert (rois, notes) == walked(file)
    known = [contour for contour, _ in filter(None, reads)]
    assert known == list(rois[0].contours)


ODD = {
    "two-images": contour(TRIANGLE, images=[image_uid(1), image_uid(2)]),
    "frame-of-an-image": contour(
        TRIANGLE, images=[reference(image_uid(1), ReferencedFrameNumber=[1, 2])]
    ),
    "image-without-class": contour(
        TRIANGLE, images=[reference(image_uid(1), ReferencedSOPClassUID=None)]
    ),
    "empty-image-sequence": contour(TRIANGLE, images=[]),
    "slab-thickness": contour(TRIANGLE, ContourSlabThickness="3"),
    "offset-vector": contour(TRIANGLE, ContourOffsetVector=r"0\0\1.5"),
    "count-with-a-zero-before-it": contour(TRIANGLE, NumberOfContourPoints=b"03"),
    "count-as-a-decimal": contour(TRIANGLE, NumberOfContourPoints=b"3.0"),
    "letters-in-a-uid": contour(TRIANGLE, images=[reference("ANON.113047")]),
    "attached-contours": contour(TRIANGLE, AttachedContours="1"),
    "private-element-behind": contour(TRIANGLE) | {0x30070010: ("LO", "private")},
    "no-type": contour(TRIANGLE, ContourGeometricType=None),
    "type-in-small-letters": contour(TRIANGLE, "closed_planar"),
    "unknown-type": contour(TRIANGLE, "CLOSED_PLANAR_XOR"),
    "no-count": contour(TRIANGLE, NumberOfContourPoints=None),
    "negative-count": contour(TRIANGLE, NumberOfContourPoints=-3),
    "count-of-ten-digits": contour(TRIANGLE, NumberOfContourPoints=b"9999999999"),
    "count-padded-with-nul": contour(TRIANGLE, NumberOfContourPoints=b"3\0"),
    "empty-contour-number": contour(TRIANGLE, ContourNumber=""),
    "no-data": contour(TRIANGLE, ContourData=None),
    "empty-data": contour(b""),
    "type-within-an-image": contour(
        TRIANGLE, images=[reference(b"\x06\x30\x42\x00\x0e\0\0\0CLOSED_PLANAR ")]
    ),
}


@pytest.mark.parametrize("undefined_length", [False, True])
@pytest.mark.parametrize("transfer_syntax", SYNTAXES)
@pytest.mark.parametrize("odd", ODD)
def test_another_layout_is_walked(odd, transfer_syntax, undefined_length):
    file = make_rtstruct(
        roi(contours=[contour(TRIANGLE), ODD[odd], contour(TRIANGLE)]),
        transfer_syntax=transfer_syntax,
        undefined_length=undefined_length,
    )
    rois, notes = read(file)
    assert (rois, notes) == walked(file)
    assert len(rois[0].contours) == 3


@pytest.mark.slow
@given(structure_sets)
def test_both_find_the_same_in_any_structure_set(file):
    assert read(file) == walked(file)


VICTIMS = [
    make_rtstruct(
        roi(1, contours=[contour(TRIANGLE, images=[image_uid(1)], ContourNumber=1)]),
        roi(2, contours=[contour(rb"+1\.5\3 ", "POINT"), contour()]),
        transfer_syntax=transfer_syntax,
        undefined_length=undefined_length,
    )
    for transfer_syntax in (IMPLICIT, EXPLICIT, BIG_ENDIAN)
    for undefined_length in (False, True)
]


@given(
    st.sampled_from(VICTIMS),
    st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.binary(max_size=3))),
    st.none() | st.floats(0, 1),
)
def test_both_find_the_same_or_refuse_alike_what_is_damaged(file, changes, cut):
    damaged = bytearray(file)
    start = file.index(b"CLOSED_PLANAR") - 200  # where the contours are
    for place, written in changes:
        at = start + int(place * (len(file) - start))
        damaged[at : at + len(written)] = written
    if cut is not None:
        del damaged[start + int(cut * (len(file) - start)) :]
    assert read(bytes(damaged)) == walked(bytes(damaged))


@pytest.mark.parametrize("file", VICTIMS)
def test_both_refuse_alike_what_is_cut_anywhere(file):
    for cut in range(file.index(b"CLOSED_PLANAR") - 200, len(file)):
        assert read(file[:cut]) == walked(file[:cut]), cut


def test_both_find_the_same_in_every_real_file(corpus):
    for path in corpus.values():
        file = path.read_bytes()
        assert read(file) == walked(file), path.name
