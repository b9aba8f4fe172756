from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from imaging_selection.errors import ConfigError
from imaging_selection.host.config import (
    KEYS,
    SECTION,
    Settings,
    database_url,
    export_folder,
    parse_settings,
)
from imaging_selection.mapping.choices import Names
from pydantic import ValidationError

DEFAULTS = {
    "Enable": True,
    "FhirRoot": "/fhir",
    "PublicBaseUrl": None,
    "TrustForwardedHeaders": False,
    "Levels": ("StructureSet", "Roi", "SourceImages"),
    "SopClassCoding": "Profile",
    "Timezone": None,
    "Measurements": False,
    "Names": None,
    "PatientIdentifierSystem": None,
    "AccessionNumberSystem": None,
    "DatabaseUrl": None,
    "ReconcileInterval": 300,
    "SearchSeconds": 10,
    "MaximumPageSize": 500,
    "Workers": None,
    "WorkerMemory": 1024,
    "WorkerSeconds": 60,
    "WorkerPython": None,
    "ExportMegabytes": 2048,
    "ExportHours": 24,
    "CorsOrigins": (),
    "Deliver": (),
}


_ROOT = "must be a path such as /fhir, and not one of Orthanc's own"
_ORIGINS = "must be a list of origins, such as https://example.org, or *"


_NAMES = (
    "must be an object with TG-263 and Report (true or false) and Dictionary (the path"
    " of a CSV file)"
)


def settings_of(**section):
    return parse_settings({"Name": "other", SECTION: section})


def values_of(settings):
    return {key: getattr(settings, KEYS[key]) for key in KEYS}


def problems_of(section):
    with pytest.raises(ConfigError) as error:
        parse_settings({SECTION: section})
    return error.value.problems


def test_every_setting_has_a_key_in_orthancs_spelling():
    assert DEFAULTS.keys() == KEYS.keys()
    *own, default_encoding, scheme = Settings.model_fields
    assert list(KEYS.values()) == own
    assert (default_encoding, scheme) == ("default_encoding", "scheme")


@pytest.mark.parametrize(
    "configuration",
    [
        pytest.param({}, id="no-section"),
        pytest.param({SECTION: {}}, id="empty-section"),
        pytest.param({"Imagingselection": {"Enable": False}}, id="another-section"),
    ],
)
def test_what_is_not_said_has_its_default(configuration):
    assert values_of(parse_settings(configuration)) == DEFAULTS


@pytest.mark.parametrize(
    ("key", "value", "setting"),
    [
        ("Enable", False, False),
        ("FhirRoot", "/r5", "/r5"),
        ("FhirRoot", "r5/", "/r5"),
        ("FhirRoot", " /api/fhir/ ", "/api/fhir"),
        ("PublicBaseUrl", "https://pacs/orthanc/fhir/", "https://pacs/orthanc/fhir"),
        ("PublicBaseUrl", "", None),
        ("TrustForwardedHeaders", True, True),
        ("Levels", ["Roi"], ("Roi",)),
        ("Levels", ["SourceImages", "StructureSet"], ("StructureSet", "SourceImages")),
        ("Levels", ["Roi", "Roi"], ("Roi",)),
        ("SopClassCoding", "Dicom", "Dicom"),
        ("Timezone", "Europe/Brussels", ZoneInfo("Europe/Brussels")),
        ("Timezone", "", None),
        ("PatientIdentifierSystem", "urn:oid:2.25.113047", "urn:oid:2.25.113047"),
        ("PatientIdentifierSystem", " ", None),
        ("AccessionNumberSystem", "http://ris-113047", "http://ris-113047"),
        ("Measurements", True, True),
        ("Names", {}, Names()),
        ("Names", {"TG-263": True, "Report": True}, Names(tg263=True, report=True)),
        ("DatabaseUrl", "sqlite:////data/a.db", "sqlite:////data/a.db"),
        ("DatabaseUrl", "", None),
        ("ReconcileInterval", 1, 1),
        ("SearchSeconds", 1, 1),
        ("MaximumPageSize", 113047, 113047),
        ("Workers", 0, 0),
        ("Workers", 3, 3),
        ("WorkerMemory", 128, 128),
        ("WorkerSeconds", 7, 7),
        ("ExportMegabytes", 0, 0),
        ("ExportHours", 1, 1),
        ("WorkerPython", "/opt/python/bin/python3", "/opt/python/bin/python3"),
        ("CorsOrigins", ["https://a.example:8443"], ("https://a.example:8443",)),
        ("CorsOrigins", ["*"], ("*",)),
        ("CorsOrigins", [], ()),
        ("Deliver", [], ()),
    ],
)
def test_a_good_value_is_taken(key, value, setting):
    settings = values_of(settings_of(**{key: value}))
    assert settings == DEFAULTS | {key: setting}


