"""Debian systems in folders: made by debootstrap, entered by chroot.

Each root has its own processes and mounts (`unshare`), and shares the network with the
machine. On a machine that permits no mounts, a root is entered without them, so it has
no /proc.
"""

import fcntl
import hashlib
import os
import re
import shlex
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path

PROJECT = Path(__file__).parents[2]
ROOTS = PROJECT / "target" / "roots"
NEWCOMER = ("make", "git", "ca-certificates")  # what docs/install.md presupposes
CHECKOUT = "/root/imaging-selection"  # of the project, in each root

# A root reaches the package registries in the same way as this machine.
_PASSED_ON = re.compile(
    r"(pip_(?!find_links)|npm_|ssl_).*|.*_(proxy|ca_bundle|ca_certs)|CI", re.IGNORECASE
)
_COPIED = ("/etc/resolv.conf", "/etc/hosts", "/etc/pip.conf", "/etc/npmrc")
_AUTHORITIES = "/usr/local/share/ca-certificates"
_ISOLATED = ("unshare", "--mount", "--pid", "--fork", "--kill-child")
_MOUNTS = """
mount --make-rprivate /
mount -t proc proc "$1/proc"
mount --rbind /dev "$1/dev"
# apt and pip need not download again what they have downloaded once.
for place in var/cache/apt/archives root/.cache/pip; do
    mkdir -p "$1/$place" "$2/$place"
    mount --bind "$2/$place" "$1/$place"
done
"""


def mirror():
    """Return the archive from which this machine's own apt installs Debian packages."""
    wanted = "$(ORIGIN) $(LABEL) $(REPO_URI)"
    command = ("apt-get", "indextargets", "--format", wanted, "Created-By: Packages")
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = re.search(r"^Debian Debian (\S+)$", output, re.MULTILINE)
    if found is None:
        raise SystemExit("apt knows no Debian archive; run apt-get update")
    return found.group(1)


class Root:
    """A Debian system in a folder.

    Parameters
    ----------
    folder
        Where it is.
    fetched
        Where its apt and pip keep what they download.
    """

    def __init__(self, folder, fetched):
        self.folder = folder
        self._fetched = fetched

    def run(self, script, log, **environment):
        """Run a bash script as root in the checkout; return its exit status."""
        passed = {key: os.environ[key] for key in os.environ if _PASSED_ON.match(key)}
        passed |= {"HOME": "/root", "LANG": "C.UTF-8", "PATH": "/usr/sbin:/usr/bin:"}
        passed["PATH"] += "/usr/local/sbin:/usr/local/bin:/sbin:/bin"
        enter = f'cd {CHECKOUT} 2>/dev/null || cd; exec bash -c "$1"; exit $?'
        chroot = ("chroot", self.folder, "bash", "-c", enter, "root", script)
        return subprocess.run(
            (*_entered(self.folder, self._fetched), *chroot),
            env=passed | environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            check=False,
        ).returncode

    def check_out(self):
        """Copy the project's files from the working tree."""
        place = Path(f"{self.folder}{CHECKOUT}")
        place.mkdir(exist_ok=True)
        for each in place.iterdir():
            if each.name != ".venv":
                shutil.rmtree(each) if each.is_dir() else each.unlink()
        tracked = (
            "git",
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        )
        names = subprocess.run(tracked, cwd=PROJECT, check=True, capture_output=True)
        for name in names.stdout.decode().split("\0"):
            if name and (PROJECT / name).is_file():
                (place / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(PROJECT / name, place / name)
        shared = PROJECT.parent / "shared"
        if shared.is_dir():
            copy = ("cp", "--archive", "--update", shared, place.parent)
            subprocess.run(copy, check=True)

    @contextmanager
    def copy(self):
        """Yield a copy of this root, which is deleted at the end of the context."""
        with tempfile.TemporaryDirectory(dir=ROOTS, prefix="copy-") as name:
            command = ("cp", "--archive", "--reflink=auto", f"{self.folder}/.", name)
            subprocess.run(command, check=True)
            yield Root(Path(name), self._fetched)


def _entered(folder, fetched):
    """Return the command that runs another one with the mounts of a real machine."""
    if subprocess.run(
        (*_ISOLATED, "true"), check=False, capture_output=True
    ).returncode:
        print("this machine permits no mounts: the roots have no /proc")  # noqa: T201
        return ()
    script = f'set -e\n{_MOUNTS}\nshift 2\nset +e\n"$@"\nexit $?'
    return (*_ISOLATED, "sh", "-c", script, "sh", folder, fetched)


@contextmanager
def root(suite, packages, log):
    """Yield the root of a suite with some packages. It is made once.

    One process at a time uses a suite, because all its roots share what apt downloads.
    """
    ROOTS.mkdir(parents=True, exist_ok=True)
    content = repr((suite, packages, mirror(), _host_settings()))
    key = hashlib.sha256(content.encode()).hexdigest()[:12]
    folder = ROOTS / f"{suite}-{key}"
    with (ROOTS / f"{suite}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            _make(folder, suite, packages, log)
        yield Root(folder, ROOTS / f"{suite}-fetched")


def _make(folder, suite, packages, log):
    """Make a root under another name first, so that no unfinished root is used."""
    unfinished = folder.with_suffix(".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    include = f"--include={','.join(NEWCOMER)}"
    command = ("debootstrap", "--variant=minbase", include, suite, unfinished, mirror())
    output = {"stdout": log, "stderr": subprocess.STDOUT}
    subprocess.run(command, check=True, **output)
    _copy_settings(unfinished)
    made = Root(unfinished, ROOTS / f"{suite}-fetched")
    install = f"apt-get install --yes --no-install-recommends {shlex.join(packages)}"
    script = f"set -e; update-ca-certificates; apt-get update; {install}"
    if status := made.run(script, log, DEBIAN_FRONTEND="noninteractive"):
        raise RuntimeError(f"the packages of {suite} cannot be installed ({status})")
    unfinished.rename(folder)


def _host_settings():
    """Return the machine's apt settings of proxies, which a root gets too."""
    command = ("apt-config", "dump", "Acquire::http", "Acquire::https")
    outputs = [
        subprocess.run((*command[:2], each), check=True, capture_output=True, text=True)
        for each in command[2:]
    ]
    return "".join(each.stdout for each in outputs)


def _copy_settings(folder):
    for name in _COPIED:
        if Path(name).is_file():
            shutil.copy(name, f"{folder}{name}")
    if Path(_AUTHORITIES).is_dir():
        shutil.copytree(_AUTHORITIES, f"{folder}{_AUTHORITIES}", dirs_exist_ok=True)
    # A mirror may be a snapshot, whose Release files have expired.
    settings = 'Acquire::Check-Valid-Until "false";\n' + _host_settings()
    (folder / "etc/apt/apt.conf.d/90machine").write_text(settings)
