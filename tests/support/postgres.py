"""A real PostgreSQL server in a temporary folder and on a free port."""

import os
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path
from urllib.parse import quote

import pytest

USER, PASSWORD = "orthanc", "p@ss/113047:?&%"


class Postgres:
    """A server that keeps its data in a folder, on a free port of this machine."""

    def __init__(self, folder, programs):
        self.folder = folder
        self._programs = programs
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        if os.geteuid() == 0:  # the server refuses to run as root
            shutil.chown(folder, "postgres")
        password = folder / "password"
        password.write_text(PASSWORD)
        password.chmod(0o644)
        self._run(
            *("initdb", "--pgdata", folder / "data", "--username", USER),
            *("--pwfile", password, "--auth", "scram-sha-256", "--no-sync"),
            # A language in which "a B c" are in order, unlike their code points.
            *("--encoding", "UTF8", "--locale", "C.UTF-8"),
            *("--locale-provider", "icu", "--icu-locale", "en"),
        )
        self.start()

    def start(self):
        options = f"-p {self.port} -k {self.folder} -c listen_addresses=127.0.0.1"
        self._control("start", "-o", f"{options} -c max_connections=200 -c fsync=off")

    def stop(self):
        self._control("stop", "-m", "immediate")  # as a crash would

    def create(self, database):
        """Create an empty database; return its address as Orthanc's settings."""
        self._run(
            *("createdb", "--host", "127.0.0.1", "--port", self.port),
            *("--username", USER, database),
        )
        return {
            "Host": "127.0.0.1",
            "Port": self.port,
            "Database": database,
            "Username": USER,
            "Password": PASSWORD,
        }

    def url(self, database):
        """Return the address of a database, for `DatabaseUrl`."""
        login = f"{USER}:{quote(PASSWORD, safe='')}"
        return f"postgresql://{login}@127.0.0.1:{self.port}/{database}"

    def query(self, database, statement):
        """Return the first column of the first row, as text."""
        return self._run(
            *("psql", "--host", "127.0.0.1", "--port", self.port, "--username", USER),
            *("--tuples-only", "--no-align", "--command", statement, database),
        ).strip()

    def _control(self, *arguments):
        log = self.folder / "log"
        self._run(
            *("pg_ctl", "--pgdata", self.folder / "data", "--wait", "--log", log),
            *arguments,
        )

    def _run(self, program, *arguments):
        command = [str(self._programs / program), *map(str, arguments)]
        if os.geteuid() == 0:
            command = ["runuser", "-u", "postgres", "--", *command]
        environment = {**os.environ, "PGPASSWORD": PASSWORD}
        with tempfile.TemporaryFile() as output:  # the server keeps a pipe open
            subprocess.run(
                command,
                check=True,
                env=environment,
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
            output.seek(0)
            return output.read().decode()


@pytest.fixture(scope="session")
def postgres(postgres_programs):
    """A running server."""
    # Not below pytest's own folder: the user `postgres` must be able to enter it.
    with tempfile.TemporaryDirectory(prefix="postgres-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        server = Postgres(folder, postgres_programs)
        yield server
        server.stop()
