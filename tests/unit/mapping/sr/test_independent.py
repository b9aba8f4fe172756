"""Reports are read by highdicom and by this package, and both say the same."""

import numpy as np
import pytest
from imaging_selection import objects
from pydicom.sr.coding import Code
from support.independent_reports import (
    groups_of,
    read_report,
    regions_of,
    segments_of,
)
from support.paths import REPORTS
from support.synthetic_reports import CASES

DESIGNATORS = {
    "http://snomed.info/sct": "SCT",
    "http://dicom.nema.org/resources/ontology/DCM": "DCM",
    "http://unitsofmeasure.org": "UCUM",
}
# Files that highdicom refuses, and by which words. What the standard allows of these
# is said where it is.
REFUSED = {
    # Illegal on purpose.
    "coordinates_that_form_no_region": "lacks required attribute",
    "numbers_of_all_sorts": "MeasurementUnitsCodeSequence",
    "an_empty_report": "not an SR document",
    # Legal: an empty Measured Value Sequence (type 2, PS3.3 C.18.1).
    "normal_ranges_without_values": "list index out of range",
    # Legal: by-reference relationships of Comprehensive SR (PS3.3 C.17.3.2.5).
    "derived_measurements": "not an SR Content Item",
    "items_by_reference": "not an SR Content Item",
    # Legal: WAVEFORM (PS3.3 C.17.3.2.1).
    "content_without_an_element": "WAVEFORM",
    # Legal once: big endian was retired in 2006.
    "a_comprehensive_report": "little endian",
    # Legal: PS3.3 A.35.15.
    "an_extensible_report": "not supported",
}
# highdicom takes all memory of the machine for these.
TOO_DEEP = {"a_thousand_levels", "a_thousand_levels_of_undefined_length"}
# highdicom reads the content of TID 1500 alone.
OF_NO_TEMPLATE = {"a_report_without_flags", "a_report_of_another_template"}
# We leave out what is about another patient; highdicom does not look at it.
OF_OTHERS = {"subjects_that_are_not_the_patient"}
FILES = {
    **{name: make for name, make in CASES.items() if name not in TOO_DEEP},
    **{path.name: path.read_bytes for path in sorted(REPORTS.glob("*.dcm"))},
}
READ = [
    name for name in FILES if name not in REFUSED.keys() | OF_NO_TEMPLATE | OF_OTHERS
]


@pytest.fixture(params=READ)
def both(request):
    """A report as highdicom reads it, and our resources of it by their URL."""
    data = FILES[request.param]()
    resources = {
        f"{each['resourceType']}/{each['id']}": each
        for each in objects.convert(data).resources
    }
    return read_report(data), resources


def code_of(concept):
    if not concept:
        return None
    coding = concept["coding"][0]
    scheme = DESIGNATORS.get(coding.get("system"), "other")
    return Code(coding["code"], scheme, coding.get("display", ""))


def known(code):
    """Name every scheme of which FHIR has another name `other`."""
    if code is None or code.scheme_designator in {"SCT", "SRT", "DCM", "UCUM"}:
        return code
    return Code(code.value, "other", code.meaning)


def level(resource):
    return resource["meta"]["tag"][0]["code"]


def members_of(group, resources, wanted):
    members = [resources[each["reference"]] for each in group.get("hasMember", ())]
    return [each for each in members if level(each) == wanted]


def sites_of(resource):
    structures = [
        each
        for each in resource.get("contained", ())
        if each["resourceType"] == "BodyStructure"
    ]
    concepts = [
        part["structure"] for each in structures for part in each["includedStructure"]
    ]
    return [code_of(each) for each in concepts or [resource.get("bodySite")] if each]


