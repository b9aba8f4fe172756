"""The FHIR API in process: the real store and API, stand-ins for Orthanc."""

import importlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

import orjson
from imaging_selection.api.http import Request
from imaging_selection.api.router import Api
from imaging_selection.host.jobs import compare, contours, convert
from imaging_selection.host.related import Related
from imaging_selection.mapping.choices import Choices
from imaging_selection.objects import ids_of
from imaging_selection.store.engine import Database
from imaging_selection.store.ledger import CONVERTED, FAILED, LedgerEntry
from imaging_selection.store.selections import Selections
from support.builders import make_rtstruct, roi
from support.empty_store import sqlite_url
from support.reading import parse_structure_set

NOW = "2026-01-02T03:04:05.000Z"
BASE = "http://host-113047/fhir"
FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Site:
    """The settings that the API reads, as configured by default."""

    scheme: str = "http"
    fhir_root: str = "/fhir"
    public_base_url: str | None = None
    trust_forwarded_headers: bool = False
    maximum_page_size: int = 500
    cors_origins: tuple = ()
    timezone: object = None


@dataclass
class Orthanc:
    """As much of an Orthanc as the API asks for."""

    dicom_web: bool = True
    waiting: set = field(default_factory=set)
    entries: dict = field(default_factory=dict)
    children: dict = field(default_factory=dict)
    forced: list = field(default_factory=list)
    resent: list = field(default_factory=list)
    patients: dict = field(default_factory=dict)
    studies: dict = field(default_factory=dict)
    files: dict = field(default_factory=dict)
    below_studies: dict = field(default_factory=dict)
    images: dict = field(default_factory=dict)  # SOP Instance UID: ids of studies

    def is_waiting(self, orthanc_id):
        return orthanc_id in self.waiting

    def entry(self, orthanc_id):
        return self.entries.get(orthanc_id)

    def file(self, orthanc_id):
        return self.files[orthanc_id]

    def contours(self, selection):
        return contours(self.files[selection.orthanc_id], selection.resource)

    def compare(self, before, after):
        files = self.files[before], self.files[after]
        return compare(*files, (before, after), "Latin1")

    def below(self, level, orthanc_id):
        return self.children.get((level, orthanc_id))

    def status(self):
        return {"structureSets": len(self.entries)}

    def reconcile(self, *, force):
        self.forced.append(force)

    def resend(self, name, *, force, orthanc_id):
        self.resent.append((name, force, orthanc_id))
        return name == "clinic-113047"

    def refresh(self, resource_type, resource_id):
        self.related.refresh(resource_type, resource_id)

    def patient(self, orthanc_id):
        return self.patients.get(orthanc_id)

    def study(self, orthanc_id):
        return self.studies.get(orthanc_id)

    def images_of_study(self, study_id, maximum):
        images = self.below_studies.get(study_id, {})
        return images if sum(map(len, images.values())) <= maximum else {}

    def series_of_study(self, study_id):
        return self.studies[study_id]["series"]

    def studies_of_images(self, uids):
        return sorted({name for each in uids for name in self.images.get(each, ())})

    def dicom_web_root(self):
        return "/dicom-web/" if self.dicom_web else None


def structure_set(number=1, rois=3, **overrides):
    """A structure set of a patient, study and series of its own."""
    return make_rtstruct(
        *(roi(n, f"ROI-{n}") for n in range(1, rois + 1)),
        PatientID=f"patient-{number}",
        StudyInstanceUID=f"2.25.1{number}",
        SeriesInstanceUID=f"2.25.2{number}",
        SOPInstanceUID=f"2.25.3{number}",
        Manufacturer="maker-113047",
        **overrides,
    )