@pytest.mark.parametrize(
    ("key", "value", "demand"),
    [
        ("Enable", "true", "must be true or false"),
        ("Enable", 1, "must be true or false"),
        ("Enable", None, "must be true or false"),
        ("FhirRoot", "", _ROOT),
        ("FhirRoot", "/", _ROOT),
        ("FhirRoot", "/a/../b", _ROOT),
        ("FhirRoot", "/fhir?x", _ROOT),
        ("FhirRoot", 7, _ROOT),
        ("FhirRoot", "/tools", _ROOT),
        ("FhirRoot", "/instances/fhir", _ROOT),
        ("CorsOrigins", "*", _ORIGINS),
        ("CorsOrigins", ["example.org"], _ORIGINS),
        ("CorsOrigins", ["https://example.org/path"], _ORIGINS),
        ("CorsOrigins", [None], _ORIGINS),
        ("PublicBaseUrl", "pacs/fhir", "must be an http:// or https:// address"),
        ("PublicBaseUrl", "ftp://pacs", "must be an http:// or https:// address"),
        ("PublicBaseUrl", [], "must be an http:// or https:// address"),
        ("TrustForwardedHeaders", "no", "must be true or false"),
        ("Levels", [], "must be a list of some of StructureSet, Roi, SourceImages"),
        ("Levels", "Roi", "must be a list of some of StructureSet, Roi, SourceImages"),
        (
            "Levels",
            ["roi"],
            "must be a list of some of StructureSet, Roi, SourceImages",
        ),
        ("Levels", [[]], "must be a list of some of StructureSet, Roi, SourceImages"),
        ("SopClassCoding", "profile", "must be Profile or Dicom"),
        ("SopClassCoding", [], "must be Profile or Dicom"),
        ("SopClassCoding", {}, "must be Profile or Dicom"),
        ("Timezone", "Mars/Olympus", "must be an IANA zone, such as Europe/Brussels"),
        ("Timezone", "../etc", "must be an IANA zone, such as Europe/Brussels"),
        ("Timezone", "/etc/passwd", "must be an IANA zone, such as Europe/Brussels"),
        ("Timezone", "+0100", "must be an IANA zone, such as Europe/Brussels"),
        ("Timezone", "Europe", "must be an IANA zone, such as Europe/Brussels"),
        ("Timezone", "\0", "must be an IANA zone, such as Europe/Brussels"),
        ("Timezone", 1, "must be an IANA zone, such as Europe/Brussels"),
        ("PatientIdentifierSystem", "hospital", "must be a URI, such as urn:oid:1.2.3"),
        ("AccessionNumberSystem", "ris", "must be a URI, such as urn:oid:1.2.3"),
        ("PatientIdentifierSystem", None, "must be a URI, such as urn:oid:1.2.3"),
        ("Deliver", {}, "must be a list of at most 10 objects"),
        ("Deliver", [{"Name": "a"}], "has [0].Url, which is missing"),
        ("Names", True, _NAMES),
        ("Names", {"tg-263": True}, _NAMES),
        ("Names", {"TG-263": 1}, _NAMES),
        ("Names", {"Dictionary": 1}, _NAMES),
        ("Names", {"Dictionary": "\0"}, _NAMES),
        (
            "Names",
            {"Dictionary": "/no/such.csv"},
            "has a Dictionary that cannot be read",
        ),
        ("DatabaseUrl", 5432, "must be text"),
        ("DatabaseUrl", None, "must be text"),
        ("ReconcileInterval", 0, "must be a whole number above 0"),
        ("ReconcileInterval", -1, "must be a whole number above 0"),
        ("ReconcileInterval", 1.5, "must be a whole number above 0"),
        ("ReconcileInterval", "300", "must be a whole number above 0"),
        ("ReconcileInterval", True, "must be a whole number above 0"),
        ("MaximumPageSize", 0, "must be a whole number above 0"),
        ("MaximumPageSize", None, "must be a whole number above 0"),
        ("SearchSeconds", 0, "must be a whole number above 0"),
    ],
)
def test_a_bad_value_is_named_by_its_key(key, value, demand):
    assert problems_of({key: value}) == (f"{SECTION}.{key} {demand}",)


