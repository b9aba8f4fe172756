import pytest
from imaging_selection.delivery.target import TargetFault, is_private, parse_targets
from imaging_selection.errors import TargetError

SECRET = "secret-113047"  # noqa: S105 - none
URL = "https://fhir.example/r5"


def target_of(**keys):
    (target,) = parse_targets([{"Name": "clinic", "Url": URL, **keys}])
    return target


def fault_of(value):
    with pytest.raises(TargetFault) as error:
        parse_targets(value)
    return str(error.value)


@pytest.fixture
def secret(tmp_path):
    file = tmp_path / "secret"
    file.write_text(SECRET + "\n")
    return {"File": str(file)}


def test_what_is_not_said_has_its_default():
    target = target_of()

    assert target.model_dump() == {
        "name": "clinic",
        "url": URL,
        "fhir_version": "5.0",
        "authentication": {"type": "None"},
        "types": ("ImagingSelection", "Observation"),
        "patient_identifier_system": None,
        "on_unknown_patient": "wait",
        "on_unknown_study": "identifier",
        "ca_file": None,
        "r4_form": "Extensions",
        "radiotherapy_volume": False,
    }


def test_an_address_loses_its_last_slash():
    assert target_of(Url=URL + "/").url == URL


@pytest.mark.parametrize(
    ("keys", "fault"),
    [
        ({"Name": "a b"}, ".Name, which must be 1 to 32 letters, digits, - and _"),
        ({"Name": 1}, ".Name, which must be 1 to 32 letters, digits, - and _"),
        ({"Name": "a" * 33}, ".Name, which must be"),
        ({"Name": "../x"}, ".Name, which must be"),
        ({"Url": "fhir.example"}, ".Url, which must be an http:// or https:// address"),
        ({"Url": "ftp://x"}, ".Url, which must be"),
        ({"Url": "https://"}, ".Url, which must be"),
        ({"Url": f"https://u:{SECRET}@x/"}, ".Url, which must be"),
        ({"Url": f"https://x/?{SECRET}"}, ".Url, which must be"),
        ({"Url": "https://x/#a"}, ".Url, which must be"),
        ({"Url": "https://x:99999/"}, ".Url, which must be"),
        ({"Url": "https://x/ä"}, ".Url, which must be"),
        ({"Url": "https://x/\n"}, ".Url, which must be"),
        ({"Url": None}, ".Url, which must be"),
        ({"FhirVersion": "4.0.1"}, '.FhirVersion, which must be "5.0" or "4.0"'),
        ({"FhirVersion": 5.0}, ".FhirVersion, which must be"),
        ({"Types": []}, ".Types, which must be a list of some of ImagingSelection"),
        ({"Types": ["Patient"]}, ".Types, which must be"),
        ({"PatientIdentifierSystem": "mrn"}, ".PatientIdentifierSystem, which must be"),
        ({"OnUnknownPatient": "Wait"}, ".OnUnknownPatient, which must be wait, create"),
        ({"OnUnknownStudy": "wait"}, ".OnUnknownStudy, which must be create or"),
        ({"CaFile": "/no/such.pem"}, ".CaFile, which must be the path of a PEM file"),
        ({"R4Form": "complex"}, ".R4Form, which must be Extensions or Complex"),
        ({"RadiotherapyVolume": 1}, ".RadiotherapyVolume, which must be true or false"),
        (
            {"RadiotherapyVolume": True},
            '.RadiotherapyVolume, which needs FhirVersion "4',
        ),
        ({"Password": SECRET}, ".Password, which is not known"),
        ({"url": URL}, ".url, which is not known"),
        ({"Authentication": SECRET}, ".Authentication, which must be an object with"),
        ({"Authentication": {"Type": "Digest"}}, ".Authentication, which must be an"),
        (
            {"Authentication": {"Type": "Basic", "Username": "u"}},
            ".Authentication.Password, which is missing",
        ),
        (
            {"Authentication": {"Type": "Bearer", "Token": SECRET}},
            ".Authentication.Token, which must be an object with either File or",
        ),
        (
            {"Authentication": {"Type": "Bearer", "Token": {}}},
            ".Authentication.Token, which must be an object with either File or",
        ),
        (
            {"Authentication": {"Type": "Bearer", "Token": {"File": "/no/such"}}},
            ".Authentication.Token.File, which must be the path of a file",
        ),
        (
            {"Authentication": {"Type": "Bearer", "Token": {"Variable": "A B"}}},
            ".Authentication.Token.Variable, which must be the name of an environment",
        ),
        (
            {"Authentication": {"Type": "Bearer", "Token": {"Value": SECRET}}},
            ".Authentication.Token.Value, which is not known",
        ),
    ],
)
def test_what_is_wrong_is_named_without_its_value(keys, fault):
    said = fault_of([{"Name": "clinic", "Url": URL, **keys}])

    assert said.startswith(f"has [0]{fault}")
    assert SECRET not in said


