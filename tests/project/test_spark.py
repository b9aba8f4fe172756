"""The program of docs/spark.md, on a local Spark."""

import json
import os
import re
import subprocess
import sysconfig

import pytest
from imaging_selection import convert
from imaging_selection.fhir.datatypes import dumps
from support.builders import ct_image, make_rtstruct, roi
from support.paths import PLUGIN, ROOT

pytestmark = pytest.mark.spark

DOCUMENT = ROOT / "docs" / "spark.md"
RUN = """
import sys
spark = (
    SparkSession.builder.master("local[2]")
    .config("spark.ui.enabled", "false")
    .config("spark.driver.host", "127.0.0.1")
    .config("spark.driver.bindAddress", "127.0.0.1")
    .getOrCreate()
)
resources(spark, sys.argv[1]).coalesce(1).write.json(sys.argv[2])
spark.stop()
"""


@pytest.fixture
def spark_python():
    """The interpreter that has Spark, which `make spark` installs."""
    python = ROOT / "target" / "spark" / "bin" / "python"
    if not python.exists():
        pytest.skip("make spark installs Spark")
    return python


@pytest.mark.usefixtures("java")
def test_spark_converts_a_folder_and_says_what_it_does_not(spark_python, tmp_path):
    folder = tmp_path / "in" / "below"
    folder.mkdir(parents=True)
    files = {
        f"{k}.dcm": make_rtstruct(roi(k), SOPInstanceUID=f"2.25.113047{k}")
        for k in (1, 2, 3)
    }
    for name, content in {**files, "ct.dcm": ct_image()}.items():
        (folder / name).write_bytes(content)
    program = re.search(r"```python\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)[1]
    script = tmp_path / "program.py"
    script.write_text(program + RUN)
    packages = sysconfig.get_path("purelib")

    ended = subprocess.run(
        [spark_python, script, tmp_path / "in", tmp_path / "out"],
        env={
            **os.environ,
            "PYTHONPATH": f"{PLUGIN}:{packages}",
            "PYSPARK_PYTHON": str(spark_python),
            "SPARK_LOCAL_IP": "127.0.0.1",
        },
        capture_output=True,
        check=False,
        text=True,
    )

    assert ended.returncode == 0, ended.stderr[-4000:]
    lines = [
        json.loads(line)
        for path in (tmp_path / "out").glob("part-*.json")
        for line in path.read_text().splitlines()
    ]
    expected = {
        (name, entry["resource"]["id"]): dumps(entry["resource"]).decode()
        for name, content in files.items()
        for entry in convert(content)["entry"]
    }
    found = {
        (row["path"].rpartition("/")[2], row["id"]): row["resource"]
        for row in lines
        if "id" in row
    }
    assert found == expected
    [refused] = [row for row in lines if "problem" in row]
    assert refused["path"].endswith("/ct.dcm")
    assert "is not RT Structure" in refused["problem"]
