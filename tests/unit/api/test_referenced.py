import pytest
from support.builders import SERIES, STRUCTURE_SET, STUDY, make_rtstruct, roi
from support.served import NOW, parse_r5, structure_set


def test_what_a_selection_refers_to_can_be_read(served, ids):
    selection = served.get(f"ImagingSelection/{ids.instance}").json
    patient = served.get(selection["subject"]["reference"]).json
    study = served.get(selection["derivedFrom"][0]["reference"]).json
    endpoint = served.get(study["endpoint"][0]["reference"]).json

    for each in (patient, study, endpoint):
        parse_r5(each)
    assert patient.pop("text")["status"] == "generated"
    assert patient == {
        "resourceType": "Patient",
        "id": ids.patient,
        "meta": {"versionId": "1", "lastUpdated": NOW},
        "identifier": [selection["subject"]["identifier"]],
        "name": [
            {
                "text": "Dr. Given Second Middle Family Jr. (XX)",
                "family": "Family",
                "given": ["Given", "Second", "Middle"],
                "prefix": ["Dr."],
                "suffix": ["Jr."],
            }
        ],
        "gender": "female",
    }
    assert study["identifier"] == [
        {"system": "urn:dicom:uid", "value": "urn:oid:2.25.11"}
    ]
    assert study["started"] == "2024-02-29"
    assert (study["numberOfSeries"], study["numberOfInstances"]) == (1, 1)
    assert endpoint["address"] == "http://host-113047/dicom-web"


def test_without_dicomweb_there_is_no_endpoint(served, ids):
    served.orthanc.dicom_web = False
    assert served.get("Endpoint").ids == []
    assert served.get("Endpoint/dicom-web").status == 404
    assert "endpoint" not in served.get(f"ImagingStudy/{ids.study}").json


@pytest.mark.usefixtures("ids")
def test_what_no_selection_refers_to_is_not_served(served):
    for path in ("Patient/p-113047", "ImagingStudy/s-113047"):
        assert served.get(path).status == 404


def test_what_orthanc_no_longer_has_is_not_served(served, ids):
    served.orthanc.patients.clear()
    served.orthanc.studies.clear()
    assert served.get(f"Patient/{ids.patient}").status == 410
    assert served.get(f"ImagingStudy/{ids.study}").status == 410
    assert served.get("Patient").ids == served.get("ImagingStudy").ids == []
    included = served.get(f"ImagingSelection?_id={ids.instance}&_include=*")
    assert [each["id"] for each in included.of_mode("include")] == ["dicom-web"]


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({"PatientSex": " m"}, {"gender": "male"}),
        ({"PatientSex": "X"}, {}),
        ({"PatientBirthDate": "2001.02.03"}, {"birthDate": "2001-02-03"}),
        ({"PatientBirthDate": "20010230"}, {}),
        ({"PatientName": "^^"}, {}),
    ],
)
def test_a_patient_is_as_orthanc_knows_it(served, ids, tags, expected):
    served.orthanc.patients[ids.patient] = {"ID": ids.patient, "MainDicomTags": tags}
    patient = served.get(f"Patient/{ids.patient}").json
    found = {
        key: patient[key] for key in ("name", "gender", "birthDate") if key in patient
    }
    assert found == expected


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("patient.identifier", "patient-1"),
        ("patient:Patient.identifier", "patient-1"),
        ("subject.identifier", "patient-1"),
        ("subject:Patient.identifier", "|patient-1"),
        ("derived-from.identifier", "urn:dicom:uid|urn:oid:2.25.11"),
        ("derived-from:ImagingStudy.identifier", "2.25.11"),
    ],
)
def test_a_reference_is_followed_for_its_identifier(served, ids, name, value):
    served.store(structure_set(2))
    answer = served.get(f"ImagingSelection?{name}={value}&_count=100")
    # The same as looking for the target first.
    kind = "ImagingStudy" if "derived" in name else "Patient"
    (target,) = served.get(f"{kind}?identifier={value}").ids
    parameter = "derived-from" if "derived" in name else "patient"
    every = served.get(f"ImagingSelection?{parameter}={target}&_count=100").ids
    assert target in {ids.patient, ids.study}
    assert answer.ids == every != []
    wrong = served.get(f"ImagingSelection?{name}=a|b|c")
    assert wrong.issue["expression"] == [f"http.{name}"]
    assert served.get(f"Patient?{name}=a", prefer="handling=strict").status == 400


