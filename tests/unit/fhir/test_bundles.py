import uuid

from fhir.resources.bundle import Bundle
from fhir.resources.operationoutcome import OperationOutcome
from imaging_selection.fhir.bundles import (
    collection_bundle,
    collection_of,
    history_bundle,
    operation_outcome,
    searchset_bundle,
)
from support.selection import selection


def test_an_outcome_is_a_resource_of_r5():
    outcome = operation_outcome("not-found", "nothing", expression="http.code")
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
    bundle = searchset_bundle((), self_link="http://s/ImagingSelection?", total=0)
    assert bundle == {
        "resourceType": "Bundle",
        "type": "searchset",
        "total": 0,
        "link": [{"relation": "self", "url": "http://s/ImagingSelection?"}],
    }
    Bundle.model_validate(bundle)


def test_a_searchset_has_its_matches_and_links():
    bundle = searchset_bundle(
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
    bundle = collection_bundle([selection(id="a"), selection(id="b")])
    urls = [entry["fullUrl"] for entry in bundle["entry"]]
    assert urls == [
        uuid.uuid5(uuid.NAMESPACE_URL, "ImagingSelection/a").urn,
        uuid.uuid5(uuid.NAMESPACE_URL, "ImagingSelection/b").urn,
    ]
    Bundle.model_validate(bundle)


def test_an_entry_of_a_collection_may_be_named_by_the_url_that_it_is_served_at():
    url = "http://s/fhir/ImagingSelection/a"
    bundle = collection_of([(url, selection(id="a"))])
    assert bundle["entry"] == [{"fullUrl": url, "resource": selection(id="a")}]
    Bundle.model_validate(bundle)


def test_a_collection_of_nothing_has_no_entry():
    assert collection_bundle([]) == {
        "resourceType": "Bundle",
        "type": "collection",
    }


def test_a_history_has_its_entries_and_link():
    entry = {
        "fullUrl": "http://s/ImagingSelection/a",
        "request": {"method": "DELETE", "url": "ImagingSelection/a"},
        "response": {"status": "204"},
    }
    url = "http://s/ImagingSelection/a/_history"
    bundle = history_bundle(url, [entry], total=1)
    link = {"relation": "self", "url": "http://s/ImagingSelection/a/_history"}
    assert (bundle["total"], bundle["link"]) == (1, [link])
    assert bundle["entry"] == [entry]
    Bundle.model_validate(bundle)
