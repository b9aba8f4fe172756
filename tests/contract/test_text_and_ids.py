"""The ids of a file, and the names in it, are those of a real Orthanc."""

import json
import random

import pytest
from imaging_selection.dicom.character_sets import DEFAULT_ENCODINGS
from imaging_selection.objects import ids_of
from support.builders import make_rtstruct, roi
from support.corpus import case
from support.reading import parse_structure_set

# Specific Character Set -> text in it, and the codec that writes it.
DECLARED = {
    b"ISO_IR 100": ("Moëlle épinière", "latin_1"),
    b"ISO 2022 IR 100": ("Rückenmark", "latin_1"),
    b"ISO_IR 101": ("Żołądek", "iso8859_2"),
    b"ISO_IR 109": ("Ħaġar", "iso8859_3"),
    b"ISO_IR 110": ("Ķermenis", "iso8859_4"),
    b"ISO_IR 126": ("Ήπαρ", "iso8859_7"),
    b"ISO_IR 127": ("كبد", "iso8859_6"),
    b"ISO_IR 138": ("כבד", "iso8859_8"),
    b"ISO_IR 144": ("Печень", "iso8859_5"),
    b"ISO_IR 148": ("Karaciğer", "iso8859_9"),
    b"ISO_IR 166": ("ตับ", "tis_620"),
    b"ISO_IR 13": ("ｶﾝｿﾞｳ", "shift_jis"),
    b"ISO_IR 192": ("肝 간 Ж é", "utf-8"),
    b"GB18030": ("肝脏", "gb18030"),
    b"GBK": ("肝脏", "gbk"),
    b"ISO 2022 IR 87": ("肝臓", "iso2022_jp"),
    rb"\ISO 2022 IR 87": ("肝臓", "iso2022_jp"),
    b"ISO 2022 IR 149": ("간장", "euc_kr"),
    b"ISO 2022 IR 58": ("肝脏", "gb2312"),
    # Wrong, and Orthanc reads them right: no escape sequence.
    rb"\ISO 2022 IR 100": ("Rückenmark", "latin_1"),
    rb"\ISO 2022 IR 144": ("Печень", "iso8859_5"),
    rb"\ISO 2022 IR 149": ("간장", "euc_kr"),
    rb"\ISO 2022 IR 58": ("肝脏", "gb2312"),
    b" iso_ir 100": ("Rückenmark", "latin_1"),
}
UNDECLARED = {
    "Ascii": "Liver",
    "Utf8": "肝 간 Ж é",
    "Latin1": "Rückenmark",
    "Latin2": "Żołądek",
    "Latin3": "Ħaġar",
    "Latin4": "Ķermenis",
    "Latin5": "Karaciğer",
    "Cyrillic": "Печень",
    "Windows1251": "Печень",
    "Arabic": "كبد",
    "Greek": "Ήπαρ",
    "Hebrew": "כבד",
    "Thai": "ตับ",
    "Japanese": "ｶﾝｿﾞｳ",
    "Chinese": "肝脏",
    "JapaneseKanji": "肝臓",
    "Korean": "간장",
    "SimplifiedChinese": "肝脏",
}
TERMS = (
    *DECLARED,
    *(b"", b"\\", b"ISO_IR 6", b"ISO_IR 203", b"latin1", b"ISO-IR 100", b"ISO_IR 149"),
    *(rb"ISO 2022 IR 6\ISO 2022 IR 100", rb"ISO 2022 IR 100\ISO 2022 IR 144"),
    *(b"ISO 2022 IR 159", rb"ISO 2022 IR 13\ISO 2022 IR 87", b"ISO_IR 192\0"),
)


# From this release of Orthanc on, the id of a patient is another one if Patient ID ends
# with a blank and a NUL, which DICOM does not allow.
BLANK_AND_NUL = (1, 13)

# Bytes that the libraries of another build may read otherwise, where they are illegal.
UNSURE = {b"IR 149": b"\\[]^_`{|}~\x7f\x80\xff", b"IR 87": b"\x1b"}


@pytest.fixture(scope="module")
def client(start_orthanc_for_module):
    client = start_orthanc_for_module({"KeepAlive": True}).client
    yield client
    set_default_encoding(client, "Latin1")


def set_default_encoding(client, name):
    answer = client.request("PUT", "/tools/default-encoding", name.encode())
    assert answer.status == 200


