import json
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

import pytest
from fhir.resources.bundle import Bundle
from fhir.resources.capabilitystatement import CapabilityStatement
from fhir.resources.operationoutcome import OperationOutcome
from imaging_selection.api.http import Request
from imaging_selection.api.router import Api, Site
from imaging_selection.dicom.rtstruct.reader import parse_structure_set
from imaging_selection.errors import (
    MappingError,
    SearchError,
    SourceError,
    StoreError,
)
from imaging_selection.host.plugin import convert
from imaging_selection.ids import orthanc_ids_of
from imaging_selection.mapping.rtstruct.imaging_selection import Choices
from imaging_selection.store.engine import Database
from imaging_selection.store.ledger import CONVERTED, FAILED, LedgerEntry
from imaging_selection.store.selections import Selections
from support.builders import make_rtstruct, roi
from support.served import Orthanc

FHIR_JSON = "application/fhir+json; fhirVersion=5.0"
HOST = {"host": "pacs-113047:8042"}
BASE = "http://pacs-113047:8042/fhir"
FIRST = "2021-03-04T05:06:07.000Z"
LATER = "2021-03-04T05:06:08.000Z"
SECRET = "Larynx113047"  # noqa: S105 - what no error may repeat

FILE = make_rtstruct(roi(1, "one"), roi(2, "two"))
OTHER = make_rtstruct(
    roi(7, "seven"),
    PatientID="other-113047",
    StudyInstanceUID="2.25.113047101",
    SeriesInstanceUID="2.25.113047201",
    SOPInstanceUID="2.25.113047301",
)
IDS, OTHER_IDS = (orthanc_ids_of(parse_structure_set(file)) for file in (FILE, OTHER))
UNKNOWN = "0a9b3153-2512774b-2d9580de-1fc3dcf6-3bd83918"


def entry(orthanc_id, **overrides):
    facts = {"state": CONVERTED, "attachment_uuid": "m", "mapping_version": "1-a"}
    return LedgerEntry(orthanc_id=orthanc_id, since=FIRST, **facts | overrides)


def failure(orthanc_id):
    return entry(orthanc_id, state=FAILED, reason="reason-113047", attempts=1)


@dataclass
class FakeCatalogue:
    """What the API is told of Orthanc and the ledger."""

    waiting: set = field(default_factory=set)
    entries: dict = field(default_factory=dict)
    levels: dict = field(default_factory=dict)
    reconciled: list = field(default_factory=list)
    asked: list = field(default_factory=list)
    error: Exception | None = None

    def is_waiting(self, orthanc_id):
        return orthanc_id in self.waiting

    def entry(self, orthanc_id):
        self.asked.append(orthanc_id)
        if self.error is not None:
            raise self.error
        found = self.entries.get(orthanc_id)
        return found() if callable(found) else found

    def below(self, level, orthanc_id):
        if self.error is not None:
            raise self.error
        return self.levels.get((level, orthanc_id))

    def status(self):
        if self.error is not None:
            raise self.error
        return {"waiting": 113047}

    def reconcile(self, *, force):
        self.reconciled.append(force)


@pytest.fixture
def selections(tmp_path):
    database = Database(f"sqlite:///{tmp_path}/store.db")
    yield Selections(database)
    database.close()


@pytest.fixture
def save(selections, catalogue):
    """Converts a file and saves it, as the worker would."""

    def save_file(file, ids, moment=FIRST):
        made = convert(file, ids, Choices(("StructureSet", "Roi")))
        catalogue.entries[ids.instance] = entry(ids.instance)
        selections.save(entry(ids.instance), made.drafts, moment)
        return ids.instance

    return save_file


@pytest.fixture
def catalogue():
    return FakeCatalogue()


@pytest.fixture
def client(selections, catalogue):
    return Client(Api(selections, catalogue, Orthanc(), Site()))


