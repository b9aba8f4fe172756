"""Reports: what their files say."""

import io
import json

import pydicom
import pytest
from imaging_selection import objects
from imaging_selection.dicom.sr import reader
from imaging_selection.errors import DicomError, UnusableError
from support.builders import code, content, make_sr, number
from support.paths import REPORTS
from support.reading import found, parse_structure_set
from support.synthetic_reports import (
    CASES,
    DIAMETER,
    FINDING,
    MM,
    group,
    measurements,
    nested,
    plane,
)

FILES = [path.name for path in sorted(REPORTS.glob("*.dcm"))]


def items_of(dataset, position=(1,)):
    yield position, dataset
    for number_, child in enumerate(dataset.get("ContentSequence", ()), 1):
        yield from items_of(child, (*position, number_))


@pytest.mark.parametrize("name", FILES)
def test_the_content_is_that_which_pydicom_reads(name):
    file = (REPORTS / name).read_bytes()
    expected = dict(items_of(pydicom.dcmread(io.BytesIO(file))))
    actual = {item.position: item for item in parse_structure_set(file).root.walk()}
    assert actual.keys() == expected.keys()
    for position, item in actual.items():
        other = expected[position]
        assert item.value_type == other.ValueType
        assert item.name.value == other.ConceptNameCodeSequence[0].CodeValue
        if item.value_type == "NUM":
            measured = other.MeasuredValueSequence[0]
            assert item.number.value == measured.NumericValue.original_string
            assert item.number.floating == measured.FloatingPointValue
        if item.region:
            assert list(item.region.coordinates) == list(other.GraphicData)


@pytest.mark.parametrize("undefined_length", [False, True])
def test_content_that_nests_too_deep_is_a_finding_and_the_rest_is_read(
    undefined_length,
):
    report = parse_structure_set(nested(1000, undefined_length=undefined_length))
    assert ("content-too-deep", None) in found(report)
    numbers = [item for item in report.root.walk() if item.number]
    assert [item.number.value for item in numbers] == ["1"]


def test_too_many_content_items_are_refused(monkeypatch):
    monkeypatch.setattr(reader, "MAXIMUM_ITEMS", 3)
    with pytest.raises(UnusableError, match="more than 3 content items"):
        parse_structure_set(CASES["everything_about_a_group"]())


def test_a_broken_item_costs_itself():
    broken = content("TEXT", FINDING) | {"ContentSequence": b"no item at all"}
    report = parse_structure_set(
        make_sr(broken, measurements(group(number("1", MM, DIAMETER))))
    )
    assert ("unreadable-attribute", None) in found(report)
    assert any(item.number for item in report.root.walk())


def test_a_report_that_is_cut_off_is_refused():
    file = CASES["everything_about_a_group"]()
    with pytest.raises(DicomError):
        objects.convert(file[:-50])


def test_no_finding_quotes_a_value():
    secret = "secret-113047"  # noqa: S105 - what must not be told
    own = code(secret, secret, secret)
    file = make_sr(
        measurements(
            group(
                content("TEXT", own, TextValue=secret),
                number(secret, own, own),
                plane(secret, [1]),
                content(secret, own),
            )
        ),
        CompletionFlag=secret,
    )
    findings = objects.convert(file).findings
    assert findings
    assert secret not in json.dumps([each.text for each in findings])
