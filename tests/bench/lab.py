"""Where and how much is measured: the same for all rows of a run."""

import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import mkdtemp

ROOT = Path(__file__).parents[2]
CORPUS = ROOT.parent / "shared" / "rtstruct"


@dataclass(frozen=True)
class Scale:
    """How much is measured; more takes longer and is more precise."""

    slow_rounds: int  # of peers that take seconds a file
    fast_rounds: int  # of everything that takes milliseconds
    files: int  # maximum of real files, the largest ones; 0: none
    synthetic: tuple[int, ...]  # megabytes
    stores: tuple[int, ...]  # selections
    pairs: int  # of images stored with the plugin and without
    structure_sets: int  # in a stream, and in a burst
    seconds: float  # duration of a load
    large: int = 100  # megabytes, of "the 100 MB structure set"


SCALES = {
    "full": Scale(
        slow_rounds=3,
        fast_rounds=15,
        files=99,
        synthetic=(1, 10, 100, 200),
        stores=(10_000, 100_000, 1_000_000),
        pairs=4000,
        structure_sets=300,
        seconds=5,
    ),
    "quick": Scale(
        slow_rounds=1,
        fast_rounds=7,
        files=4,
        synthetic=(1, 10, 100),
        stores=(10_000, 100_000),
        pairs=400,
        structure_sets=60,
        seconds=2,
    ),
    "smoke": Scale(
        slow_rounds=1,
        fast_rounds=1,
        files=0,
        synthetic=(1, 2),
        stores=(204, 408),
        pairs=20,
        structure_sets=5,
        seconds=0.3,
        large=2,
    ),
}


@dataclass
class Lab:
    """What every measurement needs.

    Attributes
    ----------
    cache
        A folder that is kept after the run, for what takes long to make.
    against
        Another checkout of the project, to compare with.
    """

    scale: Scale
    cache: Path
    against: Path | None = None
    begun: float = field(default_factory=time.monotonic)

    def __post_init__(self):
        self.cache.mkdir(parents=True, exist_ok=True)

    def real(self, minimum=0, *, every=False):
        """Return real structure sets of so many bytes or more: the largest, or all."""
        found = [(path.stat().st_size, path) for path in CORPUS.glob("*.dcm")]
        chosen = [path for size, path in sorted(found) if size >= minimum]
        if self.scale.files == 0:
            return []
        return chosen if every else chosen[-self.scale.files :]

    @property
    def peers_python(self):
        """The interpreter of the peers that are Python packages of their own."""
        return ROOT / "target" / "bench" / "peers" / "bin" / "python"

    def folder(self, name):
        """Return a new empty folder for this run."""
        (self.cache / "runs").mkdir(exist_ok=True)
        return Path(mkdtemp(prefix=f"{name}-", dir=self.cache / "runs"))

    def say(self, text):
        """Print the progress."""
        seconds = time.monotonic() - self.begun
        print(f"{seconds:6.0f} s  {text}", file=sys.stderr, flush=True)
