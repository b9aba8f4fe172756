"""The real structure sets: files of many vendors, and what is in each."""

import json

import pytest
from support.paths import CASES, CORPUS

# Without them a test parametrized by these lists is skipped.
FILES = [path.name for path in sorted(CORPUS.glob("*.dcm"))]
CATALOGUE = json.loads((CORPUS / "catalogue.json").read_text("utf-8")) if FILES else []


def case(name):
    """Return one of the small inputs made after public reports; skip without them."""
    path = CASES / name
    if not path.exists():
        pytest.skip(f"no file {path}")
    return path.read_bytes()
