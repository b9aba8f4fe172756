import threading
from functools import partial
from types import SimpleNamespace
from urllib.parse import quote

import pytest
from imaging_selection.api.http import Request, Response
from imaging_selection.host.callbacks import (
    CONTOUR_ANSWERS,
    Handlers,
    install,
    prepare,
    request_of,
)
from imaging_selection.objects import ids_of
from support.builders import ct_image, make_rtstruct, roi
from support.fake_archive import INSTANCE, SERIES, OrthancException
from support.fake_orthanc import FakeOrthanc
from support.reading import parse_structure_set
from support.waiting import PATIENCE, wait_until

UNKNOWN = "0a9b3153-2512774b-2d9580de-1fc3dcf6-3bd83918"
LEAK = "Leak113047"  # stands wherever a file may say something of a patient

FILE = make_rtstruct(roi(1, "Larynx"))
OTHER_BYTES = make_rtstruct(roi(1, "Larynx"), roi(2, "Mandible"))
SIBLING = make_rtstruct(roi(1), SOPInstanceUID="2.25.113047301")
IDS = ids_of(parse_structure_set(FILE))
BROKEN = make_rtstruct(
    roi(1, LEAK), PatientName=LEAK, SeriesInstanceUID=f"{LEAK} is no UID"
)


install_quick = partial(install, pause=0.05)  # seconds, instead of 1


@pytest.fixture
def start(tmp_path):
    """Starts hosts with the plugin in them; stops them, and looks at what they saw."""
    hosts = []

    def start_one(*, enter=install_quick, section=None, **options):
        configuration = {
            "IndexDirectory": str(tmp_path / "index"),
            "ImagingSelection": section or {},
            **options.pop("configuration", {}),
        }
        (tmp_path / "index").mkdir(exist_ok=True)
        host = FakeOrthanc(configuration, **options)
        hosts.append(host)
        enter(host.module, host.program)
        host.start()
        return host

    yield start_one
    for host in hosts:
        host.stop()
        assert host.violations == []


@pytest.fixture
def host(start):
    return start()


def wait_until_up_to_date(host, condition=lambda _status: True):
    def up_to_date():
        status = host.get("/imaging-selection/status").json
        return status["waiting"] == 0 and condition(status) and status

    return wait_until(up_to_date)


def selection_of(host, identity):
    return host.get(f"/instances/{identity}/imaging-selection")


def numbers_of(answer):
    assert answer.status == 200, answer.body
    return answer.json["instance"][0]["subset"]


def ids_of(answer):
    assert answer.status == 200, answer.body
    return [entry["resource"]["id"] for entry in answer.json.get("entry", ())]


def counts_of(status):
    return {k: status[k] for k in ("structureSets", "converted", "waiting", "failed")}


