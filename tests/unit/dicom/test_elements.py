"""Files and data sets, written out by the byte, then broken in one place."""

import os
import tracemalloc
import zlib

import pytest
from imaging_selection.dicom import file as file_module
from imaging_selection.dicom.elements import (
    MAXIMUM_DEPTH,
    UNREADABLE,
    Encoding,
    Template,
    select,
)
from imaging_selection.dicom.file import open_dataset
from imaging_selection.errors import DicomError, MalformedError, NotDicomError

IMPLICIT = Encoding(explicit_vr=False, big_endian=False)
EXPLICIT = Encoding(explicit_vr=True, big_endian=False)
BIG_ENDIAN = Encoding(explicit_vr=True, big_endian=True)

MODALITY = 0x00080060
ROI_NAME = 0x30060026
ROI_SEQUENCE = 0x30060020
CONTOUR_DATA = 0x30060050

# fmt: off
IMPLICIT_SET = (
    b"\x08\x00\x60\x00\x08\x00\x00\x00RTSTRUCT"  # (0008,0060) Modality
    b"\x20\x00\x10\x00\x00\x00\x00\x00"          # (0020,0010) Study ID, empty
    b"\x06\x30\x50\x00\x06\x00\x00\x001\\2\\3 "  # (3006,0050) Contour Data
)
EXPLICIT_SET = (
    b"\x08\x00\x60\x00CS\x08\x00RTSTRUCT"        # (0008,0060) Modality
    b"\x20\x00\x10\x00SH\x00\x00"                # (0020,0010) Study ID, empty
    b"\x06\x30\x50\x00DS\x06\x001\\2\\3 "        # (3006,0050) Contour Data
)
BIG_ENDIAN_SET = (
    b"\x00\x08\x00\x60CS\x00\x08RTSTRUCT"        # (0008,0060) Modality
    b"\x00\x20\x00\x10SH\x00\x00"                # (0020,0010) Study ID, empty
    b"\x30\x06\x00\x50DS\x00\x061\\2\\3 "        # (3006,0050) Contour Data
)
PREFIX = bytes(128) + b"DICM"
META_VERSION = (
    b"\x02\x00\x01\x00OB\x00\x00\x02\x00\x00\x00\x00\x01"  # (0002,0001) Version
)
# fmt: on


def meta(uid, length=None):
    """Write File Meta Information with a Transfer Syntax UID (0002,0010)."""
    uid += b"\0" * (len(uid) % 2)
    body = META_VERSION + b"\x02\x00\x10\x00UI" + len(uid).to_bytes(2, "little") + uid
    declared = len(body) if length is None else length
    head = b"\x02\x00\x00\x00UL\x04\x00" + declared.to_bytes(4, "little")
    return head + body


def deflate(data):
    """Deflate without a header, as PS3.5 A.5 wants it."""
    deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return deflater.compress(data) + deflater.flush()


UID_IMPLICIT = b"1.2.840.10008.1.2"
UID_EXPLICIT = b"1.2.840.10008.1.2.1"
UID_DEFLATED = b"1.2.840.10008.1.2.1.99"
UID_BIG_ENDIAN = b"1.2.840.10008.1.2.2"
UID_JPEG = b"1.2.840.10008.1.2.4.50"


