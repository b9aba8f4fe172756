import json
import uuid

from fhir.resources.bundle import Bundle
from fhir.resources.operationoutcome import OperationOutcome
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


def test_an_outcome_is_a_resource_of_r5():
    outcome = fhir.operation_outcome("not-found", "nothing", expression="http.code")
    assert outcome == {
        "resourceType": "OperationOutcome",
        "issue": [
            {
                "severity": "error",
                "code": "not-found",
                "diagnostics": "nothing",
                "expression": ["http.code"],
            }
        ],
    }
    OperationOutcome.model_validate(outcome)


def test_a_searchset_without_matches_has_no_entry():
    bundle = fhir.searchset_bundle((), self_link="http://s/ImagingSelection?", total=0)
    assert bundle == {
        "resourceType": "Bundle",
        "type": "searchset",
        "total": 0,
        "link": [{"relation": "self", "url": "http://s/ImagingSelection?"}],
    }
    Bundle.model_validate(bundle)


def test_a_searchset_has_its_matches_and_links():
    bundle = fhir.searchset_bundle(
        [("http://s/ImagingSelection/a", selection(id="a"))],
        self_link="http://s/ImagingSelection?",
        next_link="http://s/ImagingSelection?_cursor=1",
    )
    assert bundle == {
        "resourceType": "Bundle",
        "type": "searchset",
        "link": [
            {"relation": "self", "url": "http://s/ImagingSelection?"},
            {"relation": "next", "url": "http://s/ImagingSelection?_cursor=1"},
        ],
        "entry": [
            {
                "fullUrl": "http://s/ImagingSelection/a",
                "resource": selection(id="a"),
                "search": {"mode": "match"},
            }
        ],
    }
    Bundle.model_validate(bundle)


def test_an_entry_of_a_collection_is_named_by_a_uuid_of_its_own():
    bundle = fhir.collection_bundle([selection(id="a"), selection(id="b")])
    urls = [entry["fullUrl"] for entry in bundle["entry"]]
    assert urls == [
        uuid.uuid5(uuid.NAMESPACE_URL, "ImagingSelection/a").urn,
        uuid.uuid5(uuid.NAMESPACE_URL, "ImagingSelection/b").urn,
    ]
    Bundle.model_validate(bundle)


def test_a_collection_of_nothing_has_no_entry():
    assert fhir.collection_bundle([]) == {
        "resourceType": "Bundle",
        "type": "collection",
    }


def test_json_is_compact_and_keeps_letters_as_they_are():
    assert fhir.dumps({"a": ["œ", 1.5]}) == '{"a":["œ",1.5]}'.encode()
    assert json.loads(fhir.dumps(selection())) == selection()
