"""Chains and `_has`: compared with searching twice, on both databases."""

import orjson
import pytest
from imaging_selection.api.http import Request
from imaging_selection.api.router import Api
from imaging_selection.errors import SearchError
from imaging_selection.search.parameters import REVERSE_INCLUDES
from imaging_selection.search.parse_criterion import Context
from imaging_selection.search.parse_request import parse_search
from support.search_cases import DCM, SCT
from support.served import Site

NAMES = ("Alpha", "Alpine", "Beta", "Gamma")
MOMENT = "2024-03-01T12:00:00Z"


def patient(number):
    return {
        "resourceType": "Patient",
        "id": f"p-{number}",
        "meta": {"lastUpdated": MOMENT},
        "identifier": [{"value": f"mrn-{number}"}],
        "name": [{"family": NAMES[number]}],
        "birthDate": f"200{number}-02-03",
        "gender": "female" if number % 2 else "male",
    }


def study(number):
    return {
        "resourceType": "ImagingStudy",
        "id": f"s-{number}",
        "meta": {"lastUpdated": MOMENT},
        "identifier": [{"system": "urn:dicom:uid", "value": f"urn:oid:2.25.{number}"}],
        "status": "available",
        "subject": {"reference": f"Patient/p-{number % 4}"},
        "started": f"2024-0{number + 1}-01",
        "series": [
            {
                "uid": f"2.25.1{number}",
                "modality": {
                    "coding": [{"system": DCM, "code": "CT" if number % 3 else "MR"}]
                },
            }
        ],
    }


def selection(number):
    return {
        "resourceType": "ImagingSelection",
        "id": f"i-{number}",
        "meta": {"lastUpdated": MOMENT, "tag": [{"code": "roi"}]},
        "status": "available",
        "code": {"coding": [{"code": "130488"}]},
        "subject": {"reference": f"Patient/p-{number % 5}"},  # the last is not here
        "derivedFrom": [{"reference": f"ImagingStudy/s-{number % 6}"}],
        "bodySite": {
            "concept": {
                "coding": [{"system": SCT, "code": str(number % 3)}],
                "text": f"ROI-{number}",
            }
        },
        "instance": [{"uid": "2.25.1", "subset": [str(number)]}],
    }


def observation(number):
    return {
        "resourceType": "Observation",
        "id": f"o-{number}",
        "meta": {"lastUpdated": MOMENT},
        "status": "final",
        "code": {"coding": [{"system": SCT, "code": str(number % 2)}]},
        "subject": {"reference": f"Patient/p-{number % 4}"},
        "derivedFrom": [{"reference": f"ImagingSelection/i-{number}"}],
        "valueQuantity": {"value": number},
        "effectiveDateTime": f"2024-01-{number + 1:02}",
    }


@pytest.fixture(scope="module")
def archive(new_archive):
    archive = new_archive()
    for make, count in ((patient, 4), (study, 6), (selection, 15), (observation, 9)):
        for number in range(count):
            archive.save(make(number))
    return archive


CHAINS = [
    ("ImagingSelection", "patient", "", "Patient"),
    ("ImagingSelection", "subject", ":Patient", "Patient"),
    ("ImagingStudy", "patient", "", "Patient"),
    ("Observation", "patient", "", "Patient"),
    ("ImagingSelection", "derived-from", ":ImagingStudy", "ImagingStudy"),
    ("Observation", "derived-from", ":ImagingSelection", "ImagingSelection"),
]
INNER = {
    "Patient": (
        ("name", "al"),
        ("name:exact", "Beta"),
        ("name:contains", "am"),
        ("family", "beta,gamma"),
        ("birthdate", "ge2001"),
        ("gender", "male"),
        ("gender:not", "male"),
        ("birthdate:missing", "true"),
        ("_id", "p-1"),
        ("_lastUpdated", "2024"),
        ("_lastUpdated", "lt2024"),
    ),
    "ImagingStudy": (
        ("modality", "CT"),
        ("modality:not", "CT"),
        ("started", "lt2024-03"),
        ("series", "2.25.12"),
        ("patient", "Patient/p-1"),
    ),
    "ImagingSelection": (
        ("roi-name", "roi-1"),
        ("roi-name:contains", "-1"),
        ("body-site", "1"),
        ("body-site:text", "roi-2"),
        ("roi-number", "1,2,3"),
    ),
    "Observation": (
        ("code", "1"),
        ("value-quantity", "gt4"),
        ("date", "2024-01-03,2024-01-05"),
        ("code:not", "1"),
    ),
}


def cases():
    for kind, reference, modifier, target in CHAINS:
        for inner, value in INNER[target]:
            yield kind, f"{reference}{modifier}", target, inner, value


@pytest.mark.parametrize("case", [*cases()])
@pytest.mark.parametrize("further", [[], [("_lastUpdated", "2024")]])
def test_a_chain_finds_what_two_searches_find(archive, case, further):
    kind, reference, target, inner, value = case
    targets = archive.ids([(inner, value)], kind=target)
    base = reference.partition(":")[0]
    expected = [
        each
        for name in targets
        for each in archive.ids([(base, f"{target}/{name}")], kind=kind)
    ]
    pairs = [(f"{reference}.{inner}", value), *further]
    found = archive.ids(pairs, page_size=2, kind=kind)
    assert sorted(found) == sorted({*expected})
    assert archive.count(pairs, kind=kind) == len(found)


