import hashlib
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

import pytest
from imaging_selection.errors import (
    BusyError,
    ExceededError,
    InternalError,
    MalformedError,
    ProcessError,
    SourceError,
    StoppedError,
)
from imaging_selection.sync import pool as pool_module
from imaging_selection.sync.download import Download
from imaging_selection.sync.pool import LARGE, Call, Here, Pool
from imaging_selection.sync.process import Process, find_python
from support import far_end
from support.syncing import fail_with, in_thread
from support.waiting import wait_until

COMMAND = [sys.executable, far_end.__file__]
MEMORY = 256 << 20


class Bytes(NamedTuple):
    """A file that needs no Orthanc."""

    content: bytes

    @property
    def size(self):
        return len(self.content)

    def read(self):
        return self.content

    def download(self):
        return None


class Remote(NamedTuple):
    """A file that nobody may read but the process."""

    size: int
    where: Download

    def read(self):
        raise AssertionError

    def download(self):
        return self.where


def call(function, *arguments, file=b"file", is_conversion=False):
    return Call(function, Bytes(file), arguments, is_conversion)


def new_pool(size=1, seconds=30):
    return Pool(lambda: Process(COMMAND, MEMORY), size, memory=MEMORY, seconds=seconds)


@pytest.fixture
def pool():
    made = new_pool()
    yield made
    made.stop()


@pytest.fixture
def impatient(monkeypatch):
    """A pool where a call is long at once."""
    monkeypatch.setattr(pool_module, "QUICK_SECONDS", 0.01)
    made = new_pool(seconds=0.3)
    yield made
    made.stop()


@pytest.fixture
def serve_file():
    """Serves a file by HTTP, in parts, to who has the token."""
    servers = []

    def serve(content):
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                assert self.headers["Authorization"] == "token-113047"
                start, end = self.headers["Range"].removeprefix("bytes=").split("-")
                if int(end) >= len(content):  # as Orthanc, not as RFC 9110 14.1.2
                    self.send_error(416)
                    return
                part = content[int(start) : int(end) + 1]
                self.send_response(206)
                self.send_header("Content-Length", str(len(part)))
                span = f"bytes {start}-{int(start) + len(part) - 1}/{len(content)}"
                self.send_header("Content-Range", span)
                self.end_headers()
                self.wfile.write(part)

            def log_message(self, *_):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        url = f"http://127.0.0.1:{server.server_port}/file"
        return Download(url, "token-113047", len(content))

    yield serve
    for each in servers:
        each.shutdown()
        each.server_close()


def is_alive(pid):
    return Path(f"/proc/{pid}").exists()


def test_a_function_runs_in_a_process_that_is_used_again(pool):
    length, pid = pool.run(call("count"))
    assert length == 4
    assert pid != os.getpid()
    assert pool.run(call("count", file=b"longer")) == (6, pid)
    assert pool.pids() == [pid]


def test_processes_are_started_before_they_are_needed(pool):
    pool.start(2)
    assert len(before := pool.pids()) == 2
    pool.start(2)
    assert pool.run(call("count"))[1] in before
    assert pool.pids() == before


def test_a_process_that_is_killed_as_it_starts_is_no_error_once_one_has_worked():
    commands = iter([COMMAND, ["/bin/false"], COMMAND])
    pool = Pool(lambda: Process(next(commands), MEMORY), 2, memory=MEMORY, seconds=30)
    try:
        pool.start(2)
        assert len(pool.pids()) == 1
        assert pool.run(call("count"))[0] == 4
    finally:
        pool.stop()


def test_a_large_file_arrives_whole(pool):
    file = bytes(LARGE + 1)
    assert pool.run(call("count", file=file))[0] == LARGE + 1


def test_a_process_gets_a_large_file_by_itself(pool, serve_file):
    file = os.urandom(LARGE + 1)
    assert pool.run(Call("digest", Remote(len(file), serve_file(file)), ())) == (
        hashlib.sha256(file).hexdigest()
    )


def test_a_large_file_that_no_process_can_get_is_sent(pool):
    class Elsewhere(Bytes):
        def download(self):
            return Download("http://127.0.0.1:9/closed", "", LARGE + 1)

    file = Elsewhere(bytes(LARGE + 1))
    assert pool.run(Call("count", file, ()))[0] == LARGE + 1


def test_an_error_keeps_its_class_its_text_and_its_facts(pool):
    with pytest.raises(MalformedError, match=r"container \(at byte 42") as raised:
        pool.run(call("malformed"))
    assert raised.value.offset == 42
    assert pool.run(call("count"))[0] == 4


def test_the_text_of_a_foreign_error_stays_in_the_process(pool):
    with pytest.raises(InternalError, match=r"^internal error \(KeyError\)$"):
        pool.run(call("defect"))


def test_a_result_in_parts_holds_no_process(pool):
    parts = pool.run(call("parts", 200_000))
    _, pid = pool.run(call("count"))  # the only process
    assert b"".join(parts) == b"".join(far_end.parts(b"", 200_000))
    assert pool.pids() == [pid]


def test_an_error_in_the_middle_of_the_parts_is_raised_before_the_first(pool):
    with pytest.raises(MalformedError, match="broken"):
        pool.run(call("broken_parts"))


