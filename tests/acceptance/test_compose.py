"""docker-compose.yml on Debian's Orthanc, with the settings that the image makes."""

import base64
import json
import subprocess
import sys
from urllib.parse import urlencode

import pytest
from support.builders import make_rtstruct, roi
from support.client import Client
from support.durability import contents
from support.orthanc import free_port
from support.orthanc_image import (
    IN_DEBIAN,
    SERVICES,
    configuration,
    libraries,
    nginx_configuration,
)
from support.paths import PLUGIN
from support.waiting import wait_until

PASSWORD = "password-113047"  # noqa: S105 - of the Orthanc that the test starts
LOGIN = "Basic " + base64.b64encode(f"orthanc:{PASSWORD}".encode()).decode()


class LoggedIn(Client):
    """A client that logs in as the user of the image."""

    def request(self, method, path, body=None, headers=None):
        headers = {"Authorization": LOGIN, **(headers or {})}
        return super().request(method, path, body, headers)


def of_the_service(name):
    """Return the configuration of a service, with folders and ports of this machine."""
    secrets = {"postgres_password": "replaced"}
    found = configuration(name, {"ORTHANC_PASSWORD": PASSWORD}, secrets)
    plugins = libraries(found, IN_DEBIAN)
    del found["StorageDirectory"], found["PythonScript"]
    return found | {"Plugins": plugins}


def test_one_orthanc_serves_behind_its_login_with_dicomweb(start_orthanc):
    orthanc = start_orthanc(of_the_service("orthanc"))
    client = LoggedIn(orthanc.client.url)

    identity = client.store(make_rtstruct(roi(1))).json["ID"]
    selection = client.get(f"/instances/{identity}/imaging-selection").json
    study = client.get(f"/fhir/{selection['derivedFrom'][0]['reference']}").json

    assert orthanc.client.get("/fhir/metadata").status == 401
    assert client.get("/changes?last").status == 200  # what the health check asks
    assert {"python", "dicom-web"} <= {*client.get("/plugins").json}
    assert study["endpoint"]


def test_the_example_is_stored_and_shown_once(start_orthanc, run):
    client = LoggedIn(start_orthanc(of_the_service("orthanc")).client.url)
    (program,) = SERVICES["example"]["command"]
    assert "http://orthanc:8042" in program
    program = program.replace("http://orthanc:8042", client.url)
    program = program.replace("/python/", f"{PLUGIN}/")
    environment = {"ORTHANC_PASSWORD": PASSWORD, "HTTP_PORT": "113047"}

    first, second = (
        run(sys.executable, "-c", program, env=environment, text=True) for _ in range(2)
    )

    printed, _, addresses = first.stdout.rpartition("}\n")
    assert json.loads(printed + "}")["resourceType"] == "ImagingSelection"
    assert (
        addresses
        == second.stdout
        == (
            "http://localhost:113047/imaging-selection/\n"
            "http://localhost:113047/fhir/ImagingSelection\n"
        )
    )
    assert len(client.get("/instances").json) == 1


@pytest.fixture
def start_nginx(nginx, tmp_path):
    """Starts the proxy in front of some Orthancs; returns its address."""
    started = []

    def start(nodes):
        port = free_port()
        server = nginx_configuration().replace(
            "listen 80;", f"listen 127.0.0.1:{port};"
        )
        for number, node in enumerate(nodes, 1):
            address = node.client.url.removeprefix("http://")
            server = server.replace(f"orthanc-{number}:8042", address)
        temporary = "".join(
            f"{kind}_temp_path {tmp_path}/{kind};\n"
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        (tmp_path / "nginx.conf").write_text(
            f"daemon off;\nuser root;\npid {tmp_path}/nginx.pid;\n"
            f"events {{}}\nhttp {{\naccess_log off;\n{temporary}{server}}}\n"
        )
        log = f"{tmp_path}/nginx.log"
        started.append(
            subprocess.Popen(
                [nginx, "-e", log, "-p", tmp_path, "-c", tmp_path / "nginx.conf"]
            )
        )
        return f"http://127.0.0.1:{port}"

    yield start
    for each in started:
        each.terminate()
        each.wait()


def answers(client):
    try:
        return client.get("/system").status == 200
    except OSError:
        return False


def test_two_orthancs_behind_the_proxy_are_one_server(
    start_orthanc, start_nginx, postgres, tmp_path
):
    database = postgres.create(tmp_path.name)
    nodes = []
    for name in ("orthanc-1", "orthanc-2"):
        found = of_the_service(name)
        found["PostgreSQL"] |= database
        nodes.append(start_orthanc(found, name=name))
    proxy = LoggedIn(start_nginx(nodes))
    wait_until(lambda: answers(proxy))
    identity = proxy.store(make_rtstruct(roi(1, "a&b"), roi(2, "other"))).json["ID"]
    clients = [LoggedIn(node.client.url) for node in nodes]
    for client in clients:
        client.wait_until_up_to_date()
    pairs = [("_id", f"{identity},{identity}-1"), ("_id", f"{identity}-1")]

    forged = {"X-Forwarded-Prefix": "/forged", "X-Original-URI": "/forged?_id=x"}
    found = proxy.get("/fhir/ImagingSelection", pairs, **forged).json
    separators = proxy.get("/fhir/ImagingSelection", [("roi-name", "a&b")]).json
    first = proxy.get("/fhir/ImagingSelection", [("_count", "1")]).json

    # Both of a repeated parameter, and the proxy's own address in every link.
    assert [entry["resource"]["id"] for entry in found["entry"]] == [f"{identity}-1"]
    assert found["link"][0]["url"] == (
        f"{proxy.url}/fhir/ImagingSelection?{urlencode(pairs)}"
    )
    assert [entry["resource"]["id"] for entry in separators["entry"]] == [
        f"{identity}-1"
    ]
    assert {link["relation"] for link in first["link"]} == {"self", "next"}
    assert len(list(proxy.pages("/fhir/ImagingSelection", [("_count", "1")]))) == 4
    assert contents(clients[0]) == contents(clients[1])
