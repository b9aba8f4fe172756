"""The real structure sets: files of many vendors, and what is in each."""

import json

from support.paths import CORPUS

# Without them a test parametrized by these lists is skipped.
FILES = [path.name for path in sorted(CORPUS.glob("*.dcm"))]
CATALOGUE = json.loads((CORPUS / "catalogue.json").read_text("utf-8")) if FILES else []