@pytest.mark.parametrize(
    ("file", "encoding", "uid"),
    [
        pytest.param(
            PREFIX + meta(UID_IMPLICIT) + IMPLICIT_SET, IMPLICIT, UID_IMPLICIT,
            id="implicit",
        ),
        pytest.param(
            PREFIX + meta(UID_EXPLICIT) + EXPLICIT_SET, EXPLICIT, UID_EXPLICIT,
            id="explicit",
        ),
        pytest.param(
            PREFIX + meta(UID_BIG_ENDIAN) + BIG_ENDIAN_SET, BIG_ENDIAN, UID_BIG_ENDIAN,
            id="big-endian",
        ),
        pytest.param(
            PREFIX + meta(UID_DEFLATED) + deflate(EXPLICIT_SET), EXPLICIT, UID_DEFLATED,
            id="deflated",
        ),
        pytest.param(
            PREFIX + meta(UID_DEFLATED) + deflate(EXPLICIT_SET) + b"\0",
            EXPLICIT, UID_DEFLATED, id="deflated-and-padded",
        ),
        pytest.param(
            PREFIX + meta(UID_JPEG) + EXPLICIT_SET, EXPLICIT, UID_JPEG,
            id="encapsulated",
        ),
        pytest.param(
            PREFIX + meta(UID_EXPLICIT) + IMPLICIT_SET, IMPLICIT, UID_EXPLICIT,
            id="implicit-declared-explicit",
        ),
        pytest.param(
            PREFIX + meta(UID_IMPLICIT) + EXPLICIT_SET, EXPLICIT, UID_IMPLICIT,
            id="explicit-declared-implicit",
        ),
        pytest.param(
            PREFIX + meta(UID_EXPLICIT) + BIG_ENDIAN_SET, BIG_ENDIAN, UID_EXPLICIT,
            id="big-endian-declared-little",
        ),
        pytest.param(
            PREFIX + meta(UID_IMPLICIT, length=9999) + IMPLICIT_SET,
            IMPLICIT, UID_IMPLICIT, id="meta-length-too-long",
        ),
        pytest.param(
            PREFIX + meta(UID_IMPLICIT, length=0) + IMPLICIT_SET,
            IMPLICIT, UID_IMPLICIT, id="meta-length-too-short",
        ),
        pytest.param(
            PREFIX + meta(UID_IMPLICIT)[12:] + IMPLICIT_SET, IMPLICIT, UID_IMPLICIT,
            id="meta-length-absent",
        ),
        pytest.param(
            PREFIX
            + b"\x02\x00\x10\x00\x12\x00\x00\x001.2.840.10008.1.2\0"
            + IMPLICIT_SET,
            IMPLICIT, UID_IMPLICIT, id="meta-in-implicit-vr",
        ),
        pytest.param(
            meta(UID_IMPLICIT) + IMPLICIT_SET, IMPLICIT, UID_IMPLICIT,
            id="meta-without-preamble",
        ),
        pytest.param(PREFIX + EXPLICIT_SET, EXPLICIT, None, id="preamble-without-meta"),
        pytest.param(IMPLICIT_SET, IMPLICIT, None, id="bare-implicit"),
        pytest.param(EXPLICIT_SET, EXPLICIT, None, id="bare-explicit"),
        pytest.param(BIG_ENDIAN_SET, BIG_ENDIAN, None, id="bare-big-endian"),
    ],
)  # fmt: skip
def test_data_set_is_found_and_its_encoding_recognised(file, encoding, uid):
    dataset = open_dataset(file)
    found = select(dataset, {MODALITY: None, CONTOUR_DATA: None})
    assert {
        "encoding": encoding,
        "uid": None if uid is None else uid.decode(),
        MODALITY: b"RTSTRUCT",
        CONTOUR_DATA: rb"1\2\3 ",
    } == {
        "encoding": dataset.encoding,
        "uid": dataset.transfer_syntax_uid,
        MODALITY: dataset.data[found[MODALITY]],
        CONTOUR_DATA: dataset.data[found[CONTOUR_DATA]],
    }


def test_file_is_not_copied():
    file = PREFIX + meta(UID_IMPLICIT) + IMPLICIT_SET
    dataset = open_dataset(file)
    assert dataset.data is file
    assert file[dataset.start : dataset.end] == IMPLICIT_SET


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        pytest.param(b"", "no DICOM file but an empty file", id="empty"),
        pytest.param(
            b"Contour Data of patient 113047\r\n", "no DICOM file but text", id="text"
        ),
        pytest.param(
            b"\x89PNG\r\n\x1a\n\0\0\0\r",
            "no DICOM file but 12 bytes of something else",
            id="image",
        ),
        pytest.param(
            bytes(200), "no DICOM file but 200 bytes of something else", id="zeros"
        ),
        pytest.param(
            PREFIX,
            "the DICOM file stops where its data set should begin",
            id="prefix-alone",
        ),
        pytest.param(
            PREFIX + meta(UID_IMPLICIT),
            "the DICOM file stops where its data set should begin",
            id="meta-alone",
        ),
        pytest.param(
            PREFIX + meta(UID_IMPLICIT)[:-4],
            "the file stops within its File Meta Information",
            id="cut-in-meta",
        ),
        pytest.param(
            PREFIX + meta(UID_IMPLICIT)[:-20],
            "the File Meta Information is damaged",
            id="cut-in-a-header-of-meta",
        ),
        pytest.param(
            PREFIX + meta(UID_DEFLATED) + deflate(b""),
            "the DICOM file stops where its data set should begin",
            id="deflated-nothing",
        ),
    ],
)
def test_what_is_no_dicom_is_named_without_its_content(file, reason):
    with pytest.raises(NotDicomError) as refusal:
        open_dataset(file)
    assert str(refusal.value) == reason


