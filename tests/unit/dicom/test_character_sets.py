"""Text in every character set, of single values and of the ROI Names of a file."""

import io

import pydicom
import pytest
from imaging_selection.dicom.character_sets import (
    DEFAULT_ENCODINGS,
    NAME_DELIMITERS,
    CharacterSet,
    parse_character_set,
    undeclared_character_set,
)
from pydicom.charset import python_encoding
from support.builders import make_rtstruct, roi
from support.reading import parse

# Letters of each; those that are one byte each are all the letters that it has.
LETTERS = {
    "ISO_IR 13": "ﾔﾏﾀﾞ",
    "ISO 2022 IR 13": "ﾔﾏﾀﾞ",
    "ISO 2022 IR 58": "肝脏",
    "ISO 2022 58": None,  # no term of DICOM, a spelling that pydicom lets pass
    "ISO 2022 IR 87": "肝臓",
    "ISO 2022 IR 149": "간장",
    "ISO 2022 IR 159": "鷗丂",
    "ISO_IR 192": "肝 간 Ж é 🫁",
    "GB18030": "肝脏",
    "GBK": "肝脏",
    "ISO 2022 GBK": "肝脏",
}
IN_ESCAPES = {"ISO 2022 IR 58", "ISO 2022 IR 87", "ISO 2022 IR 149", "ISO 2022 IR 159"}

# What pydicom reads and does not write.
WRITTEN = {
    "ISO_IR 13": lambda text: text.encode("shift_jis"),
    "ISO 2022 IR 13": lambda text: text.encode("shift_jis"),
    "ISO 2022 IR 58": lambda text: b"\x1b$)A" + text.encode("gb2312"),
}


def letters_of(term):
    if term in LETTERS:
        return LETTERS[term]
    upper = bytes(range(0xA1, 0xFF)).decode(python_encoding[term], errors="ignore")
    # pydicom takes Latin-1 for ASCII; we do not find letters in any byte.
    is_ascii = python_encoding[term] == "iso8859"
    return "Liver" if is_ascii else "".join(filter(str.isalpha, upper))[:60]


TERMS = [term for term in python_encoding if letters_of(term)]


@pytest.mark.parametrize("term", TERMS)
def test_every_character_set_is_read_as_it_was_written(term):
    letters = letters_of(term)
    terms = ["", term] if term in IN_ESCAPES else term
    written = WRITTEN.get(term, lambda text: text)
    parts = [roi(1, written(f"x{letters}")), roi(2, written(letters[::-1]))]

    names = [each.name for each in parse(*parts, SpecificCharacterSet=terms).rois]

    assert names == [f"x{letters}", letters[::-1]]
    file = make_rtstruct(*parts, SpecificCharacterSet=terms)
    theirs = pydicom.dcmread(io.BytesIO(file)).StructureSetROISequence
    # Of IR 58, pydicom leaves the escape sequence in the text.
    expected = [each.ROIName.replace("\x1b$)A", "") for each in theirs]
    assert names == expected


def test_all_but_one_term_of_pydicom_are_looked_at():
    assert set(python_encoding) - set(TERMS) == {"ISO 2022 58"}


@pytest.mark.parametrize(
    ("declared", "raw", "text"),
    [
        pytest.param(b"", b"Larynx", "Larynx", id="default"),
        pytest.param(b"ISO_IR 6", b"Larynx", "Larynx", id="ir-6"),
        pytest.param(b"ISO_IR 100", b"Pulm\xe3o", "Pulmão", id="latin-1"),
        pytest.param(b"ISO_IR 144", b"\xb8\xd5\xef", "Иея", id="cyrillic"),
        pytest.param(b"ISO_IR 192", b"\xe8\x82\x9d", "肝", id="utf-8"),
        pytest.param(b"ISO_IR 192 ", b"Larynx", "Larynx", id="padded"),
        pytest.param(b"GB18030", b"\xb8\xce\x81\x30\x84\x36", "肝¥", id="gb18030"),
        pytest.param(b"GBK", b"\xd0\x5c", "衆", id="gbk-with-a-backslash-byte"),
        pytest.param(b"GBK", b"\xb8\xce\x81\x30\x84\x36", "肝¥", id="gbk-of-gb18030"),
        pytest.param(b"ISO_IR 203", b"\xbcuf \xa4", "Œuf €", id="latin-9"),
        pytest.param(b"ISO 2022 IR 203", b"\xbd\xb4", "œŽ", id="latin-9-extended"),
        pytest.param(b"iso-ir 203", b"\xbe", "Ÿ", id="latin-9-misspelt"),
        pytest.param(b"ISO-IR 100", b"\xe3", "ã", id="misspelt"),
        pytest.param(b"iso_ir 100", b"\xe3", "ã", id="lower-case"),
    ],
)
def test_text_is_decoded_as_declared(declared, raw, text):
    assert parse_character_set(declared).decode(raw) == text


