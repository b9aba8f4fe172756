import pytest
from imaging_selection.search.patient_parameters import names_patient


@pytest.mark.parametrize(
    "name",
    [
        *("patient", "Patient", "patient ", "patient:Patient", "patient.name"),
        *("subject:Patient.birthdate", "PatientID", "patient_id", "patientName"),
        *("name", "name:exact", "family", "given", "birthdate", "birth-date", "dob"),
        *("gender", "address-city", "telecom", "email", "phone", "deceased", "mrn"),
        *("_has:Observation:patient:code", "_has", "individual", "beneficiary"),
        *("00100020", "(0010,0010)", "PATIENT.IDENTIFIER", "general-practitioner"),
        "medical-record-number",
    ],
)
def test_a_name_that_may_be_of_a_patient_is_one(name):
    assert names_patient(name, "a")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("owner", "Patient/a"),
        ("performer", "http://host-113047/fhir/Patient/a"),
        ("_filter", "patient eq a"),
        ("_filter", "birthdate ge 2000"),
        ("nonsense", "code,Patient/a"),
        ("_content", "Doe"),
        ("_text:contains", "12345"),
    ],
)
def test_a_value_may_name_a_patient_too(name, value):
    assert names_patient(name, value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("modality", "CT"), ("started", "ge2024"), ("nonsense", "1"), ("", "")],
        *[("_security", "x"), ("_source", "x"), ("roi-names", "ptv"), ("_", "173")],
        *[("performer", "Practitioner/a"), ("_filter", "issued ge 2024")],
        ("_revinclude", "Provenance:target"),
    ],
)
def test_other_parameters_name_none(name, value):
    assert not names_patient(name, value)