def test_an_unknown_key_is_named_with_those_that_are_known():
    (problem,) = problems_of({"FhirBase": "/fhir"})
    assert problem == (
        f"{SECTION}.FhirBase is not known (known: {', '.join(DEFAULTS)})"
    )


@pytest.mark.parametrize("section", [[], "on", 1, None, True])
def test_a_section_that_is_no_object_is_refused(section):
    assert problems_of(section) == (f"{SECTION} must be a JSON object",)


@pytest.mark.parametrize("key", ["Scheme", "scheme", "fhir_root", "fhirRoot"])
def test_only_the_keys_of_the_section_are_known(key):
    (problem,) = problems_of({key: "http"})
    assert problem.startswith(f"{SECTION}.{key} is not known")


def test_the_settings_that_are_right_are_kept_beside_a_wrong_one():
    with pytest.raises(ConfigError) as error:
        parse_settings({SECTION: {"FhirRoot": "/r5", "Enable": 0, "Levls": []}})
    assert error.value.settings == Settings(fhir_root="/r5")


@pytest.mark.parametrize(
    ("ssl", "scheme"), [({}, "http"), ({"SslEnabled": True}, "https")]
)
def test_the_scheme_is_that_of_orthanc(ssl, scheme):
    assert parse_settings(ssl).scheme == scheme


def test_settings_do_not_change():
    with pytest.raises(ValidationError):
        Settings().enable = False


def test_all_problems_are_named_at_once():
    problems = problems_of({"Enable": 0, "enable": True, "MaximumPageSize": 0})
    assert [problem.split()[0] for problem in problems] == [
        f"{SECTION}.Enable",
        f"{SECTION}.enable",
        f"{SECTION}.MaximumPageSize",
    ]


def url_of(configuration, path):
    return database_url(settings_of(), configuration, str(path))


def test_a_database_that_is_configured_is_taken():
    settings = settings_of(DatabaseUrl="postgresql+psycopg://db-113047/orthanc")
    assert database_url(settings, {"IndexDirectory": "/index"}, "/etc/orthanc") == (
        "postgresql+psycopg://db-113047/orthanc"
    )


@pytest.mark.parametrize(
    ("configuration", "folder"),
    [
        pytest.param(
            {"IndexDirectory": "/i", "StorageDirectory": "/s"}, "/i", id="index"
        ),
        pytest.param({"StorageDirectory": "/s"}, "/s", id="storage"),
        pytest.param(
            {"IndexDirectory": "", "StorageDirectory": "/s"}, "/s", id="empty-index"
        ),
        pytest.param({}, "{base}/OrthancStorage", id="neither"),
        pytest.param({"IndexDirectory": "i/j"}, "{base}/i/j", id="relative"),
    ],
)
def test_the_store_lies_in_orthancs_index_folder(tmp_path, configuration, folder):
    file = tmp_path / "orthanc.json"
    file.write_text("{}")
    expected = Path(folder.format(base=tmp_path)) / "imaging-selection.db"
    # A relative folder starts at the configuration, be that a file or a folder of them.
    assert url_of(configuration, file) == f"sqlite:///{expected}"
    assert url_of(configuration, tmp_path) == f"sqlite:///{expected}"