class TestInstalled:
    """The plugin inside a host, from the stored file to the answer."""

    def test_a_stored_structure_set_can_be_read_at_once(self, host):
        identity, _ = host.store(FILE)
        assert numbers_of(selection_of(host, identity)) == ["1"]
        assert host.get(f"/fhir/ImagingSelection/{identity}").status == 200
        assert numbers_of(host.get(f"/fhir/ImagingSelection/{identity}-1")) == ["1"]

    def test_a_stored_structure_set_is_searchable_moments_later(self, host):
        identity, _ = host.store(FILE)
        status = wait_until_up_to_date(host)
        assert counts_of(status) == {
            "structureSets": 1,
            "converted": 1,
            "waiting": 0,
            "failed": [],
        }
        found = ids_of(host.get("/fhir/ImagingSelection"))
        assert {identity, f"{identity}-1"} <= set(found)

    def test_an_image_is_not_touched(self, host):
        identity, _ = host.store(ct_image())
        status = wait_until_up_to_date(host)
        assert status["structureSets"] == 0
        assert selection_of(host, identity).status == 404
        assert ids_of(host.get("/fhir/ImagingSelection")) == []

    def test_what_was_there_before_the_plugin_is_converted(self, start):
        host = start(enter=lambda *_: None)
        identity, _ = host.store(FILE)
        install(host.module, host.program)
        host.start()
        wait_until_up_to_date(host)
        assert identity in ids_of(host.get("/fhir/ImagingSelection"))

    def test_a_deleted_structure_set_is_gone(self, host):
        identity, _ = host.store(FILE)
        wait_until_up_to_date(host)
        host.delete(identity)
        wait_until(lambda: selection_of(host, identity).status == 410)
        assert ids_of(host.get("/fhir/ImagingSelection")) == []

    @pytest.mark.parametrize("version", ["1.10.1", "1.12.7", "1.13.0"])
    def test_the_bytes_that_orthanc_keeps_are_converted(self, start, version):
        # Not those that the on-stored callback was given, and Orthanc has discarded.
        host = start(version=version)
        identity, _ = host.store(FILE)
        assert host.store(OTHER_BYTES) == (identity, "AlreadyStored")
        wait_until_up_to_date(host)
        assert numbers_of(selection_of(host, identity)) == ["1"]

    @pytest.mark.parametrize("version", ["1.10.1", "1.12.7", "1.13.0"])
    @pytest.mark.parametrize("changes_first", [False, True])
    def test_overwritten_bytes_are_converted(self, start, version, changes_first):
        host = start(
            version=version,
            changes_first=changes_first,
            configuration={"OverwriteInstances": True},
        )
        identity, _ = host.store(FILE)
        assert numbers_of(selection_of(host, identity)) == ["1"]
        assert host.store(OTHER_BYTES) == (identity, "Success")
        assert numbers_of(selection_of(host, identity)) == ["1", "2"]
        wait_until_up_to_date(host)
        assert numbers_of(selection_of(host, identity)) == ["1", "2"]

    @pytest.mark.parametrize(
        ("level", "identity"),
        [("series", IDS.series), ("studies", IDS.study), ("patients", IDS.patient)],
    )
    def test_all_selections_below_a_resource_are_listed(self, host, level, identity):
        instances = [host.store(file)[0] for file in (FILE, SIBLING, ct_image())]
        found = ids_of(host.get(f"/{level}/{identity}/imaging-selection"))
        for instance in instances[:2]:
            assert {instance, f"{instance}-1"} <= set(found)
        assert not [each for each in found if each.startswith(instances[2])]

    def test_an_error_of_the_source_is_no_deletion(self, host):
        identity, _ = host.store(FILE)
        # A sweep that is cut short in the midst of a structure set proves it no more.
        wait_until_up_to_date(host, lambda status: not status["sweep"]["running"])
        # The index of Orthanc is out of reach; the event may be of anything.
        host.broken = OrthancException(11, "Error with the database engine")
        assert selection_of(host, identity).status == 200
        assert host.get("/imaging-selection/reconcile").status == 405
        path, json = (
            "/imaging-selection/reconcile",
            [("Content-Type", "application/json")],
        )
        assert host.request("POST", path, headers=json).status == 200
        problems = host.get("/imaging-selection/status").json["problems"]
        assert problems == ["Orthanc does not answer (error 11)"]
        host.broken = None
        wait_until_up_to_date(host)
        assert selection_of(host, identity).header("ETag") == ['W/"1"']

    def test_a_failure_is_listed_with_its_reason(self, host):
        identity, _ = host.store(BROKEN)
        status = wait_until_up_to_date(host)
        assert counts_of(status) | {"failed": 1} == {
            "structureSets": 1,
            "converted": 0,
            "waiting": 0,
            "failed": 1,
        }
        (failure,) = status["failed"]
        assert (failure["instance"], failure["attempts"]) == (identity, 1)
        answer = selection_of(host, identity)
        assert answer.status == 422
        (issue,) = answer.json["issue"]
        assert issue["diagnostics"] == failure["reason"]

    def test_after_the_stop_every_request_is_answered_503(self, start):
        host = start()
        host.stop()
        answer = host.get("/imaging-selection/status")
        assert answer.status == 503
        assert answer.json["issue"][0]["diagnostics"] == "Orthanc is stopping"

    def test_the_store_lies_in_orthancs_index_folder(self, host, tmp_path):
        host.store(FILE)
        wait_until_up_to_date(host)
        assert (tmp_path / "index" / "imaging-selection.db").is_file()

    def test_many_requests_at_once_are_answered_each(self, host):
        identity, _ = host.store(FILE)
        answers = []
        threads = [
            threading.Thread(
                target=lambda: answers.append(selection_of(host, identity))
            )
            for _ in range(40)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
        assert [answer.status for answer in answers] == [200] * 40


class TestCallbacks:
    """What Orthanc calls while something of its own waits."""

    def test_no_orthanc_rest_call_happens_inside_a_callback(self, host):
        # The fake keeps any as a violation, and the fixture looks.
        identity, _ = host.store(FILE)
        host.store(FILE)
        host.store(OTHER_BYTES)
        host.store(ct_image())
        host.delete(identity)
        host.stop()
        assert host.violations == []

    def test_an_error_inside_a_callback_does_not_reach_orthanc(self, start):
        host = start(enter=lambda *_: None)
        handlers = prepare(host.module, host.program)

        class Broken:
            def GetInstanceMetadata(self, name):  # noqa: N802
                raise ValueError(LEAK + name)

        handlers.on_stored(Broken(), UNKNOWN)
        assert ("error", "ImagingSelection: on-stored: ValueError") in host.log

    def test_a_deletion_of_a_series_is_not_that_of_an_instance(self, start):
        host = start()
        identity, _ = host.store(FILE)
        wait_until_up_to_date(host)
        deleted = host.module.ChangeType.DELETED
        host.report([(deleted, SERIES, identity)])
        host.report([(deleted, INSTANCE, UNKNOWN)])
        wait_until_up_to_date(host)
        assert selection_of(host, identity).status == 200


ROUTES = (
    f"/instances/{UNKNOWN}/imaging-selection",
    f"/instances/{UNKNOWN}/fhir",
    f"/series/{UNKNOWN}/imaging-selection",
    f"/studies/{UNKNOWN}/imaging-selection",
    f"/patients/{UNKNOWN}/imaging-selection",
    "/fhir",
    "/fhir/metadata",
    "/fhir/ImagingSelection",
    f"/fhir/ImagingSelection/{UNKNOWN}",
    "/imaging-selection",
    "/imaging-selection/status",
    "/imaging-selection/reconcile",
)


class TestConfiguration:
    """What the plugin makes of its settings."""

    def test_disabled_it_registers_nothing(self, start):
        host = start(section={"Enable": False})
        assert host.routes == []
        host.module.RegisterOnChangeCallback(print)
        host.module.RegisterOnStoredInstanceCallback(print)

    @pytest.mark.parametrize("route", ROUTES)
    def test_a_bad_configuration_is_answered_on_every_route(self, start, route):
        host = start(section={"FhirRot": "/fhir", "MaximumPageSize": 0})
        answer = host.get(route)
        assert answer.status == 503
        for key in ("ImagingSelection.FhirRot", "ImagingSelection.MaximumPageSize"):
            assert key in answer.body.decode()

    def test_a_bad_configuration_stops_neither_orthanc_nor_its_work(self, start):
        host = start(section={"Levels": "all"})
        identity, _ = host.store(FILE)
        host.delete(identity)
        assert host.get("/imaging-selection/status").json["problems"] == [
            (
                "ImagingSelection.Levels must be a list of some of "
                "StructureSet, Roi, SourceImages"
            )
        ]
        errors = [line for level, line in host.log if level == "error"]
        assert [line.split()[:3] for line in errors] == [
            ["ImagingSelection:", "configuration:", "ImagingSelection.Levels"]
        ]

    def test_a_bad_database_url_is_answered_likewise(self, start):
        host = start(section={"DatabaseUrl": "nonsense://user:password113047@host"})
        answer = host.get("/imaging-selection/status")
        assert answer.status == 503
        assert "ImagingSelection.DatabaseUrl" in answer.body.decode()
        assert "password113047" not in repr(host.log) + answer.body.decode()

    def test_a_store_out_of_reach_is_answered_and_orthanc_works(self, start, tmp_path):
        url = f"sqlite:///{tmp_path}/missing/store.db"
        host = start(section={"DatabaseUrl": url})
        identity, _ = host.store(FILE)
        assert selection_of(host, identity).status == 503
        (tmp_path / "missing").mkdir()
        wait_until_up_to_date(host)
        assert selection_of(host, identity).status == 200

    def test_the_root_of_the_api_is_as_configured(self, start):
        host = start(section={"FhirRoot": "/r5/api"})
        assert host.get("/r5/api/metadata").status == 200
        assert host.get("/fhir/metadata").body.startswith(b'{"HttpError"')

    def test_a_page_is_no_larger_than_configured(self, start):
        host = start(section={"MaximumPageSize": 1})
        host.store(FILE)
        wait_until_up_to_date(host)
        answer = host.get("/fhir/ImagingSelection?_count=50")
        assert len(ids_of(answer)) == 1


class TestOtherScript:
    """A site's own script, which has callbacks of its own and keeps them."""

    def test_a_second_script_can_chain_the_handlers(self, start):
        seen = []

        def script(orthanc, program):
            handlers = prepare(orthanc, program)

            def on_stored(dicom, orthanc_id):
                seen.append(("stored", orthanc_id))
                handlers.on_stored(dicom, orthanc_id)

            def on_change(*change):
                seen.append(change)
                handlers.on_change(*change)

            orthanc.RegisterOnStoredInstanceCallback(on_stored)
            orthanc.RegisterOnChangeCallback(on_change)
            orthanc.RegisterRestCallback(
                "/own",
                lambda output, _uri, **_: output.AnswerBuffer("own", "text/plain"),
            )

        host = start(enter=script)
        identity, _ = host.store(FILE)
        wait_until_up_to_date(host)
        assert host.get("/own").body == b"own"
        assert numbers_of(selection_of(host, identity)) == ["1"]
        changes = host.module.ChangeType
        assert seen[0] == (changes.ORTHANC_STARTED, 4, "")
        assert ("stored", identity) in seen
        assert (changes.NEW_INSTANCE, INSTANCE, identity) in seen

    def test_preparing_registers_no_callback(self, start):
        host = start(enter=prepare)
        host.module.RegisterOnChangeCallback(print)
        host.module.RegisterOnStoredInstanceCallback(print)

    def test_a_disabled_plugin_gives_no_handlers(self, start):
        host = start(enter=lambda *_: None, section={"Enable": False})
        assert prepare(host.module, host.program) is None


class TestLog:
    """What the plugin writes into Orthanc's log."""

    def test_a_line_holds_no_newline_and_nothing_of_a_patient(self, start):
        host = start()
        leaks = {
            "PatientName": LEAK,
            "PatientID": LEAK,
            "AccessionNumber": LEAK,
            "StudyDescription": LEAK,
            "StructureSetLabel": LEAK,
            "OperatorsName": LEAK,
        }
        good = make_rtstruct(
            roi(1, f"{LEAK}\nforged"), **leaks, ReferringPhysicianName=LEAK
        )
        identity, _ = host.store(good)
        host.store(BROKEN)
        wait_until_up_to_date(host)
        host.get(f"/fhir/ImagingSelection?patient={LEAK}&unknown={LEAK}%0Aforged")
        host.get(f"/fhir/ImagingSelection/{LEAK}%0Aforged")
        host.delete(identity)
        wait_until_up_to_date(host)
        lines = [line for _, line in host.log]
        assert [line for line in lines if "converted" in line]
        assert [line for line in lines if "cannot convert" in line]
        assert not [line for line in lines if "\n" in line or LEAK in line]
        assert all(line.startswith("ImagingSelection: ") for line in lines)

    def test_a_line_has_the_level_of_its_record(self, start):
        host = start()
        host.store(FILE)
        host.store(BROKEN)
        wait_until_up_to_date(host)
        levels = {level for level, line in host.log if "onvert" in line}
        assert levels <= {"info", "warning"}


class TestRequestOf:
    """What Orthanc passes, as a request of ours."""

    @pytest.mark.parametrize(
        ("passed", "pairs"),
        [
            ({}, ()),
            ({"_id": "a"}, (("_id", "a"),)),
            ({"a": "x%20y+z%2B%C3%A9%7C"}, (("a", "x y z+é|"),)),
            ({"a%3Ab": "1"}, (("a:b", "1"),)),
            ({"a": "%FF"}, (("a", "\udcff"),)),  # no UTF-8: refused when searched for
            ({"": ""}, (("", ""),)),
        ],
    )
    def test_parameters_are_decoded(self, passed, pairs):
        request = {"method": "GET", "headers": {}, "groups": (), "get": passed}
        expected = Request("GET", "/fhir", pairs)
        assert request_of("/fhir", request, escaped=True) == expected

    def test_what_orthanc_has_decoded_stays_as_it_is(self):
        request = {"method": "GET", "headers": {}, "get": {"a%3Ab": "ge%2B+é"}}
        expected = Request("GET", "/fhir", (("a%3Ab", "ge%2B+é"),))
        assert request_of("/fhir", request, escaped=False) == expected

    def test_the_path_has_been_decoded_by_orthanc(self, start):
        host = start(enter=lambda *_: None)
        seen = []

        def echo(output, uri, **request):
            seen.append(request_of(uri, request, escaped=True))
            output.AnswerBuffer(b"", "text/plain")

        host.module.RegisterRestCallback("/fhir/.*", echo)
        host.get(f"/fhir/{quote('a b%é')}?_id={quote('a b%é')}&x")
        assert seen == [
            Request(
                "GET",
                "/fhir/a b%é",
                (("_id", "a b%é"), ("x", "")),
                {"host": "fake:8042"},
            )
        ]

    @pytest.mark.parametrize(
        "content_type",
        [
            "application/x-www-form-urlencoded",
            "Application/X-WWW-Form-URLencoded; charset=UTF-8",
        ],
    )
    def test_a_form_keeps_every_pair(self, content_type):
        request = {
            "method": "POST",
            "headers": {"Content-Type": content_type},
            "body": b"a=1&a=2&b=x+y%2B%C3%A9&c=",
        }
        assert request_of("/fhir", request, escaped=True) == Request(
            "POST",
            "/fhir",
            (("a", "1"), ("a", "2"), ("b", "x y+é"), ("c", "")),
            {"content-type": content_type},
            b"a=1&a=2&b=x+y%2B%C3%A9&c=",
        )

    def test_a_form_that_is_no_utf_8_stays_what_it_is(self):
        headers = {"content-type": "application/x-www-form-urlencoded"}
        request = {"method": "POST", "headers": headers, "body": b"a=\xff&b=%FF"}
        parameters = request_of("/fhir", request, escaped=True).parameters
        assert parameters == (("a", "\udcff"), ("b", "\udcff"))

    def test_another_body_is_no_parameters(self):
        request = {
            "method": "POST",
            "headers": {"content-type": "application/json"},
            "body": b"a=1",
        }
        headers = {"content-type": "application/json"}
        expected = Request("POST", "/x", (), headers, b"a=1")
        assert request_of("/x", request, escaped=True) == expected


class TestContourAnswers:
    """Answers with contours, of which there are only so many at a time."""

    def test_nobody_waits_for_ever_while_others_read_slowly(self):
        gate, busy = threading.Event(), threading.Semaphore(0)

        def handle(_request):
            busy.release()
            assert gate.wait(PATIENCE)
            return Response(200, b"{}", "type/x")

        host = FakeOrthanc()
        plugin = SimpleNamespace(handle=handle, lane_of=lambda _request: "file")
        handlers = Handlers(host.module, plugin, escaped=False, wait_seconds=0)
        host.module.RegisterRestCallback("/x/.*", handlers.on_rest)
        readers = [
            threading.Thread(target=host.get, args=("/x/$contours",))
            for _ in range(CONTOUR_ANSWERS)
        ]
        for reader in readers:
            reader.start()
        for _ in readers:
            assert busy.acquire(timeout=PATIENCE)
        answer = host.get("/x/$contours")
        gate.set()
        for reader in readers:
            reader.join(PATIENCE)
        assert answer.status == 503
        assert answer.header("Retry-After") == ["10"]
        assert host.get("/x/$contours").status == 200