@pytest.mark.parametrize(
    ("declared", "raw", "text"),
    [
        pytest.param(
            rb"\ISO 2022 IR 149", b"\x1b$)C\xb0\xa3\xc0\xe5", "간장", id="korean"
        ),
        pytest.param(
            rb"\ISO 2022 IR 87", b"x\x1b$B4NB!\x1b(B y", "x肝臓 y", id="japanese"
        ),
        pytest.param(
            rb"ISO 2022 IR 13\ISO 2022 IR 87",
            b"\xd4\xcf\x1b$B4N\x1b(J",
            "ﾔﾏ肝",
            id="half-width",
        ),
        pytest.param(
            rb"\ISO 2022 IR 58", b"\x1b$)A\xb8\xce\xd4\xe0", "肝脏", id="chinese"
        ),
        pytest.param(
            rb"ISO 2022 IR 100\ISO 2022 IR 144",
            b"\xe3\x1b-L\xb8\r\n\xe3",
            "ãИ\r\nã",
            id="a-line-end-switches-back",
        ),
        pytest.param(
            rb"ISO 2022 IR 144\ISO 2022 IR 203",
            b"\xb8\x1b-b\xbcuf\n\xb8",
            "ИŒuf\nИ",
            id="latin-9",
        ),
    ],
)
def test_escape_sequences_switch_between_declared_sets(declared, raw, text):
    assert parse_character_set(declared).decode(raw) == text


def test_a_name_delimiter_switches_back_to_the_first_set():
    characters = parse_character_set(rb"ISO 2022 IR 100\ISO 2022 IR 144")
    raw = b"\x1b-L\xb8^\xe3"
    assert characters.decode(raw, NAME_DELIMITERS) == "И^ã"


@pytest.mark.parametrize(
    ("declared", "raw"),
    [
        pytest.param(b"", b"Pulm\xe3o", id="no-declaration"),
        pytest.param(b"ISO_IR 192", b"Pulm\xe3o", id="latin-1-as-utf-8"),
        pytest.param(b"ISO_IR 100", b"\xc3\x9f", id="c1-control"),
        pytest.param(b"ISO_IR 192", b"a\0b", id="nul"),
        pytest.param(b"ISO_IR 100", b"\x1b-L\xb8", id="undeclared-escape"),
        pytest.param(b"ISO_IR 100", b"\x1bX", id="unknown-escape"),
        pytest.param(rb"\ISO 2022 IR 149", b"\x1b(B\xb0", id="8-bit-in-ascii"),
    ],
)
def test_text_that_contradicts_its_declaration_is_refused(declared, raw):
    with pytest.raises(UnicodeError):
        parse_character_set(declared).decode(raw)


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        pytest.param("Ösophagus".encode(), "Ösophagus", id="utf-8"),
        pytest.param(b"Pulm\xe3o", "Pulm\ufffdo", id="unknown-8-bit-table"),
        pytest.param(b"\x1b-L\xb8", "И", id="escape-names-its-set"),
        pytest.param(b"a\0b\x1f", "a\ufffdb\ufffd", id="control-characters"),
        pytest.param(b"\x1bX\xe3", "\ufffdX\ufffd", id="unknown-escape"),
    ],
)
def test_text_of_a_wrong_declaration_gets_no_invented_letters(raw, text):
    assert CharacterSet().decode_leniently(raw) == text


