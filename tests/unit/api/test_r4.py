"""The API in R4: what is stored, converted, below a root of its own."""

import pytest
from imaging_selection.api.r4 import PARAMETERS
from imaging_selection.fhir.r4 import to_r4
from imaging_selection.search.parameters import TYPES
from support.served import BASE, Served, structure_set

R4 = "application/fhir+json; fhirVersion=4.0"


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    served = Served(tmp_path_factory.mktemp("store"))
    ids = served.store(structure_set(rois=5))
    yield served, ids
    served.database.close()


def test_a_selection_is_read_as_basic(stored):
    served, ids = stored
    in_r5 = served.get(f"ImagingSelection/{ids.instance}-1")

    answer = served.get(f"r4/Basic/{ids.instance}-1")

    assert answer.json == to_r4(in_r5.json)
    assert answer.content_type == R4
    assert answer.headers["ETag"] == in_r5.headers["ETag"]


def test_a_read_that_nothing_changed_has_no_body(stored):
    served, ids = stored
    path = f"r4/Basic/{ids.instance}"
    etag = served.get(path).headers["ETag"]
    assert served.get(path, **{"if-none-match": etag}).status == 304


def test_a_search_has_pages_and_links_of_its_own_root(stored):
    served, ids = stored
    url = f"r4/Basic?patient=Patient/{ids.patient}&_count=2"
    found = []
    while url:
        page = served.get(url)
        assert page.links["self"].startswith(f"{BASE}/r4/Basic?patient=")
        for entry in page.json["entry"]:
            assert entry["fullUrl"] == f"{BASE}/r4/Basic/{entry['resource']['id']}"
            found.append(entry["resource"])
        url = page.links.get("next", "").removeprefix(f"{BASE}/")
    in_r5 = served.get(f"ImagingSelection?patient={ids.patient}&_count=50")
    expected = [to_r4(entry["resource"]) for entry in in_r5.json["entry"]]
    assert found == expected
    assert {each["resourceType"] for each in found} == {"Basic"}


@pytest.mark.parametrize(
    "query",
    [
        "_id={ids.instance}",
        "identifier=urn:dicom:uid|urn:oid:2.25.113047111",
        "code=130488&_id={ids.instance}",
        "subject=Patient/{ids.patient}&_id={ids.instance}",
        "subject:Patient={ids.patient}&_id={ids.instance}",
    ],
)
def test_a_selection_is_found(stored, query):
    served, ids = stored
    uid = served.get(f"ImagingSelection/{ids.instance}").json["identifier"][0]["value"]
    query = query.replace("urn:oid:2.25.113047111", uid)
    assert served.get(f"r4/Basic?{query.format(ids=ids)}").ids == [ids.instance]


def test_a_search_by_a_form_is_answered_too(stored):
    served, ids = stored
    answer = served.post("r4/Basic/_search", [("_id", ids.instance)])
    assert answer.ids == [ids.instance]


def test_patients_studies_and_the_endpoint_are_there(stored):
    served, ids = stored
    patient = served.get(f"r4/Patient/{ids.patient}")
    study = served.get(f"r4/ImagingStudy/{ids.study}").json
    endpoint = served.get("r4/Endpoint/dicom-web").json
    assert patient.json == to_r4(served.get(f"Patient/{ids.patient}").json)
    assert study == to_r4(served.get(f"ImagingStudy/{ids.study}").json)
    assert study["modality"] == [each["coding"][0] for each in _modality(served, ids)]
    assert endpoint["payloadMimeType"] == ["application/dicom"]


def _modality(served, ids):
    return served.get(f"ImagingStudy/{ids.study}").json["modality"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("r4/Basic/unknown", 404),
        ("r4/ImagingSelection/unknown", 404),
        ("r4/Basic/unknown/_history", 404),
        ("r4/Basic?roi-name=a", 400),
        ("r4/Basic?_include=*", 400),
        ("r4/Basic?_summary=true", 400),
        ("r4/Basic/unknown?_elements=id", 400),
        ("r4/Patient?link=a", 400),
        ("r4", 400),
    ],
)
def test_an_error_is_an_outcome(stored, path, status):
    served, _ = stored
    answer = served.get(path)
    assert answer.status == status
    assert answer.json["resourceType"] == "OperationOutcome"


def test_only_r4_is_sent_below_its_root_and_only_r5_elsewhere(stored):
    served, _ = stored
    for root, version, other in (("r4/Basic", "4.0", "5.0"), ("Patient", "5.0", "4.0")):
        accepts = f"application/fhir+json; fhirVersion={version}"
        assert served.get(root, accept=accepts).status == 200
        accepts = f"application/fhir+json; fhirVersion={other}"
        refused = served.get(root, accept=accepts)
        assert refused.status == 406
        assert f"fhirVersion={version}" in refused.content_type
        assert version in refused.json["issue"][0]["diagnostics"]


def test_nothing_is_written(stored):
    served, ids = stored
    answer = served.get(f"r4/Basic/{ids.instance}", method="PUT", body=b"{}")
    assert answer.status == 405
    assert answer.headers["Allow"] == "GET"


def test_the_statement_is_one_of_r4_and_lists_what_is_served(stored):
    served, _ = stored
    statement = served.get("r4/metadata").json
    assert statement["fhirVersion"] == "4.0.1"
    assert statement["implementation"]["url"] == f"{BASE}/r4"
    for resource in statement["rest"][0]["resource"]:
        assert served.get(f"r4/{resource['type']}").status == 200
        for parameter in resource["searchParam"]:
            missing = f"r4/{resource['type']}?{parameter['name']}="
            assert served.get(missing).status in {200, 400}


def test_every_parameter_of_r4_is_one_of_r5():
    for kind, names in PARAMETERS.items():
        assert {*names} <= TYPES[kind].keys()
