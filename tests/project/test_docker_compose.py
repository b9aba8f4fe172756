"""docker-compose.yml follows the conventions of the image that it builds upon."""

import re
from pathlib import Path

import pytest
from imaging_selection.host.config import KEYS, SECTION, parse_settings
from support.orthanc_image import (
    COMPOSE,
    LIBRARIES,
    ROOT,
    SERVICES,
    TEXT,
    configuration,
    interpolated,
    libraries,
    nginx_configuration,
    setting,
)

ORTHANCS = ["orthanc", "orthanc-1", "orthanc-2"]
SECRETS = {"postgres_password": "secret-113047"}


@pytest.mark.parametrize(
    ("variable", "path"),
    [
        ("ORTHANC__STABLE_AGE", "StableAge"),
        ("ORTHANC__DICOM_WEB__ROOT", "DicomWeb.Root"),
        ("ORTHANC__POSTGRESQL__HOST", "PostgreSQL.Host"),
        ("ORTHANC__IMAGING_SELECTION__FHIR_ROOT", "ImagingSelection.FhirRoot"),
    ],
)
def test_a_variable_becomes_a_setting_by_the_rule_of_the_image(variable, path):
    assert setting(variable) == path


@pytest.mark.parametrize("key", sorted(KEYS))
def test_every_key_of_the_plugin_has_a_variable(key):
    variable = (
        "ORTHANC__IMAGING_SELECTION__" + re.sub(r"(?<!^)(?=[A-Z])", "_", key).upper()
    )

    assert setting(variable) == f"{SECTION}.{key}"


def test_variables_are_replaced_as_compose_does():
    text = "a $${A} ${A:-x y} ${B:-z}"

    assert interpolated(text, {"B": "b"}) == "a ${A} x y b"


@pytest.mark.parametrize("service", ORTHANCS)
def test_every_plugin_that_is_configured_is_enabled(service):
    found = configuration(service, {"ORTHANC_PASSWORD": "p-113047"}, SECRETS)

    assert found["RegisteredUsers"] == {"orthanc": "p-113047"}
    assert found["DicomWeb"] == {"Enable": True}
    assert found["OrthancExplorer2"]["Enable"] is True
    expected = {name for names in LIBRARIES.values() for name in names}
    if service == "orthanc":
        expected -= set(LIBRARIES["PostgreSQL"])
    assert {Path(each).name for each in libraries(found)} == expected


@pytest.mark.parametrize("service", ORTHANCS)
def test_the_plugin_accepts_its_section(service):
    settings = parse_settings(configuration(service, secrets=SECRETS))

    assert settings.enable
    assert settings.fhir_root == "/fhir"


def test_the_settings_in_comments_exist():
    commented = re.findall(r"#\s*(ORTHANC__IMAGING_SELECTION__\w+): (\S+)", TEXT)

    assert commented
    section = {setting(name).split(".")[1]: value for name, value in commented}
    assert parse_settings({SECTION: section})


@pytest.mark.parametrize("service", ORTHANCS)
def test_orthanc_asks_for_a_password_and_has_a_user(service):
    found = configuration(service, secrets=SECRETS)

    assert found["AuthenticationEnabled"] is True
    assert found["RemoteAccessAllowed"] is True
    # Orthanc 1.13 refuses to start without a user
    assert found["RegisteredUsers"] == {"orthanc": "imaging-selection"}


@pytest.mark.parametrize("service", ORTHANCS)
def test_the_script_is_the_one_that_the_image_contains(service):
    script = configuration(service, secrets=SECRETS)["PythonScript"]

    build = SERVICES[service]["build"]
    assert "COPY . /python/" in build["dockerfile_inline"]
    assert build["context"] == "plugin"
    assert (ROOT / "plugin" / Path(script).relative_to("/python")).is_file()


@pytest.mark.parametrize("service", [*ORTHANCS, "example"])
def test_the_build_pins_the_image_and_compiles_nothing(service):
    dockerfile = SERVICES[service]["build"]["dockerfile_inline"]

    assert re.match(r"FROM orthancteam/orthanc:\d+\.\d+\.\d+\n", dockerfile)
    assert "--only-binary=:all:" in dockerfile
    # without --target, pip refuses: the Python of the image is externally managed
    folder = re.search(r"--target=(\S+)", dockerfile).group(1)
    assert f"PYTHONPATH={folder}" in dockerfile
    copied = re.search(r"COPY (\S+) (\S+)", dockerfile)
    assert (ROOT / "plugin" / copied.group(1)).is_file()
    assert f"--requirement={copied.group(2)}" in dockerfile
    assert "--break-system-packages" not in dockerfile