@pytest.mark.parametrize("raw", [b"ISO_IR 999", b"latin1", b"utf8", b"\xff", b"x\\y"])
def test_a_character_set_that_dicom_does_not_have_is_refused(raw):
    with pytest.raises(ValueError, match="Character Set"):
        parse_character_set(raw)


@pytest.mark.parametrize(
    ("declared", "raw", "text"),
    [
        pytest.param(rb"\ISO 2022 IR 100", b"R\xfcck", "Rück", id="latin-1"),
        pytest.param(rb"\ISO 2022 IR 149", b"\xb0\xa3\xc0\xe5", "간장", id="korean"),
        pytest.param(rb"\ISO 2022 IR 58", b"\xb8\xce\xd4\xe0", "肝脏", id="chinese"),
        pytest.param(
            rb"ISO 2022 IR 6\ISO 2022 IR 144", b"\xb8\xd5", "Ие", id="cyrillic"
        ),
        pytest.param(rb"\ISO 2022 IR 100", "Rück".encode(), "Rück", id="utf-8"),
    ],
)
def test_text_without_the_escape_sequence_of_its_set_is_read_as_that_set(
    declared, raw, text
):
    characters = parse_character_set(declared)
    with pytest.raises(UnicodeError):
        characters.decode(raw)
    assert characters.decode_leniently(raw) == text


@pytest.mark.parametrize(
    ("default_encoding", "raw", "text"),
    [
        pytest.param("Latin1", b"R\xfcck", "Rück", id="latin-1"),
        pytest.param("Latin1", "Rück".encode(), "Rück", id="utf-8-all-the-same"),
        pytest.param("Latin1", b"R\xfc\x8c", "Rü\ufffd", id="a-control-character"),
        pytest.param("Ascii", b"R\xfcck", "R\ufffdck", id="ascii"),
        pytest.param("Utf8", b"R\xfcck", "R\ufffdck", id="utf-8-that-is-none"),
        pytest.param("Windows1251", b"\xcf\xe5\xf7", "Печ", id="windows-1251"),
        pytest.param("Thai", b"\xca\xa1", "สก", id="utf-8-by-chance"),
        pytest.param("Chinese", b"\xb8\xce\xd4\xe0", "肝脏", id="gb18030"),
        pytest.param("Japanese", b"\xd4\xcf", "ﾔﾏ", id="half-width"),
        pytest.param("Latin1", b"\x1b-L\xb8", "И", id="an-escape-sequence"),
    ],
)
def test_text_of_no_declaration_is_read_as_the_site_says(default_encoding, raw, text):
    characters = undeclared_character_set(default_encoding)
    with pytest.raises(UnicodeError):
        characters.decode(raw)
    assert characters.decode_leniently(raw) == text


@pytest.mark.parametrize(
    ("declared", "name"),
    [
        pytest.param(None, "Rückenmark", id="absent"),
        pytest.param("", "Rückenmark", id="empty"),
        pytest.param("ISO_IR 6", "R\ufffdckenmark", id="declared-as-ascii"),
        pytest.param("ISO_IR 999", "R\ufffdckenmark", id="unknown"),
    ],
)
def test_the_default_encoding_is_for_files_that_declare_nothing(declared, name):
    item = {0x00080005: ("CS", declared)} if declared is not None else {}
    structure_set = parse(
        roi(1, b"R\xfcckenmark"),
        SpecificCharacterSet=None,
        encoding="ascii",
        elements=item,
    )
    assert structure_set.rois[0].name == name
    assert "charset" in {finding.code for finding in structure_set.findings}


def test_an_item_has_the_default_encoding_too_unless_it_declares_its_own():
    own = roi(2, b"\xb8", SpecificCharacterSet="ISO_IR 144")
    structure_set = parse(roi(1, b"\xfc"), own, SpecificCharacterSet=None)
    assert [each.name for each in structure_set.rois] == ["ü", "И"]


@pytest.mark.parametrize("name", DEFAULT_ENCODINGS)
def test_every_default_encoding_is_a_codec(name):
    assert "x".encode(DEFAULT_ENCODINGS[name]) == b"x"
