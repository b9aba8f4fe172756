"""The benchmark runs, at its smallest scale; the figures mean nothing here."""

import json
import os
import sys
from pathlib import Path

import pytest
from bench.__main__ import FAMILIES, RESULTS, outputs_of, parse

ROOT = Path(__file__).parents[2]
SMOKE = ("conversion", "contours", "serving")
VERDICTS = {"met", "not met", "undecided", "-"}


@pytest.fixture
def measure(run, tmp_path):
    """Runs the benchmark; its results, and what it printed."""

    def measure(*arguments):
        output = tmp_path / "results.json"
        cache = tmp_path / "cache"
        done = run(
            *(sys.executable, "-m", "bench", "--scale", "smoke"),
            *("--output", output, "--cache", cache, *arguments),
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": f"{ROOT / 'plugin'}:{ROOT / 'tests'}"},
        )
        return json.loads(output.read_text()), done

    return measure


@pytest.mark.orthanc
def test_benchmark_gives_a_row_for_each_question_as_a_table_and_as_json(measure):
    results, done = measure(*SMOKE)

    assert results["machine"]["cores"] == os.cpu_count()
    for row in results["rows"]:
        # A peer or a tool that is not there is said to be missing, and nothing else.
        known = row["verdict"] in VERDICTS
        assert known or row["measured"].endswith("not installed"), done.stderr.decode()
        assert row["what"] in done.stdout.decode()
    assert len(results["rows"]) >= 25


@pytest.mark.orthanc
def test_another_checkout_is_measured_in_the_same_run(measure):
    results, done = measure("--against", ROOT, "conversion", "contours")

    assert len(results["rows"]) == 4
    for row in results["rows"]:
        assert row["verdict"] in VERDICTS, done.stderr.decode()
        assert 0.1 < row["figures"]["ratio"] < 10


def test_a_complete_run_at_full_scale_writes_the_committed_results(tmp_path):
    chosen = parse(["--cache", str(tmp_path)])

    assert outputs_of(chosen, is_complete=True) == (
        tmp_path / "results-full.json",
        RESULTS,
    )
    assert RESULTS.is_file()


@pytest.mark.parametrize(
    ("arguments", "is_complete", "name"),
    [
        (["--scale", "quick"], True, "results-quick.json"),
        (["--scale", "smoke"], True, "results-smoke.json"),
        (["contours"], False, "results-full.json"),
        ([], False, "results-full.json"),
        (["--against", "/other"], True, "results-full-against.json"),
    ],
)
def test_no_other_run_writes_the_committed_results(
    tmp_path, arguments, is_complete, name
):
    chosen = parse(["--cache", str(tmp_path), *arguments])

    assert outputs_of(chosen, is_complete=is_complete) == (tmp_path / name,)


def test_the_results_go_where_they_are_wanted(tmp_path):
    chosen = parse(["--output", str(tmp_path / "mine.json"), *FAMILIES])

    assert outputs_of(chosen, is_complete=True) == (tmp_path / "mine.json",)
