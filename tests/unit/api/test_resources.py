from types import SimpleNamespace

import orjson
import pytest
from imaging_selection.api.http import Request
from imaging_selection.api.resources import MAXIMUM_READ, ResourceHandlers
from imaging_selection.api.responses import HttpError
from imaging_selection.api.urls import Urls
from imaging_selection.search.parameters import RELATED
from imaging_selection.search.parse_criterion import Context
from support.served import Site, parse_r5, structure_set


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("Patient", 2),
        ("Patient?_id={ids.patient}", 1),
        ("Patient?_id=unknown", 0),
        ("Patient?_id={ids.patient}&identifier=patient-1", 1),
        ("Patient?_id={ids.patient}&identifier=patient-2", 0),
        ("Patient?identifier=patient-1,patient-2", 2),
        ("Patient?identifier=http://system|patient-1", 0),
        ("Patient?identifier:not=patient-1", 1),
        ("Patient?identifier:missing=true", 0),
        ("ImagingStudy?identifier=urn:dicom:uid|urn:oid:2.25.11", 1),
        ("ImagingStudy?identifier=2.25.12", 1),
        ("ImagingStudy?identifier=2.25.13", 0),
        ("Endpoint?_id=dicom-web", 1),
        ("Endpoint?identifier=x", 0),
        (
            "CodeSystem?url=https://orthanc-imaging-selection.github.io/fhir/CodeSystem/finding",
            1,
        ),
        ("StructureDefinition?_id=region-in-space", 1),
    ],
)
def test_related_resources_and_definitions_are_searched(served, ids, query, found):
    served.store(structure_set(2))
    answer = served.get(query.format(ids=ids))
    parse_r5(answer.json)
    assert len(answer.ids) == answer.json["total"] == found


def test_related_resources_come_in_pages(served):
    for number in range(5):
        served.store(structure_set(number, rois=1))
    every = served.get("Patient").ids
    answer = served.get("Patient?_count=2")
    found = list(answer.ids)
    while "next" in answer.links:
        answer = served.get(answer.links["next"])
        found += answer.ids
    assert found == every
    assert len(found) == 5
    assert served.get("Patient?_count=0").json["total"] == 5
    assert served.get("Patient?_count=1&_total=accurate").json["total"] == 5


def test_a_search_that_would_read_every_patient_is_refused():
    identities = [f"p{number:04}" for number in range(MAXIMUM_READ + 1)]
    directory = SimpleNamespace(
        read=lambda kind, identity, _origin: {"resourceType": kind, "id": identity},
        ids=lambda _kind, _identifiers, after, limit: [
            each for each in identities if each > after
        ][:limit],
    )
    routes = ResourceHandlers(
        directory,
        "Patient",
        RELATED["Patient"],
        Urls(Site()),
        lambda _request, parameters: Context(parameters),
    )

    def search(*pairs):
        return routes.search(Request("GET", "/fhir/Patient", pairs))

    assert len(orjson.loads(search(("_count", "3")).body)["entry"]) == 3
    for query in ("_count=0", "_total=accurate", "identifier:missing=false"):
        with pytest.raises(HttpError) as caught:
            search(tuple(query.split("=")))
        assert caught.value.status == 400
        assert caught.value.outcome["issue"][0]["code"] == "too-costly"