def test_every_image_has_a_version():
    for name, service in SERVICES.items():
        assert re.fullmatch(r"[\w/-]+:\d+(\.\d+)+", service["image"]), name


@pytest.mark.parametrize("service", ORTHANCS)
def test_health_is_what_the_probe_of_the_image_says(service):
    kind, command = SERVICES[service]["healthcheck"]["test"]

    assert kind == "CMD-SHELL"
    assert command.startswith("python3 /probes/test-aliveness.py ")
    assert "$$ORTHANC_PASSWORD" in command  # $$: read in the container


def test_nothing_must_be_set_beforehand_for_one_orthanc():
    assert {default for _, default in re.findall(r"(?<!\$)\$\{(\w+)(.?.?)", TEXT)} == {
        ":-"
    }
    secrets = {
        name for name, service in SERVICES.items() if "secrets" in service
    }  # their values come from outside
    assert not {name for name in secrets if "profiles" not in SERVICES[name]}


def test_only_this_machine_has_access_by_default():
    for service in SERVICES.values():
        for port in service.get("ports", []):
            assert port.startswith("${BIND:-127.0.0.1}:")


def test_the_archive_outlives_the_container():
    (volume,) = SERVICES["orthanc"]["volumes"]
    source, target = volume.split(":")

    assert source in COMPOSE["volumes"]
    assert target == "/var/lib/orthanc/db"  # StorageDirectory of the image


def test_a_cluster_shares_index_files_and_selections():
    first, second = (
        configuration(each, secrets=SECRETS) for each in ("orthanc-1", "orthanc-2")
    )

    assert first == second
    assert first["PostgreSQL"] == {
        "Host": "postgres",
        "Database": "orthanc",
        "Username": "orthanc",
        "Password": "secret-113047",
        "EnableIndex": True,
        "EnableStorage": True,
        "EnableSsl": False,
        "Port": 5432,
        "Lock": False,
        "TransactionMode": "ReadCommitted",
    }
    assert first[SECTION]["TrustForwardedHeaders"] is True
    assert "TrustForwardedHeaders" not in configuration("orthanc")[SECTION]


def test_the_proxy_overwrites_every_header_that_the_plugin_trusts():
    nginx = nginx_configuration()

    assert dict(re.findall(r"proxy_set_header (\S+) (\S+);", nginx)) == {
        "Host": "$http_host",
        "X-Forwarded-Host": "$http_host",
        "X-Forwarded-Proto": "$scheme",
        "X-Forwarded-Prefix": '""',
        "X-Original-URI": "$request_uri",
    }
    assert set(re.findall(r"server (\S+):8042;", nginx)) == {"orthanc-1", "orthanc-2"}
    assert nginx.count("{") == nginx.count("}")


def test_the_buttons_of_orthanc_explorer_2_are_complete():
    found = configuration("orthanc")["OrthancExplorer2"]

    assert found["IsDefaultOrthancUI"] is True
    buttons = found["UiOptions"]["CustomButtons"]
    assert set(buttons) == {"study", "series", "instance", "bulk-studies"}
    pages = {
        "study": "?study={UUID}",
        "series": "?series={UUID}",
        "instance": "structure-sets/{UUID}",
    }
    for level, page in pages.items():
        (button,) = buttons[level]
        assert set(button) == {"HttpMethod", "Id", "Tooltip", "Icon", "Url", "Target"}
        assert button["Url"] == f"../../imaging-selection/{page}"


def test_the_example_is_stored_by_a_program_that_compiles():
    (program,) = SERVICES["example"]["command"]

    compile(program, "docker-compose.yml", "exec")
    assert "$" not in program  # Compose would read it
    path = re.search(r'"/python/(imaging_selection/data/\S+)"', program).group(1)
    assert (ROOT / "plugin" / path).is_file()
