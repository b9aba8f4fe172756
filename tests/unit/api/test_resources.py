from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from imaging_selection.api.http import Request
from imaging_selection.search.parameters import PARAMETERS
from support.served import Answer, Served, parse_r5, structure_set


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
        ("ImagingStudy?patient={ids.patient}", 1),
        ("ImagingStudy?patient=Patient/{ids.patient}", 1),
        ("ImagingStudy?patient=http://host-113047/fhir/Patient/{ids.patient}", 1),
        ("ImagingStudy?patient=http://other/fhir/Patient/{ids.patient}", 0),
        ("ImagingStudy?patient:Patient={ids.patient}", 1),
        ("ImagingStudy?patient=unknown", 0),
        ("ImagingStudy?patient={ids.patient},unknown", 1),
        ("ImagingStudy?subject={ids.patient}", 1),
        ("ImagingStudy?subject=Patient/{ids.patient}", 1),
        ("ImagingStudy?subject:Patient={ids.patient}", 1),
        ("ImagingStudy?subject=Group/{ids.patient}", 0),
        ("ImagingStudy?patient:identifier=patient-1", 1),
        ("ImagingStudy?patient.identifier=patient-2", 1),
        ("ImagingStudy?subject:Patient.identifier=patient-1,patient-2", 2),
        ("ImagingStudy?subject:identifier=http://system|patient-1", 0),
        ("ImagingStudy?patient={ids.patient}&identifier=2.25.11", 1),
        ("ImagingStudy?patient={ids.patient}&identifier=2.25.12", 0),
        ("ImagingStudy?patient={ids.patient}&_id={ids.study}", 1),
        ("ImagingStudy?patient=unknown&_id={ids.study}", 0),
        ("ImagingStudy?patient:missing=false", 2),
        ("ImagingStudy?patient:missing=true", 0),
        ("Patient/{ids.patient}/ImagingStudy", 1),
        ("Patient/{ids.patient}/ImagingStudy?identifier=2.25.12", 0),
        ("Patient/{ids.patient}/ImagingStudy?patient=unknown", 0),
        ("Patient/unknown/ImagingStudy", 0),
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


@pytest.mark.parametrize(
    "query",
    [
        *("Patient?phonetic=a", "Patient?address=a", "Patient?family:text=a"),
        *("Patient?patient=a", "Patient?_has:ImagingSelection:focus:code=a"),
        *("Patient?nonsense=1", "Patient?_sort=gender", "Patient?death-date=2000"),
        *("Patient?_include=*", "ImagingStudy?patient.phonetic=a"),
        *("ImagingStudy?instance:x=1.2", "ImagingStudy?reason=a", "ImagingStudy?x=1"),
        *("Patient?name=", "Patient?birthdate=", "ImagingStudy?started="),
        *("ImagingStudy?derived-from.identifier=a", "ImagingStudy?patient:not=a"),
        *("Patient/a/ImagingStudy?name=a", "Patient/a/ImagingSelection?name=a"),
        *("ImagingSelection?name=a", "ImagingSelection?Patient=a"),
        *("ImagingSelection?patientID=a", "ImagingSelection?subject.address=a"),
        *("ImagingSelection?_has:Observation:focus:code=a", "Endpoint?patient=a"),
        *("ImagingSelection?owner=Patient/a", "CodeSystem?subject=a"),
        *("Patient?identifier=", "Patient?_id=", "Patient?nonsense=", "Patient?=a"),
        *("ImagingStudy?patient=", "ImagingStudy?subject:identifier="),
        *("ImagingSelection?patient=", "ImagingSelection?name="),
        *("SearchParameter?patient=", "ImagingStudy?patient=,"),
        "OperationDefinition?_has:Patient:a:b=c",
    ],
)
@pytest.mark.usefixtures("ids")
@pytest.mark.parametrize("handling", ["strict", "lenient"])
def test_a_search_that_would_answer_for_everybody_is_refused(served, query, handling):
    path, _, pairs = query.partition("?")
    prefer = f"handling={handling}"
    pairs = parse_qsl(pairs, keep_blank_values=True)
    by_get = served.get(query, prefer=prefer)
    for answer in (by_get, served.post(f"{path}/_search", pairs, prefer=prefer)):
        assert (answer.status, answer.json["resourceType"]) == (400, "OperationOutcome")
        assert answer.issue["code"] in {"not-supported", "value"}
        assert answer.issue["expression"] == [f"http.{pairs[0][0] or 'query'}"]