@pytest.mark.parametrize(
    ("kind", "source", "reference"),
    [
        ("Patient", "ImagingSelection", "patient"),
        ("Patient", "ImagingStudy", "patient"),
        ("Patient", "Observation", "subject"),
        ("ImagingStudy", "ImagingSelection", "derived-from"),
        ("ImagingSelection", "Observation", "derived-from"),
    ],
)
def test_has_finds_what_two_searches_find(archive, kind, source, reference):
    every = archive.ids([], kind=kind)
    for inner, value in INNER[source]:
        sources = {*archive.ids([(inner, value)], kind=source)}
        expected = {
            each
            for each in every
            if sources & {*archive.ids([(reference, f"{kind}/{each}")], kind=source)}
        }
        pairs = [(f"_has:{source}:{reference}:{inner}", value)]
        found = archive.ids(pairs, page_size=2, kind=kind)
        assert sorted(found) == sorted(expected), (inner, value)
        assert archive.count(pairs, kind=kind) == len(found)


def test_chains_are_met_together(archive):
    pairs = [
        ("patient.name", "al"),
        ("derived-from:ImagingStudy.modality", "CT"),
        ("_has:Observation:derived-from:code", "1"),
    ]
    each = [{*archive.ids([pair])} for pair in pairs]
    assert {*archive.ids(pairs)} == each[0] & each[1] & each[2] != set()


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("ImagingSelection", "patient.nonsense"),
        ("ImagingSelection", "patient.name.family"),
        ("ImagingSelection", "code.name"),
        ("ImagingSelection", "subject:Group.name"),
        ("ImagingSelection", "patient:ImagingStudy.started"),
        ("Observation", "derived-from.code"),  # of which type?
        ("Patient", "_has:ImagingSelection:derived-from:code"),
        ("Patient", "_has:ImagingSelection:patient"),
        ("Patient", "_has:ImagingSelection:code:code"),
        ("Patient", "_has:Endpoint:patient:_id"),
        ("Patient", "_has:ImagingSelection:patient:_has:Observation:patient:code"),
        ("Endpoint", "_has:ImagingSelection:endpoint:code"),
        ("ImagingSelection", "patient.birthdate:exact"),
    ],
)
def test_what_is_no_chain_is_refused(kind, name):
    with pytest.raises(SearchError) as caught:
        parse_search([(name, "2000")], Context(kind))
    assert caught.value.parameter == name


class Catalogue:
    """Orthanc has nothing that the store lacks."""

    def refresh(self, resource_type, resource_id):
        pass


def included(archive, kind, pairs):
    api = Api(archive.selections, Catalogue(), None, Site())
    request = Request("GET", f"/fhir/{kind}", (*pairs, ("_count", "500")))
    bundle = orjson.loads(api.handle(request).body)
    entries = bundle["entry"]
    found = [
        each["resource"] for each in entries if each["search"]["mode"] == "include"
    ]
    names = [f"{each['resourceType']}/{each['id']}" for each in found]
    assert len({*names}) == len(names)
    return {*names}


def references():
    """Every reference from one resource to another one that is there."""
    makers = (patient, 4), (study, 6), (selection, 15), (observation, 9)
    every = {
        f"{each['resourceType']}/{each['id']}": each
        for make, count in makers
        for each in map(make, range(count))
    }
    for name, resource in every.items():
        for element in ("subject", "derivedFrom"):
            part = resource.get(element, [])
            for each in part if isinstance(part, list) else [part]:
                if each["reference"] in every:
                    yield name, element, each["reference"]


REFERENCES = [*references()]
ELEMENTS = {"patient": "subject", "subject": "subject", "derived-from": "derivedFrom"}


@pytest.mark.parametrize(
    ("kind", "source", "parameter"),
    [(kind, *each) for kind, every in REVERSE_INCLUDES.items() for each in every],
)
def test_what_refers_to_the_matches_is_included(archive, kind, source, parameter):
    expected = {
        name
        for name, element, target in REFERENCES
        if element == ELEMENTS.get(parameter)
        and name.startswith(f"{source}/")
        and target.startswith(f"{kind}/")
    }
    pairs = [("_revinclude", f"{source}:{parameter}")]
    assert included(archive, kind, pairs) == expected


def test_an_iteration_includes_all_that_is_reached(archive):
    reached = {"Observation/o-1"}
    while True:
        more = {target for name, _, target in REFERENCES if name in reached}
        if more <= reached:
            break
        reached |= more
    pairs = [("_id", "o-1"), ("_include:iterate", "*")]
    assert included(archive, "Observation", pairs) == reached - {"Observation/o-1"}
    back = {"Patient/p-1"}
    for _ in range(5):
        back |= {name for name, _, target in REFERENCES if target in back}
    pairs = [("_id", "p-1"), ("_revinclude:iterate", "*")]
    assert included(archive, "Patient", pairs) == back - {"Patient/p-1"}
