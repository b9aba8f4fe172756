"""R5 becomes R4, and nothing is lost."""

import json
from datetime import UTC, datetime

import orjson
import pytest
from hypothesis import given
from imaging_selection import objects
from imaging_selection.api.endpoint import Endpoints
from imaging_selection.errors import DicomError, MappingError
from imaging_selection.fhir.datatypes import dumps
from imaging_selection.fhir.r4 import PROFILE, json_to_r4, to_r4
from imaging_selection.mapping.choices import Choices, Names
from imaging_selection.mapping.rtstruct.contours_operation import json_of
from support.corpus import FILES
from support.from_r4 import from_r4
from support.paths import CORPUS, REPORTS, SEGMENTATIONS
from support.strategies import structure_sets
from support.synthetic import CASES
from support.synthetic_reports import CASES as REPORT_CASES
from support.synthetic_segmentations import CASES as SEGMENTATION_CASES

XVER = "http://hl7.org/fhir/5.0/StructureDefinition/extension-"
NOW = datetime(2026, 1, 2, tzinfo=UTC)
EVERY_CHOICE = Choices(measurements=True, names=Names(tg263=True, report=True))
EVERY_CASE = {**CASES, **SEGMENTATION_CASES, **REPORT_CASES}
both_forms = pytest.mark.parametrize("form", ["Extensions", "Complex"])
SELECTION = {
    "resourceType": "ImagingSelection",
    "id": "a-7",
    "meta": {"versionId": "3", "profile": ["http://p"], "tag": [{"code": "roi"}]},
    "extension": [{"url": "http://e", "valueString": "x"}],
    "identifier": [{"value": "1"}],
    "status": "available",
    "subject": {"reference": "Patient/p", "type": "Patient"},
    "code": {"coding": [{"code": "130488"}]},
    "studyUid": "2.25.1",
    "bodySite": {"concept": {"text": "Heart"}, "reference": {"reference": "#s"}},
    "focus": [{"reference": "ImagingSelection/a-images-1", "type": "ImagingSelection"}],
    "instance": [
        {
            "uid": "2.25.2",
            "sopClass": {"code": "1", "_code": {"extension": [{"url": "http://n"}]}},
            "subset": ["7"],
            "imageRegion3D": [{"regionType": "point", "coordinate": [1, 2, 3]}],
        }
    ],
}


def resources_of(file, choices=EVERY_CHOICE):
    return objects.convert_and_measure(file, choices, None, NOW).resources


def test_a_selection_becomes_basic_with_an_extension_for_each_element():
    region = [{"url": "regionType", "valueCode": "point"}]
    region += [{"url": "coordinate", "valueDecimal": each} for each in (1, 2, 3)]
    code = SELECTION["code"]
    body_site = [
        {
            "url": "http://hl7.org/fhir/StructureDefinition/_datatype",
            "valueString": "CodeableReference",
        },
        {"url": "concept", "valueCodeableConcept": {"text": "Heart"}},
        {"url": "reference", "valueReference": {"reference": "#s"}},
    ]
    focus = {"reference": "Basic/a-images-1", "type": "Basic"}
    instance = [
        {"url": "uid", "valueId": "2.25.2"},
        {"url": "sopClass", "valueCoding": SELECTION["instance"][0]["sopClass"]},
        {"url": "subset", "valueString": "7"},
        {"url": "imageRegion3D", "extension": region},
    ]
    own = "https://orthanc-imaging-selection.github.io/fhir/StructureDefinition"
    assert to_r4(SELECTION) == {
        "resourceType": "Basic",
        "id": "a-7",
        "meta": {"versionId": "3", "profile": [PROFILE], "tag": [{"code": "roi"}]},
        "extension": [
            {"url": f"{own}/r5-profile", "valueCanonical": "http://p"},
            {"url": "http://e", "valueString": "x"},
            {"url": f"{XVER}ImagingSelection.code", "valueCodeableConcept": code},
            {"url": f"{XVER}ImagingSelection.studyUid", "valueId": "2.25.1"},
            {"url": f"{XVER}ImagingSelection.bodySite", "extension": body_site},
            {"url": f"{XVER}ImagingSelection.focus", "valueReference": focus},
            {"url": f"{XVER}ImagingSelection.instance", "extension": instance},
        ],
        "modifierExtension": [
            {"url": f"{XVER}ImagingSelection.status", "valueCode": "available"}
        ],
        "identifier": [{"value": "1"}],
        "code": code,
        "subject": {"reference": "Patient/p", "type": "Patient"},
    }