class Client:
    """Sends requests to the API, and checks what holds of every answer."""

    def __init__(self, api):
        self.api = api

    def request(self, method, path, parameters=(), headers=None, body=b""):
        sent = HOST | (headers or {})
        answer = self.api.handle(Request(method, path, tuple(parameters), sent, body))
        if answer.content_type == FHIR_JSON:
            validate(json.loads(answer.body))
        return answer

    def get(self, target, **headers):
        url = urlsplit(target)
        pairs = parse_qsl(url.query, keep_blank_values=True)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.request("GET", url.path, pairs, named)


def validate(resource):
    models = {
        "Bundle": Bundle,
        "CapabilityStatement": CapabilityStatement,
        "OperationOutcome": OperationOutcome,
    }
    if resource["resourceType"] in models:
        models[resource["resourceType"]].model_validate(resource)


def outcome_of(answer):
    assert answer.content_type == FHIR_JSON
    resource = json.loads(answer.body)
    assert resource["resourceType"] == "OperationOutcome"
    (issue,) = resource["issue"]
    assert issue["severity"] == "error"
    return answer.status, issue["code"]


def bundle_of(answer):
    assert answer.status == 200, answer.body
    bundle = json.loads(answer.body)
    assert (bundle["resourceType"], bundle["type"]) == ("Bundle", "searchset")
    return bundle


def ids_of(bundle):
    return [
        each["resource"]["id"]
        for each in bundle.get("entry", ())
        if each["search"]["mode"] == "match"
    ]


def links_of(bundle):
    return {link["relation"]: link["url"] for link in bundle["link"]}


class TestRead:
    """A selection by its id, and by the instance it is of."""

    def test_a_selection_is_answered_as_it_is_stored(self, client, save, selections):
        identity = save(FILE, IDS)
        for path in (
            f"/fhir/ImagingSelection/{identity}",
            f"/instances/{identity}/imaging-selection",
        ):
            answer = client.get(path)
            assert (answer.status, answer.content_type) == (200, FHIR_JSON)
            assert answer.body == selections.read(identity).resource
            assert answer.headers == {
                "ETag": 'W/"1"',
                "Last-Modified": "Thu, 04 Mar 2021 05:06:07 GMT",
                "Vary": "Accept",
            }

    def test_a_roi_is_read_by_its_number(self, client, save):
        identity = save(FILE, IDS)
        answer = client.get(f"/fhir/ImagingSelection/{identity}-2")
        assert json.loads(answer.body)["instance"][0]["subset"] == ["2"]

    def test_a_new_version_has_another_etag_and_time(self, client, save):
        identity = save(FILE, IDS)
        save(make_rtstruct(roi(1), roi(2), roi(3)), IDS, LATER)
        answer = client.get(f"/fhir/ImagingSelection/{identity}")
        assert answer.headers == {
            "ETag": 'W/"2"',
            "Last-Modified": "Thu, 04 Mar 2021 05:06:08 GMT",
            "Vary": "Accept",
        }
        assert json.loads(answer.body)["meta"]["versionId"] == "2"

    def test_what_is_in_the_store_is_not_asked_of_orthanc(
        self, client, save, catalogue
    ):
        identity = save(FILE, IDS)
        client.get(f"/fhir/ImagingSelection/{identity}-1")
        assert catalogue.asked == []

    def test_what_is_not_yet_in_the_store_is_converted_on_the_spot(
        self, client, save, catalogue
    ):
        def convert_now():
            save(FILE, IDS)
            return entry(IDS.instance)

        catalogue.entries[IDS.instance] = convert_now
        answer = client.get(f"/fhir/ImagingSelection/{IDS.instance}-1")
        assert answer.status == 200

    def test_what_waits_is_converted_before_it_is_answered(
        self, client, save, catalogue
    ):
        identity = save(FILE, IDS)

        def convert_now():
            save(make_rtstruct(roi(3)), IDS, LATER)
            return entry(IDS.instance)

        catalogue.waiting.add(identity)
        catalogue.entries[identity] = convert_now
        answer = client.get(f"/fhir/ImagingSelection/{identity}")
        assert json.loads(answer.body)["instance"][0]["subset"] == ["3"]
        assert client.get(f"/fhir/ImagingSelection/{identity}-1").status == 410

    @pytest.mark.parametrize(
        "path",
        [
            pytest.param(f"/instances/{UNKNOWN}/imaging-selection", id="instance"),
            pytest.param("/instances/x/imaging-selection", id="no-orthanc-id"),
            pytest.param("/instances/é\n/imaging-selection", id="odd-instance"),
            pytest.param(f"/fhir/ImagingSelection/{UNKNOWN}-1", id="roi"),
            pytest.param("/fhir/ImagingSelection/x", id="no-id-of-ours"),
            pytest.param(f"/fhir/ImagingSelection/{UNKNOWN}/x", id="more-path"),
            pytest.param("/fhir/ImagingSelection/$unheard", id="operation"),
            pytest.param("/fhirx/metadata", id="another-root"),
            pytest.param("/x/fhir/metadata", id="root-not-in-front"),
            pytest.param("/imaging-selection/unheard", id="own-route"),
        ],
    )
    def test_what_is_not_there_is_404(self, client, path):
        assert outcome_of(client.get(path)) == (404, "not-found")

    def test_a_roi_that_the_structure_set_does_not_have_is_404(self, client, save):
        identity = save(FILE, IDS)
        answer = client.get(f"/fhir/ImagingSelection/{identity}-3")
        assert outcome_of(answer) == (404, "not-found")

    def test_what_was_deleted_is_410(self, client, save, selections, catalogue):
        identity = save(FILE, IDS)
        selections.remove(identity, LATER)
        del catalogue.entries[identity]
        for name in (identity, f"{identity}-1"):
            answer = client.get(f"/fhir/ImagingSelection/{name}")
            assert outcome_of(answer) == (410, "deleted")

    def test_what_cannot_be_converted_is_422_with_the_reason(self, client, catalogue):
        catalogue.entries[IDS.instance] = failure(IDS.instance)
        for path in (
            f"/instances/{IDS.instance}/imaging-selection",
            f"/fhir/ImagingSelection/{IDS.instance}-1",
        ):
            answer = client.get(path)
            assert outcome_of(answer) == (422, "processing")
            assert b"reason-113047" in answer.body