@pytest.mark.parametrize(
    ("query", "included"),
    [
        ("ImagingSelection:subject", ["Patient"]),
        ("ImagingSelection:subject:Patient", ["Patient"]),
        ("ImagingSelection:subject:Group", []),
        ("ImagingSelection:patient", ["Patient"]),
        ("ImagingSelection:derived-from", ["ImagingStudy"]),
        ("ImagingSelection:derived-from:ImagingStudy", ["ImagingStudy"]),
        ("ImagingSelection:derived-from:DocumentReference", []),
        ("ImagingSelection:endpoint", ["Endpoint"]),
        ("ImagingSelection:*", ["Endpoint", "ImagingStudy", "Patient"]),
        ("*", ["Endpoint", "ImagingStudy", "Patient"]),
    ],
)
def test_an_include_is_of_its_type(served, ids, query, included):
    answer = served.get(f"ImagingSelection?_id={ids.instance}&_include={query}")
    found = [each["resourceType"] for each in answer.of_mode("include")]
    assert sorted(found) == included
    parse_r5(answer.json)


def test_includes_follow_references_once(served, ids):
    answer = served.get(
        "ImagingSelection?_include=ImagingSelection:subject:Patient"
        f"&patient={ids.patient}"
    )
    both = served.get(f"ImagingSelection?_include=*&patient={ids.patient}")

    included = {each["id"] for each in both.of_mode("include")}
    assert [each["id"] for each in answer.of_mode("include")] == [ids.patient]
    assert included == {ids.patient, ids.study, "dicom-web"}
    assert answer.ids == both.ids
    parse_r5(both.json)


class TestTwoPatientsWithTheSameUids:
    """Orthanc has two studies of one UID: each selection refers to its own."""

    @pytest.fixture
    def patients(self, served):
        return {
            patient: served.store(make_rtstruct(roi(1), PatientID=patient))
            for patient in ("a-113047", "b-113047")
        }

    def test_each_reference_leads_to_its_own_patient_and_study(self, served, patients):
        for patient, ids in patients.items():
            found = served.get(f"ImagingSelection?_id={ids.instance}&_include=*")
            [selection] = found.of_mode("match")
            assert selection["subject"]["identifier"]["value"] == patient
            included = {
                each["resourceType"]: each["id"] for each in found.of_mode("include")
            }
            assert included["Patient"] == ids.patient
            assert included["ImagingStudy"] == ids.study
            study = served.get(f"ImagingStudy/{ids.study}").json
            assert study["subject"]["identifier"]["value"] == patient

    @pytest.mark.parametrize(
        "query",
        [
            f"study-uid={STUDY}",
            f"series-uid={SERIES}",
            f"instance-uid={STRUCTURE_SET}",
            f"identifier=urn:oid:{STRUCTURE_SET}",
            f"derived-from:identifier=urn:oid:{STUDY}",
        ],
    )
    def test_a_search_by_uid_returns_the_objects_of_both(self, served, patients, query):
        found = served.get(f"ImagingSelection?{query}").of_mode("match")
        subjects = {each["subject"]["reference"] for each in found}
        assert subjects == {f"Patient/{ids.patient}" for ids in patients.values()}
        for each in found:
            [ids] = [i for i in patients.values() if each["id"].startswith(i.instance)]
            assert each["subject"]["reference"] == f"Patient/{ids.patient}"
            for reference in each.get("derivedFrom", ()):
                assert reference["reference"] == f"ImagingStudy/{ids.study}"

    def test_studies_found_by_uid_each_have_their_patient(self, served, patients):
        found = served.get(f"ImagingStudy?identifier=urn:oid:{STUDY}").of_mode("match")
        assert {each["id"]: each["subject"]["reference"] for each in found} == {
            ids.study: f"Patient/{ids.patient}" for ids in patients.values()
        }
