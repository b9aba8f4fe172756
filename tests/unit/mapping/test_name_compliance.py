import pytest
from imaging_selection.mapping.name_compliance import (
    Compliance,
    OtherName,
    compliance_of,
)


@pytest.mark.parametrize("name", ["Lung_L", "L_Lung", "PTVn1_5040", "CTV_High"])
def test_names_of_the_report_and_of_its_targets_comply(name):
    assert compliance_of([(name, 7)]) == Compliance(7, 7, ())


@pytest.mark.parametrize(
    ("name", "like"), [("lung_l", "Lung_L"), ("Lunge links", None), ("ptv", None)]
)
def test_any_other_name_does_not_and_what_it_is_like_is_said(name, like):
    assert compliance_of([(name, 7)]) == Compliance(7, 0, (OtherName(name, 7, like),))


def test_the_most_frequent_of_the_others_come_first():
    found = compliance_of([("a", 1), ("c", 5), ("b", 5), ("Heart", 9)])
    assert [each.name for each in found.others] == ["b", "c", "a"]
    assert (found.rois, found.complying) == (20, 9)
