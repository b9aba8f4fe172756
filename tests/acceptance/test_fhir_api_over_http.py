"""The FHIR API over HTTP: what Orthanc's bridge to plugins changes, and what not."""

import json
from base64 import b64encode
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest
from imaging_selection.objects import ids_of
from support.builders import make_rtstruct, roi
from support.orthanc import plugins
from support.reading import parse_structure_set
from support.served import parse_r5

PYTHON, DICOMWEB = plugins("Python", "DicomWeb")
LUA = """
hidden = "%(hidden)s"

function IncomingHttpRequestFilter(method, uri, ip, username, headers)
  if username ~= "some" then return true end
  if string.sub(uri, 1, 5) == "/fhir" then return false end
  for id in string.gmatch(hidden, "[^|]+") do
    if string.find(uri, id, 1, true) then return false end
  end
  return true
end
"""
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
CROSS_SITE = {"Content-Type": "application/json", "Sec-Fetch-Site": "cross-site"}


@pytest.fixture(scope="module")
def stored(shared_orthanc):
    """A client, and the Orthanc id of a structure set."""
    client = shared_orthanc.client
    file = make_rtstruct(
        roi(1, "Œdème 113047"), roi(2), PatientID="http", SOPInstanceUID="2.25.80"
    )
    identity = client.store(file).json["ID"]
    client.wait_until_up_to_date()
    return client, identity


def test_headers_and_a_304_pass_the_bridge(stored):
    client, identity = stored
    path = f"/fhir/ImagingSelection/{identity}"
    first = client.get(path)
    assert first.headers["ETag"].startswith('W/"')
    assert "Last-Modified" in first.headers
    assert first.headers["Content-Type"] == "application/fhir+json; fhirVersion=5.0"

    again = client.get(path, **{"If-None-Match": first.headers["ETag"]})

    assert (again.status, again.body) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]
    assert client.get(path).json == first.json  # the connection still works


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", "/fhir/ImagingSelection/unknown", {}, 404),
        ("GET", "/fhir/ImagingSelection?issued=x", {}, 400),
        ("GET", "/fhir/metadata", {"Accept": "text/html"}, 406),
        ("GET", "/fhir/metadata?_format=xml", {}, 406),
        ("POST", "/fhir/ImagingSelection/_search", {"Content-Type": "text/plain"}, 415),
        ("GET", "/fhir/Patient?address=2000", {}, 400),
        ("GET", "/fhir/ImagingStudy?patient.address=a", {}, 400),
        ("GET", "/fhir/ImagingSelection?_has:Observation:focus:code=a", {}, 400),
        ("GET", "/patients/unknown/imaging-selection?patient=a", {}, 400),
        ("POST", "/imaging-selection/reconcile", {}, 415),
        ("POST", "/imaging-selection/reconcile", CROSS_SITE, 403),
        ("POST", "/fhir", {}, 415),
        ("GET", "/fhir", {}, 400),
        ("PUT", "/fhir/ImagingSelection/a", {}, 405),
        ("DELETE", "/fhir/ImagingSelection/a", {}, 405),
        ("POST", "/fhir/ImagingSelection", {}, 405),
    ],
)
def test_errors_pass_the_bridge(stored, method, path, headers, status):
    client, _ = stored
    body = b"{}" if method in {"POST", "PUT"} else None
    answer = client.request(method, path, body, headers)
    assert answer.status == status
    if status == 405:  # Orthanc sends no body with it
        assert answer.headers["Allow"] == "GET"
    else:
        parse_r5(answer.json)
        assert answer.json["issue"][0]["expression"]


def test_no_proxy_may_keep_an_answer(stored):
    client, identity = stored
    for path in (f"/fhir/ImagingSelection/{identity}", "/fhir/Patient", "/fhir/x"):
        assert client.get(path).headers["Cache-Control"] == "private, no-cache"


def test_the_studies_of_a_patient_are_found(stored):
    client, identity = stored
    subject = client.get(f"/fhir/ImagingSelection/{identity}").json["subject"]
    patient = subject["reference"].removeprefix("Patient/")
    value = subject["identifier"]["value"]
    for path in (
        f"/fhir/ImagingStudy?patient={patient}",
        f"/fhir/ImagingStudy?patient.identifier={quote(value)}",
        f"/fhir/Patient/{patient}/ImagingStudy",
    ):
        found = [each["resource"] for each in client.get(path).json["entry"]]
        assert found
        references = {each["subject"]["reference"] for each in found}
        assert references == {f"Patient/{patient}"}
    assert client.get("/fhir/ImagingStudy?patient=unknown").json["total"] == 0