class TestErrors:
    """What goes wrong behind the API, and what the client is told."""

    @pytest.mark.parametrize(
        ("error", "outcome"),
        [
            (StoreError("store-113047"), (503, "transient")),
            (MappingError("mapping-113047"), (500, "exception")),
            (SearchError("search-113047", "_id", "value"), (400, "value")),
            (ValueError(SECRET), (500, "exception")),
            (RecursionError(SECRET), (500, "exception")),
        ],
        ids=lambda value: type(value).__name__,
    )
    @pytest.mark.parametrize(
        "path",
        [
            f"/fhir/ImagingSelection/{UNKNOWN}",
            f"/series/{UNKNOWN}/imaging-selection",
            "/imaging-selection/status",
        ],
    )
    def test_each_error_has_its_status(self, client, catalogue, path, error, outcome):
        catalogue.error = error
        answer = client.get(path)
        assert outcome_of(answer) == outcome
        assert SECRET not in answer.body.decode()
        assert ("Retry-After" in answer.headers) == (answer.status == 503)

    def test_an_orthanc_that_does_not_answer_is_503(self, client, catalogue):
        catalogue.error = SourceError("Orthanc does not answer (error 11)")
        answer = client.get(f"/fhir/ImagingSelection/{UNKNOWN}")
        assert outcome_of(answer) == (503, "transient")

    def test_a_log_line_names_the_kind_of_an_unforeseen_error_alone(
        self, client, catalogue, caplog
    ):
        catalogue.error = ValueError(SECRET)
        client.get("/imaging-selection/status")
        assert [record.getMessage() for record in caplog.records] == [
            "request failed: ValueError"
        ]
        assert caplog.records[0].exc_info is None

    @pytest.mark.parametrize(
        ("path", "allowed"),
        [
            (f"/instances/{UNKNOWN}/imaging-selection", "GET"),
            (f"/studies/{UNKNOWN}/imaging-selection", "GET"),
            ("/fhir/ImagingSelection/_search", "POST"),
            ("/imaging-selection/status", "GET"),
            ("/imaging-selection/reconcile", "POST"),
        ],
    )
    def test_another_method_is_405_with_what_is_allowed(self, client, path, allowed):
        for method in {"GET", "POST", "PUT", "DELETE"} - {allowed}:
            answer = client.request(method, path)
            assert outcome_of(answer) == (405, "not-supported")
            assert answer.headers["Allow"] == allowed


