import sqlite3
import threading
from contextlib import closing

import orjson
import pytest
from imaging_selection import __version__
from imaging_selection.api.http import Request
from imaging_selection.errors import ExceededError, NotDicomError
from imaging_selection.host.config import Settings
from imaging_selection.host.jobs import FUNCTIONS, MAXIMUM_FINDINGS, convert
from imaging_selection.host.plugin import Plugin
from imaging_selection.mapping.choices import Choices
from imaging_selection.mapping.rtstruct.imaging_selection import map_structure_set
from imaging_selection.objects import ids_of
from imaging_selection.store.engine import Database
from imaging_selection.store.ledger import CONVERTED, FAILED, Ledger, LedgerEntry
from imaging_selection.store.selections import Selections
from imaging_selection.sync.ports import Change, Instance, Series
from support.builders import make_rtstruct, roi
from support.reading import parse_structure_set
from support.synthetic_reports import CASES as REPORTS
from support.synthetic_segmentations import CASES as SEGMENTATIONS
from support.waiting import PATIENCE, wait_until

PAUSE = 0.01  # of the workers, in seconds
NOW, LATER = "2021-03-04T05:06:07.000Z", "9999-03-04T05:06:07.000Z"
FILE = make_rtstruct(roi(1, "Larynx"), roi(2, "Mandible"))
SIBLING = make_rtstruct(roi(3), SOPInstanceUID="2.25.113047301")
NO_DICOM = b"no DICOM, but 113047" * 9


class FakeSource:
    """Files by instance id."""

    def __init__(self):
        self.files = {}
        self.log = []
        self.measured = {}
        self.instances_below = {}.get
        self.dicom_web = False
        self.kinds = {}  # of those that are no structure sets
        self.gate = None  # what describing an instance waits for

    def keep(self, file):
        ids = ids_of(parse_structure_set(file))
        self.files[ids.instance] = (ids, file)
        number = len(self.log) + 1
        self.log.append(Change(number, "NewInstance", ids.instance, "20210304T050607"))
        return ids.instance

    def damage(self, orthanc_id):
        self.files[orthanc_id] = (self.files[orthanc_id][0], NO_DICOM)

    def instance(self, orthanc_id):
        assert self.gate is None or self.gate.wait(PATIENCE)
        if orthanc_id not in self.files:
            return None
        ids, file = self.files[orthanc_id]
        return Instance(ids, str(hash(file)), len(file), self.kind_of(orthanc_id))

    def file(self, orthanc_id):
        return self.files[orthanc_id][1]

    def file_size(self, orthanc_id):
        return len(self.files[orthanc_id][1])

    def attachment_uuid(self, orthanc_id):
        held = self.files.get(orthanc_id)
        return held and str(hash(held[1]))

    def kind_of(self, orthanc_id):
        if orthanc_id not in self.files:
            return None
        return self.kinds.get(orthanc_id, "structureSets")

    def find_images(self, _uids):
        return []

    def studies_of_patient(self, _patient_id):
        return []

    def dicom_web_root(self):
        return "/dicom-web/" if self.dicom_web else None

    def series_ids(self):
        return ["series"]

    def series(self, _series_id):
        return Series("RTSTRUCT", tuple(self.files))

    def changes(self, after, limit):
        return [change for change in self.log if change.number > after][:limit]

    def last_change(self):
        return self.log[-1] if self.log else None

    def measure(self, name, value):
        self.measured[name] = value


@pytest.fixture
def source():
    return FakeSource()


@pytest.fixture
def open_plugin(source, tmp_path):
    """Makes plugins over one store; their workers do not run."""
    opened = []

    def open_one(**settings):
        url = f"sqlite:///{tmp_path}/store.db"
        opened.append(
            Plugin(Settings(**{"workers": 0} | settings), source, url, pause=PAUSE)
        )
        return opened[-1]

    yield open_one
    for plugin in opened:
        plugin.stop()


@pytest.fixture
def plugin(open_plugin):
    return open_plugin()


def get(plugin, path, pairs=()):
    return plugin.handle(Request("GET", path, tuple(pairs)))


def test_a_file_becomes_one_draft_a_selection():
    structure_set = parse_structure_set(FILE)
    ids = ids_of(structure_set)
    selections = map_structure_set(structure_set, ids, Choices()).resources
    conversion = convert(FILE, ids, Choices())
    drafts = [(draft.id, orjson.loads(draft.content)) for draft in conversion.drafts]
    assert drafts == [(each["id"], each) for each in selections]
    assert isinstance(orjson.loads(conversion.findings), list)