@pytest.mark.slow
@pytest.mark.parametrize(
    ("size", "maximum"),
    [
        pytest.param(file_module.SMALL, file_module.SMALL, id="a small file"),
        pytest.param(300 << 20, None, id="a hundred times the file"),
    ],
)
def test_deflated_data_set_may_not_fill_the_memory(size, maximum):
    bomb = PREFIX + meta(UID_DEFLATED) + deflate(EXPLICIT_SET + bytes(size))
    maximum = maximum or file_module.MAXIMUM_RATIO * len(bomb)
    with pytest.raises(MalformedError, match=f"more than {maximum} bytes"):
        open_dataset(bomb)


def test_a_deflated_data_set_is_never_in_memory_twice():
    size = 12 << 20
    noise = os.urandom(size)
    file = PREFIX + meta(UID_DEFLATED) + deflate(EXPLICIT_SET + noise)
    tracemalloc.start()
    try:
        assert open_dataset(file).data.endswith(noise)
        assert tracemalloc.get_traced_memory()[1] < 1.3 * size
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("deflated", "reason"),
    [
        pytest.param(deflate(EXPLICIT_SET)[:-5], "cut off", id="cut"),
        pytest.param(b"\xff" * 40, "damaged", id="no-deflate-stream"),
    ],
)
def test_damaged_deflated_data_set_is_refused(deflated, reason):
    with pytest.raises(MalformedError, match=reason):
        open_dataset(PREFIX + meta(UID_DEFLATED) + deflated)


# Sequences. Each stream is the same: ROI Name twice, in two items, and Contour Data
# behind the sequence, which is found only if the sequence ends where it should.

NAMES = Template({ROI_NAME: None}, lambda fields: fields[ROI_NAME])

# fmt: off
FIRST = b"\x08\x00\x60\x00CS\x08\x00RTSTRUCT"           # (0008,0060) Modality
LAST = b"\x06\x30\x50\x00DS\x06\x001\\2\\3 "            # (3006,0050) Contour Data
NAME_A = b"\x06\x30\x26\x00LO\x02\x00A "                # (3006,0026) ROI Name
NAME_B = b"\x06\x30\x26\x00LO\x02\x00B "
IMPLICIT_A = b"\x06\x30\x26\x00\x02\x00\x00\x00A "
IMPLICIT_B = b"\x06\x30\x26\x00\x02\x00\x00\x00B "
SQ = b"\x06\x30\x20\x00SQ\x00\x00"                      # (3006,0020) and its VR
UN = b"\x06\x30\x20\x00UN\x00\x00"
UNDEFINED = b"\xff\xff\xff\xff"
ITEM = b"\xfe\xff\x00\xe0"
ITEM_END = b"\xfe\xff\x0d\xe0\x00\x00\x00\x00"
SEQUENCE_END = b"\xfe\xff\xdd\xe0\x00\x00\x00\x00"
# fmt: on


def length(*parts):
    return sum(map(len, parts)).to_bytes(4, "little")


def defined(*bodies):
    return b"".join(ITEM + length(body) + body for body in bodies)


def undefined(*bodies):
    return b"".join(ITEM + UNDEFINED + body + ITEM_END for body in bodies)


def sequence(head, items):
    return head + length(items) + items


def open_ended(head, items):
    return head + UNDEFINED + items + SEQUENCE_END


IMPLICIT_HEAD = SQ[:4]


