import json

from imaging_selection.fhir import datatypes as fhir
from support.selection import selection


def test_absent_parts_are_left_out_of_a_coding():
    assert fhir.coding(None, "code-113047") == {"code": "code-113047"}
    assert fhir.coding("urn:s", "c", "d") == {
        "system": "urn:s",
        "code": "c",
        "display": "d",
    }


def test_a_concept_of_text_alone_has_no_coding():
    assert fhir.concept(text="Larynx") == {"text": "Larynx"}
    assert fhir.concept() == {}


def test_a_uid_is_an_identifier_in_the_form_of_a_uri():
    kind = fhir.concept(text="kind")
    value = {"system": "urn:dicom:uid", "value": "urn:oid:2.25.7"}
    assert fhir.uid_identifier("2.25.7") == value
    assert fhir.uid_identifier("2.25.7", kind) == {"type": kind, **value}


def test_json_is_compact_and_keeps_letters_as_they_are():
    assert fhir.dumps({"a": ["œ", 1.5]}) == '{"a":["œ",1.5]}'.encode()
    assert json.loads(fhir.dumps(selection())) == selection()


def test_indented_json_keeps_every_digit():
    digits = ["1.50", "-0.0", "1E5", "0.1000000000000000055511151231257827", "7" * 25]
    compact = f'{{"a":[{",".join(digits)}],"b":{{}},"œ":"1.50, \\"2.0"}}'
    pretty = fhir.indent_json(compact.encode()).decode()
    assert pretty.replace("\n", "").replace("  ", "").replace(": ", ":") == compact
    assert pretty.startswith('{\n  "a": [\n    1.50,\n    -0.0,\n')
