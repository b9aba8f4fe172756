"""Reports become Observations, and what these were made on."""

import json
from collections import Counter
from decimal import Decimal

import pytest
from imaging_selection import objects
from imaging_selection.fhir.datatypes import dumps
from imaging_selection.ids import orthanc_ids_of, roi_selection_id
from imaging_selection.mapping.sr import report, tree
from imaging_selection.mapping.sr import selections as module
from support.builders import (
    SEGMENTATION,
    STRUCTURE_SET,
    STUDY,
    make_rtstruct,
    make_sr,
    number,
    reference,
    roi,
)
from support.paths import REPORTS
from support.synthetic_reports import (
    CASES,
    DIAMETER,
    MM,
    group,
    measurements,
    plane,
    segment_of,
    selected,
)

FILES = [path.name for path in sorted(REPORTS.glob("*.dcm"))]


def mapped(name):
    return objects.convert(CASES[name]())


def observations(name):
    return [
        each for each in mapped(name).resources if each["resourceType"] == "Observation"
    ]


def selections(name):
    return [
        each
        for each in mapped(name).resources
        if each["resourceType"] == "ImagingSelection"
    ]


def profiles(resources):
    return [
        each["meta"].get("profile", ["none"])[0].rpartition("/")[2]
        for each in resources
    ]


def codes(name):
    return {each.code for each in mapped(name).findings}


@pytest.mark.parametrize("name", CASES)
def test_ids_are_unique_and_references_inside_lead_to_a_resource(name):
    resources = mapped(name).resources
    own = resources[0]["id"]
    urls = [f"{each['resourceType']}/{each['id']}" for each in resources]
    assert not [url for url, count in Counter(urls).items() if count > 1]
    text = json.dumps([json.loads(dumps(each)) for each in resources])
    targets = {part.split('"')[0] for part in text.split('"reference": "')[1:]}
    inside = {each for each in targets if f"/{own}" in each}
    assert inside <= set(urls)


@pytest.mark.parametrize("name", FILES)
def test_every_number_of_a_real_report_is_a_measurement(name):
    file = (REPORTS / name).read_bytes()
    _, report = objects.read(file)
    expected = {
        (item.position, Decimal(str(item.number.floating)), item.number.unit.value)
        for item in report.root.walk()
        if item.number
    }
    made = objects.convert(file).resources
    actual = {
        (
            tuple(map(int, each["id"].rpartition("-")[2].split("."))),
            each["valueQuantity"]["value"],
            each["valueQuantity"]["code"],
        )
        for each in made
        if "valueQuantity" in each
    }
    assert actual == expected


def test_a_region_in_space_is_the_selection_of_the_roi_that_is_served():
    place = {"StudyInstanceUID": STUDY, "SeriesInstanceUID": "2.25.113047210"}
    structure_set = make_rtstruct(roi(2, "Larynx"), **place)
    served = [each["id"] for each in objects.convert(structure_set).resources]
    group_, measurement = observations("a_roi_of_a_structure_set")
    (target, _) = group_["derivedFrom"]
    assert target["reference"] == f"ImagingSelection/{served[1]}"
    assert target["identifier"]["value"] == f"urn:oid:{STRUCTURE_SET}"
    assert measurement["derivedFrom"][0] == target


def test_the_same_uids_under_another_patient_are_another_roi():
    file = CASES["a_roi_of_a_structure_set"]()
    other = file.replace(b"patient-113047", b"patient-113048")
    ids = orthanc_ids_of("patient-113048", STUDY, "2.25.113047210", STRUCTURE_SET)
    _, group_, *_ = objects.convert(other).resources
    expected = f"ImagingSelection/{roi_selection_id(ids.instance, 2, 1)}"
    assert group_["derivedFrom"][0]["reference"] == expected


def test_a_structure_set_that_no_list_names_has_a_selection_of_the_report():
    _, known, unknown = selections("a_roi_of_an_unlisted_structure_set")
    # One state of the profile demands `derivedFrom`, and the study is not known.
    assert profiles([known, unknown]) == ["none", "none"]
    assert known["instance"][0]["subset"] == ["2"]
    assert known["instance"][0]["uid"] == STRUCTURE_SET


def test_segments_of_a_listed_segmentation_are_those_that_are_served():
    groups = observations("segments_of_segmentations")
    ids = orthanc_ids_of("patient-113047", STUDY, "2.25.113047220", SEGMENTATION)
    served = [each["reference"] for each in groups[0]["derivedFrom"]][:2]
    assert served == [f"ImagingSelection/{ids.instance}-{n}" for n in (1, 2)]