def test_converting_twice_gives_the_same_bytes():
    ids = ids_of(parse_structure_set(FILE))
    assert convert(FILE, ids, Choices()) == convert(FILE, ids, Choices())


def test_what_is_no_structure_set_cannot_be_converted():
    with pytest.raises(NotDicomError):
        convert(NO_DICOM, ids_of(parse_structure_set(FILE)), Choices())


def test_every_draft_has_room_for_its_version():
    ids = ids_of(parse_structure_set(FILE))
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
        source.file = None  # there is nothing to call
        assert plugin.entry(identity) == before

    def test_what_has_arrived_anew_is_converted_again(self, plugin, source):
        identity = source.keep(FILE)
        plugin.entry(identity)
        source.damage(identity)
        plugin.arrived(identity, "structureSets")
        assert plugin.entry(identity).state == FAILED

    def test_what_orthanc_does_not_have_is_none(self, plugin):
        assert plugin.entry("nothing") is None


def complete_status(plugin):
    wait_until(lambda: not plugin.status()["waiting"])
    return plugin.status()


KINDS = ("structureSets", "segmentations", "reports")
NONE = {"total": 0, "converted": 0, "waiting": 0, "failed": 0}


class TestStatus:
    """The proof of completeness."""

    @staticmethod
    def counts(status):
        failed = [each["instance"] for each in status["failed"]]
        return status["structureSets"], status["converted"], status["waiting"], failed

    @pytest.fixture
    def running(self, plugin):
        plugin.start()
        return plugin

    def test_an_empty_orthanc_has_nothing_to_convert(self, running):
        status = complete_status(running)
        assert status.pop("mappingVersion")
        assert status.pop("sweep").keys() == {"running", "done", "total", "started"}
        assert status == {
            "version": __version__,
            "store": "sqlite",
            "processes": 0,
            "structureSets": 0,
            "converted": 0,
            "waiting": 0,
            "failed": [],
            "kinds": dict.fromkeys(KINDS, NONE),
            "removing": 0,
            "lagSeconds": 0,
            "findings": [],
            "moreFindings": False,
            "measurements": None,
            "names": None,
            "deliveries": [],
            "problems": [],
        }

    @pytest.mark.parametrize("has_failed", [False, True])
    def test_measurements_are_counted_apart(
        self, open_plugin, source, monkeypatch, has_failed
    ):
        def fail(*_):
            raise ExceededError("it takes too long")

        if has_failed:
            monkeypatch.setitem(FUNCTIONS, "measure", fail)
        identity = source.keep(FILE)
        plugin = open_plugin(measurements=True)
        plugin.start()
        expected = {"measured": 1 - has_failed, "waiting": 0, "moreFailed": False}

        def found():
            measured = complete_status(plugin)["measurements"] or {"failed": []}
            failed = [(each["instance"], each["reason"]) for each in measured["failed"]]
            del measured["failed"]
            wanted = [(identity, "it takes too long")] if has_failed else []
            return measured == expected and failed == wanted

        wait_until(found)
        assert self.counts(plugin.status()) == (1, 1, 0, [])
        assert get(plugin, f"/fhir/ImagingSelection/{identity}-1").status == 200
        read = get(plugin, f"/fhir/Observation/{identity}-1-v").status
        assert read == (404 if has_failed else 200)

    def test_names_are_judged_where_tg_263_is_chosen(self, open_plugin, source):
        source.keep(make_rtstruct(roi(1, "Larynx"), roi(2, "heart"), roi(3, "Heart")))
        plugin = open_plugin(names={"TG-263": True})
        plugin.entry(*source.files)
        assert wait_until(lambda: plugin.status()["names"]) == {
            "rois": 3,
            "complying": 2,
            "others": [{"name": "heart", "count": 1, "like": "Heart"}],
            "moreOthers": False,
        }

    def test_every_structure_set_is_converted_or_failed(self, plugin, source):
        source.keep(FILE)
        bad = source.keep(SIBLING)
        source.damage(bad)
        plugin.start()
        assert self.counts(complete_status(plugin)) == (2, 1, 0, [bad])

    def test_each_kind_of_object_is_counted(self, plugin, source):
        source.keep(FILE)
        source.damage(source.keep(SIBLING))
        for kind, make in (
            ("segmentations", SEGMENTATIONS["one_segment"]),
            ("reports", REPORTS["one_measurement"]),
        ):
            source.kinds[source.keep(make())] = kind
        before = plugin.status()["kinds"]
        plugin.start()
        status = complete_status(plugin)
        assert before == dict.fromkeys(KINDS, NONE)  # of no known kind so far
        one = {"total": 1, "converted": 1, "waiting": 0, "failed": 0}
        assert status["kinds"] == {
            "structureSets": {"total": 2, "converted": 1, "waiting": 0, "failed": 1},
            "segmentations": one,
            "reports": one,
        }

    def test_what_is_to_be_made_again_is_waiting_in_each_kind(self, plugin, source):
        source.keep(FILE)
        source.kinds[source.keep(REPORTS["one_measurement"]())] = "reports"
        plugin.start()
        complete_status(plugin)
        source.gate = threading.Event()
        plugin.reconcile(force=True)
        kinds = plugin.status()["kinds"]
        source.gate.set()
        waiting = {"total": 1, "converted": 0, "waiting": 1, "failed": 0}
        assert kinds["structureSets"] == kinds["reports"] == waiting

    def test_before_all_are_counted_nothing_is_proven(self, plugin, source):
        source.keep(FILE)
        status = plugin.status()
        assert status["waiting"] > 0
        counting = "Orthanc's structure sets are still being counted"
        assert counting in status["problems"]

    def test_the_numbers_add_up_while_it_is_counted(self, plugin):
        assert self.counts(plugin.status()) == (1, 0, 1, [])

    def test_a_failure_of_what_is_not_counted_is_not_counted(self, running, tmp_path):
        # Of another node, which has recorded it before this one has heard of it.
        complete_status(running)
        entry = LedgerEntry(
            "elsewhere", FAILED, "uuid", "version", NOW, "reason", 1, LATER
        )
        database = Database(f"sqlite:///{tmp_path}/store.db")
        Selections(database).record_failure(entry)
        database.close()
        assert self.counts(running.status()) == (0, 0, 0, [])

    def test_from_the_request_on_all_is_waiting_that_is_to_be_made_again(
        self, running, source
    ):
        source.keep(FILE)
        complete_status(running)
        source.gate = threading.Event()
        running.reconcile(force=True)
        assert self.counts(running.status()) == (1, 0, 1, [])
        source.gate.set()
        assert self.counts(complete_status(running)) == (1, 1, 0, [])

    def test_what_another_node_stores_is_waiting_at_once(self, running, source):
        complete_status(running)
        source.keep(FILE)
        assert self.counts(running.status()) == (1, 0, 1, [])
        assert self.counts(complete_status(running)) == (1, 1, 0, [])

    def test_what_orthanc_no_longer_has_is_removed(self, running, source):
        identity = source.keep(FILE)
        complete_status(running)
        source.files.clear()
        running.departed(identity)
        assert self.counts(complete_status(running)) == (0, 0, 0, [])
        assert get(running, f"/fhir/ImagingSelection/{identity}").status == 410

    def test_rows_that_the_store_has_lost_are_not_proven(
        self, running, source, tmp_path
    ):
        source.keep(FILE)
        complete_status(running)
        with closing(sqlite3.connect(tmp_path / "store.db")) as store, store:
            store.execute("DELETE FROM imaging_selection_structure_sets")
        assert self.counts(running.status()) == (1, 0, 1, [])
        assert self.counts(complete_status(running)) == (1, 1, 0, [])

    def test_what_is_published_is_what_the_status_says(self, running, source):
        source.keep(FILE)
        source.damage(source.keep(SIBLING))
        complete_status(running)
        values = {"converted": 1, "waiting": 0, "failed": 1, "lag_seconds": 0}
        for kind in ("structure_sets", "segmentations", "reports"):
            of_kind = int(kind == "structure_sets")
            values |= {f"{each}_{kind}": of_kind for each in ("converted", "failed")}
            values[f"waiting_{kind}"] = 0
        expected = {f"imaging_selection_{name}": each for name, each in values.items()}
        wait_until(lambda: source.measured == expected)

    def test_the_mapping_version_is_of_the_settings_that_shape_a_resource(
        self, open_plugin
    ):
        versions = []
        for settings in (
            {},
            {"fhir_root": "/r5", "maximum_page_size": 7},
            {"levels": ("Roi",)},
            {"sop_class_coding": "Dicom"},
            {"patient_identifier_system": "urn:oid:2.25.113047"},
            {"default_encoding": "Windows1251"},  # of Orthanc itself
        ):
            plugin = open_plugin(**settings)
            plugin.start()
            versions.append(plugin.status()["mappingVersion"])
        assert versions[0] == versions[1]
        assert len(set(versions)) == 5

    def test_a_slow_store_gives_the_last_numbers_and_says_so(
        self, plugin, source, monkeypatch
    ):
        source.keep(FILE)
        plugin.start()
        before = complete_status(plugin)
        gate = threading.Event()
        original = Ledger.failures
        monkeypatch.setattr(
            Ledger, "failures", lambda each: gate.wait(PATIENCE) and original(each)
        )
        status = plugin.status()
        gate.set()
        [problem] = status.pop("problems")
        assert problem.startswith("the store or Orthanc is slow")
        assert self.counts(status) == self.counts(before)

    def test_the_route_shows_it(self, plugin, source):
        source.keep(FILE)
        plugin.start()
        complete_status(plugin)
        answer = get(plugin, "/imaging-selection/status")
        assert orjson.loads(answer.body) == plugin.status()


