"""A PostgreSQL of the tests' own: Debian's, in a folder of its own, on a free port."""

import getpass
import os
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path


def find_binaries():
    """The folder of the newest server that Debian has installed; None without one."""
    folders = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    versions = sorted(folders, key=lambda path: int(path.parts[-3]))
    return versions[-1].parent if versions else None


class Postgres:
    """Runs until stopped, and makes any number of empty databases."""

    def __init__(self):
        self._binaries = find_binaries()
        # Not a folder of pytest's: those are closed to the user that the server needs.
        self._folder = Path(tempfile.mkdtemp(prefix="selections-"))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]
        # The server refuses to run as root.
        self._user = "postgres" if os.geteuid() == 0 else getpass.getuser()
        self._number = 0

    def start(self):
        if os.geteuid() == 0:
            shutil.chown(self._folder, self._user)
        # A language in which "a B c" are in order, unlike their code points.
        self._run(
            "initdb",
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
            "--locale-provider=icu",
            "--icu-locale=en",
            "--username=postgres",
            "--no-sync",
            f"--pgdata={self._folder}/data",
        )
        options = f"-p {self._port} -k {self._folder} -c fsync=off -h 127.0.0.1"
        self._run(
            "pg_ctl",
            "start",
            "--wait",
            f"--pgdata={self._folder}/data",
            f"--options={options}",
            f"--log={self._folder}/log",
        )
        return self

    def new_database(self):
        """Make an empty database, and give its URL."""
        self._number += 1
        name = f"selections_{self._number}"
        self._run(
            "psql",
            "--quiet",
            "--host=127.0.0.1",
            f"--port={self._port}",
            "--username=postgres",
            f"--command=CREATE DATABASE {name}",
        )
        return f"postgresql+psycopg://postgres@127.0.0.1:{self._port}/{name}"

    def stop(self):
        self._run(
            "pg_ctl", "stop", "--wait", "--mode=fast", f"--pgdata={self._folder}/data"
        )
        shutil.rmtree(self._folder)

    def _run(self, program, *arguments):
        command = [str(self._binaries / program), *arguments]
        if os.geteuid() == 0:
            command = ["runuser", "-u", self._user, "--", *command]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=self._folder)
