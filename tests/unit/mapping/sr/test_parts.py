"""What the children of a content item are to it."""

from imaging_selection import objects
from imaging_selection.mapping.extensions import CONCEPT_MODIFIER
from support.synthetic_reports import CASES

MAPPED = objects.convert(CASES["time_points_and_statistics"]())
GROUP, MEASUREMENT = [
    each for each in MAPPED.resources if each["resourceType"] == "Observation"
]


def modifiers(observation):
    return [
        each["extension"][0]["valueCodeableConcept"]["coding"][0]["code"]
        for each in observation["extension"]
        if each["url"] == CONCEPT_MODIFIER
    ]


def test_a_number_about_a_group_is_no_measurement():
    assert [each["reference"] for each in GROUP["hasMember"]] == [
        f"Observation/{MEASUREMENT['id']}"
    ]
    assert modifiers(GROUP) == ["C2348792", "126072", "126073", "126070", "126071"]
    order = GROUP["extension"][2]["extension"][1]["valueQuantity"]
    assert (str(order["value"]), order["code"]) == ("2", "1")


def test_what_is_said_about_a_measurement_is_a_modifier():
    expected = ["121420", "121424", "121403", "121404", "121405"]
    assert modifiers(MEASUREMENT) == expected


def test_nothing_is_left_to_the_narrative():
    assert "content-left-out" not in {each.code for each in MAPPED.findings}