def test_what_another_make_has_converted_is_converted_again(open_plugin, source):
    identity = source.keep(FILE)
    open_plugin().entry(identity)
    plugin = open_plugin(sop_class_coding="Dicom")
    before = get(plugin, "/fhir/ImagingSelection")
    assert orjson.loads(before.body)["entry"]  # the old answers stay meanwhile
    plugin.start()
    assert complete_status(plugin)["converted"] == 1
    answer = get(plugin, f"/fhir/ImagingSelection/{identity}")
    assert orjson.loads(answer.body)["meta"]["versionId"] == "2"


def test_selections_refer_to_dicomweb_while_it_is_loaded(open_plugin, source):
    identity = source.keep(FILE)
    seen = []
    for present in (False, True, False):
        source.dicom_web = present
        plugin = open_plugin()
        plugin.start()
        complete_status(plugin)
        selection = orjson.loads(
            get(plugin, f"/fhir/ImagingSelection/{identity}-1").body
        )
        seen.append((selection["meta"]["versionId"], selection.get("endpoint")))
        found = get(plugin, "/fhir/ImagingSelection", [("endpoint", "dicom-web")])
        kinds = {
            tag["code"]
            for entry in orjson.loads(found.body).get("entry", ())
            for tag in entry["resource"]["meta"]["tag"]
        }
        assert kinds & {"structure-set", "roi", "source-images"} == (
            {"structure-set", "roi"} if present else set()
        )
        plugin.stop()  # another one with other settings would convert it back

    reference = {"reference": "Endpoint/dicom-web", "type": "Endpoint"}
    assert seen == [("1", None), ("2", [reference]), ("3", None)]


