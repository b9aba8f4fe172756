"""A store, a target and what delivers between them."""

import orjson
import pytest
from imaging_selection.api.changes import FOREVER
from imaging_selection.delivery.deliveries import Deliveries
from imaging_selection.delivery.exchange import Exchange
from imaging_selection.delivery.target import parse_targets
from imaging_selection.host.jobs import convert
from imaging_selection.mapping.choices import Choices
from imaging_selection.objects import ids_of, read
from imaging_selection.search.extract import index_of
from imaging_selection.store.draft import Draft
from imaging_selection.store.engine import Database
from imaging_selection.store.ledger import CONVERTED, LedgerEntry
from imaging_selection.store.selections import Selections
from support.fhir_target import FhirTarget
from support.waiting import wait_until

SYSTEM = "urn:oid:2.25.113047"
PAUSE = 0.01
LATER = "2021-03-04T05:06:07.000Z"


class Site:
    """A store with what Orthanc holds, and deliveries from it."""

    def __init__(self, url):
        self.database = Database(url)
        self.selections = Selections(self.database)
        self.held = set()  # the ids of what Orthanc has
        self.endpoint = None
        self.choices = Choices(patient_identifier_system=SYSTEM)
        self.started = []

    def save(self, file):
        """Store a DICOM file; return its ids."""
        ids = ids_of(read(file)[1])
        self.save_drafts(ids.instance, convert(file, ids, self.choices).drafts)
        self.held |= {ids.instance, ids.patient, ids.study}
        return ids

    def save_drafts(self, orthanc_id, drafts):
        entry = LedgerEntry(orthanc_id, CONVERTED, "file-113047", "1-a", LATER)
        self.selections.save_all([(entry, drafts)], LATER)
        self.held.add(orthanc_id)

    def save_resources(self, orthanc_id, *resources):
        self.save_drafts(orthanc_id, [draft_of(each) for each in resources])

    def save_related(self, resource):
        """Store a Patient or ImagingStudy, or its deletion."""
        (noted,) = [
            each
            for each in self.selections.stale(1000)
            if (each.resource_type, each.id)
            == (resource["resourceType"], resource["id"])
        ] or [None]
        if noted is None:
            name = (resource["resourceType"], resource["id"])
            self.selections.note_stale([name])
            return self.save_related(resource)
        draft = draft_of(resource) if "text" not in resource else None
        return self.selections.save_referred(noted, draft, LATER)

    def remove(self, orthanc_id):
        self.held.discard(orthanc_id)
        self.selections.remove(orthanc_id, LATER)

    def deliver_to(self, *targets, **options):
        """Begin to deliver."""
        begun = Deliveries(
            parse_targets(list(targets)),
            self.database,
            endpoint=lambda: self.endpoint,
            exists=lambda _, orthanc_id: orthanc_id in self.held,
            pause=PAUSE,
            **options,
        )
        self.started.append(begun)
        begun.start()
        return begun

    def stored(self, *types):
        """Return what the store holds, by type and id, without its version."""
        found = {}
        for kind in types or ("ImagingSelection", "Observation"):
            changes, _ = self.selections.history((kind,), (0, FOREVER), 10_000, None)
            for each in changes:
                if not each.stored.deleted:
                    resource = orjson.loads(each.stored.resource)
                    del resource["meta"]["versionId"], resource["meta"]["lastUpdated"]
                    found[f"{kind}/{each.stored.id}"] = resource
        return found

    def close(self):
        for each in self.started:
            each.stop()
        self.database.close()


def draft_of(resource):
    return Draft(
        resource["resourceType"],
        resource["id"],
        orjson.dumps(resource),
        index_of(resource),
    )


def patient_of(ids, value, **elements):
    """A Patient of a hospital, or of the plugin with Orthanc's id."""
    return {
        "resourceType": "Patient",
        "id": ids if isinstance(ids, str) else ids.patient,
        "identifier": [{"system": SYSTEM, "value": value}],
        **elements,
    }


@pytest.fixture
def site(tmp_path):
    site = Site(f"sqlite:///{tmp_path}/store-113047.db")
    yield site
    site.close()


@pytest.fixture
def target():
    target = FhirTarget()
    yield target
    target.stop()


def settings_of(target, **keys):
    """The settings of a target that makes nobody wait."""
    return {
        "Name": "clinic-113047",
        "Url": target.url,
        "OnUnknownPatient": "identifier",
        **keys,
    }


def wait_until_delivered(deliveries, count=None):
    """Wait until nothing waits; return the status of the first target."""

    def done():
        status = deliveries.status()[0]
        is_all = count in {None, status["delivered"]}
        return not status["waiting"] and is_all and status

    return wait_until(done, seconds=20)


@pytest.fixture
def new_exchange():
    """Makes exchanges, and closes them."""
    made = []

    def new(*arguments, **options):
        made.append(Exchange(*arguments, **options))
        return made[-1]

    yield new
    for each in made:
        each.close()
