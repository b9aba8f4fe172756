import orjson
import pytest
from builders import make_rtstruct, roi
from imaging_selection import __version__
from imaging_selection.config import Settings
from imaging_selection.errors import NotDicomError, StoreError
from imaging_selection.identity import orthanc_ids_of
from imaging_selection.ingest import Instance
from imaging_selection.mapping import Choices, build_selections
from imaging_selection.messages import Request
from imaging_selection.rtstruct import parse_structure_set
from imaging_selection.service import Degraded, Plugin, convert
from imaging_selection.store.ledger import CONVERTED, FAILED

FILE = make_rtstruct(roi(1, "Larynx"), roi(2, "Mandible"))
SIBLING = make_rtstruct(roi(3), SOPInstanceUID="2.25.113047301")
NO_DICOM = b"no DICOM, but 113047" * 9


class FakeSource:
    """Files by instance id."""

    def __init__(self):
        self.files = {}
        self.below = {}.get

    def keep(self, file):
        ids = orthanc_ids_of(parse_structure_set(file))
        self.files[ids.instance] = (ids, file)
        return ids.instance

    def damage(self, instance_id):
        self.files[instance_id] = (self.files[instance_id][0], NO_DICOM)

    def instance(self, instance_id):
        if instance_id not in self.files:
            return None
        ids, file = self.files[instance_id]
        return Instance(ids, str(hash(file)), is_structure_set=True)

    def file(self, instance_id):
        return self.files[instance_id][1]

    def structure_sets(self):
        return set(self.files)


@pytest.fixture
def source():
    return FakeSource()


@pytest.fixture
def open_plugin(source, tmp_path):
    """Makes plugins over one store; their workers do not run."""
    opened = []

    def open_one(**settings):
        url = f"sqlite:///{tmp_path}/store.db"
        opened.append(Plugin(Settings(**settings), source, url))
        return opened[-1]

    yield open_one
    for plugin in opened:
        plugin.stop()


@pytest.fixture
def plugin(open_plugin):
    return open_plugin()


def get(plugin, path):
    return plugin.handle(Request("GET", path))


def test_a_file_becomes_one_draft_a_selection():
    structure_set = parse_structure_set(FILE)
    ids = orthanc_ids_of(structure_set)
    selections = build_selections(structure_set, ids, Choices())
    conversion = convert(FILE, ids, Choices())
    drafts = [(draft.id, orjson.loads(draft.content)) for draft in conversion.drafts]
    assert drafts == [(each["id"], each) for each in selections]
    assert isinstance(orjson.loads(conversion.findings), list)


def test_converting_twice_gives_the_same_bytes():
    ids = orthanc_ids_of(parse_structure_set(FILE))
    assert convert(FILE, ids, Choices()) == convert(FILE, ids, Choices())


def test_what_is_no_structure_set_cannot_be_converted():
    with pytest.raises(NotDicomError):
        convert(NO_DICOM, orthanc_ids_of(parse_structure_set(FILE)), Choices())


def test_every_draft_has_room_for_its_version():
    ids = orthanc_ids_of(parse_structure_set(FILE))
    for draft in convert(FILE, ids, Choices()).drafts:
        meta = orjson.loads(draft.versioned(7, "2021-03-04T05:06:07.000Z"))["meta"]
        own = {"versionId": "7", "lastUpdated": "2021-03-04T05:06:07.000Z"}
        assert meta == own | orjson.loads(draft.content)["meta"]


class TestEntry:
    """What became of a structure set, asked by a request."""

    def test_what_has_not_been_converted_is_converted(self, plugin, source):
        identity = source.keep(FILE)
        assert plugin.entry(identity).state == CONVERTED
        assert get(plugin, f"/fhir/ImagingSelection/{identity}").status == 200

    def test_what_has_been_converted_is_not_converted_again(self, plugin, source):
        identity = source.keep(FILE)
        before = plugin.entry(identity)
        source.files.clear()
        assert plugin.entry(identity) == before

    def test_what_has_arrived_anew_is_converted_again(self, plugin, source):
        identity = source.keep(FILE)
        plugin.entry(identity)
        source.damage(identity)
        plugin.arrived(identity)
        assert plugin.entry(identity).state == FAILED

    def test_what_orthanc_does_not_have_is_none(self, plugin):
        assert plugin.entry("nothing") is None