@pytest.mark.parametrize(
    "file",
    [
        pytest.param(
            FIRST + sequence(SQ, defined(NAME_A, NAME_B)) + LAST,
            id="defined-with-defined-items",
        ),
        pytest.param(
            FIRST + sequence(SQ, undefined(NAME_A, NAME_B)) + LAST,
            id="defined-with-undefined-items",
        ),
        pytest.param(
            FIRST + open_ended(SQ, defined(NAME_A, NAME_B)) + LAST,
            id="undefined-with-defined-items",
        ),
        pytest.param(
            FIRST + open_ended(SQ, undefined(NAME_A, NAME_B)) + LAST,
            id="undefined-with-undefined-items",
        ),
        pytest.param(
            FIRST + open_ended(SQ, defined(NAME_A) + undefined(NAME_B)) + LAST,
            id="undefined-with-either",
        ),
        pytest.param(
            IMPLICIT_SET[:16]
            + sequence(IMPLICIT_HEAD, defined(IMPLICIT_A, IMPLICIT_B))
            + IMPLICIT_SET[-14:],
            id="implicit-defined",
        ),
        pytest.param(
            IMPLICIT_SET[:16]
            + open_ended(IMPLICIT_HEAD, undefined(IMPLICIT_A, IMPLICIT_B))
            + IMPLICIT_SET[-14:],
            id="implicit-undefined",
        ),
        pytest.param(
            # PS3.5 6.2.2: what has VR UN and undefined length is implicit inside
            FIRST + open_ended(UN, undefined(IMPLICIT_A, IMPLICIT_B)) + LAST,
            id="unknown-undefined",
        ),
        pytest.param(
            FIRST + sequence(UN, defined(IMPLICIT_A, IMPLICIT_B)) + LAST,
            id="unknown-defined-left-implicit",
        ),
        pytest.param(
            FIRST + sequence(UN, defined(NAME_A, NAME_B)) + LAST,
            id="unknown-defined-left-explicit",
        ),
        pytest.param(
            FIRST + sequence(SQ, defined(NAME_A + bytes(3), NAME_B)) + LAST,
            id="zeros-behind-an-element",
        ),
    ],
)
def test_sequence_is_read_however_its_ends_are_marked(file):
    dataset = open_dataset(file)
    found = select(dataset, {ROI_SEQUENCE: NAMES, CONTOUR_DATA: None})
    start, end, names = found[ROI_SEQUENCE]
    assert [file[name] for name in names] == [b"A ", b"B "]
    assert file[found[CONTOUR_DATA]] == rb"1\2\3 "
    assert file[:start] + file[end:] in {
        FIRST + LAST,
        IMPLICIT_SET[:16] + IMPLICIT_SET[-14:],
    }


def test_big_endian_sequence_is_read():
    # fmt: off
    file = (
        b"\x00\x08\x00\x60CS\x00\x08RTSTRUCT"                  # (0008,0060) Modality
        b"\x30\x06\x00\x20SQ\x00\x00\xff\xff\xff\xff"          # (3006,0020) sequence
        b"\xff\xfe\xe0\x00\xff\xff\xff\xff"                    # item
        b"\x30\x06\x00\x26LO\x00\x02A "                        # (3006,0026) ROI Name
        b"\xff\xfe\xe0\x0d\x00\x00\x00\x00"                    # end of the item
        b"\xff\xfe\xe0\xdd\x00\x00\x00\x00"                    # end of the sequence
    )
    # fmt: on
    dataset = open_dataset(file)
    start, end, names = select(dataset, {ROI_SEQUENCE: NAMES})[ROI_SEQUENCE]
    assert [file[name] for name in names] == [b"A "]
    assert (start, end) == (16, len(file))


@pytest.mark.parametrize(
    "between",
    [
        pytest.param(open_ended(SQ, b""), id="empty-sequence"),
        pytest.param(open_ended(SQ, undefined(b"")), id="empty-item"),
        pytest.param(
            open_ended(SQ, undefined(NAME_A + open_ended(SQ, undefined(NAME_B)))),
            id="nested",
        ),
        pytest.param(
            open_ended(SQ, undefined(open_ended(UN, undefined(IMPLICIT_A)))),
            id="unknown-inside",
        ),
        pytest.param(
            open_ended(SQ, undefined(sequence(SQ, undefined(NAME_A)))),
            id="defined-inside",
        ),
        pytest.param(
            # (7FE0,0010) in fragments, which are items but no data sets (PS3.5 A.4)
            open_ended(
                b"\xe0\x7f\x10\x00OB\x00\x00", defined(b"", b"\xfe\xff\xdd\xe0")
            ),
            id="fragments",
        ),
        pytest.param(
            # a VR that PS3.5 does not have yet; 6.2 promises its length four bytes
            b"\x09\x00\x01\x10ZZ\x00\x00\x02\x00\x00\x00\xfe\xff",
            id="future-vr",
        ),
        pytest.param(b"\x08\x00\x06\x00SQ\x00\x00\x00\x00\x00\x00", id="out-of-order"),
    ],
)
def test_what_is_not_wanted_is_stepped_over(between):
    file = FIRST + between + LAST
    assert select(open_dataset(file), {CONTOUR_DATA: None}) == {
        CONTOUR_DATA: slice(len(file) - 6, len(file))
    }