def test_a_relative_configuration_path_starts_at_the_present_folder(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    expected = tmp_path / "index" / "imaging-selection.db"
    url = url_of({"IndexDirectory": "index"}, "orthanc.json")
    assert url == f"sqlite:///{expected}"


def url_with(**server):
    configuration = {"PostgreSQL": {"EnableIndex": True, **server}}
    return database_url(Settings(), configuration, "/etc/orthanc/orthanc.json")


@pytest.mark.parametrize(
    ("server", "expected"),
    [
        pytest.param(
            {
                "Host": "db.hospital",
                "Port": 5433,
                "Database": "orthanc",
                "Username": "ort hanc",
                "Password": "p@ss/word:?&%",
            },
            "postgresql://ort%20hanc:p%40ss%2Fword%3A%3F%26%25@db.hospital:5433/orthanc"
            "?sslmode=disable",
            id="every-option",
        ),
        pytest.param({}, "postgresql://localhost:5432/?sslmode=disable", id="defaults"),
        pytest.param(
            {"Host": "/run/postgresql", "Username": "orthanc", "EnableSsl": True},
            "postgresql://orthanc@%2Frun%2Fpostgresql:5432/?sslmode=require",
            id="socket-and-ssl",
        ),
        pytest.param(
            {
                "ConnectionUri": "postgresql://a:b%2Fc@one,two/x?target=any",
                "Host": "no",
            },
            "postgresql://a:b%2Fc@one,two/x?target=any",
            id="uri-goes-first",
        ),
    ],
)
def test_the_store_is_in_orthancs_postgresql_where_its_index_is(server, expected):
    assert url_with(**server) == expected


def test_postgresql_without_the_index_is_not_for_the_store():
    configuration = {"PostgreSQL": {"EnableIndex": False, "EnableStorage": True}}
    url = database_url(Settings(), configuration, "/etc/orthanc/orthanc.json")
    assert url.startswith("sqlite:///")


def test_what_was_configured_goes_before_orthancs_postgresql():
    settings = Settings(database_url="sqlite:////data/store.db")
    configuration = {"PostgreSQL": {"EnableIndex": True}}
    assert database_url(settings, configuration, "/x") == "sqlite:////data/store.db"


@pytest.mark.parametrize("section", [None, "x", []])
def test_a_section_of_orthanc_that_is_none_is_a_problem_of_its_own(section):
    with pytest.raises(ConfigError) as caught:
        database_url(Settings(), {"PostgreSQL": section}, "/etc/orthanc")
    assert caught.value.problems == ("PostgreSQL must be a JSON object",)


@pytest.mark.parametrize(
    ("configuration", "expected"),
    [
        pytest.param({}, "Latin1", id="that-of-orthanc"),
        pytest.param({"DefaultEncoding": ""}, "Latin1", id="empty"),
        pytest.param({"DefaultEncoding": "Utf8"}, "Utf8", id="configured"),
        pytest.param({"DefaultEncoding": "WINDOWS1251"}, "Windows1251", id="capitals"),
        pytest.param({"DefaultEncoding": "Later"}, "Ascii", id="of-a-later-release"),
    ],
)
def test_the_default_encoding_is_that_of_orthanc(configuration, expected):
    assert parse_settings(configuration).default_encoding == expected


def test_a_dictionary_of_names_is_read_when_orthanc_starts(tmp_path):
    path = tmp_path / "names.csv"
    text = "name,system,code,display,laterality\nKehlkopf,urn:oid:1.2,1,Larynx,\n"
    path.write_text(text)
    assert settings_of(Names={"Dictionary": str(path)}).names == Names(dictionary=text)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"name,code\n", "of which line 1 must be name,system,code,display,laterality"),
        (
            b"name,system,code,display,laterality\nA,urn:oid:1.2,1,a,left\n",
            "of which line 2: the laterality is none of 7771000, 24028007, 51440002",
        ),
        (b"\xff", "that is not UTF-8"),
    ],
)
def test_a_wrong_dictionary_is_named_with_its_line(tmp_path, content, problem):
    path = tmp_path / "names.csv"
    path.write_bytes(content)
    assert problems_of({"Names": {"Dictionary": str(path)}}) == (
        f"{SECTION}.Names has a Dictionary {problem}",
    )


def test_the_folder_of_exports_is_beside_the_index_and_of_this_orthanc_alone(tmp_path):
    configuration = {"IndexDirectory": "index", "HttpPort": 8043}
    folder = export_folder(configuration, str(tmp_path))
    assert folder.parent == tmp_path / "index"
    assert folder.name.endswith("-8043")
    assert folder != export_folder({"IndexDirectory": "index"}, str(tmp_path))