def file_of(number, *, declared=None, name=b"x", **overrides):
    elements = {} if declared is None else {0x00080005: ("CS", declared)}
    return make_rtstruct(
        roi(1, name),
        SpecificCharacterSet=None,
        encoding="ascii",
        elements=elements,
        SOPInstanceUID=f"2.25.1130479{number}",
        **overrides,
    )


def name_in_orthanc(client, file):
    stored = json.loads(client.store(file).body)
    tags = client.get(f"/instances/{stored['ID']}/simplified-tags").json
    return tags["StructureSetROISequence"][0]["ROIName"]


def patient_ids(declared, random_, version):
    """Yield Patient IDs as bytes: legal ones, odd ones and broken ones."""
    text, codec = DECLARED.get(declared, ("Rückenmark", "latin_1"))
    encoded = text.encode(codec)
    yield from (encoded, b" " + encoded, b"\ta\x01" + encoded)
    if version < BLANK_AND_NUL:
        yield encoded + b" \0"
    unsure = next((some for term, some in UNSURE.items() if term in declared), b"")
    for _ in range(6):
        some = bytes(
            random_.choice((random_.randrange(1, 256), random_.randrange(128, 256), 65))
            for _ in range(random_.randrange(1, 12))
        )
        yield some.translate(None, unsure)


def test_the_same_file_has_the_same_ids(client):
    random_ = random.Random(113047)  # noqa: S311 - the same files in each run
    version = client.get("/system").json["Version"].split(".")
    different, number = [], 0
    for declared in TERMS:
        for patient_id in patient_ids(declared, random_, tuple(map(int, version))):
            number += 1
            file = file_of(number, declared=declared, PatientID=patient_id)
            stored = json.loads(client.store(file).body)
            ids = ids_of(parse_structure_set(file))
            if (stored["ID"], stored["ParentPatient"]) != (ids.instance, ids.patient):
                different.append((declared, patient_id))
    assert different == []
    assert number >= 300


@pytest.mark.parametrize(
    "uid",
    [
        pytest.param(b"2.25.113047400", id="even"),
        pytest.param(b"2.25.11304740\0", id="nul"),
        pytest.param(b" 2.25.113047402", id="leading-blank"),
        pytest.param(b"2.25.11304740403 \0", id="blank-and-nul"),
        pytest.param(b"2.25.0113047404", id="leading-zero"),
    ],
)
def test_the_uids_in_the_ids_are_without_their_padding(client, uid):
    file = make_rtstruct(roi(), StudyInstanceUID=uid, SeriesInstanceUID=uid)
    stored = json.loads(client.store(file).body)
    ids = ids_of(parse_structure_set(file))
    assert (ids.study, ids.series) == (stored["ParentStudy"], stored["ParentSeries"])


@pytest.mark.parametrize("declared", DECLARED, ids=lambda each: each.decode())
def test_names_are_those_that_orthanc_shows(client, declared):
    text, codec = DECLARED[declared]
    number = 5000 + [*DECLARED].index(declared)
    file = file_of(number, declared=declared, name=text.encode(codec))
    (own,) = parse_structure_set(file).rois
    assert own.name == text == name_in_orthanc(client, file)


@pytest.mark.parametrize("default_encoding", DEFAULT_ENCODINGS)
def test_names_of_files_that_declare_nothing_are_those_that_orthanc_shows(
    client, default_encoding
):
    text = UNDECLARED[default_encoding]
    set_default_encoding(client, default_encoding)
    number = 6000 + [*DEFAULT_ENCODINGS].index(default_encoding)
    encoded = text.encode(DEFAULT_ENCODINGS[default_encoding])
    file = file_of(number, name=encoded, PatientID=encoded)
    structure_set = parse_structure_set(file, default_encoding)
    assert structure_set.rois[0].name == text == name_in_orthanc(client, file)
    assert client.get(f"/patients/{ids_of(structure_set).patient}").status == 200


def test_a_name_is_found_as_orthanc_explorer_shows_it(client):
    set_default_encoding(client, "Latin1")
    client.store(case("08-rtstruct-latin-1-name-without-charset.dcm"))
    client.wait_until_up_to_date()
    bundle = client.get("/fhir/ImagingSelection", [("roi-name", "Rückenmark")]).json
    found = [each["resource"] for each in bundle["entry"]]
    assert "2.25.1264925941627981131924980352081924" in {
        each["studyUid"] for each in found
    }