@pytest.mark.parametrize("zeros", [1, 7, 8, 9, 500])
@pytest.mark.parametrize("file", [IMPLICIT_SET, EXPLICIT_SET, BIG_ENDIAN_SET])
def test_zeros_behind_the_data_set_are_padding(file, zeros):
    padded = open_dataset(file + bytes(zeros))
    assert select(padded, {CONTOUR_DATA: None}) == {
        CONTOUR_DATA: slice(len(file) - 6, len(file))
    }


@pytest.mark.parametrize(
    ("stream", "reason", "offset"),
    [
        pytest.param(
            LAST[:-1], "an element exceeds what it is in", 0, id="cut-in-a-value"
        ),
        pytest.param(
            LAST[:5], "an element is cut off in its header", 0, id="cut-in-a-header"
        ),
        pytest.param(
            SQ + b"\0", "the file ends within the header of an element", 9,
            id="cut-in-a-long-header",
        ),
        pytest.param(
            b"\x06\x30\x50\x00DS\x02\x001\\2\\33\\4\\5 ",
            "an element has no VR", 10, id="length-of-two-bytes-overflowed",
        ),
        pytest.param(
            SQ + length(defined(NAME_A)) + defined(NAME_A)[:-1],
            "an element exceeds what it is in", 0, id="sequence-exceeds-file",
        ),
        pytest.param(
            ITEM_END, "a delimiter where no item ends", 0, id="delimiter-at-top"
        ),
        pytest.param(
            SQ + UNDEFINED + ITEM + UNDEFINED + NAME_A + SEQUENCE_END,
            "an element where none should be", 30, id="sequence-ends-in-item",
        ),
        pytest.param(
            SQ + UNDEFINED + ITEM + UNDEFINED + NAME_A,
            "a delimiter is missing", 30, id="item-without-end",
        ),
        pytest.param(
            SQ + UNDEFINED + defined(NAME_A), "a delimiter is missing", 30,
            id="sequence-without-end",
        ),
    ],
)  # fmt: skip
def test_contradiction_is_refused_with_what_and_where(stream, reason, offset):
    dataset = open_dataset(FIRST + stream)
    with pytest.raises(MalformedError) as refusal:
        select(dataset, {ROI_SEQUENCE: NAMES, CONTOUR_DATA: None})
    assert str(refusal.value).startswith(reason)
    assert refusal.value.offset == len(FIRST) + offset


@pytest.mark.parametrize(
    "stream",
    [
        pytest.param(
            sequence(SQ, ITEM + length(NAME_A + b"..") + NAME_A),
            id="item-exceeds-sequence",
        ),
        pytest.param(sequence(SQ, defined(NAME_A)[:7]), id="cut-in-an-item-header"),
        pytest.param(sequence(SQ, NAME_A), id="element-for-item"),
        pytest.param(sequence(SQ, SEQUENCE_END), id="delimiter-in-defined-sequence"),
        pytest.param(
            sequence(SQ, undefined(NAME_A)[:-8]),
            id="item-without-end-in-defined-sequence",
        ),
        pytest.param(open_ended(SQ, b"") + open_ended(SQ, b""), id="sequence-twice"),
    ],
)
def test_a_sequence_that_contradicts_itself_costs_itself_alone(stream):
    file = FIRST + stream + LAST
    found = select(open_dataset(file), {ROI_SEQUENCE: NAMES, CONTOUR_DATA: None})
    assert found == {
        ROI_SEQUENCE: UNREADABLE,
        CONTOUR_DATA: slice(len(file) - 6, len(file)),
    }


