from fhir.resources.imagingselection import ImagingSelection
from imaging_selection import objects
from imaging_selection.mapping.choices import Choices, Names
from imaging_selection.mapping.roi_names import CODE_FROM_NAME, TARGET_DOSE
from support.builders import code, make_rtstruct, observation, roi

TG263 = Names(tg263=True)
RIGHT = code("24028007", "SCT", "Right")


def convert(*rois, names=TG263):
    return objects.convert(make_rtstruct(*rois), Choices(names=names))


def selection_of(*rois, names=TG263):
    selection = convert(*rois, names=names).resources[1]
    ImagingSelection.model_validate(selection)
    return selection


def structure_of(selection):
    (structure,) = [
        each for each in selection["contained"] if each["id"] == "structure"
    ]
    return structure


def lung(**overrides):
    return observation(
        RTROIIdentificationCodeSequence=code("39607008", "SCT", "Lung", **overrides)
    )


def codes(mapped):
    return {(each.code, each.roi_number) for each in mapped.findings}


def test_a_code_from_a_name_is_declared():
    selection = selection_of(roi(1, "Lung_L"))
    (coding,) = selection["bodySite"]["concept"]["coding"]
    assert selection["bodySite"]["concept"]["text"] == "Lung_L"
    assert coding["userSelected"] is False
    assert coding["code"] == "39607008"
    assert coding["extension"] == [
        {
            "url": CODE_FROM_NAME,
            "extension": [
                {
                    "url": "dictionary",
                    "valueString": "http://hl7.org/fhir/us/mcode/CodeSystem/tg263-cs",
                },
                {"url": "version", "valueString": "4.0.0"},
                {"url": "match", "valueCode": "exact"},
            ],
        }
    ]


def test_the_code_of_the_file_stands_first():
    seen = observation(
        RTROIIdentificationCodeSequence=code("Lu1", "99SITE", "Lunge links")
    )
    selection = selection_of(roi(1, "Lung_L", observations=[seen]))
    first, second = selection["bodySite"]["concept"]["coding"]
    assert first["code"] == "Lu1"
    assert second["code"] == "39607008"
    included = structure_of(selection)["includedStructure"]
    assert [each["structure"]["coding"][0]["code"] for each in included] == [
        "Lu1",
        "39607008",
    ]


def test_side_and_qualifiers_are_in_the_body_structure():
    (included,) = structure_of(selection_of(roi(1, "Kidney_R")))["includedStructure"]
    assert included["laterality"]["coding"][0]["code"] == "24028007"
    (included,) = structure_of(selection_of(roi(1, "Bronchus_Main_L")))[
        "includedStructure"
    ]
    assert included["laterality"]["coding"][0]["display"] == "Left"


def test_a_name_that_says_another_side_than_the_code_is_a_finding():
    seen = lung(SegmentedPropertyTypeModifierCodeSequence=RIGHT)
    mapped = convert(
        roi(1, "Kidney_L", observations=[seen]), roi(2, "Kidney_R", observations=[seen])
    )
    found = codes(mapped)
    assert ("name-contradicts-code", 1) in found
    assert ("name-contradicts-code", 2) not in found


def test_unknown_names_are_reported_only_if_that_is_chosen():
    rois = roi(1, "Lung_L"), roi(2, "Burns"), roi(3, "PTVn1"), roi(4, "lung l")
    assert "name-not-in-nomenclature" not in {each for each, _ in codes(convert(*rois))}
    reported = codes(convert(*rois, names=Names(tg263=True, report=True)))
    assert [
        number for each, number in reported if each == "name-not-in-nomenclature"
    ] == [2]


def test_a_target_has_its_kind_and_its_dose():
    selection = selection_of(roi(1, "PTVn1_5040", observations=[observation("")]))
    (kind,) = selection["category"]
    assert kind["text"] == "PTV"
    assert kind["coding"][0]["userSelected"] is False
    (dose,) = [each for each in selection["extension"] if each["url"] == TARGET_DOSE]
    assert dose["valueQuantity"]["value"] == 5040


def test_the_kind_that_the_file_says_is_not_said_again():
    named = selection_of(roi(1, "PTV_High", observations=[observation("PTV")]))
    plain = selection_of(
        roi(1, "PTV_High", observations=[observation("PTV")]), names=Names()
    )
    assert named["category"] == plain["category"]
    levels = [each.get("valueString") for each in named["extension"]]
    assert "High" in levels


def test_without_the_setting_no_name_becomes_a_code():
    selection = selection_of(roi(1, "Lung_L"), names=Names())
    assert "coding" not in selection["bodySite"]["concept"]


def test_a_name_whose_code_is_in_doubt_has_none():
    mapped = convert(roi(1, "Hardpalate"), names=Names(tg263=True, report=True))
    assert "coding" not in mapped.resources[1]["bodySite"]["concept"]
    assert ("name-not-in-nomenclature", 1) not in codes(mapped)