def test_too_much_memory_is_an_error_that_names_the_bound(pool):
    with pytest.raises(ExceededError, match="WorkerMemory, 256 MB"):
        pool.run(call("allocate", 2 * MEMORY))
    assert pool.run(call("allocate", 1000)) == 1000


def test_a_file_that_cannot_fit_is_refused_unread(pool):
    class Huge(NamedTuple):
        size: int = MEMORY

        def read(self):
            raise AssertionError

    with pytest.raises(ExceededError, match="file of 256 MB needs more"):
        pool.run(Call("count", Huge(), ()))


def test_too_much_time_is_an_error_that_names_the_bound(impatient):
    with pytest.raises(ExceededError, match=r"WorkerSeconds, 0\.3"):
        impatient.run(call("spin"))
    assert impatient.pids() == []  # it was ended
    assert impatient.run(call("count"))[0] == 4


def test_a_process_that_ends_by_itself_is_replaced_and_the_call_repeated(
    pool, tmp_path
):
    assert pool.run(call("end_once", str(tmp_path / "ended"))) == "done"


def test_a_file_that_ends_each_process_is_an_error(pool):
    with pytest.raises(ExceededError, match="ended 2 times"):
        pool.run(call("end"))
    assert pool.run(call("count"))[0] == 4


def test_an_idle_process_that_was_killed_is_replaced(pool):
    _, pid = pool.run(call("count"))
    os.kill(pid, 9)
    wait_until(lambda: not is_alive(pid) or "zombie" in state_of(pid))
    _, other = pool.run(call("count"))
    assert other != pid


def state_of(pid):
    return Path(f"/proc/{pid}/status").read_text()


def test_a_file_that_orthanc_does_not_return_ends_nothing_else(pool):
    file = Bytes(b"")
    broken = type("Broken", (), {"size": 1, "read": fail_with(SourceError("gone"))})()
    assert file.size == 0
    with pytest.raises(SourceError, match="gone"):
        pool.run(Call("count", broken, ()))
    assert pool.run(call("count"))[0] == 4


@pytest.mark.slow
def test_a_long_call_delays_no_quick_one(monkeypatch):
    monkeypatch.setattr(pool_module, "QUICK_SECONDS", 0.05)
    pool = new_pool(size=1)
    try:
        with in_thread(lambda: pool.run(call("sleep", 2))) as long:
            wait_until(pool.pids)
            assert pool.run(call("count"))[0] == 4
            assert not long
    finally:
        pool.stop()


@pytest.mark.slow
def test_as_many_long_calls_run_as_there_are_places_and_the_others_wait(monkeypatch):
    monkeypatch.setattr(pool_module, "QUICK_SECONDS", 0.01)
    pool = new_pool()
    slow, other = call("sleep", 1, is_conversion=True), call("sleep", 0.1)
    try:
        with in_thread(lambda: pool.run(slow)):
            wait_until(lambda: not pool.has_long_room())
            with pytest.raises(BusyError):
                pool.run(slow)
            pool.run(other)  # the places of other calls are others
            assert pool.run(slow, wait=30)
        assert pool.has_long_room()
    finally:
        pool.stop()


def test_what_is_known_to_be_long_takes_no_place_of_the_quick(monkeypatch):
    monkeypatch.setattr(pool_module, "QUICK_SECONDS", 30)
    pool = new_pool(size=1)
    try:
        slow = call("sleep", 1, is_conversion=True)
        with in_thread(lambda: pool.run(slow, is_long=True)):
            wait_until(lambda: not pool.has_long_room())
            assert pool.run(call("count"))[0] == 4
    finally:
        pool.stop()


def test_a_stop_ends_the_processes_and_the_calls(pool):
    caught = []

    def spin():
        try:
            pool.run(call("spin"))
        except StoppedError as error:
            caught.append(str(error))

    thread = threading.Thread(target=spin)
    thread.start()
    wait_until(pool.pids)
    pids = pool.pids()
    pool.stop()
    thread.join(30)
    assert caught == ["Orthanc is stopping"]
    assert not any(map(is_alive, pids))
    with pytest.raises(StoppedError):
        pool.run(call("count"))


@pytest.mark.parametrize(
    "command",
    [["/nowhere/python"], ["/bin/false"], ["/bin/echo"]],
    ids=["no program", "a program that fails", "another program"],
)
def test_a_program_that_is_no_interpreter_is_an_error(command):
    pool = Pool(lambda: Process(command, MEMORY), 1, memory=MEMORY, seconds=1)
    with pytest.raises(ProcessError, match=command[0]):
        pool.start(1)


def test_the_interpreter_is_found_though_the_program_is_orthanc(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/usr/sbin/Orthanc")
    assert Path(find_python()).name.startswith("python3")


def test_without_an_interpreter_there_is_a_reason(monkeypatch, tmp_path):
    for name in ("executable", "prefix", "base_prefix"):
        monkeypatch.setattr(sys, name, str(tmp_path / "nowhere"))
    with pytest.raises(ProcessError, match="no program python3"):
        find_python()


def test_without_processes_functions_run_here():
    here = Here(far_end.FUNCTIONS)
    assert here.run(call("count")) == (4, os.getpid())
    assert here.has_long_room()
    here.stop()
