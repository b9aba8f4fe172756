"""A HAPI FHIR JPA server (Java), its data in memory: a FHIR server by others."""

import io
import json
import subprocess
import tarfile
from contextlib import contextmanager
from pathlib import Path
from zipfile import ZipFile

import pytest
from support.client import Client
from support.orthanc import free_port
from support.paths import TESTS
from support.waiting import wait_until

PROJECT = TESTS / "peers" / "hapi"
MEMORY = "-Xmx700m"
SECONDS = 240  # to start, on a machine that has other things to do
PATIENCE = 300  # seconds for one answer, such as to a transaction of a thousand
# Faster to start: a server of minutes gains nothing by the best code.
FAST = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto")


def classpath_of(project, maven):
    """Compile a Maven project if it has changed; return its class path."""
    classpath = project / "target" / "classpath"
    sources = [project / "pom.xml", *project.rglob("*.java")]
    newest = max(each.stat().st_mtime for each in sources)
    if not classpath.exists() or newest > classpath.stat().st_mtime:
        goals = ("compile", "dependency:build-classpath")
        command = [maven, "--quiet", "--batch-mode", *goals]
        subprocess.run(command, cwd=project, check=True, stdout=subprocess.DEVNULL)
    return f"{project / 'target' / 'classes'}:{classpath.read_text()}"


def with_fewer_definitions(classpath, folder):
    """Return a class path where the R5 server finds the definitions that it needs.

    It would read every profile, value set and code system of R5 into memory: a minute,
    and most of the memory. Search needs the parameters and the types.
    """
    (jar,) = (each for each in classpath.split(":") if "resources-r5" in each)
    reduced = folder / Path(jar).stem
    if not reduced.exists():
        unfinished = folder / "unfinished"
        with ZipFile(jar) as archive:
            packages = [each for each in archive.namelist() if each.endswith(".tgz")]
            for name in packages:
                target = unfinished / name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(_reduced(archive.read(name)))
        unfinished.rename(reduced)
    return f"{reduced}:{classpath}"


def _reduced(package):
    written = io.BytesIO()
    with (
        tarfile.open(fileobj=io.BytesIO(package)) as whole,
        tarfile.open(fileobj=written, mode="w:gz") as part,
    ):
        for member in whole:
            name = member.name.removeprefix("package/")
            if name.startswith(("package.json", ".index", "SearchParameter-")):
                part.addfile(member, whole.extractfile(member))
            elif name.startswith("StructureDefinition-"):
                definition = json.load(whole.extractfile(member))
                if definition.get("derivation") != "constraint":
                    for element in ("text", "snapshot"):
                        definition.pop(element, None)
                    content = json.dumps(definition).encode()
                    member.size = len(content)
                    part.addfile(member, io.BytesIO(content))
    return written.getvalue()


@contextmanager
def hapi_server(maven, version, log_path, port=None, folder=None):
    """Start a server; yield a client of it, whose paths begin with `/fhir`.

    Parameters
    ----------
    version
        Of FHIR: `R4` or `R5`.
    log_path
        A file for what it writes.
    folder
        Where its data is; None: in memory. With one, references need their targets.
    """
    path = classpath_of(PROJECT, maven)
    path = with_fewer_definitions(path, PROJECT / "target" / "definitions")
    port = port or free_port()
    command = ["java", MEMORY, *FAST, "-cp", path, "HapiServer", str(port), version]
    command += [str(folder)] if folder else []
    with log_path.open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        wait_until(lambda: _has_started(server, log_path), seconds=SECONDS, poll=0.1)
        yield Client(f"http://127.0.0.1:{port}", patience=PATIENCE)
    finally:
        server.kill()
        server.wait()


def _has_started(server, log_path):
    text = log_path.read_text(errors="replace")
    assert server.poll() is None, text[-4000:]
    return "started\n" in text


@pytest.fixture(scope="session")
def start_hapi(java, tmp_path_factory):
    """Starts servers, by the version of FHIR; a test uses it in a `with` statement."""

    def start(version, **options):
        log_path = tmp_path_factory.mktemp("hapi") / "log"
        return hapi_server(java, version, log_path, **options)

    return start
