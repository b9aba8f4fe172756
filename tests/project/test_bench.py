"""The benchmark runs, at the smallest of its scales; its figures mean nothing here."""

import json
import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FAMILIES = ("conversion", "contours", "serving")
VERDICTS = {"met", "not met", "undecided", "-"}


@pytest.mark.orthanc
def test_benchmark_gives_a_row_for_each_question_as_a_table_and_as_json(run, tmp_path):
    output = tmp_path / "results.json"
    arguments = ["--scale", "smoke", "--output", output, "--cache", tmp_path / "cache"]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "tests")}
    done = run(
        *(sys.executable, "-m", "bench", *arguments, *FAMILIES),
        cwd=ROOT,
        env=environment,
    )
    results = json.loads(output.read_text())
    assert results["machine"]["cores"] == os.cpu_count()
    for row in results["rows"]:
        # A peer or a tool that is not there is said to be missing, and nothing else.
        known = row["verdict"] in VERDICTS
        assert known or row["measured"].endswith("not installed"), done.stderr.decode()
        assert row["what"] in done.stdout.decode()
    assert len(results["rows"]) >= 25
