from imaging_selection.delivery.references import (
    at,
    references_in,
    relocated,
    with_endpoint,
)

RESOURCE = {
    "resourceType": "ImagingSelection",
    "contained": [{"resourceType": "BodyStructure", "patient": {"reference": "A/1"}}],
    "subject": {"reference": "A/1", "type": "A"},
    "bodySite": {"reference": {"reference": "#site"}},
    "extension": [{"valueReference": {"reference": "B/2"}}],
    "note": "reference: A/1",
}


def test_references_are_found_wherever_they_are():
    assert [each["reference"] for each in references_in(RESOURCE)] == [
        "A/1",
        "A/1",
        "B/2",
    ]


def test_only_references_change():
    moved = relocated(RESOURCE, lambda each: at(each, "C/" + each["reference"][-1]))

    assert moved == {
        "resourceType": "ImagingSelection",
        "contained": [
            {"resourceType": "BodyStructure", "patient": {"reference": "C/1"}}
        ],
        "subject": {"reference": "C/1", "type": "A"},
        "bodySite": {"reference": {"reference": "#site"}},
        "extension": [{"valueReference": {"reference": "C/2"}}],
        "note": "reference: A/1",
    }
    assert RESOURCE["subject"]["reference"] == "A/1"


def test_a_logical_reference_says_something():
    assert at({"reference": "A/1", "identifier": {"value": "x"}}, None) == {
        "identifier": {"value": "x"}
    }
    assert at({"reference": "A/1", "type": "A"}, None) == {
        "type": "A",
        "display": "A/1",
    }
    assert at({"reference": "A/1", "display": "x"}, None) == {"display": "x"}


def test_an_endpoint_comes_along():
    endpoint = {"resourceType": "Endpoint", "id": "web", "text": {}, "address": "x"}
    selection = {
        "endpoint": [{"reference": "Endpoint/web"}],
        "contained": [{"id": "a"}],
    }

    assert with_endpoint(selection, endpoint) == {
        "endpoint": [{"reference": "#web"}],
        "contained": [
            {"id": "a"},
            {"resourceType": "Endpoint", "id": "web", "address": "x"},
        ],
    }
    assert with_endpoint(selection, None) == {"contained": [{"id": "a"}]}
    assert with_endpoint({}, endpoint) == {}