@pytest.mark.parametrize(
    "path",
    [
        "ImagingSelection/{ids.instance}",
        "ImagingSelection/{ids.instance}/_history",
        "ImagingSelection/{ids.instance}/_history/1",
        "ImagingSelection/{ids.instance}/$contours",
        "Patient/{ids.patient}",
        "ImagingStudy/{ids.study}",
        "/instances/{ids.instance}/imaging-selection",
        "/patients/{ids.patient}/imaging-selection",
    ],
)
@pytest.mark.parametrize(
    "query", ["patient=other", "subject=Patient/other", "_has:A:b:c=d", "name=a"]
)
def test_what_a_path_names_is_not_narrowed_to_a_patient(served, ids, path, query):
    served.orthanc.children["patients", ids.patient] = [ids.instance]
    served.orthanc.files[ids.instance] = structure_set()
    path = path.format(ids=ids)
    assert served.get(path).status == 200
    answer = served.get(f"{path}?{query}")
    assert (answer.status, answer.issue["code"]) == (400, "not-supported")


def test_parameters_that_do_not_arrive_are_no_search_for_everything(served, ids):
    """Orthanc passes on no parameter in the URL of a POST."""
    for path in ("ImagingSelection", "Patient", f"Patient/{ids.patient}/ImagingStudy"):
        answer = served.post(f"{path}/_search", [])
        assert (answer.status, answer.issue["code"]) == (400, "required")


@given(
    st.sampled_from(["Patient", "ImagingStudy"]),
    st.text(min_size=1, max_size=12) | st.sampled_from([*PARAMETERS, "name", "_has"]),
    st.text(max_size=8),
    st.sampled_from(["strict", "lenient"]),
)
def test_no_parameter_that_is_not_supported_widens_an_answer(
    crowd, kind, name, value, handling
):
    pairs = (("identifier", "nobody"), (name, value))
    headers = {"host": "host-113047", "prefer": f"handling={handling}"}
    for asked in (pairs, pairs[1:]):
        request = Request("GET", f"/fhir/{kind}", asked, headers)
        answer = Answer(crowd.api.handle(request))
        applied = answer.status == 200 and parse_qsl(
            urlsplit(answer.links["self"]).query
        )
        assert answer.status in {400, 406} or [*asked] == applied


@pytest.fixture(scope="module")
def crowd(tmp_path_factory):
    served = Served(tmp_path_factory.mktemp("crowd"))
    for number in range(3):
        served.store(structure_set(number, rois=1))
    yield served
    served.database.close()


def test_a_search_asks_nothing_of_orthanc(served):
    every = [served.store(structure_set(number, rois=0)) for number in range(1, 5)]
    served.orthanc.study = served.orthanc.patient = None
    found = served.get(f"ImagingStudy?patient={every[2].patient}&_include=*")
    assert found.ids == [every[2].study]
    assert [each["id"] for each in found.of_mode("include")] == [
        "dicom-web",
        every[2].patient,
    ]
    assert served.get("Patient?name=fam&birthdate:missing=true").json["total"] == 4


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


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("Patient?name=FAM", 1),
        ("Patient?name=second", 1),
        ("Patient?name=Dr. G", 1),
        ("Patient?name=ond", 0),
        ("Patient?name:contains=ond", 1),
        ("Patient?name:contains=o_d", 0),
        ("Patient?name:exact=Family", 1),
        ("Patient?name:exact=family", 0),
        ("Patient?family=fam&given=giv", 1),
        ("Patient?family=giv", 0),
        ("Patient?family=giv,fam", 1),
        ("Patient?given:missing=true", 1),
        ("Patient?birthdate=2001", 1),
        ("Patient?birthdate=2001-02-03", 1),
        ("Patient?birthdate=lt2001-02-03", 0),
        ("Patient?birthdate:missing=true", 1),
        ("Patient?gender=female", 1),
        ("Patient?gender=http://hl7.org/fhir/administrative-gender|male", 1),
        ("Patient?gender:not=female", 1),
        ("Patient?_lastUpdated=2026", 2),
        ("ImagingStudy?started=2024-02-29", 2),
        ("ImagingStudy?started=gt2024-02-29", 0),
        ("ImagingStudy?modality=RTSTRUCT", 2),
        ("ImagingStudy?modality=http://dicom.nema.org/resources/ontology/DCM|CT", 0),
        ("ImagingStudy?series=2.25.113047", 2),
        ("ImagingStudy?description=plan", 2),
        ("ImagingStudy?status=available", 2),
        ("ImagingStudy?endpoint=dicom-web", 2),
        ("ImagingStudy?based-on:missing=true", 2),
    ],
)
def test_patients_and_studies_are_searched_by_what_orthanc_knows(served, query, found):
    served.store(structure_set(1))
    other = served.store(structure_set(2))
    served.orthanc.patients[other.patient]["MainDicomTags"] = {
        "PatientName": "Other",
        "PatientBirthDate": "20010203",
        "PatientSex": "M",
    }
    served.get(f"Patient/{other.patient}")  # made again from what Orthanc knows now

    answer = served.get(query)

    parse_r5(answer.json)
    assert len(answer.ids) == answer.json["total"] == found