def test_the_complex_form_has_one_extension_with_whole_urls_inside():
    basic = to_r4(SELECTION, "Complex")

    assert basic["meta"]["profile"] == [f"{PROFILE}|0.0.1-snapshot-3"]
    kind = {"system": "http://hl7.org/fhir/fhir-types", "code": "ImagingSelection"}
    assert basic["code"] == {"coding": [kind, *SELECTION["code"]["coding"]]}
    assert "modifierExtension" not in basic
    [single] = [e for e in basic["extension"] if e["url"] == f"{XVER}ImagingSelection"]
    urls = [each["url"] for each in single["extension"]]
    path = f"{XVER}ImagingSelection"
    assert urls == [
        f"{path}.{name}"
        for name in ("status", "code", "studyUid", "bodySite", "focus", "instance")
    ]
    instance = single["extension"][-1]["extension"]
    assert instance[0] == {"url": f"{path}.instance.uid", "valueId": "2.25.2"}
    assert [each["url"] for each in instance[-1]["extension"]] == [
        f"{path}.instance.imageRegion3D.regionType",
        *[f"{path}.instance.imageRegion3D.coordinate"] * 3,
    ]


@both_forms
def test_a_selection_comes_back_whole(form):
    assert from_r4(to_r4(SELECTION, form)) == SELECTION


def test_the_argument_stays_as_it_is():
    before = json.dumps(SELECTION)
    to_r4(SELECTION)
    assert json.dumps(SELECTION) == before


def test_an_element_without_a_place_in_r4_is_refused_by_its_name():
    unknown = {**SELECTION, "imageUrl": "http://secret-113047"}
    with pytest.raises(MappingError, match="imageUrl") as refused:
        to_r4(unknown)
    assert "113047" not in str(refused.value)


def test_an_element_of_an_instance_without_a_place_is_refused_too():
    [instance] = SELECTION["instance"]
    unknown = {**SELECTION, "instance": [instance | {"frames": [1]}]}
    with pytest.raises(MappingError, match=r"ImagingSelection\.instance: .*frames"):
        to_r4(unknown)


def test_values_that_are_absent_for_a_reason_keep_their_places():
    note = {"extension": [{"url": "http://reason"}]}
    [instance] = SELECTION["instance"]
    noted = instance | {"subset": ["7", None], "_subset": [None, note]}
    selection = SELECTION | {"instance": [noted], "_studyUid": note}

    assert from_r4(to_r4(selection)) == selection


@pytest.mark.slow
@both_forms
@pytest.mark.parametrize("name", EVERY_CASE)
def test_every_kind_of_object_comes_back_whole(name, form):
    for resource in resources_of(EVERY_CASE[name]()):
        assert from_r4(to_r4(resource, form)) == resource


@pytest.mark.slow
@pytest.mark.usefixtures("corpus")
def test_every_real_object_comes_back_whole():
    others = [*SEGMENTATIONS.glob("*.dcm"), *REPORTS.glob("*.dcm")]
    converted = 0
    for path in [*(CORPUS / each for each in FILES), *sorted(others)]:
        try:
            resources = resources_of(path.read_bytes(), Choices())
        except DicomError:
            continue
        for resource in resources:
            assert from_r4(to_r4(resource)) == resource
            converted += 1
    assert converted > 700


@pytest.mark.slow
@given(structure_sets)
def test_any_structure_set_comes_back_whole(file):
    for resource in resources_of(file, Choices()):
        assert from_r4(to_r4(resource)) == resource


def test_numbers_of_the_json_keep_their_digits():
    text = dumps(SELECTION).replace(b"[1,2,3]", b"[1.50,-0.0,2e-7,3,4.10,5.000]")

    written = json_to_r4(text)

    numbers = (b"1.50", b"-0.0", b"2e-7", b"3", b"4.10", b"5.000")
    parts = (b'{"url":"coordinate","valueDecimal":%s}' % each for each in numbers)
    assert b",".join(parts) in written
    orjson.loads(written)
    quantity = b'{"resourceType":"Observation","valueQuantity":{"value":12.500}}'
    assert json_to_r4(quantity) == quantity


def test_text_that_looks_like_coordinates_stays_text():
    text = '"coordinate":[1,2] {"url":"coordinate","valueDecimal":"#0"}'
    selection = SELECTION | {"identifier": [{"value": text}]}

    written = orjson.loads(json_to_r4(dumps(selection)))

    assert written["identifier"] == [{"value": text}]
    assert from_r4(written) == selection