class Served:
    """An API over a store of its own."""

    def __init__(self, folder, **site):
        self.database = Database(sqlite_url(Path(folder) / "store.db"))
        self.selections = Selections(self.database)
        self.orthanc = Orthanc()
        self.related = self.orthanc.related = Related(
            self.orthanc,
            self.selections,
            lambda: datetime.fromisoformat(NOW),
            endpoint="dicom-web",
            zone=site.get("timezone") or UTC,
        )
        self.api = self.with_site(**site)

    def with_site(self, **site):
        clock = datetime.fromisoformat(NOW)
        self.api = Api(
            self.selections,
            self.orthanc,
            self.orthanc,
            Site(**site),
            clock=lambda: clock,
        )
        return self.api

    def store(self, file, moment=NOW):
        """Convert and save a structure set, as the plugin does; its Orthanc ids."""
        ids = ids_of(parse_structure_set(file))
        entry = LedgerEntry(ids.instance, CONVERTED, "mark", "version", moment)
        endpoint = "Endpoint/dicom-web" if self.orthanc.dicom_web else None
        conversion = convert(file, ids, Choices(endpoint=endpoint))
        self.selections.save_all([(entry, conversion.drafts)], moment)
        self.orthanc.entries[ids.instance] = entry
        self.orthanc.patients[ids.patient] = {
            "ID": ids.patient,
            "MainDicomTags": {
                "PatientID": "id",
                "PatientName": "Family^Given Second^Middle^Dr.^Jr.=XX",
                "PatientBirthDate": "19130470",
                "PatientSex": "F",
            },
        }
        self.orthanc.studies[ids.study] = {
            "ID": ids.study,
            "MainDicomTags": {"StudyDate": "20240229", "StudyDescription": "Planning"},
            "series": [
                {
                    "ID": f"series-of-{ids.study}",
                    "MainDicomTags": {
                        "SeriesInstanceUID": "2.25.113047",
                        "SeriesNumber": "7",
                        "Modality": "RTSTRUCT",
                    },
                    "Instances": ["a"],
                }
            ],
        }
        self.related.catch_up()
        return ids

    def convert_on_request(self, file):
        """Have the API find a structure set that waits; its Orthanc ids."""
        ids = ids_of(parse_structure_set(file))

        def convert_now(orthanc_id):
            self.store(file)
            return self.orthanc.entries[orthanc_id]

        self.orthanc.entry = convert_now
        return ids

    def fail(self, orthanc_id, reason):
        """Record a structure set that cannot be converted."""
        self.orthanc.entries[orthanc_id] = LedgerEntry(
            orthanc_id, FAILED, "mark", "version", NOW, reason=reason, attempts=1
        )

    def remove(self, orthanc_id):
        self.selections.remove(orthanc_id, NOW)
        self.orthanc.entries.pop(orthanc_id, None)
        self.related.catch_up()

    def get(self, url, method="GET", body=b"", **headers):
        """Send a request; the URL below the FHIR root, or a whole one."""
        if not url.startswith(("http:", "https:", "/")):
            url = f"{BASE}/{url}"
        parts = urlsplit(url)
        pairs = parse_qsl(parts.query, keep_blank_values=True, errors="surrogateescape")
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        if headers.get("content-type", "").startswith(FORM):
            pairs = parse_qsl(body.decode(), keep_blank_values=True)
        headers = {"host": "host-113047", **headers}
        return Answer(
            self.api.handle(Request(method, parts.path, tuple(pairs), headers, body))
        )

    def raw(self, path, **headers):
        """Send a GET; the response itself."""
        return self.api.handle(Request("GET", path, (), headers))

    def post(self, url, pairs, **headers):
        headers = {"content_type": FORM, **headers}
        return self.get(url, "POST", urlencode(pairs).encode(), **headers)


class Answer:
    """A response, its body read as JSON."""

    def __init__(self, response):
        self.status = int(response.status)
        self.headers = response.headers
        self.content_type = response.content_type
        body = response.body  # in parts when there are contours
        self.body = body if isinstance(body, bytes) else b"".join(body)
        self.json = orjson.loads(self.body) if self.body else None

    @property
    def ids(self):
        return [each["id"] for each in self.of_mode("match")]

    def of_mode(self, mode):
        return [
            entry["resource"]
            for entry in self.json.get("entry", ())
            if entry["search"]["mode"] == mode
        ]

    @property
    def links(self):
        return {link["relation"]: link["url"] for link in self.json["link"]}

    @property
    def issue(self):
        (issue,) = self.json["issue"]
        return issue


def parse_r5(resource):
    """Read a resource with the R5 models; raises when it is none."""
    kind = resource["resourceType"]
    module = importlib.import_module(f"fhir.resources.{kind.lower()}")
    return getattr(module, kind).model_validate(resource)