class TestBelow:
    """All selections of a series, study or patient."""

    @pytest.mark.parametrize("level", ["series", "studies", "patients"])
    def test_the_selections_below_are_listed(self, client, save, catalogue, level):
        identity = save(FILE, IDS)
        save(OTHER, OTHER_IDS)
        catalogue.levels[level, UNKNOWN] = [identity]
        path = f"/{level}/{UNKNOWN}/imaging-selection"
        bundle = bundle_of(client.get(path))
        names = [identity, f"{identity}-1", f"{identity}-2"]
        assert ids_of(bundle) == names
        assert [each["fullUrl"] for each in bundle["entry"]] == [
            f"{BASE}/ImagingSelection/{name}" for name in names
        ]
        assert {each["search"]["mode"] for each in bundle["entry"]} == {"match"}
        assert bundle["total"] == 3
        assert links_of(bundle) == {"self": f"http://pacs-113047:8042{path}"}

    def test_where_there_are_none_the_bundle_is_empty(self, client, catalogue):
        catalogue.levels["series", UNKNOWN] = []
        bundle = bundle_of(client.get(f"/series/{UNKNOWN}/imaging-selection"))
        assert (bundle["total"], "entry" in bundle) == (0, False)

    def test_what_is_missing_is_said(self, client, save, catalogue):
        identity = save(FILE, IDS)
        catalogue.entries[UNKNOWN] = failure(UNKNOWN)
        catalogue.levels["studies", "s"] = [identity, UNKNOWN]
        bundle = bundle_of(client.get("/studies/s/imaging-selection"))
        assert bundle["total"] == 3
        outcome = bundle["entry"][3]
        assert outcome.pop("fullUrl").startswith("urn:uuid:")
        assert outcome == {
            "resource": {
                "resourceType": "OperationOutcome",
                "issue": [
                    {
                        "severity": "warning",
                        "code": "processing",
                        "diagnostics": f"{UNKNOWN}: reason-113047",
                    }
                ],
            },
            "search": {"mode": "outcome"},
        }