def test_selections_claim_the_profiles_that_they_conform_to():
    names = Counter(profiles(selections("segments_of_segmentations")))
    assert names == {
        "none": 3,  # the report, a series without images, a frame of two
        "referenced-segment": 2,
        "source-image-for-segmentation": 2,
        "referenced-segmentation-frame": 1,
    }


def test_all_graphic_types_are_regions_with_the_numbers_of_the_file():
    regions = [
        region
        for each in selections("every_region_on_images")[1:6]
        for region in each["instance"][0]["imageRegion2D"]
    ]
    assert [(each["regionType"], len(each["coordinate"])) for each in regions] == [
        ("point", 2),
        ("point", 2),
        ("point", 2),
        ("polyline", 6),
        ("circle", 4),
        ("ellipse", 8),
    ]
    assert float(regions[3]["coordinate"][0]) == 0.10000000149011612  # 0.1 in 32 bits


def test_regions_in_space_are_in_their_frame_of_reference():
    made = selections("every_region_in_space")
    kinds = [
        each["instance"][0]["imageRegion3D"][0]["regionType"]
        for each in made
        if "frameOfReferenceUid" in each
    ]
    expected = "point multipoint polyline polygon ellipse ellipsoid polygon"
    assert kinds == expected.split()


def test_coordinates_that_form_no_region_are_a_finding():
    assert codes("coordinates_that_form_no_region") == {"invalid-coordinates"}
    made = selections("coordinates_that_form_no_region")
    assert len(made) == 8
    assert sum("imageRegion" in json.dumps(each, default=str) for each in made) == 1


def test_numbers_keep_their_digits_and_qualifiers_are_reasons():
    made = observations("numbers_of_all_sorts")[1:]
    values = [str(each.get("valueQuantity", {}).get("value")) for each in made]
    assert values[:5] == [
        "31112.20",
        "0.50",
        "-119.07384",
        "-119.0738525390625",
        "1",
    ]
    reasons = [
        each["dataAbsentReason"]["coding"][0]["code"]
        for each in made
        if "dataAbsentReason" in each
    ]
    assert reasons == [
        *("unknown", "unknown", "unknown"),
        *("not-a-number", "negative-infinity", "positive-infinity"),
        *("not-performed", "error"),
    ]
    assert profiles(made)[-1] == "none"


def test_a_derived_measurement_points_at_its_groups():
    made = [
        each
        for each in observations("derived_measurements")
        if each["meta"]["tag"][0]["code"] == "derived-measurement"
    ]
    first, second, third = (
        [ref["reference"][-8:] for ref in each["derivedFrom"]] for each in made
    )
    assert first[0].endswith("-1.1.1")
    assert second[0].endswith("1.2.2.1")
    # Every reference matches two slices of the profile: no resource can conform.
    assert profiles(made) == ["none"] * 3
    assert len(third) == 1  # the report


def test_an_item_by_reference_is_what_it_refers_to():
    first, second, third, fourth, *_ = observations("items_by_reference")[1:]
    assert first["derivedFrom"][0]["reference"].endswith("-1.1.1")
    assert second["derivedFrom"][0]["reference"].startswith("Observation/")
    assert "dangling-reference" in codes("items_by_reference")
    assert fourth["id"].endswith(".4")  # it refers to itself, and that is no loop
    assert third["derivedFrom"]


def test_the_observer_of_a_group_replaces_that_of_the_report():
    _, first, second, measurement = observations("observers_and_their_overriding")[0:4]
    names = [
        [
            person["name"][0]["text"]
            for person in each["contained"]
            if person["resourceType"] == "Practitioner"
        ]
        for each in (first, second)
    ]
    assert names == [
        ["Vera Verifier", "Rita Reader", "Ann Author"],
        ["Vera Verifier", "Otto Other", "Ann Author"],
    ]
    devices = {
        each["id"]: each
        for each in measurement["contained"]
        if each["resourceType"] == "Device"
    }
    assert measurement["device"]["reference"] == "#algorithm-1"
    assert devices["algorithm-1"]["parent"]["reference"] == "#equipment"


def test_an_observation_of_another_patient_is_left_out():
    made = observations("subjects_that_are_not_the_patient")
    assert len(made) == 4
    assert made[0]["focus"] == [{"display": "Fetus"}]
    assert codes("subjects_that_are_not_the_patient") == {
        "other-patient",
        "other-subject",
    }


