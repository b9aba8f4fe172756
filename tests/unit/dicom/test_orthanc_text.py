"""Text as Orthanc reads it; each value was measured on Orthanc 1.10.1."""

import pytest
from imaging_selection.dicom.orthanc_text import text_of_orthanc
from imaging_selection.objects import ids_of
from support.builders import roi
from support.reading import parse


@pytest.mark.parametrize(
    ("raw", "declared", "text"),
    [
        pytest.param(b" a  ", b"", " a", id="blanks"),
        pytest.param(b"a\0\0", b"", "a", id="nul"),
        pytest.param(b"a \0 ", b"", "a ", id="a-blank-before-nul"),
        pytest.param(b"\0a", b"", "", id="nul-first"),
        pytest.param(b"\ta\x01\x7f", b"", "\ta\x01\x7f", id="controls"),
        pytest.param(b"\ta\x01\n\x7f", b"ISO_IR 6", "a\n", id="controls-in-ascii"),
        pytest.param(b"a\\ b ", b"", "a\\ b", id="two-values"),
        pytest.param(b"R\xfc", b"", "Rü", id="undeclared"),
        pytest.param("ü".encode(), b"", "Ã¼", id="undeclared-utf-8"),
        pytest.param(b"R\xfc", b"ISO_IR 6", "R", id="latin-1-as-ascii"),
        pytest.param(b"R\xfc", b"ISO_IR 203", "R", id="a-term-unknown-to-orthanc"),
        pytest.param(b"R\xfc", b"latin1", "R", id="no-term"),
        pytest.param(b"R\xfc", b" iso_ir 100 ", "Rü", id="lower-case"),
        pytest.param(b"R\xfc", rb"\ISO 2022 IR 100", "Rü", id="the-first-not-empty"),
        pytest.param(b"R\xfc", b"\\", "Rü", id="all-empty"),
        pytest.param(b"\xc2x\xe0x\xc3\xbc", b"ISO_IR 192", "ü", id="broken-utf-8"),
        pytest.param(
            b"a\xe3\x1b-L\xb8",
            rb"ISO 2022 IR 100\ISO 2022 IR 144",
            "aã\u00b8",
            id="escapes",
        ),
        pytest.param(b"a\x1b-L", b"ISO_IR 100", "a\x1b-L", id="escape-of-one-set"),
        pytest.param(
            b"\x1b$)C\xb0\xa3", rb"\ISO 2022 IR 149", "간", id="korean-escapes"
        ),
        pytest.param(b"\xd4\\~", b"ISO_IR 13", "ﾔ¥‾", id="half-width"),
        pytest.param(b"\x1b$B!A\x1b(B", b"ISO 2022 IR 87", "\uff5e", id="kanji"),
        pytest.param(b"\x85\xca", b"ISO_IR 166", "ส", id="thai"),
        pytest.param(b"", b"ISO_IR 192", "", id="empty"),
    ],
)
def test_a_value_is_read_as_orthanc_reads_it(raw, declared, text):
    assert text_of_orthanc(raw, declared, "Latin1") == text


def test_the_default_encoding_is_for_files_that_declare_nothing():
    assert text_of_orthanc(b"\xcf", b"", "Windows1251") == "П"
    assert text_of_orthanc(b"\xcf", b"ISO_IR 100", "Windows1251") == "Ï"


def test_a_leading_blank_makes_another_patient():
    ids = [
        ids_of(parse(roi(), PatientID=patient)).patient for patient in ("a", " a", "a ")
    ]
    assert ids[0] == ids[2] != ids[1]