class TestSearch:
    """Searches, their pages and links."""

    @pytest.fixture(autouse=True)
    def two_structure_sets(self, save):
        save(FILE, IDS)
        save(OTHER, OTHER_IDS)

    ALL = (
        IDS.instance,
        f"{IDS.instance}-1",
        f"{IDS.instance}-2",
        OTHER_IDS.instance,
        f"{OTHER_IDS.instance}-7",
    )

    def search(self, client, query="", **headers):
        return bundle_of(client.get(f"/fhir/ImagingSelection?{query}", **headers))

    @pytest.mark.parametrize(
        ("query", "found"),
        [
            ("", ALL),
            (f"_id={ALL[1]}", ALL[1:2]),
            (f"_id={ALL[1]},{ALL[4]}", (ALL[1], ALL[4])),
            (f"_id={UNKNOWN}", ()),
            (f"patient={IDS.patient}", ALL[:3]),
            (f"patient=Patient/{IDS.patient}", ALL[:3]),
            (f"patient={BASE}/Patient/{IDS.patient}", ALL[:3]),
            (f"patient=http://other/fhir/Patient/{IDS.patient}", ()),
            (f"patient:Patient={OTHER_IDS.patient}", ALL[3:]),
            (f"patient=Device/{IDS.patient}", ()),
            ("study-uid=2.25.113047100", ALL[:3]),
            ("study-uid=urn:oid:2.25.113047100", ALL[:3]),
            ("identifier=2.25.113047301", ALL[3:4]),
            ("identifier=urn:oid:2.25.113047301", ALL[3:4]),
            ("identifier=urn:dicom:uid|2.25.113047301", ALL[3:4]),
            ("identifier=urn:dicom:uid|urn:oid:2.25.113047301", ALL[3:4]),
            ("identifier=other|2.25.113047301", ()),
            (f"patient={IDS.patient}&_id={ALL[1]},{ALL[4]}", ALL[1:2]),
            ("_id=", ALL),
        ],
    )
    def test_a_search_finds_what_it_asks_for(self, client, query, found):
        assert tuple(ids_of(self.search(client, query))) == found

    @pytest.mark.parametrize("method", ["GET", "POST"])
    def test_a_search_by_post_is_the_same(self, client, method):
        path = "/fhir/ImagingSelection" + ("/_search" if method == "POST" else "")
        pairs = [("patient", IDS.patient), ("_count", "2")]
        bundle = bundle_of(client.request(method, path, pairs))
        assert ids_of(bundle) == list(self.ALL[:2])
        assert links_of(bundle)["self"] == (
            f"{BASE}/ImagingSelection?patient={IDS.patient}&_count=2"
        )

    @pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 6])
    def test_the_next_links_lead_through_every_match_once(self, client, count):
        bundle = self.search(client, f"_count={count}")
        found, sizes = ids_of(bundle), [len(ids_of(bundle))]
        while "next" in links_of(bundle):
            bundle = bundle_of(client.get(links_of(bundle)["next"]))
            found += ids_of(bundle)
            sizes.append(len(ids_of(bundle)))
        assert found == list(self.ALL)
        assert all(sizes)
        assert sizes[:-1] == [count] * (len(sizes) - 1)

    def test_the_next_link_keeps_the_search(self, client):
        bundle = self.search(client, f"patient={IDS.patient}&_count=1&unheard=of")
        cursor = dict(parse_qsl(urlsplit(links_of(bundle)["next"]).query))["_cursor"]
        search = f"{BASE}/ImagingSelection?patient={IDS.patient}&_count=1"
        assert links_of(bundle) == {
            "self": search,
            "next": f"{search}&_cursor={cursor}",
        }

    def test_a_page_holds_no_more_than_the_site_allows(self, selections, catalogue):
        client = Client(
            Api(selections, catalogue, Orthanc(), Site(maximum_page_size=2))
        )
        for query in ("", "_count=4", "_count=999999999"):
            bundle = self.search(client, query)
            assert ids_of(bundle) == list(self.ALL[:2])

    @pytest.mark.parametrize(
        ("query", "expression"),
        [
            ("_count=1.5", "http._count"),
            ("_count=²", "http._count"),
            ("_cursor=é", "http._cursor"),
            ("_cursor=MTp4", "http._cursor"),
            ("patient=Patient/", "http.patient"),
            ("_id:exact=a", "http._id:exact"),
            ("patient:Device=a", "http.patient:Device"),
        ],
    )
    def test_a_value_that_cannot_be_read_is_400(self, client, query, expression):
        answer = client.get(f"/fhir/ImagingSelection?{query}")
        assert answer.status == 400
        (issue,) = json.loads(answer.body)["issue"]
        assert issue["expression"] == [expression]

    def test_an_unknown_parameter_is_ignored_if_the_client_is_lenient(self, client):
        for headers in ({}, {"prefer": "handling=lenient"}):
            bundle = self.search(client, "unheard=of", **headers)
            assert ids_of(bundle) == list(self.ALL)
            assert links_of(bundle)["self"] == f"{BASE}/ImagingSelection"

    @pytest.mark.parametrize(
        "prefer", ["handling=strict", "respond-async, handling=strict"]
    )
    def test_an_unknown_parameter_is_400_if_the_client_is_strict(self, client, prefer):
        path = "/fhir/ImagingSelection?unheard=of"
        assert outcome_of(client.get(path, prefer=prefer)) == (400, "not-supported")
        bundle = self.search(client, "_format=json&_pretty=true", prefer=prefer)
        assert ids_of(bundle) == list(self.ALL)