def test_contours_become_extensions_of_the_same_digits():
    file = CASES["numbers_of_many_digits"]()
    texts = [
        b"".join(json_of(each, file, contours=True))
        for each in resources_of(file, Choices())
    ]
    assert any(b"imageRegion3D" in each for each in texts)
    for text in texts:
        digits = {"parse_float": str, "parse_int": str}
        written = json.loads(json_to_r4(text), **digits)
        assert from_r4(written) == json.loads(text, **digits)


def test_a_bundle_is_converted_entry_by_entry():
    bundle = {
        "resourceType": "Bundle",
        "type": "searchset",
        "link": [{"relation": "self", "url": "http://s/fhir/ImagingSelection?_id=a-7"}],
        "entry": [
            {"fullUrl": "http://s/fhir/ImagingSelection/a-7", "resource": SELECTION}
        ],
    }
    converted = to_r4(bundle)
    assert converted["link"][0]["url"] == "http://s/fhir/Basic?_id=a-7"
    assert converted["entry"] == [
        {"fullUrl": "http://s/fhir/Basic/a-7", "resource": to_r4(SELECTION)}
    ]


def test_an_observation_on_a_selection_says_so_by_an_alternate_reference():
    observation = {
        "resourceType": "Observation",
        "derivedFrom": [
            {"reference": "ImagingStudy/s"},
            {"reference": "http://s/fhir/ImagingSelection/a-7"},
        ],
    }
    alternate = "http://hl7.org/fhir/StructureDefinition/alternate-reference"
    selection = {"reference": "http://s/fhir/Basic/a-7"}
    assert to_r4(observation)["derivedFrom"] == [
        {"reference": "ImagingStudy/s"},
        {"extension": [{"url": alternate, "valueReference": selection}]},
    ]


def test_a_structure_of_one_site_has_its_location_in_the_element_of_r4():
    site = {"structure": {"text": "Lung"}, "laterality": {"text": "left"}}
    structure = {"resourceType": "BodyStructure", "includedStructure": [site]}

    one = to_r4(structure)
    two = to_r4({**structure, "includedStructure": [site, site]})

    assert one["location"] == {"text": "Lung"}
    assert one["locationQualifier"] == [{"text": "left"}]
    assert "location" not in two
    assert len(two["extension"]) == 2


class Archive:
    def dicom_web_root(self):
        return "/dicom-web/"


def test_the_endpoint_has_one_connection_type_and_the_others_as_extensions():
    endpoint = Endpoints(Archive()).read("Endpoint", "dicom-web", "http://s")

    converted = to_r4(endpoint)

    assert converted["connectionType"]["code"] == "dicom-wado-rs"
    assert converted["payloadMimeType"] == ["application/dicom"]
    assert from_r4(converted) == endpoint


def test_a_modality_is_a_coding():
    ct = {"system": "http://dcm", "code": "CT"}
    noted = {"coding": [ct], "text": "CT of the chest"}
    study = {
        "resourceType": "ImagingStudy",
        "modality": [{"coding": [ct]}],
        "series": [{"uid": "2.25.1", "modality": noted}],
    }

    converted = to_r4(study)

    assert converted["modality"] == [ct]
    assert converted["series"][0]["modality"]["code"] == "CT"
    assert from_r4(converted) == study


def test_a_device_keeps_every_name_type_and_property():
    kinds = [{"text": "first"}, {"text": "second"}]
    device = {
        "resourceType": "Device",
        "displayName": "shown",
        "name": [{"value": "own", "type": "user-friendly-name"}],
        "type": kinds,
        "property": [
            {"type": {"text": "a"}, "valueQuantity": {"value": 1}},
            {"type": {"text": "b"}, "valueCodeableConcept": {"text": "c"}},
            {"type": {"text": "d"}, "valueString": "e"},
        ],
    }

    converted = to_r4(device)

    assert converted["deviceName"] == [
        {"name": "shown", "type": "other"},
        {"name": "own", "type": "user-friendly-name"},
    ]
    assert converted["type"] == kinds[0]
    quantity, concept, text = converted["property"]
    assert quantity["valueQuantity"] == [{"value": 1}]
    assert concept["valueCode"] == [{"text": "c"}]
    assert text["extension"][0] == {
        "url": f"{XVER}Device.property.value",
        "valueString": "e",
    }


def test_a_name_of_a_device_that_r4_cannot_hold_is_refused():
    device = {"resourceType": "Device", "name": [{"value": "a", "display": True}]}
    with pytest.raises(MappingError, match=r"Device\.name: .*display"):
        to_r4(device)
