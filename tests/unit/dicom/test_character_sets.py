"""Every character set that pydicom knows, from the bytes of a file to its ROI Names."""

import io

import pydicom
import pytest
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