def test_a_patient_comes_with_what_refers_to_it(served, ids):
    served.store(structure_set(2))
    answer = served.get(
        "Patient?identifier=patient-1&_revinclude=ImagingSelection:patient"
        "&_revinclude=ImagingStudy:patient"
    )
    assert answer.ids == [ids.patient]
    kinds = [each["resourceType"] for each in answer.of_mode("include")]
    assert kinds.count("ImagingSelection") == 5
    assert kinds.count("ImagingStudy") == 1


@pytest.mark.parametrize("name", ["name", "birthdate", "_lastUpdated", "_id"])
def test_patients_come_in_order(served, name):
    for number in range(3):
        ids = served.store(structure_set(number, rois=0))
        served.orthanc.patients[ids.patient]["MainDicomTags"] = {
            "PatientName": f"Name-{5 - number}",
            "PatientBirthDate": f"200{5 - number}0203",
        }
        served.related.refresh("Patient", ids.patient)
    down = served.get(f"Patient?_sort=-{name}")
    assert served.get(f"Patient?_sort={name}").ids == down.ids[::-1]
    if name in {"name", "birthdate"}:
        texts = [each["birthDate"] for each in down.of_mode("match")]
        assert texts == sorted(texts, reverse=True)


@pytest.mark.parametrize("kind", ["Patient", "ImagingStudy"])
def test_the_results_of_patients_and_studies_take_every_form(served, ids, kind):
    served.store(structure_set(2))
    identity = {"Patient": ids.patient, "ImagingStudy": ids.study}[kind]
    for keys in ("_id", "-_id", "_lastUpdated,-_id"):
        found, url = [], f"{kind}?_count=1&_sort={keys}"
        while url:
            answer = served.get(url)
            found += answer.ids
            url = answer.links.get("next")
        assert found == sorted(found, reverse="-" in keys)
        assert len(found) == 2
    whole = served.get(f"{kind}/{identity}").json
    for form, kept in (
        ("_summary=true", {"identifier"}),
        ("_summary=text", {"text"}),
        ("_summary=data", {*whole} - {"resourceType", "id", "meta", "text"}),
        ("_elements=identifier", {"identifier"}),
    ):
        (part,) = served.get(f"{kind}?_id={identity}&{form}").of_mode("match")
        assert part == served.get(f"{kind}/{identity}?{form}").json
        assert kept <= part.keys() <= whole.keys()
        assert all(part[each] == whole[each] for each in kept)
        assert part["meta"]["tag"][0]["code"] == "SUBSETTED"
    assert served.get(f"{kind}?_summary=count").json["total"] == 2
    back = served.get(f"{kind}?_id={identity}&_revinclude=*&_summary=true")
    assert len(back.of_mode("include")) > 3


@pytest.mark.parametrize("name", ["_security", "_source", "_list", "_filter"])
def test_what_r5_has_for_all_types_is_said_to_have_no_effect(served, name):
    asked = f"ImagingSelection?{name}=x"
    (outcome,) = served.get(asked).of_mode("outcome")
    assert outcome["issue"][0]["diagnostics"] == f"had no effect: {name}"
    for url in (asked, f"Patient?{name}=x", f"ImagingStudy?{name}=x"):
        strict = served.get(url, prefer="handling=strict")
        assert strict.issue["expression"] == [f"http.{name}"]
    assert served.get(f"Patient?{name}=x").status == 400


@pytest.mark.parametrize("name", ["_content", "_text"])
def test_a_search_of_all_text_is_refused_everywhere(served, name):
    for kind in ("ImagingSelection", "Observation", "Patient", "ImagingStudy"):
        assert served.get(f"{kind}?{name}=Doe").status == 400