@pytest.mark.parametrize("value", [{}, "x", 7, None, [{}] * 11])
def test_the_setting_is_a_list(value):
    assert fault_of(value) == "must be a list of at most 10 objects"


def test_the_number_of_the_target_is_named():
    good = {"Name": "clinic", "Url": URL}

    assert fault_of([good, 7]) == "has [1], which must be a JSON object"
    assert fault_of([good, {"Name": "b"}]) == "has [1].Url, which is missing"


def test_two_targets_have_two_names():
    good = {"Name": "clinic", "Url": URL}

    assert fault_of([good, {**good, "Name": "Clinic"}]) == (
        "has two targets of the same Name"
    )


def test_a_file_that_has_no_certificates_is_refused(secret):
    said = fault_of([{"Name": "clinic", "Url": URL, "CaFile": secret["File"]}])

    assert said.startswith("has [0].CaFile, which must be the path of a PEM file")


def test_a_secret_does_not_travel_in_the_clear(secret):
    login = {"Type": "Bearer", "Token": secret}
    client = {
        "Type": "ClientCredentials",
        "ClientId": "c",
        "ClientSecret": secret,
        "TokenUrl": "http://login.example",
    }

    for keys in (
        {"Url": "http://fhir.example", "Authentication": login},
        {"Authentication": client},
    ):
        said = fault_of([{"Name": "clinic", "Url": URL, **keys}])
        assert said.startswith("has [0].Authentication, which needs https://")
    assert target_of(Url="http://127.0.0.1:80/x", Authentication=login)
    assert target_of(Url="http://fhir.example")


@pytest.mark.parametrize(
    ("url", "private"),
    [
        ("https://x", True),
        ("http://x", False),
        ("http://localhost:8080/a", True),
        ("http://127.0.0.1/", True),
        ("http://[::1]:80/", True),
        ("http://10.0.0.1/", False),
        ("http://localhost.example/", False),
    ],
)
def test_only_tls_and_this_machine_are_private(url, private):
    assert is_private(url) == private


def test_a_secret_is_read_from_its_file_each_time(secret, tmp_path):
    token = target_of(Authentication={"Type": "Bearer", "Token": secret}).authentication

    assert token.token.read() == SECRET
    (tmp_path / "secret").write_text("other")
    assert token.token.read() == "other"


def test_a_secret_is_read_from_a_variable(monkeypatch):
    monkeypatch.setenv("SECRET_113047", SECRET)
    login = {"Type": "Bearer", "Token": {"Variable": "SECRET_113047"}}

    assert target_of(Authentication=login).authentication.token.read() == SECRET


def test_a_missing_secret_is_an_error_without_its_place(secret, tmp_path):
    target = target_of(Authentication={"Type": "Bearer", "Token": secret})
    for spoil in ((tmp_path / "secret").unlink, lambda: None):
        spoil()
        with pytest.raises(TargetError, match="a secret is missing"):
            target.authentication.token.read()
    (tmp_path / "secret").write_bytes(b"\xff")
    with pytest.raises(TargetError, match="a secret is missing"):
        target.authentication.token.read()


def test_no_secret_is_in_a_target(secret):
    login = {"Type": "Basic", "Username": "u", "Password": secret}

    assert SECRET not in repr(target_of(Authentication=login))


def test_what_the_target_is_to_hold_decides_the_digest_and_not_the_login(secret):
    login = {"Type": "Bearer", "Token": secret}

    assert target_of().digest == target_of(Authentication=login).digest
    assert target_of().digest != target_of(Types=["Observation"]).digest
    assert target_of().digest != target_of(Url=URL + "2").digest