def test_letters_and_escapes_pass_the_bridge(stored):
    client, identity = stored
    for name in ("œdème 113047", "ŒDEME 113047"):
        answer = client.get(f"/fhir/ImagingSelection?roi-name={quote(name)}")
        assert [e["resource"]["id"] for e in answer.json["entry"]] == [f"{identity}-1"]
    comma = client.get("/fhir/ImagingSelection?roi-name=a%5C%2Cb")
    assert comma.status == 200
    assert comma.json["link"][0]["url"].endswith("roi-name=a%5C%2Cb")
    moment = "ge2001-02-03T04%3A05%3A06%2B02%3A00"  # a plus that is no blank
    since = client.get(f"/fhir/ImagingSelection?_id={identity}&_lastUpdated={moment}")
    assert since.json["total"] == 1
    assert since.json["link"][0]["url"].endswith(moment)


def test_of_a_repeated_parameter_orthanc_passes_the_last(stored):
    client, identity = stored
    pairs = [("_id", identity), ("_id", f"{identity}-1")]
    got = client.get("/fhir/ImagingSelection", pairs).json
    posted = client.request(
        "POST", "/fhir/ImagingSelection/_search", urlencode(pairs).encode(), FORM
    ).json
    assert len(got["entry"]) == 1
    assert got["link"][0]["url"].count("_id=") == 1  # the self link shows it
    assert posted["total"] == 0


def test_a_trusted_proxy_may_restore_it(start_orthanc):
    client = start_orthanc(
        {"ImagingSelection": {"TrustForwardedHeaders": True, "CorsOrigins": ["*"]}}
    ).client
    identity = client.store(make_rtstruct(roi(1))).json["ID"]
    assert client.get(f"/instances/{identity}/imaging-selection").status == 200
    pairs = [("_id", identity), ("_id", f"{identity}-1")]
    address = f"/orthanc/fhir/ImagingSelection?{urlencode(pairs)}"
    headers = {
        "X-Original-URI": address,
        "X-Forwarded-Host": "proxy.example",
        "X-Forwarded-Proto": "https",
        "Origin": "https://viewer.example",
    }

    answer = client.get("/fhir/ImagingSelection", pairs, **headers)

    assert answer.json["total"] == 0
    assert answer.json["link"][0]["url"] == f"https://proxy.example{address}"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


def test_the_endpoint_is_orthancs_dicomweb(start_orthanc):
    if not Path(DICOMWEB).exists():
        pytest.skip(f"no {DICOMWEB} (Debian package orthanc-dicomweb)")
    orthanc = start_orthanc({"Plugins": [PYTHON, DICOMWEB]})
    client = orthanc.client
    file = make_rtstruct(roi(1))
    identity = client.store(file).json["ID"]
    client.wait_until_up_to_date()

    searched = client.get(
        "/fhir/ImagingSelection",
        [("_id", identity), ("_include", "ImagingSelection:endpoint")],
    ).json

    match, included = (entry["resource"] for entry in searched["entry"])
    (reference,) = match["endpoint"]
    assert included["resourceType"] == "Endpoint"
    assert f"Endpoint/{included['id']}" == reference["reference"]
    parse_r5(searched)
    path = (
        f"/studies/{match['studyUid']}/series/{match['seriesUid']}"
        f"/instances/{match['instance'][0]['uid']}"
    )
    address = included["address"].removeprefix(client.url)
    as_stored = 'multipart/related; type="application/dicom"; transfer-syntax=*'
    assert file in client.get(address + path, Accept=as_stored).body
    study = client.get(f"/fhir/{match['derivedFrom'][0]['reference']}").json
    assert study["endpoint"][0]["reference"] == reference["reference"]

    orthanc.kill()
    orthanc.configuration["Plugins"] = [PYTHON]
    orthanc.start()
    client.wait_until_up_to_date()

    later = client.get(f"/fhir/ImagingSelection/{identity}")
    assert "endpoint" not in later.json
    assert (match["meta"]["versionId"], later.headers["ETag"]) == ("1", 'W/"2"')
    assert client.get(f"/fhir/{reference['reference']}").status == 404


def test_orthancs_own_filter_stands_before_every_route(start_orthanc, tmp_path):
    """A user who may not see a study in Orthanc gets nothing of it from our routes."""
    file = make_rtstruct(roi(1))
    ids = ids_of(parse_structure_set(file))
    script = tmp_path / "filter.lua"
    script.write_text(LUA % {"hidden": f"{ids.instance}|{ids.series}|{ids.study}"})
    client = start_orthanc(
        {
            "AuthenticationEnabled": True,
            "RegisteredUsers": {"all": "secret", "some": "secret"},
            "LuaScripts": [str(script)],
        }
    ).client
    every, some = (
        {"Authorization": f"Basic {b64encode(f'{user}:secret'.encode()).decode()}"}
        for user in ("all", "some")
    )
    other = make_rtstruct(roi(1), PatientID="other", SOPInstanceUID="2.25.81")
    shown = client.request("POST", "/instances", other, every).json["ID"]
    client.request("POST", "/instances", file, every)
    routes = (
        f"/instances/{ids.instance}/imaging-selection",
        f"/instances/{ids.instance}/imaging-selection?contours=true",
        f"/series/{ids.series}/imaging-selection",
        f"/studies/{ids.study}/imaging-selection",
        "/fhir/ImagingSelection",
        f"/fhir/ImagingSelection/{ids.instance}",
    )

    for route in (*routes, "/fhir/metadata", "/imaging-selection/status"):
        assert client.get(route).status == 401
    for route in routes:
        assert client.get(route, **every).status == 200
        assert client.get(route, **some).status == 403
    assert client.get(f"/instances/{shown}/imaging-selection", **some).status == 200