class TestAddresses:
    """Where the links lead, and what a proxy may say of it."""

    FORWARDED = {  # noqa: RUF012 - constant
        "x-forwarded-proto": "https",
        "x-forwarded-host": "hospital-113047",
        "x-forwarded-prefix": "/orthanc/",
    }

    @pytest.mark.parametrize(
        ("site", "headers", "base", "origin"),
        [
            pytest.param(
                Site(), HOST, BASE, "http://pacs-113047:8042", id="from-the-request"
            ),
            pytest.param(
                Site(), {}, "http://localhost/fhir", "http://localhost", id="no"
            ),
            pytest.param(
                Site(scheme="https"),
                HOST,
                "https://pacs-113047:8042/fhir",
                "https://pacs-113047:8042",
                id="of-an-orthanc-with-a-certificate",
            ),
            pytest.param(
                Site(fhir_root="/r5/api"),
                HOST,
                "http://pacs-113047:8042/r5/api",
                "http://pacs-113047:8042",
                id="another-root",
            ),
            pytest.param(
                Site(),
                HOST | FORWARDED,
                BASE,
                "http://pacs-113047:8042",
                id="forwarded-but-not-trusted",
            ),
            pytest.param(
                Site(trust_forwarded_headers=True),
                HOST | FORWARDED,
                "https://hospital-113047/orthanc/fhir",
                "https://hospital-113047/orthanc",
                id="forwarded-and-trusted",
            ),
            pytest.param(
                Site(trust_forwarded_headers=True),
                HOST,
                BASE,
                "http://pacs-113047:8042",
                id="trusted-but-not-forwarded",
            ),
            pytest.param(
                Site(public_base_url="https://site/pacs/fhir"),
                HOST | FORWARDED,
                "https://site/pacs/fhir",
                "https://site/pacs",
                id="configured",
            ),
        ],
    )
    def test_links_start_where_the_client_is(
        self, request, site, headers, base, origin
    ):
        catalogue = request.getfixturevalue("catalogue")
        request.getfixturevalue("save")(FILE, IDS)
        catalogue.levels["series", "s"] = [IDS.instance]
        selections = request.getfixturevalue("selections")
        api = Api(selections, catalogue, Orthanc(), site)
        root = site.fhir_root

        def get(path, *parameters):
            answer = api.handle(Request("GET", path, parameters, headers))
            return json.loads(answer.body)

        statement = get(f"{root}/metadata")
        assert statement["implementation"]["url"] == base
        bundle = get(f"{root}/ImagingSelection", ("_count", "1"))
        assert links_of(bundle)["self"] == f"{base}/ImagingSelection?_count=1"
        assert links_of(bundle)["next"].startswith(f"{base}/ImagingSelection?_count=1&")
        assert (
            bundle["entry"][0]["fullUrl"] == f"{base}/ImagingSelection/{IDS.instance}"
        )
        below = get("/series/s/imaging-selection")
        assert links_of(below) == {"self": f"{origin}/series/s/imaging-selection"}


class TestOwnRoutes:
    """Status and reconcile: plain JSON."""

    def test_the_status_is_json(self, client):
        answer = client.get("/imaging-selection/status")
        assert (answer.status, answer.content_type) == (200, "application/json")
        assert json.loads(answer.body) == {"waiting": 113047}

    @pytest.mark.parametrize(
        ("body", "force"),
        [
            (b"{}", False),
            (b'{"force":false}', False),
            (b'{"force": true}', True),
        ],
    )
    def test_a_sweep_is_asked_for(self, client, catalogue, body, force):
        answer = client.request("POST", "/imaging-selection/reconcile", body=body)
        assert (answer.status, answer.content_type) == (200, "application/json")
        assert catalogue.reconciled == [force]

    @pytest.mark.parametrize(
        "body",
        [
            *(b"x", b"[]", b"1", b'"force"', b'{"force": null}', b"\xff"),
            *(b'{"Force": true}', b'{"force": true, "other": 1}'),
        ],
    )
    def test_a_sweep_that_cannot_be_understood_is_400(self, client, catalogue, body):
        answer = client.request("POST", "/imaging-selection/reconcile", body=body)
        assert outcome_of(answer) == (400, "invalid")
        assert catalogue.reconciled == []