@pytest.mark.parametrize("ends", [sequence, open_ended])
@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(defined(NAME_A[:-1]), id="element-exceeds-item"),
        pytest.param(defined(ITEM_END), id="delimiter-in-defined-item"),
        pytest.param(defined(NAME_A[:5]), id="cut-in-a-header"),
    ],
)
def test_an_item_that_contradicts_itself_costs_itself_alone(broken, ends):
    file = FIRST + ends(SQ, defined(NAME_A) + broken + defined(NAME_B)) + LAST
    found = select(open_dataset(file), {ROI_SEQUENCE: NAMES, CONTOUR_DATA: None})
    _, _, names = found[ROI_SEQUENCE]
    assert [name if name is UNREADABLE else file[name] for name in names] == [
        b"A ",
        UNREADABLE,
        b"B ",
    ]
    assert file[found[CONTOUR_DATA]] == rb"1\2\3 "


def test_a_sequence_where_a_value_should_be_costs_itself_alone():
    data = b"\x06\x30\x50\x00UN\x00\x00" + UNDEFINED + SEQUENCE_END
    found = select(open_dataset(FIRST + data), {MODALITY: None, CONTOUR_DATA: None})
    assert found == {MODALITY: slice(8, 16), CONTOUR_DATA: UNREADABLE}


def test_of_a_value_that_is_there_twice_neither_is_taken():
    found = select(open_dataset(FIRST + LAST + LAST + LAST), {CONTOUR_DATA: None})
    assert found == {CONTOUR_DATA: UNREADABLE}


@pytest.mark.parametrize(
    ("stream", "reason"),
    [
        pytest.param(SQ + UNDEFINED, "a delimiter is missing", id="nothing-follows"),
        pytest.param(
            SQ + UNDEFINED + defined(NAME_A), "a delimiter is missing", id="no-end"
        ),
        pytest.param(
            SQ + UNDEFINED + ITEM + UNDEFINED + NAME_A,
            "a delimiter is missing",
            id="no-end-of-item",
        ),
        pytest.param(
            SQ + UNDEFINED + NAME_A + SEQUENCE_END,
            "an element where none should be",
            id="element-for-item",
        ),
        pytest.param(
            SQ + UNDEFINED + ITEM + UNDEFINED + ITEM + UNDEFINED,
            "an element where none should be",
            id="item-in-item",
        ),
        pytest.param(
            SQ + UNDEFINED + ITEM + length(b"..") + b".",
            "an element exceeds",
            id="item-exceeds-file",
        ),
    ],
)
def test_contradiction_in_what_is_stepped_over_is_refused_too(stream, reason):
    with pytest.raises(MalformedError, match=reason):
        select(open_dataset(FIRST + stream), {})


def nested(depth):
    level = SQ + UNDEFINED + ITEM + UNDEFINED
    return FIRST + level * depth + (ITEM_END + SEQUENCE_END) * depth


def test_nesting_has_a_maximum_and_needs_no_recursion():
    assert select(open_dataset(nested(MAXIMUM_DEPTH)), {}) == {}
    with pytest.raises(MalformedError, match="sequences nest too deep"):
        select(open_dataset(nested(1_000_000)), {})


def test_wanted_sequence_inside_itself_is_walked_as_deep_as_the_template():
    file = FIRST + open_ended(SQ, undefined(open_ended(SQ, undefined(NAME_A))))
    twice = Template({ROI_SEQUENCE: NAMES}, lambda fields: fields[ROI_SEQUENCE].items)
    _, _, items = select(open_dataset(file), {ROI_SEQUENCE: twice})[ROI_SEQUENCE]
    assert [[file[name] for name in names] for names in items] == [[b"A "]]


def test_offset_counts_from_the_data_set_not_from_the_file():
    dataset = open_dataset(PREFIX + meta(UID_EXPLICIT) + FIRST + LAST[:-1])
    with pytest.raises(MalformedError) as refusal:
        select(dataset, {})
    assert refusal.value.offset == len(FIRST)


def test_cut_file_is_refused_unless_it_ends_between_two_elements():
    names = open_ended(SQ, undefined(NAME_A) + defined(NAME_B))
    file = FIRST + names + LAST
    readable = []
    for cut in range(len(file) + 1):
        try:
            select(open_dataset(file[:cut]), {ROI_SEQUENCE: NAMES, CONTOUR_DATA: None})
        except DicomError:
            continue
        readable.append(cut)
    assert readable == [len(FIRST), len(FIRST + names), len(file)]
