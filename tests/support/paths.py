"""Where the tests find the project's files, and the public data beside the project."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
PLUGIN = ROOT / "plugin"
EXAMPLE_FILE = PLUGIN / "imaging_selection" / "data" / "example.dcm"
TESTS = ROOT / "tests"
GOLDEN = TESTS / "golden"

# Public DICOM files. A clone of the repository has none: those tests are then skipped.
SHARED = ROOT.parent / "shared"
CORPUS = SHARED / "rtstruct"
SEGMENTATIONS = SHARED / "seg"
REPORTS = SHARED / "sr"
GUIDE = SHARED / "ig"
IMAGES = SHARED / "images"
CASES = SHARED / "cases"
HOSTILE = SHARED / "hostile"