def test_content_without_an_element_is_in_the_narrative_of_the_report():
    whole = mapped("content_without_an_element").resources[0]
    div = whole["text"]["div"]
    assert "a text &lt;i&gt;of&lt;/i&gt; the root" in div
    assert "Some^One" in div
    assert "content-left-out" in codes("content_without_an_element")


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("one_measurement", "final"),
        ("a_preliminary_report", "preliminary"),
        ("an_unverified_report", "preliminary"),
        ("a_report_without_flags", "unknown"),
    ],
)
def test_the_status_is_that_of_the_flags(name, status):
    assert {each["status"] for each in observations(name)} == {status}


def test_a_report_of_another_template_has_its_own_selection_alone():
    (only,) = mapped("a_report_of_another_template").resources
    assert codes("a_report_of_another_template") == {"other-template"}
    assert only["instance"][0]["sopClass"]["display"] == "Comprehensive 3D SR Storage"


def test_without_a_zone_the_time_issued_is_unknown_and_the_date_is_kept():
    first, *_ = observations("one_measurement")
    assert first["effectiveDateTime"] == "2024-07-02"
    assert first["_issued"]["extension"][0]["valueCode"] == "unknown"


def test_an_item_of_a_group_has_the_time_of_the_group():
    made = observations("everything_about_a_group")
    assert {each["issued"] for each in made} == {"2024-07-01T10:00:00+01:00"}


def test_a_site_with_a_side_is_a_body_structure():
    group_, measurement, *_ = observations("everything_about_a_group")
    for each in (group_, measurement):
        structure = each["contained"][-1]
        (included,) = structure["includedStructure"]
        assert included["laterality"]["coding"][0]["code"] == "7771000"
        assert len(included["qualifier"]) == 1
        assert len(structure["identifier"]) == 2


def test_a_measurement_keeps_what_modifies_its_concept():
    _, measurement, *_ = observations("everything_about_a_group")
    (extension,) = measurement["extension"]
    name, value = (each["valueCodeableConcept"] for each in extension["extension"])
    assert (name["text"], value["text"]) == ("meaning-113047", "Mean") or (
        name["text"],
        value["text"],
    ) == ("Derivation", "Mean")


def test_a_label_of_a_segment_needs_no_segmentation():
    file = make_sr(measurements(group(segment_of(7), number("1", MM, DIAMETER))))
    _, group_, measurement, segment = objects.convert(file).resources
    assert segment["instance"][0]["subset"] == ["7"]
    expected = f"ImagingSelection/{segment['id']}"
    assert group_["derivedFrom"][0]["reference"] == expected
    assert measurement["derivedFrom"][0]["reference"] == expected


def test_a_region_of_very_many_images_does_not_repeat_its_coordinates(monkeypatch):
    monkeypatch.setattr(module, "MAXIMUM_IMAGES", 1)
    images = selected(reference("2.25.1"), reference("2.25.2"))
    file = make_sr(measurements(group(plane("POINT", [1, 2], images))))
    mapped_ = objects.convert(file)
    assert {each.code for each in mapped_.findings} == {"invalid-coordinates"}
    assert [each["uid"] for each in mapped_.resources[-1]["instance"]] == [
        "2.25.1",
        "2.25.2",
    ]


def test_members_of_a_group_do_not_repeat_very_many_regions(monkeypatch):
    monkeypatch.setattr(tree, "MAXIMUM_REPETITIONS", 1)
    item = group(segment_of(7), number("1", MM, DIAMETER), number("2", MM, DIAMETER))
    mapped_ = objects.convert(make_sr(measurements(item)))
    assert {each.code for each in mapped_.findings} == {"repetition-left-out"}
    _, whole, *members = mapped_.resources[:4]
    assert [len(each["derivedFrom"]) for each in (whole, *members)] == [2, 1, 1]


def test_very_many_observers_are_those_of_the_report(monkeypatch):
    monkeypatch.setattr(report, "MAXIMUM_PEOPLE", 1)
    mapped_ = mapped("observers_and_their_overriding")
    assert "repetition-left-out" in {each.code for each in mapped_.findings}
    assert len(mapped_.resources[0]["performer"]) == 4


def test_an_observation_of_several_segments_claims_no_profile():
    one, two = (
        objects.convert(make_sr(measurements(group(segment_of(*numbers)))))
        for numbers in ((1,), (1, 2))
    )
    assert profiles(one.resources[1:2]) == ["imaging-measurement-group"]
    assert profiles(two.resources[1:2]) == ["none"]
