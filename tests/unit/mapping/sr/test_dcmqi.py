"""Reports are read by dcmqi (DCMTK) and by this package, and both say the same."""

import json
import subprocess
from importlib import resources

import pytest
from imaging_selection import objects
from support.paths import REPORTS
from support.synthetic_reports import CASES

dcmqi = pytest.importorskip("dcmqi")
READER = resources.files("dcmqi") / "bin" / "tid1500reader"

# dcmqi reads other reports too, but no measurements of them. DCMTK refuses a report
# that has a region in space: it does not know the relationship.
NAMES = ("one_measurement", "everything_about_a_group", "an_enhanced_report")
FILES = {
    **{name: CASES[name]() for name in NAMES},
    **{path.name: path.read_bytes() for path in sorted(REPORTS.glob("*.dcm"))},
}


@pytest.fixture(params=FILES)
def both(request, tmp_path):
    """The measurement groups by dcmqi, and our Observations of them by their URL."""
    data = FILES[request.param]
    file, metadata = tmp_path / "report.dcm", tmp_path / "report.json"
    file.write_bytes(data)
    command = [READER, "--inputDICOM", file, "--outputMetadata", metadata]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    made = {
        f"{each['resourceType']}/{each['id']}": each
        for each in objects.convert(data).resources
    }
    return json.loads(metadata.read_bytes())["Measurements"], made


def groups_of(made):
    return [
        each
        for each in made.values()
        if each["meta"]["tag"][0]["code"] == "measurement-group"
    ]


def test_groups_have_the_same_measurements_to_the_last_digit(both):
    groups, made = both
    measured = [
        [
            (
                each["valueQuantity"]["code"],
                # What a report says more precisely in binary, dcmqi does not read.
                f"{each['valueQuantity']['value']}"[:16],
            )
            for name in group.get("hasMember", ())
            if "valueQuantity" in (each := made[name["reference"]])
        ]
        for group in groups_of(made)
    ]
    expected = [
        [
            (each["units"]["CodeValue"], each["value"])
            for each in group["measurementItems"]
        ]
        for group in groups
    ]
    assert measured == expected


def test_groups_have_the_same_tracking_ids(both):
    groups, made = both
    texts = [json.dumps(each, default=str) for each in groups_of(made)]
    assert len(texts) == len(groups)
    for text, group in zip(texts, groups, strict=True):
        for key in ("TrackingIdentifier", "TrackingUniqueIdentifier"):
            assert json.dumps(group.get(key, ""))[1:-1] in text


def test_groups_are_about_the_same_segments(both):
    groups, made = both
    for group, ours in zip(groups, groups_of(made), strict=True):
        if "ReferencedSegment" in group:
            shown = [each.get("display") for each in ours["derivedFrom"]]
            assert f"Segment {group['ReferencedSegment']}" in shown
