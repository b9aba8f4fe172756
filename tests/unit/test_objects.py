"""The door for notebooks and jobs, and the table behind it."""

import json
import subprocess
import sys
from decimal import Decimal

import pytest
from imaging_selection import convert, objects
from imaging_selection.dicom.file import open_dataset
from imaging_selection.dicom.rtstruct.reader import read_structure_set
from imaging_selection.errors import UnsupportedObjectError
from imaging_selection.fhir.bundles import collection_bundle
from imaging_selection.ids import OrthancIds
from imaging_selection.mapping.choices import Choices
from imaging_selection.mapping.rtstruct.imaging_selection import map_structure_set
from support.builders import contour, ct_image, make_rtstruct, roi
from support.corpus import case
from support.paths import PLUGIN
from support.reading import parse_structure_set

RT_STRUCTURE_SET_STORAGE = "1.2.840.10008.5.1.4.1.1.481.3"
FILE = make_rtstruct(roi(7, contours=[contour(rb"1.50\2\3\4\5\6.0", "OPEN_PLANAR")]))


def test_structure_sets_and_segmentations_are_converted():
    assert {
        RT_STRUCTURE_SET_STORAGE,
        "1.2.840.10008.5.1.4.1.1.66.4",
        "1.2.840.10008.5.1.4.1.1.66.7",
    } <= set(objects.OBJECTS)


def test_a_file_is_read_as_what_its_sop_class_says():
    kind, instance = objects.read(FILE)
    assert kind is objects.OBJECTS[RT_STRUCTURE_SET_STORAGE]
    assert instance == read_structure_set(open_dataset(FILE))


def test_an_object_of_another_sop_class_is_refused():
    with pytest.raises(UnsupportedObjectError, match=r"SOP Class [0-9.]+ is not RT"):
        objects.convert(ct_image())


def test_resources_and_findings_come_out_of_one_call():
    structure_set = parse_structure_set(FILE)
    ids = objects.ids_of(structure_set)
    mapped = objects.convert(FILE)
    assert mapped == map_structure_set(structure_set, ids, Choices())
    assert mapped.findings[: len(structure_set.findings)] == structure_set.findings


def test_the_ids_of_orthanc_and_the_choices_shape_the_resources():
    ids = OrthancIds("patient-113047", "study", "series", "instance-113047")
    (resource,) = objects.convert(FILE, Choices(("Roi",)), ids).resources
    assert resource["id"] == "instance-113047-7"
    assert resource["subject"]["reference"] == "Patient/patient-113047"


def test_a_file_becomes_a_bundle():
    assert convert(FILE) == collection_bundle(objects.convert(FILE).resources)


def test_the_choices_shape_the_bundle():
    (entry,) = convert(FILE, choices=Choices(("Roi",)))["entry"]
    assert entry["resource"]["instance"][0]["subset"] == ["7"]


def test_contours_keep_the_digits_of_the_file():
    entries = convert(FILE, contours=True)["entry"]
    (region,) = entries[1]["resource"]["instance"][0].pop("imageRegion3D")
    assert region["regionType"] == "polyline"
    assert list(map(str, region["coordinate"])) == ["1.50", "2", "3", "4", "5", "6.0"]
    assert isinstance(region["coordinate"][0], Decimal)
    del entries[0]["resource"]["instance"][0]["imageRegion3D"]
    assert entries == convert(FILE)["entry"]


def test_the_version_is_there_without_reading_dicom():
    code = "import imaging_selection, sys, json; print(json.dumps([*sys.modules]))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=PLUGIN,
        capture_output=True,
        check=True,
    )
    assert not {"pydicom", "orjson"} & set(json.loads(done.stdout))


def test_text_without_a_declaration_is_read_by_the_default_encoding():
    file = make_rtstruct(roi(1, b"\xcf\xe5\xf7"), SpecificCharacterSet=None)
    choices = Choices(("Roi",), default_encoding="Windows1251")
    (resource,) = objects.convert(file, choices).resources
    assert resource["bodySite"]["concept"]["text"] == "Печ"


def test_the_latin_1_name_of_a_file_without_character_set_is_read():
    resources = objects.convert(case("08-rtstruct-latin-1-name-without-charset.dcm"))
    concept = resources.resources[1]["bodySite"]["concept"]
    assert concept["text"] == "Rückenmark"
    assert "charset" in {each.code for each in resources.findings}
