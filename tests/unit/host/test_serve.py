from pathlib import Path

import imaging_selection
import pytest
from imaging_selection.host.serve import configuration_of, merge

SCRIPT = Path(imaging_selection.__file__).parents[1] / "main.py"


@pytest.mark.parametrize(
    ("base", "other", "merged"),
    [
        pytest.param({"A": 1}, {}, {"A": 1}, id="nothing-to-merge"),
        pytest.param({}, {"A": 1}, {"A": 1}, id="nothing-to-merge-into"),
        pytest.param({"A": 1}, {"A": 2, "B": 3}, {"A": 2, "B": 3}, id="value-replaced"),
        pytest.param({"A": [1, 2]}, {"A": [3]}, {"A": [3]}, id="list-replaced"),
        pytest.param(
            {"A": {"x": 1, "y": {"p": 1}}},
            {"A": {"y": {"q": 2}}},
            {"A": {"x": 1, "y": {"p": 1, "q": 2}}},
            id="sections-by-key",
        ),
        pytest.param({"A": {"x": 1}}, {"A": None}, {"A": None}, id="section-taken-off"),
        pytest.param({"A": 1}, {"A": {"x": 1}}, {"A": {"x": 1}}, id="section-put-in"),
    ],
)
def test_configurations_are_merged_by_key(base, other, merged):
    before = repr(base), repr(other)
    assert merge(base, other) == merged
    assert (repr(base), repr(other)) == before


def test_the_configuration_of_a_run_is_the_projects_with_its_own_places(tmp_path):
    base = {"Name": "name-113047", "HttpPort": 1, "StorageDirectory": "elsewhere"}
    assert configuration_of(base, tmp_path, 11304, 11305) == {
        "Name": "name-113047",
        "PythonScript": str(SCRIPT),
        "StorageDirectory": f"{tmp_path}/storage",
        "IndexDirectory": f"{tmp_path}/storage",
        "HttpPort": 11304,
        "DicomPort": 11305,
    }
    assert SCRIPT.is_file()


def test_a_relative_storage_folder_is_made_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # Orthanc would look for it beside its configuration
    configuration = configuration_of({}, Path("var"), 1, 2)
    assert configuration["StorageDirectory"] == str(tmp_path / "var" / "storage")