class TestStatus:
    """The proof of completeness."""

    @staticmethod
    def counts(plugin):
        status = plugin.status()
        failed = [each["instance"] for each in status["failed"]]
        return status["structureSets"], status["converted"], status["waiting"], failed

    def test_an_empty_orthanc_has_nothing_to_convert(self, plugin):
        status = plugin.status()
        mapping_version = status.pop("mappingVersion")
        assert mapping_version
        assert status == {
            "version": __version__,
            "store": "sqlite",
            "structureSets": 0,
            "converted": 0,
            "waiting": 0,
            "failed": [],
            "removing": 0,
            "lagSeconds": 0,
            "findings": [],
            "problems": [],
        }

    def test_every_structure_set_is_converted_or_failed_or_waits(self, plugin, source):
        good, bad = source.keep(FILE), source.keep(SIBLING)
        source.damage(bad)
        assert self.counts(plugin) == (2, 0, 2, [])
        plugin.entry(good)
        assert self.counts(plugin) == (2, 1, 1, [])
        plugin.entry(bad)
        assert self.counts(plugin) == (2, 1, 0, [bad])

    def test_what_orthanc_no_longer_has_is_to_be_removed(self, plugin, source):
        identity = source.keep(FILE)
        plugin.entry(identity)
        source.files.clear()
        assert plugin.status()["removing"] == 1
        plugin.entry(identity)
        plugin.arrived(identity)
        plugin.entry(identity)
        assert plugin.status()["removing"] == 0

    def test_what_has_arrived_anew_waits(self, plugin, source):
        identity = source.keep(FILE)
        plugin.entry(identity)
        plugin.arrived(identity)
        assert self.counts(plugin) == (1, 0, 1, [])
        assert plugin.status()["lagSeconds"] >= 0

    def test_the_mapping_version_is_of_the_settings_that_shape_a_resource(
        self, open_plugin
    ):
        versions = [
            open_plugin(**settings).status()["mappingVersion"]
            for settings in (
                {},
                {"fhir_root": "/r5", "maximum_page_size": 7},
                {"levels": ("Roi",)},
                {"sop_class_coding": "Dicom"},
                {"patient_identifier_system": "urn:oid:2.25.113047"},
            )
        ]
        assert versions[0] == versions[1]
        assert len(set(versions)) == 4

    def test_the_route_shows_it(self, plugin, source):
        source.keep(FILE)
        answer = get(plugin, "/imaging-selection/status")
        assert orjson.loads(answer.body) == plugin.status()


class TestOldMake:
    """What other settings have made is behind."""

    def test_what_another_make_has_converted_waits(self, open_plugin, source):
        open_plugin().entry(source.keep(FILE))
        status = open_plugin(levels=("Roi",)).status()
        assert (status["converted"], status["waiting"]) == (0, 1)


class TestDegraded:
    """The plugin under a configuration that cannot be used."""

    @pytest.fixture
    def degraded(self):
        return Degraded(["first-113047 is bad", "second-113047 is worse"])

    @pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
    @pytest.mark.parametrize("path", ["/fhir/metadata", "/imaging-selection", "/x"])
    def test_every_request_is_answered_with_the_reasons(self, degraded, method, path):
        answer = degraded.handle(Request(method, path))
        assert answer.status == 503
        assert orjson.loads(answer.body) == {
            "resourceType": "OperationOutcome",
            "issue": [
                {
                    "severity": "error",
                    "code": "transient",
                    "diagnostics": "first-113047 is bad; second-113047 is worse",
                }
            ],
        }

    def test_the_status_lists_the_problems(self, degraded):
        answer = degraded.handle(Request("GET", "/imaging-selection/status"))
        assert answer.status == 503
        assert orjson.loads(answer.body) == {
            "version": __version__,
            "problems": ["first-113047 is bad", "second-113047 is worse"],
        }

    def test_what_orthanc_tells_is_ignored(self, degraded):
        degraded.start()
        degraded.arrived("a")
        degraded.left("a")
        degraded.stop()


def test_a_stopped_plugin_has_let_go_of_the_store(plugin, source, tmp_path):
    plugin.entry(source.keep(FILE))
    plugin.stop()
    # The log beside the file is gone when the last connection is.
    assert [path.name for path in tmp_path.iterdir()] == ["store.db"]


def test_a_store_out_of_reach_is_an_outage_of_the_store(source, tmp_path):
    plugin = Plugin(Settings(), source, f"sqlite:///{tmp_path}/missing/store.db")
    with pytest.raises(StoreError):
        plugin.status()
    assert get(plugin, "/imaging-selection/status").status == 503
    plugin.stop()