def tracking_of(resource):
    """Return the Tracking Identifier and UID."""
    identifiers = [
        identifier
        for each in (*resource.get("contained", ()), resource)
        if each["resourceType"] in {"BodyStructure", "Observation"}
        for identifier in each.get("identifier", ())
    ]
    names, uids = [None], [None]
    for each in identifiers:
        kind = each.get("type", {}).get("coding", [{}])[0].get("code")
        if kind == "112039":
            names.append(each["value"])
        elif kind != "observation-uid":
            uids.append(each["value"].removeprefix("urn:oid:"))
    return names[-1], uids[-1]


def groups(resources):
    return [each for each in resources.values() if level(each) == "measurement-group"]


def test_groups_have_the_same_sites_findings_methods_and_tracking_ids(both):
    report, resources = both
    expected = groups_of(report)
    made = groups(resources)
    assert len(made) == len(expected)
    for ours, theirs in zip(made, expected, strict=True):
        assert tracking_of(ours) == theirs.tracking
        assert code_of(ours.get("valueCodeableConcept")) == known(theirs.finding)
        if theirs.category is not None:
            assert code_of(ours["code"]) == known(theirs.category)
        assert sites_of(ours) == [*map(known, theirs.sites)]
        assert code_of(ours.get("method")) == known(theirs.method)


def test_groups_have_the_same_measurements_with_exact_values_and_units(both):
    report, resources = both
    for ours, theirs in zip(groups(resources), groups_of(report), strict=True):
        made = members_of(ours, resources, "measurement")
        assert len(made) == len(theirs.measurements)
        for measurement, expected in zip(made, theirs.measurements, strict=True):
            quantity = measurement["valueQuantity"]
            assert code_of(measurement["code"]) == known(expected.name)
            assert quantity["value"] == expected.value
            assert float(quantity["value"]) == expected.floating
            assert quantity["code"] == expected.unit


def test_groups_have_the_same_evaluations(both):
    report, resources = both
    for ours, theirs in zip(groups(resources), groups_of(report), strict=True):
        made = members_of(ours, resources, "evaluation")
        coded = [
            (code_of(each["code"]), code_of(each["valueCodeableConcept"]))
            for each in made
            if "coding" in each["valueCodeableConcept"]
        ]
        # Those in a container of their own are not among highdicom's.
        expected = [(known(name), known(value)) for name, value in theirs.evaluations]
        assert coded[: len(expected)] == expected


def test_regions_have_the_same_types_and_coordinates(both):
    report, resources = both
    instances = [
        instance for each in resources.values() for instance in each.get("instance", ())
    ]
    made_on_images = [
        [_region(region) for region in each["imageRegion2D"]]
        for each in instances
        if "imageRegion2D" in each
    ]
    made_in_space = [
        _region(region)
        for each in instances
        for region in each.get("imageRegion3D", ())
    ]
    on_images, in_space = regions_of(report)
    assert made_on_images == on_images
    assert made_in_space == in_space


def _region(region):
    """Return the coordinates as the numbers of 32 bits that a file has (VR FL)."""
    values = np.array([float(each) for each in region["coordinate"]], np.float32)
    return region["regionType"], values.tolist()


def test_the_same_segments_are_referred_to(both):
    report, resources = both
    expected = segments_of(report)
    referred = {
        (
            each["identifier"]["value"].removeprefix("urn:oid:"),
            int(each["display"].removeprefix("Segment ")),
        )
        for resource in resources.values()
        for each in resource.get("derivedFrom", ())
        if each.get("display", "").startswith("Segment ")
    }
    selected = {
        (instance["uid"], int(number))
        for resource in resources.values()
        if resource.get("code", {}).get("coding", [{}])[0].get("code") == "121191"
        for instance in resource["instance"]
        for number in instance["subset"]
    }
    assert referred | selected == expected


@pytest.mark.parametrize("name", REFUSED)
def test_what_highdicom_refuses_is_read(name):
    with pytest.raises(Exception, match=REFUSED[name]):
        groups_of(read_report(FILES[name]()))
    assert objects.convert(FILES[name]()).resources


def test_most_files_are_compared():
    assert len(READ) >= 15