def test_a_stopped_plugin_has_let_go_of_the_store(plugin, source, tmp_path):
    plugin.entry(source.keep(FILE))
    plugin.stop()
    # The log beside the file is gone when the last connection is.
    assert [path.name for path in tmp_path.iterdir()] == ["store.db"]


def test_what_is_published_in_an_outage_proves_nothing(source, tmp_path):
    url = f"sqlite:///{tmp_path}/missing/store.db"
    plugin = Plugin(Settings(workers=0), source, url, pause=PAUSE)
    plugin.arrived(source.keep(FILE), "structureSets")
    plugin.start()
    wait_until(lambda: source.measured.get("imaging_selection_lag_seconds"))
    assert source.measured["imaging_selection_waiting"] == 1
    assert source.measured["imaging_selection_converted"] == 0
    plugin.stop()


def test_a_store_out_of_reach_is_reported_and_proves_nothing(source, tmp_path):
    url = f"sqlite:///{tmp_path}/missing/store.db"
    plugin = Plugin(Settings(workers=0), source, url, pause=PAUSE)
    status = plugin.status()
    assert status["problems"][0] == "the store does not answer (OperationalError)"
    assert status["waiting"] > 0
    assert get(plugin, "/imaging-selection/status").status == 200
    answer = get(plugin, "/fhir/ImagingSelection")
    assert (answer.status, answer.headers["Retry-After"]) == (503, "10")
    plugin.stop()


def test_the_status_keeps_no_more_findings_than_it_lists():
    file = make_rtstruct(*(roi(number, contours=()) for number in range(1, 151)))
    ids = ids_of(parse_structure_set(file))
    conversion = convert(file, ids, Choices())
    assert len(orjson.loads(conversion.findings)) == MAXIMUM_FINDINGS
    assert len(conversion.drafts) > 150