def test_what_selections_refer_to_comes_from_orthanc(stored):
    client, identity = stored
    selection = client.get(f"/fhir/ImagingSelection/{identity}").json
    patient = client.get(f"/fhir/{selection['subject']['reference']}")
    study = client.get(f"/fhir/{selection['derivedFrom'][0]['reference']}")

    for answer in (patient, study):
        assert answer.status == 200
        parse_r5(answer.json)
    assert study.json["series"][0]["uid"] == selection["seriesUid"]
    included = client.get(
        "/fhir/ImagingSelection", [("_id", identity), ("_include", "*")]
    ).json
    kinds = [entry["resource"]["resourceType"] for entry in included["entry"]]
    assert sorted(kinds) == ["ImagingSelection", "ImagingStudy", "Patient"]
    assert client.get("/fhir/Endpoint").json["total"] == 0  # no DICOMweb here


def test_a_value_that_is_no_utf_8_is_no_other_value(stored):
    client, _ = stored
    version = tuple(map(int, client.get("/system").json["Version"].split(".")))
    answer = client.get("/fhir/ImagingSelection?roi-name=%FF")
    # From 1.12.10 on Orthanc decodes it, and refuses it in its own way.
    assert answer.status == (400 if version < (1, 12, 10) else 500)


def test_batches_lines_and_compartments_pass_the_bridge(stored):
    client, identity = stored
    path = f"ImagingSelection/{identity}"
    patient = client.get(f"/fhir/{path}").json["subject"]["reference"]
    urls = [path, f"{patient}/*?_type=ImagingSelection", "Patient/unknown"]
    entry = [{"request": {"method": "GET", "url": url}} for url in urls]
    bundle = {"resourceType": "Bundle", "type": "batch", "entry": entry}
    headers = {"Content-Type": "application/fhir+json"}
    for root in ("/fhir", "/fhir/"):
        body = json.dumps(bundle).encode()
        answer = client.request("POST", root, body, headers)
        parse_r5(answer.json)
        one, several, none = answer.json["entry"]
        assert one["resource"] == client.get(f"/fhir/{path}").json
        assert len(several["resource"]["entry"]) == 4
        assert none["response"]["status"] == "404 Not Found"

    lines = client.get(f"/fhir/{patient}/*", [("_count", "2"), ("_format", "ndjson")])
    assert lines.headers["Content-Type"] == "application/fhir+ndjson"
    assert len(lines.body.splitlines()) == 2
    assert 'rel="next"' in lines.headers["Link"]


def test_a_study_is_found_by_an_image_in_orthanc(stored):
    client, identity = stored
    study = client.get(f"/instances/{identity}/study").json["ID"]
    for pairs, found in (
        ([("instance", "2.25.80")], [study]),
        ([("instance", "urn:oid:2.25.80"), ("modality", "RTSTRUCT")], [study]),
        ([("instance", "2.25.8")], []),
        ([("instance", "2.25.*")], []),
    ):
        names = [each["id"] for each in client.pages("/fhir/ImagingStudy", pairs)]
        assert names == found
    chain = [("derived-from:ImagingStudy.instance", "2.25.80")]
    assert len([*client.pages("/fhir/ImagingSelection", chain)]) == 4


def test_a_study_lists_its_images_for_who_asks_for_its_series(stored):
    client, identity = stored
    study = client.get(f"/instances/{identity}/study").json["ID"]
    path = f"/fhir/ImagingStudy/{study}"
    plain = client.get(path).json
    asked = client.get(f"{path}?_elements=series").json
    assert all("instance" not in each for each in plain["series"])
    numbers = [len(each["instance"]) for each in asked["series"]]
    assert numbers == [each["numberOfInstances"] for each in plain["series"]]
    images = [image for each in asked["series"] for image in each["instance"]]
    rtstruct = "urn:oid:1.2.840.10008.5.1.4.1.1.481.3"
    assert ("2.25.80", rtstruct) in {
        (each["uid"], each["sopClass"]["code"]) for each in images
    }
