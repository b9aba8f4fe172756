"""Files become the JSON of their resources, in this process or in others."""

import hashlib

import pytest
from imaging_selection import objects
from imaging_selection.batch.conversion import Converted, Output, convert_all
from imaging_selection.batch.inputs import Input
from imaging_selection.fhir.bundles import full_url_of
from imaging_selection.fhir.datatypes import dumps
from imaging_selection.fhir.r4 import radiotherapy_volume, to_r4
from imaging_selection.mapping.choices import Choices
from support.builders import ct_image, make_rtstruct, roi

SETS = [
    make_rtstruct(roi(k), SOPInstanceUID=f"2.25.11304731{k}", StudyID="é" * k)
    for k in range(5)
]


def outcomes_of(inputs, jobs=1, **options):
    """Return name and reason, or name, instance, digest and entries as bytes."""
    return [
        (
            each.name,
            (
                outcome.instance,
                outcome.digest,
                [(url, b"".join(parts)) for url, parts in outcome.entries],
            )
            if isinstance(outcome, Converted)
            else outcome,
        )
        for each, outcome in convert_all(
            inputs, Choices(), Output(**options), jobs=jobs
        )
    ]


@pytest.mark.slow
def test_several_processes_give_what_one_gives(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(SETS[0])
    inputs = [
        Input("a", path),
        Input("b", content=b"text"),
        *(Input(str(k), content=each) for k, each in enumerate(SETS)),
        Input("ct", content=ct_image()),
        Input("absent", tmp_path / "absent"),
    ]
    alone = outcomes_of(inputs, contours=True)
    assert outcomes_of(inputs, contours=True, jobs=2) == alone
    assert alone[1] == ("b", "no DICOM file but text")
    assert alone[-1] == ("absent", "No such file or directory")
    reason = alone[-2][1]
    assert reason.startswith("SOP Class 1.2.840.10008.5.1.4.1.1.2 is not RT Structure")


def test_a_file_becomes_its_resources():
    resources = objects.convert(SETS[1]).resources
    (outcome,) = outcomes_of([Input("a", content=SETS[1])], contours=False)
    assert outcome[1] == (
        resources[0]["id"],
        hashlib.sha256(SETS[1]).digest(),
        [(full_url_of(each), dumps(each)) for each in resources],
    )


def test_in_r4_a_selection_is_basic_and_a_roi_a_volume_too():
    resources = objects.convert(SETS[1]).resources

    (outcome,) = outcomes_of(
        [Input("a", content=SETS[1])], r4_form="Complex", volumes=True
    )

    entries = outcome[1][2]
    converted = [to_r4(each, "Complex") for each in resources]
    converted.insert(2, radiotherapy_volume(resources[1]))
    assert entries == [(full_url_of(each), dumps(each)) for each in converted]
